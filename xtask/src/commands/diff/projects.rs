//! The Applications that a project no longer allows: Argo CD then compares and syncs nothing of them.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Diagnostic;
use kubernetes::change::effect::Effect;
use workspace::suppression;

use super::side::RenderedSide;
use super::validity;
use crate::lint::application_project;

/// The violations of projects that are new in the head, by the instance names of Applications.
#[derive(Debug, Default)]
pub(super) struct Forbidden(BTreeMap<String, Vec<Effect>>);

impl Forbidden {
    /// Compares both sides.
    pub(super) fn new(base: RenderedSide<'_>, head: RenderedSide<'_>) -> Self {
        let found = violations(head);
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

fn violations(side: RenderedSide<'_>) -> Vec<Diagnostic> {
    let found = application_project::of_applications(side.workspace);
    let suppressions = &side.workspace.config.suppressions;
    suppression::apply(found, suppressions, side.session.today, application_project::CODES, false).0
}
