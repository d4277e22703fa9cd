//! A pod as the controls see it.

use document::Node;

use super::field::Field;

/// A Pod or a pod template.
#[derive(Debug)]
pub(super) struct Pod<'a> {
    /// The annotations of the pod.
    pub(super) annotations: Option<Field<'a>>,
    /// `spec`.
    pub(super) spec: Field<'a>,
    /// All containers: init containers, containers, and ephemeral containers.
    pub(super) containers: Vec<Field<'a>>,
    /// Whether the pod runs on Windows, where several controls do not apply.
    pub(super) windows: bool,
    /// Whether the pod has its own user namespace, so its root user is not that of the node.
    pub(super) user_namespace: bool,
}

impl<'a> Pod<'a> {
    /// A Pod or pod template at a path of an object, unless it has no spec.
    pub(super) fn new(template: &'a Node, path: &[&str]) -> Option<Self> {
        let template = Field::at(path, template);
        let spec = template.get("spec")?;
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        Some(Self {
            annotations: template.find(&["metadata", "annotations"]),
            containers: lists.iter().flat_map(|list| spec.list(list)).collect(),
            windows: spec.find(&["os", "name"]).is_some_and(|name| name.text() == Some("windows")),
            user_namespace: spec.get("hostUsers").is_some_and(|users| users.is(false)),
            spec,
        })
    }

    /// A field of the security contexts of the pod and of its containers, wherever it is set.
    pub(super) fn contexts(&self, steps: &[&str]) -> Vec<Field<'a>> {
        let owners = std::iter::once(&self.spec).chain(&self.containers);
        owners.filter_map(|owner| owner.get("securityContext")?.find(steps)).collect()
    }

    /// A field of the security contexts of the containers, wherever it is set.
    pub(super) fn container_contexts(&self, steps: &[&str]) -> Vec<Field<'a>> {
        self.containers.iter().filter_map(|owner| owner.get("securityContext")?.find(steps)).collect()
    }

    /// Where a field that containers inherit from the pod is missing: the pod, if none of its containers sets it, or the
    /// containers that do not set it.
    pub(super) fn without(&self, steps: &[&str]) -> Vec<&Field<'a>> {
        let sets = |owner: &Field<'a>| owner.get("securityContext").and_then(|context| context.find(steps)).is_some();
        if sets(&self.spec) {
            return Vec::new();
        }
        let without: Vec<_> = self.containers.iter().filter(|container| !sets(container)).collect();
        if without.len() == self.containers.len() && !without.is_empty() { vec![&self.spec] } else { without }
    }
}
