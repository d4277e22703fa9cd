//! Logs of containers, and the line of a log that shows what is wrong.

use std::time::Duration;

use diagnostics::excerpt::excerpt;

use crate::api::{ContainerStatus, Metadata, Pod};
use crate::kubectl::Kubectl;

/// How many lines are read; fewer are shown.
const TAIL: &str = "--tail=60";

/// A line from this long before a step may still explain its failure.
const BEFORE: Duration = Duration::from_secs(5);

/// Words of log lines that report a problem, the most serious first.
const ALARMS: &[&str] =
    &["fatal", "panic", "error", "denied", "refused", "not permitted", "cannot", "unable", "warning"];

/// How many of [`ALARMS`] count however old they are.
const GRAVE: usize = 3;

/// The end of a container's log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) pod: Metadata,
    pub(super) container: String,
    /// Whether it is the log from before the last restart.
    pub(super) previous: bool,
    pub(super) text: String,
    /// The part of it that may be about the failure.
    pub(super) recent: String,
}

impl Log {
    pub(super) fn title(&self) -> String {
        let which = if self.previous { "previous" } else { "current" };
        format!("{which} log of {}, container {}", self.pod, self.container)
    }

    /// The line that shows what is wrong, and its rank. Only a grave line may be older than the step: a process may have died
    /// before anything needed it.
    pub(super) fn alarm(&self, awaited: &[&str]) -> Option<(usize, String)> {
        alarm(&self.recent, awaited).or_else(|| alarm(&self.text, awaited).filter(|(rank, _)| *rank < GRAVE))
    }
}

/// The current and previous logs of some pods.
pub(super) fn of(kubectl: &Kubectl, pods: &[&Pod], took: Duration) -> Vec<Log> {
    let containers = pods.iter().flat_map(|pod| pod.container_statuses().map(|status| (&pod.metadata, status)));
    let logs = containers.flat_map(|(pod, status)| {
        [false, true].into_iter().filter_map(move |previous| read(kubectl, pod, status, previous, took))
    });
    logs.collect()
}

fn read(kubectl: &Kubectl, pod: &Metadata, status: &ContainerStatus, previous: bool, took: Duration) -> Option<Log> {
    // A container that never ran has no log.
    if status.restart_count == 0 && (previous || status.state.waiting.is_some()) {
        return None;
    }
    let which = format!("--previous={previous}");
    let container = &status.name;
    let arguments = ["logs", &pod.name, "--namespace", &pod.namespace, "--container", container, TAIL, &which];
    let text = kubectl.output(&arguments).filter(|text| !is_substitute(text, status))?;
    // A ready container may have had problems when it started, or in earlier steps.
    let recent = if status.ready && !text.is_empty() {
        let since = format!("--since={}s", (took + BEFORE).as_secs());
        kubectl.output(&[&arguments[..], &[&since]].concat()).unwrap_or_default()
    } else {
        text.clone()
    };
    Some(Log { pod: pod.clone(), container: container.clone(), previous, text, recent })
}

/// Whether the text is the kubelet's message that the log was deleted. The message contains the ID of the container, which
/// the container cannot print itself because it does not know it.
fn is_substitute(text: &str, status: &ContainerStatus) -> bool {
    let ends = [&status.state.terminated, &status.last_state.terminated].into_iter().flatten();
    ends.into_iter().any(|end| !end.container_id.is_empty() && text.contains(&end.container_id))
}

/// The line of a log with the most serious word, and the rank of that word: 0 is the most serious. Of several such lines
/// the first, because later ones mostly follow from it. Lines with an awaited text do not count.
pub(super) fn alarm(text: &str, awaited: &[&str]) -> Option<(usize, String)> {
    let rank = |line: &str| {
        let lowercase = line.to_lowercase();
        let rank = ALARMS.iter().position(|word| lowercase.contains(word));
        rank.filter(|_| !awaited.iter().any(|text| line.contains(text)))
    };
    let lines = text.lines().filter_map(|line| Some((rank(line)?, line.trim())));
    lines.min_by_key(|(rank, _)| *rank).map(|(rank, line)| (rank, excerpt(line)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_from_before_the_step_count_only_if_they_are_grave_and_no_other_follows() {
        let log = |text: &str, recent: &str| {
            let (text, recent) = (text.to_owned(), recent.to_owned());
            Log { pod: Metadata::default(), container: String::new(), previous: false, text, recent }.alarm(&[])
        };
        assert_eq!(log("fatal: a\nwarning: b\n", "warning: b\n"), Some((8, "warning: b".to_owned())));
        assert_eq!(log("fatal: a\nwell\n", "well\n"), Some((0, "fatal: a".to_owned())));
        assert_eq!(log("refused\nwell\n", "well\n"), None);
    }

    #[test]
    fn the_first_of_the_most_serious_lines_counts() {
        let text = "warning: a\nFATAL: b\nfatal: c\nerror: d\nall is well\n";
        assert_eq!(alarm(text, &[]), Some((0, "FATAL: b".to_owned())));
        assert_eq!(alarm(text, &["fatal", "FATAL"]), Some((2, "error: d".to_owned())));
        assert_eq!(alarm("all is well\n", &[]), None);
    }

    #[test]
    fn a_sentence_of_the_kubelet_is_not_a_log() {
        let last = json!({ "terminated": { "exitCode": 1, "containerID": "containerd://0a1b" } });
        let status = serde_json::from_value(json!({ "name": "main", "lastState": last })).expect("a status");
        assert!(is_substitute("no log for containerd://0a1b", &status));
        assert!(!is_substitute("connected to containerd", &status));
        assert!(!is_substitute("anything", &ContainerStatus::default()));
    }
}
