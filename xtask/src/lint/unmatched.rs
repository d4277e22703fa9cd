//! Label selectors that match nothing, with the object that they most likely mean.
//!
//! Unknown objects are not reported as missing: the pods and Services of custom resources, and of Applications that are not
//! rendered. A label of which one letter differs is wrong in any case.

use diagnostics::{Code, Diagnostic, Fact, did_you_mean, nearest};
use document::Node;
use kubernetes::inventory::near::is_near;
use kubernetes::inventory::pods::is_given_to_each;
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

/// A selector of an object.
#[derive(Debug, Clone, Copy)]
pub struct Selecting<'a> {
    /// The object.
    pub object: &'a Object,
    /// The path of the field, for messages.
    pub field: &'static str,
    /// The selector.
    pub node: &'a Node,
    /// The kind of the selected objects: `pod` or `Service`.
    pub noun: &'static str,
    /// Whether what it selects may exist without being rendered.
    pub hidden: bool,
    /// Whether the object is deployed as it is, and not part of a case for a test.
    pub deployed: bool,
}

/// An object that a selector could select.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The workload or the Service.
    pub object: &'a Object,
    /// The labels, or what lacks them.
    pub labels: &'a Node,
    /// Whether the target with the selector renders it.
    pub own: bool,
}

/// How a candidate misses a selector.
struct Miss<'a> {
    candidate: Candidate<'a>,
    matched: usize,
    labels: Vec<Label<'a>>,
}

/// A label of a selector that something lacks.
#[derive(Debug)]
pub struct Label<'a> {
    /// The key in the selector.
    pub key: &'a str,
    /// The value in the selector.
    pub node: &'a Node,
    /// The label that is there instead: another value, or a similar key.
    pub instead: Option<(&'a str, &'a str)>,
    /// Whether it is most likely a misspelling of that.
    pub near: bool,
}

impl Label<'_> {
    /// Whether a program may give the label to its own pods, which no template has.
    #[must_use]
    pub(crate) fn may_be_given(&self) -> bool {
        self.instead.is_none() && !is_static(self.key)
    }

    /// Whether it resembles what is there instead, which is no proof, as names often resemble each other on purpose.
    fn is_similar(&self) -> bool {
        let wanted = self.node.as_str().unwrap_or_default();
        self.near || self.instead.is_some_and(|(_, value)| nearest(wanted, [value]).is_some())
    }
}

/// The labels of a selector that something does not have. `labels` are those that it has for certain.
#[must_use]
pub fn missing<'a>(
    selector: &[(&'a str, &'a Node)],
    labels: &[(&'a str, &'a str)],
    has: impl Fn(&str, &str) -> bool,
) -> Vec<Label<'a>> {
    let wanted = selector.iter().map(|(key, node)| (*key, *node, node.as_str().unwrap_or_default()));
    let missing = wanted.filter(|(key, _, value)| !has(key, value)).map(|(key, node, wanted)| {
        let used = |name: &str| selector.iter().any(|(key, _)| *key == name);
        let own = labels.iter().find(|(name, _)| *name == key);
        let similar =
            || labels.iter().find(|(name, value)| *value == wanted && !used(name) && is_similar_key(key, name));
        let instead = own.or_else(similar).copied();
        let near = instead.is_some_and(|(name, value)| name != key || is_near(wanted, value));
        Label { key, node, instead, near }
    });
    missing.collect()
}

/// Whether a single label is missing, which is most likely misspelled.
#[must_use]
pub(crate) fn is_misspelled(missing: &[Label<'_>]) -> bool {
    matches!(missing, [label] if label.near)
}

/// The finding about a selector that matches none of the candidates, if one of them is meant, or none can be hidden.
#[must_use]
pub fn finding(selecting: Selecting<'_>, candidates: &[Candidate<'_>]) -> Option<Diagnostic> {
    let selector = Selector::of_labels(selecting.node);
    let nodes: Vec<(&str, &Node)> =
        selector.nodes().iter().copied().filter(|(key, _)| !is_given_to_each(key)).collect();
    let misses: Vec<Miss<'_>> = candidates.iter().map(|candidate| miss(*candidate, &nodes)).collect();
    // The labels match, and an expression does not. A program may also give its own pods labels that no template has.
    let excused =
        |miss: &Miss<'_>| miss.labels.is_empty() || miss.matched > 0 && miss.labels.iter().all(Label::may_be_given);
    // Without any pods, they are deployed by other means.
    if nodes.is_empty() || misses.is_empty() || misses.iter().any(excused) {
        return None;
    }
    let near = |miss: &Miss<'_>| is_misspelled(&miss.labels);
    let best =
        misses.iter().max_by_key(|miss| (near(miss), miss.matched, is_namesake(selecting, miss), miss.candidate.own));
    let best = best.filter(|miss| {
        near(miss) || miss.matched > 0 || matches!(miss.labels.as_slice(), [label] if label.is_similar())
    });
    let Selecting { hidden, deployed, .. } = selecting;
    let reported = match best {
        Some(miss) if near(miss) => true,
        Some(miss) => !hidden && (deployed || miss.candidate.own),
        None if !hidden && misses.iter().any(|miss| is_namesake(selecting, miss)) => true,
        None => !hidden && deployed && nodes.iter().all(|(key, _)| is_static(key)),
    };
    let best = best.or_else(|| misses.iter().find(|miss| is_namesake(selecting, miss)));
    reported.then(|| describe(selecting, best))
}

/// Whether a workload of the same target has the name of the object that selects pods, which is then for its pods.
fn is_namesake(selecting: Selecting<'_>, miss: &Miss<'_>) -> bool {
    miss.candidate.own && miss.candidate.object.key.name == selecting.object.key.name
}

fn miss<'a>(candidate: Candidate<'a>, nodes: &[(&'a str, &'a Node)]) -> Miss<'a> {
    let entries = candidate.labels.entries().iter();
    let pairs: Vec<(&str, &str)> =
        entries.filter_map(|(key, value)| Some((key.name.as_str(), value.as_str()?))).collect();
    let labels = missing(nodes, &pairs, |key, value| pairs.contains(&(key, value)));
    Miss { candidate, matched: nodes.len() - labels.len(), labels }
}

/// Whether two keys of labels differ in the letters after the same prefix.
fn is_similar_key(one: &str, other: &str) -> bool {
    let parts = |key| str::rsplit_once(key, '/').unwrap_or(("", key));
    let ((prefix, name), (other_prefix, other_name)) = (parts(one), parts(other));
    prefix == other_prefix && nearest(name, [other_name]).is_some()
}

/// Labels that templates set. Programs set others on their own pods.
fn is_static(key: &str) -> bool {
    key.starts_with("app.kubernetes.io/")
        || key.starts_with("helm.sh/")
        || matches!(key, "app" | "name" | "tier" | "component" | "k8s-app" | "release" | "instance")
}

fn describe(selecting: Selecting<'_>, best: Option<&Miss<'_>>) -> Diagnostic {
    let pods = selecting.noun == "pod";
    let found = explain(selecting, best);
    if pods { found.fact(Fact::NoPods) } else { found }
}

fn explain(selecting: Selecting<'_>, best: Option<&Miss<'_>>) -> Diagnostic {
    let Selecting { object, field, node, noun, .. } = selecting;
    let message = format!("`{field}` of {} matches no {noun}", object.title());
    let code = Code::SelectorUnmatched;
    let Some((miss, label)) = best.and_then(|miss| Some((miss, miss.labels.first()?))) else {
        let found = object.finding(code, message, node.place(), format!("no {noun} in the namespace has these labels"));
        let place = field.starts_with("spec.");
        let what = if place { format!("delete the {}", object.key.kind) } else { "remove the selector".to_owned() };
        return found.help(format!("use the labels of the {noun}s that it is for, or {what}"));
    };
    let there = miss.candidate;
    let owner = there.object.title();
    match label.instead {
        None => {
            let found =
                object.finding(code, message, label.node.place(), format!("{owner} has no label `{}`", label.key));
            let found = found.at(there.object.name_place(), "has most of the labels");
            found.help(format!("add the label to {owner}, or remove it from the selector"))
        }
        Some((key, value)) if key == label.key => {
            let found = object.finding(code, message, label.node.place(), format!("{owner} has `{value}`"));
            let found = found.at(there.labels.get(key).unwrap_or(there.labels).place(), "this label");
            found.help(if label.near { did_you_mean(value) } else { format!("use `{value}`, as {owner}").into() })
        }
        Some((key, _)) => {
            let labels = node.get("matchLabels").unwrap_or(node);
            let found =
                object.finding(code, message, labels.key_place(label.key), format!("{owner} has no such label"));
            found.at(there.labels.key_place(key), "this label").help(did_you_mean(key))
        }
    }
}
