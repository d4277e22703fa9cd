//! The objects that a pod requires to start.
//!
//! References marked `optional` are left out.

use document::{Node, Value};

/// An object that a pod requires.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// The kind, in the core group or, for a `PriorityClass`, in `scheduling.k8s.io`.
    pub kind: &'static str,
    /// The name.
    pub name: &'a str,
    /// The node that names it.
    pub node: &'a Node,
    /// Whether the pod cannot start without it. A registry may be public although there is a Secret for it.
    pub blocks: bool,
}

/// Returns what a pod with this spec requires.
#[must_use]
pub fn of(spec: &Node) -> Vec<Need<'_>> {
    let list = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    let mut found: Vec<(&'static str, Option<&Node>, &str)> = Vec::new();
    for container in list("initContainers").iter().chain(list("containers")) {
        for entry in container.get("env").map(Node::items).unwrap_or_default() {
            found.push(("Secret", entry.find(&["valueFrom", "secretKeyRef"]), "name"));
            found.push(("ConfigMap", entry.find(&["valueFrom", "configMapKeyRef"]), "name"));
        }
        for entry in container.get("envFrom").map(Node::items).unwrap_or_default() {
            found.push(("Secret", entry.get("secretRef"), "name"));
            found.push(("ConfigMap", entry.get("configMapRef"), "name"));
        }
    }
    for volume in list("volumes") {
        found.push(("Secret", volume.get("secret"), "secretName"));
        found.push(("ConfigMap", volume.get("configMap"), "name"));
        found.push(("PersistentVolumeClaim", volume.get("persistentVolumeClaim"), "claimName"));
        for source in volume.find(&["projected", "sources"]).map(Node::items).unwrap_or_default() {
            found.push(("Secret", source.get("secret"), "name"));
            found.push(("ConfigMap", source.get("configMap"), "name"));
        }
    }
    found.push(("ServiceAccount", Some(spec), "serviceAccountName"));
    found.push(("PriorityClass", Some(spec), "priorityClassName"));
    let pull = list("imagePullSecrets").iter().map(|entry| ("Secret", Some(entry), "name"));
    let required = found.len();
    found
        .into_iter()
        .chain(pull)
        .enumerate()
        .filter_map(|(index, (kind, node, key))| {
            let node = node.filter(|node| !is_optional(node))?.get(key)?;
            let name = node.as_str().filter(|name| !name.is_empty())?;
            Some(Need { kind, name, node, blocks: index < required })
        })
        .collect()
}

fn is_optional(node: &Node) -> bool {
    node.get("optional").is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn all_references_are_found() {
        let source = Source::new(
            "x.yaml",
            "{initContainers: [{env: [{valueFrom: {secretKeyRef: {name: a, key: k}}}, {valueFrom: {configMapKeyRef: {name: b}}}]}],
              containers: [{envFrom: [{secretRef: {name: c}}, {secretRef: {name: no, optional: true}}, {configMapRef: {name: d}}]}],
              volumes: [{secret: {secretName: e}}, {configMap: {name: f}}, {persistentVolumeClaim: {claimName: g}},
                        {projected: {sources: [{secret: {name: h}}, {configMap: {name: i, optional: true}}]}}, {emptyDir: {}}],
              serviceAccountName: j, priorityClassName: '', imagePullSecrets: [{name: k}]}",
        );
        let spec = yaml::parse_one(&source).expect("YAML").root;
        let found = of(&spec);
        let shown: Vec<String> = found.iter().map(|need| format!("{}/{}", need.kind, need.name)).collect();
        let expected = "Secret/a ConfigMap/b Secret/c ConfigMap/d Secret/e ConfigMap/f PersistentVolumeClaim/g Secret/h \
                        ServiceAccount/j Secret/k";
        assert_eq!(shown.join(" "), expected);
        assert_eq!(found.iter().filter(|need| !need.blocks).map(|need| need.name).collect::<Vec<_>>(), ["k"]);
    }

    #[test]
    fn odd_trees_need_nothing() {
        for text in [
            "null",
            "[]",
            "{volumes: {}, containers: [1, null, {env: 5, envFrom: [null]}]}",
            "{volumes: [{secret: []}]}",
        ] {
            let spec = yaml::parse_one(&Source::new("x.yaml", text)).expect("YAML").root;
            assert!(of(&spec).is_empty(), "{text}");
        }
    }
}
