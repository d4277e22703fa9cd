//! The Applications that the ApplicationSets of the repository generate.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argocd::application::{Defined, in_instance, instance_name, read_one};
use argocd::application_set::{self, Cluster, Repository, Surroundings, Unavailable, Unknown};
use argocd::glob;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source};
use document::{Node, Value};
use toolbox::source::read;

use crate::config::Config;
use crate::declared::{DeclaredCluster, Sample};
use crate::deployment::Unrendered;
use crate::files::CONFIG_FILE;
use crate::find;
use crate::target::TargetId;
use crate::trees::{Remotes, Trees};

/// The result of an ApplicationSet.
#[derive(Debug, Default)]
pub struct Generated {
    /// The instance name of the ApplicationSet.
    pub set: String,
    /// The Applications, as far as they can be read, with their manifests.
    pub applications: Vec<(Defined, GeneratedApplication)>,
    /// The reasons why Applications are not generated.
    pub unrendered: Vec<Unrendered>,
}

/// The manifest of a generated Application, and what made it.
#[derive(Debug, Clone)]
pub struct GeneratedApplication {
    /// Its unique name; empty if it has none.
    pub id: String,
    /// Its manifest; the places of its fields are in the ApplicationSet, or in what its parent renders.
    pub root: Node,
    /// The file with these places.
    pub file: String,
    /// The ApplicationSet that made it, if one did.
    pub made_by: Option<MadeBy>,
    /// The target that renders it or its ApplicationSet, if one does.
    pub parent: Option<TargetId>,
}

/// The ApplicationSet and the generator that made an Application.
#[derive(Debug, Clone)]
pub struct MadeBy {
    /// The instance name of the ApplicationSet.
    pub set: String,
    /// The file of the ApplicationSet.
    pub file: String,
    /// The generator, and what it read, such as `git: apps/web`.
    pub generator: String,
    /// The parameters.
    pub parameters: serde_json::Value,
}

/// Generates Applications.
#[derive(Debug)]
pub struct Generator<'a> {
    root: &'a Path,
    config: &'a Config,
    trees: Trees<'a>,
    /// The files of the repositories by the directories that contain them.
    files: RefCell<BTreeMap<PathBuf, Arc<Files>>>,
}

impl<'a> Generator<'a> {
    /// For the ApplicationSets of a repository.
    #[must_use]
    pub fn new(root: &'a Path, cache: &'a Path, config: &'a Config) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
        Self { root, config, trees: Trees::new(root, config, cache, top), files: RefCell::default() }
    }

    /// The indexes of the `[[other-repository]]` entries that generators need.
    #[must_use]
    pub(crate) fn used_repositories(&self) -> BTreeSet<usize> {
        self.trees.used.borrow().clone()
    }

    /// The other repositories that generators ask for.
    #[must_use]
    pub fn remotes(&self) -> Remotes {
        self.trees.remotes.borrow().clone()
    }

    /// Generates the Applications of an ApplicationSet, which belongs to a declared Argo CD instance, or to the one without
    /// a name.
    #[must_use]
    pub fn generate(&self, set: &Node, argocd: &str) -> Generated {
        let manages = |one: &&DeclaredCluster| one.instance.as_ref().is_none_or(|(name, _)| name == argocd);
        let clusters = self.config.clusters.iter().filter(manages).map(|one| one.cluster.clone()).collect();
        let outcome = application_set::generate(set, &Scope { generator: self, argocd, clusters });
        let instance = in_instance(instance_name(&outcome.name, &outcome.namespace), argocd);
        let place = set.find(&["metadata", "name"]).unwrap_or(set).place();
        let unrendered =
            |reasons: Diagnostics| Unrendered { instance: instance.clone(), place: place.clone(), reasons };
        let mut generated = Generated { set: instance.clone(), ..Generated::default() };
        for one in outcome.applications {
            if let Some(found) = wrong_type(&one.application) {
                // Argo CD reads no Application of the set.
                generated.applications.clear();
                generated.unrendered.push(unrendered(found.into()));
                return generated;
            }
            let made_by = MadeBy {
                set: instance.clone(),
                file: set.source.name.clone(),
                generator: one.made_by(),
                parameters: one.parameters,
            };
            let defined = read_one(&one.application).in_instance(argocd);
            let (id, file) = (defined.instance.clone(), made_by.file.clone());
            let application =
                GeneratedApplication { id, root: one.application, file, made_by: Some(made_by), parent: None };
            generated.applications.push((defined, application));
        }
        if !outcome.diagnostics.is_empty() {
            generated.unrendered.push(unrendered(outcome.diagnostics));
        }
        for Unavailable { reason, place, help } in outcome.unavailable {
            let message = format!("Applications of ApplicationSet `{}` are not generated: {reason}", outcome.name);
            let found = Diagnostic::new(Code::NotRendered, message).fact(Fact::Reason(reason)).at(place, "");
            let found = help.into_iter().fold(found, Diagnostic::help);
            generated.unrendered.push(unrendered(found.into()));
        }
        generated
    }
}

/// The error about a switch of the sync policy that is not a boolean, which no Application can have. In the template of an
/// ApplicationSet, it may be a text before the parameters are inserted.
fn wrong_type(application: &Node) -> Option<Diagnostic> {
    let automated = application.find(&["spec", "syncPolicy", "automated"])?;
    let switches = ["allowEmpty", "enabled", "prune", "selfHeal"].into_iter();
    let found = switches.filter_map(|key| Some((key, automated.get(key)?)));
    let (key, node) = found.into_iter().find(|(_, node)| !matches!(node.value, Value::Bool(_) | Value::Null))?;
    let message = format!("`spec.syncPolicy.automated.{key}` must be `true` or `false`");
    let found = Diagnostic::new(Code::ApplicationSetInvalid, message);
    Some(
        found
            .at(node.place(), format!("found {}", node.describe()))
            .help("set it in `spec.templatePatch`, which is YAML"),
    )
}

/// The inputs of generators for the ApplicationSets of one Argo CD instance.
struct Scope<'g> {
    generator: &'g Generator<'g>,
    argocd: &'g str,
    clusters: Vec<Cluster>,
}

impl Surroundings for Scope<'_> {
    fn repository(&self, url: &str, revision: &str, place: &Place) -> Result<Arc<dyn Repository>, Unknown> {
        let Generator { root, trees, files, .. } = self.generator;
        trees.ask(url, revision, Some(place));
        let tree = trees
            .find(url, revision, "")
            .map_err(|missing| Unknown { reason: missing.reason(), help: missing.help })?;
        let (root, label) =
            tree.map_or_else(|| (root.to_path_buf(), String::new()), |tree| (tree.root.clone(), tree.label.clone()));
        let mut known = files.borrow_mut();
        let files = known.entry(root.clone()).or_insert_with(|| Arc::new(Files::new(root, label)));
        Ok(Arc::clone(files) as Arc<dyn Repository>)
    }

    fn clusters(&self) -> Result<&[Cluster], Unknown> {
        match self.clusters.as_slice() {
            [] => Err(Unknown { reason: format!("{CONFIG_FILE} has no `[[cluster]]`"), help: None }),
            clusters => Ok(clusters),
        }
    }

    fn samples(&self, set: &str, generator: &str) -> Result<Vec<Node>, Unknown> {
        let own = in_instance(set.to_owned(), self.argocd);
        let named = |sample: &&Sample| sample.set == set || sample.set == own;
        let samples = self.generator.config.samples.iter().filter(|sample| sample.generator == generator);
        let mut declared: Vec<&Sample> = samples.clone().filter(named).collect();
        if declared.is_empty() {
            let matching = |sample: &&Sample| glob::matches(&sample.set, &own).unwrap_or_default();
            declared = samples.filter(matching).collect();
        }
        if declared.is_empty() {
            let help = format!(
                "add `[[sample]]` with `application-set = \"{set}\"`, `generator = \"{generator}\"`, and the `parameters` of \
                 each Application"
            );
            return Err(Unknown {
                reason: format!("{CONFIG_FILE} has no `[[sample]]` for it"),
                help: Some(help.into()),
            });
        }
        Ok(declared.into_iter().flat_map(|sample| sample.parameters.iter().cloned()).collect())
    }

    fn new_globbing(&self) -> bool {
        self.generator.config.new_git_file_globbing
    }
}

/// The files of a directory that Git does not ignore.
#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// The prefix of their names in messages.
    label: String,
    paths: Vec<String>,
}

impl Files {
    fn new(root: PathBuf, label: String) -> Self {
        let paths = find::tracked(&root);
        Self { root, label, paths }
    }
}

impl Repository for Files {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn read(&self, path: &str) -> Result<Arc<Source>, String> {
        let found = read(&self.root, &self.root.join(path));
        let named = found.map(|file| {
            if self.label.is_empty() {
                return file;
            }
            Source::new(format!("{}{}", self.label, file.name), file.text.clone())
        });
        named.map_err(|errors| {
            errors.0.first().map_or_else(|| "it cannot be read".to_owned(), |error| error.message.clone())
        })
    }
}
