//! kubectl, always with the kubeconfig of our own cluster and with a home directory of ours: the user's contexts,
//! preferences, and cache are neither read nor written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolbox::atomic_file;
use toolbox::process::{Invocation, Output};

/// The deadline of a request. The API server usually answers within a second.
const REQUEST: Duration = Duration::from_secs(20);

/// kubectl for one cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    /// The program, absolute.
    pub program: PathBuf,
    /// The kubeconfig of the cluster.
    pub kubeconfig: PathBuf,
    /// Its home directory.
    pub home: PathBuf,
}

impl Kubectl {
    /// An invocation of kubectl.
    #[must_use]
    pub fn invocation(&self) -> Invocation {
        self.aimed(Invocation::new(&self.program, &self.home)).args([
            "--kubeconfig".into(),
            self.kubeconfig.clone().into_os_string(),
            "--cache-dir".into(),
            self.home.join("cache").into_os_string(),
        ])
    }

    /// An invocation of any program, with an environment that points to this cluster and to nothing of the user's.
    #[must_use]
    pub(crate) fn aimed(&self, invocation: Invocation) -> Invocation {
        // The API server on this machine cannot be reached through a proxy.
        let direct = "127.0.0.1,localhost,::1,host.docker.internal";
        invocation
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .env("KUBERC", "off")
            // Most calls end before a garbage collection pays off: this saves a fifth of their processor time.
            .env("GOGC", "400")
            .env("NO_PROXY", direct)
            .env("no_proxy", direct)
    }

    /// kubectl with another default namespace. `--namespace` would not do: with it, kubectl rejects manifests that name
    /// any other namespace, and an application may contain such manifests.
    pub fn within(&self, namespace: &str) -> Result<Self> {
        let failed = |error: &std::io::Error| Diagnostic::io("read", &self.kubeconfig, error);
        let text = toolbox::regular_file::read_to_string(&self.kubeconfig).map_err(|error| failed(&error))?;
        let text = text.replacen("- context:\n", &format!("- context:\n    namespace: {namespace}\n"), 1);
        let kubeconfig = self.home.join("contexts").join(namespace);
        if toolbox::regular_file::read_to_string(&kubeconfig).ok().as_ref() != Some(&text) {
            atomic_file::write(&kubeconfig, text.as_bytes())?;
        }
        Ok(Self { kubeconfig, ..self.clone() })
    }

    /// Checks kubectl's version against the API server's: Kubernetes supports a skew of one minor version.
    pub(crate) fn check_version(&self) -> Result<()> {
        let versions: Versions = self.json(&self.invocation().args(["version", "--output", "json"]))?;
        check_skew(&versions.client_version.git_version, &versions.server_version.git_version)
    }

    /// The API server's answer at a path.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let arguments = ["get", "--raw", path, "--request-timeout=10s"];
        self.json(&self.invocation().args(arguments).deadline(REQUEST))
    }

    /// What an invocation of kubectl prints, which has to be JSON.
    pub fn json<T: DeserializeOwned>(&self, invocation: &Invocation) -> Result<T> {
        parse(invocation, &checked(invocation)?)
    }

    /// What kubectl prints; `None` if it fails.
    pub(crate) fn output(&self, args: &[&str]) -> Option<String> {
        let output = self.invocation().args(args.iter().copied()).deadline(Duration::from_secs(10)).run().ok()?;
        output.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The JSON that a program has printed.
pub fn parse<T: DeserializeOwned>(invocation: &Invocation, output: &Output) -> Result<T> {
    serde_json::from_slice(&output.stdout).map_err(|error| {
        Diagnostic::new(Code::ClusterFailed, format!("the output of kubectl cannot be read: {error}"))
            .note(format!("command: {}", invocation.command_line()))
            .into()
    })
}

/// What `kubectl version --output json` prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Versions {
    client_version: Version,
    server_version: Version,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Version {
    git_version: String,
}

fn check_skew(client: &str, server: &str) -> Result<()> {
    let minor = |version: &str| version.split('.').nth(1)?.parse::<u64>().ok();
    let (Some(own), Some(other)) = (minor(client), minor(server)) else { return Ok(()) };
    let skew = own.abs_diff(other);
    if skew <= 1 {
        return Ok(());
    }
    let message = format!("kubectl {client} does not support the API server {server}: {skew} minor versions apart");
    Err(Diagnostic::new(Code::ClusterRefused, message)
        .note("Kubernetes supports a skew of one minor version between kubectl and the API server")
        .help("change `kubectl` under `[tools]` in charts.toml, or use a node image of a different Kubernetes version")
        .into())
}

/// Runs a program. An exit code other than 0 is an error that shows standard error and the command line.
pub fn checked(invocation: &Invocation) -> Result<Output> {
    let output = invocation.run()?;
    if output.success() {
        return Ok(output);
    }
    let name = Path::new(&invocation.program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let end =
        output.code.map_or_else(|| "was killed by a signal".to_owned(), |code| format!("exited with code {code}"));
    Err(Diagnostic::new(Code::ClusterFailed, format!("`{name}` {end}"))
        .note(output.stderr.trim().to_owned())
        .note(format!("command: {}", invocation.command_line()))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_of_more_than_one_minor_version_is_an_error() {
        for (client, server) in
            [("v1.34.11", "v1.34.4"), ("v1.35.0", "v1.34.4"), ("v1.33.1", "v1.34.4"), ("", "v1.34.4")]
        {
            assert!(check_skew(client, server).is_ok(), "{client} {server}");
        }
        let error = check_skew("v1.34.11", "v1.31.0").expect_err("the skew is 3");
        assert_eq!(
            error.0[0].message,
            "kubectl v1.34.11 does not support the API server v1.31.0: 3 minor versions apart"
        );
        assert!(!error.0[0].helps.is_empty());
    }
}
