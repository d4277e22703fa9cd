//! `test-kind`: the applications in a kind cluster, proven by what they do.
//!
//! In a new cluster each application is deployed and proven with nothing of the others there; then all are together,
//! scenarios that need several run, and each is removed while the others are watched. In a kept cluster the
//! applications are there already: today's charts are applied over them, and all scenarios run side by side. Where an
//! upgrade is tried, another revision's are there first.

mod applied;
mod changed;
mod lane;
mod lanes;
mod prepare;
mod raise;
mod reports;
mod revision;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use self::lanes::Lanes;
use self::prepare::Prepared;
use self::reports::{StepReport, Told};
use self::stage::Stage;
use super::{Outcome, Session};
use crate::cluster::observer::Observer;
use crate::cluster::{Cluster, Found, Maker, images, preflight};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result};
use crate::image::engine::Engine;
use crate::plan::Inspections;
use crate::process;
use crate::report::junit;
use crate::scenario::{Scenario, Step};
use crate::whole;
use crate::wording::plural;
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// Names of applications; all when empty.
    pub apps: Vec<String>,
    /// The image of the node; the one in charts.toml when absent.
    pub node_image: Option<String>,
    /// Leave the cluster.
    pub keep: bool,
    /// Replace a kept cluster.
    pub fresh: bool,
    /// Delete a kept cluster, and do nothing else.
    pub delete: bool,
    /// The port of the API server.
    pub api_port: Option<u16>,
    /// Run this step alone, on a kept cluster: `<app>/<scenario>:<step>`.
    pub step: Option<String>,
    /// A revision whose charts are deployed first.
    pub upgrade_from: Option<String>,
    /// A file of manifests that are applied before the Applications.
    pub manifest: Option<PathBuf>,
    /// Write the results there, as JUnit XML.
    pub junit: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Proven {
    steps: Vec<StepReport>,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, found) = Workspace::load(&session.root)?;
    found.into_result(())?;
    let mut proven = prove(session, request, &workspace);
    session.printer.result(&proven.table());
    if let Some(path) = &request.junit {
        let written = whole::write(path, junit::document(&proven.suites()).as_bytes());
        proven.diagnostics.extend(written.err().unwrap_or_default());
    }
    if !request.delete {
        session.printer.finished(&proven.summary());
    }
    let fields = vec![("steps", proven.json())];
    Ok(Outcome { diagnostics: proven.diagnostics, fields })
}

/// Proves the applications of a workspace, and tells nothing but how that goes on.
#[must_use]
pub fn prove(session: &Session<'_>, request: &Request, workspace: &Workspace) -> Proven {
    let mut told = Told::default();
    let ran = test(session, request, workspace, &mut told);
    let Told { steps, found: mut diagnostics } = told;
    diagnostics.extend(ran.err().unwrap_or_default());
    // Whatever a signal broke off said so in its own way, if at all.
    diagnostics.extend(process::check_interrupted().err().unwrap_or_default());
    diagnostics.sort();
    Proven { steps, diagnostics }
}

impl Proven {
    /// The closing table.
    #[must_use]
    pub fn table(&self) -> String {
        reports::table(&self.steps)
    }

    /// The steps for JUnit, a suite for each scenario.
    #[must_use]
    pub fn suites(&self) -> Vec<junit::Suite> {
        reports::suites(&self.steps, &self.diagnostics)
    }

    /// The steps for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        self.steps.iter().map(StepReport::json).collect()
    }

    /// What became of the steps, in a line.
    fn summary(&self) -> String {
        let steps = plural(self.steps.len(), "step");
        let count = |result| self.steps.iter().filter(|step| step.result == result).count();
        let (failed, skipped) = (count(reports::Result::Failed), count(reports::Result::Skipped));
        match (failed, skipped) {
            _ if self.steps.is_empty() => steps,
            (0, 0) => format!("{steps}: all passed"),
            (0, skipped) => format!("{steps}: {} passed, {skipped} skipped", self.steps.len() - skipped),
            (failed, _) => format!("{steps}: {failed} failed"),
        }
    }
}

/// Does all of it; what there is to tell is in `told` also when this ends with an error.
fn test(session: &Session<'_>, request: &Request, workspace: &Workspace, told: &mut Told) -> Result<()> {
    let tools = session.tools(workspace);
    let (inspections, found) = Inspections::new(workspace);
    found.into_result(())?;
    let mut missing = Diagnostics::default();
    let engine = missing.take(Engine::find());
    let kind = missing.take(stage::tool(workspace, &tools, "kind"));
    let kubectl = missing.take(stage::tool(workspace, &tools, "kubectl"));
    let (Some(engine), Some(kind), Some(kubectl)) = (engine, kind, kubectl) else { return Err(missing) };
    let maker = Maker::new(engine, kind, kubectl, &session.environment.cache, &session.root);
    if request.delete {
        let _lock = maker.lock()?;
        return maker.remove(session.printer);
    }
    let prepared = prepare::prepare(session, request, workspace, &inspections, &tools)?;
    let lock = maker.lock()?;
    let found = maker.found(&prepared.wish)?;
    let reused = found == Found::Kept;
    let mut wrong = Diagnostics::default();
    let step = request.step.as_deref().and_then(|name| wrong.take(prepared.step(name)));
    if request.step.is_some() && !reused {
        wrong.push(
            Diagnostic::new(Code::Usage, "`--step` needs a cluster that an earlier run kept")
                .help("run `cargo xtask test-kind --keep` first"),
        );
    }
    wrong.into_result(())?;
    let mut needed = prepared.foreign_images();
    if !reused {
        let mut diagnostics = request.api_port.map(preflight::port).unwrap_or_default();
        // What is in the way goes first, and gives back what it takes.
        if found == Found::Nothing {
            diagnostics.extend(preflight::judge(&preflight::ask(&maker.engine)?));
        }
        diagnostics.into_result(())?;
        needed.insert(prepared.wish.node_image.clone(), prepared.node_place.clone());
    }
    let mut ids = images::bring(&maker.engine, &needed, session.offline, session.printer)?;
    ids.remove(&prepared.wish.node_image);
    maker.settle(&found, session.printer)?;

    let cluster = maker.hold(lock, reused, request.keep || reused);
    let outcome = in_cluster(request, &prepared, step, &cluster, ids, told);
    let kept = cluster.keep;
    told.found.extend(cluster.finish(session.printer));
    if kept {
        session.printer.result(&kept_text(&maker));
    }
    outcome
}

/// How a kept cluster is used, and how it goes.
fn kept_text(maker: &Maker) -> String {
    let config = maker.folder.join("kubeconfig");
    format!(
        "cluster {} is kept\n  use it:    kubectl --kubeconfig {} get pods --all-namespaces\n  \
         run again: cargo xtask test-kind --keep\n  delete it: cargo xtask test-kind --delete\n",
        maker.name,
        config.display()
    )
}

/// What happens while there is a cluster.
fn in_cluster(
    request: &Request,
    prepared: &Prepared<'_>,
    step: Option<(&Scenario, &Step)>,
    cluster: &Cluster,
    ids: images::Ids,
    told: &mut Told,
) -> Result<()> {
    let started = Instant::now();
    let order = prepared.in_order();
    // In a new cluster the first application is alone with its images for a while.
    let alone = step.is_none() && request.upgrade_from.is_none();
    let chosen: Vec<&str> = prepared.chosen.iter().map(String::as_str).collect();
    let first = order.iter().find(|app| alone && chosen.contains(&app.name.as_str()));
    let first = first.map(|app| {
        let mut images = prepared.images_of(app);
        images.extend(prepared.manifest.iter().flat_map(|manifest| manifest.images.keys().cloned()));
        images
    });
    let later = raise::raise(prepared, cluster, ids, first.as_ref())?;
    // Watching begins while the node is not ready yet: that takes the processor for a moment.
    let observer = Observer::start(&cluster.kubectl);
    raise::start(cluster, prepared.session.printer)?;
    told.extend(StepReport::passed("cluster", "the cluster is up and has its images", started.elapsed()).into());
    let Prepared { session, workspace, inspections, tools, .. } = *prepared;
    let stage = Stage {
        session,
        workspace,
        inspections,
        tools,
        apps: &prepared.apps,
        kubectl: &cluster.kubectl,
        observer: &observer,
    };
    let lanes = Lanes {
        stage: &stage,
        cluster,
        scenarios: &prepared.scenarios,
        order,
        given: prepared.given(),
        run: session.root.join("target/kind").join(run_name()),
    };
    if let Some(manifest) = prepared.manifest.as_ref().filter(|_| step.is_none()) {
        told.extend(lanes.added(manifest));
        if told.failed() {
            return process::check_interrupted();
        }
    }
    told.extend(match (step, &request.upgrade_from) {
        (Some((scenario, step)), _) => lanes.one(scenario, step),
        (None, Some(revision)) => lanes.upgraded(revision, &prepared.before),
        (None, None) if cluster.reused => lanes.together(),
        (None, None) => lanes.apart(&chosen, later.as_ref()),
    });
    process::check_interrupted()
}

/// The name of a run's folder.
fn run_name() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    format!("{seconds}-{}", std::process::id())
}
