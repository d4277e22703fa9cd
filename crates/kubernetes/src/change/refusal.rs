//! Changes that the API server rejects, as data.

use document::{Node, Value};

use super::difference;
use super::difference::Difference;
use super::rules::{RULES, Unset};
use crate::amount::quantity;
use crate::object::Object;

/// A change that the API server rejects.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// The field, before and after.
    pub field: Difference<'a>,
    /// Why it is refused.
    pub why: Why,
}

/// Why a change is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The field is immutable.
    Immutable,
    /// The object is immutable, because it says so.
    ImmutableObject,
    /// A claim must not become smaller.
    Shrinks,
    /// A claim must not become larger, because its class does not allow that.
    Grows,
    /// A version of a CustomResourceDefinition is gone in which objects are stored.
    StoredVersion,
}

/// How an object is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// `kubectl apply`, after `kubectl auth reconcile` for roles and bindings, which recreates a binding with another
    /// role.
    ClientSideApply,
    /// `kubectl apply --server-side`.
    ServerSideApply,
    /// `kubectl replace`.
    Replace,
}

/// The refused changes between two renders of an object with the same identity, at most one for each rule.
#[must_use]
pub fn refusals<'a>(before: &'a Object, after: &'a Object, update: Update) -> Vec<Refusal<'a>> {
    let change = Change { before: &before.root, after: &after.root };
    let (group, kind) = (after.key.group.as_str(), after.key.kind.as_str());
    // Jobs that finished are deleted after this time, and the next sync creates them.
    if (group, kind) == ("batch", "Job") && change.before(&["spec", "ttlSecondsAfterFinished"]).is_some() {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    for rule in RULES.iter().filter(|rule| (rule.group, rule.kind) == (group, kind)) {
        refusals.extend(change.fixed(rule.path, rule.except, rule.unset));
    }
    match (group, kind) {
        ("", "ConfigMap") => refusals.extend(change.immutable(&["data", "binaryData"])),
        ("", "Secret") => refusals.extend(secret(&change, before, after)),
        ("", "PersistentVolumeClaim") => refusals.extend(change.shrinks()),
        ("", "Pod") => refusals.extend(change.pod()),
        ("", "ResourceQuota") => refusals.extend(change.scopes()),
        ("", "Service") => refusals.extend(change.service()),
        ("batch", "Job") => refusals.extend(change.job()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => refusals.extend(change.stored_version()),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") if update != Update::ClientSideApply => {
            refusals.extend(change.fixed(&["roleRef"], &[], Unset::Refused));
        }
        _ => {}
    }
    refusals
}

/// A claim that becomes larger although its class, the returned object among `others`, does not allow that.
#[must_use]
pub fn growth<'a, 'b>(
    before: &'a Object,
    after: &'a Object,
    others: impl IntoIterator<Item = &'b Object>,
) -> Option<(Refusal<'a>, &'b Object)> {
    if (after.key.group.as_str(), after.key.kind.as_str()) != ("", "PersistentVolumeClaim") {
        return None;
    }
    let change = Change { before: &before.root, after: &after.root };
    let size = |node: Option<&Node>| node.and_then(quantity);
    let grows = size(change.after(SIZE))? > size(change.before(SIZE))?;
    let class = change.after(&["spec", "storageClassName"])?.as_str()?;
    let class = others.into_iter().find(|other| {
        (other.key.group.as_str(), other.key.kind.as_str()) == ("storage.k8s.io", "StorageClass")
            && other.key.name == class
    })?;
    let allowed = is_true(class.find(&["allowVolumeExpansion"]));
    (grows && !allowed).then(|| (change.refusal(SIZE, Why::Grows), class))
}

/// The size of a claim.
const SIZE: &[&str] = &["spec", "resources", "requests", "storage"];

struct Change<'a> {
    before: &'a Node,
    after: &'a Node,
}

impl<'a> Change<'a> {
    fn before(&self, path: &[&str]) -> Option<&'a Node> {
        self.before.find(path).filter(|node| !matches!(node.value, Value::Null))
    }

    fn after(&self, path: &[&str]) -> Option<&'a Node> {
        self.after.find(path).filter(|node| !matches!(node.value, Value::Null))
    }

    fn fixed(&self, path: &[&str], except: &[&str], unset: Unset) -> Option<Refusal<'a>> {
        let (before, after) = (self.before(path), self.after(path));
        let allowed = match unset {
            Unset::Refused => false,
            Unset::MayBeSet => before.is_none(),
            Unset::Kept => before.is_none() || after.is_none(),
        };
        if allowed {
            return None;
        }
        let steps: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
        let field = difference::first(before, after, &steps, except)?;
        Some(Refusal { field, why: Why::Immutable })
    }

    fn refusal(&self, path: &[&str], why: Why) -> Refusal<'a> {
        let steps = path.iter().map(|step| (*step).to_owned()).collect();
        Refusal { field: Difference { path: steps, before: self.before(path), after: self.after(path) }, why }
    }

    /// An object that was rendered with `immutable: true` must keep that and its content.
    fn immutable(&self, contents: &[&str]) -> Option<Refusal<'a>> {
        if !is_true(self.before(&["immutable"])) {
            return None;
        }
        if !is_true(self.after(&["immutable"])) {
            return Some(self.refusal(&["immutable"], Why::Immutable));
        }
        let content = contents
            .iter()
            .find_map(|key| difference::first(self.before(&[key]), self.after(&[key]), &[(*key).to_owned()], &[]))?;
        Some(Refusal { field: content, why: Why::ImmutableObject })
    }

    fn shrinks(&self) -> Option<Refusal<'a>> {
        let size = |node: Option<&Node>| node.and_then(quantity);
        let shrinks = size(self.after(SIZE))? < size(self.before(SIZE))?;
        shrinks.then(|| self.refusal(SIZE, Why::Shrinks))
    }

    /// The scopes of a quota are a set.
    fn scopes(&self) -> Option<Refusal<'a>> {
        let path = &["spec", "scopes"];
        let sorted = |node: Option<&Node>| {
            let mut scopes: Vec<String> = node.map(Node::items).unwrap_or_default().iter().map(Node::to_json).collect();
            scopes.sort();
            scopes
        };
        let differs = sorted(self.before(path)) != sorted(self.after(path));
        differs.then(|| self.refusal(path, Why::Immutable))
    }

    /// Of a Pod that nothing owns, hardly more than the images may change.
    fn pod(&self) -> Option<Refusal<'a>> {
        let other = ["activeDeadlineSeconds", "containers", "ephemeralContainers", "initContainers", "tolerations"];
        if let Some(refusal) = self.fixed(&["spec"], &other, Unset::Refused) {
            return Some(refusal);
        }
        ["containers", "initContainers"].into_iter().find_map(|list| {
            let count = |node: Option<&Node>| node.map(Node::items).unwrap_or_default().len();
            let (before, after) = (count(self.before(&["spec", list])), count(self.after(&["spec", list])));
            if before != after {
                return Some(self.refusal(&["spec", list], Why::Immutable));
            }
            // The default of the pull policy depends on the image, and is kept.
            let mutable = ["image", "imagePullPolicy"];
            (0..after).find_map(|index| self.fixed(&["spec", list, &index.to_string()], &mutable, Unset::Refused))
        })
    }

    fn service(&self) -> Vec<Refusal<'a>> {
        let kind = |node: Option<&'a Node>| node.and_then(Node::as_str).unwrap_or("ClusterIP");
        let (before, after) = (kind(self.before(&["spec", "type"])), kind(self.after(&["spec", "type"])));
        // A Service without an address receives one, and one with an address loses it.
        if before == "ExternalName" || after == "ExternalName" {
            return Vec::new();
        }
        let mut refusals = Vec::new();
        let address = &["spec", "clusterIP"];
        if self.before(address).is_none() && self.after(address).and_then(Node::as_str) == Some("None") {
            refusals.push(self.refusal(address, Why::Immutable));
        }
        refusals.extend(self.fixed(address, &[], Unset::Kept));
        // Only the first address and the first family are immutable; the second may be added and removed.
        for list in ["clusterIPs", "ipFamilies"] {
            refusals.extend(self.fixed(&["spec", list, "0"], &[], Unset::Kept));
        }
        refusals.extend(self.fixed(&["spec", "healthCheckNodePort"], &[], Unset::Kept));
        if before == "LoadBalancer" && after == "LoadBalancer" {
            refusals.extend(self.fixed(&["spec", "loadBalancerClass"], &[], Unset::Refused));
        }
        refusals
    }

    fn job(&self) -> Vec<Refusal<'a>> {
        let mut refusals = Vec::new();
        let indexed = self.before(&["spec", "completionMode"]).and_then(Node::as_str) == Some("Indexed");
        let text = |key: &str| self.after(&["spec", key]).map(Node::to_json);
        if !(indexed && text("completions") == text("parallelism")) {
            // The default depends on `parallelism`, which is stored with it.
            let path = &["spec", "completions"];
            let one = self.before(path).is_none() && self.before(&["spec", "parallelism"]).is_none();
            let unset = if one { Unset::Refused } else { Unset::Kept };
            refusals.extend(self.fixed(path, &[], unset));
        }
        let template = if is_true(self.before(&["spec", "suspend"])) {
            // Where the pods of a suspended Job run may change before it starts.
            let scheduling = ["affinity", "nodeSelector", "schedulingGates", "tolerations"];
            self.fixed(&["spec", "template", "spec"], &scheduling, Unset::Refused)
        } else {
            self.fixed(&["spec", "template"], &[], Unset::Refused)
        };
        refusals.extend(template);
        refusals
    }

    /// The API server keeps the versions in which it stored objects, and refuses a definition without one of them.
    fn stored_version(&self) -> Option<Refusal<'a>> {
        let versions = |node: Option<&'a Node>| node.map(Node::items).unwrap_or_default();
        let before = versions(self.before(&["spec", "versions"]));
        let index = before.iter().position(|version| is_true(version.get("storage")))?;
        let stored = before[index].get("name").and_then(Node::as_str)?;
        let after = self.after(&["spec", "versions"]);
        let remains = versions(after).iter().any(|version| version.get("name").and_then(Node::as_str) == Some(stored));
        if remains {
            return None;
        }
        let path = vec!["spec".to_owned(), "versions".to_owned(), index.to_string(), "name".to_owned()];
        Some(Refusal { field: Difference { path, before: before[index].get("name"), after }, why: Why::StoredVersion })
    }
}

/// The values of a Secret are not part of its tree, only of its digest.
fn secret<'a>(change: &Change<'a>, before: &'a Object, after: &'a Object) -> Vec<Refusal<'a>> {
    let mut refusals = Vec::new();
    let kind = |node: Option<&Node>| node.and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let name = |node| kind(node).unwrap_or_else(|| "Opaque".to_owned());
    if name(change.before(&["type"])) != name(change.after(&["type"])) {
        refusals.push(change.refusal(&["type"], Why::Immutable));
    }
    if let Some(refusal) = change.immutable(&[]) {
        refusals.push(refusal);
    } else if is_true(change.before(&["immutable"])) && before.secret_digest != after.secret_digest {
        let key = if change.after(&["data"]).is_some() { "data" } else { "stringData" };
        refusals.push(change.refusal(&[key], Why::ImmutableObject));
    }
    refusals
}

fn is_true(node: Option<&Node>) -> bool {
    node.is_some_and(|node| matches!(node.value, Value::Bool(true)))
}
