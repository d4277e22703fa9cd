//! The report of `diff` on a terminal.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::{AnsiColor, Style};
use diagnostics::Severity;
use diagnostics::wording::{list, plural};
use golden::diff::Kind;
use kubernetes::change::effect::Effect;

use super::diff_lines::{Change, distinct, heading, lines};
use super::model::{
    Action, ApplicationChange, ApplicationKind, Known, NotRendered, ObjectChange, Report, Side, Validity,
};
use super::safe;

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();

/// How to see the lines that are not printed.
const WHOLE: &str = "`--format json` prints all of them";

/// How differences are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum View {
    /// The lines that differ.
    #[default]
    Unified,
    /// The fields that differ, compared by meaning.
    Semantic,
}

/// Formats the changes, a line for each Application that changes, and the totals.
#[must_use]
pub fn text(report: &Report, view: View) -> String {
    let mut out = String::new();
    let all = || report.applications.iter().flat_map(|application| &application.objects);
    out.push_str(&objects(all().filter(|one| one.is_applied()), view));
    let cases: Vec<&ObjectChange> = all().filter(|one| !one.is_applied()).collect();
    if !cases.is_empty() {
        out.push_str(&format!("{TITLE}Only in other cases, which are not deployed:{TITLE:#}\n\n"));
        out.push_str(&objects(cases.into_iter(), view));
    }
    out.push_str(&bumps(report));
    for application in &report.applications {
        let about = format!("{}: ", application.name);
        out.extend(application.effects.iter().map(|one| effect(&about, one)));
    }
    for application in &report.applications {
        out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", application.name, summary(application)));
    }
    for one in &report.not_rendered {
        out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", one.name, not_rendered(one, report)));
    }
    match &report.validity {
        Validity::Checked { .. } => out.extend(report.validity.describe().map(|text| format!("{text}\n"))),
        // The reports say why; without them, this run did not need a validation.
        Validity::Unknown { .. } => {}
    }
    out.push_str(&format!("{}\n", total(report)));
    out
}

/// The totals: `main → the checkout: 4 Applications: 1 changed, 3 unchanged`.
#[must_use]
pub fn total(report: &Report) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for application in &report.applications {
        *counts.entry(word(&application.kind)).or_default() += 1;
    }
    counts.insert("unchanged", report.unchanged);
    let applications: BTreeSet<&str> =
        report.not_rendered.iter().map(|one| one.name.as_str()).filter(|name| !name.contains('/')).collect();
    counts.insert("not rendered", applications.len());
    let order = ["changed", "added", "removed", "renamed", "failed", "not rendered", "unchanged"];
    let counts = order.map(|word| (counts.get(word).copied().unwrap_or_default(), word));
    let all = counts.iter().map(|(count, _)| count).sum();
    let counts = list(counts);
    let colon = if counts.is_empty() { "" } else { ": " };
    let (base, head) = (side(&report.base, &report.head), side(&report.head, &report.base));
    format!("{base} → {head}: {}{colon}{counts}", plural(all, "Application"))
}

/// The name of a side, with its Argo CD release if that of the other side differs.
fn side(side: &Side, other: &Side) -> String {
    if side.argocd == other.argocd { side.name.clone() } else { format!("{} (Argo CD {})", side.name, side.argocd) }
}

fn objects<'a>(changes: impl Iterator<Item = &'a ObjectChange>, view: View) -> String {
    let mut out = String::new();
    let changes = changes.flat_map(|one| {
        let key = format!("{:?} {:?} {:?}", one.action, one.reason, one.effects);
        one.targets.iter().map(move |target| Change { target, diff: &one.diff, key: key.clone(), about: one })
    });
    for change in distinct(changes) {
        out.push_str(&heading(&change));
        let one = change[0].about;
        out.push_str(&judgment(one));
        match view {
            View::Unified => out.push_str(&lines(&one.diff, WHOLE)),
            View::Semantic => out.push_str(&fields(one)),
        }
        out.push('\n');
    }
    out
}

/// What Argo CD does, where that is not plain, and what follows from it.
fn judgment(change: &ObjectChange) -> String {
    let mut out = String::new();
    let plain = match change.diff.kind {
        Kind::Added | Kind::Renamed => Action::Create,
        Kind::Removed => Action::Prune,
        Kind::Modified => Action::Update,
    };
    if change.action != plain || change.reason.is_some() {
        let reason = change.reason.as_ref().map(|reason| format!("; {}", safe::line(reason))).unwrap_or_default();
        out.push_str(&format!("{DIM}Argo CD: {}{reason}{DIM:#}\n", change.action.word()));
    }
    out.extend(change.effects.iter().map(|one| effect("", one)));
    out
}

/// An effect, after the name of what it is about.
fn effect(about: &str, effect: &Effect) -> String {
    let Effect { severity, code, message, help, .. } = effect;
    let style = style(*severity);
    let help = help.as_ref().map(|help| format!("  {DIM}= help:{DIM:#} {}\n", safe::text(help))).unwrap_or_default();
    format!("{style}{severity}[{}]{style:#}: {about}{}\n{help}", code.name(), safe::text(message))
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Blocker => AnsiColor::Red.on_default().bold(),
        Severity::Caution => AnsiColor::Yellow.on_default().bold(),
        Severity::Notice => AnsiColor::Cyan.on_default().bold(),
        Severity::Routine => DIM,
    }
}

/// The fields that differ; the lines of an object that only one side has.
fn fields(change: &ObjectChange) -> String {
    if matches!(change.diff.kind, Kind::Added | Kind::Removed) {
        return lines(&change.diff, WHOLE);
    }
    if change.fields.is_empty() {
        return format!("{DIM}only comments, the order of keys, or the notation differ{DIM:#}\n");
    }
    let mut out = String::new();
    for field in &change.fields {
        out.push_str(&format!("  {}\n", safe::line(&field.path)));
        let mut value = |style: Style, marker: char, text: &Option<String>| {
            for line in text.iter().flat_map(|text| text.lines()) {
                out.push_str(&format!("{style}    {marker} {}{style:#}\n", safe::line(line)));
            }
        };
        value(OLD, '-', &field.before);
        value(NEW, '+', &field.after);
    }
    out
}

/// The images and charts with another version, each with the Applications that use it.
fn bumps(report: &Report) -> String {
    let mut all: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for application in &report.applications {
        for bump in &application.bumps {
            all.entry(bump).or_default().push(&application.name);
        }
    }
    let mut out = String::new();
    for (bump, applications) in &all {
        let what = if bump.chart { "chart" } else { "image" };
        let major = if bump.major { ", a major version" } else { "" };
        let [name, from, to] = [&bump.name, &bump.from, &bump.to].map(|text| safe::line(text));
        out.push_str(&format!(
            "{TITLE}{what} {name}{TITLE:#}: {from} → {to}{major}  {DIM}{}{DIM:#}\n",
            applications.join(", ")
        ));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn word(kind: &ApplicationKind) -> &'static str {
    match kind {
        ApplicationKind::Added => "added",
        ApplicationKind::Removed => "removed",
        ApplicationKind::Moved { .. } => "renamed",
        ApplicationKind::Changed => "changed",
        ApplicationKind::Failed { .. } => "failed",
    }
}

/// What becomes of an Application: `2 modified, 1 added; caution`.
fn summary(application: &ApplicationChange) -> String {
    let kinds = [Kind::Modified, Kind::Renamed, Kind::Added, Kind::Removed];
    let deployed = || application.objects.iter().filter(|one| one.is_applied());
    let count = |kind| deployed().filter(|one| one.diff.kind == kind).count();
    let counts = match list(kinds.map(|kind| (count(kind), kind.word()))) {
        counts if !counts.is_empty() => counts,
        _ if application.objects.is_empty() => "otherwise unchanged".to_owned(),
        _ => "only cases".to_owned(),
    };
    let mut out = match &application.kind {
        ApplicationKind::Added => format!("added, {}", plural(application.objects.len(), "object")),
        ApplicationKind::Removed => format!("removed, {}", plural(application.objects.len(), "object")),
        ApplicationKind::Moved { from } => format!("renamed from {from}, {counts}"),
        ApplicationKind::Changed => counts,
        ApplicationKind::Failed { reason } => return format!("failed: {}", safe::line(reason)),
    };
    let severity = application.severity();
    if severity > Severity::Routine {
        let style = style(severity);
        out.push_str(&format!("; {style}{severity}{style:#}"));
    }
    if !application.hooks.is_empty() {
        out.push_str(&format!("; hooks: {}", application.hooks.join(", ")));
    }
    out
}

fn not_rendered(one: &NotRendered, report: &Report) -> String {
    let side = |known: &Known, name: &str| match known {
        Known::Absent => format!("does not exist in {name}"),
        Known::Rendered => format!("rendered in {name}"),
        Known::Not { reason } => format!("not rendered in {name}: {}", safe::line(reason)),
    };
    match (&one.base, &one.head) {
        (Known::Not { reason }, head) if *head == one.base => format!("not rendered: {}", safe::line(reason)),
        (base, head) => format!("{}; {}", side(head, &report.head.name), side(base, &report.base.name)),
    }
}
