//! `cargo xtask`: parses the arguments, runs the command, prints the report, and exits.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use diagnostics::{Code, Diagnostic, Result};
use toolbox::environment::Environment;
use toolbox::progress::Progress;
use toolbox::{limits, process, timings};
use workspace::stand_in;
use xtask::cli::{Cache, Cli, Command, Common, Explain, InWorkspace};
use xtask::commands::engines::Engines;
use xtask::commands::{
    Outcome, Session, argocd, bench, cache, ci, completions, deps, diff, doctor, explain, explain_object, image,
    impact, init, lint, man, new, outdated, pending, render, review, schemas, seal, test_gitops, test_kind, tools,
    validate, watch,
};
use xtask::report::timings::Timings;
use xtask::report::{Printer, json};
use xtask::{cli, report};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == stand_in::KSOPS) {
        return ksops(&arguments.map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>());
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(stop) => return stopped(&stop),
    };
    let environment = Environment::from_process();
    let animated = !environment.ci && !environment.dumb;
    let guarded = environment.ci || environment.github;
    let printer = Printer::new(cli.common.format, cli.common.color.into(), animated, guarded);
    let name = cli.command.name();
    let Outcome { diagnostics, output } = run(cli, &environment, &printer).unwrap_or_else(|mut diagnostics| {
        diagnostics.sort();
        Outcome { diagnostics, output: json::Output::default() }
    });
    if printer.json() {
        printer.document(&json::document(name, &diagnostics, &output));
    } else {
        printer.diagnostics(&diagnostics);
    }
    let code = report::exit_code(&diagnostics);
    ExitCode::from(if printer.is_complete() { code } else { code.max(3) })
}

/// Prints what clap answers instead of arguments: help, the version, or why the arguments are invalid.
fn stopped(stop: &clap::Error) -> ExitCode {
    let text = stop.render();
    let code = u8::try_from(stop.exit_code()).unwrap_or(2);
    if report::arguments(&text, stop.use_stderr()) { ExitCode::from(code) } else { ExitCode::from(3) }
}

/// The program that kustomize runs as KSOPS, in the directory of a kustomization.
fn ksops(arguments: &[String]) -> ExitCode {
    let generated = stand_in::ksops(arguments, std::io::stdin(), Path::new("."));
    if report::unchanged(generated.as_deref().map_err(String::as_str)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the command. Fails only if the command cannot run at all; otherwise the outcome has the findings.
fn run(cli: Cli, environment: &Environment, printer: &Printer) -> Result<Outcome> {
    process::catch_signals()
        .map_err(|error| Diagnostic::new(Code::Io, format!("cannot listen to signals: {error}")))?;
    limits::configure(&environment.limits)?;
    let Cli { command, common } = cli;
    if common.offline {
        process::go_offline();
    }
    match command {
        Command::Init => init::run(common.root, &environment.cache, printer),
        Command::Doctor => doctor::run(common.root, common.offline, environment, printer),
        Command::Cache(Cache::Stats) => cache::stats(environment, printer),
        Command::Cache(Cache::Gc { limit }) => cache::gc(environment, printer, limit),
        Command::Completions(args) => Ok(completions::run(printer, args.shell)),
        Command::Man(args) => man::run(printer, args.output.as_deref()),
        Command::InWorkspace(InWorkspace::Explain(explain)) if explain.is_about_codes() => {
            explain::run(printer, explain.subject.as_deref())
        }
        Command::InWorkspace(command) => run_in_workspace(command, common, environment, printer),
    }
}

/// Runs a command in a workspace, and reports how it ran: what its engines found, timings, and annotations on GitHub.
fn run_in_workspace(
    command: InWorkspace,
    common: Common,
    environment: &Environment,
    printer: &Printer,
) -> Result<Outcome> {
    if common.timings.is_some() {
        timings::record();
    }
    let engines = Engines::new(common.engine, environment.engine.as_deref())?;
    let session = Session::new(common.root, common.offline, common.jobs, environment, printer, &engines)?;
    let name = command.name();
    let mut outcome = dispatch(&session, command);
    session.close();
    let found = engines.findings();
    if !found.is_empty() {
        let diagnostics = outcome.as_mut().map_or_else(|found| found, |outcome| &mut outcome.diagnostics);
        diagnostics.extend(found);
        diagnostics.sort();
    }
    if let Some(file) = &common.timings {
        let written = write_timings(&session, name, file.as_deref());
        if let (Ok(outcome), Err(found)) = (&mut outcome, written) {
            outcome.diagnostics.extend(found);
        }
    }
    if environment.github {
        let found = outcome.as_ref().map_or_else(|found| found, |outcome| &outcome.diagnostics);
        printer.annotations(&session.root, found);
    }
    outcome
}

/// Writes where the time went to a file, or to the default one in the cache.
fn write_timings(session: &Session<'_>, command: &str, file: Option<&Path>) -> Result<()> {
    let Some((spans, all)) = timings::recorded() else { return Ok(()) };
    let default = session.environment.cache.join("timings/timings.html");
    let file = file.unwrap_or(&default);
    Timings::new(command, session.jobs, &spans, all).write(file)?;
    session.printer.status("Timed", &file.display().to_string());
    Ok(())
}

/// Runs a command in a workspace.
fn dispatch(session: &Session<'_>, command: InWorkspace) -> Result<Outcome> {
    match command {
        InWorkspace::Render(request) if request.watch => watch::run(session, &request),
        InWorkspace::Render(request) => Ok(render::run(session, &request)),
        InWorkspace::Diff(request) => diff::run(session, &request),
        InWorkspace::Review(request) => review::run(session, &request.targets),
        InWorkspace::Pending(request) => pending::run(session, &request.targets),
        InWorkspace::Deps { update } => deps::run(session, update.as_deref()),
        InWorkspace::Ci(request) => ci::run(session, &request),
        InWorkspace::Bench(request) => bench::run(session, &request),
        InWorkspace::Lint(request) => lint::run(session, &request),
        InWorkspace::Validate(cli::Validate { targets, crds, shard, kubeconfig }) => {
            validate::run(session, &validate::Request { targets, crds, shard, kubeconfig, only: None })
        }
        InWorkspace::Schemas(request) => schemas::run(session, &request),
        InWorkspace::Image(request) => image::run(session, &request),
        InWorkspace::Seal(request) => seal::run(session, &request),
        InWorkspace::TestKind(request) => test_kind::run(session, &request),
        InWorkspace::TestGitops(request) => test_gitops::run(session, &request),
        InWorkspace::Outdated { diff } => outdated::run(session, diff),
        InWorkspace::New(request) => new::run(session, &request),
        InWorkspace::Explain(Explain { subject, coverage: true, .. }) => {
            explain_object::coverage(session, subject.as_slice())
        }
        InWorkspace::Explain(Explain { subject, object, field, .. }) => explain_object::run(
            session,
            &explain_object::Request { target: subject.unwrap_or_default(), object, field },
        ),
        InWorkspace::Impact(request) => impact::run(session, &request),
        InWorkspace::Argocd(cli::Argocd::List) => argocd::list(session),
        InWorkspace::Argocd(cli::Argocd::SetRepository { url, revision }) => {
            argocd::set_repository(session, &url, revision.as_deref())
        }
        InWorkspace::Tools(command) => tools::run(session, &command),
    }
}
