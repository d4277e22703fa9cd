//! Whether the cluster accepts the objects that change: what `validate` says about them, Pod Security admission, and the
//! projects of their Applications.
//!
//! Objects that do not change are left to `ci`.

use std::collections::{BTreeSet, HashMap};

use diagnostics::{Class, Diagnostic, Diagnostics, Severity};
use golden::diff::Kind;
use golden::objects;
use kubernetes::change::effect::Effect;
use kubernetes::object::Object;
use kubernetes::scope::Scopes;
use kubernetes::workload;
use workspace::suppression;
use workspace::target::{DEFAULT_CASE, Target, TargetId};

use super::compare;
use super::side::RenderedSide;
use crate::commands::validate;
use crate::lint::chart_sources::ChartSources;
use crate::lint::clusters::{self, Clusters};
use crate::lint::scenario_files::ScenarioFiles;
use crate::lint::subject::{ByTarget, Subject};
use crate::lint::{application_project, pod_security};
use crate::report::model::{Action, ApplicationChange, ObjectChange, REFUSED, Validity};

/// The prefix of the names of goldens of Namespaces.
const NAMESPACE: &str = "namespace-";

/// The prefix of the names of goldens of CustomResourceDefinitions.
const DEFINITION: &str = "customresourcedefinition-";

/// A golden of a target.
type File = (TargetId, String);

/// Marks the objects of the head that change and that the cluster rejects.
pub(super) fn check(head: RenderedSide<'_>, applications: &mut [ApplicationChange]) -> Validity {
    let only: BTreeSet<File> = applications.iter().flat_map(|one| &one.objects).filter_map(applied).collect();
    if only.is_empty() {
        return Validity::Checked { objects: 0, invalid: 0 };
    }
    let mut found = refused(head, &only);
    let validated = validated(head, &only).map(|invalid| found.extend(invalid));
    let validity = mark(applications, &found);
    validated.map_or_else(|reason| Validity::Unknown { reason }, |()| validity)
}

/// Adds the findings with which a sync fails to the objects that change and that they are about.
#[must_use]
pub fn mark(applications: &mut [ApplicationChange], found: &Diagnostics) -> Validity {
    let (mut objects, mut invalid) = (0, 0);
    let mut by_golden: HashMap<(&str, &str), Vec<&Diagnostic>> = HashMap::new();
    for one in found.0.iter().filter(|one| REFUSED.contains(&one.code)) {
        let subject = one.target.as_deref().and_then(|target| target.split(' ').next());
        if let Some((subject, origin)) = subject.zip(one.origin.as_ref()) {
            by_golden.entry((subject, &origin.golden)).or_default().push(one);
        }
    }
    for object in applications.iter_mut().flat_map(|one| &mut one.objects) {
        let Some((target, file)) = applied(object) else { continue };
        objects += 1;
        let name = target.to_string();
        let about = by_golden.get(&(name.as_str(), file.as_str())).into_iter().flatten();
        let effects: Vec<Effect> = about.map(|one| effect(one)).collect();
        invalid += usize::from(!effects.is_empty());
        object.effects.splice(0..0, effects);
    }
    for one in applications.iter_mut() {
        compare::sort(&mut one.objects);
        // These findings are about the project, and not about an object.
        let target = format!("{}/{DEFAULT_CASE}", one.name);
        let about = |found: &&Diagnostic| {
            REFUSED.contains(&found.code) && found.origin.is_none() && found.target.as_deref() == Some(&target)
        };
        one.effects.splice(0..0, found.0.iter().filter(about).map(effect));
    }
    Validity::Checked { objects, invalid }
}

/// A finding with which a sync fails, as an effect of the change.
pub(super) fn effect(found: &Diagnostic) -> Effect {
    Effect {
        code: found.code,
        severity: Severity::Blocker,
        message: found.message.clone(),
        path: found.origin.as_ref().map(|origin| origin.path.clone()).unwrap_or_default(),
        help: found.helps.first().cloned(),
    }
}

/// The golden of an object that a sync applies.
fn applied(object: &ObjectChange) -> Option<File> {
    let applies = object.diff.kind != Kind::Removed && !matches!(object.action, Action::Nothing | Action::Leave);
    let target = object.targets.iter().find(|target| target.case == DEFAULT_CASE)?;
    applies.then(|| (target.clone(), object.diff.object.file.clone()))
}

/// The findings of `validate`, or the reason why the objects cannot be validated.
fn validated(head: RenderedSide<'_>, only: &BTreeSet<File>) -> Result<Diagnostics, String> {
    let reason = |found: &Diagnostics| match found.0.first() {
        Some(found) => found.message.clone(),
        None => "charts.toml has no version of kubeconform".to_owned(),
    };
    validate::prerequisites(head.session, head.workspace).map_err(|found| reason(&found))?;
    head.workspace.config.tool("kubeconform").map_err(|found| reason(&found))?;
    let request = validate::Request { only: Some(only.clone()), ..validate::Request::default() };
    let targets: Vec<&Target<'_>> = head.renderings.iter().map(|one| &one.target).collect();
    let checked = validate::check(head.session, &request, head.workspace, &targets, head.renderings, false);
    let unavailable = checked.diagnostics.0.iter().find(|found| found.code.class() == Class::Unavailable);
    match unavailable {
        Some(found) => Err(found.message.clone()),
        None => Ok(checked.diagnostics),
    }
}

/// The objects that Pod Security admission and projects refuse.
fn refused(head: RenderedSide<'_>, only: &BTreeSet<File>) -> Diagnostics {
    let mut rendered: Vec<(&TargetId, Vec<Object>)> = Vec::new();
    let mut objects: Vec<Object> = Vec::new();
    for one in head.renderings.iter().filter(|one| one.target.id.case == DEFAULT_CASE) {
        let id = &one.target.id;
        let is_changed = |file: &str| only.contains(&(id.clone(), file.to_owned()));
        let manifests = one.manifests_in(&|file, _| file.starts_with(NAMESPACE) || is_changed(file));
        let read = objects::read(&one.target, &one.golden, &manifests);
        objects.extend(read.iter().filter(|object| is_changed(&object.golden)).cloned());
        rendered.push((id, read));
    }
    let mut found = forbidden(head, &objects);
    if objects.iter().any(|object| workload::template(object).is_some()) {
        found.extend(refused_pods(head, &objects, &rendered));
    }
    let suppressions = &head.workspace.config.suppressions;
    let codes = [pod_security::CODES, application_project::CODES].concat();
    suppression::apply(found, suppressions, head.session.today, &codes, false)
}

/// The objects that the projects of their Applications do not allow.
fn forbidden(head: RenderedSide<'_>, objects: &[Object]) -> Diagnostics {
    let scopes = Scopes::new(objects);
    let is_known = |object: &Object| scopes.of(&object.key.group, &object.key.kind).is_some();
    let mut defining = objects.to_vec();
    if !objects.iter().all(is_known) {
        for one in head.renderings.iter().filter(|one| one.target.id.case == DEFAULT_CASE) {
            let manifests = one.manifests_in(&|file, _| file.starts_with(DEFINITION));
            defining.extend(objects::read(&one.target, &one.golden, &manifests));
        }
    }
    application_project::of_objects(head.workspace, &ByTarget::new(objects), &defining)
}

/// The workloads whose pods violate the level that their namespace enforces.
fn refused_pods(head: RenderedSide<'_>, objects: &[Object], rendered: &[(&TargetId, Vec<Object>)]) -> Diagnostics {
    let everything: Vec<clusters::Rendered<'_>> = rendered
        .iter()
        .map(|(id, objects)| clusters::Rendered { target: id.to_string(), id, objects: Some(objects) })
        .collect();
    let manifests = clusters::manifests(head.workspace);
    let clusters = Clusters::new(head.workspace, &everything, &manifests);
    let targets: Vec<&Target<'_>> = head.renderings.iter().map(|one| &one.target).collect();
    pod_security::check(&Subject {
        workspace: head.workspace,
        charts: &[],
        sources: &ChartSources::default(),
        scenarios: &ScenarioFiles::default(),
        targets: &targets,
        objects,
        by_target: &ByTarget::new(objects),
        rendered: &BTreeSet::new(),
        fresh: false,
        clusters: &clusters,
        complete: false,
        base: None,
        now: head.session.environment.now,
    })
}
