//! Pod Security labels of namespaces, both of rendered ones and of those that Argo CD creates.
//!
//! Kubernetes rejects a namespace with an unknown level. It ignores a misspelled label, so that no level is enforced. If
//! two manifests set different levels, the one that is applied last is enforced.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Place, did_you_mean, nearest, suggestion};
use document::Node;

use super::namespaces;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::NamespaceLabel];

const DOMAIN: &str = "pod-security.kubernetes.io/";
const KEYS: &[&str] = &["audit", "audit-version", "enforce", "enforce-version", "warn", "warn-version"];
const LEVELS: &[&str] = &["privileged", "baseline", "restricted"];

/// Checks the labels of namespaces.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let labels = application.root.find(&["spec", "syncPolicy", "managedNamespaceMetadata", "labels"]);
        for (what, help, place) in labels.map(wrong).unwrap_or_default() {
            diagnostics.push(application.finding(Code::NamespaceLabel, what, place, "").help(help));
        }
        let metadata = application.root.find(&["spec", "syncPolicy", "managedNamespaceMetadata"]);
        let annotations = metadata.and_then(|metadata| Some((metadata, metadata.get("annotations")?)));
        if let Some((metadata, node)) = annotations {
            let wrong = node.entries().iter().map(|(key, _)| key);
            let mut wrong = wrong.filter(|key| key.name.strip_prefix(DOMAIN).is_some_and(|name| KEYS.contains(&name)));
            if let Some(key) = wrong.next() {
                // Without labels, the key of the map is the wrong one.
                let whole = labels.is_none() && wrong.count() + 1 == node.entries().len();
                let place = if whole { metadata.key_place("annotations") } else { node.key_place(&key.name) };
                let message = format!("`{}` is a label, not an annotation", key.name);
                let found = application.finding(Code::NamespaceLabel, message, place, "Kubernetes ignores it");
                diagnostics.push(found.help("move it to `managedNamespaceMetadata.labels`"));
            }
        }
    }
    let is_namespace = |group: &str, kind: &str| group.is_empty() && kind == "Namespace";
    for object in subject.objects.iter().filter(|object| is_namespace(&object.key.group, &object.key.kind)) {
        for (what, help, place) in object.find(&["metadata", "labels"]).map(wrong).unwrap_or_default() {
            diagnostics.push(object.finding(Code::NamespaceLabel, what, place, "").help(help));
        }
    }
    for document in subject.workspace.argocd.iter().flat_map(|file| &file.documents) {
        let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
        if text("apiVersion") == "v1" && text("kind") == "Namespace" {
            for (what, help, place) in document.root.find(&["metadata", "labels"]).map(wrong).unwrap_or_default() {
                diagnostics.push(Diagnostic::new(Code::NamespaceLabel, what).at(place, "").help(help));
            }
        }
    }
    diagnostics.extend(contradictions(subject));
    diagnostics.extend(unused(subject));
    diagnostics
}

/// Reports namespaces whose labels set different levels.
fn contradictions(subject: &Subject<'_>) -> Diagnostics {
    let levels = namespaces::read(subject);
    let found = levels.contradictions().into_iter().map(|(name, one, two)| {
        let message = format!("namespace `{name}` has two Pod Security levels, `{}` and `{}`", one.level, two.level);
        Diagnostic::new(Code::NamespaceLabel, message)
            .fact(Fact::Namespace(name.to_owned()))
            .at(two.place.clone(), "second level")
            .at(one.place.clone(), "first level")
            .note("the level that is applied last is enforced")
            .help("set the level in one place, or the same level in both")
    });
    Diagnostics(found.collect())
}

/// Reports `[[namespace]]` entries for namespaces that nothing is deployed to.
fn unused(subject: &Subject<'_>) -> Diagnostics {
    let rendered: BTreeSet<&str> = subject.targets.iter().map(|target| target.id.app.as_str()).collect();
    let mut deployments = subject.workspace.deployments.iter();
    if !subject.workspace.sound || !deployments.all(|one| rendered.contains(one.application.instance.as_str())) {
        return Diagnostics::default();
    }
    let destinations = subject.every_application().map(|application| application.namespace());
    let objects = subject.objects.iter().map(|object| object.key.namespace.as_str());
    let known: BTreeSet<&str> = destinations.chain(objects).filter(|name| !name.is_empty()).collect();
    let unused = subject.workspace.config.namespaces.iter().filter(|entry| !known.contains(entry.name.as_str()));
    let found = unused.map(|entry| {
        let found = Diagnostic::new(Code::NamespaceLabel, format!("nothing is deployed to namespace `{}`", entry.name))
            .at(entry.place.clone(), "this entry has no effect");
        match nearest(&entry.name, known.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help("delete this entry"),
        }
    });
    Diagnostics(found.collect())
}

/// Returns the errors in labels, with their fixes and places.
fn wrong(labels: &Node) -> Vec<(String, Help, Place)> {
    let mut found = Vec::new();
    for (key, value) in labels.entries() {
        let Some(name) = key.name.strip_prefix(DOMAIN) else { continue };
        let text = value.as_str().unwrap_or_default();
        if !KEYS.contains(&name) {
            let place = Place::new(&labels.source, key.span.clone());
            let what = format!("unknown Pod Security label `{}`", key.name);
            found.push((what, suggestion(name, KEYS.iter().copied()), place));
        } else if name.ends_with("-version") {
            let minor = text.strip_prefix("v1.").is_some_and(|minor| minor.parse::<u32>().is_ok());
            if text != "latest" && !minor {
                let help = "use `latest` or a version such as `v1.34`".into();
                found.push((format!("invalid Pod Security version `{text}`"), help, value.place()));
            }
        } else if !LEVELS.contains(&text) {
            let help = suggestion(text, LEVELS.iter().copied());
            found.push((format!("unknown Pod Security level `{text}`"), help, value.place()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn invalid_labels_are_reported() {
        let found = |labels: &str| {
            let root = yaml::parse_one(&Source::new("x.yaml", labels)).expect("YAML").root;
            wrong(&root).into_iter().map(|(_, help, _)| help.text).collect::<Vec<_>>()
        };
        let fine = "{pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn-version: v1.34,
            pod-security.kubernetes.io/audit-version: latest, team: web}";
        assert!(found(fine).is_empty());
        assert_eq!(found("{pod-security.kubernetes.io/enforce: restrict}"), ["did you mean `restricted`?"]);
        assert_eq!(found("{pod-security.kubernetes.io/enforced: baseline}"), ["did you mean `enforce`?"]);
        assert_eq!(found("{pod-security.kubernetes.io/warn-version: '1.34'}").len(), 1);
    }
}
