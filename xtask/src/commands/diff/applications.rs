//! The Applications of one side, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Class, Diagnostics};
use document::Node;
use workspace::target::{DEFAULT_CASE, TargetId};
use workspace::{Workspace, plan, written};

use super::judge;
use super::side::RenderedSide;
use crate::commands::rendering::{RenderState, Rendering};

/// The Applications of a side.
pub(super) struct Applications<'a> {
    /// By instance name.
    pub(super) by_name: BTreeMap<&'a str, Application<'a>>,
    /// What ApplicationSets may do with their Applications, by the names of those that are restricted.
    pub(super) sync_policies: BTreeMap<&'a str, &'a str>,
    /// The workspace that defines them.
    pub(super) workspace: &'a Workspace,
}

/// An Application.
pub(super) struct Application<'a> {
    /// The file that defines it.
    pub(super) file: &'a str,
    /// The document that defines it, if it is known.
    pub(super) root: Option<&'a Node>,
    /// The ApplicationSet that generates it, if one does.
    pub(super) set: Option<&'a str>,
    /// The state.
    pub(super) state: State,
    /// Its targets that could be planned, by case.
    pub(super) targets: BTreeMap<&'a str, &'a Rendering<'a>>,
}

/// Whether an Application or a target is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It is rendered.
    Rendered,
    /// This tool does not render it, for this reason.
    NotRendered(String),
    /// It cannot be rendered, for this reason.
    Failed(String),
    /// charts.toml does not select its file, so that it belongs to another repository or tool.
    Unselected,
}

impl<'a> Applications<'a> {
    /// Those that a selection names; all if it is empty.
    pub(super) fn new(side: RenderedSide<'a>, selection: &[String]) -> Self {
        let workspace = side.workspace;
        let mut applications = BTreeMap::new();
        for one in &workspace.unrendered {
            if plan::selects(selection, &one.instance) {
                let reason = reasons(&one.reasons);
                let state = if one.is_broken() { State::Failed(reason) } else { State::NotRendered(reason) };
                let file = one.place.source.name.as_str();
                let unknown = Application { file, root: None, set: None, state, targets: BTreeMap::new() };
                applications.insert(one.instance.as_str(), unknown);
            }
        }
        let mut renderings: BTreeMap<&str, BTreeMap<&str, &Rendering<'_>>> = BTreeMap::new();
        for one in side.renderings {
            renderings.entry(&one.target.id.app).or_default().insert(&one.target.id.case, one);
        }
        for deployment in &workspace.deployments {
            let name = deployment.application.instance.as_str();
            if !plan::selects(selection, name) {
                continue;
            }
            let targets = renderings.remove(name).unwrap_or_default();
            let id = TargetId { app: name.to_owned(), case: DEFAULT_CASE.to_owned() };
            let own = targets.get(DEFAULT_CASE);
            let state = match own {
                Some(own) => state(own, side.found),
                None if !plan::names(selection, &id) => {
                    if targets.is_empty() {
                        continue;
                    }
                    // Another case was selected.
                    State::Rendered
                }
                None => State::Failed(first_error(side.found, name)),
            };
            let file = deployment.application.place.source.name.as_str();
            applications.insert(name, Application { file, root: None, set: None, state, targets });
        }
        for written in written::applications(workspace) {
            let known = applications.get_mut(written.name);
            if written.selected {
                if let Some(known) = known {
                    known.root = Some(written.root);
                    known.set = written.made_by.map(|made_by| made_by.set.as_str());
                }
            } else if known.is_none() && plan::selects(selection, written.name) {
                let (file, root) = (written.file, Some(written.root));
                let unselected =
                    Application { file, root, set: None, state: State::Unselected, targets: BTreeMap::new() };
                applications.insert(written.name, unselected);
            }
        }
        let sets: BTreeSet<&str> = applications.values().filter_map(|one| one.set).collect();
        let sync_policies = sets.into_iter().filter_map(|set| Some((set, judge::sync_policy(workspace, set)?)));
        Self { by_name: applications, sync_policies: sync_policies.collect(), workspace }
    }

    /// Why an Application of the other side may be missing here although it exists: what defines it cannot be read or
    /// rendered. It must not look like one that was removed or added.
    pub(super) fn excuse(&self, missing: &Application<'_>, other: &Workspace) -> Option<State> {
        let here = self.workspace;
        let is = |root: &Node| missing.root.is_some_and(|own| std::ptr::eq(own, root));
        let generated = other.generated.iter().find(|one| is(&one.root));
        if let Some(parent) = generated.and_then(|one| one.parent.as_ref()) {
            let state = self.by_name.get(parent.app.as_str()).map(|parent| &parent.state);
            if let Some(State::Failed(reason) | State::NotRendered(reason)) = state {
                return Some(State::Failed(format!("Application `{}` renders it, and failed: {reason}", parent.app)));
            }
        }
        if let Some(made_by) = generated.and_then(|one| one.made_by.as_ref())
            && let Some(set) = here.unrendered.iter().find(|one| one.instance == made_by.set)
        {
            let reason = format!("ApplicationSet `{}` generates it: {}", set.instance, reasons(&set.reasons));
            return Some(if set.is_broken() { State::Failed(reason) } else { State::NotRendered(reason) });
        }
        let file = missing.file;
        let unreadable = !here.argocd_complete
            && here.root.join(file).is_file()
            && !here.argocd.iter().any(|readable| readable.name == file);
        unreadable.then(|| State::Failed(format!("`{file}` cannot be read")))
    }

    /// The target of an Application with its own values.
    pub(super) fn own_target(&self, application: &str) -> Option<&Rendering<'a>> {
        self.by_name.get(application)?.targets.get(DEFAULT_CASE).copied()
    }
}

/// The state of a target.
pub(super) fn state(one: &Rendering<'_>, found: &Diagnostics) -> State {
    match &one.state {
        RenderState::Fresh | RenderState::Rendered(_) => State::Rendered,
        RenderState::Failed(reason) => State::Failed(reasons(reason)),
        RenderState::Blocked(_) => State::Failed(first_error(found, &one.target.id.app)),
    }
}

/// The errors in one line.
fn reasons(found: &Diagnostics) -> String {
    let errors = found.0.iter().filter(|found| found.code.class() > Class::Warning);
    errors.map(|found| found.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// The first error about an Application, or else about what it shares with others.
fn first_error(found: &Diagnostics, application: &str) -> String {
    let errors = || found.0.iter().filter(|found| found.code.class() > Class::Finding);
    let own = |target: &str| target.split('/').next() == Some(application);
    let about = errors().find(|found| found.target.as_deref().is_some_and(own));
    let shared = errors().find(|found| found.target.is_none());
    about.or(shared).map_or_else(|| "its command line cannot be planned".to_owned(), |found| found.message.clone())
}
