//! Services whose selector matches no pod, and whose target ports are not ports of the pods that it matches.
//!
//! Pods that nobody can see are not missed: those of custom resources, and those of Applications that are not rendered.
//! Neither are labels that programs give to their own pods, such as the role of a database.
//!
//! A container may listen on a port that it does not declare. A number is therefore only reported if all containers
//! declare ports, none of them mentions the number, and one of the declared ports is left without a Service.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, did_you_mean, fact};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::mention;
use kubernetes::inventory::near::is_near_number;
use kubernetes::inventory::pods::{self, DEFAULT_PROTOCOL, Pods, Port};
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

use super::subject::Subject;
use super::unmatched::{self, Label};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ReferencePort, Code::SelectorUnmatched];

/// Checks the Services of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        if (object.key.group.as_str(), object.key.kind.as_str()) != ("", "Service")
            || sync_order::order(&object.root).is_none()
        {
            continue;
        }
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let Some(selector) = Selector::of_service(object) else { continue };
        let selected = view.selected(view.namespace_of(object), &selector);
        if selected.is_empty() {
            diagnostics.0.extend(unselected(&view, object, &selector));
        } else {
            for port in object.find(&["spec", "ports"]).map(Node::items).unwrap_or_default() {
                diagnostics.0.extend(target_port(&view, object, port, &selected));
            }
        }
    }
    diagnostics
}

/// How pods miss a selector.
struct Miss<'i, 'a> {
    pods: &'i Pods<'a>,
    /// Whether the target itself renders them.
    own: bool,
    /// How many labels they have.
    matched: usize,
    /// The labels that they do not have.
    labels: Vec<Label<'i>>,
}

fn miss<'i, 'a>(view: &View<'i, 'a>, pods: &'i Pods<'a>, selector: &Selector<'i>) -> Miss<'i, 'a> {
    let own: Vec<(&str, &str)> = pods.labels().collect();
    let labels = unmatched::missing(selector.nodes(), &own, |key, value| pods.may_have_label(key, value));
    Miss { pods, own: view.is_own_pods(pods), matched: selector.nodes().len() - labels.len(), labels }
}

/// The finding about a selector that matches no pod.
fn unselected(view: &View<'_, '_>, service: &Object, selector: &Selector<'_>) -> Option<Diagnostic> {
    let namespace = view.namespace_of(service);
    // The cause is the namespace of either, which `application_project` reports.
    if view.own_pods().any(|pods| pods.namespace != namespace && selector.matches(pods)) {
        return None;
    }
    let misses: Vec<Miss<'_, '_>> = view.pods(namespace).map(|pods| miss(view, pods, selector)).collect();
    // A program may give its own pods the labels that the template lacks.
    if misses.iter().any(|miss| miss.matched > 0 && miss.labels.iter().all(Label::may_be_given)) {
        return None;
    }
    let near = |miss: &Miss<'_, '_>| unmatched::is_misspelled(&miss.labels);
    let best = misses.iter().max_by_key(|miss| (near(miss), miss.matched, is_namesake(service, miss), miss.own));
    let best = best.filter(|miss| near(miss) || miss.matched > 0);
    let hidden = view.may_contain("Pod", namespace);
    let reported = match best {
        Some(miss) if near(miss) => true,
        Some(miss) => !hidden && (view.is_deployed() || miss.own),
        None => !hidden && view.is_deployed(),
    };
    reported.then(|| finding(service, best))
}

/// Whether a workload of the same target has the name of the Service.
fn is_namesake(service: &Object, miss: &Miss<'_, '_>) -> bool {
    miss.own && miss.pods.object.key.name == service.key.name
}

fn finding(service: &Object, best: Option<&Miss<'_, '_>>) -> Diagnostic {
    describe(service, best).fact(Fact::NoPods)
}

fn describe(service: &Object, best: Option<&Miss<'_, '_>>) -> Diagnostic {
    let message = format!("`spec.selector` of {} matches no pod", service.title());
    let code = Code::SelectorUnmatched;
    let Some((miss, label)) = best.and_then(|miss| Some((miss, miss.labels.first()?))) else {
        let place = service.find(&["spec"]).unwrap_or(&service.root).key_place("selector");
        let found = service.finding(code, message, place, "no pod in this namespace has these labels");
        return found.help("use the labels of the pods that the Service is for, or render these pods");
    };
    let owner = miss.pods.object.title();
    let Some((key, value)) = label.instead else {
        let found = service.finding(code, message, label.node.place(), format!("{owner} has no label `{}`", label.key));
        let labels = miss.pods.template.find(&["metadata"]).unwrap_or(miss.pods.template).key_place("labels");
        return found
            .at(labels, "labels of its pods")
            .help(format!("add the label to the pods of {owner}, or remove it from the selector"));
    };
    let there = miss.pods.template.find(&["metadata", "labels"]).unwrap_or(miss.pods.template);
    if key == label.key {
        let has = there.get(key).unwrap_or(there).place();
        let found = service.finding(code, message, label.node.place(), format!("{owner} has `{value}`"));
        let help =
            if label.near { did_you_mean(value) } else { format!("use `{value}`, as the pods of {owner}").into() };
        found.at(has, "label of its pods").help(help)
    } else {
        let selector = service.find(&["spec", "selector"]).unwrap_or(&service.root);
        let found = service.finding(code, message, selector.key_place(label.key), format!("{owner} has no such label"));
        found.at(there.key_place(key), "label of its pods").help(did_you_mean(key))
    }
}

/// Where a port of a Service leads to.
#[derive(Clone, Copy)]
enum Aim<'a> {
    Name(&'a str),
    Number(i64),
}

impl<'a> Aim<'a> {
    /// The target of a port, with the node that sets it.
    fn of(port: &'a Node) -> Option<(Self, &'a Node)> {
        let node = port.get("targetPort").filter(|node| !matches!(node.value, document::Value::Null));
        let node = node.or_else(|| port.get("port"))?;
        let aim = node.as_str().map(Aim::Name).or_else(|| pods::number(node).map(Aim::Number))?;
        Some((aim, node))
    }

    fn is(self, port: &Port<'_>) -> bool {
        match self {
            Aim::Name(name) => port.name == Some(name),
            Aim::Number(number) => port.number == Some(number),
        }
    }
}

const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];

fn protocol(port: &Node) -> &str {
    port.get("protocol").and_then(Node::as_str).unwrap_or(DEFAULT_PROTOCOL)
}

/// Checks the target of a port of a Service that selects pods.
fn target_port(view: &View<'_, '_>, service: &Object, port: &Node, selected: &[&Pods<'_>]) -> Option<Diagnostic> {
    let (aim, node) = Aim::of(port)?;
    let protocol = protocol(port);
    match aim {
        // 0 and numeric texts are invalid, which is reported elsewhere.
        Aim::Name(name) if kubernetes::forms::port(name).is_some() || is_injected(name) => None,
        Aim::Name(name) => {
            let found = selected.iter().flat_map(|pods| pods.ports());
            let found: Vec<&Port<'_>> = found.filter(|port| aim.is(port)).collect();
            // An invalid protocol is reported elsewhere.
            if found.iter().any(|port| port.protocol == protocol || !PROTOCOLS.contains(&port.protocol)) {
                return selected.iter().find_map(|pods| ambiguous(service, node, name, protocol, pods));
            }
            Some(unknown_name(service, node, name, found.first().copied(), selected))
        }
        Aim::Number(number) => unknown_number(view, service, node, (number, protocol), selected),
    }
}

/// Names of ports of containers that service meshes inject.
fn is_injected(name: &str) -> bool {
    name == "http-envoy-prom" || name.starts_with("linkerd-")
}

fn unknown_name(
    service: &Object,
    node: &Node,
    name: &str,
    other_protocol: Option<&Port<'_>>,
    selected: &[&Pods<'_>],
) -> Diagnostic {
    let owner = selected.first().map(|pods| pods.object.title()).unwrap_or_default();
    let message = format!("target port `{name}` of {} is not a port of its pods", service.title());
    let code = Code::ReferencePort;
    let missing = Fact::missing(fact::TARGET_PORT, name);
    if let Some(port) = other_protocol {
        let found = service.finding(code, message, node.place(), "another protocol").fact(missing);
        let there = port.node.get("name").unwrap_or(port.node).place();
        return found
            .at(there, format!("port of {owner} with the protocol {}", port.protocol))
            .help(format!("set `protocol: {}` for this port of the Service", port.protocol));
    }
    let with_names: Vec<&Port<'_>> =
        selected.iter().flat_map(|pods| pods.ports()).filter(|port| port.name.is_some()).collect();
    let names = || with_names.iter().filter_map(|port| port.name);
    let found = service.finding(code, message, node.place(), format!("no container of {owner} has this port"));
    let found = found.fact(missing);
    let near = diagnostics::nearest(name, names());
    let there = near.and_then(|near| with_names.iter().find(|port| port.name == Some(near))).or(with_names.first());
    let found = match there {
        Some(port) => found.at(port.node.get("name").unwrap_or(port.node).place(), "port of its pods"),
        None => match selected.first().and_then(|pods| pods.containers.iter().find(|container| container.serves)) {
            Some(container) => found.at(container.node.key_place("name"), "this container declares no port by name"),
            None => found,
        },
    };
    let mut known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    known.sort();
    known.dedup();
    found.help(match near {
        Some(near) => did_you_mean(near),
        None if known.is_empty() => "use the number of the port, or name the port in the container".into(),
        None => Help::from(format!("use one of the ports of the pods: {}", known.join(", "))).naming(names()),
    })
}

/// Kubernetes uses the first container port of a name only.
fn ambiguous(service: &Object, node: &Node, name: &str, protocol: &str, pods: &Pods<'_>) -> Option<Diagnostic> {
    let mut ports = pods.ports().filter(|port| port.name == Some(name) && port.protocol == protocol);
    let first = ports.next()?;
    let second = ports.find(|port| port.number != first.number)?;
    let message = format!("target port `{name}` of {} is ambiguous", service.title());
    let place = |port: &Port<'_>| port.node.get("name").unwrap_or(port.node).place();
    let found = service.finding(Code::ReferencePort, message, node.place(), "names two container ports");
    let found = found.fact(Fact::Known(name.to_owned()));
    Some(
        found
            .at(place(first), "used by the Service")
            .at(place(second), "not used")
            .help("rename one of the two container ports"),
    )
}

/// The port on which the webhooks of most controllers listen, without that their containers declare it.
const WEBHOOK: i64 = 9443;

/// The finding about a number that is not a port of the pods, if it is most likely wrong.
fn unknown_number(
    view: &View<'_, '_>,
    service: &Object,
    node: &Node,
    (number, protocol): (i64, &str),
    selected: &[&Pods<'_>],
) -> Option<Diagnostic> {
    // Nobody connects through the target port of a headless Service.
    let headless = service.find(&["spec", "clusterIP"]).and_then(Node::as_str) == Some("None");
    let known =
        number == WEBHOOK || selected.iter().flat_map(|pods| pods.ports()).any(|port| port.number == Some(number));
    let declared = selected.iter().all(|pods| pods.declare_ports());
    if headless || known || !declared || selected.iter().any(|pods| mentions(pods, number)) {
        return None;
    }
    let resolves = resolves(service, selected);
    // A port for probes or metrics needs no Service, unless the Service leads to nearly that number, or nowhere else.
    let wanted = |pods: &Pods<'_>, port: &Port<'_>| {
        let near = port.number.is_some_and(|known| is_near_number(number, known));
        let observed = port.name.is_some_and(is_for_observers) || resolves && is_probed(pods, port);
        port.protocol == protocol && (near || !observed)
    };
    let (owner, port) =
        selected.iter().find_map(|pods| Some((pods.object.title(), unreached(view, pods, &wanted)?)))?;
    let message = format!("target port {number} of {} is not a port of its pods", service.title());
    let label = format!("no container of {owner} declares this port");
    let what = port.name.map(|name| format!("`{name}`")).or(port.number.map(|number| number.to_string()))?;
    let place = port.node.get("containerPort").unwrap_or(port.node).place();
    let found = service.finding(Code::ReferencePort, message, node.place(), label);
    Some(
        found.at(place, "no Service leads to this port of the pods").help(
            Help::from(format!("set `targetPort` to {what}, or declare the port in the container that listens on it"))
                .naming(port.name),
        ),
    )
}

/// Whether a container of pods mentions a number, or probes it: it probably listens on that port.
fn mentions(pods: &Pods<'_>, number: i64) -> bool {
    let text = number.to_string();
    pods.containers.iter().any(|container| {
        mention::words(container.node).any(|words| mention::has_word(words, &text))
            || container.probed().any(|(_, port)| pods::number(port) == Some(number))
    })
}

/// Whether a port of a Service is one of its pods.
fn resolves(service: &Object, selected: &[&Pods<'_>]) -> bool {
    let ports = service.find(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    let mut aims = ports.iter().filter_map(|port| Some((Aim::of(port)?.0, protocol(port))));
    let known = |(aim, protocol): (Aim<'_>, &str)| {
        selected.iter().flat_map(|pods| pods.ports()).any(|port| port.protocol == protocol && aim.is(port))
    };
    aims.any(known)
}

/// Whether the name of a port says that it is for probes or metrics.
fn is_for_observers(name: &str) -> bool {
    ["health", "live", "metrics", "probe", "ready"].iter().any(|word| name.contains(word))
}

/// Whether a probe of pods uses a port.
fn is_probed(pods: &Pods<'_>, port: &Port<'_>) -> bool {
    pods.containers.iter().flat_map(pods::Container::probed).any(|(_, node)| {
        let named = node.as_str().is_some_and(|name| port.name == Some(name));
        named || pods::number(node).is_some() && pods::number(node) == port.number
    })
}

/// A declared port of pods that is wanted, and that no Service leads to.
fn unreached<'i, 'a>(
    view: &View<'_, '_>,
    pods: &'i Pods<'a>,
    wanted: &dyn Fn(&Pods<'_>, &Port<'_>) -> bool,
) -> Option<&'i Port<'a>> {
    let services = view.services_of(pods);
    let ports = services.iter().filter_map(|service| service.object.find(&["spec", "ports"])).flat_map(Node::items);
    let aims: Vec<(Aim<'_>, &str)> = ports.filter_map(|port| Some((Aim::of(port)?.0, protocol(port)))).collect();
    let reached = |port: &Port<'_>| aims.iter().any(|(aim, protocol)| *protocol == port.protocol && aim.is(port));
    pods.ports().find(|port| !reached(port) && wanted(pods, port))
}
