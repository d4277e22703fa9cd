//! Everything that is rendered and checked before a cluster exists. The machine and its engine are checked by
//! `cluster::preflight`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use argocd::application::split_instance;
use cluster::Options;
use cluster::scenario::{Scenario, Step};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, suggestion};
use document::yaml;
use toolbox::source;
use toolbox::tools::Tools;
use workspace::Workspace;

use super::revision::{self, Revision};
use super::stage::{self, App, Own};
pub use crate::cli::EndToEnd as Request;
use crate::commands::Session;
use crate::image;
use crate::lint::images;

/// Images by reference, each with a place that uses it.
pub(crate) type Used = BTreeMap<String, Option<Place>>;

/// The images and scenarios that a command needs in addition to those of the applications.
#[derive(Default)]
pub(crate) struct Additions {
    /// The scenarios of the requested applications.
    pub(crate) scenarios: Vec<Scenario>,
    /// Images that the command itself needs.
    pub(crate) images: Used,
    /// Images that it builds.
    pub(crate) own: Vec<Own>,
}

/// A run that is ready to start.
pub(crate) struct Prepared<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) workspace: &'a Workspace,
    pub(crate) tools: &'a Tools<'a>,
    /// The cluster to create.
    pub(crate) options: Options,
    /// The place of the node image in charts.toml, unless another was given for this run.
    pub(crate) node_place: Option<Place>,
    pub(crate) apps: BTreeMap<String, App>,
    /// The applications of the revision to upgrade from.
    pub(crate) before: BTreeMap<String, App>,
    /// The requested applications; the others are deployed because a scenario needs them.
    pub(crate) chosen: Vec<String>,
    pub(crate) scenarios: Vec<Scenario>,
    /// The manifests to apply before the applications.
    pub(crate) manifest: Option<Manifest>,
    /// The images that the command itself needs.
    further: Used,
    /// The images to build.
    pub(crate) own: Vec<Own>,
    /// The files of the revision to upgrade from.
    revision: Option<tempfile::TempDir>,
}

/// A file of manifests for the cluster itself.
pub(crate) struct Manifest {
    /// The name of the file in messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The images that it uses, each with a place.
    pub(crate) images: BTreeMap<String, Place>,
}

impl Prepared<'_> {
    /// The images that this repository does not build.
    pub(crate) fn foreign_images(&self) -> Used {
        let own = |name: &str| self.own.iter().any(|own| own.image.reference == name);
        // For an image that both revisions use, the place in the current one counts.
        let all = self.before.values().chain(self.apps.values()).map(|app| &app.images);
        let all = all.chain(self.manifest.iter().map(|manifest| &manifest.images)).flatten();
        let mut used = self.further.clone();
        used.extend(all.filter(|(name, _)| !own(name)).map(|(name, place)| (name.clone(), Some(place.clone()))));
        used
    }

    /// The directory with the files of the revision to upgrade from.
    pub(crate) fn revision(&self) -> Option<&Path> {
        self.revision.as_ref().map(tempfile::TempDir::path)
    }

    /// The applications, those that others need first.
    pub(crate) fn in_order(&self) -> Vec<&App> {
        let mut apps: Vec<&App> = self.apps.values().collect();
        let needed = |app: &App| self.scenarios.iter().any(|scenario| scenario.needs.contains(&app.name));
        apps.sort_by_key(|app| (!needed(app), app.name.clone()));
        apps
    }

    /// The images that are needed to deploy and test an application on its own, those of [`Self::manifest`] included.
    pub(crate) fn images_of(&self, app: &App) -> BTreeSet<String> {
        let before = self.manifest.iter().map(|manifest| &manifest.images);
        let mut images: BTreeSet<String> = before.chain([&app.images]).flat_map(BTreeMap::keys).cloned().collect();
        for own in &self.own {
            let variable = format!("${{image:{}}}", own.image.name);
            let alone = |one: &&Scenario| one.app == app.name && one.alone;
            if self.scenarios.iter().filter(alone).any(|scenario| scenario.mentions(&variable)) {
                images.insert(own.image.reference.clone());
            }
        }
        images
    }

    /// A step by its full name, and its scenario.
    pub(crate) fn step(&self, name: &str) -> Result<(&Scenario, &Step)> {
        let all = || self.scenarios.iter().flat_map(|scenario| scenario.steps.iter().map(move |step| (scenario, step)));
        let title = |(scenario, step): &(&Scenario, &Step)| format!("{}:{}", scenario.title(), step.name);
        all().find(|one| title(one) == name).ok_or_else(|| {
            let names: Vec<String> = all().map(|one| title(&one)).collect();
            Diagnostic::new(Code::Usage, format!("unknown step `{name}`"))
                .help(suggestion(name, names.iter().map(String::as_str)))
                .into()
        })
    }

    /// The variables that all scenarios have.
    pub(crate) fn given(&self) -> BTreeMap<String, String> {
        let current = self.own.iter().filter(|own| own.root == self.session.root);
        current.map(|own| (format!("image:{}", own.image.name), own.image.reference.clone())).collect()
    }
}

/// Renders the applications, reads the scenarios, and collects what they need.
pub(crate) fn prepare<'a>(
    session: &'a Session<'a>,
    request: &Request,
    workspace: &'a Workspace,
    tools: &'a Tools<'a>,
    additions: impl FnOnce(&[String]) -> Result<Additions>,
) -> Result<Prepared<'a>> {
    let mut diagnostics = Diagnostics::default();
    let known: Vec<String> = workspace.deployments.iter().map(|one| one.application.instance.clone()).collect();
    for name in request.apps.iter().filter(|name| !known.contains(name)) {
        diagnostics.push(
            Diagnostic::new(Code::TargetUnknown, format!("unknown Application `{name}`"))
                .help(suggestion(name, known.iter().map(String::as_str))),
        );
    }
    let chosen: Vec<String> =
        known.into_iter().filter(|name| request.apps.is_empty() || request.apps.contains(name)).collect();
    diagnostics.0.extend(several_instances(&chosen));
    let Additions { scenarios, images: further, own: further_own } =
        diagnostics.take(additions(&chosen)).unwrap_or_default();
    let mut wanted: BTreeSet<&str> = chosen.iter().map(String::as_str).collect();
    wanted.extend(scenarios.iter().flat_map(|scenario| scenario.needs.iter().map(String::as_str)));
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    for tool in steps.filter_map(|step| step.action.tool()).collect::<BTreeSet<_>>() {
        diagnostics.take(stage::tool(workspace, tools, tool));
    }
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let apps = stage::render(session, workspace, &wanted, &mut diagnostics);
    let revision = request.upgrade_from.as_ref().map(|name| revision::load(session, name, &wanted));
    let Revision { apps: before, own: older, folder } =
        revision.and_then(|loaded| diagnostics.take(loaded)).unwrap_or_default();
    let mut own = Vec::new();
    let images = [image::load(&session.root, &[]), image::load_for_tests(&session.root)];
    for image in images.into_iter().filter_map(|loaded| diagnostics.take(loaded)).flatten() {
        let variable = format!("${{image:{}}}", image.name);
        let used = apps.values().chain(before.values()).any(|app| app.images.contains_key(&image.reference));
        if used || scenarios.iter().any(|scenario| scenario.mentions(&variable)) {
            own.push(Own { image, root: session.root.clone() });
        }
    }
    // Of two images with the same name, the current one is used.
    let known: BTreeSet<String> = own.iter().map(|own| own.image.reference.clone()).collect();
    own.extend(older.into_iter().filter(|own| !known.contains(&own.image.reference)));
    own.extend(further_own);
    let manifest = diagnostics.take(manifest(session, request)).flatten();
    let (node_image, node_place) = diagnostics.take(node_image(request, workspace)).unwrap_or_default();
    let options = Options {
        node_image,
        node_given: node_place.is_none(),
        port: request.api_port,
        keep: request.keep,
        // A kept cluster may contain any version of the applications.
        fresh: request.fresh || request.upgrade_from.is_some(),
    };
    diagnostics.into_result(Prepared {
        session,
        workspace,
        tools,
        options,
        node_place,
        apps,
        before,
        chosen,
        scenarios,
        manifest,
        further,
        own,
        revision: folder,
    })
}

/// Reports Applications of several instances of Argo CD, each of which deploys to a cluster of its own.
fn several_instances(applications: &[String]) -> Option<Diagnostic> {
    let instances: BTreeSet<&str> = applications.iter().map(|name| split_instance(name).1).collect();
    if instances.len() < 2 {
        return None;
    }
    let named: Vec<String> = instances.iter().filter(|name| !name.is_empty()).map(|name| format!("`{name}`")).collect();
    let other = if instances.contains("") { ", and one without a name" } else { "" };
    let message = "the Applications belong to several instances of Argo CD, which deploy to different clusters";
    let example = applications.iter().find(|name| !split_instance(name).1.is_empty());
    Some(
        Diagnostic::new(Code::Usage, message)
            .note(format!("instances: {}{other}", named.join(", ")))
            .help(format!("name Applications of one instance, such as `{}`", example.map_or("", String::as_str))),
    )
}

/// The manifests of `--manifest`, or of `XTASK_KIND_MANIFEST`. For a single step, they are not applied again.
fn manifest(session: &Session<'_>, request: &Request) -> Result<Option<Manifest>> {
    let variable = std::env::var_os("XTASK_KIND_MANIFEST").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = request.manifest.clone().or(variable).filter(|_| request.step.is_none()) else {
        return Ok(None);
    };
    let path = std::path::absolute(&path).map_err(|error| Diagnostic::io("find", &path, &error))?;
    let source = source::read(&session.root, &path)?;
    let mut images = BTreeMap::new();
    for document in yaml::parse(&source)? {
        images.extend(images::references_in(&document.root));
    }
    Ok(Some(Manifest { name: source.name.clone(), text: source.text.clone(), images }))
}

/// The node image, and its place in charts.toml unless another was given for this run.
fn node_image(request: &Request, workspace: &Workspace) -> Result<(String, Option<Place>)> {
    let variable = std::env::var("XTASK_KIND_NODE_IMAGE").ok().filter(|image| !image.is_empty());
    if let Some(given) = request.node_image.clone().or(variable) {
        return Ok((given, None));
    }
    let Some((image, place)) = &workspace.config.kind_node_image else {
        return Err(Diagnostic::new(Code::ConfigInvalid, "`kind.node-image` is not set")
            .at(Place::file(workspace::CONFIG_FILE), "")
            .help("add `node-image = \"kindest/node:…\"` under `[kind]`, or give `--node-image`")
            .into());
    };
    Ok((image.clone(), Some(place.clone())))
}
