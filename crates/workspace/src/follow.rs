//! App of apps: follows the Applications that targets render.
//!
//! An Application in the output of a target replaces one of the same name in a file, unless both say the same: Argo CD
//! applies what its parent renders. A kustomization replaces all Applications in its files, since it may rename them.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use argocd::application;
use argocd::application::{Defined, in_instance, instance_name, split_instance};
use argocd::project;
use argocd::project::Project;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use document::yaml::Document;

use kubernetes::schemas::json;
use toolbox::inputs;

use crate::deploy::Deployer;
use crate::deployment::{Deployment, Rendered, Unrendered};
use crate::find;
use crate::generate::{Generated, GeneratedApplication, Generator};
use crate::jsonnet::Evaluation;
use crate::load::Workspace;
use crate::repeated;
use crate::target::TargetId;

/// A dependency with this in its name probably renders Applications from its values.
const RENDERS_APPLICATIONS: &str = "argocd";

impl Deployment {
    /// Whether its output may contain Applications or ApplicationSets that are not in a file of their own.
    #[must_use]
    pub fn may_define_applications(&self, workspace: &Workspace) -> bool {
        let argocd = split_instance(&self.application.instance).1;
        let config = &workspace.config;
        let belongs = |file: &str| config.instance_of(file) == argocd && config.selects(file);
        let renders = |source: &Rendered| may_define(workspace, &workspace.root, source, false);
        self.sources.iter().any(|source| renders(source) || may_move(source, &belongs))
    }
}

/// Whether the output of a source may contain Applications that are not in a file of the workspace. `elsewhere` says that
/// its files are not there, but below `root`.
fn may_define(workspace: &Workspace, root: &Path, source: &Rendered, elsewhere: bool) -> bool {
    let mentions = |text: &[u8]| find::mentions_group(text);
    let in_file = |path: &Path| toolbox::regular_file::read(path).is_ok_and(|bytes| mentions(&bytes));
    match source {
        Rendered::Chart(source) => {
            let object = source.options.values_object.as_ref().map(document::Node::to_json);
            let text = source.options.values.as_ref().map(|(text, _)| text.clone());
            source.chart.dependencies.iter().any(|one| one.name.contains(RENDERS_APPLICATIONS))
                || object.into_iter().chain(text).any(|text| mentions(text.as_bytes()))
                || workspace.read_charts.of(root, &source.chart.directory).mentions_argocd
        }
        Rendered::RemoteChart(source) => {
            let object = source.options.values_object.as_ref().map(document::Node::to_json);
            let text = source.options.values.as_ref().map(|(text, _)| text.clone());
            source.pin.name.contains(RENDERS_APPLICATIONS)
                || object.into_iter().chain(text).any(|text| mentions(text.as_bytes()))
        }
        Rendered::Kustomize(source) => {
            source.inspection.charts.iter().any(|chart| chart.name.contains(RENDERS_APPLICATIONS))
                || source.inspection.files.iter().any(|path| in_file(path))
        }
        Rendered::Plugin(source) => find::files(&source.directory).iter().any(|path| in_file(path)),
        // Its Applications are in files.
        Rendered::Directory(source) => {
            let imported =
                |evaluation: &Evaluation| evaluation.imported.keys().any(|name| in_file(&root.join(&**name)));
            let evaluated = |evaluation: &Evaluation| evaluation.files.iter().any(|(_, file)| in_file(file));
            source.evaluation.as_ref().is_some_and(|one| evaluated(one) || imported(one))
                || elsewhere && source.contents.files.iter().any(|file| mentions(file.text.as_bytes()))
        }
        Rendered::Elsewhere(source) => may_define(workspace, &source.tree.root, &source.rendered, true),
    }
}

/// Whether a directory contains Applications that belong to another Argo CD instance than the one that deploys them, as far
/// as their files say, or in files that are not searched.
fn may_move(source: &Rendered, belongs: &dyn Fn(&str) -> bool) -> bool {
    let Rendered::Directory(source) = source else { return false };
    let files = source.contents.files.iter().filter(|file| find::mentions_group(file.text.as_bytes()));
    files.into_iter().any(|file| !belongs(&file.name))
}

impl Workspace {
    /// Adds the Applications and ApplicationSets among the objects that a target renders. Returns whether any is new.
    pub fn follow(&mut self, parent: &TargetId, objects: &[Document], diagnostics: &mut Diagnostics) -> bool {
        // The deployments change.
        self.inspections.take();
        let manifests = application::read(objects);
        diagnostics.extend(manifests.diagnostics);
        let argocd = split_instance(&parent.app).1;
        self.add_projects(argocd, objects);
        let generator = Generator::new(&self.root, &self.cache, &self.config);
        let mut new = Vec::new();
        for root in objects.iter().map(|document| &document.root) {
            let text = |key: &str| root.get(key).and_then(document::Node::as_str).unwrap_or_default();
            if text("kind") == "Application" && text("apiVersion").starts_with(find::GROUP) {
                let defined = application::read_one(root).in_instance(argocd);
                let application = GeneratedApplication {
                    id: defined.instance.clone(),
                    root: root.clone(),
                    file: root.source.name.clone(),
                    made_by: None,
                    parent: Some(parent.clone()),
                };
                new.push((defined, application));
            }
        }
        for set in &manifests.sets {
            let Generated { applications, mut unrendered, .. } = generator.generate(set, argocd);
            // The file in which the ApplicationSet is defined may be what a target renders.
            unrendered.retain(|one| !self.unrendered.iter().any(|known| known.has_same_reasons(one)));
            self.unrendered.extend(unrendered);
            new.extend(applications.into_iter().map(|(defined, application)| {
                (defined, GeneratedApplication { parent: Some(parent.clone()), ..application })
            }));
        }
        let mut used_repositories = generator.used_repositories();
        self.remotes.extend(generator.remotes());
        let mut added = self.drop_kustomized(parent, &new);
        if new.is_empty() {
            self.used_repositories.append(&mut used_repositories);
            return added;
        }
        let checkout = Arc::clone(&self.checkout);
        let mut names = self.names();
        let (config, lock) = (&self.config, &self.charts_lock);
        let mut deployer = Deployer::new(&self.root, &self.cache, config, lock, &checkout, self.links.clone());
        let mut contradictions: Vec<(String, Diagnostic)> = Vec::new();
        for (defined, application) in new {
            if self.is_known(&defined.instance, &application, &names) {
                continue;
            }
            if let Some(own) = self.claimed(&defined.instance, &application, &names) {
                self.deployments.retain(|one| one.application.instance != own);
                self.unrendered.retain(|one| one.instance != own);
                self.generated.retain(|one| one.id != own);
                self.replaced.insert(own);
            }
            if !self.replaced.insert(defined.instance.clone()) {
                contradictions.push((defined.instance.clone(), self.contradiction(&defined, parent)));
                continue;
            }
            if !names.insert(defined.instance.clone()) {
                self.deployments.retain(|one| one.application.instance != defined.instance);
                self.unrendered.retain(|one| one.instance != defined.instance);
                // An ApplicationSet in a file generated it, and a target renders that ApplicationSet differently.
                self.generated.retain(|one| one.id != defined.instance);
            }
            match deployer.deploy(defined) {
                Ok(deployment) => self.deployments.push(deployment),
                Err(unrendered) => self.unrendered.push(rendered_by(parent, unrendered)),
            }
            self.generated.push(application);
            added = true;
        }
        let contradictions = contradictions.iter().map(|(name, found)| (name.as_str(), found.clone()));
        diagnostics.0.extend(repeated::fold(contradictions.collect()));
        used_repositories.extend(deployer.used_repositories());
        self.used_repositories.append(&mut used_repositories);
        self.remotes.extend(deployer.remotes());
        self.wanted.append(&mut deployer.wanted);
        diagnostics.extend(deployer.found);
        self.sort();
        added
    }

    /// Drops the Applications in the files of a target's kustomizations that it does not build under their names. Returns
    /// whether there are any.
    fn drop_kustomized(&mut self, parent: &TargetId, built: &[(Defined, GeneratedApplication)]) -> bool {
        let Some(parent) = self.deployments.iter().find(|one| one.application.instance == parent.app) else {
            return false;
        };
        let kustomizations = parent.sources.iter().filter_map(|source| match source {
            Rendered::Kustomize(source) => Some(&source.inspection.files),
            _ => None,
        });
        let files: HashSet<String> = kustomizations.flatten().map(|file| inputs::name(&self.root, file)).collect();
        if files.is_empty() {
            return false;
        }
        let names = built.iter().map(|(defined, _)| defined.instance.clone());
        let kept: HashSet<String> = names.flat_map(|name| without_namespace(&name).into_iter().chain([name])).collect();
        // The Applications of an ApplicationSet in a file are dropped with it.
        let followed = self.generated.iter().filter(|one| one.parent.is_some());
        let generated: HashSet<&str> = followed.map(|one| one.id.as_str()).collect();
        let is_dropped = |instance: &str, place: &Place| {
            files.contains(&place.source.name) && !kept.contains(instance) && !generated.contains(instance)
        };
        let deployed = self.deployments.iter().map(|one| (&one.application.instance, &one.application.place));
        let others = self.unrendered.iter().map(|one| (&one.instance, &one.place));
        let dropped = deployed.chain(others).filter(|(instance, place)| is_dropped(instance, place));
        let dropped: HashSet<String> = dropped.map(|(instance, _)| instance.clone()).collect();
        self.deployments.retain(|one| !dropped.contains(&one.application.instance));
        self.unrendered.retain(|one| !dropped.contains(&one.instance));
        self.generated.retain(|one| !dropped.contains(&one.id));
        let any = !dropped.is_empty();
        self.replaced.extend(dropped);
        any
    }

    /// Adds the projects among the objects that a target renders, unless they are in a file.
    fn add_projects(&mut self, argocd: &str, objects: &[Document]) {
        for document in objects.iter().filter(|document| project::is_project(document)) {
            let Some(mut project) = project::read(document).0 else { continue };
            argocd.clone_into(&mut project.argocd);
            let same = |other: &Project| other.name == project.name && other.argocd == project.argocd;
            if !self.projects().iter().any(same) {
                self.rendered_projects.push(project);
            }
        }
    }

    /// The names of all Applications that are known.
    fn names(&self) -> HashSet<String> {
        let deployed = self.deployments.iter().map(|one| &one.application.instance);
        let others = self.unrendered.iter().map(|one| &one.instance);
        deployed.chain(others).chain(self.generated.iter().map(|one| &one.id)).cloned().collect()
    }

    /// Whether an Application of the same name says the same. One whose manifest has no namespace gets that of what deploys
    /// it, or of its ApplicationSet, which need not be the usual one of Argo CD.
    fn is_known(&self, instance: &str, application: &GeneratedApplication, names: &HashSet<String>) -> bool {
        let without = without_namespace(instance);
        let says_same = |id: &str, bare| self.says_same(id, application, bare, names);
        says_same(instance, false) || without.is_some_and(|id| says_same(&id, true))
    }

    /// Whether an Application of some name says the same; with `bare`, one without a namespace.
    fn says_same(
        &self,
        instance: &str,
        application: &GeneratedApplication,
        bare: bool,
        names: &HashSet<String>,
    ) -> bool {
        // Kustomize and Helm write keys in another order, which makes no difference here.
        let spec = |root: &document::Node| root.get("spec").map(json);
        let own = LazyCell::new(|| spec(&application.root));
        let says = |root: &document::Node| own.is_some() && spec(root) == *own;
        let has_namespace = |root: &document::Node| root.find(&["metadata", "namespace"]).is_some();
        let generated =
            |one: &GeneratedApplication| one.id == instance && !(bare && has_namespace(&one.root)) && says(&one.root);
        self.written_as(instance).any(|root| (!bare || namespace(root).is_empty()) && says(root))
            || names.contains(instance) && self.generated.iter().any(generated)
    }

    /// The documents in files that define something of some name.
    fn written_as(&self, instance: &str) -> impl Iterator<Item = &document::Node> {
        let index = self.by_instance.get_or_init(|| {
            let mut index: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
            for (number, file) in self.argocd.iter().enumerate() {
                for (position, document) in file.documents.iter().enumerate() {
                    let name = document.root.find(&["metadata", "name"]).and_then(document::Node::as_str);
                    let id = instance_name(name.unwrap_or_default(), namespace(&document.root));
                    index.entry(in_instance(id, &file.instance)).or_default().push((number, position));
                }
            }
            index
        });
        let found = index.get(instance).into_iter().flatten();
        found.map(|(file, document)| &self.argocd[*file].documents[*document].root)
    }

    /// The name of an Application that seemed to belong to the Argo CD instance without a name, because no entry of charts.toml
    /// selects its file, if another instance deploys it and that one does not.
    fn claimed(&self, instance: &str, application: &GeneratedApplication, names: &HashSet<String>) -> Option<String> {
        let (own, argocd) = split_instance(instance);
        if argocd.is_empty() || !self.is_known(own, application, names) {
            return None;
        }
        let place = |one: &Deployment| (one.application.instance == own).then(|| one.application.place.clone());
        let unrendered = self.unrendered.iter().find(|one| one.instance == own).map(|one| one.place.clone());
        let place = self.deployments.iter().find_map(place).or(unrendered)?;
        let deploys = |one: &Deployment| {
            let inside = |path: &str| {
                let path = path.trim_start_matches("./").trim_matches('/');
                place.source.name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
            };
            split_instance(&one.application.instance).1.is_empty()
                && one.application.sources.iter().any(|source| inside(&source.path))
        };
        (!self.deployments.iter().any(deploys)).then(|| own.to_owned())
    }

    /// The error about two targets that render different Applications of one name.
    fn contradiction(&self, defined: &Defined, parent: &TargetId) -> Diagnostic {
        let known = self.generated.iter().rev().find(|one| one.id == defined.instance);
        let message = format!("Application `{}` is rendered by two targets, differently", defined.instance);
        let found =
            Diagnostic::new(Code::ApplicationDuplicate, message).at(defined.place.clone(), format!("by {parent}"));
        let found = match known.map(|one| (one, one.parent.as_ref())) {
            Some((one, Some(other))) => {
                let place = one.root.find(&["metadata", "name"]).unwrap_or(&one.root).place();
                found
                    .at(place, format!("by {other}"))
                    .fact(Fact::SharedWith(other.to_string()))
                    .fact(Fact::SharedWith(parent.to_string()))
            }
            _ => found,
        };
        found.help("rename one of the two Applications")
    }
}

/// The name of an Application as if its manifest had no namespace; `None` if it has none.
fn without_namespace(instance: &str) -> Option<String> {
    let (name, argocd) = split_instance(instance);
    name.split_once('_').map(|(_, name)| in_instance(name.to_owned(), argocd))
}

/// `metadata.namespace`.
fn namespace(root: &document::Node) -> &str {
    root.find(&["metadata", "namespace"]).and_then(document::Node::as_str).unwrap_or_default()
}

/// An Application that a target renders and that is not rendered itself: the fix is in what the target renders, not in its
/// output.
fn rendered_by(parent: &TargetId, mut unrendered: Unrendered) -> Unrendered {
    let file = unrendered.place.source.name.clone();
    let name = split_instance(&unrendered.instance).0.to_owned();
    let in_output = |one: &&mut Diagnostic| one.places.first().is_some_and(|(place, _)| place.source.name == file);
    for found in unrendered.reasons.0.iter_mut().filter(in_output) {
        let note = format!("rendered by {parent}; `cargo xtask explain {parent} Application/{name}` shows from what");
        found.notes.push(note.clone());
        found.facts.push(Fact::Untraced(note));
        for help in &mut found.helps {
            *help = help.replace("change the URL here", "change the URL in its templates or values");
        }
    }
    unrendered
}

/// The documents of a rendered manifest that define something for Argo CD; `name` is the name of its places.
#[must_use]
pub fn definitions(name: &str, text: &str) -> Vec<Document> {
    if !find::mentions_group(text.as_bytes()) {
        return Vec::new();
    }
    let source = diagnostics::Source::new(name, text);
    document::yaml::parse(&source).unwrap_or_default()
}
