//! `doctor`: checks whether this machine has everything that the commands need.
//!
//! Nothing is installed or downloaded, and no container or cluster is started. The command succeeds if `render` works.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use helm::charts_lock::Pin;
use helm::dependencies::remote;
use toolbox::engine::Engine;
use toolbox::environment::{Environment, Mirror};
use toolbox::process::{self, Invocation};
use toolbox::tools::State as Found;
use workspace::Workspace;
use workspace::plan;
use workspace::target::{Part, Target};

use super::engines::Engines;
use super::{Outcome, Session, rendering, tools};
use crate::report;
use crate::report::Printer;
use crate::report::json::{self, CheckState, DoctorCheck, Output};

/// The time limit of a program that prints its version.
const ANSWER: Duration = Duration::from_secs(20);

/// Runs the command. Without `root`, the workspace is the one around the current directory.
pub fn run(root: Option<PathBuf>, offline: bool, environment: &Environment, printer: &Printer) -> Result<Outcome> {
    let mut diagnostics = Diagnostics::default();
    let mut checks = Vec::new();
    match super::find_root(root.clone()) {
        Ok(root) => checks.push(check("workspace", CheckState::Found, root.display().to_string(), &["every command"])),
        Err(found) => {
            checks.push(unusable("workspace", &found, &["every command"]));
            diagnostics.extend(found);
        }
    }
    checks.push(match environment.check_cache() {
        Ok(()) => check("cache", CheckState::Found, environment.cache.display().to_string(), &["every command"]),
        Err(found) => {
            let unusable = unusable("cache", &found, &["every command"]);
            diagnostics.extend(found);
            unusable
        }
    });
    checks.push(program("git", "--version", &["the base revision of `lint`, `ci`, and `diff`"])?);
    if diagnostics.is_empty() {
        let engines = Engines::default();
        let session = Session::new(root, offline, None, environment, printer, &engines)?;
        let loaded = of_workspace(&session, &mut checks, &mut diagnostics);
        diagnostics.extend(loaded.err().unwrap_or_default());
    }
    checks.push(engine());
    checks.push(program("go", "version", &["tools without a download for this machine, `.ci/check judge`"])?);
    checks.push(terminal(environment, printer));

    let renders = diagnostics.is_empty();
    let verdict = if renders { "`render` works on this machine" } else { "`render` does not work on this machine" };
    printer.result(&format!("{}\n{verdict}\n", table(&checks)));
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::Doctor(json::Doctor { renders, checks }) })
}

/// Checks what the workspace pins: charts and tools. Reports what `render` lacks.
fn of_workspace(session: &Session<'_>, checks: &mut Vec<DoctorCheck>, diagnostics: &mut Diagnostics) -> Result<()> {
    // Errors in Applications and charts are irrelevant here; other commands report them.
    let (workspace, _) = Workspace::load(&session.root, &session.environment.cache)?;
    let (targets, _) = plan::plan(&workspace, workspace.config.argocd, &[]);
    let parts = || targets.iter().flat_map(|target| &target.parts);
    checks.push(charts(session, &targets, diagnostics));
    checks.extend(mirror(session.environment));

    let needs = [("helm", parts().any(rendering::needs_helm)), ("kustomize", parts().any(rendering::needs_kustomize))];
    let pins = tools::pins(&workspace, &[])?;
    let pins: Vec<(&str, &str)> = pins.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    let release = workspace.config.argocd;
    for listed in session.tools(&workspace).list(&pins) {
        let name = listed.name.as_str();
        let own = name == "helm" && listed.version == release.helm
            || name == "kustomize" && listed.version == release.kustomize;
        let title = format!("{name} {}", listed.version);
        let (checked, errors) = match listed.state {
            Found::Found(tool) => {
                let detail = format!("{} ({})", tool.path.display(), tool.origin.describe());
                let title = format!("{name} {}", tool.version);
                (check(&title, CheckState::Found, detail, uses(name, own)), Diagnostics::default())
            }
            Found::Missing { tried, help } => {
                let message = format!("{title} is not installed, and targets that are not fresh need it");
                let error = Diagnostic::new(Code::ToolUnavailable, message);
                let helped = help.iter().fold(error, |error, help| error.help(help.clone()));
                let checked = check(&title, CheckState::Missing, tried.join("; "), uses(name, own));
                (DoctorCheck { help, ..checked }, helped.into())
            }
            Found::Wrong(found) => (unusable(&title, &found, uses(name, own)), found),
        };
        checks.push(checked);
        if own && needs.contains(&(name, true)) {
            diagnostics.extend(errors);
        }
    }
    Ok(())
}

/// The commands that need a pinned tool. `own` is the version of the Argo CD release in charts.toml.
fn uses(name: &str, own: bool) -> &'static [&'static str] {
    match name {
        "helm" if own => &["render", "lint", "ci", "deps"],
        "helm" | "kustomize" if !own => &["render --argocd"],
        "kustomize" => &["targets that are kustomizations"],
        "helm-engine" => &["faster render, lint, and ci"],
        "kubeconform" => &["validate", "ci"],
        "kind" => &["test-kind", "ci --kind"],
        "kubectl" => &["test-kind", "ci --kind", "schemas --from-cluster"],
        "kubeseal" => &["scenarios of test-kind that seal"],
        _ => &["what charts.toml pins it for"],
    }
}

/// Whether the pinned charts are in the checkout, the cache, or the mirror.
fn charts(session: &Session<'_>, targets: &[Target<'_>], diagnostics: &mut Diagnostics) -> DoctorCheck {
    let mut pins: Vec<&Pin> = Vec::new();
    for part in targets.iter().flat_map(|target| &target.parts) {
        match part.inner() {
            Part::Chart(part) => pins.extend(part.inspected.dependencies.absent()),
            Part::RemoteChart(part) => pins.push(&part.source.pin),
            Part::Kustomize(part) => pins.extend(part.source.charts.iter().map(|chart| &chart.pin)),
            Part::Directory(_) | Part::Plugin(_) | Part::Elsewhere(..) => {}
        }
    }
    let mirrored = |pin: &Pin| match &session.environment.mirror {
        Some(Mirror::Folder(folder)) => folder.join(pin.file_name()).is_file(),
        Some(Mirror::Url(_)) | None => false,
    };
    pins.retain(|pin| !remote::is_cached(pin, &session.environment.cache) && !mirrored(pin));
    let missing: BTreeSet<String> = pins.iter().map(|pin| format!("{} {}", pin.name, pin.version)).collect();
    if missing.is_empty() {
        return check("pinned charts", CheckState::Found, "nothing to download".to_owned(), &["render"]);
    }
    let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
    let help = "run `cargo xtask deps`".to_owned();
    let message = format!("pinned charts are not downloaded: {missing}");
    diagnostics.push(Diagnostic::new(Code::DependencyUnavailable, message).help(help.clone()));
    DoctorCheck { help: vec![help], ..check("pinned charts", CheckState::Missing, missing, &["render"]) }
}

/// The mirror that replaces the chart repositories, if any.
fn mirror(environment: &Environment) -> Option<DoctorCheck> {
    let uses = &["deps", "outdated"];
    match environment.mirror.as_ref()? {
        Mirror::Folder(folder) if folder.is_dir() => {
            Some(check("chart mirror", CheckState::Found, folder.display().to_string(), uses))
        }
        Mirror::Folder(folder) => {
            let detail = format!("{} is not a directory", folder.display());
            let help = vec!["set `XTASK_CHART_MIRROR` to a directory of chart archives, or unset it".to_owned()];
            Some(DoctorCheck { help, ..check("chart mirror", CheckState::Unusable, detail, uses) })
        }
        Mirror::Url(url) => Some(check("chart mirror", CheckState::Found, url.clone(), uses)),
    }
}

/// A program on PATH that is not pinned, and its version.
fn program(name: &str, question: &str, uses: &[&'static str]) -> Result<DoctorCheck> {
    let Some(path) = process::on_path(name) else {
        let help = vec![format!("install {name}")];
        return Ok(DoctorCheck { help, ..check(name, CheckState::Missing, "not on PATH".to_owned(), uses) });
    };
    let detail = path.display().to_string();
    let version = match Invocation::new(&path, Path::new("/")).args([question]).deadline(ANSWER).run() {
        Ok(output) if output.success() => version(&String::from_utf8_lossy(&output.stdout)),
        Err(found) if found.0.iter().any(|one| one.code == Code::Interrupted) => return Err(found),
        Ok(_) | Err(_) => None,
    };
    Ok(match version {
        Some(version) => check(&format!("{name} {version}"), CheckState::Found, detail, uses),
        None => check(name, CheckState::Unusable, format!("{detail} does not report a version"), uses),
    })
}

/// The first word that looks like a version: `git version 2.39.5`, `go version go1.25.1 linux/amd64`.
fn version(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(|word| word.trim_start_matches("go"));
    let mut versions = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
    versions.next().map(str::to_owned)
}

/// The container engine.
fn engine() -> DoctorCheck {
    let uses = &["image", "test-kind", "ci --kind"];
    match Engine::find() {
        Ok(engine) => {
            let detail = engine.program.display().to_string();
            check(&format!("container engine {}", engine.describe()), CheckState::Found, detail, uses)
        }
        Err(found) => {
            let notes: Vec<String> = found.0.iter().flat_map(|one| one.notes.clone()).collect();
            let help = found.0.into_iter().flat_map(|one| one.helps).collect();
            DoctorCheck { help, ..check("container engine", CheckState::Missing, notes.join("; "), uses) }
        }
    }
}

/// Whether this is a terminal on which `review` can ask.
fn terminal(environment: &Environment, printer: &Printer) -> DoctorCheck {
    let uses = &["review"];
    let (state, detail) = match (environment.ci, printer.can_ask()) {
        (true, _) => (CheckState::Missing, "`CI=true`: nothing can be accepted"),
        (false, true) => (CheckState::Found, "standard input and output"),
        (false, false) => (CheckState::Missing, "standard input or output is not a terminal"),
    };
    check("terminal", state, detail.to_owned(), uses)
}

fn check(name: &str, state: CheckState, detail: String, uses: &[&'static str]) -> DoctorCheck {
    DoctorCheck { name: name.to_owned(), state, detail, needed_for: uses.to_vec(), help: Vec::new() }
}

/// Something that is there, but cannot be used for the reasons found.
fn unusable(name: &str, found: &Diagnostics, uses: &[&'static str]) -> DoctorCheck {
    let detail: Vec<&str> = found.0.iter().map(|one| one.message.as_str()).collect();
    let help = found.0.iter().flat_map(|one| one.helps.clone()).collect();
    DoctorCheck { help, ..check(name, CheckState::Unusable, detail.join("; "), uses) }
}

/// A line for each check. What is missing also shows what needs it, and how to get it.
fn table(checks: &[DoctorCheck]) -> String {
    let rows: Vec<[String; 3]> =
        checks.iter().map(|check| [check.state.word().to_owned(), check.name.clone(), check.detail.clone()]).collect();
    let mut out = String::new();
    for (line, check) in report::table(&rows).lines().zip(checks) {
        out.push_str(&format!("{line}\n"));
        if check.state != CheckState::Found {
            out.push_str(&format!("          needed for: {}\n", check.needed_for.join(", ")));
            out.extend(check.help.iter().map(|help| format!("          help: {help}\n")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_print() {
        assert_eq!(version("git version 2.39.5\n").as_deref(), Some("2.39.5"));
        assert_eq!(version("go version go1.25.1 linux/amd64").as_deref(), Some("1.25.1"));
        assert_eq!(version("usage: git"), None);
    }
}
