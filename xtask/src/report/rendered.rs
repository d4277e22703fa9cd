//! The report on a render: the diffs, the state of each target, and the totals.

use std::collections::BTreeSet;

use anstyle::Style;
use diagnostics::wording::{list, plural};
use golden::diff::{Kind, ObjectDiff};
use schemars::JsonSchema;
use serde::Serialize;
use workspace::target::TargetId;

use super::diff_lines::{self, distinct, heading, lines};
use super::safe;

const TITLE: Style = Style::new().bold();

/// How to see the lines that are not printed.
const WHOLE: &str = "`--output DIR` writes the whole object";

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
    /// Whether it has no goldens yet.
    pub first: bool,
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
    format!("{}{}\n", differences_of(report, |_| true), total(report))
}

/// Formats the diffs, and a line per target that differs or failed.
#[must_use]
pub fn differences(report: &RenderReport) -> String {
    differences_of(report, |target| matches!(target.state, State::Changed | State::Failed))
}

/// Formats the diffs, a line per selected target, and one per Application without targets.
fn differences_of(report: &RenderReport, selects: impl Fn(&TargetReport) -> bool) -> String {
    let mut out: String = changes(report).into_iter().map(|change| change.text).collect();
    for target in report.targets.iter().filter(|target| selects(target)) {
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

/// The changes of all targets; one that several objects have is printed once. The objects of targets that are recorded for
/// the first time are left out: they are whole, and the goldens contain them.
#[must_use]
pub fn changes(report: &RenderReport) -> Vec<Change> {
    let shown = report.targets.iter().filter(|target| !(report.accepted && target.first));
    let all = shown.flat_map(|target| {
        let keyed = |diff| diff_lines::Change { target: &target.id, diff, key: String::new(), about: () };
        target.diffs.iter().map(keyed)
    });
    let printed = distinct(all).into_iter().map(|objects| Change {
        text: format!("{}{}\n", heading(&objects), lines(objects[0].diff, WHOLE)),
        targets: objects.iter().flat_map(|one| &one.targets).map(|id| (*id).clone()).collect(),
    });
    printed.collect()
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
    let lines: String = diff.shortened(WHOLE).into_iter().map(|(_, line)| format!("{line}\n")).collect();
    format!("{} {}\n{lines}", diff.kind.word(), diff.object.manifest.title())
}
