//! The contents of a Markdown report, most important first.

use std::collections::BTreeMap;

use diagnostics::excerpt::excerpt;
use diagnostics::wording::plural;
use diagnostics::{Class, Severity};
use golden::diff::{Kind, Tag};
use kubernetes::change::effect::Effect;
use workspace::target::{DEFAULT_CASE, TargetId};

use super::block::Block;
use super::escape::{cell, code, html_code, html_message, message};
use crate::report::model::{
    self, Action, ApplicationChange, ApplicationKind, Bump, Finding, Known, NotRendered, ObjectChange, Report, Status,
    Validity,
};
use crate::report::{snippet, visible};

/// How many sources the header of a hunk names.
const SOURCES: usize = 3;

/// Up to this many findings are shown with their snippets open.
const OPEN: usize = 3;

/// All blocks of a report.
#[must_use]
pub(super) fn blocks(report: &Report) -> Vec<Block> {
    let mut blocks = vec![Block::Text(counts(report))];
    blocks.extend(dangers(report));
    blocks.extend(findings(report));
    blocks.extend(bumps(report));
    let mut all: Vec<&ApplicationChange> = report.applications.iter().collect();
    all.sort_by(|one, other| (other.severity(), &one.name).cmp(&(one.severity(), &other.name)));
    blocks.extend(applications(&all));
    blocks.extend(not_rendered(report));
    blocks.extend(all.into_iter().map(application));
    blocks
}

/// The counts, in one line.
fn counts(report: &Report) -> String {
    let changed = report.applications.len();
    let all = changed + report.unchanged;
    let mut parts = Vec::new();
    parts.push(match changed {
        0 if all == 0 => "no Application is compared".to_owned(),
        0 => format!("none of {} changes", plural(all, "Application")),
        1 => format!("1 of {} changes", plural(all, "Application")),
        _ => format!("{changed} of {} change", plural(all, "Application")),
    });
    if !report.not_rendered.is_empty() {
        parts.push(format!("{} not compared", report.not_rendered.len()));
    }
    let effects = |severity| {
        let failed = |one: &&ApplicationChange| matches!(one.kind, ApplicationKind::Failed { .. });
        let failed = if severity == Severity::Blocker { report.applications.iter().filter(failed).count() } else { 0 };
        failed + report.effects().filter(|(_, _, effect)| effect.severity == severity).count()
    };
    for severity in [Severity::Blocker, Severity::Caution] {
        let count = effects(severity);
        if count > 0 {
            parts.push(format!("{} {}", sign(severity), plural(count, severity.word())));
        }
    }
    let objects: Vec<&ObjectChange> = report.applications.iter().flat_map(|one| &one.objects).collect();
    if !objects.is_empty() {
        parts.push(format!("{}: {}", plural(objects.len(), "object"), model::counts(objects.iter().copied())));
    }
    let current = report.findings.iter().filter(|finding| finding.status != Some(Status::Fixed));
    let (errors, warnings): (Vec<&Finding>, Vec<&Finding>) = current.partition(|finding| is_error(finding));
    for (found, word) in [(errors, "error"), (warnings, "warning")] {
        if !found.is_empty() {
            parts.push(plural(found.len(), word));
        }
    }
    if matches!(report.validity, Validity::Checked { .. }) {
        parts.extend(report.validity.describe());
    }
    format!("**{}**", parts.join(" · "))
}

/// A sign that is seen at a glance. The word always stands beside it.
fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "🔴",
        Severity::Caution => "🟠",
        Severity::Notice => "🔵",
        Severity::Routine => "⚪",
    }
}

/// Blockers and cautions.
fn dangers(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (severity, alert) in [(Severity::Blocker, "CAUTION"), (Severity::Caution, "WARNING")] {
        let mut items = Vec::new();
        if severity == Severity::Blocker {
            for one in &report.applications {
                if let ApplicationKind::Failed { reason } = &one.kind {
                    let reason = message(&excerpt(reason));
                    items.push(format!("> - {}: cannot be rendered: {reason}", name(&one.name)));
                }
            }
        }
        for (one, object, effect) in report.effects().filter(|(_, _, effect)| effect.severity == severity) {
            let title = object.map(|object| format!(", {}", name(&object.diff.object.manifest.title())));
            let text = effect_text(effect);
            items.push(format!("> - {}{}: {text}", name(&one.name), title.unwrap_or_default()));
        }
        if !items.is_empty() {
            let title = plural(items.len(), severity.word());
            blocks.push(Block::List { head: format!("> [!{alert}]\n> **{title}**\n>\n"), items });
        }
    }
    blocks
}

/// The name of an Application, or of something else that has one.
fn name(name: &str) -> String {
    code(&excerpt(name))
}

/// The findings: what is new is listed, what the base has, too, is folded.
fn findings(report: &Report) -> Vec<Block> {
    let with = |wanted: &[Option<Status>]| -> Vec<&Finding> {
        report.findings.iter().filter(|finding| wanted.contains(&finding.status)).collect()
    };
    let mut blocks = Vec::new();
    let new = with(&[None, Some(Status::New)]);
    if !new.is_empty() {
        blocks.push(Block::Text("### Findings".to_owned()));
        blocks.extend(new.iter().map(|finding| finding_fold(finding, new.len() <= OPEN)));
    }
    let (failing, existing): (Vec<&Finding>, Vec<&Finding>) =
        with(&[Some(Status::Existing)]).into_iter().partition(|finding| report.command == "ci" && is_error(finding));
    if !failing.is_empty() {
        blocks.push(Block::Text("### Findings that the base has, too".to_owned()));
        blocks.extend(failing.iter().map(|finding| finding_fold(finding, new.is_empty() && failing.len() <= OPEN)));
    }
    for (found, title) in [(existing, "that the base has, too"), (with(&[Some(Status::Fixed)]), "fixed")] {
        if !found.is_empty() {
            let summary = format!("{} {title}", plural(found.len(), "finding"));
            let items = found.iter().map(|finding| format!("- {}", finding_line(finding))).collect();
            let list = Block::List { head: String::new(), items };
            blocks.push(Block::Fold { summary, open: false, blocks: vec![list] });
        }
    }
    blocks
}

/// Whether a finding fails the run.
fn is_error(finding: &Finding) -> bool {
    finding.diagnostic.code.class() > Class::Warning
}

fn finding_fold(finding: &Finding, open: bool) -> Block {
    let found = &finding.diagnostic;
    let level = if found.code.class() == Class::Warning { "warning" } else { "error" };
    let target = found.target.as_ref().map(|target| format!("{}: ", html_code(target))).unwrap_or_default();
    let text = html_message(&excerpt(&found.message));
    let summary = format!("<b>{level}</b> {}: {target}{text}", html_code(found.code.name()));
    let lines = snippet::plain(found).lines().map(|line| visible::lines(line).into_owned()).collect();
    let blocks = vec![Block::Fence { language: "text", lines }];
    Block::Fold { summary, open, blocks }
}

fn finding_line(finding: &Finding) -> String {
    let found = &finding.diagnostic;
    let target = found.target.as_ref().map(|target| format!("{}: ", name(target))).unwrap_or_default();
    let place = found.places.first().map(|(place, _)| format!(", {}", code(&place.to_string()))).unwrap_or_default();
    format!("{}: {target}{}{place}", code(found.code.name()), message(&excerpt(&found.message)))
}

/// The images and charts with another version, each once.
fn bumps(report: &Report) -> Option<Block> {
    let mut all: BTreeMap<&Bump, Vec<&str>> = BTreeMap::new();
    for one in &report.applications {
        for bump in &one.bumps {
            all.entry(bump).or_default().push(&one.name);
        }
    }
    let row = |(bump, applications): (&Bump, Vec<&str>)| {
        let kind = if bump.chart { "chart" } else { "image" };
        let major = if bump.major { " **major**" } else { "" };
        let applications: Vec<String> = applications.into_iter().map(name).collect();
        let cells = [name(&bump.name), name(&bump.from), format!("{}{major}", name(&bump.to)), applications.join(", ")];
        format!("| {kind} | {} |", cells.map(|text| cell(&text)).join(" | "))
    };
    let rows: Vec<String> = all.into_iter().map(row).collect();
    let head = "| | name | from | to | Applications |\n|---|---|---|---|---|\n".to_owned();
    (!rows.is_empty()).then_some(Block::Table { head, rows })
}

/// The table of Applications.
fn applications(all: &[&ApplicationChange]) -> Option<Block> {
    let row = |one: &&ApplicationChange| {
        let severity = one.severity();
        let what = what(one, name);
        let cells = [name(&one.name), what, actions(one)].map(|text| cell(&text));
        format!("| {} {severity} | {} |", sign(severity), cells.join(" | "))
    };
    let rows: Vec<String> = all.iter().map(row).collect();
    let head = "| severity | Application | objects | what Argo CD does |\n|---|---|---|---|\n".to_owned();
    (!rows.is_empty()).then_some(Block::Table { head, rows })
}

/// What is not compared, and why.
fn not_rendered(report: &Report) -> Option<Block> {
    let known = |known: &Known| match known {
        Known::Absent => "absent".to_owned(),
        Known::Rendered => "rendered".to_owned(),
        Known::Not { reason } => message(&excerpt(reason)),
    };
    let row = |one: &NotRendered| {
        let cells = [name(&one.name), known(&one.base), known(&one.head)];
        format!("| {} |", cells.map(|text| cell(&text)).join(" | "))
    };
    let rows: Vec<String> = report.not_rendered.iter().map(row).collect();
    let head = "| not compared | base | head |\n|---|---|---|\n".to_owned();
    (!rows.is_empty()).then_some(Block::Table { head, rows })
}

/// What becomes of an Application. `former` writes the name that it had.
fn what(one: &ApplicationChange, former: impl Fn(&str) -> String) -> String {
    let (first, rest) = match &one.kind {
        ApplicationKind::Failed { .. } => return "cannot be rendered".to_owned(),
        ApplicationKind::Added => ("new Application".to_owned(), plural(one.objects.len(), "object")),
        ApplicationKind::Removed => ("removed Application".to_owned(), plural(one.objects.len(), "object")),
        ApplicationKind::Moved { from } => (format!("was {}", former(from)), objects(one)),
        ApplicationKind::Changed => (String::new(), objects(one)),
    };
    [first, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The number of changed objects by the kind of their change.
fn objects(one: &ApplicationChange) -> String {
    model::counts(&one.objects)
}

/// What Argo CD does with the objects: `update 2, delete 1`.
fn actions(one: &ApplicationChange) -> String {
    let all = [Action::Replace, Action::Prune, Action::Create, Action::Update, Action::Hook, Action::Leave];
    let applied = || one.objects.iter().filter(|object| object.is_applied());
    let counts = all.map(|action| (applied().filter(|object| object.action == action).count(), action.word()));
    let parts = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{word} {count}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// The fold of an Application.
fn application(one: &ApplicationChange) -> Block {
    let severity = one.severity();
    let mut blocks = Vec::new();
    if let ApplicationKind::Failed { reason } = &one.kind {
        blocks.push(Block::Text(format!("Cannot be rendered: {}", message(&excerpt(reason)))));
    }
    let what = what(one, |former| html_code(&excerpt(former)));
    let namespace =
        if one.namespace.is_empty() { String::new() } else { format!("namespace {}", code(&one.namespace)) };
    let facts = [namespace, code(&one.file)].into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>();
    if !facts.is_empty() {
        blocks.push(Block::Text(facts.join(" · ")));
    }
    blocks.extend(effects(&one.effects));
    if !one.hooks.is_empty() {
        let hooks: Vec<String> = one.hooks.iter().map(|hook| name(hook)).collect();
        blocks.push(Block::Text(format!("The sync runs {}: {}", plural(hooks.len(), "hook"), hooks.join(", "))));
    }
    let (applied, cases): (Vec<&ObjectChange>, Vec<&ObjectChange>) =
        one.objects.iter().partition(|object| object.is_applied());
    for same in alike(&applied) {
        blocks.extend(object(same[0], &same[1..]));
    }
    if !cases.is_empty() {
        blocks.push(Block::Text("**Only in cases**, which Argo CD does not apply:".to_owned()));
        for same in alike(&cases) {
            blocks.extend(object(same[0], &same[1..]));
        }
    }
    let summary = format!("{} <b>{}</b>: {what}", sign(severity), html_code(&excerpt(&one.name)));
    Block::Fold { summary, open: false, blocks }
}

/// The objects in their order, those together that have the same changed lines and no effects, such as another version in
/// their labels.
fn alike<'a>(objects: &[&'a ObjectChange]) -> Vec<Vec<&'a ObjectChange>> {
    let mut groups: Vec<Vec<&ObjectChange>> = Vec::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for one in objects {
        let plain = one.effects.is_empty() && one.diff.kind == Kind::Modified;
        let lines: Vec<_> = one.diff.changed().map(|(tag, line)| (tag == Tag::Added, line)).collect();
        let key = (lines, one.action.word(), &one.reason, &one.targets);
        if let Some(group) = known.get(&key).filter(|_| plain) {
            groups[*group].push(one);
            continue;
        }
        if plain {
            known.insert(key, groups.len());
        }
        groups.push(vec![one]);
    }
    groups
}

/// An object: its title, what the change does, the diff, and other objects with the same one.
fn object(change: &ObjectChange, others: &[&ObjectChange]) -> Vec<Block> {
    let diff = &change.diff;
    let title = diff.object.manifest.title();
    let previous = diff.previous.as_ref().filter(|_| diff.kind == Kind::Renamed);
    let previous = previous.map(|old| format!(" (was {})", code(&old.manifest.title()))).unwrap_or_default();
    let template = &diff.object.manifest.template;
    let template = if template.is_empty() { String::new() } else { format!(" · {}", code(template)) };
    let reason = change.reason.as_deref().map(|reason| format!(", {}", message(&excerpt(reason)))).unwrap_or_default();
    let action =
        if change.is_applied() { format!(" · Argo CD: {}{reason}", action(change.action)) } else { String::new() };
    let severity = change.severity();
    let head = format!(
        "{} **{}** {}{previous}{action}{template}{}",
        sign(severity),
        diff.kind.word(),
        code(&excerpt(&title)),
        also_in(&change.targets)
    );
    let mut blocks = vec![Block::Text(head)];
    blocks.extend(effects(&change.effects));
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|one| code(&excerpt(&one.diff.object.manifest.title()))).collect();
        blocks.push(Block::List {
            head: "The same lines change in:\n\n".to_owned(),
            items: names.iter().map(|name| format!("- {name}")).collect(),
        });
    }
    let hunks: BTreeMap<usize, Vec<usize>> = diff.added().into_iter().collect();
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for (index, (tag, line)) in diff.marked().enumerate() {
        if tag == Tag::Note {
            notes.push(Block::Text(message(&line)));
            continue;
        }
        let sources = hunks.get(&index).map(|added| diff.sources(added)).unwrap_or_default();
        let mut line = visible::lines(&line).into_owned();
        for (index, source) in sources.iter().take(SOURCES).enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            line.push_str(&format!("{separator}{}", visible::line(source)));
        }
        if sources.len() > SOURCES {
            line.push_str(&format!(", and {} more", sources.len() - SOURCES));
        }
        lines.push(line);
    }
    if !lines.is_empty() {
        blocks.push(Block::Fence { language: "diff", lines });
    }
    blocks.extend(notes);
    blocks
}

/// The list of effects.
fn effects(effects: &[Effect]) -> Option<Block> {
    let item = |effect: &Effect| format!("- {} {}: {}", sign(effect.severity), effect.severity, effect_text(effect));
    let items: Vec<String> = effects.iter().map(item).collect();
    (!items.is_empty()).then_some(Block::List { head: String::new(), items })
}

fn effect_text(effect: &Effect) -> String {
    let help = effect.help.as_deref().map(|help| format!("; {}", message(&excerpt(help)))).unwrap_or_default();
    format!("{}{help} ({})", message(&excerpt(&effect.message)), code(effect.code.name()))
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Nothing => "does nothing",
        Action::Leave => "leaves it in the cluster",
        Action::Hook => "runs it as a hook",
        other => other.word(),
    }
}

fn also_in(targets: &[TargetId]) -> String {
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let case = |target: &&TargetId| target.case == DEFAULT_CASE;
    match (targets.iter().find(case), names.as_slice()) {
        (_, []) | (Some(_), [_]) => String::new(),
        (Some(own), _) => {
            let own = own.to_string();
            let others: Vec<String> = names.iter().filter(|name| **name != own).map(|name| code(name)).collect();
            format!(" · also in {}", others.join(", "))
        }
        (None, names) => format!(" · in {}", names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")),
    }
}
