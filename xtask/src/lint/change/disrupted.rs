//! Changes that interrupt what is running: versions of custom resources that are no longer served, and pods that lose
//! their Service.

use diagnostics::{Code, Diagnostics};
use document::{Node, Value};
use kubernetes::object::Object;
use kubernetes::scope;

use super::removed;
use super::revision::Change;

const CODE: Code = Code::ChangeDisruptive;

/// Reports the disruptive changes of an Application.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (before, after) in change.changed.iter().filter(|(_, after)| scope::is_definition(after)) {
        diagnostics.extend(unserved(change, before, after));
    }
    diagnostics
}

/// The versions of a definition that clients may use, and that are no longer served. The API server refuses to remove the
/// version in which objects are stored, which is another finding.
fn unserved(change: &Change<'_>, before: &Object, after: &Object) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let is = |version: &Node, key: &str| version.get(key).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    let versions =
        |object: &'_ Object| object.find(&["spec", "versions"]).map(Node::items).unwrap_or_default().to_vec();
    for old in versions(before).iter().filter(|old| is(old, "served")) {
        let Some(name) = old.get("name").and_then(Node::as_str) else { continue };
        let new = versions(after).into_iter().find(|new| new.get("name").and_then(Node::as_str) == Some(name));
        if new.as_ref().map_or(is(old, "storage"), |new| is(new, "served")) {
            continue;
        }
        let message = format!("{} no longer serves version `{name}`", change.title(&after.key));
        let (place, label) = if let Some(new) = new {
            (new.key_place("served"), format!("was `true` at `{}`", change.base))
        } else {
            let around = after.find(&["spec"]).unwrap_or(&after.root);
            (around.key_place("versions"), format!("had version `{name}` at `{}`", change.base))
        };
        diagnostics.push(
            after
                .finding(CODE, message, place, label)
                .at(old.get("name").unwrap_or(old).place(), format!("at `{}`", change.base))
                .note("requests for objects in this version fail; the sync fails if the cluster still stores objects in it")
                .help(format!("make sure that no client and no manifest uses `{name}`, and serve it until then"))
                .help(removed::acceptance(CODE, &after.target)),
        );
    }
    diagnostics
}
