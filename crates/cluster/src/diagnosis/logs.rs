//! What containers wrote, and the line of it that says what is wrong.

use std::time::Duration;

use serde_json::Value;

use crate::diagnosis::{ask, place};
use crate::kubectl::Kubectl;

/// How many lines are read; fewer are shown.
const TAIL: &str = "--tail=60";

/// What was written so long before a step may still be why it failed.
const BEFORE: Duration = Duration::from_secs(5);

/// What a node says instead of a log that it has thrown away.
const NO_LOG: &str = "unable to retrieve container logs";

/// What words in a log say that something is wrong, the worst first.
const ALARMS: &[&str] =
    &["fatal", "panic", "error", "denied", "refused", "not permitted", "cannot", "unable", "warning"];

/// The end of what a container wrote.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    /// Whether it is that of the container before its last restart.
    pub(super) previous: bool,
    pub(super) text: String,
    /// What of it may be about the failure.
    pub(super) recent: String,
}

impl Log {
    pub(super) fn title(&self) -> String {
        let which = if self.previous { "previous" } else { "current" };
        format!("{which} log of {}/{}, container {}", self.namespace, self.pod, self.container)
    }

    /// The line that says what is wrong, and how bad it is. A program that died before may be missed only now.
    pub(super) fn alarm(&self, awaited: &[&str]) -> Option<(usize, String)> {
        alarm(&self.recent, awaited).or_else(|| alarm(&self.text, awaited).filter(|(rank, _)| *rank < GRAVE))
    }
}

/// How many of [`ALARMS`] count whenever they came.
const GRAVE: usize = 3;

/// The logs of some pods, present and previous.
pub(super) fn of(kubectl: &Kubectl, pods: &[&Value], took: Duration) -> Vec<Log> {
    let mut logs = Vec::new();
    for pod in pods {
        let (namespace, name) = place(pod);
        let statuses = ["initContainerStatuses", "containerStatuses"];
        for status in statuses.iter().flat_map(|key| pod["status"][*key].as_array().into_iter().flatten()) {
            let container = status["name"].as_str().unwrap_or_default();
            let restarts = status["restartCount"].as_i64().unwrap_or_default();
            // Of what never ran there is no log, and to ask for one is an error.
            let ran = restarts > 0 || status["state"]["waiting"].is_null();
            for previous in [false, true] {
                if !ran || (previous && restarts == 0) {
                    continue;
                }
                let which = format!("--previous={previous}");
                let logs_of = ["logs", &name, "--namespace", &namespace, "--container", container, TAIL, &which];
                let text = ask(kubectl, &logs_of).filter(|text| !text.starts_with(NO_LOG));
                let Some(text) = text else { continue };
                // What is well now had its troubles when it started, or in the steps before.
                let recent = if status["ready"] == true && !text.is_empty() {
                    let since = format!("--since={}s", (took + BEFORE).as_secs());
                    ask(kubectl, &[&logs_of[..], &[&since]].concat()).unwrap_or_default()
                } else {
                    text.clone()
                };
                let (namespace, pod, container) = (namespace.clone(), name.clone(), container.to_owned());
                logs.push(Log { namespace, pod, container, previous, text, recent });
            }
        }
    }
    logs
}

/// The worst line of a log, the first of those, and how bad it is: 0 is the worst. What comes later mostly follows from
/// it. What is waited for is not bad.
pub(super) fn alarm(text: &str, awaited: &[&str]) -> Option<(usize, String)> {
    let rank = |line: &str| {
        let small = line.to_lowercase();
        ALARMS.iter().position(|word| small.contains(word)).filter(|_| !awaited.iter().any(|own| line.contains(own)))
    };
    let lines = text.lines().filter_map(|line| Some((rank(line)?, line.trim().to_owned())));
    lines.min_by_key(|(rank, _)| *rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_step_counts_only_where_it_is_grave_and_nothing_came_since() {
        let log = |text: &str, recent: &str| {
            let text = text.to_owned();
            let (namespace, pod, container) = (String::new(), String::new(), String::new());
            Log { namespace, pod, container, previous: false, text, recent: recent.to_owned() }.alarm(&[])
        };
        assert_eq!(log("fatal: a\nwarning: b\n", "warning: b\n"), Some((8, "warning: b".to_owned())));
        assert_eq!(log("fatal: a\nwell\n", "well\n"), Some((0, "fatal: a".to_owned())));
        assert_eq!(log("refused\nwell\n", "well\n"), None);
    }

    #[test]
    fn the_worst_line_counts_and_of_those_the_first() {
        let text = "warning: a\nFATAL: b\nfatal: c\nerror: d\nall is well\n";
        assert_eq!(alarm(text, &[]), Some((0, "FATAL: b".to_owned())));
        assert_eq!(alarm(text, &["fatal", "FATAL"]), Some((2, "error: d".to_owned())));
        assert_eq!(alarm("all is well\n", &[]), None);
    }
}
