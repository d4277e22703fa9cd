//! Why the API server is unreachable, according to the engine that runs the node's container.

use std::path::Path;
use std::time::Duration;

use diagnostics::excerpt::last_lines;
use serde::Deserialize;
use toolbox::process::{Invocation, Output};

use crate::lifecycle::Provisioner;

/// An engine that does not answer within this time counts as stopped.
const ANSWER: Duration = Duration::from_secs(10);

/// The state of a container, as `docker container inspect` and `podman container inspect` print it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    status: String,
    exit_code: i64,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
}

/// The state of the node's container, in words.
pub(super) fn state(provisioner: &Provisioner) -> String {
    let (engine, node) = (&provisioner.engine, provisioner.node());
    let ask = |args: &[&str]| {
        answer(&engine.invocation(Path::new("/")).args(args.iter().copied()).deadline(ANSWER))
            .map_err(|why| format!("{} does not answer: {why}", engine.name))
    };
    let list = ask(&["ps", "--all", "--quiet", "--filter", &format!("name=^{node}$")]);
    match list {
        Err(why) => return why,
        Ok(list) if list.stdout.trim_ascii().is_empty() => {
            return format!("the node's container {node} no longer exists: another program removed it");
        }
        Ok(_) => {}
    }
    match ask(&["container", "inspect", "--format", "{{json .State}}", &node]) {
        Err(why) => why,
        Ok(output) => describe(&serde_json::from_slice(&output.stdout).unwrap_or_default(), engine.name, &node),
    }
}

/// The output of a program; the error is the reason that there is none.
fn answer(invocation: &Invocation) -> Result<Output, String> {
    match invocation.run() {
        Ok(output) if output.success() => Ok(output),
        Ok(output) => Err(last_lines(&output.stderr, 1)),
        Err(found) => Err(found.0.into_iter().next().map(|one| one.message).unwrap_or_default()),
    }
}

fn describe(state: &State, engine: &str, node: &str) -> String {
    match state.status.as_str() {
        "running" => format!("the node is running, but its API server does not answer; see `{engine} logs {node}`"),
        "exited" | "stopped" | "dead" => {
            let memory = if state.oom_killed { ", out of memory" } else { "" };
            format!("the node's container {node} has exited with code {}{memory}", state.exit_code)
        }
        "paused" => format!("the node's container {node} is paused; to resume it, run `{engine} unpause {node}`"),
        "" => format!("the state of the node's container {node} is unknown"),
        other => format!("the node's container {node} is {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_node_is_described() {
        let described = |json: &str| describe(&serde_json::from_str(json).expect("a state"), "docker", "n");
        assert!(described(r#"{"Status": "paused", "Paused": true}"#).starts_with("the node's container n is paused"));
        assert_eq!(
            described(r#"{"Status": "exited", "ExitCode": 137, "OOMKilled": true}"#),
            "the node's container n has exited with code 137, out of memory"
        );
        assert!(described(r#"{"Status": "running", "ExitCode": 0}"#).starts_with("the node is running"));
    }
}
