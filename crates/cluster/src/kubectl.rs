//! kubectl, always toward our own cluster: its kubeconfig is named each time, and its home is ours, so that neither the
//! user's contexts nor their preferences nor their cache are read or written.
//!
//! Deliberately absent: what the answers mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use diagnostics::{Code, Diagnostic, Result};
use toolbox::process::{Invocation, Output};
use toolbox::whole;

/// A request that takes longer than this gets no answer any more.
const REQUEST: Duration = Duration::from_secs(20);

/// kubectl and the cluster that it talks to.
#[derive(Debug, Clone)]
pub struct Kubectl {
    /// The program, absolute.
    pub program: PathBuf,
    /// The kubeconfig of our cluster.
    pub kubeconfig: PathBuf,
    /// The folder that is its home.
    pub home: PathBuf,
}

impl Kubectl {
    /// kubectl about to run.
    #[must_use]
    pub fn invocation(&self) -> Invocation {
        self.aimed(Invocation::new(&self.program, &self.home)).args([
            "--kubeconfig".into(),
            self.kubeconfig.clone().into_os_string(),
            "--cache-dir".into(),
            self.home.join("cache").into_os_string(),
        ])
    }

    /// A program with an environment that points at our cluster and at nothing of the user's.
    #[must_use]
    pub fn aimed(&self, invocation: Invocation) -> Invocation {
        // Through a proxy the API server on this machine could not be reached.
        let direct = "127.0.0.1,localhost,::1,host.docker.internal";
        invocation
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .env("KUBERC", "off")
            // Most calls end before their garbage is worth collecting: that saves a fifth of their processor time.
            .env("GOGC", "400")
            .env("NO_PROXY", direct)
            .env("no_proxy", direct)
    }

    /// The same for objects that name no namespace, which are meant for this one. `--namespace` would refuse manifests
    /// in which others name another, and an application may hold such.
    pub fn within(&self, namespace: &str) -> Result<Self> {
        let failed = |error: &std::io::Error| Diagnostic::io("read", &self.kubeconfig, error);
        let text = std::fs::read_to_string(&self.kubeconfig).map_err(|error| failed(&error))?;
        let text = text.replacen("- context:\n", &format!("- context:\n    namespace: {namespace}\n"), 1);
        let kubeconfig = self.home.join("contexts").join(namespace);
        if std::fs::read_to_string(&kubeconfig).ok().as_ref() != Some(&text) {
            whole::write(&kubeconfig, text.as_bytes())?;
        }
        Ok(Self { kubeconfig, ..self.clone() })
    }

    /// Runs it; an exit code other than 0 is an error.
    pub fn run<S: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output> {
        checked(&self.invocation().args(args))
    }

    /// Whether it may talk to this API server: Kubernetes promises that for one minor version in between.
    pub fn check_version(&self) -> Result<()> {
        let output = self.run(["version", "--output", "json"])?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let text = |which: &str| answer[which]["gitVersion"].as_str().unwrap_or_default().to_owned();
        judge_versions(&text("clientVersion"), &text("serverVersion"))
    }

    /// What the API server answers at a path, as JSON.
    pub fn get(&self, path: &str) -> Result<Value> {
        let invocation = self.invocation().args(["get", "--raw", path, "--request-timeout=10s"]).deadline(REQUEST);
        let output = checked(&invocation)?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            Diagnostic::new(Code::ClusterFailed, format!("the API server answered `{path}` with no JSON: {error}"))
                .into()
        })
    }
}

fn judge_versions(client: &str, server: &str) -> Result<()> {
    let minor = |version: &str| version.split('.').nth(1)?.parse::<u64>().ok();
    let (Some(own), Some(other)) = (minor(client), minor(server)) else { return Ok(()) };
    if own.abs_diff(other) <= 1 {
        return Ok(());
    }
    let message =
        format!("kubectl {client} is {} minor versions away from the API server {server}", own.abs_diff(other));
    Err(Diagnostic::new(Code::ClusterRefused, message)
        .note("it works with servers that are at most one away")
        .help("set `kubectl` under [tools] in charts.toml, or the image of the node, so that they are near each other")
        .into())
}

/// Runs a program; an exit code other than 0 is an error with what it said and how to repeat it.
pub fn checked(invocation: &Invocation) -> Result<Output> {
    let output = invocation.run()?;
    if output.success() {
        return Ok(output);
    }
    let name = Path::new(&invocation.program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let code = output.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}"));
    Err(Diagnostic::new(Code::ClusterFailed, format!("`{name}` ended {code}"))
        .note(output.stderr.trim().to_owned())
        .note(format!("command: {}", invocation.command_line()))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_may_be_one_minor_version_away_and_no_more() {
        for (client, server) in
            [("v1.34.11", "v1.34.4"), ("v1.35.0", "v1.34.4"), ("v1.33.1", "v1.34.4"), ("", "v1.34.4")]
        {
            assert!(judge_versions(client, server).is_ok(), "{client} {server}");
        }
        let error = judge_versions("v1.34.11", "v1.31.0").expect_err("too far");
        assert_eq!(error.0[0].message, "kubectl v1.34.11 is 3 minor versions away from the API server v1.31.0");
        assert!(!error.0[0].helps.is_empty());
    }
}
