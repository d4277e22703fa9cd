//! The report on a render: the diffs, the state of each target, and the totals.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use diagnostics::wording::{list, plural};
use golden::diff::{Kind, ObjectDiff, Tag};
use schemars::JsonSchema;
use serde::Serialize;
use workspace::plan::TargetId;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const TITLE: Style = Style::new().bold();
/// How many sources the header of a hunk shows.
const SOURCES: usize = 2;

const DIM: Style = Style::new().dimmed();

/// The state of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its inputs and goldens are unchanged, so it was not rendered.
    Fresh,
    /// Its render equals its goldens.
    Unchanged,
    /// Its render differs from its goldens.
    Changed,
    /// It could not be rendered.
    Failed,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

/// The report on one target.
#[derive(Debug)]
pub struct TargetReport {
    /// Its name.
    pub id: TargetId,
    /// Its state.
    pub state: State,
    /// The reasons for rendering it.
    pub reasons: Vec<String>,
    /// The number of rendered objects, if it was rendered.
    pub objects: Option<usize>,
    /// The diffs of its objects.
    pub diffs: Vec<ObjectDiff>,
}

impl TargetReport {
    /// The number of diffs by kind: `1 modified, 2 added`.
    #[must_use]
    pub fn counts(&self) -> String {
        let kinds = [Kind::Modified, Kind::Renamed, Kind::Added, Kind::Removed];
        let count = |kind| self.diffs.iter().filter(|diff| diff.kind == kind).count();
        let counts = kinds.map(|kind| (count(kind), kind.word()));
        list(counts)
    }
}

/// The report on a render.
#[derive(Debug)]
pub struct RenderReport {
    /// The Argo CD release that was reproduced.
    pub argocd: &'static str,
    /// The Helm version of that release.
    pub helm: &'static str,
    /// All targets, ordered by name.
    pub targets: Vec<TargetReport>,
    /// Whether the render was recorded as goldens.
    pub accepted: bool,
}

/// Formats the diffs, a line per target, and the totals.
pub(super) fn text(report: &RenderReport) -> String {
    let mut out = String::new();
    for (targets, diff) in distinct(report) {
        out.push_str(&header(targets[0], diff));
        if targets.len() > 1 {
            let others: Vec<String> = targets[1..].iter().map(ToString::to_string).collect();
            out.push_str(&format!("{DIM}also in {}{DIM:#}\n", others.join(", ")));
        }
        let hunks: BTreeMap<usize, Vec<usize>> = diff.added().into_iter().collect();
        for (index, (tag, line)) in diff.marked().enumerate() {
            let style = match tag {
                Tag::Context => Style::new(),
                Tag::Added => ADDED,
                Tag::Removed => REMOVED,
                Tag::Hunk => HUNK,
                Tag::Note => NOTE,
            };
            out.push_str(&format!("{style}{line}{style:#}"));
            let sources = hunks.get(&index).map(|added| diff.sources(added)).unwrap_or_default();
            for (index, source) in sources.iter().take(SOURCES).enumerate() {
                out.push_str(&format!("{} {DIM}{source}{DIM:#}", if index == 0 { "" } else { "," }));
            }
            if sources.len() > SOURCES {
                out.push_str(&format!("{DIM}, and {} more{DIM:#}", sources.len() - SOURCES));
            }
            out.push('\n');
        }
        out.push('\n');
    }
    for target in &report.targets {
        match target.state {
            // Without diffs, only an orphaned golden is left to remove.
            State::Changed if !target.diffs.is_empty() => {
                out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", target.id, target.counts()));
            }
            State::Failed => out.push_str(&format!("{TITLE}{}{TITLE:#}: failed\n", target.id)),
            State::Fresh | State::Unchanged | State::Changed => {
                out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", target.id, target.state.word()));
            }
        }
    }
    out.push_str(&format!("{}\n", total(report)));
    out
}

/// The diffs, each with the targets that share it, in the order of the first one. Only the first diff is printed, so line
/// numbers and context may differ.
fn distinct(report: &RenderReport) -> Vec<(Vec<&TargetId>, &ObjectDiff)> {
    let mut distinct: Vec<(Vec<&TargetId>, &ObjectDiff)> = Vec::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for target in &report.targets {
        for diff in &target.diffs {
            let changed = diff.marked().filter(|(tag, _)| !matches!(tag, Tag::Hunk | Tag::Context));
            let changed: Vec<String> = changed.map(|(_, line)| line).collect();
            let key = (title(diff), &diff.object.manifest.template, changed);
            let index = *known.entry(key).or_insert(distinct.len());
            match distinct.get_mut(index) {
                Some((targets, _)) => targets.push(&target.id),
                None => distinct.push((vec![&target.id], diff)),
            }
        }
    }
    distinct
}

/// The totals: `4 targets: 3 fresh, 1 changed`.
#[must_use]
pub fn total(report: &RenderReport) -> String {
    let states = [State::Fresh, State::Unchanged, State::Changed, State::Failed];
    let count = |state| report.targets.iter().filter(|target| target.state == state).count();
    let word = |state: State| if report.accepted && state == State::Changed { "recorded" } else { state.word() };
    let counts = list(states.map(|state| (count(state), word(state))));
    let colon = if counts.is_empty() { "" } else { ": " };
    format!("{}{colon}{counts}", plural(report.targets.len(), "target"))
}

/// Formats a diff as plain text.
#[must_use]
pub fn unified(diff: &ObjectDiff) -> String {
    let lines: String = diff.marked().map(|(_, line)| format!("{line}\n")).collect();
    format!("{} {}\n{lines}", diff.kind.word(), diff.object.manifest.title())
}

fn header(id: &TargetId, diff: &ObjectDiff) -> String {
    let template = &diff.object.manifest.template;
    let template = if template.is_empty() { String::new() } else { format!("  {template}") };
    format!("{TITLE}{id}: {}{TITLE:#}{DIM}{template}{DIM:#}\n", title(diff))
}

/// The kind of the change, the object, and what it was before: `renamed Service shop/web (was Service shop/old)`.
fn title(diff: &ObjectDiff) -> String {
    let from = match (&diff.previous, diff.kind) {
        (Some(previous), Kind::Renamed) => format!(" (was {})", previous.manifest.title()),
        (Some(previous), _) if previous.file != diff.object.file => format!(" (golden was {})", previous.file),
        _ => String::new(),
    };
    format!("{} {}{from}", diff.kind.word(), diff.object.manifest.title())
}
