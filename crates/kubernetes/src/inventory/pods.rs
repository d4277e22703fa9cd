//! The pods that a workload makes: labels, containers, and ports.

use document::Node;

use crate::object::Object;
use crate::workload;

/// The pods of a workload, or a Pod.
#[derive(Debug)]
pub struct Pods<'a> {
    /// The workload.
    pub object: &'a Object,
    /// The index of its target.
    pub(super) member: usize,
    /// Its namespace.
    pub namespace: &'a str,
    /// The pod template, or the Pod.
    pub template: &'a Node,
    /// The pod spec.
    pub spec: &'a Node,
    /// All containers, including init containers.
    pub containers: Vec<Container<'a>>,
    labels: Vec<(&'a str, &'a str)>,
}

/// A container.
#[derive(Debug)]
pub struct Container<'a> {
    /// The container.
    pub node: &'a Node,
    /// Whether it keeps running beside the others, and is not just an init container.
    pub serves: bool,
    /// The ports that it declares.
    pub ports: Vec<Port<'a>>,
}

/// A port of a container.
#[derive(Debug)]
pub struct Port<'a> {
    /// Its entry.
    pub node: &'a Node,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its number.
    pub number: Option<i64>,
    /// Its protocol.
    pub protocol: &'a str,
}

/// The protocol of a port that names none.
pub const DEFAULT_PROTOCOL: &str = "TCP";

const PROBES: &[&str] = &["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS: &[&str] = &["postStart", "preStop"];
/// The handlers with a port.
const HANDLERS: &[&str] = &["httpGet", "tcpSocket", "grpc"];

/// Labels that controllers give to each pod, with values that no template has.
const GIVEN: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Whether controllers give a label to each pod, so templates do not have it.
#[must_use]
pub fn is_given_to_each(key: &str) -> bool {
    GIVEN.contains(&key)
}

impl<'a> Pods<'a> {
    /// The pods that an object makes, if it makes any. A custom resource does if it has a pod template.
    #[must_use]
    pub fn of(object: &'a Object, member: usize, namespace: &'a str) -> Option<Self> {
        let (group, kind) = (object.key.group.as_str(), object.key.kind.as_str());
        // A PodTemplate only keeps a template for others.
        if (group, kind) == ("", "PodTemplate") {
            return None;
        }
        let template = object.find(workload::template_path(group, kind).unwrap_or(&["spec", "template"]))?;
        let spec = template.get("spec")?;
        if spec.get("containers").is_none_or(|containers| containers.items().is_empty()) {
            return None;
        }
        let list = |key: &str| spec.items_at(&[key]);
        let sidecar = |node: &Node| node.get("restartPolicy").and_then(Node::as_str) == Some("Always");
        let inits = list("initContainers").iter().map(|node| Container::of(node, sidecar(node)));
        let containers = inits.chain(list("containers").iter().map(|node| Container::of(node, true))).collect();
        let labels = template.find(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
        let labels = labels.iter().filter_map(|(key, value)| Some((key.name.as_str(), value.as_str()?))).collect();
        Some(Self { object, member, namespace, template, spec, containers, labels })
    }

    /// The labels of the template.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.labels.iter().copied()
    }

    /// The value of a label of the template.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// Whether the pods have a label, or one of them may get it from its controller.
    #[must_use]
    pub fn may_have_label(&self, key: &str, value: &str) -> bool {
        if key == "statefulset.kubernetes.io/pod-name" {
            let ordinal = value.strip_prefix(&self.object.key.name).and_then(|rest| rest.strip_prefix('-'));
            return self.object.key.kind == "StatefulSet"
                && ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok());
        }
        is_given_to_each(key) || self.label(key) == Some(value)
    }

    /// The declared ports of the containers that serve.
    pub fn ports(&self) -> impl Iterator<Item = &Port<'a>> {
        self.containers.iter().filter(|container| container.serves).flat_map(|container| &container.ports)
    }

    /// Whether all containers that serve declare ports, so they probably serve no others.
    #[must_use]
    pub fn declare_ports(&self) -> bool {
        self.containers.iter().filter(|container| container.serves).all(|container| !container.ports.is_empty())
    }
}

impl<'a> Container<'a> {
    fn of(node: &'a Node, serves: bool) -> Self {
        let ports = node.items_at(&["ports"]);
        let ports = ports.iter().map(|node| Port {
            node,
            name: node.get("name").and_then(Node::as_str),
            number: node.get("containerPort").and_then(number),
            protocol: node.get("protocol").and_then(Node::as_str).unwrap_or(DEFAULT_PROTOCOL),
        });
        Self { node, serves, ports: ports.collect() }
    }

    /// The ports of its probes and of its lifecycle hooks, each with the name of the field. Those of other hosts are left
    /// out.
    pub fn probed(&self) -> impl Iterator<Item = (&'static str, &'a Node)> {
        let fields = PROBES.iter().map(|key| (*key, self.node.get(key)));
        let hooks = HOOKS.iter().map(|key| (*key, self.node.find(&["lifecycle", key])));
        fields.chain(hooks).flat_map(|(key, owner)| {
            let handlers = HANDLERS.iter().filter_map(move |handler| owner?.get(handler));
            let own = handlers.filter(|handler| handler.get("host").is_none_or(|host| host.as_str() == Some("")));
            own.filter_map(move |handler| Some((key, handler.get("port")?)))
        })
    }

    /// Its name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.node.get("name").and_then(Node::as_str).unwrap_or_default()
    }
}

/// The value of a node that is an integer.
#[must_use]
pub fn number(node: &Node) -> Option<i64> {
    node.as_number()?.parse().ok()
}
