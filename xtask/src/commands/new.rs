//! `new`: creates everything that a new Application needs.
//!
//! The files are created and rendered in a staged workspace, by the same stages as in the real one, and moved into place
//! only if there are no errors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, yaml};
use golden::store;
use helm::chart::Chart;
use helm::dependencies;
use kubernetes::object::Object;
use toolbox::{archive, inputs};
use workspace::Workspace;

use super::render::{self, locks};
use super::{Outcome, Session, rendering};
pub use crate::cli::New as Request;
use crate::lint::chart_sources::ChartSources;
use crate::lint::clusters::Clusters;
use crate::lint::scenario_files::ScenarioFiles;
use crate::lint::subject::{ByTarget, Subject};
use crate::new;
use crate::new::reach::Reach;
use crate::new::staging::{Changed, Staging};
use crate::new::{Service, Upstream, accepted, name, taken};
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let mut diagnostics = name::check_app(&request.app);
    diagnostics.extend(request.namespace.as_deref().map(name::check_namespace).unwrap_or_default());
    let dependency = match (&request.dependency, &request.repository) {
        (Some(dependency), Some(repository)) => diagnostics.take(name::dependency(dependency, repository)),
        _ => None,
    };
    diagnostics.into_result(())?;

    let (staging, finished) = Staging::begin(&session.root, &request.app, session.printer)?;
    if let Some(app) = finished {
        session.printer.result(&format!("completed {app}, which an interrupted run had started\n"));
        if app == request.app {
            let output = Output::NewCompleted(json::NewCompleted { application: app, written: [] });
            return Ok(Outcome { diagnostics: Diagnostics::default(), output });
        }
    }
    let (workspace, found) = Workspace::load(&session.root, &session.environment.cache)?;
    let service = Service {
        app: request.app.clone(),
        namespace: request.namespace.clone().unwrap_or_else(|| request.app.clone()),
        repository: workspace.config.repository.clone(),
        revision: taken::revision(&workspace),
        dependency,
    };
    let mut diagnostics = taken::check(&workspace, &service);
    // An unreadable manifest may use the same name, so existing errors must be fixed first.
    diagnostics.extend(found);
    for one in workspace.unrendered.iter().filter(|one| one.is_broken()) {
        diagnostics.extend(one.reasons.clone());
    }
    diagnostics.into_result(())?;

    let created = create(session, &staging, &service, &workspace.config.kubernetes)
        .and_then(|created| Ok((staging.place()?, created)));
    if created.is_err() {
        // The error is reported instead of a failed removal; the next run removes the leftovers.
        let _ = staging.remove();
    }
    let (changed, created) = created?;
    report(session, &service, &created, changed);
    let output = Output::New(json::New {
        application: service.app,
        namespace: service.namespace,
        pod_security: created.reach.level.name(),
        written: created.files,
        pinned: changed.pinned,
        accepted: changed.accepted,
    });
    Ok(Outcome { diagnostics: created.warnings, output })
}

/// The created files and what they require of the cluster.
struct Created {
    /// All files, relative to the root.
    files: Vec<String>,
    reach: Reach,
    warnings: Diagnostics,
}

fn create(session: &Session<'_>, staging: &Staging, service: &Service, kubernetes: &str) -> Result<Created> {
    staging.open()?;
    let write = |files: BTreeMap<String, String>| -> Result<()> {
        files.iter().try_for_each(|(name, text)| staging.write(name, text))
    };
    write(new::chart_files(service, &Upstream::default())?)?;
    let minimal = new::argocd_files(service, &Reach::default());
    write(minimal.clone())?;
    let staged = Session {
        root: staging.tree(),
        environment: session.environment,
        today: session.today,
        offline: session.offline,
        jobs: session.jobs,
        engines: session.engines,
        printer: session.printer,
        rendered: Arc::default(),
        results: Arc::clone(&session.results),
        goldens: Arc::default(),
        configuration: None,
        revision: None,
    };
    if service.dependency.is_some() {
        write(new::chart_files(service, &upstream(&staged, service)?)?)?;
    }
    let (objects, mut warnings, accepted) = record(&staged, service)?;
    let reach = Reach::of(&objects, kubernetes);
    let argocd = new::argocd_files(service, &reach);
    if argocd != minimal {
        write(argocd)?;
        // The Application is an input of the goldens, so render again.
        warnings.extend(record(&staged, service)?.1);
    }
    if let Some(entry) = accepted {
        staging.accept(&entry)?;
    }
    warnings.sort();
    let root = staging.tree();
    // Dependency archives are not committed.
    let archives = root.join("charts").join(&service.app).join("charts");
    let mut files = Vec::new();
    for folder in ["argocd", "charts", "images", "tests"].map(|name| root.join(name)) {
        if folder.is_dir() {
            let committed = store::files(&folder)?.into_iter().filter(|file| !file.starts_with(&archives));
            files.extend(committed.map(|file| inputs::name(&root, &file)));
        }
    }
    Ok(Created { files, reach, warnings })
}

/// Downloads the dependency, writes the locks, and reads the archive.
fn upstream(session: &Session<'_>, service: &Service) -> Result<Upstream> {
    let (workspace, _) = Workspace::load(&session.root, &session.environment.cache)?;
    let directory = session.root.join("charts").join(&service.app);
    let chart = Chart::load(&session.root, &directory)?;
    let tools = session.tools(&workspace);
    let helm = || Ok(tools.require("helm", workspace.config.argocd.helm)?.path);
    let request = dependencies::Request { charts: &[&chart], wanted: &[], names: &[], complete: true };
    dependencies::update(&session.root, &request, &session.context(&helm))?;
    let archives = store::files(&directory.join("charts"))?;
    let Some(path) = archives.first() else { return Ok(Upstream::default()) };
    let bytes = toolbox::regular_file::read(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    let tree = archive::read_chart(&inputs::name(&session.root, path), &bytes)?;
    let read = |name: &str| -> Option<Node> {
        // An archive has one top-level directory.
        let (_, bytes) =
            tree.iter().find(|(path, _)| path.split_once('/').is_some_and(|(_, inside)| inside == name))?;
        let text = String::from_utf8(bytes.clone()).ok()?;
        Some(yaml::parse_one(&Source::new(name, text)).ok()?.root)
    };
    let app_version = read("Chart.yaml").and_then(|chart| Some(chart.get("appVersion")?.as_str()?.to_owned()));
    Ok(Upstream { app_version, values: read("values.yaml") })
}

/// Renders the staged workspace and records the goldens. Also returns the entry that charts.toml needs, if any.
fn record(session: &Session<'_>, service: &Service) -> Result<(Vec<Object>, Diagnostics, Option<String>)> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root, &session.environment.cache)?;
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(session, &workspace, argocd, &[], &mut diagnostics);
    let objects: Vec<Object> = renderings.iter().flat_map(rendering::Rendering::objects).collect();
    let every: Vec<_> = renderings.iter().map(|one| &one.target).collect();
    let rendered = BTreeSet::new();
    let clusters = Clusters::default();
    let subject = Subject {
        workspace: &workspace,
        charts: &[],
        sources: &ChartSources::default(),
        scenarios: &ScenarioFiles::default(),
        targets: &every,
        objects: &objects,
        by_target: &ByTarget::new(&objects),
        rendered: &rendered,
        fresh: false,
        clusters: &clusters,
        complete: false,
        base: None,
        now: session.environment.now,
    };
    let accepted = accepted::entry(service, &subject);
    let request = render::Request { accept: true, ..render::Request::default() };
    let update = locks(session, &request, &renderings, &mut diagnostics);
    if diagnostics.is_empty() && objects.is_empty() {
        diagnostics.push(
            Diagnostic::new(Code::ChartInvalid, "the chart renders no objects with its default values")
                .help("use a chart that renders objects by default: library charts and charts with required values are not supported"),
        );
    }
    if !diagnostics.has_errors() {
        store::apply(&session.root, &update, session.printer)?;
    }
    diagnostics.into_result((objects, Diagnostics::default(), accepted))
}

/// Prints the created files and the next steps.
fn report(session: &Session<'_>, service: &Service, created: &Created, changed: Changed) {
    let app = &service.app;
    let mut out = String::new();
    for file in &created.files {
        out.push_str(&format!("created {file}\n"));
    }
    if changed.pinned {
        out.push_str("changed charts.lock\n");
    }
    if changed.accepted {
        out.push_str("changed charts.toml: it accepts objects of the dependency in other namespaces\n");
    }
    out.push_str("\nnext steps:\n");
    if service.dependency.is_some() {
        out.push_str(&format!("  edit charts/{app}/values.yaml\n"));
        out.push_str(&format!("  cargo xtask render --accept {app}\n"));
    } else {
        out.push_str(&format!("  add your program to images/{app}\n"));
        out.push_str(&format!("  cargo xtask image {app}    # then push the image, or load it into the nodes\n"));
    }
    out.push_str("  commit and push; the root Application deploys it\n");
    session.printer.result(&out);
    session.printer.finished(&format!("{app}: {}", plural(created.files.len(), "file")));
}
