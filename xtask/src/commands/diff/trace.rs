//! Traces the added lines of the head to templates and values.

use std::collections::{BTreeMap, BTreeSet};

use golden::diff::Kind;
use toolbox::parallel::parallel;
use workspace::target::TargetId;

use super::side::RenderedSide;
use crate::commands::rendering::Rendering;
use crate::commands::tracing::Tracer;
use crate::report::model::{ApplicationChange, ObjectChange};

/// Traces the objects that change. That takes a render of each target, so fresh targets are traced only if `all` are.
/// A target that cannot be traced is shown without.
pub(super) fn trace(side: RenderedSide<'_>, all: bool, applications: &mut [ApplicationChange]) {
    let by_id: BTreeMap<&TargetId, &Rendering<'_>> = side.renderings.iter().map(|one| (&one.target.id, one)).collect();
    let rendering = |change: &ObjectChange| {
        // Reports mark new objects in their templates. A terminal shows nothing of that.
        let lines = match change.diff.kind {
            Kind::Modified | Kind::Renamed => true,
            Kind::Added => all,
            Kind::Removed => false,
        };
        let one = by_id.get(change.targets.first()?).copied()?;
        (lines && (all || one.rendered().is_some())).then_some(one)
    };
    let changes = || applications.iter().flat_map(|application| &application.objects);
    let wanted: BTreeSet<&TargetId> = changes().filter_map(rendering).map(|one| &one.target.id).collect();
    let wanted: Vec<&Rendering<'_>> = wanted.into_iter().filter_map(|id| by_id.get(id).copied()).collect();
    if wanted.is_empty() {
        return;
    }
    let tracer = Tracer::new(side.session, side.workspace, side.argocd);
    let origins = parallel(side.session.jobs, &wanted, |one| tracer.trace(one).ok());
    let origins: BTreeMap<&TargetId, _> = wanted.iter().map(|one| &one.target.id).zip(origins).collect();
    for change in applications.iter_mut().flat_map(|application| &mut application.objects) {
        let Some(Some(origins)) = change.targets.first().and_then(|id| origins.get(id)) else { continue };
        let diff = &mut change.diff;
        // Only hunks have numbers.
        let numbers: Vec<usize> = if diff.kind == Kind::Added {
            (1..=diff.lines.len()).collect()
        } else {
            diff.added().into_iter().flat_map(|(_, added)| added).collect()
        };
        diff.trails =
            numbers.into_iter().map(|number| (number, origins.trail(&diff.object.file, number, None))).collect();
    }
}
