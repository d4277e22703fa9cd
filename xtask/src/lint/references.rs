//! References to objects that do not exist, and to keys that a `ConfigMap` or a Secret does not have.
//!
//! What a deployed target refers to must be rendered by an Application of the same cluster, made from what is rendered, or
//! declared in charts.toml. Cases stand for other clusters, which may have any object; but a name that is most likely a
//! misspelling of a rendered one, and a key that a rendered object lacks, are wrong in every case.
//!
//! Classes belong to the cluster, not to the repository: of these, only misspellings are reported.

use std::collections::{BTreeMap, BTreeSet};

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean};
use document::Node;
use kubernetes::inventory::entry::{Entry, Id};
use kubernetes::inventory::keys::Keys;
use kubernetes::inventory::near::is_near;
use kubernetes::inventory::pods::Pods;
use kubernetes::inventory::provided;
use kubernetes::inventory::{Presence, View};
use kubernetes::object::Object;
use kubernetes::references::{self, reference::Reference, scale::SCALED};
use kubernetes::scope;
use workspace::external::External;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ExternalUnused, Code::ReferenceKey, Code::ReferenceMissing];

/// The annotation of Helm's hooks.
const HOOK: &str = "helm.sh/hook";

/// How many keys a help names.
const NAMED_KEYS: usize = 6;

/// How many other objects a note names.
const NAMED_OBJECTS: usize = 3;

/// Kinds that are easily mistaken for each other, with their groups, and whether they are cluster-scoped.
const ALIKE: &[&[(&str, &str, bool)]] = &[
    &[("", "ConfigMap", false), ("", "Secret", false)],
    &[("rbac.authorization.k8s.io", "ClusterRole", true), ("rbac.authorization.k8s.io", "Role", false)],
    &[("apps", "DaemonSet", false), ("apps", "Deployment", false), ("apps", "StatefulSet", false)],
];

/// The same missing object or key of a target, with the finding about the first reference to it.
type Found = BTreeMap<(String, String, String, String), (Diagnostic, Vec<String>)>;

/// Checks the references of all objects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let externals = &subject.workspace.config.externals;
    let mut used = vec![false; externals.len()];
    let mut found = Found::new();
    let unapplied = Unapplied::new(subject);
    let templates = Templates(subject);
    for object in subject.objects {
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        // Helm runs the tests, whose objects no sync applies; other hooks that Argo CD does not support never run.
        let test = unapplied.is_test(object);
        if !test && sync_order::order(&object.root).is_none() {
            continue;
        }
        let tested = if test { Pods::of(object, 0, &object.key.namespace) } else { None };
        let own = subject.by_target.of(&object.target);
        for reference in references::of(object, tested.as_ref().or(view.pods_of_object(object))) {
            let at = At::new(&view, object, reference, &unapplied, &templates, own);
            if test && at.unapplied().is_some() {
                continue;
            }
            let declared: Vec<&External> = externals
                .iter()
                .zip(&mut used)
                .filter(|(external, _)| external.covers(at.id.kind, at.id.namespace, at.id.name, &object.target))
                .map(|(external, used)| {
                    *used |= at.is_outside();
                    external
                })
                .collect();
            at.check(&declared, &mut found);
        }
    }
    let mut diagnostics = Diagnostics::default();
    diagnostics.0.extend(found.into_values().map(|(mut first, others)| {
        if !others.is_empty() {
            first.notes.push(format!("also needed by {}", others.join(", ")));
        }
        first
    }));
    for (external, used) in externals.iter().zip(used) {
        if subject.complete && !used {
            let message = format!("no object needs the external {} `{}`", external.kind, external.name);
            let label = "every reference to it is rendered, or there is none";
            diagnostics.push(
                Diagnostic::new(Code::ExternalUnused, message)
                    .at(external.place.clone(), label)
                    .fact(Fact::missing(&external.kind, &external.name))
                    .help("delete this entry, or correct its `kind`, `name`, and `namespace`"),
            );
        }
    }
    diagnostics
}

/// The objects that no sync applies, by target, kind, and name.
struct Unapplied<'a>(BTreeMap<(&'a str, &'a str, &'a str), &'a Object>);

impl<'a> Unapplied<'a> {
    fn new(subject: &Subject<'a>) -> Self {
        let objects = subject.objects.iter().filter(|object| sync_order::order(&object.root).is_none());
        let key = |object: &'a Object| (object.target.as_str(), object.key.kind.as_str(), object.key.name.as_str());
        Self(objects.map(|object| (key(object), object)).collect())
    }

    fn is_test(&self, object: &Object) -> bool {
        let hook = object.find(&["metadata", "annotations", HOOK]).and_then(Node::as_str);
        let mut words = hook.unwrap_or_default().split(',').map(str::trim);
        self.0.contains_key(&(&*object.target, &*object.key.kind, &*object.key.name))
            && words.any(|word| matches!(word, "test" | "test-success"))
    }
}

/// The templates of the charts.
struct Templates<'a>(&'a Subject<'a>);

impl Templates<'_> {
    /// The place of the kind in the only template of an object's chart with an object of a kind, if the target renders nothing
    /// from it.
    fn unmet(&self, object: &Object, kind: &str, own: &[Object]) -> Option<Place> {
        let template = object.template_file.as_ref()?;
        let chart = self.0.charts.iter().find(|chart| {
            template.strip_prefix(chart.path.as_str()).is_some_and(|rest| rest.starts_with("/templates/"))
        })?;
        let wanted = format!("kind: {kind}");
        let mut found = self.0.sources.of(chart).templates().filter_map(|(_, source)| {
            let line = source.text.lines().position(|line| line.trim_end() == wanted)?;
            Some((source, line + 1))
        });
        let (source, line) = found.next().filter(|_| found.next().is_none())?;
        let rendered = own.iter().any(|object| object.template_file.as_ref() == Some(&source.name));
        (!rendered).then(|| Place::line(source, line))
    }
}

/// A reference of an object of a target.
struct At<'i, 'a> {
    view: &'i View<'i, 'a>,
    unapplied: &'i Unapplied<'a>,
    /// The objects of its target.
    own: &'a [Object],
    templates: &'i Templates<'a>,
    object: &'a Object,
    reference: Reference<'a>,
    id: Id<'a>,
    presence: Presence<'i, 'a>,
}

impl<'i, 'a> At<'i, 'a> {
    fn new(
        view: &'i View<'i, 'a>,
        object: &'a Object,
        reference: Reference<'a>,
        unapplied: &'i Unapplied<'a>,
        templates: &'i Templates<'a>,
        own: &'a [Object],
    ) -> Self {
        let its = || reference.namespace.unwrap_or_else(|| view.namespace_of(object));
        let namespace = if reference.cluster_scoped { "" } else { its() };
        let name = reference.name.as_str().unwrap_or_default();
        let id = Id { group: reference.group, kind: reference.kind, namespace, name };
        let presence = view.presence(&id);
        Self { view, unapplied, own, templates, object, reference, id, presence }
    }

    /// The other object, if the target renders it, but no sync applies it.
    fn unapplied(&self) -> Option<&'a Object> {
        self.unapplied.0.get(&(&*self.object.target, self.id.kind, self.id.name)).copied()
    }

    /// Whether the target renders the other object under a kind or an API group that does not exist.
    fn is_misspelled(&self) -> bool {
        let Id { group, kind, name, .. } = self.id;
        self.own.iter().any(|object| {
            let key = &object.key;
            let other = (key.group.as_str(), key.kind.as_str());
            key.name == name
                && (scope::meant(other.0, other.1) == Some((group, kind)) || is_unknown_group(other, self.id))
        })
    }

    /// Whether nothing that is rendered is known to be the other object.
    fn is_outside(&self) -> bool {
        matches!(self.presence, Presence::Missing | Presence::Uncertain)
    }

    fn title(&self) -> String {
        format!("{} `{}`", self.id.kind, self.id.name)
    }

    fn check(&self, declared: &[&External], found: &mut Found) {
        match &self.presence {
            Presence::Rendered(entry) if matches!(self.id.kind, "ConfigMap" | "Secret") => {
                self.keys(entry.keys(), Some(entry), found);
            }
            Presence::Made(entry, keys) => self.keys(keys, Some(entry), found),
            Presence::Rendered(_) | Presence::Provided(_) | Presence::Uncertain => {}
            Presence::Missing => {
                // Every entry that covers it must know the keys that it lists.
                if let Some(keys) = declared.iter().find_map(|external| external.keys.as_ref()) {
                    self.keys(&Keys::Known(keys.clone()), None, found);
                }
                self.missing(declared, found);
            }
        }
    }

    /// Adds the finding about a missing object or key, or counts it if another object has the same.
    fn add(&self, key: &str, diagnostic: &Diagnostic, found: &mut Found) {
        found.entry(self.found_by(key)).or_insert_with(|| (diagnostic.clone(), Vec::new()));
        self.count(key, found);
    }

    /// Counts a finding about a missing object or key. Returns whether there is one.
    fn count(&self, key: &str, found: &mut Found) -> bool {
        let Some((first, others)) = found.get_mut(&self.found_by(key)) else { return false };
        let title = self.object.title();
        let first = first.origin.as_ref().map(|origin| format!("{} `{}`", origin.kind, origin.name));
        if first.as_ref() != Some(&title) && !others.contains(&title) {
            others.push(title);
        }
        true
    }

    /// The key by which findings about the other object, or about a key of it, are found.
    fn found_by(&self, key: &str) -> (String, String, String, String) {
        let Id { kind, namespace, name, .. } = self.id;
        (self.object.target.clone(), format!("{kind} {namespace}"), name.to_owned(), key.to_owned())
    }

    fn missing(&self, declared: &[&External], found: &mut Found) {
        if self.reference.optional || declared.iter().any(|external| !external.is_pattern()) || self.is_misspelled() {
            return;
        }
        // The search for what is meant takes time in proportion to what is rendered.
        if self.count("", found) {
            return;
        }
        let Id { group, kind, namespace, name } = self.id;
        let near = self.view.names(group, kind, namespace).find(|(other, _)| is_near(name, other));
        let provided = provided::names(group, kind);
        let near_provided = provided.iter().any(|other| is_near(name, other));
        let elsewhere = || {
            let mut elsewhere = self.view.elsewhere(group, kind, name);
            elsewhere.find(|entry| self.view.is_own(entry) || self.view.is_deployed())
        };
        let elsewhere = if near.is_none() && !self.reference.cluster_scoped { elsewhere() } else { None };
        let own_elsewhere = elsewhere.filter(|entry| self.view.is_own(entry));
        let expected = (self.view.is_deployed() || self.is_scaled_here())
            && declared.is_empty()
            && !self.view.may_contain(kind, namespace)
            && !self.is_class()
            && !self.is_foreign_account();
        let near = near.or_else(|| if near_provided { None } else { self.unused_alike() });
        if near.is_none() && !near_provided && own_elsewhere.is_none() && !expected {
            return;
        }
        let place = if namespace.is_empty() { String::new() } else { format!(" in namespace `{namespace}`") };
        let message = format!("{} does not exist{place}", self.title());
        let diagnostic =
            self.object.finding(Code::ReferenceMissing, message, self.reference.name.place(), self.reference.role);
        let diagnostic = diagnostic.fact(Fact::missing(kind, name));
        if let Some(other) = self.unapplied() {
            self.add("", &never_applied(diagnostic, other), found);
            return;
        }
        let diagnostic = match (near, elsewhere) {
            (Some((near, entry)), _) => {
                diagnostic.at(entry.object.name_place(), shows(entry, near)).help(did_you_mean(near))
            }
            (None, Some(entry)) => self
                .beside(diagnostic, "namespace")
                .at(entry.object.name_place(), format!("in namespace `{}`", entry.namespace))
                .fact(Fact::Elsewhere)
                .help("render both in the same namespace"),
            (None, None) => match (self.alike(), diagnostics::nearest(name, provided.iter().copied())) {
                (Some(other), _) => self
                    .beside(diagnostic, "kind")
                    .at(other.object.name_place(), "rendered here")
                    .help(format!("did you mean the {} with this name?", other.object.key.kind)),
                (None, Some(near)) => {
                    diagnostic.help(format!("did you mean `{near}`, which every cluster has?"))
                }
                (None, None) => self.with_template(self.with_others(diagnostic.fact(Fact::Undeclared))).help("render it, or correct the name").help(
                    "if it exists outside of this repository, declare it with a reason as `[[external]]` in charts.toml",
                ),
            },
        };
        self.add("", &diagnostic, found);
    }

    /// Adds the names of the objects of this kind that are rendered where the missing one should be.
    fn with_others(&self, diagnostic: Diagnostic) -> Diagnostic {
        let Id { group, kind, namespace, .. } = self.id;
        let names: BTreeSet<&str> = self.view.names(group, kind, namespace).map(|(name, _)| name).collect();
        if names.is_empty() {
            return diagnostic;
        }
        let quoted: Vec<String> = names.iter().take(NAMED_OBJECTS).map(|name| format!("`{name}`")).collect();
        let more = names.len() - quoted.len();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let place = if namespace.is_empty() { String::new() } else { format!(" in namespace `{namespace}`") };
        diagnostic.note(format!("rendered objects of kind {kind}{place}: {}{more}", quoted.join(", ")))
    }

    /// Adds the template of the chart that renders the only object of this kind, if its condition is not met.
    fn with_template(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.templates.unmet(self.object, self.id.kind, self.own) {
            Some(place) => diagnostic.at(place, "not rendered with these values"),
            None => diagnostic,
        }
    }

    /// Adds the place of a field beside the name.
    fn beside(&self, diagnostic: Diagnostic, key: &str) -> Diagnostic {
        match parent(&self.object.root, self.reference.name).and_then(|parent| parent.get(key)) {
            Some(node) => diagnostic.at(node.place(), ""),
            None => diagnostic,
        }
    }

    /// In a case, the only object of its target that could be meant: nothing refers to it, and it has all keys that the
    /// reference needs. It was renamed in one place.
    fn unused_alike(&self) -> Option<(&'i str, &'i Entry<'a>)> {
        let Id { group, kind, namespace, name } = self.id;
        if self.reference.keys.is_empty() || !matches!(kind, "ConfigMap" | "Secret") {
            return None;
        }
        let has_keys = |other: &str, entry: &Entry<'_>| {
            let has = |keys: &Keys| {
                let mut wanted = self.reference.keys.iter();
                matches!(keys, Keys::Known(_)) && wanted.all(|key| key.as_str().is_some_and(|key| keys.may_have(key)))
            };
            match self.view.presence(&Id { group, kind, namespace, name: other }) {
                Presence::Made(_, keys) => has(keys),
                Presence::Rendered(_) => has(entry.keys()),
                _ => false,
            }
        };
        let names = self.view.names(group, kind, namespace);
        let own = names.filter(|(_, entry)| self.view.is_own(entry));
        let mut meant = own.filter(|(other, entry)| is_sibling(name, other) && has_keys(other, entry));
        let (other, entry) = meant.next().filter(|_| meant.next().is_none())?;
        let used = self.own.iter().any(|object| {
            let mut references = references::of(object, self.view.pods_of_object(object)).into_iter();
            references.any(|one| one.kind == kind && one.name.as_str() == Some(other))
        });
        (!used).then_some((other, entry))
    }

    /// An object with the same name and a kind that is easily mistaken for that of the reference.
    fn alike(&self) -> Option<&'i Entry<'a>> {
        let kinds = ALIKE.iter().find(|kinds| kinds.iter().any(|(_, kind, _)| *kind == self.id.kind))?;
        let others = kinds.iter().filter(|(_, kind, _)| *kind != self.id.kind);
        let mut found = others.filter_map(|(group, kind, cluster_scoped)| {
            let namespace = if *cluster_scoped { "" } else { self.view.namespace_of(self.object) };
            self.view.find(&Id { group, kind, namespace, name: self.id.name })
        });
        found.next()
    }

    /// Whether it is the workload of an autoscaler whose own target renders other workloads of the kind. An autoscaler of
    /// something else is not rendered beside them.
    fn is_scaled_here(&self) -> bool {
        let Id { kind, .. } = self.id;
        self.reference.role == SCALED
            && self.own.iter().any(|object| object.key.group == "apps" && object.key.kind == kind)
    }

    /// Whether it is an account in a namespace for which nothing is rendered, such as that of a monitoring system which
    /// gets a role here.
    fn is_foreign_account(&self) -> bool {
        let Id { group, kind, namespace, .. } = self.id;
        kind == "ServiceAccount"
            && self.reference.namespace.is_some()
            && self.view.pods(namespace).next().is_none()
            && self.view.of_kind(group, kind, namespace).next().is_none()
    }

    /// Whether it is a class or a volume, which the cluster has, and not the repository. Distributions have no
    /// `PriorityClass` of their own, and without it, no pod is created.
    fn is_class(&self) -> bool {
        matches!(self.id.kind, "IngressClass" | "PersistentVolume" | "RuntimeClass" | "StorageClass")
    }

    /// Reports the keys that are not among those of the other object, which `entry` renders.
    fn keys(&self, keys: &Keys, entry: Option<&&Entry<'_>>, found: &mut Found) {
        let Keys::Known(known) = keys else { return };
        if self.reference.optional {
            return;
        }
        for node in &self.reference.keys {
            let Some(key) = node.as_str().filter(|key| !keys.may_have(key)) else { continue };
            let message = format!("{} has no key `{key}`", self.title());
            let diagnostic = self.object.finding(Code::ReferenceKey, message, node.place(), self.reference.role);
            let near = diagnostics::nearest(key, known.iter().map(String::as_str));
            let diagnostic = match (entry, near) {
                (Some(entry), Some(near)) => diagnostic.at(key_place(entry.object, near), "has this key"),
                (Some(entry), None) => diagnostic.at(entry.object.name_place(), shows(entry, self.id.name)),
                (None, _) => diagnostic,
            };
            let named: Vec<String> = known.iter().take(NAMED_KEYS).map(|key| format!("`{key}`")).collect();
            let more = if known.len() > NAMED_KEYS { ", …" } else { "" };
            let help = match near {
                Some(near) => did_you_mean(near),
                None => format!("add the key, or use one of {}{more}", named.join(", ")).into(),
            };
            self.add(key, &diagnostic.help(help), found);
        }
    }
}

/// Whether a kind is that of the reference, in a group that only the core group can be mistaken for, such as `core`.
fn is_unknown_group((group, kind): (&str, &str), id: Id<'_>) -> bool {
    id.group.is_empty() && kind == id.kind && !group.is_empty() && !group.contains('.') && !scope::is_group(group)
}

/// Whether two names begin with the same words, as those of one release do.
fn is_sibling(one: &str, other: &str) -> bool {
    let common = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    one[..common].rfind('-').is_some_and(|dash| dash >= 3) || one.len() == common || other.len() == common
}

/// The mapping that contains a value.
fn parent<'n>(root: &'n Node, value: &Node) -> Option<&'n Node> {
    let inside = |node: &&Node| node.span.start <= value.span.start && value.span.end <= node.span.end;
    if root.entries().iter().any(|(_, node)| node.span == value.span) {
        return Some(root);
    }
    let children = root.entries().iter().map(|(_, node)| node).chain(root.items());
    children.filter(inside).find_map(|node| parent(node, value))
}

/// Adds the hook because of which an object is never applied.
fn never_applied(found: Diagnostic, other: &Object) -> Diagnostic {
    let annotations = ["argocd.argoproj.io/hook", HOOK];
    let mut hooks = annotations.iter().filter_map(|name| other.find(&["metadata", "annotations", name]));
    let node = hooks.next();
    let label = match node.and_then(Node::as_str) {
        Some(hook) => format!("Argo CD never applies the hook `{hook}`"),
        None => "Argo CD never applies it".to_owned(),
    };
    found.at(node.map_or_else(|| other.name_place(), Node::place), label).help(format!(
        "render {} without a hook, or with one that Argo CD applies, such as `pre-install`",
        other.title()
    ))
}

/// How an object shows a name: as its own, or as that of an object that a controller makes from it.
fn shows(entry: &Entry<'_>, name: &str) -> String {
    if entry.object.key.name == name {
        "rendered here".to_owned()
    } else {
        format!("`{name}` is made from {}", entry.object.title())
    }
}

/// The place of a key in an object with data, or of its name.
fn key_place(object: &Object, key: &str) -> diagnostics::Place {
    const SECTIONS: &[&[&str]] =
        &[&["data"], &["binaryData"], &["stringData"], &["spec", "encryptedData"], &["spec", "template", "data"]];
    let has = |section: &&Node| section.get(key).is_some();
    let section = SECTIONS.iter().filter_map(|path| object.find(path)).find(has);
    section.map_or_else(|| object.name_place(), |section| section.key_place(key))
}
