//! `cargo xtask`: parses the arguments, runs the command, prints the report, and exits.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use diagnostics::{Code, Diagnostic, Result};
use toolbox::environment::Environment;
use toolbox::progress::Progress;
use toolbox::{limits, process, timings};
use workspace::stand_in;
use xtask::cli::{Cli, Command};
use xtask::commands::end_to_end::prepare;
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

/// What kustomize runs as KSOPS, in the directory of a kustomization.
fn ksops(arguments: &[String]) -> ExitCode {
    let generated = stand_in::ksops(arguments, std::io::stdin(), Path::new("."));
    if report::unchanged(generated.as_deref().map_err(String::as_str)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the command. Fails only if the command cannot run at all; otherwise the outcome has the findings.
fn run(cli: Cli, environment: &Environment, printer: &Printer) -> Result<Outcome> {
    process::catch_signals()
        .map_err(|error| Diagnostic::new(Code::Io, format!("cannot listen to signals: {error}")))?;
    limits::configure(&environment.limits)?;
    if let Command::Explain(cli::Explain { subject, object: None, coverage: false, .. }) = &cli.command
        && !subject.as_ref().is_some_and(|subject| subject.contains('/'))
    {
        return explain::run(printer, subject.as_deref());
    }
    let common = cli.common;
    if common.offline {
        process::go_offline();
    }
    if common.timings.is_some() {
        timings::record();
    }
    match &cli.command {
        Command::Init => return init::run(common.root, &environment.cache, printer),
        Command::Doctor => return doctor::run(common.root, common.offline, environment, printer),
        Command::Cache(cli::Cache::Stats) => return cache::stats(environment, printer),
        Command::Cache(cli::Cache::Gc { limit }) => return cache::gc(environment, printer, *limit),
        Command::Completions(args) => return Ok(completions::run(printer, args.shell)),
        Command::Man(args) => return man::run(printer, args.output.as_deref()),
        _ => {}
    }
    let engines = Engines::new(common.engine, environment.engine.as_deref())?;
    let session = Session::new(common.root, common.offline, common.jobs, environment, printer, &engines)?;
    let name = cli.command.name();
    let mut outcome = dispatch(&session, cli.command);
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

fn dispatch(session: &Session<'_>, command: Command) -> Result<Outcome> {
    match command {
        Command::Render(args) => {
            let cli::Render { targets, accept, force, output, argocd, watch, shard } = args;
            let request = render::Request { targets, accept, force, output, argocd, shard };
            if watch { watch::run(session, &request) } else { Ok(render::run(session, &request)) }
        }
        Command::Diff(args) => {
            let cli::Diff { targets, base, head, base_argocd, head_argocd, diff, fail_on, policy, outputs } = args;
            let (fail_on, view) = (fail_on.map(Into::into), diff);
            let request =
                diff::Request { targets, base, head, base_argocd, head_argocd, fail_on, view, policy, outputs };
            diff::run(session, &request)
        }
        Command::Review(cli::Selection { targets }) => review::run(session, &targets),
        Command::Pending(cli::Selection { targets }) => pending::run(session, &targets),
        Command::Deps { update } => deps::run(session, update.as_deref()),
        Command::Ci(cli::Ci { outputs, crds, base, kind, gitops, shard }) => {
            ci::run(session, &ci::Request { outputs, crds, base, kind, gitops, shard })
        }
        Command::Bench { rows, rounds, plot } => bench::run(session, &bench::Request { rows, rounds, plot }),
        Command::Lint(cli::Lint { targets, fix, base, images, shard }) => {
            lint::run(session, &lint::Request { targets, fix, base, images, shard })
        }
        Command::Validate(cli::Validate { targets, crds, shard, kubeconfig }) => {
            validate::run(session, &validate::Request { targets, crds, shard, kubeconfig, only: None })
        }
        Command::Schemas(cli::Schemas { from_cluster: _, kubeconfig, from, check }) => {
            schemas::run(session, &schemas::Request { kubeconfig, from, check })
        }
        Command::Image(cli::Image { names, force, build_args, push, registry, platforms }) => {
            image::run(session, &image::Request { names, force, build_args, push, registry, platforms })
        }
        Command::Seal(cli::Seal { app, name, values }) => seal::run(session, &seal::Request { app, name, values }),
        Command::TestKind(args) => test_kind::run(session, &end_to_end(args)),
        Command::TestGitops(args) => {
            let cli::TestGitops {
                common,
                argocd_manifest,
                helm_repositories,
                recovery,
                argocd_upgrade,
                earlier_argocd_manifest,
                window,
            } = args;
            let (common, window) = (end_to_end(common), Duration::from_secs(window));
            let request = test_gitops::Request {
                common,
                argocd_manifest,
                earlier_argocd_manifest,
                window,
                helm_repositories,
                recovery,
                argocd_upgrade,
            };
            test_gitops::run(session, &request)
        }
        Command::Init => init::run(Some(session.root.clone()), &session.environment.cache, session.printer),
        Command::Doctor => {
            doctor::run(Some(session.root.clone()), session.offline, session.environment, session.printer)
        }
        Command::Cache(cli::Cache::Stats) => cache::stats(session.environment, session.printer),
        Command::Cache(cli::Cache::Gc { limit }) => cache::gc(session.environment, session.printer, limit),
        Command::Completions(args) => Ok(completions::run(session.printer, args.shell)),
        Command::Man(args) => man::run(session.printer, args.output.as_deref()),
        Command::Outdated { diff } => outdated::run(session, diff),
        Command::New(cli::New { app, dependency, repository, namespace }) => {
            new::run(session, &new::Request { app, dependency, repository, namespace })
        }
        Command::Explain(cli::Explain { subject, coverage: true, .. }) => {
            explain_object::coverage(session, subject.as_slice())
        }
        Command::Explain(cli::Explain { subject, object, field, .. }) => explain_object::run(
            session,
            &explain_object::Request { target: subject.unwrap_or_default(), object, field },
        ),
        Command::Impact(cli::Impact { value, targets }) => impact::run(session, &impact::Request { value, targets }),
        Command::Argocd(cli::Argocd::List) => argocd::list(session),
        Command::Argocd(cli::Argocd::SetRepository { url, revision }) => {
            argocd::set_repository(session, &url, revision.as_deref())
        }
        Command::Tools(command) => tools::run(session, &command),
    }
}

/// The arguments that both commands with scenarios have.
fn end_to_end(options: cli::EndToEnd) -> prepare::Request {
    let cli::EndToEnd { apps, keep, fresh, delete, step, upgrade_from, node_image, manifest, api_port, junit } =
        options;
    prepare::Request { apps, node_image, keep, fresh, delete, api_port, step, upgrade_from, manifest, junit }
}
