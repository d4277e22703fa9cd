//! Sync behavior for one object: how a sync updates it, and whether it prunes it once it is no longer rendered.
//!
//! As in Argo CD 3.5: options of the object in the cluster decide about pruning, since no other object is left, and options
//! of both about updates. `helm.sh/resource-policy: keep` is honored only when the Application is deleted, not by pruning.

use diagnostics::Place;
use document::{Node, Value};
use kubernetes::change::refusal;
use kubernetes::manifest::ObjectKey;

/// The annotation with the sync options of an object.
const OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// The finalizers of an Application that cause a cascading deletion.
pub const CASCADING: &[&str] = &[
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/background",
    "resources-finalizer.argocd.argoproj.io/foreground",
];

/// How a sync updates an object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// By a request that the API server may reject.
    Requested(refusal::Update),
    /// By deleting and creating it, at least if the API server rejects a request.
    Recreated,
}

/// The action of a sync on an object that is no longer rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// It is deleted, because of the setting at this place.
    Pruned(Place),
    /// It is deleted after somebody confirmed that, because of the setting at this place.
    Confirmed(Place),
    /// It stays, because of the setting at this place, or because of nothing that prunes it.
    Kept(Option<Place>),
}

/// How a sync of an Application updates an object.
#[must_use]
pub fn update(application: &Node, before: &Node, after: &Node) -> Update {
    let on_object = |option: &str| has(before, option) || has(after, option);
    let replace =
        on_object("Replace=true") || option(application, "Replace=").is_some_and(|(value, _)| value == "true");
    let force = on_object("Force=true");
    let text = |key: &str| after.get(key).and_then(Node::as_str);
    // Argo CD never deletes these in order to replace them, as that would delete everything in them.
    let precious = matches!(text("kind"), Some("CustomResourceDefinition" | "Namespace"));
    let server_side = !has(after, "ServerSideApply=false")
        && (has(after, "ServerSideApply=true")
            || option(application, "ServerSideApply=").is_some_and(|(value, _)| value == "true"));
    match (replace, server_side) {
        (true, _) if force && !precious => Update::Recreated,
        (true, _) => Update::Requested(refusal::Update::Replace),
        // With server-side apply, kubectl ignores `--force`.
        (false, true) => Update::Requested(refusal::Update::ServerSideApply),
        (false, false) if force => Update::Recreated,
        (false, false) => Update::Requested(refusal::Update::ClientSideApply),
    }
}

/// What a sync of an Application does with an object that it no longer renders.
#[must_use]
pub fn removal(application: &Node, before: &Node) -> Removal {
    let Some(prune) = prunes(application) else { return Removal::Kept(None) };
    let own = before.find(&["metadata", "annotations", OPTIONS]);
    let on_object = own.and_then(|node| Some((value(node.as_str()?, "Prune=")?, node.place())));
    match on_object.or_else(|| option(application, "Prune=")) {
        Some((value, place)) if value == "false" => Removal::Kept(Some(place)),
        Some((value, place)) if value == "confirm" => Removal::Confirmed(place),
        _ => Removal::Pruned(prune),
    }
}

/// The place of the setting with which an Application prunes by itself.
#[must_use]
pub fn prunes(application: &Node) -> Option<Place> {
    let automated = application.find(&["spec", "syncPolicy", "automated"])?;
    let is = |key: &str, wanted: bool| {
        automated.get(key).is_some_and(|node| matches!(node.value, Value::Bool(value) if value == wanted))
    };
    (is("prune", true) && !is("enabled", false)).then(|| automated.key_place("prune"))
}

/// The finalizer with which the deletion of an Application deletes its objects.
#[must_use]
pub fn cascades(application: &Node) -> Option<&Node> {
    let finalizers = application.find(&["metadata", "finalizers"])?.items();
    finalizers.iter().find(|node| node.as_str().is_some_and(|text| CASCADING.contains(&text)))
}

/// Whether the deletion of an Application with a cascading finalizer deletes an object.
#[must_use]
pub fn deleted_with(application: &Node, object: &Node) -> bool {
    let annotation = |key: &str| object.find(&["metadata", "annotations", key]).and_then(Node::as_str);
    let own = annotation(OPTIONS).and_then(|text| value(text, "Delete="));
    let deletes =
        own.or_else(|| option(application, "Delete=").map(|(value, _)| value)).is_none_or(|value| value != "false");
    let keeps = annotation("helm.sh/resource-policy").is_some_and(|text| options(text).any(|one| one == "keep"));
    let definition = object.get("kind").and_then(Node::as_str) == Some("CustomResourceDefinition");
    deletes && !keeps && !definition
}

/// Whether an Application ignores differences of a field. A jq expression or a field manager may mean any field of the
/// objects that it names.
#[must_use]
pub fn ignores(application: &Node, key: &ObjectKey, path: &[String]) -> bool {
    let entries = application.items_at(&["spec", "ignoreDifferences"]);
    entries.iter().any(|entry| {
        let text = |key: &str| entry.get(key).and_then(Node::as_str).unwrap_or_default();
        let fits =
            |pattern: &str, text: &str| pattern.is_empty() || crate::glob::matches(pattern, text).unwrap_or(true);
        let object = (text("group") == key.group || text("group") == "*")
            && fits(text("kind"), &key.kind)
            && (text("name").is_empty() || text("name") == key.name)
            && (text("namespace").is_empty() || text("namespace") == key.namespace);
        let any = ["jqPathExpressions", "managedFieldsManagers"]
            .iter()
            .any(|list| entry.get(list).is_some_and(|list| !list.items().is_empty()));
        let pointers = entry.items_at(&["jsonPointers"]);
        object && (any || pointers.iter().filter_map(Node::as_str).any(|pointer| contains(pointer, path)))
    })
}

/// Whether a sync leaves the fields as they are whose differences the Application ignores.
#[must_use]
pub fn respects_ignored(application: &Node) -> bool {
    option(application, "RespectIgnoreDifferences=").is_some_and(|(value, _)| value == "true")
}

/// Whether a JSON pointer means a field, or one around it or below it.
fn contains(pointer: &str, path: &[String]) -> bool {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.zip(path).all(|(step, own)| step == *own)
}

/// Whether an object has a sync option.
fn has(object: &Node, wanted: &str) -> bool {
    let annotation = object.find(&["metadata", "annotations", OPTIONS]).and_then(Node::as_str);
    annotation.is_some_and(|text| options(text).any(|option| option == wanted))
}

fn options(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// The value of the first option with a prefix such as `Prune=`.
fn value(text: &str, prefix: &str) -> Option<String> {
    options(text).find_map(|option| option.strip_prefix(prefix)).map(str::to_owned)
}

/// The value of a sync option of an Application, and its place.
fn option(application: &Node, prefix: &str) -> Option<(String, Place)> {
    let options = application.find(&["spec", "syncPolicy", "syncOptions"])?.items();
    options.iter().find_map(|node| Some((node.as_str()?.strip_prefix(prefix)?.to_owned(), node.place())))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn node(text: &str) -> Node {
        yaml::parse_one(&Source::new("x.yaml", text)).expect("YAML").root
    }

    fn application(policy: &str) -> Node {
        node(&format!("spec: {{syncPolicy: {{{policy}}}}}"))
    }

    fn object(kind: &str, options: &str) -> Node {
        node(&format!("kind: {kind}\nmetadata: {{annotations: {{argocd.argoproj.io/sync-options: '{options}'}}}}"))
    }

    #[test]
    fn options_of_the_application_and_of_both_objects_decide_about_an_update() {
        use refusal::Update::{ClientSideApply, Replace, ServerSideApply};
        let server = "syncOptions: [CreateNamespace=true, ServerSideApply=true]";
        for (policy, kind, before, after, expected) in [
            ("", "Job", "", "", Update::Requested(ClientSideApply)),
            (server, "Job", "", "", Update::Requested(ServerSideApply)),
            (server, "Job", "", "Prune=false, ServerSideApply=false", Update::Requested(ClientSideApply)),
            ("", "Job", "ServerSideApply=true", "", Update::Requested(ClientSideApply)),
            ("", "Job", "", "ServerSideApply=true", Update::Requested(ServerSideApply)),
            ("syncOptions: [Replace=true]", "Job", "", "", Update::Requested(Replace)),
            ("syncOptions: [Replace=true]", "Job", "Force=true", "", Update::Recreated),
            (server, "Job", "", "Force=true,Replace=true", Update::Recreated),
            (server, "Job", "", "Force=true", Update::Requested(ServerSideApply)),
            ("", "Job", "", "Force=true", Update::Recreated),
            ("", "CustomResourceDefinition", "", "Force=true,Replace=true", Update::Requested(Replace)),
            ("", "Job", "", "force=true", Update::Requested(ClientSideApply)),
        ] {
            let (before, after) = (object(kind, before), object(kind, after));
            assert_eq!(update(&application(policy), &before, &after), expected, "{policy} {before:?} {after:?}");
        }
    }

    #[test]
    fn the_object_in_the_cluster_decides_about_pruning() {
        let prune = "automated: {prune: true}";
        for (policy, options, expected) in [
            (prune, "", "pruned"),
            ("automated: {}", "", "kept"),
            ("", "", "kept"),
            ("automated: {prune: true, enabled: false}", "", "kept"),
            (prune, "Prune=false", "kept"),
            (prune, "Delete=false, Prune=confirm", "confirmed"),
            ("automated: {prune: true}, syncOptions: [Prune=false]", "", "kept"),
            ("automated: {prune: true}, syncOptions: [Prune=false]", "Prune=true", "pruned"),
            ("automated: {prune: true}, syncOptions: [Prune=confirm]", "", "confirmed"),
        ] {
            let actual = match removal(&application(policy), &object("Job", options)) {
                Removal::Pruned(_) => "pruned",
                Removal::Confirmed(_) => "confirmed",
                Removal::Kept(_) => "kept",
            };
            assert_eq!(actual, expected, "{policy} {options}");
        }
        let kept = node("metadata: {annotations: {helm.sh/resource-policy: keep}}");
        assert!(matches!(removal(&application(prune), &kept), Removal::Pruned(_)), "only Helm keeps it");
        assert!(!deleted_with(&application(""), &kept));
        assert!(deleted_with(&application(""), &object("Job", "")));
        assert!(!deleted_with(&application(""), &object("Job", "Delete=false")));
        assert!(!deleted_with(&application("syncOptions: [Delete=false]"), &object("Job", "")));
        assert!(!deleted_with(&application(""), &object("CustomResourceDefinition", "")));
    }

    #[test]
    fn ignored_fields_are_recognized() {
        let key = |kind: &str| ObjectKey {
            group: "apps".to_owned(),
            kind: kind.to_owned(),
            namespace: "web".to_owned(),
            name: "web".to_owned(),
        };
        let path = ["spec", "volumeClaimTemplates", "0", "spec"].map(str::to_owned);
        for (entry, expected) in [
            ("{group: apps, kind: StatefulSet, jsonPointers: [/spec/volumeClaimTemplates]}", true),
            ("{group: '*', kind: '*', jsonPointers: [/spec/volumeClaimTemplates/0/spec/resources]}", true),
            ("{group: apps, kind: StatefulSet, jsonPointers: [/spec/replicas]}", false),
            ("{group: apps, kind: StatefulSet, name: other, jsonPointers: [/spec/volumeClaimTemplates]}", false),
            ("{group: apps, kind: StatefulSet, jqPathExpressions: ['.spec.volumeClaimTemplates[]?']}", true),
            ("{kind: StatefulSet, jsonPointers: [/spec/volumeClaimTemplates]}", false),
        ] {
            let application = node(&format!("spec: {{ignoreDifferences: [{entry}]}}"));
            assert_eq!(ignores(&application, &key("StatefulSet"), &path), expected, "{entry}");
        }
    }
}
