//! Applications that targets render: apps of apps.
//!
//! An Application in the output of a target replaces one of the same name in a file, unless both say the same: Argo CD
//! applies what its parent renders.

use std::path::Path;

use argocd::application;
use argocd::application::Defined;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::yaml::Document;

use crate::deploy::{Deployer, Deployment, Rendered};
use crate::find;
use crate::generate::{Generated, GeneratedApplication, Generator};
use crate::jsonnet::Evaluation;
use crate::load::Workspace;
use crate::target::TargetId;

/// A dependency with this in its name probably renders Applications from its values.
const RENDERS_APPLICATIONS: &str = "argocd";

impl Deployment {
    /// Whether its output may contain Applications or ApplicationSets that are not in a file of their own.
    #[must_use]
    pub fn may_define_applications(&self, workspace: &Workspace) -> bool {
        self.sources.iter().any(|source| may_define(workspace, &workspace.root, source, false))
    }
}

/// Whether the output of a source may contain Applications that are not in a file of the workspace. `elsewhere` says that
/// its files are not there, but below `root`.
fn may_define(workspace: &Workspace, root: &Path, source: &Rendered, elsewhere: bool) -> bool {
    let mentions = |text: &[u8]| find::contains(text, find::GROUP);
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
        Rendered::Kustomize(source) => source.inspection.files.iter().any(|path| in_file(path)),
        Rendered::Plugin(source) => find::files(&source.directory).iter().any(|path| in_file(path)),
        // Its Applications are in files.
        Rendered::Directory(source) => {
            let imported = |evaluation: &Evaluation| evaluation.imported.keys().any(|name| in_file(&root.join(name)));
            let evaluated = |evaluation: &Evaluation| evaluation.files.iter().any(|(_, file)| in_file(file));
            source.evaluation.as_ref().is_some_and(|one| evaluated(one) || imported(one))
                || elsewhere && source.contents.files.iter().any(|file| mentions(file.text.as_bytes()))
        }
        Rendered::Elsewhere(source) => may_define(workspace, &source.tree.root, &source.rendered, true),
    }
}

impl Workspace {
    /// Adds the Applications and ApplicationSets among the objects that a target renders. Returns whether any is new.
    pub fn follow(&mut self, parent: &TargetId, objects: &[Document], diagnostics: &mut Diagnostics) -> bool {
        let manifests = application::read(objects);
        diagnostics.extend(manifests.diagnostics);
        let generator = Generator::new(&self.root, &self.cache, &self.config);
        let mut new = Vec::new();
        for root in objects.iter().map(|document| &document.root) {
            let text = |key: &str| root.get(key).and_then(document::Node::as_str).unwrap_or_default();
            if text("kind") == "Application" && text("apiVersion").starts_with(find::GROUP) {
                let application = GeneratedApplication {
                    root: root.clone(),
                    file: root.source.name.clone(),
                    made_by: None,
                    parent: Some(parent.clone()),
                };
                new.push((application::read_one(root), application));
            }
        }
        for set in &manifests.sets {
            let Generated { applications, unrendered, .. } = generator.generate(set);
            self.unrendered.extend(unrendered);
            new.extend(applications.into_iter().map(|(defined, application)| {
                (defined, GeneratedApplication { parent: Some(parent.clone()), ..application })
            }));
        }
        let mut used_repositories = generator.used_repositories();
        if new.is_empty() {
            self.used_repositories.append(&mut used_repositories);
            return false;
        }
        let mut added = false;
        // One for all of them, since it searches the repository for symbolic links.
        let mut deployer = Deployer::new(&self.root, &self.cache, &self.config, &self.charts_lock);
        for (defined, application) in new {
            if self.is_known(&defined.instance, &application) {
                continue;
            }
            if !self.replaced.insert(defined.instance.clone()) {
                diagnostics.push(self.contradiction(&defined, parent));
                continue;
            }
            self.deployments.retain(|one| one.application.instance != defined.instance);
            self.unrendered.retain(|one| one.instance != defined.instance);
            match deployer.deploy(defined) {
                Ok(deployment) => self.deployments.push(deployment),
                Err(unrendered) => self.unrendered.push(unrendered),
            }
            self.generated.push(application);
            added = true;
        }
        used_repositories.extend(deployer.used_repositories());
        self.used_repositories.append(&mut used_repositories);
        self.wanted.append(&mut deployer.wanted);
        diagnostics.extend(deployer.found);
        self.sort();
        added
    }

    /// Whether an Application of the same name says the same.
    fn is_known(&self, instance: &str, application: &GeneratedApplication) -> bool {
        let same = |root: &document::Node| {
            let text = |key: &str| root.find(&["metadata", key]).and_then(document::Node::as_str).unwrap_or_default();
            application::instance_name(text("name"), text("namespace")) == instance
                && root.get("spec").map(document::Node::to_json)
                    == application.root.get("spec").map(document::Node::to_json)
        };
        let in_files = self.argocd.iter().flat_map(|file| &file.documents).map(|document| &document.root);
        in_files.chain(self.generated.iter().map(|one| &one.root)).any(same)
    }

    /// The error about two targets that render different Applications of one name.
    fn contradiction(&self, defined: &Defined, parent: &TargetId) -> Diagnostic {
        let known = self.generated.iter().rev().find(|one| {
            let text =
                |key: &str| one.root.find(&["metadata", key]).and_then(document::Node::as_str).unwrap_or_default();
            application::instance_name(text("name"), text("namespace")) == defined.instance
        });
        let message = format!("Application `{}` is rendered by two targets, differently", defined.instance);
        let found =
            Diagnostic::new(Code::ApplicationDuplicate, message).at(defined.place.clone(), format!("by {parent}"));
        let found = match known.map(|one| (one, one.parent.as_ref())) {
            Some((one, Some(other))) => {
                let place = one.root.find(&["metadata", "name"]).unwrap_or(&one.root).place();
                found.at(place, format!("by {other}"))
            }
            _ => found,
        };
        found.help("rename one of the two Applications")
    }
}

/// The documents of a rendered manifest that define something for Argo CD; `name` is the name of its places.
#[must_use]
pub fn definitions(name: &str, text: &str) -> Vec<Document> {
    if !find::contains(text.as_bytes(), find::GROUP) {
        return Vec::new();
    }
    let source = diagnostics::Source::new(name, text);
    document::yaml::parse(&source).unwrap_or_default()
}
