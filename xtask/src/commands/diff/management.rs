//! Changes of an Application itself: its name, cluster, project, and sync policy.

mod settings;

use argocd::effect;
use argocd::permission::Cluster;
use diagnostics::wording::{self, plural};
use diagnostics::{Code, Severity};
use document::Node;
use kubernetes::change::data::{self, Holds};
use kubernetes::change::effect::Effect;
use kubernetes::object::Object;

/// An Application on one side.
#[derive(Clone, Copy)]
pub(super) struct Managed<'a> {
    /// Its instance name.
    pub(super) name: &'a str,
    /// The document that defines it.
    pub(super) root: &'a Node,
    /// Where it deploys to.
    pub(super) cluster: &'a Cluster,
}

/// The effects on an Application that both sides have, the most severe first. `deleted` says whether something deletes the
/// one with the former name, and `objects` reads those that it had.
pub(super) fn of(
    before: Managed<'_>,
    after: Managed<'_>,
    deleted: bool,
    objects: &dyn Fn() -> Vec<Object>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    if before.name != after.name {
        effects.extend(renamed(before, after, deleted, &objects()));
    } else if is_another(before.cluster, after.cluster) {
        effects.push(moved(before.cluster, after.cluster, &objects()));
    }
    effects.extend(settings::changed(before.root, after.root));
    effects.sort_by_key(|effect| std::cmp::Reverse(effect.severity));
    effects
}

/// Both have the same objects, or under the former name, Argo CD deletes what the Application has under the new one, too.
fn renamed(before: Managed<'_>, after: Managed<'_>, deleted: bool, objects: &[Object]) -> Option<Effect> {
    if !deleted {
        let namespace = |root: &Node| root.find(&["spec", "destination", "namespace"]).map(Node::to_json);
        if before.cluster != after.cluster || namespace(before.root) != namespace(after.root) {
            return None;
        }
        let message =
            format!("nothing deletes Application `{}`, so both Applications manage the same objects", before.name);
        let help = format!("delete Application `{}` without cascading deletion", before.name);
        return Some(new(Code::ChangeManagement, Severity::Notice, message, Some(help)));
    }
    effect::cascades(before.root)?;
    let Deleted { gone, lost } = deleted_with(before.root, objects);
    let help = format!(
        "merge a change before this one that removes the finalizer of `{}`; then `{}` takes over its objects",
        before.name, after.name
    );
    let because = format!("the finalizer of Application `{}` deletes", before.name);
    if let Some(first) = lost.first() {
        let more = wording::and_more(lost.len().saturating_sub(1));
        let message = format!("{because} {}{more} with the data, unless `{}` syncs first", first.title(), after.name);
        return Some(new(Code::ChangeDataLoss, Severity::Blocker, message, Some(help)));
    }
    let objects = plural(gone.len(), "object");
    let message = format!("{because} its {objects}, and `{}` creates them again", after.name);
    (!gone.is_empty()).then(|| new(Code::ChangeDisruptive, Severity::Caution, message, Some(help)))
}

/// What the deletion of an Application with a cascading finalizer deletes.
pub(super) struct Deleted<'o> {
    /// The objects.
    pub(super) gone: Vec<&'o Object>,
    /// Those of them that contain data.
    pub(super) lost: Vec<&'o Object>,
}

/// The objects that are deleted with an Application.
pub(super) fn deleted_with<'o>(application: &Node, objects: &'o [Object]) -> Deleted<'o> {
    let gone: Vec<&Object> = objects.iter().filter(|object| effect::deleted_with(application, &object.root)).collect();
    let holds = |object: &&Object| match data::held(object) {
        Some(Holds::Volume) => !data::is_retained(object, objects),
        Some(Holds::Claims { deleted, .. }) => deleted,
        Some(Holds::Objects) => true,
        Some(Holds::CustomResources) | None => false,
    };
    let lost = gone.iter().copied().filter(holds).collect();
    Deleted { gone, lost }
}

/// Whether the clusters certainly differ: one with a name and one with a URL may be the same.
fn is_another(before: &Cluster, after: &Cluster) -> bool {
    let differ = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
    before != after && (differ(&before.server, &after.server) || differ(&before.name, &after.name))
}

/// Adds the effect of another destination: the objects in the former cluster stay there.
fn moved(before: &Cluster, after: &Cluster, objects: &[Object]) -> Effect {
    let name = |cluster: &Cluster| cluster.name.clone().or_else(|| cluster.server.clone()).unwrap_or_default();
    let holds = objects.iter().find(|object| matches!(data::held(object), Some(Holds::Volume | Holds::Claims { .. })));
    let (severity, data) = match holds {
        Some(object) => (Severity::Blocker, format!(", such as {} with its data", object.title())),
        None => (Severity::Caution, String::new()),
    };
    let message = format!(
        "the Application moves from cluster `{}` to `{}`, and nothing manages its {} in the former cluster{data}",
        name(before),
        name(after),
        plural(objects.len(), "object")
    );
    let help = "delete what is left behind when it is no longer needed";
    new(Code::ChangeDataAbandoned, severity, message, Some(help.to_owned()))
}

pub(super) fn new(code: Code, severity: Severity, message: String, help: Option<String>) -> Effect {
    Effect { code, severity, message, path: Vec::new(), help }
}
