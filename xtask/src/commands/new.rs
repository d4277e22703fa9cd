//! `new`: all that another Application needs, made in one go.
//!
//! It is put together and rendered in a staged workspace of its own, by the same stages as ever, and moved into the real
//! one when nothing is wrong with it.

use std::collections::BTreeMap;

use serde_json::json;

use super::render::{self, locks};
use super::{Outcome, Session, rendering};
use crate::archive;
use crate::dependencies;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result, Source};
use crate::document::{Node, yaml};
use crate::golden::store;
use crate::inputs;
use crate::lint::Subject;
use crate::new::reach::Reach;
use crate::new::staging::{Changed, Staging};
use crate::new::{self, Service, Upstream, accepted, name, taken};
use crate::objects::Object;
use crate::plan::{self, Inspections};
use crate::wording::plural;
use crate::workspace::Workspace;
use crate::workspace::chart::Chart;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// The name of the service.
    pub app: String,
    /// `NAME@VERSION` of the chart that it is an umbrella over.
    pub dependency: Option<String>,
    /// The Helm repository of that chart.
    pub repository: Option<String>,
    /// Its namespace, if not one of its own name.
    pub namespace: Option<String>,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let mut diagnostics = name::check_app(&request.app);
    diagnostics.extend(request.namespace.as_deref().map(name::check_namespace).unwrap_or_default());
    let dependency = match (&request.dependency, &request.repository) {
        (Some(dependency), Some(repository)) => diagnostics.take(name::dependency(dependency, repository)),
        _ => None,
    };
    diagnostics.into_result(())?;

    let (staging, finished) = Staging::begin(&session.root, &request.app)?;
    if let Some(app) = finished {
        session.printer.result(&format!("finished {app}, which an earlier run had begun\n"));
        if app == request.app {
            let fields = vec![("application", json!(app)), ("written", json!([]))];
            return Ok(Outcome { diagnostics: Diagnostics::default(), fields });
        }
    }
    let (workspace, found) = Workspace::load(&session.root)?;
    let service = Service {
        app: request.app.clone(),
        namespace: request.namespace.clone().unwrap_or_else(|| request.app.clone()),
        repository: workspace.config.repository.clone(),
        revision: taken::revision(&workspace),
        dependency,
    };
    let mut diagnostics = taken::check(&workspace, &service);
    // What cannot be read may hold the same name, and a repository that is not sound does not become so by growing.
    diagnostics.extend(found);
    diagnostics.into_result(())?;

    let made = make(session, &staging, &service).and_then(|made| Ok((staging.place()?, made)));
    if made.is_err() {
        // What went wrong matters more than scrap that the next run removes as well.
        let _ = staging.remove();
    }
    let (changed, made) = made?;
    tell(session, &service, &made, changed);
    let fields = vec![
        ("application", json!(service.app)),
        ("namespace", json!(service.namespace)),
        ("podSecurity", json!(made.reach.level.name())),
        ("written", json!(made.files)),
        ("pinned", json!(changed.pinned)),
        ("accepted", json!(changed.accepted)),
    ];
    Ok(Outcome { diagnostics: made.warnings, fields })
}

/// What was made.
struct Made {
    /// All files, by their paths from the root.
    files: Vec<String>,
    reach: Reach,
    warnings: Diagnostics,
}

fn make(session: &Session<'_>, staging: &Staging, service: &Service) -> Result<Made> {
    staging.open()?;
    let write = |files: BTreeMap<String, String>| -> Result<()> {
        files.iter().try_for_each(|(name, text)| staging.write(name, text))
    };
    write(new::chart_files(service, &Upstream::default())?)?;
    let modest = new::argocd_files(service, &Reach::default());
    write(modest.clone())?;
    let staged = Session {
        root: staging.tree(),
        environment: session.environment,
        offline: session.offline,
        jobs: session.jobs,
        printer: session.printer,
    };
    if service.dependency.is_some() {
        write(new::chart_files(service, &upstream(&staged, service)?)?)?;
    }
    let (objects, mut warnings, accepted) = record(&staged, service)?;
    let reach = Reach::of(&objects);
    let argocd = new::argocd_files(service, &reach);
    if argocd != modest {
        write(argocd)?;
        // The goldens are to name the Application as it is now.
        warnings.extend(record(&staged, service)?.1);
    }
    if let Some(entry) = accepted {
        staging.accept(&entry)?;
    }
    warnings.sort();
    let root = staging.tree();
    // The archives of dependencies are not for Git.
    let archives = root.join("charts").join(&service.app).join("charts");
    let mut files = Vec::new();
    for folder in ["argocd", "charts", "images", "tests"].map(|name| root.join(name)) {
        if folder.is_dir() {
            let own = store::files(&folder)?.into_iter().filter(|file| !file.starts_with(&archives));
            files.extend(own.map(|file| inputs::name(&root, &file)));
        }
    }
    Ok(Made { files, reach, warnings })
}

/// Brings the dependency, writes the locks, and reads what its archive tells.
fn upstream(session: &Session<'_>, service: &Service) -> Result<Upstream> {
    let (workspace, _) = Workspace::load(&session.root)?;
    let directory = session.root.join("charts").join(&service.app);
    let chart = Chart::load(&session.root, &directory)?;
    let tools = session.tools(&workspace);
    let helm = || Ok(tools.require("helm", workspace.config.argocd.helm)?.path);
    dependencies::update(&session.root, &[&chart], &session.context(&helm))?;
    let archives = store::files(&directory.join("charts"))?;
    let Some(path) = archives.first() else { return Ok(Upstream::default()) };
    let bytes = std::fs::read(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    let tree = archive::read_chart(&inputs::name(&session.root, path), &bytes)?;
    let read = |name: &str| -> Option<Node> {
        // Everything in an archive lies in one folder.
        let (_, bytes) =
            tree.iter().find(|(path, _)| path.split_once('/').is_some_and(|(_, inside)| inside == name))?;
        let text = String::from_utf8(bytes.clone()).ok()?;
        Some(yaml::parse_one(&Source::new(name, text)).ok()?.root)
    };
    let app_version = read("Chart.yaml").and_then(|chart| Some(chart.get("appVersion")?.as_str()?.to_owned()));
    Ok(Upstream { app_version, values: read("values.yaml") })
}

/// Renders all that is staged, and records it. With what charts.toml has to accept of it.
fn record(session: &Session<'_>, service: &Service) -> Result<(Vec<Object>, Diagnostics, Option<String>)> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let (inspections, found) = Inspections::new(&workspace);
    diagnostics.extend(found);
    let (targets, found) = plan::plan(&workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let renderings = rendering::render(session, &workspace, workspace.config.argocd, targets, false, &mut diagnostics);
    let objects: Vec<Object> = renderings.iter().flat_map(rendering::Rendering::objects).collect();
    let every: Vec<_> = renderings.iter().map(|one| &one.target).collect();
    let subject = Subject { workspace: &workspace, charts: &[], targets: &every, objects: &objects };
    let accepted = accepted::entry(service, &subject);
    let request = render::Request { accept: true, ..render::Request::default() };
    let update = locks(session, &request, &renderings, &mut diagnostics);
    for one in renderings {
        if let Some(Err(found)) = one.rendered {
            diagnostics.extend(found.for_target(&one.target.id));
        }
    }
    if diagnostics.is_empty() && objects.is_empty() {
        diagnostics.push(
            Diagnostic::new(Code::ChartInvalid, "the chart renders no object with its default values")
                .help("a library chart cannot be deployed; one that needs values cannot be begun with this command"),
        );
    }
    if !diagnostics.has_errors() {
        store::apply(&session.root, &update)?;
    }
    diagnostics.into_result((objects, Diagnostics::default(), accepted))
}

/// What was made, and what to do now.
fn tell(session: &Session<'_>, service: &Service, made: &Made, changed: Changed) {
    let app = &service.app;
    let mut out = String::new();
    for file in &made.files {
        out.push_str(&format!("made {file}\n"));
    }
    if changed.pinned {
        out.push_str("changed charts.lock\n");
    }
    if changed.accepted {
        out.push_str("changed charts.toml: it accepts objects of the dependency in namespaces of their own\n");
    }
    out.push_str("\nnext:\n");
    if service.dependency.is_some() {
        out.push_str(&format!("  set the values that you want in charts/{app}/values.yaml\n"));
        out.push_str(&format!("  cargo xtask render --accept {app}\n"));
    } else {
        out.push_str(&format!("  put your program into images/{app}\n"));
        out.push_str(&format!("  cargo xtask image {app}    # and bring it to where your nodes find it\n"));
    }
    out.push_str("  commit and push: the root Application deploys it\n");
    session.printer.result(&out);
    session.printer.finished(&format!("{app}: {}", plural(made.files.len(), "file")));
}
