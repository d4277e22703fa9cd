//! The one Helm command that brings charts: `helm dependency update`, run in a staged chart of its own.
//!
//! The staged chart lists exactly what is wanted, so Helm resolves, downloads, and packs as it would in the real one,
//! and the work tree is not touched. Helm's homes are private: a user's repositories, credentials, and plugins neither
//! help nor disturb, and an empty repository list is what makes the command quick.
//!
//! Deliberately absent: `helm dependency build`. It wants `helm repo add` first, which wants the network too.

use std::path::Path;
use std::time::Duration;

use super::moved;
use crate::chart::{Dependency, dependency_json, go_string};
use crate::dependencies::Context;
use diagnostics::{Code, Diagnostic, Result};
use toolbox::process::{Invocation, Output};

/// A slow repository may take its time over a big index; nothing waits longer than this.
const DEADLINE: Duration = Duration::from_secs(180);

/// Where Helm is told to look, and how messages call it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Repositories<'a> {
    /// Each dependency's own.
    Real,
    /// One for all, standing in for them; the text is how people know it.
    Mirror(&'a str),
}

/// Writes the staged chart and runs `helm dependency update` in it. What came is in its charts/ and Chart.lock.
pub(super) fn update(
    staged: &Path,
    name: &str,
    dependencies: &[Dependency],
    repositories: Repositories<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let listed: Vec<String> = dependencies.iter().map(dependency_json).collect();
    // JSON is YAML, and needs no thought about quoting.
    let chart = format!(
        "{{\"apiVersion\":\"v2\",\"name\":{},\"version\":\"0.0.0\",\"dependencies\":[{}]}}\n",
        go_string(name),
        listed.join(",")
    );
    toolbox::whole::write(&staged.join("Chart.yaml"), chart.as_bytes())?;
    let invocation = invocation(staged, dependencies, context)?;
    let output = invocation.run()?;
    if output.success() { Ok(()) } else { Err(failure(&invocation, &output, dependencies, repositories).into()) }
}

fn invocation(staged: &Path, dependencies: &[Dependency], context: &Context<'_>) -> Result<Invocation> {
    let mut invocation = crate::command::invocation(&(context.helm)()?, staged, &staged.join(".homes"))
        .args(["dependency", "update", "."])
        .deadline(DEADLINE);
    // Helm speaks TLS to a registry unless told otherwise, and nobody has a certificate for the loopback address.
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

/// Helm's failure: what it said, and what can be done about it.
fn failure(
    invocation: &Invocation,
    output: &Output,
    dependencies: &[Dependency],
    repositories: Repositories<'_>,
) -> Diagnostic {
    let said = said(output);
    let wanted: Vec<String> =
        dependencies.iter().map(|dependency| format!("`{}` {}", dependency.name, dependency.version)).collect();
    let wanted = wanted.join(", ");
    if dependencies.iter().all(|dependency| dependency.repository.starts_with("file://")) {
        let places = dependencies.iter().map(|dependency| dependency.place.clone());
        let refused = Diagnostic::new(Code::ChartInvalid, format!("helm cannot pack {wanted}"));
        return places
            .fold(refused, |refused, place| refused.at(place, ""))
            .note(format!("`{}` said:\n{said}", invocation.command_line()))
            .note("`helm dependency build`, and so Argo CD, would fail alike")
            .help("mend the chart that `file://` points at, or the `version` that is asked for");
    }
    let answered = ["can't get a valid version", "chart not found in repo", "no matching version", "entry not found"];
    let missing = answered.iter().any(|text| said.contains(text));
    let message = match (repositories, missing) {
        (Repositories::Mirror(known), true) => format!("the chart mirror `{known}` does not have {wanted}"),
        (Repositories::Mirror(known), false) => format!("{wanted} could not be had from the chart mirror `{known}`"),
        (Repositories::Real, true) => format!("the repository does not have {wanted}"),
        (Repositories::Real, false) => format!("{wanted} could not be had"),
    };
    let mut diagnostic = Diagnostic::new(Code::DependencyUnavailable, message);
    for dependency in dependencies {
        if !dependency.place.source.text.is_empty() {
            diagnostic = diagnostic.at(dependency.place.clone(), "");
        }
    }
    diagnostic = diagnostic.note(format!("`{}` said:\n{said}", invocation.command_line()));
    match repositories {
        Repositories::Mirror(known) => diagnostic
            .note("a mirror stands in for every chart repository, so the repositories themselves were not asked")
            .help(format!("add what is missing to `{known}`, or unset XTASK_CHART_MIRROR to ask the repositories")),
        Repositories::Real => {
            for dependency in dependencies {
                let repository = dependency.repository.as_str();
                diagnostic = match moved::successor(repository) {
                    Some(new) => diagnostic.help(format!(
                        "`{repository}` is gone: its charts are at `{new}`; change `repository` in Chart.yaml and run `cargo xtask deps --update`"
                    )),
                    None if repository.starts_with('@') || repository.starts_with("alias:") => diagnostic
                        .help(format!("`{repository}` is known only where `helm repo add` was run; write the URL")),
                    None => diagnostic,
                };
            }
            diagnostic
                .help("if the repository cannot be reached from here, set XTASK_CHART_MIRROR to a folder with the archive, or to the URL of a Helm repository that has it")
                .help("then run `cargo xtask deps`")
        }
    }
}

/// What Helm wrote, standard error last as it holds the reason. Helm 4 puts structured log lines there too, whose level
/// says enough to drop what is no complaint.
fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines = stdout.lines().chain(output.stderr.lines()).map(str::trim_end);
    let told: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("level=INFO")).collect();
    told[told.len().saturating_sub(20)..].join("\n")
}
