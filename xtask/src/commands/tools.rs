//! `tools`: the programs that this tool runs, in the versions of charts.toml and tools.lock.

use argocd::release::RELEASES;
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, suggestion};
use helm::batch_sources::TOOL;
use toolbox::process;
use toolbox::progress::Progress;
use toolbox::tools::{State, Tool, Tools};
use workspace::Workspace;

use super::{Outcome, Session};
use crate::cli;
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, command: &cli::Tools) -> Result<Outcome> {
    // Errors in Applications and charts are irrelevant here; other commands report them.
    let (workspace, _) = Workspace::load(&session.root, &session.environment.cache)?;
    let (cli::Tools::List { names } | cli::Tools::Install { names } | cli::Tools::Verify { names }) = command;
    let pins = pins(&workspace, names)?;
    let pins: Vec<(&str, &str)> = pins.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    let tools = session.tools(&workspace);
    let (mut diagnostics, answers) = match command {
        cli::Tools::List { .. } => list(session, &tools, &pins),
        cli::Tools::Install { names } => {
            install(session, &tools, &installable(session, &tools, pins, names.is_empty()))
        }
        cli::Tools::Verify { names } => verify(session, &tools, &verifiable(&tools, pins, names.is_empty())),
    };
    diagnostics.extend(tools.warnings());
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::Tools(json::Tools { tools: answers }) })
}

/// The pins to install. Without Go, nothing but the time of a render depends on the engines, so only who names one needs it.
fn installable<'p>(
    session: &Session<'_>,
    tools: &Tools<'_>,
    mut pins: Vec<(&'p str, &'p str)>,
    all: bool,
) -> Vec<(&'p str, &'p str)> {
    pins.retain(|(name, version)| {
        let skipped = *name == TOOL && all && !installed(tools, name, version) && process::on_path("go").is_none();
        if skipped {
            session.printer.status("Skipping", &format!("{name} {version}: Go, which builds it, is not on PATH"));
        }
        !skipped
    });
    pins
}

/// The pins to verify: an engine that is not installed is not needed.
fn verifiable<'p>(tools: &Tools<'_>, mut pins: Vec<(&'p str, &'p str)>, all: bool) -> Vec<(&'p str, &'p str)> {
    pins.retain(|(name, version)| *name != TOOL || !all || installed(tools, name, version));
    pins
}

fn installed(tools: &Tools<'_>, name: &str, version: &str) -> bool {
    let missing = |state: &State| matches!(state, State::Missing { .. });
    tools.list(&[(name, version)]).iter().any(|listed| !missing(&listed.state))
}

/// A tool in the JSON output.
fn answer(name: &str, version: &str, tool: Option<&Tool>) -> json::Tool {
    json::Tool {
        name: name.to_owned(),
        version: own_version(version, tool).to_owned(),
        path: tool.map(|tool| tool.path.display().to_string()),
        origin: tool.map(|tool| tool.origin.describe()),
    }
}

/// The version of a tool that was found, which may differ from the pinned one; else the pinned one.
fn own_version<'a>(pinned: &'a str, tool: Option<&'a Tool>) -> &'a str {
    tool.map_or(pinned, |tool| tool.version.as_str())
}

/// The tools of the workspace: the versions of Helm and Kustomize of the supported Argo CD releases, the tools of
/// charts.toml, and the render engines.
pub fn pins(workspace: &Workspace, names: &[String]) -> Result<Vec<(String, String)>> {
    let own = workspace.config.argocd.helm;
    let mut helms = vec![own];
    for release in RELEASES {
        if !helms.contains(&release.helm) && workspace.tools_lock.pin("helm", release.helm).is_some() {
            helms.push(release.helm);
        }
    }
    let mut kustomizes: Vec<&str> = Vec::new();
    for release in RELEASES {
        if !kustomizes.contains(&release.kustomize)
            && workspace.tools_lock.pin("kustomize", release.kustomize).is_some()
        {
            kustomizes.push(release.kustomize);
        }
    }
    let of = |name: &'static str| move |version: &str| (name.to_owned(), version.to_owned());
    let shipped = helms.into_iter().map(of("helm")).chain(kustomizes.into_iter().map(of("kustomize")));
    let config = &workspace.config;
    let configured = config.tools.keys();
    let others = configured.filter_map(|name| Some((name.clone(), config.tool(name).ok()?.to_owned())));
    let engines = workspace.tools_lock.versions(TOOL).map(|version| (TOOL.to_owned(), version));
    let all: Vec<_> = shipped.chain(others).chain(engines).collect();
    let matches = |name: &str, (known, version): &(String, String)| match name.split_once('@') {
        Some((name, wanted)) => name == known && wanted == version,
        None => name == known,
    };
    let mut diagnostics = Diagnostics::default();
    for name in names {
        if !all.iter().any(|pin| matches(name, pin)) {
            let spelled: Vec<String> = all.iter().map(|(known, version)| format!("{known}@{version}")).collect();
            let known = all.iter().map(|(known, _)| known.as_str()).chain(spelled.iter().map(String::as_str));
            diagnostics
                .push(Diagnostic::new(Code::Usage, format!("unknown tool `{name}`")).help(suggestion(name, known)));
        }
    }
    let wanted = |pin: &(String, String)| names.is_empty() || names.iter().any(|name| matches(name, pin));
    diagnostics.into_result(all.into_iter().filter(wanted).collect())
}

fn list(session: &Session<'_>, tools: &Tools<'_>, pins: &[(&str, &str)]) -> (Diagnostics, Vec<json::Tool>) {
    let mut diagnostics = Diagnostics::default();
    let mut out = String::new();
    let mut answers = Vec::new();
    for listed in tools.list(pins) {
        let tool = if let State::Found(tool) = &listed.state { Some(tool) } else { None };
        answers.push(answer(&listed.name, &listed.version, tool));
        let version = own_version(&listed.version, tool).to_owned();
        let what = match listed.state {
            State::Found(tool) => format!("{} ({})", tool.path.display(), tool.origin.describe()),
            State::Missing { tried, help } => {
                let help: String = help.iter().map(|help| format!("\n{:<21} help: {help}", "")).collect();
                format!("not found: {}{help}", tried.join("; "))
            }
            State::Wrong(found) => {
                diagnostics.extend(found);
                "unusable, see below".to_owned()
            }
        };
        out.push_str(&format!("{:<12} {version:<8} {what}\n", listed.name));
    }
    session.printer.result(&out);
    (diagnostics, answers)
}

fn install(session: &Session<'_>, tools: &Tools<'_>, pins: &[(&str, &str)]) -> (Diagnostics, Vec<json::Tool>) {
    let (installed, diagnostics) = tools.install(pins);
    let mut out = String::new();
    for tool in &installed {
        out.push_str(&format!(
            "{:<12} {:<8} {} ({})\n",
            tool.name,
            tool.version,
            tool.path.display(),
            tool.origin.describe()
        ));
    }
    session.printer.result(&out);
    session.printer.finished(&plural(installed.len(), "tool"));
    let answers = installed.iter().map(|tool| answer(&tool.name, &tool.version, Some(tool))).collect();
    (diagnostics, answers)
}

fn verify(session: &Session<'_>, tools: &Tools<'_>, pins: &[(&str, &str)]) -> (Diagnostics, Vec<json::Tool>) {
    let mut diagnostics = Diagnostics::default();
    let mut out = String::new();
    let mut answers = Vec::new();
    for verified in tools.verify(pins) {
        answers.push(answer(&verified.name, &verified.version, verified.tool.as_ref()));
        let state = match (&verified.tool, verified.problems.is_empty()) {
            (Some(tool), true) => {
                let sum = verified.sha256.as_deref().map_or(String::new(), |sum| format!(", sha256 {sum}"));
                format!("ok: {} ({}{sum})", tool.path.display(), tool.origin.describe())
            }
            (None, true) => "not installed".to_owned(),
            (_, false) => "damaged".to_owned(),
        };
        let version = own_version(&verified.version, verified.tool.as_ref());
        out.push_str(&format!("{:<12} {version:<8} {state}\n", verified.name));
        if !verified.unpinned.is_empty() {
            let platforms = verified.unpinned.join(", ");
            out.push_str(&format!("{:<21} no checksum for {platforms}\n", ""));
        }
        diagnostics.extend(verified.problems);
    }
    session.printer.result(&out);
    (diagnostics, answers)
}
