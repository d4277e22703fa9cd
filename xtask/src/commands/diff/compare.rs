//! The objects of an Application that differ between the two sides.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use golden::diff::{self, Kind, ObjectDiff};
use golden::goldens::{self, Change};
use kubernetes::change::field;
use kubernetes::scope::{Scope, Scopes};
use toolbox::parallel::join;

use crate::commands::rendering::{RenderState, Rendering};
use crate::report::model::{Action, ObjectChange};

/// Compares the targets of an Application, with `fields` also by meaning. Equal changes of several targets are one.
pub(super) fn targets(
    pairs: &[(Option<&Rendering<'_>>, Option<&Rendering<'_>>)],
    fingerprint: &dyn Fn(&str) -> String,
    fields: bool,
) -> Vec<ObjectChange> {
    let mut objects: Vec<ObjectChange> = Vec::new();
    let mut known: HashMap<u64, Vec<usize>> = HashMap::new();
    for (before, after) in pairs {
        let Some(id) = after.or(*before).map(|one| one.target.id.clone()) else { continue };
        for change in changes(*before, *after) {
            let diff = diff::diff(&change, fingerprint);
            let same = known.entry(digest(&diff)).or_default();
            if let Some(index) = same.iter().find(|index| is_same(&objects[**index].diff, &diff)) {
                objects[*index].targets.push(id.clone());
                continue;
            }
            same.push(objects.len());
            let action = action(diff.kind);
            let fields = match &change {
                Change::Modified(old, new) | Change::Renamed(old, new) if fields => {
                    field::of_manifests(&old.manifest, &new.manifest, fingerprint)
                }
                _ => Vec::new(),
            };
            let (targets, effects) = (vec![id.clone()], Vec::new());
            objects.push(ObjectChange { diff, targets, action, reason: None, effects, fields });
        }
    }
    objects
}

/// Sorts changes: those that only cases have are last, otherwise the most severe one is first, and those without any effect
/// follow the others.
pub(super) fn sort(changes: &mut [ObjectChange]) {
    changes.sort_by_key(|one| (!one.is_applied(), std::cmp::Reverse(one.severity()), one.effects.is_empty()));
}

/// Whether one target renders most of what another one does, under any name.
pub(super) fn is_most_alike(before: &Rendering<'_>, after: &Rendering<'_>) -> bool {
    let count = |one: &Rendering<'_>| match &one.state {
        RenderState::Rendered(rendered) => rendered.len(),
        _ => one.golden.files.len(),
    };
    let changes = changes(Some(before), Some(after));
    let removed = changes.iter().filter(|change| matches!(change, Change::Removed(_))).count();
    (count(before) - removed.min(count(before))) * 2 > count(before)
}

/// The objects that differ, as the manifests are written.
fn changes(before: Option<&Rendering<'_>>, after: Option<&Rendering<'_>>) -> Vec<Change> {
    let same = match (before, after) {
        (Some(before), Some(after)) => match same_files(before, after) {
            Some(same) => same,
            None => return Vec::new(),
        },
        _ => BTreeSet::new(),
    };
    let differs = |file: &str, _: &[u8]| !same.contains(file);
    let read = |one: Option<&Rendering<'_>>| one.map(|one| one.manifests_in(&differs)).unwrap_or_default();
    let (mut old, mut new) = join(|| read(before), || read(after));
    let namespace = |one: Option<&Rendering<'_>>| one.map(|one| one.target.namespace.clone());
    if before.is_some() && after.is_some() && namespace(before) != namespace(after) {
        // The namespace is part of every identity, but an object without one stays the same in another.
        let scopes = Scopes::new([]);
        for record in old.iter_mut().chain(&mut new) {
            let key = &mut record.manifest.key;
            if scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
                key.namespace.clear();
            }
        }
    }
    let mut changes = goldens::changes(old, &new);
    // Another object may have taken over the name of its golden, and a template may have another name.
    changes.retain(|change| match change {
        Change::Modified(old, new) => without_source(&old.manifest.text) != without_source(&new.manifest.text),
        Change::Added(_) | Change::Removed(_) | Change::Renamed(..) => true,
    });
    changes
}

/// A manifest without Helm's comment that names the template.
fn without_source(text: &str) -> &str {
    let rest = text.strip_prefix("# Source: ").and_then(|rest| rest.split_once('\n'));
    rest.map_or(text, |(_, rest)| rest)
}

/// The files that are equal on both sides, so that nobody has to parse them; `None` if all of them are.
fn same_files<'r>(before: &'r Rendering<'_>, after: &Rendering<'_>) -> Option<BTreeSet<&'r str>> {
    // Objects that set no namespace are other objects in another one.
    if before.target.namespace != after.target.namespace {
        return Some(BTreeSet::new());
    }
    let fresh = |one: &Rendering<'_>| matches!(one.state, RenderState::Fresh);
    if fresh(before) && fresh(after) && Arc::ptr_eq(&before.golden, &after.golden) {
        return None;
    }
    let (old, new) = (texts(before), texts(after));
    if old == new {
        return None;
    }
    Some(old.into_iter().filter(|(file, text)| new.get(file) == Some(text)).map(|(file, _)| file).collect())
}

fn texts<'r>(one: &'r Rendering<'_>) -> BTreeMap<&'r str, &'r [u8]> {
    match &one.state {
        RenderState::Rendered(rendered) => {
            rendered.iter().map(|one| (one.file.as_str(), one.manifest.text.as_bytes())).collect()
        }
        RenderState::Fresh => one.golden.files.iter().map(|(file, text)| (file.as_str(), text.as_slice())).collect(),
        RenderState::Failed(_) | RenderState::Blocked(_) => BTreeMap::new(),
    }
}

/// Whether two targets have the same change of the same object.
fn is_same(one: &ObjectDiff, other: &ObjectDiff) -> bool {
    let title =
        |diff: &ObjectDiff| (diff.object.manifest.title(), diff.previous.as_ref().map(|old| old.manifest.title()));
    one.kind == other.kind
        && one.object.manifest.key.group == other.object.manifest.key.group
        && title(one) == title(other)
        && one.changed().eq(other.changed())
}

fn digest(diff: &ObjectDiff) -> u64 {
    let mut hasher = DefaultHasher::new();
    diff.object.manifest.title().hash(&mut hasher);
    diff.changed().for_each(|(_, line)| line.hash(&mut hasher));
    hasher.finish()
}

/// The action of Argo CD on an object, unless its Application says otherwise.
fn action(kind: Kind) -> Action {
    match kind {
        Kind::Added | Kind::Renamed => Action::Create,
        Kind::Modified => Action::Update,
        Kind::Removed => Action::Prune,
    }
}
