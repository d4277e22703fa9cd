//! `bench`: compares the running time of the tool with that of bare Helm, as ratios.
//!
//! Each round measures three things: the tool with all targets fresh, the tool rendering everything, and the same Helm
//! command lines run in parallel without the tool. Alternating makes a slow phase of the machine affect all three. Only
//! ratios of medians are meaningful; absolute times depend on the machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Result};
use helm::dependencies;
use toolbox::process::Invocation;
use workspace::plan;
use workspace::plan::Inspections;
use workspace::render::Renderer;

use super::app_of_apps;
use super::{Outcome, Session};
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, rounds: usize) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let (inspections, found) = Inspections::new(&workspace);
    diagnostics.extend(found);
    let (targets, found) = plan::plan(&workspace, &inspections, argocd, &[]);
    diagnostics.extend(found);
    if diagnostics.has_errors() || targets.is_empty() {
        return Err(diagnostics);
    }
    let cache = &session.environment.cache;
    let tools = session.tools(&workspace);
    let helm = tools.require("helm", argocd.helm)?.path;
    let helm_path = || Ok(helm.clone());
    let context = session.context(&helm_path);
    let renderer = Renderer { root: &session.root, cache, results: &session.results, helm: &helm };
    let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
    let mut prepared = Vec::new();
    let mut bare = Vec::new();
    for target in &targets {
        for chart in target.charts() {
            let directory = dependencies::prepare(chart.chart, &chart.inspected.dependencies, &context)?;
            bare.push(renderer.invocation(&chart, &directory.directory, homes.path())?);
            prepared.push(directory);
        }
    }
    let own = std::env::current_exe()
        .map_err(|error| Diagnostic::new(Code::Io, format!("cannot find the path of this executable: {error}")))?;
    let tool = |flags: &[&str]| {
        let args = ["render", "--root"].map(Into::into).into_iter().chain([session.root.clone().into_os_string()]);
        let invocation = Invocation::new(&own, &session.root)
            .args(args)
            .args(flags.iter().copied())
            .env("XTASK_HELM", helm.clone())
            .env("XTASK_CACHE_DIR", cache.clone())
            .env("CI", "true");
        timed(|| succeed(&invocation))
    };

    let (mut fresh, mut forced, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        fresh.push(tool(&["--jobs", "1"])?);
        forced.push(tool(&["--force", "--jobs", &session.jobs.to_string()])?);
        plain.push(timed(|| parallel(&bare, session.jobs))?);
    }
    let (fresh, forced, plain) = (median(fresh), median(forced), median(plain));
    let share = |part: Duration| part.as_secs_f64() / plain.as_secs_f64();
    session.printer.result(&format!(
        "{} targets, helm {}, {} jobs, medians of {} rounds\n\
         bare helm template   {:>8.1} ms  1.00\n\
         render --force       {:>8.1} ms  {:.2}\n\
         render, all fresh    {:>8.1} ms  {:.3}\n",
        targets.len(),
        argocd.helm,
        session.jobs,
        rounds.max(1),
        plain.as_secs_f64() * 1000.0,
        forced.as_secs_f64() * 1000.0,
        share(forced),
        fresh.as_secs_f64() * 1000.0,
        share(fresh),
    ));
    let output = Output::Bench(json::Bench { forced_to_bare: share(forced), fresh_to_bare: share(fresh) });
    Ok(Outcome { diagnostics, output })
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn succeed(invocation: &Invocation) -> Result<()> {
    let output = invocation.run()?;
    if output.success() {
        return Ok(());
    }
    Err(Diagnostic::new(Code::Usage, "a measured command failed")
        .note(format!("`{}` ended with exit code {:?}", invocation.command_line(), output.code))
        .note(output.stderr)
        .help("fix the errors of `cargo xtask render` first")
        .into())
}

fn parallel(invocations: &[Invocation], jobs: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(invocation) = invocations.get(next.fetch_add(1, Ordering::Relaxed)) {
            succeed(invocation)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(Diagnostic::new(Code::ProcessFailed, "a worker panicked").into()))
        })
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
