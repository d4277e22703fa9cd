//! What the report of `ci` shows as changes: the differences from the goldens.

use std::collections::BTreeMap;
use std::time::Duration;

use argocd::release::Release;
use diagnostics::Diagnostics;
use golden::diff::{Kind, ObjectDiff};
use toolbox::git::Repository;

use crate::commands::Session;
use crate::commands::rendering::{RenderState, Rendering};
use crate::report::model::{
    Action, ApplicationChange, ApplicationKind, Finding, Known, NotRendered, ObjectChange, Report, Side,
};
use crate::report::rendered::{RenderReport, State, UnrenderedReport};

/// The changed Applications, as far as the run got.
#[derive(Debug, Default)]
pub(super) struct Changes {
    release: Option<Release>,
    applications: Vec<ApplicationChange>,
    not_rendered: Vec<NotRendered>,
    unchanged: usize,
}

impl Changes {
    /// The differences of all targets from their goldens.
    #[must_use]
    pub(super) fn new(release: Release, renderings: &[Rendering<'_>], rendered: Option<&RenderReport>) -> Self {
        let mut all: BTreeMap<&str, (ApplicationChange, bool)> = BTreeMap::new();
        let targets = rendered.map(|report| report.targets.as_slice()).unwrap_or_default();
        for (target, one) in targets.iter().zip(renderings) {
            let application = &one.target.deployment.application;
            let (change, changed) = all.entry(&target.id.app).or_insert_with(|| {
                let kind = match &target.former {
                    Some(former) => ApplicationKind::Moved { from: former.app.clone() },
                    None if one.unrecorded() => ApplicationKind::Added,
                    None => ApplicationKind::Changed,
                };
                let file = application.place.source.name.clone();
                (of(&target.id.app, kind, one.target.namespace.clone(), file), target.former.is_some())
            });
            if target.state == State::Failed {
                change.kind = ApplicationKind::Failed { reason: reason(one) };
            }
            *changed |= matches!(target.state, State::Failed | State::Changed);
            for diff in &target.diffs {
                let same = |object: &&mut ObjectChange| is_same(&object.diff, diff);
                match change.objects.iter_mut().find(same) {
                    Some(same) => same.targets.push(target.id.clone()),
                    None => change.objects.push(ObjectChange {
                        diff: diff.clone(),
                        targets: vec![target.id.clone()],
                        action: action(diff.kind),
                        reason: None,
                        effects: Vec::new(),
                        fields: Vec::new(),
                    }),
                }
            }
        }
        let unrendered = rendered.map(|report| report.unrendered.as_slice()).unwrap_or_default();
        for UnrenderedReport { application, invalid, reason, .. } in unrendered.iter().filter(|one| one.invalid) {
            let kind = ApplicationKind::Failed { reason: reason.clone() };
            all.entry(application).or_insert_with(|| (of(application, kind, String::new(), String::new()), *invalid));
        }
        let not_rendered = unrendered.iter().filter(|one| !one.invalid).map(|one| {
            let known = Known::Not { reason: one.reason.clone() };
            NotRendered { name: one.application.clone(), base: known.clone(), head: known }
        });
        let not_rendered = not_rendered.collect();
        let (changed, unchanged): (Vec<_>, Vec<_>) = all.into_values().partition(|(_, changed)| *changed);
        Self {
            release: Some(release),
            applications: changed.into_iter().map(|(change, _)| change).collect(),
            not_rendered,
            unchanged: unchanged.len(),
        }
    }

    /// The report, with everything that was found.
    #[must_use]
    pub(super) fn report(self, session: &Session<'_>, found: &Diagnostics, elapsed: Duration) -> Report {
        let version = |of: fn(Release) -> &'static str| self.release.map_or("unknown", of).to_owned();
        let side = |name: &str, commit| Side {
            name: name.to_owned(),
            commit,
            argocd: version(|release| release.version),
            helm: version(|release| release.helm),
        };
        let commit = Repository::around(&session.root).and_then(|repository| repository.commit("HEAD").ok().flatten());
        Report {
            command: "ci",
            base: side("the goldens", None),
            head: side("the checkout", commit),
            applications: self.applications,
            not_rendered: self.not_rendered,
            unchanged: self.unchanged,
            findings: found
                .0
                .iter()
                .map(|diagnostic| Finding { diagnostic: diagnostic.clone(), status: None })
                .collect(),
            elapsed,
        }
    }
}

fn of(name: &str, kind: ApplicationKind, namespace: String, file: String) -> ApplicationChange {
    let name = name.to_owned();
    ApplicationChange {
        name,
        namespace,
        kind,
        file,
        objects: Vec::new(),
        bumps: Vec::new(),
        effects: Vec::new(),
        hooks: Vec::new(),
    }
}

/// Why a target could not be rendered.
fn reason(one: &Rendering<'_>) -> String {
    match &one.state {
        RenderState::Failed(found) => found.0.first().map(|found| found.message.clone()),
        _ => None,
    }
    .unwrap_or_else(|| format!("`{}` depends on something that is broken; the findings say what", one.target.id))
}

/// Whether two targets have the same change.
fn is_same(one: &ObjectDiff, other: &ObjectDiff) -> bool {
    (one.kind, &one.object.manifest.key, &one.lines) == (other.kind, &other.object.manifest.key, &other.lines)
}

fn action(kind: Kind) -> Action {
    match kind {
        Kind::Added => Action::Create,
        Kind::Removed => Action::Prune,
        Kind::Modified => Action::Update,
        Kind::Renamed => Action::Replace,
    }
}
