//! Fields of pods that the API server accepts, and with which the scheduler or the kubelet does not start them.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::inventory::pods::{Pods, number};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PodUnstartable];

/// Decimal numbers that are file modes only if they are read as octal ones. As decimal numbers, they are modes such as
/// 0620, which nobody wants; larger ones are refused.
const OCTAL: &[i64] = &[400, 440, 444, 500];

/// Checks the pods of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (_, pods) in subject.workloads() {
        let object = pods.object;
        diagnostics.0.extend(root_user(pods));
        diagnostics.0.extend(comparisons(object, pods.spec));
        for volume in pods.spec.items_at(&["volumes"]) {
            diagnostics.0.extend(medium(object, volume));
            diagnostics.0.extend(modes(object, volume));
        }
    }
    diagnostics
}

/// A container that must not run as root, and runs as root.
fn root_user(pods: &Pods<'_>) -> Option<Diagnostic> {
    let context = pods.spec.get("securityContext");
    pods.containers.iter().find_map(|container| {
        let field = |key: &str| {
            let own = container.node.find(&["securityContext", key]);
            own.or_else(|| context.and_then(|context| context.get(key)))
                .filter(|node| !matches!(node.value, Value::Null))
        };
        let user = field("runAsUser").filter(|node| number(node) == Some(0))?;
        let forbidden = field("runAsNonRoot").filter(|node| matches!(node.value, Value::Bool(true)))?;
        let title = pods.object.title();
        let message = format!("container `{}` of {title} runs as root, which `runAsNonRoot` forbids", container.name());
        let found = pods.object.finding(Code::PodUnstartable, message, user.place(), "the user root");
        let found = found.at(forbidden.place(), "the kubelet does not start a container that runs as root");
        Some(found.help("set `runAsUser` to a non-root user, or remove it to use the user of the image"))
    })
}

/// Comparisons of labels of nodes with what is not a number.
fn comparisons(object: &Object, spec: &Node) -> Vec<Diagnostic> {
    let affinity = spec.find(&["affinity", "nodeAffinity"]);
    let list = |path: &[&str]| affinity.map(|node| node.items_at(path)).unwrap_or_default().iter();
    let required = list(&["requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"]);
    let preferred = list(&["preferredDuringSchedulingIgnoredDuringExecution"]);
    let terms = required.chain(preferred.filter_map(|one| one.get("preference")));
    let compares = |one: &&Node| matches!(one.get("operator").and_then(Node::as_str), Some("Gt" | "Lt"));
    let values = terms
        .flat_map(|term| term.items_at(&["matchExpressions"]))
        .filter(compares)
        .flat_map(|one| one.items_at(&["values"]).iter().map(move |value| (one, value)));
    let wrong = values.filter_map(|(one, value)| Some((one, value, value.as_str()?)));
    let wrong = wrong.filter(|(.., text)| text.parse::<i64>().is_err());
    let found = wrong.map(|(one, value, text)| {
        let operator = one.get("operator").and_then(Node::as_str).unwrap_or_default();
        let message =
            format!("the node affinity of {} compares with `{text}`, which is not an integer", object.title());
        let label = "the scheduler cannot place the pods";
        let found = object.finding(Code::PodUnstartable, message, value.place(), label);
        found.help(format!("`{operator}` compares integers; for other values, use `In` or `NotIn`"))
    });
    found.collect()
}

/// An `emptyDir` with a medium that does not exist.
fn medium(object: &Object, volume: &Node) -> Option<Diagnostic> {
    let node = volume.find(&["emptyDir", "medium"])?;
    let medium =
        node.as_str().filter(|text| !text.is_empty() && *text != "Memory" && !text.starts_with("HugePages"))?;
    let message = format!("`medium: {medium}` of {} is unknown", object.title());
    let found = object.finding(Code::PodUnstartable, message, node.place(), "the kubelet cannot mount the volume");
    Some(found.help("use `Memory`, or remove the field for the disk of the node"))
}

/// File modes of a volume that are meant to be octal.
fn modes(object: &Object, volume: &Node) -> Vec<Diagnostic> {
    let sources = ["configMap", "secret", "downwardAPI", "projected"].iter().filter_map(|kind| volume.get(kind));
    let nodes = sources.flat_map(|source| {
        let items = source.items_at(&["items"]).iter().filter_map(|item| item.get("mode"));
        source.get("defaultMode").into_iter().chain(items)
    });
    let decimal = nodes.filter_map(|node| Some((node, number(node).filter(|mode| OCTAL.contains(mode))?)));
    let found = decimal.map(|(node, mode)| {
        let message = format!("the file mode {mode} of a volume of {} is decimal", object.title());
        let found = object.finding(Code::PodUnstartable, message, node.place(), format!("is the octal mode 0{mode:o}"));
        let octal = i64::from_str_radix(&mode.to_string(), 8).unwrap_or(mode);
        found.help(format!("write `0{mode}`, or as a decimal number {octal}"))
    });
    found.collect()
}
