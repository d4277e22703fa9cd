//! Changes that delete data: claims, custom resources, and namespaces that Argo CD prunes, recreates, or deletes with
//! their Application.

use std::collections::BTreeSet;

use argocd::effect;
use argocd::effect::{Removal, Update};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, fact, wording};
use document::Node;
use kubernetes::change::data::{self, Holds};
use kubernetes::object::Object;

use super::removed;
use super::removed::Fate;
use super::revision::{Before, Change, Revision};

const CODE: Code = Code::ChangeDataLoss;

/// Reports the objects of an Application that are deleted with their data.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in &change.removed {
        let Removal::Pruned(prune) = effect::removal(change.application.root, &object.root) else { continue };
        let Some(lost) = lost(change, object) else { continue };
        let fate = removed::fate(change, object);
        let taker = change.now.iter().find(|now| now.key == object.key && now.target != object.target);
        let message = match taker {
            Some(now) => {
                format!("{} moves to target `{}`, and pruning it deletes {lost}", change.title(&object.key), now.target)
            }
            None => format!("{} {}, which deletes {lost}", change.title(&object.key), fate.verb(object)),
        };
        let facts = taker.is_none().then(|| fate.fact(object)).flatten();
        let mut found = removed::finding(change, object, &fate, CODE, message).facts(facts);
        if let (Some(before), Some(now)) =
            (change.before, change.application.text(&["spec", "destination", "namespace"]))
            && before.namespace() != now
            && matches!(&fate, Fate::Renamed(new) if new.key.name == object.key.name)
        {
            let place = change.application.place(&["spec", "destination", "namespace"]);
            found = found.at(place, format!("was `{}` at `{}`", before.namespace(), change.base));
        }
        found = found.at(prune, "prunes objects that are no longer rendered");
        if taker.is_some() {
            found = found.note("if Argo CD syncs this Application before the other one, it still owns the object");
        }
        if object.key.kind == "PersistentVolumeClaim" {
            found = found.note("the volume is deleted with its claim unless its reclaim policy is `Retain`");
        }
        if object.find(&["metadata", "annotations", "helm.sh/resource-policy"]).is_some() {
            found = found
                .note("Argo CD honors `helm.sh/resource-policy` when the Application is deleted, not when it prunes");
        }
        let keep = "to keep the object, merge a change before this one that only annotates it with \
                    `argocd.argoproj.io/sync-options: Prune=false`";
        diagnostics.push(found.help(keep).help(removed::acceptance(CODE, &object.target)));
    }
    for (before, after) in &change.changed {
        let recreated = effect::update(change.application.root, &before.root, &after.root) == Update::Recreated;
        if recreated && data::held(after) == Some(Holds::Volume) {
            let option = after.find(&["metadata", "annotations", "argocd.argoproj.io/sync-options"]);
            let place = option.map_or_else(|| after.root.place(), Node::place);
            let message = format!("{} changes, and is recreated without its data", after.key);
            diagnostics.push(
                after
                    .finding(CODE, message, place, "deletes and creates the object to change it")
                    .help("remove `Force=true` from its sync options")
                    .help(removed::acceptance(CODE, &after.target)),
            );
        }
    }
    diagnostics
}

/// The objects that are deleted with a pruned one; `None` if nothing of value.
fn lost(change: &Change<'_>, object: &Object) -> Option<&'static str> {
    let others = || change.removed.iter().chain(change.now.iter().copied());
    match data::held(object)? {
        Holds::Volume => (!data::is_retained(object, others())).then_some("its data"),
        Holds::Claims { deleted, .. } => deleted.then_some("its claims and their data"),
        Holds::CustomResources => Some("all its custom resources"),
        Holds::Objects => Some("everything in it"),
    }
}

/// Reports Applications that are no longer defined, if their deletion deletes data.
pub(super) fn applications(revision: &Revision<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let subject = revision.subject;
    let defined: BTreeSet<&str> = subject.every_application().map(|one| one.name).collect();
    // If a manifest cannot be read, or only some targets are checked, an Application may be defined nevertheless.
    let selected: BTreeSet<&str> = subject.targets.iter().map(|target| target.id.app.as_str()).collect();
    let all = subject.workspace.deployments.iter().all(|one| selected.contains(one.application.instance.as_str()));
    if !subject.workspace.argocd_complete || !subject.workspace.unrendered.is_empty() || !all {
        return diagnostics;
    }
    for (app, before) in revision.applications.iter().filter(|(app, _)| !defined.contains(app.as_str())) {
        diagnostics.0.extend(application(revision, app, before));
    }
    diagnostics
}

fn application(revision: &Revision<'_>, app: &str, before: &Before) -> Option<Diagnostic> {
    let finalizer = effect::cascades(&before.root)?;
    // Without an Application that prunes it, somebody deletes this one by hand, if at all.
    let (parent, prune) = revision.subject.every_application().find_map(|one| {
        let path = one.text(&["spec", "source", "path"])?;
        let inside = before.file.strip_prefix(path.trim_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        let prune = effect::prunes(one.root)?;
        let kept = matches!(effect::removal(one.root, &before.root), Removal::Pruned(_));
        (inside && kept).then_some((one.name, prune))
    })?;
    let objects = revision.objects_of(app, before);
    let lost: Vec<&Object> = objects
        .iter()
        .filter(|object| effect::deleted_with(&before.root, &object.root))
        .filter(|object| match data::held(object) {
            Some(Holds::Volume) => !data::is_retained(object, &objects),
            Some(Holds::Claims { deleted, .. }) => deleted,
            Some(Holds::Objects) => true,
            // Argo CD keeps the definition itself.
            Some(Holds::CustomResources) | None => false,
        })
        .collect();
    let first = lost.first()?;
    let more = wording::and_more(lost.len().saturating_sub(1));
    let message = format!("Application `{app}` is no longer defined, which deletes {}{more}", first.key);
    let name = before.root.find(&["metadata", "name"]).map_or_else(|| before.root.place(), Node::place);
    let keeper = lost.iter().find_map(|object| {
        let now =
            revision.subject.objects.iter().find(|now| revision.identity(&now.key) == revision.identity(&object.key));
        now.map(|now| now.target.as_str())
    });
    let mut found = Diagnostic::new(CODE, message).target(app).fact(Fact::Removed(fact::Subject::Application));
    // The Application was renamed: its new name is what its author edits.
    let heir = keeper.and_then(|target| target.split('/').next());
    if let Some(heir) = revision.subject.every_application().find(|one| Some(one.name) == heir) {
        found = found.at(heir.place(&["metadata", "name"]), "renders the same objects");
    }
    found = found
        .at(name, "no longer defined")
        .at(finalizer.place(), "deletes the objects with the Application")
        .at(prune, format!("Application `{parent}` prunes the Application"));
    if let Some(target) = keeper {
        found = found.note(format!("target `{target}` renders it now, and recreates it without its data"));
    }
    Some(
        found
            .help("to keep the objects, merge a change before this one that removes the finalizer")
            .help(removed::acceptance(CODE, app)),
    )
}
