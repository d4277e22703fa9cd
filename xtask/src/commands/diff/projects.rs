//! The Applications that a project no longer allows: Argo CD then compares and syncs nothing of them.

use std::collections::{BTreeMap, BTreeSet};

use argocd::project::Project;
use diagnostics::Diagnostic;
use golden::objects as goldens;
use kubernetes::change::effect::Effect;
use kubernetes::object::Object;
use workspace::suppression;
use workspace::target::{DEFAULT_CASE, TargetId};

use super::side::RenderedSide;
use super::validity;
use crate::commands::rendering::Rendering;
use crate::lint::application_project;
use crate::lint::subject::ByTarget;

/// The violations of projects that are new in the head, by the instance names of Applications.
#[derive(Debug, Default)]
pub(super) struct Forbidden(BTreeMap<String, Vec<Effect>>);

impl Forbidden {
    /// Compares both sides.
    pub(super) fn new(base: RenderedSide<'_>, head: RenderedSide<'_>) -> Self {
        let mut found = violations(head);
        found.extend(objects(base, head));
        if found.is_empty() {
            return Self::default();
        }
        let named = |found: &Diagnostic| (found.target.clone().unwrap_or_default(), found.message.clone());
        let before: BTreeSet<(String, String)> = violations(base).iter().map(named).collect();
        let mut forbidden: BTreeMap<String, Vec<Effect>> = BTreeMap::new();
        for one in found.iter().filter(|one| !before.contains(&named(one))) {
            forbidden.entry(named(one).0).or_default().push(validity::effect(one));
        }
        Self(forbidden)
    }

    /// The new violations of an Application.
    pub(super) fn of(&self, application: &str) -> &[Effect] {
        self.0.get(application).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The violations by objects that do not change. Those that do are checked with the other changes.
fn objects(base: RenderedSide<'_>, head: RenderedSide<'_>) -> Vec<Diagnostic> {
    let former = |project: &Project| base.workspace.projects().iter().find(|one| one.name == project.name);
    let projects = head.workspace.projects().iter();
    let changed: BTreeSet<&str> = projects
        .filter(|one| former(one).is_none_or(|former| !one.is_written_as(former)))
        .map(|one| one.name.as_str())
        .collect();
    let known: BTreeMap<&TargetId, &Rendering<'_>> = base.renderings.iter().map(|one| (&one.target.id, one)).collect();
    let mut unchanged: Vec<Object> = Vec::new();
    for one in head.renderings.iter().filter(|one| one.target.id.case == DEFAULT_CASE) {
        let Some(before) = known.get(&one.target.id) else { continue };
        let project = |one: &Rendering<'_>| one.target.deployment.application.project.clone();
        if project(before) == project(one) && !changed.contains(project(one).as_str()) {
            continue;
        }
        let all = |_: &str, _: &[u8]| true;
        let old: BTreeMap<String, String> =
            before.manifests_in(&all).into_iter().map(|old| (old.file, old.manifest.text)).collect();
        let mut manifests = one.manifests_in(&all);
        manifests.retain(|new| old.get(&new.file) == Some(&new.manifest.text));
        unchanged.extend(goldens::read(&one.target, &one.golden, &manifests));
    }
    let mut found = application_project::of_objects(head.workspace, &ByTarget::new(&unchanged), &unchanged).0;
    // One for each list of a project that forbids something of an Application.
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert((one.target.clone(), one.facts.first().map(|fact| format!("{fact:?}")))));
    // These are about the Application, whose changes do not contain the object.
    for one in &mut found {
        one.target = one.target.take().map(|target| target.split('/').next().unwrap_or_default().to_owned());
        one.helps = vec!["keep what the project allowed, or remove the object".to_owned()];
    }
    found
}

fn violations(side: RenderedSide<'_>) -> Vec<Diagnostic> {
    let found = application_project::of_applications(side.workspace);
    let suppressions = &side.workspace.config.suppressions;
    suppression::apply(found, suppressions, side.session.today, application_project::CODES, false).0
}
