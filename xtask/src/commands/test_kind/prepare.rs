//! What can be known, rendered, and refused before there is a cluster.
//!
//! Deliberately absent: the machine and its engine (`cluster::preflight`, `cluster::images`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Request;
use super::revision::{self, Revision};
use super::stage::{self, App};
use crate::cluster::Wish;
use crate::commands::Session;
use crate::commands::rendering;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, suggestion};
use crate::document::yaml;
use crate::image;
use crate::lint::images;
use crate::plan::{self, Inspections};
use crate::scenario::step::Action;
use crate::scenario::{self, Scenario, Step};
use crate::tools::Tools;
use crate::workspace::{self, Workspace};

/// Images by reference, with where they are asked for.
pub(super) type Asked = BTreeMap<String, Option<Place>>;

/// What a run works with, once all that can be known beforehand is.
pub(super) struct Prepared<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) inspections: &'a Inspections,
    pub(super) tools: &'a Tools<'a>,
    /// What is asked of the cluster.
    pub(super) wish: Wish,
    /// Where the image of its node is named, unless it was for this run.
    pub(super) node_place: Option<Place>,
    pub(super) apps: BTreeMap<String, App>,
    /// The same as the revision has them that is upgraded from.
    pub(super) before: BTreeMap<String, App>,
    /// Those of them that were asked for; the others are there because a scenario needs them.
    pub(super) chosen: Vec<String>,
    pub(super) scenarios: Vec<Scenario>,
    /// What is applied before the Applications.
    pub(super) manifest: Option<Manifest>,
    /// Images that are built for the run.
    pub(super) own: Vec<Own>,
    /// Holds the files of the other revision as long as its images may be built.
    _revision: Option<tempfile::TempDir>,
}

/// A file of manifests for the cluster itself.
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) images: BTreeMap<String, Place>,
}

/// An image that is built.
pub(super) struct Own {
    pub(super) image: image::Image,
    /// The root of the workspace that has it.
    pub(super) root: PathBuf,
}

impl Prepared<'_> {
    /// The images that somebody else builds.
    pub(super) fn foreign_images(&self) -> Asked {
        let own = |name: &str| self.own.iter().any(|own| own.image.reference == name);
        // Where both ask for an image, the place is that of today.
        let all = self.before.values().chain(self.apps.values()).map(|app| &app.images);
        let all = all.chain(self.manifest.iter().map(|manifest| &manifest.images)).flatten();
        all.filter(|(name, _)| !own(name)).map(|(name, place)| (name.clone(), Some(place.clone()))).collect()
    }

    /// The applications, what others need before them.
    pub(super) fn in_order(&self) -> Vec<&App> {
        let mut apps: Vec<&App> = self.apps.values().collect();
        let needed = |app: &App| self.scenarios.iter().any(|scenario| scenario.needs.contains(&app.name));
        apps.sort_by_key(|app| (!needed(app), app.name.clone()));
        apps
    }

    /// The images that an application needs to be deployed and proven alone.
    pub(super) fn images_of(&self, app: &App) -> BTreeSet<String> {
        let mut images: BTreeSet<String> = app.images.keys().cloned().collect();
        for own in &self.own {
            let variable = format!("${{image:{}}}", own.image.name);
            let alone = |one: &&Scenario| one.app == app.name && one.alone;
            if self.scenarios.iter().filter(alone).any(|scenario| scenario.mentions(&variable)) {
                images.insert(own.image.reference.clone());
            }
        }
        images
    }

    /// A step by its whole name, and the scenario that it belongs to.
    pub(super) fn step(&self, name: &str) -> Result<(&Scenario, &Step)> {
        let all = || self.scenarios.iter().flat_map(|scenario| scenario.steps.iter().map(move |step| (scenario, step)));
        let title = |(scenario, step): &(&Scenario, &Step)| format!("{}:{}", scenario.title(), step.name);
        all().find(|one| title(one) == name).ok_or_else(|| {
            let names: Vec<String> = all().map(|one| title(&one)).collect();
            Diagnostic::new(Code::Usage, format!("no step is named `{name}`"))
                .help(suggestion(name, names.iter().map(String::as_str)))
                .into()
        })
    }

    /// Variables that every scenario has.
    pub(super) fn given(&self) -> BTreeMap<String, String> {
        let today = self.own.iter().filter(|own| own.root == self.session.root);
        today.map(|own| (format!("image:{}", own.image.name), own.image.reference.clone())).collect()
    }
}

/// Renders, reads scenarios, and gathers what they need.
pub(super) fn prepare<'a>(
    session: &'a Session<'a>,
    request: &Request,
    workspace: &'a Workspace,
    inspections: &'a Inspections,
    tools: &'a Tools<'a>,
) -> Result<Prepared<'a>> {
    let mut diagnostics = Diagnostics::default();
    let known: Vec<String> = workspace.deployments.iter().map(|one| one.application.name.clone()).collect();
    for name in request.apps.iter().filter(|name| !known.contains(name)) {
        diagnostics.push(
            Diagnostic::new(Code::TargetUnknown, format!("no Application is named `{name}`"))
                .help(suggestion(name, known.iter().map(String::as_str))),
        );
    }
    let chosen: Vec<String> =
        known.into_iter().filter(|name| request.apps.is_empty() || request.apps.contains(name)).collect();
    let mut scenarios = Vec::new();
    for app in &chosen {
        scenarios.extend(diagnostics.take(scenario::of_app(workspace, app)).unwrap_or_default());
    }
    let mut wanted: BTreeSet<&str> = chosen.iter().map(String::as_str).collect();
    wanted.extend(scenarios.iter().flat_map(|scenario| scenario.needs.iter().map(String::as_str)));
    for tool in scenarios.iter().flat_map(tools_of).collect::<BTreeSet<_>>() {
        diagnostics.take(stage::tool(workspace, tools, &tool));
    }
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let apps = render(session, workspace, inspections, &wanted, &mut diagnostics);
    let revision = request.upgrade_from.as_ref().map(|name| revision::load(session, name, &wanted));
    let Revision { apps: before, own: older, folder } =
        revision.and_then(|loaded| diagnostics.take(loaded)).unwrap_or_default();
    let mut own = Vec::new();
    for image in diagnostics.take(image::load(&session.root, &[])).unwrap_or_default() {
        let variable = format!("${{image:{}}}", image.name);
        let asked = apps.values().chain(before.values()).any(|app| app.images.contains_key(&image.reference));
        if asked || scenarios.iter().any(|scenario| scenario.mentions(&variable)) {
            own.push(Own { image, root: session.root.clone() });
        }
    }
    // Under one name there can be one image: today's.
    let known: BTreeSet<String> = own.iter().map(|own| own.image.reference.clone()).collect();
    own.extend(older.into_iter().filter(|own| !known.contains(&own.image.reference)));
    let manifest = diagnostics.take(manifest(session, request)).flatten();
    let (node_image, node_place) = diagnostics.take(node_image(request, workspace)).unwrap_or_default();
    let wish = Wish {
        node_image,
        node_given: node_place.is_none(),
        port: request.api_port,
        keep: request.keep,
        // What is deployed in a kept cluster may be anything.
        fresh: request.fresh || request.upgrade_from.is_some(),
    };
    diagnostics.into_result(Prepared {
        session,
        workspace,
        inspections,
        tools,
        wish,
        node_place,
        apps,
        before,
        chosen,
        scenarios,
        manifest,
        own,
        _revision: folder,
    })
}

/// The manifests that are applied before the Applications: `--manifest`, or else `XTASK_KIND_MANIFEST`.
fn manifest(session: &Session<'_>, request: &Request) -> Result<Option<Manifest>> {
    let variable = std::env::var_os("XTASK_KIND_MANIFEST").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = request.manifest.clone().or(variable) else { return Ok(None) };
    let path = std::path::absolute(&path).unwrap_or(path);
    let source = workspace::read(&session.root, &path)?;
    let mut images = BTreeMap::new();
    for document in yaml::parse(&source)? {
        images.extend(images::references_in(&document.root));
    }
    Ok(Some(Manifest { name: source.name.clone(), text: source.text.clone(), images }))
}

/// The applications of a workspace as they render by default.
pub(super) fn render(
    session: &Session<'_>,
    workspace: &Workspace,
    inspections: &Inspections,
    wanted: &[&str],
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, App> {
    let argocd = workspace.config.argocd;
    let names: Vec<String> = wanted.iter().map(|app| format!("{app}/{}", plan::DEFAULT_CASE)).collect();
    let (targets, found) = plan::plan(workspace, inspections, argocd, &names);
    diagnostics.extend(found);
    let renderings = rendering::render(session, workspace, argocd, targets, false, diagnostics);
    for one in &renderings {
        if let Some(Err(found)) = &one.rendered {
            diagnostics.extend(found.clone().for_target(&one.target.id));
        }
    }
    renderings.iter().filter_map(stage::app).map(|app| (app.name.clone(), app)).collect()
}

/// The image of the node, and its place in charts.toml unless somebody named another for this run.
fn node_image(request: &Request, workspace: &Workspace) -> Result<(String, Option<Place>)> {
    let variable = std::env::var("XTASK_KIND_NODE_IMAGE").ok().filter(|image| !image.is_empty());
    if let Some(given) = request.node_image.clone().or(variable) {
        return Ok((given, None));
    }
    let Some((image, place)) = &workspace.config.kind_node_image else {
        return Err(Diagnostic::new(Code::ConfigInvalid, "charts.toml says no image for the node of a cluster")
            .at(Place::file(crate::workspace::CONFIG_FILE), "")
            .help("add `node-image = \"kindest/node:…\"` under [kind], or give `--node-image`")
            .into());
    };
    Ok((image.clone(), Some(place.clone())))
}

/// The tools that a scenario calls.
fn tools_of(scenario: &Scenario) -> Vec<String> {
    let tools = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Tool { tool, .. } => Some(tool.clone()),
        _ => None,
    });
    tools.collect()
}
