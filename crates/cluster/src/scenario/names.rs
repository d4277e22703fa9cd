//! The names in the steps of a scenario that must exist: of namespaces, kinds, objects, Applications, and tools.

use std::collections::BTreeSet;

use diagnostics::{
    Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean, fact, is_series, nearest, nearest_within, suggestion,
};
use document::Node;
use workspace::Workspace;

/// What a name in a step stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A namespace.
    Namespace,
    /// A pinned tool.
    Tool,
    /// The kind of an object.
    Kind,
    /// An object, as `KIND/NAME`.
    Object,
    /// An Application.
    Application,
}

/// The namespaces that exist in each cluster, with those of Argo CD and of the Git server in that of `test-gitops`.
const EXISTING: [&str; 4] = ["argocd", "default", "git-server", "kube-system"];

/// The names in a step that must exist. A name with a variable may be any.
pub(super) fn named(step: &Node) -> Vec<(Named, String, Place)> {
    let paths = [
        (Named::Namespace, &["deploy", "namespace"][..]),
        (Named::Namespace, &["apply", "namespace"]),
        (Named::Tool, &["tool"]),
    ];
    let all = paths.into_iter().filter_map(|(kind, path)| {
        let node = step.find(path)?;
        Some((kind, node.as_str().filter(|name| !name.contains("${"))?.to_owned(), node.place()))
    });
    all.chain(applications(step)).chain(references(step)).chain(arguments(step)).collect()
}

/// The namespaces and objects in the arguments of a tool. Where a failure is expected, they need not exist.
fn arguments(step: &Node) -> Vec<(Named, String, Place)> {
    let fails = step.find(&["expect", "exit"]).is_some();
    let items: &[Node] = if fails || step.get("tool").is_none() { &[] } else { step.items_at(&["args"]) };
    let mut found = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let Some(text) = node.as_str().filter(|text| !text.contains("${")) else { continue };
        let previous = index.checked_sub(1).and_then(|index| items[index].as_str());
        let namespace = text
            .strip_prefix("--namespace=")
            .or_else(|| text.strip_prefix("--controller-namespace="))
            .or_else(|| previous.filter(|flag| matches!(*flag, "--namespace" | "-n")).map(|_| text));
        if let Some(namespace) = namespace {
            found.push((Named::Namespace, namespace.to_owned(), node.place()));
        }
        let service = text.strip_prefix("--controller-name=").map(|name| format!("service/{name}"));
        let object = text.split_once('/').filter(|(kind, name)| KINDS.contains(kind) && !name.contains('/'));
        found.extend(service.or(object.map(|_| text.to_owned())).map(|name| (Named::Object, name, node.place())));
    }
    found
}

/// The Applications that a step of `test-gitops` names.
fn applications(step: &Node) -> impl Iterator<Item = (Named, String, Place)> {
    let nodes = ["announced", "app", "synced"].into_iter().filter_map(|key| step.get(key));
    nodes.flat_map(one_or_all).filter_map(|node| {
        let name = node.as_str().filter(|name| !name.contains("${"))?;
        Some((Named::Application, name.to_owned(), node.place()))
    })
}

/// The items of a list, or the only one.
fn one_or_all(node: &Node) -> Vec<&Node> {
    let items = node.items();
    if items.is_empty() { vec![node] } else { items.iter().collect() }
}

/// The namespaces and kinds of the objects that a step refers to, as `KIND/NAME` or `NAMESPACE/KIND/NAME`.
fn references(step: &Node) -> impl Iterator<Item = (Named, String, Place)> {
    let paths: [&[&str]; 6] =
        [&["ready"], &["delete"], &["restart"], &["object"], &["exec", "in"], &["scale", "object"]];
    let nodes = paths.into_iter().filter_map(|path| step.find(path));
    nodes.flat_map(one_or_all).flat_map(|node| {
        let parts: Vec<&str> = node.as_str().unwrap_or_default().split('/').collect();
        let (namespace, kind) = match parts[..] {
            [namespace, kind, _] => (Some(namespace), Some(kind)),
            [kind, _] => (None, Some(kind)),
            _ => (None, None),
        };
        let object = kind.zip(parts.last()).map(|(kind, name)| format!("{kind}/{name}"));
        let all = [(Named::Namespace, namespace), (Named::Kind, kind), (Named::Object, object.as_deref())].into_iter();
        let named = all.filter_map(|(what, name)| Some((what, name.filter(|name| !name.contains("${"))?.to_owned())));
        named.map(|(what, name)| (what, name, node.place())).collect::<Vec<_>>()
    })
}

/// The kinds in references, in the singular; kubectl accepts further ones, and short names.
const KINDS: &[&str] = &[
    "configmap",
    "cronjob",
    "customresourcedefinition",
    "daemonset",
    "deployment",
    "endpoints",
    "ingress",
    "job",
    "namespace",
    "networkpolicy",
    "node",
    "persistentvolume",
    "persistentvolumeclaim",
    "pod",
    "poddisruptionbudget",
    "replicaset",
    "role",
    "rolebinding",
    "sealedsecret",
    "secret",
    "service",
    "serviceaccount",
    "statefulset",
    "storageclass",
];

/// The kind that is probably meant.
fn near_kind(kind: &str) -> Option<&'static str> {
    let singular =
        |known: &&&str| **known == kind || kind.strip_prefix(**known).is_some_and(|end| end == "s" || end == "es");
    let lower = kind.to_lowercase();
    let known = kind.len() <= 4
        || kind.contains('.')
        || KINDS.iter().any(|one| *one == lower)
        || KINDS.iter().any(|one| singular(&one));
    if known { None } else { nearest_within(kind, 2, KINDS.iter().copied()) }
}

/// Reports the namespaces of steps that nothing creates, each at its first use, kinds that are nearly known ones, and the
/// tools that charts.toml does not pin. `own` are the namespaces of the scenario, and `creates` is whether a step creates
/// further ones.
pub(super) fn unknown_names(
    workspace: &Workspace,
    names: &[(Named, String, Place)],
    own: &[String],
    creates: bool,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let deployed = workspace.deployments.iter().map(|one| one.application.namespace.as_str());
    let namespaces = own.iter().map(String::as_str).chain(EXISTING);
    let namespaces: Vec<&str> = namespaces.chain(deployed).collect();
    // An Application that cannot be read may create any.
    let all_known = !creates && workspace.sound && workspace.unrendered.is_empty();
    let mut seen = BTreeSet::new();
    for (kind, name, place) in names {
        match kind {
            Named::Namespace if all_known && !namespaces.contains(&name.as_str()) && seen.insert(name) => {
                let message = format!("namespace `{name}` does not exist in this scenario");
                let found = Diagnostic::new(Code::ScenarioInvalid, message).at(place.clone(), "");
                let found = found.fact(Fact::missing("Namespace", name));
                diagnostics.push(match nearest(name, namespaces.iter().copied()) {
                    Some(near) => found.help(did_you_mean(near)),
                    None => found.help("add it to `namespaces` of the scenario"),
                });
            }
            Named::Kind => {
                let Some(near) = near_kind(name) else { continue };
                let message = format!("unknown kind `{name}`");
                let found = Diagnostic::new(Code::ScenarioInvalid, message).at(place.clone(), "");
                diagnostics.push(found.help(did_you_mean(near)));
            }
            Named::Tool if !workspace.config.tools.contains_key(name) => {
                let tools = workspace.config.tools.keys().map(String::as_str);
                let message = format!("tool `{name}` is not pinned in charts.toml");
                let found = Diagnostic::new(Code::ScenarioInvalid, message).at(place.clone(), "");
                diagnostics.push(found.fact(Fact::missing(fact::TOOL, name)).help(suggestion(name, tools)));
            }
            Named::Application => diagnostics.0.extend(misspelled_application(workspace, name, place)),
            Named::Object => {
                let application = name.split_once('/').filter(|(kind, _)| kind.eq_ignore_ascii_case("application"));
                let found = application.and_then(|(_, name)| misspelled_application(workspace, name, place));
                diagnostics.0.extend(found);
            }
            _ => {}
        }
    }
    diagnostics
}

/// Reports the name of an Application that is nearly that of one of the repository. A step may deploy any other one.
fn misspelled_application(workspace: &Workspace, name: &str, place: &Place) -> Option<Diagnostic> {
    let rendered = workspace.deployments.iter().map(|one| one.application.instance.as_str());
    let apps: Vec<&str> = rendered.chain(workspace.unrendered.iter().map(|one| one.instance.as_str())).collect();
    if apps.contains(&name) {
        return None;
    }
    // `lab-two` is not a misspelling of `web-two`.
    let other_part = |near: &str| {
        let mut parts = near.split('-').zip(name.split('-')).filter(|(one, other)| one != other);
        parts.any(|(one, other)| one.len().min(other.len()) <= 3)
    };
    let near =
        nearest_within(name, 2, apps).filter(|near| near.len() > 4 && !is_series(near, name) && !other_part(near))?;
    let found = Diagnostic::new(Code::ScenarioInvalid, format!("no Application is named `{name}`"));
    Some(found.at(place.clone(), "").help(did_you_mean(near)))
}
