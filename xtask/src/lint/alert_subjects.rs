//! What the expressions of alerts select by name: a Service, a claim, or a workload of the target's own namespace that the
//! target does not render, while it renders others of the kind. Such an alert never fires.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, suggestion};
use document::Node;
use kubernetes::object::Object;

use super::prometheus_rules;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferenceMissing];

/// Labels with the name of an object, and its kind.
const LABELS: [(&str, &str); 5] = [
    ("daemonset", "DaemonSet"),
    ("deployment", "Deployment"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("service", "Service"),
    ("statefulset", "StatefulSet"),
];

/// Checks the rules of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    Diagnostics(prometheus_rules::applied(subject).flat_map(|object| of_object(subject, object)).collect())
}

fn of_object(subject: &Subject<'_>, object: &Object) -> Vec<Diagnostic> {
    let own = subject.by_target.of(&object.target);
    let groups = object.find(&["spec", "groups"]).map(Node::items).unwrap_or_default().iter();
    let expressions = groups.flat_map(|group| group.items_at(&["rules"])).filter_map(|rule| rule.get("expr"));
    let missing = expressions.filter_map(|node| Some((node, node.as_str()?))).flat_map(|(node, text)| {
        let matchers = selectors(text).filter(|matchers| value(matchers, "namespace") == Some(&*object.key.namespace));
        let named = matchers.flat_map(|matchers| {
            LABELS.iter().filter_map(move |(label, kind)| Some((*label, *kind, value(matchers, label)?)))
        });
        named.map(move |(label, kind, name)| (node, label, kind, name)).collect::<Vec<_>>()
    });
    let found = missing.filter_map(|(node, label, kind, name)| {
        let names: Vec<&str> = own.iter().filter(|one| one.key.kind == kind).map(|one| one.key.name.as_str()).collect();
        if names.is_empty() || names.contains(&name) {
            return None;
        }
        let message = format!("{kind} `{name}` does not exist in namespace `{}`", object.key.namespace);
        let role = format!("selected by `{label}`, so the expression has no result");
        let found = object.finding(Code::ReferenceMissing, message, node.place(), role);
        Some((name, found.fact(Fact::missing(kind, name)).help(suggestion(name, names))))
    });
    let mut seen = BTreeSet::new();
    found.filter(|(name, _)| seen.insert(*name)).map(|(_, one)| one).collect()
}

/// The matchers in the braces of an expression.
fn selectors(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The value that a label must have exactly.
fn value<'t>(matchers: &'t str, label: &str) -> Option<&'t str> {
    let own = matchers.split(',').map(str::trim).filter_map(|one| one.strip_prefix(label));
    own.filter_map(|rest| rest.strip_prefix("=\"")?.strip_suffix('"')).find(|value| !value.contains(['$', '%']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_matchers_have_a_value() {
        let text = "sum(a{namespace=\"x\", service=\"y\"}) / b{service=~\"z.*\",pod!=\"p\"}";
        let all: Vec<&str> = selectors(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((value(all[0], "namespace"), value(all[0], "service")), (Some("x"), Some("y")));
        assert_eq!((value(all[1], "service"), value(all[1], "pod")), (None, None));
    }
}
