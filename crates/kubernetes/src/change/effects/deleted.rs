//! Data that a change deletes, or leaves behind.

use document::Node;

use super::replicas;
use super::subject::{Found, Subject};
use crate::change::action::Action;
use crate::change::data::{self, Holds};
use crate::inventory::pods::number;
use crate::object::Object;

/// The help for an object that is to stay.
const KEEP: &str = "to keep the object, merge a change before this one that only annotates it with \
                    `argocd.argoproj.io/sync-options: Prune=false`";

/// Claims, definitions, namespaces, and claims of StatefulSets that are deleted with what they hold.
pub(super) fn lost(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(before) = subject.change.removed().filter(|_| subject.prunes()) {
        let what = match data::held(before) {
            Some(Holds::Volume) if !is_retained(subject, before) => Some("its data"),
            Some(Holds::Claims { deleted: true, .. }) => Some("its claims and their data"),
            Some(Holds::CustomResources) => Some("all its custom resources"),
            Some(Holds::Objects) => Some("everything in it"),
            _ => None,
        };
        let example = custom_resource(subject, before).map_or_else(String::new, |one| format!(", such as {one}"));
        found.extend(what.map(|what| {
            Found::new(format!("{} {}, which deletes {what}{example}", before.title(), subject.fate())).help(KEEP)
        }));
    }
    if let (Some((_, after)), None) = (subject.updates(), subject.change.update)
        && data::held(after) == Some(Holds::Volume)
    {
        found.push(
            Found::new(format!("{} changes, and is recreated without its data", after.title()))
                .help("remove `Force=true` from its sync options"),
        );
    }
    found.extend(scaled(subject));
    found
}

/// A `StatefulSet` that deletes the claims of the pods that it no longer has.
fn scaled(subject: &Subject<'_>) -> Option<Found> {
    let (before, after) = subject.updates()?;
    let path = ["spec", "replicas"];
    if !subject.is("apps", "StatefulSet") || (subject.change.ignored)(&path.map(str::to_owned)) {
        return None;
    }
    let policy = after.find(&["spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"])?;
    let (old, new) = (replicas::of(before)?, replicas::of(after)?);
    let Some(Holds::Claims { templates, .. }) = data::held(after) else { return None };
    if policy.as_str() != Some("Delete") || new >= old || new < 0 {
        return None;
    }
    let start = after.find(&["spec", "ordinals", "start"]).and_then(number).unwrap_or_default();
    let last = start.checked_add(old)?.checked_sub(1)?;
    let message = format!(
        "{} is scaled from {old} to {new} replicas, which deletes the claims of the other pods with their data, such as \
         `{}-{}-{last}`",
        after.title(),
        templates.first()?,
        after.key.name
    );
    let help = "to keep the data, merge a change before this one that sets `whenScaled: Retain`";
    Some(Found::new(message).at(&path).help(help))
}

/// Custom resources that are deleted with what they represent outside of the cluster.
pub(super) fn external(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.removed().filter(|_| subject.prunes()) else { return Vec::new() };
    if data::held(before).is_some() || !data::is_external(before) {
        return Vec::new();
    }
    let message = format!("{} {}, which also deletes what it represents", before.title(), subject.fate());
    vec![
        Found::new(message)
            .help("to keep what it represents, first merge a change that sets `spec.deletionPolicy: Orphan`"),
    ]
}

/// A custom resource of a definition that something still renders, with its Application.
fn custom_resource(subject: &Subject<'_>, definition: &Object) -> Option<String> {
    let text = |path: &[&str]| definition.find(path).and_then(Node::as_str);
    let (group, kind) = (text(&["spec", "group"])?, text(&["spec", "names", "kind"])?);
    let one = subject.around.after().of_kind(group, kind).first()?;
    let app = one.target.split('/').next().unwrap_or_default();
    Some(format!("{} of Application `{app}`", one.title()))
}

/// StatefulSets that are deleted and leave their claims behind.
pub(super) fn orphaned(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.removed().filter(|_| subject.prunes()) else { return Vec::new() };
    let Some(Holds::Claims { deleted: false, templates }) = data::held(before) else { return Vec::new() };
    let claims: Vec<String> = templates.iter().map(|template| format!("`{template}-{}-0`", before.key.name)).collect();
    let message = format!(
        "{} {}, and its claims stay with their data, such as {}",
        before.title(),
        subject.fate(),
        claims.join(", ")
    );
    vec![Found::new(message).help("keep the name, or copy the data before the application starts with empty claims")]
}

/// Claims that stay in the cluster with their data, although nothing uses them.
pub(super) fn abandoned(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.removed() else { return Vec::new() };
    let stays = match data::held(before) {
        Some(Holds::Volume) if subject.prunes() => {
            let stays = if before.key.kind == "PersistentVolumeClaim" {
                "its volume stays with its data"
            } else {
                "its data stays"
            };
            is_retained(subject, before).then_some(stays)
        }
        Some(Holds::Volume) => Some("stays with its data"),
        Some(Holds::Claims { .. }) if !subject.prunes() => Some("stays with its pods and their data"),
        _ => None,
    };
    let left = subject.prunes() || matches!(subject.change.action, Action::Leave | Action::Create);
    let stays = stays.filter(|_| left);
    let help = "delete what is left behind when the data is no longer needed";
    stays
        .map(|stays| Found::new(format!("{} {}, and {stays}", before.title(), subject.fate())).help(help))
        .into_iter()
        .collect()
}

fn is_retained(subject: &Subject<'_>, claim: &Object) -> bool {
    let kinds = [
        ("storage.k8s.io", "StorageClass"),
        ("", "PersistentVolume"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
    ];
    let sides = [subject.around.before(), subject.around.after()];
    let others = sides.iter().flat_map(|side| kinds.iter().flat_map(|(group, kind)| side.of_kind(group, kind)));
    data::is_retained(claim, others.copied())
}
