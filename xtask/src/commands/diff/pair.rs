//! Pairs the Applications of both sides by name, and compares their targets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use golden::orphans;
use golden::orphans::Cases;
use kubernetes::change::effect::Effect;
use kubernetes::manifest::Manifest;
use workspace::target::DEFAULT_CASE;

use super::applications::{self, Application, Applications, State};
use super::compare;
use super::judge::{self, Judgment, Side};
use super::management::{self, Managed};
use super::neighbors::{Neighbors, Sought};
use super::owner;
use super::projects::Forbidden;
use crate::commands::rendering::Rendering;
use crate::report::model::{ApplicationChange, ApplicationKind, Known, NotRendered, ObjectChange};

/// Why an Application is not rendered whose file charts.toml does not select.
const UNSELECTED: &str = "`argocd.applications` in charts.toml does not select it";

/// Both sides.
pub(super) struct Pairs<'a> {
    pub(super) base: &'a Applications<'a>,
    pub(super) head: &'a Applications<'a>,
    /// All Applications of both sides, also those that are not selected.
    pub(super) neighbors: (&'a Neighbors<'a>, &'a Neighbors<'a>),
    /// The new violations of projects.
    pub(super) forbidden: &'a Forbidden,
    /// Replaces the values of Secrets.
    pub(super) fingerprint: &'a dyn Fn(&str) -> String,
    /// Whether fields are compared, too.
    pub(super) fields: bool,
}

impl Pairs<'_> {
    /// The Applications that change, what is not compared, and the number of Applications that do not change.
    pub(super) fn compare(&self) -> (Vec<ApplicationChange>, Vec<NotRendered>, usize) {
        let moved = self.moved();
        let former: BTreeSet<&str> = moved.values().map(String::as_str).collect();
        let names: BTreeSet<&str> = self.base.by_name.keys().chain(self.head.by_name.keys()).copied().collect();
        let (mut changes, mut not_rendered, mut unchanged) = (Vec::new(), Vec::new(), 0);
        for name in names.into_iter().filter(|name| !former.contains(name)) {
            let from = moved.get(name).map(String::as_str);
            let (before, after) = (self.base.by_name.get(from.unwrap_or(name)), self.head.by_name.get(name));
            if [before, after].into_iter().flatten().all(|one| one.state == State::Unselected) {
                continue;
            }
            let excuse = match (before, after) {
                (Some(before), None) => self.head.excuse(before, self.base.workspace),
                (None, Some(after)) => self.base.excuse(after, self.head.workspace),
                _ => None,
            };
            let file = after.or(before).map_or("", |one| one.file);
            let excused =
                excuse.map(|state| Application { file, root: None, set: None, state, targets: BTreeMap::new() });
            let (before, after) = (before.or(excused.as_ref()), after.or(excused.as_ref()));
            let forbidden = self.forbidden.of(name);
            let unknown = unknown(name, before, after);
            // Argo CD does not even render it.
            let refused = unknown.as_ref().and(forbidden.first()).map(|effect| &effect.message);
            if let Some(one) = unknown.filter(|_| refused.is_none()) {
                not_rendered.push(one);
                continue;
            }
            let failed = [before, after].into_iter().flatten().find_map(|one| match &one.state {
                State::Failed(reason) => Some(reason),
                State::Rendered | State::NotRendered(_) | State::Unselected => None,
            });
            let failed = refused.or(failed);
            let kind = match (failed, before, after, from) {
                (Some(reason), ..) => ApplicationKind::Failed { reason: reason.clone() },
                (None, None, ..) => ApplicationKind::Added,
                (None, _, None, _) => ApplicationKind::Removed,
                (None, _, _, Some(from)) => ApplicationKind::Moved { from: from.to_owned() },
                (None, Some(_), Some(_), None) => ApplicationKind::Changed,
            };
            let (targets, others) = paired(before, after);
            not_rendered.extend(others);
            let mut objects = match kind {
                ApplicationKind::Failed { .. } => Vec::new(),
                _ => compare::targets(&targets, self.fingerprint, self.fields),
            };
            let names = (from.unwrap_or(name), name);
            let mut managed = self.managed(&kind, names, before, after);
            if failed.is_none() {
                managed.extend_from_slice(forbidden);
            }
            if kind == ApplicationKind::Changed && objects.is_empty() && managed.is_empty() {
                unchanged += 1;
                continue;
            }
            let mut judgment = self.judge(&kind, names, before, after, &mut objects);
            judgment.effects.extend(managed);
            judgment.effects.sort_by_key(|effect| Reverse(effect.severity));
            compare::sort(&mut objects);
            let any = targets.iter().flat_map(|(before, after)| [*after, *before]).flatten().next();
            changes.push(ApplicationChange {
                name: name.to_owned(),
                namespace: any.map(|one| one.target.namespace.clone()).unwrap_or_default(),
                kind,
                file: file.to_owned(),
                objects,
                bumps: judgment.bumps,
                effects: judgment.effects,
                hooks: judgment.hooks,
            });
        }
        not_rendered.sort_by(|left, right| left.name.cmp(&right.name));
        (changes, not_rendered, unchanged)
    }

    /// The changes in how Argo CD manages an Application.
    fn managed(
        &self,
        kind: &ApplicationKind,
        names: (&str, &str),
        before: Option<&Application<'_>>,
        after: Option<&Application<'_>>,
    ) -> Vec<Effect> {
        if matches!(kind, ApplicationKind::Failed { .. }) {
            return Vec::new();
        }
        let (Some(old), Some(new)) = (before, after) else { return Vec::new() };
        let clusters = (self.neighbors.0.cluster(names.0), self.neighbors.1.cluster(names.1));
        let (Some(before), Some(after)) = (old.root.zip(clusters.0), new.root.zip(clusters.1)) else {
            return Vec::new();
        };
        let before = Managed { name: names.0, root: before.0, cluster: before.1 };
        let after = Managed { name: names.1, root: after.0, cluster: after.1 };
        let objects = || own_side(old).map(|side| side.target.objects()).unwrap_or_default();
        let deleted = names.0 != names.1 && self.is_deleted(old);
        let mut effects = management::of(before, after, deleted, &objects);
        let sets = (old.set, new.set);
        if names.0 == names.1 && sets.0 != sets.1 && self.is_deleted(old) {
            effects.extend(owner::changed(sets, before, &objects()));
        }
        if let (Some(from), Some(to)) = sets
            && from == to
        {
            let policies = (self.base.sync_policies.get(from).copied(), self.head.sync_policies.get(to).copied());
            effects.extend(owner::restricted(to, policies, before.root, after.root));
        }
        effects
    }

    /// Judges the actions of Argo CD on the objects of an Application.
    fn judge(
        &self,
        kind: &ApplicationKind,
        names: (&str, &str),
        before: Option<&Application<'_>>,
        after: Option<&Application<'_>>,
        objects: &mut [ObjectChange],
    ) -> Judgment {
        if matches!(kind, ApplicationKind::Failed { .. }) {
            return Judgment::default();
        }
        let gone = after.is_none() || names.0 != names.1;
        let deleted = before.filter(|_| gone).is_some_and(|one| self.is_deleted(one));
        let mut deployed: Vec<&mut ObjectChange> = objects.iter_mut().filter(|one| one.is_applied()).collect();
        let sought = Sought::new(deployed.iter().map(|one| &**one));
        let others = (self.neighbors.0.of(names.0, &sought), self.neighbors.1.of(names.1, &sought));
        let others = (others.0.as_slice(), others.1.as_slice());
        let judgment =
            judge::judge(before.and_then(own_side), after.and_then(own_side), deleted, &sought, others, &mut deployed);
        for diff in objects.iter_mut().map(|one| &mut one.diff) {
            let previous = diff.previous.as_mut().map(|one| &mut one.manifest);
            std::iter::once(&mut diff.object.manifest).chain(previous).for_each(Manifest::forget);
        }
        judgment
    }

    /// Whether something deletes an Application that only the base defines.
    fn is_deleted(&self, application: &Application<'_>) -> bool {
        let (base, head) = (self.base.workspace, self.head.workspace);
        application.root.is_some_and(|root| judge::is_deleted(base, head, root, application.file))
    }

    /// The former names of the Applications that were renamed: those that render most of what the former one did.
    fn moved(&self) -> BTreeMap<String, String> {
        let only = |here: &Applications<'_>, there: &Applications<'_>| -> Cases {
            let here = here
                .by_name
                .iter()
                .filter(|(name, one)| one.state == State::Rendered && !there.by_name.contains_key(*name));
            let cases = |one: &Application<'_>| one.targets.keys().map(|case| (*case).to_owned()).collect();
            here.map(|(name, one)| ((*name).to_owned(), cases(one))).collect()
        };
        let mut moved = orphans::renamed(&only(self.base, self.head), &only(self.head, self.base));
        moved.retain(|name, from| {
            let pair = self.base.own_target(from).zip(self.head.own_target(name));
            pair.is_some_and(|(before, after)| compare::is_most_alike(before, after))
        });
        moved
    }
}

/// An Application that is not rendered on one side, and does not fail on the other.
fn unknown(name: &str, before: Option<&Application<'_>>, after: Option<&Application<'_>>) -> Option<NotRendered> {
    let states = || [before, after].into_iter().flatten().map(|one| &one.state);
    let any = states().any(|state| matches!(state, State::NotRendered(_) | State::Unselected));
    let failed = states().any(|state| matches!(state, State::Failed(_)));
    let known = |one: Option<&Application<'_>>| match one.map(|one| &one.state) {
        None => Known::Absent,
        Some(State::Rendered) => Known::Rendered,
        Some(State::NotRendered(reason) | State::Failed(reason)) => Known::Not { reason: reason.clone() },
        Some(State::Unselected) => Known::Not { reason: UNSELECTED.to_owned() },
    };
    (any && !failed).then(|| NotRendered { name: name.to_owned(), base: known(before), head: known(after) })
}

/// An Application with its own values.
fn own_side<'a>(one: &Application<'a>) -> Option<Side<'a>> {
    Some(Side { target: one.targets.get(DEFAULT_CASE)?, root: one.root })
}

/// A target on both sides, or on one of them.
type Pair<'a> = (Option<&'a Rendering<'a>>, Option<&'a Rendering<'a>>);

/// The targets to compare, the Application itself first. Nothing runs with the values of the other cases, so that they are
/// compared only if both sides have them; those that cannot be rendered are returned, too.
fn paired<'a>(before: Option<&Application<'a>>, after: Option<&Application<'a>>) -> (Vec<Pair<'a>>, Vec<NotRendered>) {
    let cases = |one: Option<&Application<'a>>| one.map(|one| one.targets.clone()).unwrap_or_default();
    let (old, new) = (cases(before), cases(after));
    let mut names: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    names.sort_by_key(|name| (*name != DEFAULT_CASE, *name));
    names.dedup();
    let has_own = names.first() == Some(&DEFAULT_CASE);
    let (mut pairs, mut others) = (Vec::new(), Vec::new());
    for case in names {
        let (old, new) = (old.get(case).copied(), new.get(case).copied());
        let both = old.is_some() && new.is_some();
        if case != DEFAULT_CASE && has_own && !both {
            continue;
        }
        if case != DEFAULT_CASE && (failed(old) || failed(new)) {
            let name = new.or(old).map(|one| one.target.id.to_string()).unwrap_or_default();
            others.push(NotRendered { name, base: known(old), head: known(new) });
            continue;
        }
        pairs.push((old, new));
    }
    (pairs, others)
}

fn failed(one: Option<&Rendering<'_>>) -> bool {
    one.is_some_and(Rendering::failed)
}

fn known(one: Option<&Rendering<'_>>) -> Known {
    let Some(one) = one else { return Known::Absent };
    match applications::state(one, &diagnostics::Diagnostics::default()) {
        State::Rendered => Known::Rendered,
        State::NotRendered(reason) | State::Failed(reason) => Known::Not { reason },
        State::Unselected => Known::Not { reason: UNSELECTED.to_owned() },
    }
}
