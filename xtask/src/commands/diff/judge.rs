//! Judges the changed objects of an Application: what Argo CD does with them, and the effects of that.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use argocd::action::{self, Plan};
use argocd::application::instance_name;
use argocd::effect;
use argocd::effect::Removal;
use diagnostics::Source;
use document::{Node, Value};
use golden::diff::Kind;
use kubernetes::change::action::Action;
use kubernetes::change::bump::{self, Bump};
use kubernetes::change::effect::Effect;
use kubernetes::change::effects::{self, Change, Surroundings};
use kubernetes::manifest::{ObjectKey, Recorded};
use kubernetes::object::Object;
use toolbox::parallel::join;
use workspace::deployment::{Deployment, Rendered};
use workspace::{Workspace, written};

use super::neighbors::Sought;
use crate::commands::rendering::Rendering;
use crate::report::model::ObjectChange;

/// An Application on one side.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// The target with its own values.
    pub(super) target: &'a Rendering<'a>,
    /// The document that defines it, if it is known.
    pub(super) root: Option<&'a Node>,
}

/// The effects of the changes on the Application as a whole.
#[derive(Default)]
pub(super) struct Judgment {
    pub(super) bumps: Vec<Bump>,
    pub(super) effects: Vec<Effect>,
    pub(super) hooks: Vec<String>,
}

/// An object as it was and as it is.
type Pair<'o> = (Option<&'o Object>, Option<&'o Object>);

/// Completes the changes of the objects that Argo CD applies. `deleted` says whether something deletes an Application that
/// only the base has, at least under its name, and `others` are objects of other Applications before and after the change.
/// `sought` is what the changes require to look for.
pub(super) fn judge(
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
    deleted: bool,
    sought: &Sought,
    others: (&[Object], &[Object]),
    changes: &mut [&mut ObjectChange],
) -> Judgment {
    if changes.is_empty() {
        return Judgment { bumps: chart_bumps(before, after).into_iter().collect(), ..Judgment::default() };
    }
    // A `[[bootstrap]]` entry has no manifest, and so no sync options.
    let none = Node { value: Value::Null, span: 0..0, source: Source::new("", "") };
    let root = after.or(before).and_then(|side| side.root).unwrap_or(&none);
    let (old, new) = objects(before, after, sought, changes);
    let around = Surroundings::new(&old, &new).among(others.0, others.1);
    let (old_files, new_files) = (by_file(&old), by_file(&new));
    let mut all: Vec<Pair<'_>> = Vec::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for change in changes.iter() {
        let start = all.len();
        all.extend(pairs(change, &old_files, &new_files));
        ranges.push(start..all.len());
    }
    let is_renamed = is_another(before, after);
    let of_deleted = after.is_none() || is_renamed;
    let plans = if after.is_none() {
        action::plans_without(root, all.iter().filter_map(|(object, _)| *object), deleted)
    } else {
        let applied: HashSet<*const Object> =
            all.iter().filter_map(|(_, after)| after.map(std::ptr::from_ref)).collect();
        let unread = after.is_some_and(|side| side.target.count() > new_files.len());
        let remains = unread || new.iter().any(|object| !applied.contains(&std::ptr::from_ref(object)));
        let mut plans = action::plans(root, &all, remains);
        // An Application never prunes what belongs to one with another name.
        if let Some(former) = before.and_then(|side| side.root).filter(|_| is_renamed) {
            for (plan, (old, _)) in plans.iter_mut().zip(&all).filter(|(_, (_, new))| new.is_none()) {
                if let Some(fate) = action::plans_without(former, *old, deleted).pop() {
                    *plan = fate;
                }
            }
        }
        plans
    };
    let taken: BTreeMap<&ObjectKey, &Object> = others.1.iter().map(|object| (&object.key, object)).collect();
    let plans: Vec<Plan> =
        plans.into_iter().zip(&all).map(|(plan, (old, new))| taken_over(plan, *old, *new, &taken)).collect();
    let mut images: BTreeSet<Bump> = chart_bumps(before, after);
    for (change, range) in changes.iter_mut().zip(ranges) {
        let (pairs, plans) = (&all[range.clone()], &plans[range]);
        let units: Vec<(Pair<'_>, Plan)> = match renamed(change.diff.kind, pairs, plans) {
            Some(unit) => vec![unit],
            None => pairs.iter().copied().zip(plans.iter().cloned()).collect(),
        };
        for ((before, after), plan) in units {
            if let (Some(before), Some(after)) = (before, after) {
                images.extend(bump::images(before, after));
                images.extend(bump::chart(before, after));
            }
            let key = after.or(before).map(|object| &object.key);
            // Otherwise, a sync that starts applies them, too.
            let respected = effect::respects_ignored(root);
            let ignored = |path: &[String]| respected && key.is_some_and(|key| effect::ignores(root, key, path));
            let unit = Change { before, after, action: plan.action, update: plan.update, ignored: &ignored };
            let mut effects = effects::of(&unit, &around);
            if of_deleted {
                // Only this option keeps an object when its Application is deleted.
                let helps = effects.iter_mut().filter_map(|effect| effect.help.as_mut());
                helps.for_each(|help| *help = help.replace("Prune=false", "Delete=false"));
            }
            change.effects.extend(effects);
        }
        change.effects.sort_by_key(|effect| std::cmp::Reverse(effect.severity));
        (change.action, change.reason) = summary(change.diff.kind, &plans.iter().collect::<Vec<_>>());
    }
    let bumps: Vec<Bump> = images.into_iter().collect();
    let charts: Vec<Bump> = bumps.iter().filter(|bump| bump.chart).cloned().collect();
    let applied = after.is_some();
    Judgment {
        effects: effects::of_charts(&charts),
        hooks: if applied { action::hooks(&new) } else { Vec::new() },
        bumps,
    }
}

/// The plan of a sync for an object that another Application renders: it keeps the object if it syncs first.
fn taken_over(plan: Plan, old: Option<&Object>, new: Option<&Object>, taken: &BTreeMap<&ObjectKey, &Object>) -> Plan {
    let gone = old.filter(|_| new.is_none() && plan.action == Action::Prune && plan.reason.is_none());
    let Some(other) = gone.and_then(|old| taken.get(&old.key)) else { return plan };
    let app = other.target.split('/').next().unwrap_or_default();
    let reason = format!("Application `{app}` also renders it, and keeps it if it syncs first");
    Plan { reason: Some(reason), ..plan }
}

/// The kinds of objects that only matter if they change, are hooks, or belong to what is sought. The names of goldens begin
/// with them. They are most of the text of large Applications.
const PASSIVE: &[&str] = &["configmap", "customresourcedefinition", "sealedsecret", "secret"];

/// The objects of both sides that matter. The manifests that differ were read already.
fn objects(
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
    sought: &Sought,
    changes: &[&mut ObjectChange],
) -> (Vec<Object>, Vec<Object>) {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    // The comparison of two namespaces changes identities.
    let identical =
        before.zip(after).is_none_or(|(old, new)| old.target.target.namespace == new.target.target.namespace);
    if identical {
        for diff in changes.iter().map(|change| &change.diff) {
            let (removed, added) = match diff.kind {
                Kind::Removed => (Some(&diff.object), None),
                Kind::Added => (None, Some(&diff.object)),
                Kind::Modified | Kind::Renamed => (diff.previous.as_ref(), Some(&diff.object)),
            };
            old.extend(removed.map(|one| (one.file.as_str(), one)));
            new.extend(added.map(|one| (one.file.as_str(), one)));
        }
    }
    let matters = |file: &str, text: &[u8]| {
        !identical || !PASSIVE.contains(&file.split('-').next().unwrap_or_default()) || {
            let text = String::from_utf8_lossy(text);
            text.contains("hook") || sought.is_named_in(&text)
        }
    };
    let read = |side: Option<Side<'_>>, known: &BTreeMap<&str, &Recorded>| {
        side.map(|side| side.target.objects_given(known, &matters)).unwrap_or_default()
    };
    join(|| read(before, &old), || read(after, &new))
}

/// Whether both sides are Applications, with different names.
fn is_another(before: Option<Side<'_>>, after: Option<Side<'_>>) -> bool {
    before.zip(after).is_some_and(|(before, after)| before.target.target.id.app != after.target.target.id.app)
}

/// An object with another name as one change, although a sync creates one object and deletes another.
fn renamed<'o>(kind: Kind, pairs: &[Pair<'o>], plans: &[Plan]) -> Option<(Pair<'o>, Plan)> {
    let ([(None, Some(new)), (Some(old), None)], [created, removed], Kind::Renamed) = (pairs, plans, kind) else {
        return None;
    };
    let action = match (created.action, removed.action) {
        (Action::Create, Action::Prune) => Action::Replace,
        (action, _) => action,
    };
    Some(((Some(*old), Some(*new)), Plan { action, update: None, reason: None }))
}

/// The objects of a side by their goldens.
type ByFile<'o> = HashMap<&'o str, Vec<&'o Object>>;

fn by_file(objects: &[Object]) -> ByFile<'_> {
    let mut files = ByFile::new();
    for object in objects {
        files.entry(&object.golden).or_default().push(object);
    }
    files
}

/// The objects of a manifest that changed; those of a List one by one.
fn pairs<'o>(change: &ObjectChange, old: &ByFile<'o>, new: &ByFile<'o>) -> Vec<Pair<'o>> {
    let diff = &change.diff;
    let of = |objects: &ByFile<'o>, file: Option<&str>| -> BTreeMap<&'o ObjectKey, &'o Object> {
        let own = file.and_then(|file| objects.get(file)).into_iter().flatten();
        own.map(|object| (&object.key, *object)).collect()
    };
    let file = Some(diff.object.file.as_str());
    let (before, after) = match diff.kind {
        Kind::Added => (None, file),
        Kind::Removed => (file, None),
        Kind::Modified | Kind::Renamed => (diff.previous.as_ref().map(|old| old.file.as_str()), file),
    };
    let (before, after) = (of(old, before), of(new, after));
    let same =
        |old: &Object, new: &Object| old.secret_digest == new.secret_digest && old.root.to_json() == new.root.to_json();
    let mut pairs: Vec<Pair<'o>> = Vec::new();
    for (key, new) in &after {
        match before.get(key) {
            Some(old) if after.len() > 1 && same(old, new) => {}
            old => pairs.push((old.copied(), Some(*new))),
        }
    }
    pairs.extend(before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|(_, old)| (Some(*old), None)));
    pairs
}

/// Whether something deletes an Application that only the base defines: the ApplicationSet that made it, or the Application
/// that renders it, if it prunes.
pub(super) fn is_deleted(base: &Workspace, head: &Workspace, root: &Node, file: &str) -> bool {
    let generated = base.generated.iter().find(|one| std::ptr::eq(&raw const one.root, root));
    if let Some(made_by) = generated.and_then(|one| one.made_by.as_ref()) {
        if set_of(head, &made_by.set).is_some() {
            return !is_kept(head, &made_by.set);
        }
        // Kubernetes deletes the Applications of a set that somebody deletes.
        let applied = base.argocd.iter().find(|file| file.documents.iter().any(|one| is_set(&one.root, &made_by.set)));
        let Some((file, set)) = applied.and_then(|file| Some((file, set_of(base, &made_by.set)?))) else { return true };
        return is_pruned(head, set, file.name.as_str(), None);
    }
    let parent = generated.and_then(|one| one.parent.as_ref()).map(|parent| parent.app.as_str());
    is_pruned(head, root, file, parent)
}

/// Whether an Application prunes a manifest: the one that rendered it, or the one whose directory contained its file.
fn is_pruned(head: &Workspace, root: &Node, file: &str, parent: Option<&str>) -> bool {
    written::applications(head).any(|one| {
        let path = one.root.find(&["spec", "source", "path"]).and_then(Node::as_str).unwrap_or_default();
        let inside = file.strip_prefix(path.trim_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        let renders = parent.map_or(inside, |parent| parent == one.name);
        renders && matches!(effect::removal(one.root, root), Removal::Pruned(_))
    })
}

/// Whether an ApplicationSet that exists does not delete the Applications that it no longer generates.
fn is_kept(workspace: &Workspace, set: &str) -> bool {
    matches!(sync_policy(workspace, set), Some("create-only" | "create-update"))
}

/// What an ApplicationSet may do with its Applications, if it is restricted.
pub(super) fn sync_policy<'w>(workspace: &'w Workspace, set: &str) -> Option<&'w str> {
    set_of(workspace, set)?.find(&["spec", "syncPolicy", "applicationsSync"])?.as_str()
}

/// The document of an ApplicationSet.
pub(super) fn set_of<'w>(workspace: &'w Workspace, name: &str) -> Option<&'w Node> {
    let roots = workspace.argocd.iter().flat_map(|file| &file.documents).map(|document| &document.root);
    roots.into_iter().find(|root| is_set(root, name))
}

/// Whether a document is the ApplicationSet with a name.
fn is_set(root: &Node, name: &str) -> bool {
    let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
    let instance = instance_name(text(&["metadata", "name"]), text(&["metadata", "namespace"]));
    text(&["kind"]) == "ApplicationSet" && (instance == name || text(&["metadata", "name"]) == name)
}

/// The action of Argo CD on a manifest, given its actions on the objects in it.
fn summary(kind: Kind, plans: &[&Plan]) -> (Action, Option<String>) {
    let removal = plans.iter().find(|plan| matches!(plan.action, Action::Prune | Action::Leave));
    match (kind, removal) {
        (Kind::Renamed, Some(Plan { action: Action::Prune, .. })) => {
            (Action::Replace, Some("the object with the former name is pruned".to_owned()))
        }
        (Kind::Renamed, Some(Plan { reason, .. })) => {
            let stays = "the object with the former name stays".to_owned();
            (Action::Create, Some(reason.as_ref().map_or(stays.clone(), |reason| format!("{stays}: {reason}"))))
        }
        _ => {
            let unusual = plans.iter().find(|plan| !matches!(plan.action, Action::Update | Action::Create));
            let plan = unusual.or(plans.first());
            plan.map_or((Action::Nothing, None), |plan| (plan.action, plan.reason.clone()))
        }
    }
}

/// The charts with another version: those that the sources name, and their dependencies.
fn chart_bumps(before: Option<Side<'_>>, after: Option<Side<'_>>) -> BTreeSet<Bump> {
    let (Some(before), Some(after)) = (before, after) else { return BTreeSet::new() };
    let old = charts(before.target.target.deployment);
    let new = charts(after.target.target.deployment);
    let bumped = new.iter().filter_map(|(name, to)| {
        let from = old.get(name)?;
        (from != to).then(|| Bump::new(true, name, from, to))
    });
    bumped.collect()
}

/// The versions of the charts of an Application by name.
fn charts(deployment: &Deployment) -> BTreeMap<&str, &str> {
    let mut charts = BTreeMap::new();
    for source in &deployment.sources {
        let source = if let Rendered::Elsewhere(source) = source { &source.rendered } else { source };
        match source {
            Rendered::Chart(source) => {
                charts.insert(source.chart.name.as_str(), source.chart.version.as_str());
                let locked = source.chart.lock.as_ref().map(|lock| &lock.dependencies);
                let dependencies = locked.unwrap_or(&source.chart.dependencies);
                charts.extend(dependencies.iter().map(|one| (one.name.as_str(), one.version.as_str())));
            }
            Rendered::RemoteChart(source) => {
                charts.insert(source.pin.name.as_str(), source.pin.version.as_str());
            }
            Rendered::Kustomize(_) | Rendered::Directory(_) | Rendered::Plugin(_) | Rendered::Elsewhere(_) => {}
        }
    }
    charts
}
