//! `test-kind`: the applications in a kind cluster, proven by what they do.
//!
//! In a new cluster each application is deployed and proven with nothing of the others there; then all are together,
//! scenarios that need several run, and each is removed while the others are watched. In a kept cluster the
//! applications are there already: today's charts are applied over them, and all scenarios run side by side.

mod changed;
mod lanes;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use self::lanes::{Lanes, Result as StepResult, StepReport};
use self::stage::{App, Stage};
use super::rendering::{self, Rendering};
use super::{Outcome, Session};
use crate::cluster::observer::Observer;
use crate::cluster::{Cluster, Found, Maker, Wish, images, preflight};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result};
use crate::image::{self, Builder, engine::Engine};
use crate::lint;
use crate::plan::{self, Inspections};
use crate::process;
use crate::progress::Progress;
use crate::report::{junit, plural};
use crate::scenario::step::Action;
use crate::scenario::{self, Scenario};
use crate::tools::Tools;
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
    /// Write the results there, as JUnit XML.
    pub junit: Option<PathBuf>,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, found) = Workspace::load(&session.root)?;
    found.into_result(())?;
    let mut diagnostics = Diagnostics::default();
    let ran = test(session, request, &workspace, &mut diagnostics);
    let steps = diagnostics.take(ran).unwrap_or_default();
    diagnostics.sort();
    let failed = steps.iter().filter(|step| step.result == StepResult::Failed).count();
    if !steps.is_empty() {
        session.printer.result(&lanes::table(&steps));
    }
    if let Some(path) = &request.junit {
        let suites = lanes::suites(&steps, &diagnostics);
        diagnostics.extend(crate::whole::write(path, junit::document(&suites).as_bytes()).err().unwrap_or_default());
    }
    if !request.delete {
        session.printer.finished(&summary(steps.len(), failed));
    }
    Ok(Outcome { diagnostics, fields: vec![("steps", json!(steps.iter().map(StepReport::json).collect::<Vec<_>>()))] })
}

/// What became of the steps, in a line.
fn summary(steps: usize, failed: usize) -> String {
    match (steps, failed) {
        (0, _) => plural(0, "step"),
        (_, 0) => format!("{}: all passed", plural(steps, "step")),
        _ => format!("{}: {failed} failed", plural(steps, "step")),
    }
}

/// What a run works with, once all that can be known beforehand is.
struct Prepared<'a> {
    engine: Engine,
    apps: BTreeMap<String, App>,
    /// Those of them that were asked for; the others are there because a scenario needs them.
    chosen: Vec<String>,
    scenarios: Vec<Scenario>,
    /// Images that are needed, with where they are asked for.
    images: BTreeMap<String, Option<Place>>,
    tools: &'a Tools<'a>,
}

fn test(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<StepReport>> {
    let tools = session.tools(workspace);
    let (inspections, found) = Inspections::new(workspace);
    found.into_result(())?;
    let mut missing = Diagnostics::default();
    let engine = missing.take(Engine::find());
    let kind = missing.take(stage::tool(workspace, &tools, "kind"));
    let kubectl = missing.take(stage::tool(workspace, &tools, "kubectl"));
    let (Some(engine), Some(kind), Some(kubectl)) = (engine, kind, kubectl) else { return Err(missing) };
    let maker = Maker::new(engine.clone(), kind, kubectl, &session.environment.cache, &session.root);
    if request.delete {
        let _lock = maker.lock()?;
        session.printer.status("Removing", &format!("cluster {}", maker.name));
        maker.delete()?;
        return Ok(Vec::new());
    }
    let prepared = prepare(session, request, workspace, &inspections, &tools, engine)?;
    let (node_image, node_given) = node_image(request, workspace)?;
    let wish = Wish { node_image, node_given, port: request.api_port, keep: request.keep, fresh: request.fresh };
    let lock = maker.lock()?;
    let found = maker.found(&wish)?;
    let reused = found == Found::Kept;
    let keep = request.keep || reused;
    let mut needed = prepared.images.clone();
    if !reused {
        let mut diagnostics = request.api_port.map(preflight::port).unwrap_or_default();
        // What is in the way goes first, and gives back what it takes.
        if found == Found::Nothing {
            diagnostics.extend(preflight::judge(&preflight::ask(&maker.engine)?));
        }
        diagnostics.into_result(())?;
        needed.insert(wish.node_image.clone(), node_place(request, workspace));
    }
    let own = own_images(session, &prepared)?;
    let others: BTreeMap<_, _> =
        needed.into_iter().filter(|(name, _)| !own.iter().any(|image| image.reference == *name)).collect();
    let mut ids = images::bring(&maker.engine, &others, session.offline, session.printer)?;
    ids.remove(&wish.node_image);
    maker.settle(&found, session.printer)?;

    let cluster = maker.hold(lock, reused, keep);
    let outcome =
        with_cluster(session, request, workspace, &inspections, &prepared, &cluster, &wish, &own, ids, diagnostics);
    let kept = cluster.keep;
    diagnostics.extend(cluster.finish(session.printer));
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

/// The image of the node, and whether somebody named it for this run.
fn node_image(request: &Request, workspace: &Workspace) -> Result<(String, bool)> {
    let variable = std::env::var("XTASK_KIND_NODE_IMAGE").ok().filter(|image| !image.is_empty());
    if let Some(given) = request.node_image.clone().or(variable) {
        return Ok((given, true));
    }
    let Some((image, _)) = &workspace.config.kind_node_image else {
        return Err(Diagnostic::new(Code::ConfigInvalid, "charts.toml says no image for the node of a cluster")
            .at(Place::file(crate::workspace::CONFIG_FILE), "")
            .help("add `node-image = \"kindest/node:…\"` under [kind], or give `--node-image`")
            .into());
    };
    Ok((image.clone(), false))
}

/// Where the image of the node is named, unless it was for this run.
fn node_place(request: &Request, workspace: &Workspace) -> Option<Place> {
    let (image, place) = workspace.config.kind_node_image.as_ref()?;
    node_image(request, workspace).is_ok_and(|(wanted, given)| !given && wanted == *image).then(|| place.clone())
}

/// Renders, reads scenarios, and gathers what they need.
fn prepare<'a>(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    inspections: &Inspections,
    tools: &'a Tools<'a>,
    engine: Engine,
) -> Result<Prepared<'a>> {
    let mut diagnostics = Diagnostics::default();
    let known: Vec<String> = workspace.deployments.iter().map(|one| one.application.name.clone()).collect();
    for name in request.apps.iter().filter(|name| !known.contains(name)) {
        diagnostics.push(
            Diagnostic::new(Code::TargetUnknown, format!("no Application is named `{name}`"))
                .help(crate::diagnostic::suggestion(name, known.iter().map(String::as_str))),
        );
    }
    let chosen: Vec<&String> =
        known.iter().filter(|name| request.apps.is_empty() || request.apps.contains(name)).collect();
    let mut scenarios = Vec::new();
    for app in &chosen {
        scenarios.extend(diagnostics.take(scenario::of_app(workspace, app)).unwrap_or_default());
    }
    let mut wanted: BTreeSet<&str> = chosen.iter().map(|name| name.as_str()).collect();
    wanted.extend(scenarios.iter().flat_map(|scenario| scenario.needs.iter().map(String::as_str)));
    for tool in scenarios.iter().flat_map(tools_of).collect::<BTreeSet<_>>() {
        diagnostics.take(stage::tool(workspace, tools, &tool));
    }
    let argocd = workspace.config.argocd;
    let names: Vec<String> = wanted.iter().map(|app| format!("{app}/{}", plan::DEFAULT_CASE)).collect();
    let (targets, found) = plan::plan(workspace, inspections, argocd, &names);
    diagnostics.extend(found);
    let renderings = rendering::render(session, workspace, argocd, targets, false, &mut diagnostics);
    for one in &renderings {
        if let Some(Err(found)) = &one.rendered {
            diagnostics.extend(found.clone().for_target(&one.target.id));
        }
    }
    let apps: BTreeMap<String, App> =
        renderings.iter().filter_map(stage::app).map(|app| (app.name.clone(), app)).collect();
    let mut images: BTreeMap<String, Option<Place>> = BTreeMap::new();
    for object in renderings.iter().flat_map(Rendering::objects) {
        for (image, place) in lint::images::references(&object) {
            images.entry(image.to_owned()).or_insert(Some(place));
        }
    }
    let chosen = chosen.into_iter().cloned().collect();
    diagnostics.into_result(Prepared { engine, apps, chosen, scenarios, images, tools })
}

/// The tools that a scenario calls, beside kubectl.
fn tools_of(scenario: &Scenario) -> Vec<String> {
    let tools = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Tool { tool, .. } => Some(tool.clone()),
        _ => None,
    });
    tools.collect()
}

/// The images of this repository that the applications or the scenarios ask for.
fn own_images(session: &Session<'_>, prepared: &Prepared<'_>) -> Result<Vec<image::Image>> {
    let all = image::load(&session.root, &[])?;
    let asked = |image: &image::Image| {
        prepared.images.contains_key(&image.reference)
            || prepared.scenarios.iter().any(|scenario| scenario.mentions(&format!("${{image:{}}}", image.name)))
    };
    Ok(all.into_iter().filter(asked).collect())
}

#[expect(clippy::too_many_arguments, reason = "it is the second half of a run, and all of it is needed")]
fn with_cluster(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    inspections: &Inspections,
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    wish: &Wish,
    own: &[image::Image],
    mut ids: BTreeMap<String, String>,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<StepReport>> {
    let started = Instant::now();
    let references: BTreeMap<String, String> =
        own.iter().map(|image| (format!("image:{}", image.name), image.reference.clone())).collect();
    raise(session, workspace, prepared, cluster, wish, own, &mut ids)?;
    let mut reports = vec![StepReport::passed("cluster", "the cluster is up and has its images", started.elapsed())];
    let observer = Observer::start(&cluster.kubectl);
    let stage = Stage {
        session,
        workspace,
        inspections,
        tools: prepared.tools,
        apps: &prepared.apps,
        kubectl: &cluster.kubectl,
        observer: &observer,
    };
    let lanes = Lanes {
        stage: &stage,
        cluster,
        scenarios: &prepared.scenarios,
        given: references,
        run: session.root.join("target/kind").join(run_name()),
    };
    let chosen: Vec<&str> = prepared.chosen.iter().map(String::as_str).collect();
    if let Some(step) = &request.step {
        reports.extend(lanes.one(step, diagnostics)?);
    } else if cluster.reused {
        lanes.together(&mut reports, diagnostics);
    } else {
        lanes.apart(&mut reports, diagnostics, &chosen);
    }
    process::check_interrupted()?;
    Ok(reports)
}

/// Makes the cluster, and meanwhile builds and saves images; then loads what the node lacks.
fn raise(
    session: &Session<'_>,
    workspace: &Workspace,
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    wish: &Wish,
    own: &[image::Image],
    ids: &mut BTreeMap<String, String>,
) -> Result<()> {
    let maker = &cluster.maker;
    // In the cluster's folder, so that what a killed run leaves goes with the rest.
    let folder =
        tempfile::tempdir_in(&maker.folder).map_err(|error| Diagnostic::io("create", &maker.folder, &error))?;
    let archive = folder.path().join("images.tar");
    let none = BTreeMap::new();
    let builder = Builder {
        engine: &prepared.engine,
        root: &session.root,
        repository: &workspace.config.repository,
        arguments: &none,
        force: false,
        offline: session.offline,
        progress: session.printer,
    };
    let build = |ids: &mut BTreeMap<String, String>| -> Result<()> {
        for image in own {
            ids.insert(image.reference.clone(), builder.ensure(image)?.id);
        }
        Ok(())
    };
    let save = |names: &[&str]| {
        session.printer.status("Saving", &plural(names.len(), "image"));
        images::save(&prepared.engine, names, &archive)
    };
    if cluster.reused {
        build(ids)?;
    } else {
        let (created, saved) = std::thread::scope(|scope| {
            let creating = scope.spawn(|| {
                session.printer.status("Creating", &format!("cluster {} from {}", maker.name, wish.node_image));
                maker.create(wish)
            });
            let saved = build(ids).and_then(|()| {
                let names: Vec<&str> = ids.keys().map(String::as_str).collect();
                if names.is_empty() { Ok(()) } else { save(&names) }
            });
            (creating.join(), saved)
        });
        match created {
            Ok(created) => created?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        saved?;
    }
    let lacking = images::lacking(maker, ids)?;
    if !lacking.is_empty() {
        if cluster.reused {
            save(&lacking)?;
        }
        session.printer.status("Loading", &format!("{} into {}", plural(lacking.len(), "image"), maker.node()));
        images::load(maker, &archive)?;
    }
    cluster.wait_for_node()
}

/// The name of a run's folder.
fn run_name() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    format!("{seconds}-{}", std::process::id())
}
