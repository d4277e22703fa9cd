//! `PrometheusRules` whose expressions and durations Prometheus cannot parse.
//!
//! Of an expression, the grammar and the names of functions are checked: what metrics exist is not known.
//! Labels and annotations must be strings, in which each template action ends.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, suggestion};
use document::{Node, Value, block};
use kubernetes::object::Object;

use super::prometheus_duration::is_duration;
use super::promql::{self, Wrong};
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::AlertInvalid];

/// The fields of a group of rules.
const GROUP: &[&str] = &["interval", "labels", "limit", "name", "partial_response_strategy", "query_offset", "rules"];

/// The fields of a rule.
const RULE: &[&str] = &["alert", "annotations", "expr", "for", "keep_firing_for", "labels", "record"];

/// Checks the rules of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    Diagnostics(applied(subject).flat_map(of_object).collect())
}

/// The `PrometheusRule` objects that Argo CD applies.
pub(super) fn applied<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a Object> {
    subject.objects.iter().filter(|object| {
        (&*object.key.group, &*object.key.kind) == ("monitoring.coreos.com", "PrometheusRule")
            && sync_order::order(&object.root).is_some()
    })
}

fn of_object(object: &Object) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(spec) = object.find(&["spec"]) {
        found.extend(unknown(object, spec, &["groups"]));
    }
    for group in object.find(&["spec", "groups"]).map(Node::items).unwrap_or_default() {
        found.extend(["interval", "query_offset"].iter().filter_map(|key| duration(object, group, key)));
        found.extend(unknown(object, group, GROUP));
        for rule in group.items_at(&["rules"]) {
            found.extend(unknown(object, rule, RULE));
            found.extend(incomplete(object, rule));
            found.extend(["for", "keep_firing_for"].iter().filter_map(|key| duration(object, rule, key)));
            // One error in what all expressions have in common is one.
            let wrong = rule.get("expr").and_then(|node| expression(object, node));
            found.extend(wrong.filter(|one| !found.iter().any(|other| other.message == one.message)));
            found.extend(["labels", "annotations"].iter().filter_map(|key| not_text(object, rule, key)));
            found.extend(["labels", "annotations"].iter().filter_map(|key| open_action(object, rule, key)));
            found.extend(["labels", "annotations"].iter().filter_map(|key| misplaced(object, rule, key)));
        }
    }
    found
}

/// A finding about a field that the definition of `PrometheusRule` does not have.
fn unknown(object: &Object, owner: &Node, known: &[&str]) -> Option<Diagnostic> {
    let (key, _) = owner.entries().iter().find(|(key, _)| !known.contains(&key.name.as_str()))?;
    let message = format!("unknown field `{}` in {}", key.name, object.title());
    let found = object.finding(Code::AlertInvalid, message, Place::new(&owner.source, key.span.clone()), "");
    Some(found.help(suggestion(&key.name, known.iter().copied())))
}

/// A finding about a rule that lacks what every rule has.
fn incomplete(object: &Object, rule: &Node) -> Option<Diagnostic> {
    let has = |key: &str| rule.get(key).is_some();
    let (what, help) = match (has("alert"), has("record")) {
        _ if rule.entries().iter().any(|(key, _)| !RULE.contains(&key.name.as_str())) => return None,
        (true, true) => ("has both `alert` and `record`", "remove one of them"),
        (false, false) => ("has neither `alert` nor `record`", "add its name"),
        _ if !has("expr") => ("has no `expr`", "add the expression"),
        _ => return None,
    };
    let name = rule.get("alert").or_else(|| rule.get("record"));
    let title = name.and_then(Node::as_str).map(|name| format!(" `{name}`")).unwrap_or_default();
    let message = format!("rule{title} of {} {what}", object.title());
    let place = name.unwrap_or(rule).place();
    let found = object.finding(Code::AlertInvalid, message, place, "").help(help);
    let lacks = !has("expr") && has("alert") != has("record");
    Some(if lacks { found.fact(Fact::Required("expr".to_owned())) } else { found })
}

/// A finding about a label or an annotation that is not a string.
fn not_text(object: &Object, rule: &Node, key: &str) -> Option<Diagnostic> {
    let texts = rule.get(key)?.entries().iter();
    let scalar = |value: &Node| value.as_str().is_none() && !matches!(value.value, Value::Null);
    let (name, value) = texts.filter(|(_, value)| scalar(value)).map(|(name, value)| (&name.name, value)).next()?;
    let message = format!("`{key}.{name}` of a rule of {} must be a string", object.title());
    let found = object.finding(Code::AlertInvalid, message, value.place(), format!("found {}", value.describe()));
    Some(found.help("quote it, or in a template `| quote`"))
}

/// A finding about a field of the rule among its labels or annotations, which a wrong indentation puts there.
fn misplaced(object: &Object, rule: &Node, key: &str) -> Option<Diagnostic> {
    const FIELDS: &[&str] = &["annotations", "expr", "for", "keep_firing_for", "labels"];
    let owner = rule.get(key)?;
    let is_field = |name: &str| FIELDS.contains(&name) && rule.get(name).is_none();
    let (name, _) = owner.entries().iter().find(|(name, value)| is_field(&name.name) && value.as_str().is_none())?;
    let message = format!("`{}` is among the {key} of a rule of {}", name.name, object.title());
    let found = object.finding(Code::AlertInvalid, message, owner.key_place(&name.name), "is a field of the rule");
    Some(found.help(format!("indent it like `{key}`")))
}

/// A finding about a label or an annotation with a template action that does not end.
fn open_action(object: &Object, rule: &Node, key: &str) -> Option<Diagnostic> {
    let texts = rule.get(key)?.entries().iter();
    let open = |text: &str| text.split("{{").skip(1).any(|action| !action.contains("}}"));
    let (name, value) =
        texts.map(|(name, value)| (&name.name, value)).find(|(_, value)| value.as_str().is_some_and(open))?;
    let message = format!("Prometheus cannot parse `{key}.{name}` of a rule of {}", object.title());
    let found = object.finding(Code::AlertInvalid, message, value.place(), "`{{` without `}}`");
    Some(found.help("end the action with `}}`"))
}

/// A finding about a duration that Prometheus cannot parse.
fn duration(object: &Object, owner: &Node, key: &str) -> Option<Diagnostic> {
    let node = owner.get(key)?;
    let text = node.as_str().filter(|text| !is_duration(text)).or(node.as_number())?;
    let message = format!("`{key}: {text}` of {} is not a Prometheus duration", object.title());
    let found = object.finding(Code::AlertInvalid, message, node.place(), "");
    Some(found.help("write numbers with the units `y`, `w`, `d`, `h`, `m`, `s`, and `ms`, such as `1h30m`"))
}

/// A finding about an expression that Prometheus cannot parse.
fn expression(object: &Object, node: &Node) -> Option<Diagnostic> {
    let text = node.as_str()?;
    let Wrong { at, reason, help } = promql::wrong(text, true)?;
    let place = if text.contains('\n') {
        let line = text[..at].matches('\n').count() + 1;
        let inner = Place::line(&Source::new("", text), line);
        block::in_file(&node.place(), &inner).unwrap_or_else(|| node.place())
    } else {
        node.place()
    };
    let message = format!("Prometheus cannot parse an expression of {}: {reason}", object.title());
    let found = object.finding(Code::AlertInvalid, message, place, "");
    Some(match help {
        Some(help) => found.help(help),
        None => found,
    })
}
