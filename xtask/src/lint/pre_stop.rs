//! preStop hooks that sleep longer than the grace period of their pod.
//!
//! The grace period includes the hook. When it ends, the kubelet kills the container, two seconds after the signal that asks it
//! to stop. The API server rejects such a `sleep` handler, but knows nothing about commands.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::inventory::pods::number;
use kubernetes::object::Object;
use kubernetes::shell::{is_shell, takes_script};
use kubernetes::workload;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PreStopTooLong];

/// The default of `terminationGracePeriodSeconds`.
const GRACE_PERIOD: i64 = 30;

/// Checks the preStop hooks of every workload.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let applied = subject.objects.iter().filter(|object| sync_order::order(&object.root).is_some());
    Diagnostics(applied.flat_map(findings).collect())
}

fn findings(object: &Object) -> Vec<Diagnostic> {
    let Some(spec) = workload::pod_spec(object) else { return Vec::new() };
    let set = spec.get("terminationGracePeriodSeconds");
    let grace = set.and_then(number).unwrap_or(GRACE_PERIOD);
    let containers = ["initContainers", "containers"].into_iter().filter_map(|list| spec.get(list));
    let hooks = containers.flat_map(Node::items).filter_map(|container| {
        let command = container.find(&["lifecycle", "preStop", "exec", "command"])?;
        Some((container.get("name").and_then(Node::as_str).unwrap_or_default(), seconds(command.items())?))
    });
    let found = hooks.filter(|(_, (seconds, _))| *seconds > grace).map(|(container, (seconds, node))| {
        let message = format!(
            "preStop hook of container `{container}` in {} sleeps longer than the grace period",
            object.title()
        );
        let found = object.finding(Code::PreStopTooLong, message, node.place(), format!("sleeps {seconds} s"));
        let found = match set {
            Some(node) => found.at(node.place(), "grace period, which includes the hook"),
            None => found.note(format!("`terminationGracePeriodSeconds` is {GRACE_PERIOD} by default")),
        };
        found
            .note("the kubelet kills the container before it can shut down")
            .help(format!("set `terminationGracePeriodSeconds` to more than {seconds}, or shorten the sleep"))
    });
    found.collect()
}

/// How long a command sleeps at least, with the node that says so: `sleep 40`, or a script of a shell that begins with it.
fn seconds(command: &[Node]) -> Option<(i64, &Node)> {
    let (program, rest) = command.split_first()?;
    let program = program.as_str()?;
    if program.rsplit('/').next() == Some("sleep") {
        let node = rest.first()?;
        return Some((duration(node.as_str()?)?, node));
    }
    let (flag, script) = (rest.first()?.as_str()?, rest.get(1)?);
    if !is_shell(program) || !takes_script(flag) {
        return None;
    }
    // Without control flow, the statements before the end of the script run one after the other.
    let statements = script.as_str()?.split([';', '\n', '&']).map(str::trim).filter(|statement| !statement.is_empty());
    let mut total: i64 = 0;
    for statement in statements {
        let words: Vec<&str> = statement.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["if" | "while" | "until" | "for" | "case" | "trap" | "exit" | "exec" | "{" | "(", ..] => break,
            [program, time] if program.rsplit('/').next() == Some("sleep") => {
                total = total.checked_add(duration(time)?)?;
            }
            _ => {}
        }
    }
    (total > 0).then_some((total, script))
}

/// A duration of sleep in seconds: a whole number, with or without a unit.
fn duration(text: &str) -> Option<i64> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(digits) => (digits, &text[digits.len()..]),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 86_400,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_sleep_are_recognized() {
        let seconds = |words: &[&str]| {
            let command: Vec<Node> = words.iter().map(|word| Node::string(word)).collect();
            super::seconds(&command).map(|(seconds, _)| seconds)
        };
        assert_eq!(seconds(&["sleep", "40"]), Some(40));
        assert_eq!(seconds(&["/bin/sleep", "2m"]), Some(120));
        assert_eq!(seconds(&["/bin/sh", "-c", "sleep 40"]), Some(40));
        assert_eq!(seconds(&["bash", "-ec", "nginx -s quit; sleep 20 && sleep 15s"]), Some(35));
        assert_eq!(seconds(&["sh", "-c", "sleep $DELAY"]), None);
        assert_eq!(seconds(&["sh", "-c", "if true; then sleep 90; fi"]), None);
        assert_eq!(seconds(&["sh", "-c", "while pgrep x; do sleep 90; done"]), None);
        assert_eq!(seconds(&["sleep", "99999999999999999d"]), None);
        assert_eq!(seconds(&["python", "-c", "sleep 90"]), None);
        assert_eq!(seconds(&[]), None);
    }
}
