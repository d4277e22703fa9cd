//! Why an API server answers no more: what the engine says of the container that it runs in.

use std::path::Path;
use std::time::Duration;

use crate::lifecycle::{Maker, last_lines};

/// An engine that does not answer within this is as good as a stopped one.
const ANSWER: Duration = Duration::from_secs(10);

/// What became of the node.
pub(super) fn state(maker: &Maker) -> String {
    let node = maker.node();
    let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}";
    let inspect = ["container", "inspect", "--format", format, &node];
    let engine = &maker.engine;
    match engine.invocation(Path::new("/")).args(inspect).deadline(ANSWER).run() {
        Ok(output) if output.success() => told(&String::from_utf8_lossy(&output.stdout), engine.name, &node),
        Ok(output) if output.stderr.to_lowercase().contains("no such container") => {
            format!("the node's container {node} is gone: something else removed it")
        }
        Ok(output) => format!("{} does not answer: {}", engine.name, last_lines(&output.stderr, 1)),
        Err(found) => {
            let why = found.0.first().map(|one| one.message.clone()).unwrap_or_default();
            format!("{} does not answer: {why}", engine.name)
        }
    }
}

fn told(state: &str, engine: &str, node: &str) -> String {
    let mut words = state.split_whitespace();
    let (status, code, memory) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    match status {
        "running" => format!("the node runs, and its API server does not answer; `{engine} logs {node}` has more"),
        "exited" | "stopped" | "dead" => {
            let memory = if memory == Some("true") { ", out of memory" } else { "" };
            format!("the node's container {node} has ended with exit code {code}{memory}")
        }
        "paused" => format!("the node's container {node} is paused; `{engine} unpause {node}` lets it go on"),
        other => format!("the node's container {node} is {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_node_is_told() {
        assert!(told("paused 0 false\n", "docker", "n").starts_with("the node's container n is paused"));
        assert_eq!(
            told("exited 137 true\n", "docker", "n"),
            "the node's container n has ended with exit code 137, out of memory"
        );
        assert!(told("running 0 false\n", "docker", "n").starts_with("the node runs"));
    }
}
