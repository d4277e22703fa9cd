//! All objects of a cluster, as one target sees them, with the pods that its workloads make.
//!
//! A target sees its own objects, and those of the deployed targets of all other Applications of its cluster. A case
//! besides the deployed one thus replaces the objects of its own Application only.
//!
//! Objects that nobody renders exist, too: the cluster brings some ([`provided`]), and controllers make others from
//! rendered ones ([`made`]). What may exist without anybody knowing is [`Presence::Uncertain`], not missing.
//!
//! Building and asking take linear time: everything is found by name, by namespace, or by one label.
//!
//! Pure.

pub mod entry;
mod index;
pub mod keys;
pub mod made;
pub mod makers;
pub mod mention;
pub mod near;
pub mod pods;
pub mod provided;
pub mod selector;

use std::collections::HashMap;
use std::sync::OnceLock;

use self::entry::{Entry, Id, Member};
use self::index::Index;
use self::keys::Keys;
use self::makers::Maker;
use self::mention::Mentions;
use self::pods::Pods;
use self::selector::Selector;
use crate::object::Object;
use crate::scope::{Scope, Scopes};

/// An Application of the cluster whose objects are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrendered {
    /// It may have objects anywhere.
    Anywhere,
    /// It may have objects in this namespace, and cluster-scoped ones.
    Namespace(String),
}

/// Whether an object exists in the cluster.
#[derive(Debug)]
pub enum Presence<'i, 'a> {
    /// It is rendered.
    Rendered(&'i Entry<'a>),
    /// A controller makes it from this object, with these keys.
    Made(&'i Entry<'a>, &'i Keys),
    /// It exists in every cluster, with these keys.
    Provided(Keys),
    /// Nobody knows: something that is not rendered may contain or make it.
    Uncertain,
    /// It does not exist.
    Missing,
}

/// All objects of a cluster.
#[derive(Debug)]
pub struct Inventory<'a> {
    members: Vec<Member<'a>>,
    by_target: HashMap<&'a str, usize>,
    entries: Vec<Entry<'a>>,
    by_id: Index<usize>,
    by_kind: Index<usize>,
    by_name: Index<usize>,
    pods: Vec<Pods<'a>>,
    pods_by_namespace: Index<usize>,
    pods_by_label: Index<usize>,
    services_by_label: Index<usize>,
    made: Index<(usize, Keys)>,
    made_by_kind: Index<(usize, String)>,
    made_by_name: Index<usize>,
    copied: Index<usize>,
    makers: Index<(usize, Maker<'a>)>,
    mentions: Index<(usize, Mentions<'a>)>,
    unrendered: Vec<Unrendered>,
}

impl<'a> Inventory<'a> {
    /// Indexes the objects of all targets of a cluster.
    #[must_use]
    pub fn new(members: Vec<Member<'a>>, unrendered: Vec<Unrendered>, scopes: &Scopes) -> Self {
        let mut inventory = Self {
            members: Vec::new(),
            by_target: HashMap::new(),
            entries: Vec::new(),
            by_id: Index::default(),
            by_kind: Index::default(),
            by_name: Index::default(),
            pods: Vec::new(),
            pods_by_namespace: Index::default(),
            pods_by_label: Index::default(),
            services_by_label: Index::default(),
            made: Index::default(),
            made_by_kind: Index::default(),
            made_by_name: Index::default(),
            copied: Index::default(),
            makers: Index::default(),
            mentions: Index::default(),
            unrendered,
        };
        for (member, described) in members.iter().enumerate() {
            for object in &described.objects {
                inventory.add(member, described, object, scopes);
            }
        }
        inventory.by_target = members.iter().enumerate().map(|(index, member)| (member.target, index)).collect();
        inventory.members = members;
        inventory
    }

    fn add(&mut self, member: usize, described: &Member<'a>, object: &'a Object, scopes: &Scopes) {
        let namespace = namespace_of(described, object, scopes);
        let index = self.entries.len();
        let pods = Pods::of(object, member, namespace);
        let entry =
            Entry { object, member, namespace, pods: pods.is_some().then_some(self.pods.len()), keys: OnceLock::new() };
        let Id { group, kind, namespace, name } = entry.id();
        self.by_id.add(&[group, kind, namespace, name], index);
        self.by_kind.add(&[group, kind, namespace], index);
        self.by_name.add(&[group, kind, name], index);
        self.entries.push(entry);

        if let Some(pods) = pods {
            self.mentions.add(&[namespace], (member, Mentions::of(&pods)));
            let at = self.pods.len();
            self.pods_by_namespace.add(&[namespace], at);
            for (key, value) in pods.labels() {
                self.pods_by_label.add(&[namespace, key, value], at);
            }
            self.pods.push(pods);
        }
        if (group, kind) == ("", "Service")
            && let Some(selector) = Selector::of_service(object)
            && let Some((key, value)) = selector.labels().find(|(key, _)| !pods::is_given_to_each(key))
        {
            self.services_by_label.add(&[namespace, key, value], index);
        }
        for (kind, name, keys) in made::of(object) {
            self.made.add(&[kind, namespace, &name], (index, keys));
            self.made_by_name.add(&[kind, &name], index);
            self.made_by_kind.add(&[kind, namespace], (index, name));
        }
        if made::is_copied(object) {
            self.copied.add(&[kind, name], index);
        }
        if let Some(maker) = Maker::of(object) {
            self.makers.add(&[namespace], (member, maker));
        }
        if makers::deploys_others(object) {
            self.unrendered.push(Unrendered::Anywhere);
        }
    }

    /// The cluster as a target sees it; `None` if the target is not part of it.
    #[must_use]
    pub fn view(&self, target: &str) -> Option<View<'_, 'a>> {
        Some(View { inventory: self, member: *self.by_target.get(target)? })
    }
}

/// The namespace that an object is created in; empty if it is cluster-scoped.
fn namespace_of<'a>(member: &Member<'a>, object: &'a Object, scopes: &Scopes) -> &'a str {
    if scopes.of(&object.key.group, &object.key.kind) == Some(Scope::Cluster) {
        ""
    } else if object.explicit_namespace {
        &object.key.namespace
    } else {
        // The destination decides, whatever namespace the templates are given.
        member.namespace
    }
}

/// The cluster as one target sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'i, 'a> {
    inventory: &'i Inventory<'a>,
    member: usize,
}

impl<'i, 'a> View<'i, 'a> {
    fn sees(&self, member: usize) -> bool {
        let members = &self.inventory.members;
        member == self.member || members[member].deployed && members[member].app != members[self.member].app
    }

    fn entries(&self, indexes: &'i [usize]) -> impl Iterator<Item = &'i Entry<'a>> + use<'i, 'a> {
        let view = *self;
        let entries = indexes.iter().map(|index| &view.inventory.entries[*index]);
        entries.filter(move |entry| view.sees(entry.member))
    }

    /// Whether the target is deployed as it is, and not a case for a test.
    #[must_use]
    pub fn is_deployed(&self) -> bool {
        self.inventory.members[self.member].deployed
    }

    /// Whether an object of the view is the target's own.
    #[must_use]
    pub fn is_own(&self, entry: &Entry<'_>) -> bool {
        entry.member == self.member
    }

    /// Whether pods of the view are of the target's own workload.
    #[must_use]
    pub fn is_own_pods(&self, pods: &Pods<'_>) -> bool {
        pods.member == self.member
    }

    /// The namespace that an object of the target is created in; empty if it is cluster-scoped.
    #[must_use]
    pub fn namespace_of(&self, object: &'a Object) -> &'a str {
        self.entry_of(object).map_or(&object.key.namespace, |entry| entry.namespace)
    }

    /// The entry of one of the target's own objects.
    fn entry_of(&self, object: &Object) -> Option<&'i Entry<'a>> {
        let key = &object.key;
        let named = self.inventory.by_name.get(&[&key.group, &key.kind, &key.name]);
        let mut own = named.iter().map(|index| &self.inventory.entries[*index]).filter(|entry| self.is_own(entry));
        own.find(|entry| std::ptr::eq(entry.object, object))
    }

    /// The target's own objects with their namespaces.
    pub fn own(&self) -> impl Iterator<Item = &'i Entry<'a>> + use<'i, 'a> {
        let member = self.member;
        // Objects are added member by member.
        let start = self.inventory.entries.partition_point(|entry| entry.member < member);
        self.inventory.entries[start..].iter().take_while(move |entry| entry.member == member)
    }

    /// A rendered object; the target's own one first.
    #[must_use]
    pub fn find(&self, id: &Id<'_>) -> Option<&'i Entry<'a>> {
        let found = self.entries(self.inventory.by_id.get(&[id.group, id.kind, id.namespace, id.name]));
        found.max_by_key(|entry| self.is_own(entry))
    }

    /// The rendered objects of a kind in a namespace, which is empty for cluster-scoped kinds.
    pub fn of_kind(
        &self,
        group: &str,
        kind: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &'i Entry<'a>> + use<'i, 'a> {
        self.entries(self.inventory.by_kind.get(&[group, kind, namespace]))
    }

    /// The rendered objects of a kind with a name, in whichever namespace.
    pub fn of_name(&self, group: &str, kind: &str, name: &str) -> impl Iterator<Item = &'i Entry<'a>> + use<'i, 'a> {
        self.entries(self.inventory.by_name.get(&[group, kind, name]))
    }

    /// Whether an object exists.
    #[must_use]
    pub fn presence(&self, id: &Id<'_>) -> Presence<'i, 'a> {
        if let Some(entry) = self.find(id) {
            return Presence::Rendered(entry);
        }
        if id.group.is_empty()
            && let Some((maker, keys)) = self.made(id)
        {
            return Presence::Made(maker, keys);
        }
        if let Some(keys) = provided::keys(id) {
            return Presence::Provided(keys);
        }
        if provided::may_exist(id) || self.may_be_made(id) {
            return Presence::Uncertain;
        }
        Presence::Missing
    }

    fn made(&self, id: &Id<'_>) -> Option<(&'i Entry<'a>, &'i Keys)> {
        let made = self.inventory.made.get(&[id.kind, id.namespace, id.name]);
        let made = made.iter().map(|(index, keys)| (&self.inventory.entries[*index], keys));
        made.filter(|(entry, _)| self.sees(entry.member)).max_by_key(|(entry, _)| self.is_own(entry))
    }

    /// The names of the objects of a kind in a namespace, rendered and made, each with the object that shows the name.
    pub fn names(
        &self,
        group: &str,
        kind: &str,
        namespace: &str,
    ) -> impl Iterator<Item = (&'i str, &'i Entry<'a>)> + use<'i, 'a> {
        let view = *self;
        let rendered = self.of_kind(group, kind, namespace).map(|entry| (entry.object.key.name.as_str(), entry));
        let made = if group.is_empty() { self.inventory.made_by_kind.get(&[kind, namespace]) } else { &[] };
        let made = made.iter().map(|(index, name)| (name.as_str(), &view.inventory.entries[*index]));
        rendered.chain(made.filter(move |(_, entry)| view.sees(entry.member)))
    }

    /// The objects of a kind with a name in whichever namespace, or what makes them.
    pub fn elsewhere(&self, group: &str, kind: &str, name: &str) -> impl Iterator<Item = &'i Entry<'a>> + use<'i, 'a> {
        let made = if group.is_empty() { self.inventory.made_by_name.get(&[kind, name]) } else { &[] };
        self.of_name(group, kind, name).chain(self.entries(made))
    }

    /// Whether a program, another copy of the object, or the controller of a custom resource may make an object.
    fn may_be_made(&self, id: &Id<'_>) -> bool {
        let copied = self.entries(self.inventory.copied.get(&[id.kind, id.name])).next().is_some();
        let mentioned = || {
            let mentions = self.inventory.mentions.get(&[id.namespace]).iter();
            mentions.filter(|(member, _)| self.sees(*member)).any(|(_, mentions)| mentions.contains(id.kind, id.name))
        };
        let related = || self.makers(id.namespace).any(|maker| maker.is_related(id.name));
        copied || makers::are_made(id.kind) && (mentioned() || related())
    }

    fn makers(&self, namespace: &str) -> impl Iterator<Item = &'i Maker<'a>> + use<'i, 'a> {
        let view = *self;
        let makers = self.inventory.makers.get(&[namespace]).iter();
        makers.filter(move |(member, _)| view.sees(*member)).map(|(_, maker)| maker)
    }

    /// Whether an object of this kind may exist in a namespace without anybody knowing, under whichever name: an
    /// Application that is not rendered may contain it, or the controller of a custom resource may make it.
    #[must_use]
    pub fn may_contain(&self, kind: &str, namespace: &str) -> bool {
        let unrendered = self.inventory.unrendered.iter().any(|one| match one {
            Unrendered::Anywhere => true,
            Unrendered::Namespace(other) => namespace.is_empty() || other == namespace,
        });
        unrendered
            || provided::is_system(namespace)
            || makers::are_made(kind) && self.makers(namespace).next().is_some()
    }

    /// The pods of the target's own workloads.
    pub fn own_pods(&self) -> impl Iterator<Item = &'i Pods<'a>> + use<'i, 'a> {
        let member = self.member;
        let start = self.inventory.pods.partition_point(|pods| pods.member < member);
        self.inventory.pods[start..].iter().take_while(move |pods| pods.member == member)
    }

    /// The pods of one of the target's workloads.
    #[must_use]
    pub fn pods_of_object(&self, object: &Object) -> Option<&'i Pods<'a>> {
        Some(&self.inventory.pods[self.entry_of(object)?.pods?])
    }

    /// The pods of the view in a namespace.
    pub fn pods(&self, namespace: &str) -> impl Iterator<Item = &'i Pods<'a>> + use<'i, 'a> {
        self.pods_of(self.inventory.pods_by_namespace.get(&[namespace]))
    }

    fn pods_of(&self, indexes: &'i [usize]) -> impl Iterator<Item = &'i Pods<'a>> + use<'i, 'a> {
        let view = *self;
        let pods = indexes.iter().map(|index| &view.inventory.pods[*index]);
        pods.filter(move |pods| view.sees(pods.member))
    }

    /// The pods in a namespace that a selector selects.
    #[must_use]
    pub fn selected(&self, namespace: &str, selector: &Selector<'_>) -> Vec<&'i Pods<'a>> {
        let rarest = selector
            .labels()
            .filter(|(key, _)| !pods::is_given_to_each(key))
            .map(|(key, value)| self.inventory.pods_by_label.get(&[namespace, key, value]))
            .min_by_key(|indexes| indexes.len());
        match rarest {
            Some(indexes) => self.pods_of(indexes).filter(|pods| selector.matches(pods)).collect(),
            None => self.pods(namespace).filter(|pods| selector.matches(pods)).collect(),
        }
    }

    /// The Services whose selectors select pods.
    #[must_use]
    pub fn services_of(&self, pods: &Pods<'_>) -> Vec<&'i Entry<'a>> {
        let services = pods
            .labels()
            .flat_map(|(key, value)| self.entries(self.inventory.services_by_label.get(&[pods.namespace, key, value])));
        services
            .filter(|entry| Selector::of_service(entry.object).is_some_and(|selector| selector.matches(pods)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
