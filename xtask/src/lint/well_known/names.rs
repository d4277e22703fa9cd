//! Names that nothing refuses, and that mean something else if they are misspelled: the time zone in the variable `TZ`, which
//! becomes UTC, and the scheduler, without which no pod is scheduled.

use diagnostics::{Code, Diagnostic, did_you_mean, nearest_within};
use document::Node;
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;
use kubernetes::time_zone;

const SCHEDULER: &str = "default-scheduler";

/// The findings about the pods of an object.
pub(super) fn misspelled(object: &Object, pods: &Pods<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let report = |message: String, node: &Node, label: &str, near: &str| {
        let found = object.finding(Code::KeyMisspelled, message, node.place(), label);
        found.help(did_you_mean(near))
    };
    let scheduler = pods.spec.get("schedulerName").and_then(|node| Some((node, node.as_str()?)));
    if let Some((node, name)) = scheduler.filter(|(_, name)| *name != SCHEDULER)
        && let Some(near) = nearest_within(name, 2, [SCHEDULER])
    {
        let message = format!("unknown scheduler `{name}` in {}", object.title());
        found.push(report(message, node, "no pod is scheduled", near));
    }
    for container in &pods.containers {
        let variables = container.node.items_at(&["env"]).iter();
        let zones = variables.filter(|one| one.get("name").and_then(Node::as_str) == Some("TZ"));
        for (node, zone) in zones.filter_map(|one| Some((one.get("value")?, one.get("value")?.as_str()?))) {
            if let Some(near) = time_zone::near(zone) {
                let message = format!("unknown time zone `{zone}` in {}", object.title());
                found.push(report(message, node, "programs use UTC instead", near));
            }
        }
    }
    found
}
