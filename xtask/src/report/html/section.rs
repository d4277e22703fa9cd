//! The section of an Application, with its objects.

use std::collections::{BTreeMap, HashMap};

use diagnostics::Severity;
use golden::diff::{Kind, Tag};
use kubernetes::change::effect::Effect;
use maud::{Markup, html};
use serde_json::json;
use workspace::target::DEFAULT_CASE;

use crate::report::model::{self, Action, ApplicationChange, ApplicationKind, ObjectChange};
use crate::report::visible;

/// The anchor of an Application.
#[must_use]
pub(super) fn application_id(index: usize) -> String {
    format!("a{}", index + 1)
}

/// The anchor of an object.
#[must_use]
pub(super) fn object_id(application: usize, index: usize) -> String {
    format!("a{}-{}", application + 1, index + 1)
}

/// The word for a severity, on its color.
#[must_use]
pub(super) fn badge(severity: Severity) -> Markup {
    html! { span class=(format!("badge {severity}")) { (severity) } }
}

/// A message, in which names are in backticks.
#[must_use]
pub(super) fn message(text: &str) -> Markup {
    let text = visible::line(text);
    // With an odd number of backticks, the last one is a character like any other.
    let paired = text.matches('`').count().is_multiple_of(2);
    html! {
        @if paired {
            @for (index, piece) in text.split('`').enumerate() {
                @if index % 2 == 1 { code { (piece) } } @else { (piece) }
            }
        } @else { (text) }
    }
}

/// An Application.
#[must_use]
pub(super) fn application(one: &ApplicationChange, index: usize, open: bool) -> Markup {
    html! {
        details.application id=(application_id(index)) data-application=(visible::line(&one.name)) data-severity=(one.severity())
            open[open] {
            summary {
                h2 { (visible::line(&one.name)) }
                (badge(one.severity()))
                @match &one.kind {
                    ApplicationKind::Added => span.what { "new Application" },
                    ApplicationKind::Removed => span.what { "removed Application" },
                    ApplicationKind::Moved { from } => span.what { "was " code { (visible::line(from)) } },
                    ApplicationKind::Failed { .. } => span.what { "cannot be rendered" },
                    ApplicationKind::Changed => {}
                }
                span.muted { (model::counts(&one.objects)) }
            }
            p.facts {
                @if !one.namespace.is_empty() { "namespace " code { (visible::line(&one.namespace)) } " · " }
                code { (visible::line(&one.file)) }
                @if !one.hooks.is_empty() { " · the sync runs " (visible::line(&one.hooks.join(", "))) }
            }
            @if let ApplicationKind::Failed { reason } = &one.kind { p.failed { (message(reason)) } }
            (effects(&one.effects))
            @for (number, change) in one.objects.iter().enumerate() { (object(change, &object_id(index, number))) }
        }
    }
}

fn object(change: &ObjectChange, id: &str) -> Markup {
    let diff = &change.diff;
    let manifest = &diff.object.manifest;
    let previous = diff.previous.as_ref().filter(|_| diff.kind == Kind::Renamed);
    let applied = change.is_applied();
    let others: Vec<String> = change
        .targets
        .iter()
        .filter(|target| !applied || target.case != DEFAULT_CASE)
        .map(|target| visible::line(&target.to_string()).into_owned())
        .collect();
    html! {
        details.object id=(id) data-kind=(visible::line(&manifest.key.kind)) data-severity=(change.severity()) open {
            summary {
                span class=(format!("kind {}", diff.kind.word())) { (diff.kind.word()) }
                h3 { (visible::line(&manifest.title())) }
                @if let Some(previous) = previous {
                    span.muted { "was " (visible::line(&previous.manifest.title())) }
                }
                @if change.severity() > Severity::Routine { (badge(change.severity())) }
                span.action {
                    (if applied { action(change.action) } else { "only in cases" })
                    @if let Some(reason) = change.reason.as_ref().filter(|_| applied) { ", " (message(reason)) }
                }
            }
            @if !manifest.template.is_empty() || !others.is_empty() {
                p.facts {
                    code { (visible::line(&manifest.template)) }
                    @if !others.is_empty() { " · " (if applied { "also in " } else { "in " }) (others.join(", ")) }
                }
            }
            (effects(&change.effects))
            (lines(change))
            @if !change.fields.is_empty() {
                div.fields { table {
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody { @for field in &change.fields { tr {
                        th scope="row" { code { (visible::line(&field.path)) } }
                        td { (value(field.before.as_deref())) }
                        td { (value(field.after.as_deref())) }
                    } } }
                } }
            }
        }
    }
}

fn effects(effects: &[Effect]) -> Markup {
    html! {
        @if !effects.is_empty() {
            ul.effects { @for effect in effects {
                li {
                    (badge(effect.severity)) " " (message(&effect.message)) " " code.code { (effect.code.name()) }
                    @if let Some(help) = &effect.help { div.help { (message(help)) } }
                }
            } }
        }
    }
}

fn value(text: Option<&str>) -> Markup {
    html! {
        @match text {
            Some(text) => code { (visible::lines(text)) },
            None => span.muted { "not set" },
        }
    }
}

/// The lines of the diff as text. The script replaces it with a table, and shows where each line comes from.
fn lines(change: &ObjectChange) -> Markup {
    let diff = &change.diff;
    let hunks: BTreeMap<usize, Vec<usize>> = diff.added().into_iter().collect();
    let mut text = String::new();
    let mut notes = Vec::new();
    for (index, (tag, line)) in diff.marked().enumerate() {
        if tag == Tag::Note {
            notes.push(line);
            continue;
        }
        text.push_str(&visible::lines(&line));
        let sources = hunks.get(&index).map(|added| diff.sources(added)).unwrap_or_default();
        for (index, source) in sources.iter().enumerate() {
            text.push_str(if index == 0 { " " } else { ", " });
            text.push_str(&visible::line(source));
        }
        text.push('\n');
    }
    let mut sources: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut origins: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, trail) in &diff.trails {
        let Some(source) = trail.summary() else { continue };
        let source = visible::line(&source).into_owned();
        let index = *known.entry(source).or_insert_with_key(|source| {
            sources.push(source.clone());
            sources.len() - 1
        });
        origins.insert(*number, index);
    }
    let origins = (!sources.is_empty()).then(|| json!({ "sources": sources, "lines": origins }).to_string());
    html! {
        @if !text.is_empty() {
            pre.diff data-origins=[origins] tabindex="0" aria-label=(format!("diff of {}", visible::line(&diff.object.manifest.title()))) { (text) }
        }
        @for note in notes { p.note { (visible::line(&note)) } }
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "Argo CD creates it",
        Action::Update => "Argo CD updates it",
        Action::Replace => "Argo CD replaces it",
        Action::Prune => "Argo CD deletes it",
        Action::Leave => "stays in the cluster",
        Action::Hook => "runs as a hook",
        Action::Nothing => "Argo CD does nothing",
    }
}
