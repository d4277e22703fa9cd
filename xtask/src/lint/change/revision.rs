//! The base revision: its Applications and what they rendered, paired with what is rendered now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use argocd::{application, sync_order};
use diagnostics::{Result, Source};
use document::{Node, yaml};
use golden::at_revision::Goldens;
use golden::objects::is_recorded;
use kubernetes::manifest::ObjectKey;
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use workspace::target::{DEFAULT_CASE, Target};
use workspace::written::Written;

use super::cause::{self, Edit};
use crate::lint::base::Base;
use crate::lint::subject::Subject;

/// The folder of Argo CD's manifests.
const ARGOCD: &str = "argocd";

/// The base revision.
pub(super) struct Revision<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) base: &'a Base,
    /// The Applications at the base by instance name.
    pub(super) applications: BTreeMap<String, Before>,
    goldens: Goldens,
    scopes: Scopes,
    /// The objects that Applications render now with their own values.
    now: Vec<&'a Object>,
}

/// An Application at the base.
pub(super) struct Before {
    /// The path of its file.
    pub(super) file: String,
    /// The whole document.
    pub(super) root: Node,
}

impl Before {
    /// The namespace that its objects have unless they set one.
    pub(super) fn namespace(&self) -> &str {
        namespace(&self.root)
    }
}

/// The changes to the objects of an Application.
pub(super) struct Change<'a> {
    /// The Application now.
    pub(super) application: Written<'a>,
    /// The Application at the base.
    pub(super) before: Option<&'a Before>,
    /// The name of the base in messages.
    pub(super) base: &'a str,
    /// The objects that changed, before and now.
    pub(super) changed: Vec<(Object, &'a Object)>,
    /// The objects that are no longer rendered.
    pub(super) removed: Vec<Object>,
    /// The objects that are new.
    pub(super) added: Vec<&'a Object>,
    /// The objects that all Applications render now.
    pub(super) now: &'a [&'a Object],
    /// The root of the workspace.
    pub(super) root: &'a Path,
    /// The differences in the values, if objects are no longer rendered.
    pub(super) edits: Vec<Edit>,
    scopes: &'a Scopes,
}

impl Change<'_> {
    /// The kind and name of an object, and its namespace if it has one.
    pub(super) fn title(&self, key: &ObjectKey) -> String {
        if self.scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
            format!("{} {}", key.kind, key.name)
        } else {
            key.to_string()
        }
    }
}

impl<'a> Revision<'a> {
    /// Reads the base; `None` if Git cannot compare.
    pub(super) fn read(subject: &'a Subject<'a>, base: &'a Base) -> Result<Option<Self>> {
        let Some(changed) = base.changed(&subject.workspace.root, subject.charts)? else { return Ok(None) };
        let applications = applications(subject, base, changed)?;
        let moved: BTreeSet<&str> = subject
            .every_application()
            .filter(|now| applications.get(now.name).is_some_and(|before| before.namespace() != namespace(now.root)))
            .map(|now| now.name)
            .collect();
        let recorded: BTreeSet<(&str, &str)> = subject
            .objects
            .iter()
            .filter(|object| is_recorded(object))
            .filter_map(|object| Some((application_of(object)?, object.golden.as_str())))
            .collect();
        let same = |app: &str, file: &str| {
            recorded.contains(&(app, file))
                && !moved.contains(app)
                && !changed.contains(&format!("{}/{app}/{DEFAULT_CASE}/{file}", golden::FOLDER))
        };
        let goldens = Goldens::read(&base.repository, &base.commit, &base.name, &same)?;
        let scopes = Scopes::new(subject.objects);
        let now = subject.objects.iter().filter(|object| application_of(object).is_some()).collect();
        Ok(Some(Self { subject, base, applications, goldens, scopes, now }))
    }

    /// The changes of the selected Applications that are deployed at the base, to the same cluster, and render now.
    pub(super) fn changes(&'a self) -> impl Iterator<Item = Change<'a>> {
        let written: BTreeMap<&str, Written<'a>> =
            self.subject.every_application().map(|one| (one.name, one)).collect();
        let mut rendered: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        for object in &self.now {
            rendered.entry(application_of(object).unwrap_or_default()).or_default().push(object);
        }
        let recorded: BTreeSet<&str> = self.goldens.applications().collect();
        self.subject.targets.iter().filter_map(move |target| {
            let app = target.id.app.as_str();
            let compared = target.id.case == DEFAULT_CASE
                && recorded.contains(app)
                && self.subject.rendered.contains(&target.id.to_string());
            let application = *written.get(app).filter(|_| compared)?;
            let before = self.applications.get(app);
            let elsewhere = before.is_some_and(|before| {
                ["server", "name"].iter().any(|key| {
                    let cluster = |root: &Node| root.find(&["spec", "destination", key]).map(Node::to_json);
                    cluster(&before.root) != cluster(application.root)
                })
            });
            (!elsewhere).then(|| self.change(target, application, before, &rendered))
        })
    }

    fn change(
        &'a self,
        target: &Target<'_>,
        application: Written<'a>,
        before: Option<&'a Before>,
        rendered: &BTreeMap<&str, Vec<&'a Object>>,
    ) -> Change<'a> {
        let app = target.id.app.as_str();
        let own_namespace = before.map_or(target.namespace.as_str(), Before::namespace);
        let old = self.goldens.objects(app, own_namespace, &|template| target.template_file(template));
        let mut old: BTreeMap<_, Object> = old
            .into_iter()
            .filter(|object| is_kept(&object.root))
            .map(|object| (self.identity(&object.key), object))
            .collect();
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        for object in rendered.get(app).into_iter().flatten().filter(|object| is_kept(&object.root)) {
            if self.goldens.is_same(app, &object.golden) {
                continue;
            }
            match old.remove(&self.identity(&object.key)) {
                Some(before) => changed.push((before, *object)),
                None => added.push(*object),
            }
        }
        let root = &self.subject.workspace.root;
        let edits = if old.is_empty() {
            Vec::new()
        } else {
            cause::edits(root, self.base, target, application, before.map(|one| &one.root))
        };
        Change {
            application,
            before,
            base: &self.base.name,
            changed,
            removed: old.into_values().collect(),
            added,
            now: &self.now,
            root,
            edits,
            scopes: &self.scopes,
        }
    }

    /// The objects of an Application at the base that is no longer defined.
    pub(super) fn objects_of(&self, app: &str, before: &Before) -> Vec<Object> {
        let objects = self.goldens.objects(app, before.namespace(), &|_| None);
        objects.into_iter().filter(|object| is_kept(&object.root)).collect()
    }

    /// The identity of an object; the namespace is empty for a kind without one.
    pub(super) fn identity(&self, key: &ObjectKey) -> (String, String, String, String) {
        let cluster = self.scopes.of(&key.group, &key.kind) == Some(Scope::Cluster);
        let namespace = if cluster { String::new() } else { key.namespace.clone() };
        (key.group.clone(), key.kind.clone(), namespace, key.name.clone())
    }
}

/// The Application that renders an object with its own values.
fn application_of(object: &Object) -> Option<&str> {
    object.target.strip_suffix(DEFAULT_CASE)?.strip_suffix('/')
}

/// Whether Argo CD keeps one object up to date: no hook, and not a new object for each sync.
fn is_kept(root: &Node) -> bool {
    let generated = root.find(&["metadata", "name"]).is_none();
    !sync_order::is_hook(root) && !generated
}

/// The namespace that the objects of an Application have unless they set one.
fn namespace(root: &Node) -> &str {
    let text = |path: &[&str]| root.find(path).and_then(Node::as_str).filter(|text| !text.is_empty());
    let own = text(&["spec", "source", "helm", "namespace"]);
    own.or_else(|| text(&["spec", "destination", "namespace"])).unwrap_or_default()
}

/// The Applications at the base: those in files that are the same now, and those in the others as they were.
fn applications(subject: &Subject<'_>, base: &Base, changed: &BTreeSet<String>) -> Result<BTreeMap<String, Before>> {
    let mut applications = BTreeMap::new();
    let mut add = |file: &str, root: &Node| {
        let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
        if text(&["kind"]) == "Application" && text(&["apiVersion"]).starts_with("argoproj.io/") {
            let name = application::instance_name(text(&["metadata", "name"]), text(&["metadata", "namespace"]));
            let name = application::in_instance(name, subject.workspace.config.instance_of(file));
            applications.insert(name, Before { file: file.to_owned(), root: root.clone() });
        }
    };
    let files = subject.workspace.argocd.iter().filter(|file| !changed.contains(&file.name));
    for file in files {
        file.documents.iter().for_each(|document| add(&file.name, &document.root));
    }
    if changed.iter().any(|path| path.starts_with(ARGOCD)) {
        let files = base.repository.files(&base.commit, &[ARGOCD])?;
        let files: Vec<_> = files.iter().filter(|(path, _)| changed.contains(*path)).collect();
        let blobs: Vec<&str> = files.iter().map(|(_, blob)| blob.as_str()).collect();
        let contents = base.repository.contents(&blobs)?;
        for (path, blob) in files {
            let Some(text) = contents.get(blob) else { continue };
            let source = Source::new(format!("{path} (at {})", base.name), String::from_utf8_lossy(text));
            // A file that is not YAML, or was not valid, defines no Application.
            for document in yaml::parse(&source).unwrap_or_default() {
                add(path, &document.root);
            }
        }
    }
    Ok(applications)
}
