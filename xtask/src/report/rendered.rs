//! The report on a render: the diffs, the state of each target, and the totals.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::{AnsiColor, Style};
use diagnostics::wording::{list, plural};
use golden::diff::{Kind, ObjectDiff, Tag};
use schemars::JsonSchema;
use serde::Serialize;
use workspace::target::TargetId;

use super::safe;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const TITLE: Style = Style::new().bold();
/// How many sources the header of a hunk shows.
const SOURCES: usize = 2;

const DIM: Style = Style::new().dimmed();

/// How many objects with the same change are listed.
const LISTED: usize = 8;

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
    /// The target whose goldens it was compared with, if the Application was renamed.
    pub former: Option<TargetId>,
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
    /// The Applications without targets, by name.
    pub unrendered: Vec<UnrenderedReport>,
    /// Whether the render was recorded as goldens.
    pub accepted: bool,
}

/// The report on an Application without targets.
#[derive(Debug)]
pub struct UnrenderedReport {
    /// Its instance name.
    pub application: String,
    /// Whether it is invalid. Otherwise, this tool does not render it.
    pub invalid: bool,
    /// Why it is not rendered.
    pub reason: String,
    /// Whether charts.toml accepts that.
    pub accepted: bool,
}

/// Formats the diffs, a line per target, and the totals.
pub(super) fn text(report: &RenderReport) -> String {
    let mut out: String = changes(report).into_iter().map(|change| change.text).collect();
    for target in &report.targets {
        if let Some(former) = &target.former {
            let counts = if target.diffs.is_empty() { "otherwise unchanged".to_owned() } else { target.counts() };
            out.push_str(&format!("{TITLE}{}{TITLE:#}: renamed from {former}, {counts}\n", target.id));
            continue;
        }
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
    for UnrenderedReport { application, invalid, reason, .. } in &report.unrendered {
        let state = if *invalid { "failed".to_owned() } else { format!("not rendered: {reason}") };
        let (application, state) = (safe::line(application), safe::line(&state));
        out.push_str(&format!("{TITLE}{application}{TITLE:#}: {state}\n"));
    }
    out.push_str(&format!("{}\n", total(report)));
    out
}

/// A change as it is printed, and the targets that have it.
#[derive(Debug)]
pub struct Change {
    /// The diff, with what it applies to.
    pub text: String,
    /// The names of the targets.
    pub targets: BTreeSet<TargetId>,
}

/// The changes of all targets; one that several objects have is printed once.
#[must_use]
pub fn changes(report: &RenderReport) -> Vec<Change> {
    let targets =
        |objects: &[Objects<'_>]| objects.iter().flat_map(|one| &one.targets).map(|id| (*id).clone()).collect();
    distinct(report).iter().map(|objects| Change { text: printed(objects), targets: targets(objects) }).collect()
}

/// A change that some objects have.
fn printed(change: &[Objects<'_>]) -> String {
    let mut out = String::new();
    let Some(Objects { targets, diff }) = change.first() else { return out };
    out.push_str(&header(targets[0], diff));
    if targets.len() > 1 {
        let others: Vec<String> = targets[1..].iter().map(ToString::to_string).collect();
        out.push_str(&format!("{DIM}also in {}{DIM:#}\n", safe::line(&others.join(", "))));
    }
    for same in change[1..].iter().take(LISTED) {
        out.push_str(&format!("{DIM}also {}{DIM:#}\n", safe::line(&same.line())));
    }
    if change.len() > LISTED + 1 {
        let rest = plural(change.len() - LISTED - 1, "other object");
        out.push_str(&format!("{DIM}also {rest}{DIM:#}\n"));
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
        out.push_str(&format!("{style}{}{style:#}", safe::text(&line)));
        let sources = hunks.get(&index).map(|added| diff.sources(added)).unwrap_or_default();
        for (index, source) in sources.iter().take(SOURCES).enumerate() {
            out.push_str(&format!("{} {DIM}{}{DIM:#}", if index == 0 { "" } else { "," }, safe::line(source)));
        }
        if sources.len() > SOURCES {
            out.push_str(&format!("{DIM}, and {} more{DIM:#}", sources.len() - SOURCES));
        }
        out.push('\n');
    }
    out.push('\n');
    out
}

/// A diff, and the targets in which the same object has it.
struct Objects<'a> {
    targets: Vec<&'a TargetId>,
    diff: &'a ObjectDiff,
}

impl Objects<'_> {
    /// The object and its targets on one line.
    fn line(&self) -> String {
        let others = match self.targets.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        format!("{} in {}{others}", self.diff.object.manifest.title(), self.targets[0])
    }
}

/// The changes, each with all objects that have the same changed lines, in the order of the first one. Only the first
/// diff of each is printed, so line numbers and context may differ.
fn distinct(report: &RenderReport) -> Vec<Vec<Objects<'_>>> {
    let mut distinct: Vec<Vec<Objects<'_>>> = Vec::new();
    let mut positions: BTreeMap<_, usize> = BTreeMap::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for target in &report.targets {
        for diff in &target.diffs {
            let changed = diff.marked().filter(|(tag, _)| !matches!(tag, Tag::Hunk | Tag::Context));
            let changed: Vec<String> = changed.map(|(_, line)| line).collect();
            let change = *positions.entry((diff.kind.word(), changed)).or_insert(distinct.len());
            if change == distinct.len() {
                distinct.push(Vec::new());
            }
            let objects = &mut distinct[change];
            let key = (change, title(diff), &diff.object.manifest.template);
            let object = *known.entry(key).or_insert(objects.len());
            match objects.get_mut(object) {
                Some(same) => same.targets.push(&target.id),
                None => objects.push(Objects { targets: vec![&target.id], diff }),
            }
        }
    }
    distinct
}

/// The totals: `4 targets: 3 fresh, 1 changed; 1 Application failed`.
#[must_use]
pub fn total(report: &RenderReport) -> String {
    let states = [State::Fresh, State::Unchanged, State::Changed, State::Failed];
    let count = |state| report.targets.iter().filter(|target| target.state == state).count();
    let word = |state: State| if report.accepted && state == State::Changed { "recorded" } else { state.word() };
    let counts = list(states.map(|state| (count(state), word(state))));
    let colon = if counts.is_empty() { "" } else { ": " };
    let failed = report.unrendered.iter().filter(|one| one.invalid).count();
    let others = [(failed, "failed"), (report.unrendered.len() - failed, "not rendered")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others: String = others.map(|(count, state)| format!("; {} {state}", plural(count, "Application"))).collect();
    format!("{}{colon}{counts}{others}", plural(report.targets.len(), "target"))
}

/// Formats a diff as plain text.
#[must_use]
pub fn unified(diff: &ObjectDiff) -> String {
    let lines: String = diff.marked().map(|(_, line)| format!("{line}\n")).collect();
    format!("{} {}\n{lines}", diff.kind.word(), diff.object.manifest.title())
}

fn header(id: &TargetId, diff: &ObjectDiff) -> String {
    let template = &diff.object.manifest.template;
    let template = if template.is_empty() { String::new() } else { format!("  {}", safe::line(template)) };
    format!("{TITLE}{id}: {}{TITLE:#}{DIM}{template}{DIM:#}\n", safe::line(&title(diff)))
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
