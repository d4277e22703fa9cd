//! Runs `helm dependency update` in a staged chart, and `helm pull`.
//!
//! The staged chart declares only the wanted dependencies. Helm resolves, downloads, and packs them as it would in the
//! real chart, and the work tree stays unchanged. Helm's home directories are private, so that the user's repositories,
//! credentials, and plugins have no effect; an empty repository list also makes the command fast.
//!
//! `helm dependency build` is not used: it requires `helm repo add`, which also needs the network.

use std::path::Path;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use toolbox::process::{Invocation, Output};

use super::context::Context;
use crate::chart::{Dependency, dependency_json, go_string};

/// The time limit of the command. A slow repository may need minutes for a large index.
const DEADLINE: Duration = Duration::from_secs(180);

/// The repositories that Helm downloads from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Repositories<'a> {
    /// Each dependency's own repository.
    Real,
    /// One mirror for all of them, with its name for messages.
    Mirror(&'a str),
}

/// Writes the staged chart and runs `helm dependency update` in it. The results are its charts/ and Chart.lock.
pub(super) fn update(
    staged: &Path,
    name: &str,
    dependencies: &[Dependency],
    repositories: Repositories<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let listed: Vec<String> = dependencies.iter().map(dependency_json).collect();
    // JSON is valid YAML and avoids quoting problems.
    let chart = format!(
        "{{\"apiVersion\":\"v2\",\"name\":{},\"version\":\"0.0.0\",\"dependencies\":[{}]}}\n",
        go_string(name),
        listed.join(",")
    );
    toolbox::atomic_file::write(&staged.join("Chart.yaml"), chart.as_bytes())?;
    let invocation = invocation(staged, &["dependency", "update", "."], dependencies, context)?;
    let output = invocation.run()?;
    if output.success() { Ok(()) } else { Err(failure(&invocation, &output, dependencies, repositories).into()) }
}

/// Runs `helm pull`, as Argo CD does for a chart from a repository. The result is the only file in `staged`/charts.
pub(super) fn pull(
    staged: &Path,
    chart: &Dependency,
    repositories: Repositories<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let (name, repository) = (chart.name.as_str(), chart.repository.as_str());
    let charts = staged.join("charts");
    std::fs::create_dir_all(&charts).map_err(|error| Diagnostic::io("create", &charts, &error))?;
    let wanted = match repository.strip_prefix("oci://") {
        Some(_) => vec![format!("{}/{name}", repository.trim_end_matches('/'))],
        None => vec![name.to_owned(), "--repo".to_owned(), repository.to_owned()],
    };
    let command = ["pull"].into_iter().chain(wanted.iter().map(String::as_str));
    let options = ["--version", &chart.version, "--destination", "charts"];
    let dependencies = std::slice::from_ref(chart);
    let invocation = invocation(staged, &command.chain(options).collect::<Vec<_>>(), dependencies, context)?;
    let output = invocation.run()?;
    if output.success() { Ok(()) } else { Err(failure(&invocation, &output, dependencies, repositories).into()) }
}

fn invocation(
    staged: &Path,
    command: &[&str],
    dependencies: &[Dependency],
    context: &Context<'_>,
) -> Result<Invocation> {
    let mut invocation = crate::command::invocation(&(context.helm)()?, staged, &staged.join(".homes"))
        .args(command.iter().copied())
        .deadline(DEADLINE);
    // Helm uses TLS for registries by default, which does not work on the loopback address.
    let loopback = |url: &str| {
        let host = url.strip_prefix("oci://").unwrap_or_default();
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
    };
    if dependencies.iter().any(|dependency| loopback(&dependency.repository)) {
        invocation = invocation.args(["--plain-http"]);
    }
    Ok(invocation)
}

/// The diagnostic for a failed command: Helm's output and how to fix it.
fn failure(
    invocation: &Invocation,
    output: &Output,
    dependencies: &[Dependency],
    repositories: Repositories<'_>,
) -> Diagnostic {
    let mut log = log_tail(output);
    let mut command = invocation.command_line();
    if let Repositories::Mirror(mirror) = repositories {
        // A mirror folder is served at an address of no use to the reader.
        for dependency in dependencies.iter().filter(|one| one.repository.starts_with("http://127.0.0.1:")) {
            for text in [&mut log, &mut command] {
                *text = text.replace(&dependency.repository, mirror);
            }
        }
    }
    let mut wanted: Vec<String> = Vec::new();
    for text in dependencies.iter().map(|dependency| format!("`{}` {}", dependency.name, dependency.version)) {
        // A chart may have the same dependency under several names.
        if !wanted.contains(&text) {
            wanted.push(text);
        }
    }
    let wanted = wanted.join(", ");
    if dependencies.iter().all(|dependency| dependency.repository.starts_with("file://")) {
        let places = dependencies.iter().map(|dependency| dependency.place.clone());
        let refused = Diagnostic::new(Code::ChartInvalid, format!("helm cannot pack {wanted}"));
        return places
            .fold(refused, |refused, place| refused.at(place, ""))
            .note(format!("`{command}` printed:\n{log}"))
            .note("Argo CD runs `helm dependency build`, which fails in the same way")
            .help("fix the chart that `file://` points to, or the requested `version`");
    }
    let missing = crate::errors::version_not_found(&log);
    let message = match (repositories, missing) {
        (Repositories::Mirror(mirror), true) => format!("the chart mirror `{mirror}` does not contain {wanted}"),
        (Repositories::Mirror(mirror), false) => {
            format!("{wanted} could not be downloaded from the chart mirror `{mirror}`")
        }
        (Repositories::Real, true) => format!("the repository does not contain {wanted}"),
        (Repositories::Real, false) => format!("{wanted} could not be downloaded"),
    };
    let mut diagnostic = Diagnostic::new(Code::DependencyUnavailable, message);
    for dependency in dependencies {
        if !dependency.place.source.text.is_empty() {
            diagnostic = diagnostic.at(dependency.place.clone(), "");
        }
    }
    diagnostic = diagnostic.note(format!("`{command}` printed:\n{log}"));
    match repositories {
        Repositories::Mirror(mirror) => {
            diagnostic.note("a mirror replaces every chart repository, so the repositories were not contacted").help(
                format!("add the missing archives to `{mirror}`, or unset XTASK_CHART_MIRROR to use the repositories"),
            )
        }
        Repositories::Real => {
            for dependency in dependencies {
                let repository = dependency.repository.as_str();
                diagnostic = match crate::moved::moved(repository).and_then(|entry| entry.to) {
                    Some(new) => diagnostic.help(format!(
                        "`{repository}` no longer exists; its charts moved to `{new}`: change the repository and run `cargo xtask deps --update`"
                    )),
                    None if dependency.has_repository_alias() => diagnostic
                        .help(format!("replace `{repository}` with the URL: an alias works only after `helm repo add`")),
                    None => diagnostic,
                };
            }
            diagnostic
                .help("if this machine cannot reach the repository, set XTASK_CHART_MIRROR to a directory that contains the archive, or to the URL of another Helm repository")
                .help("then run `cargo xtask deps`")
        }
    }
}

/// The last lines of Helm's output, standard error last because it contains the reason. Helm 4 also logs there; its
/// informational lines are left out.
fn log_tail(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines = stdout.lines().chain(output.stderr.lines()).map(str::trim_end);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("level=INFO")).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
