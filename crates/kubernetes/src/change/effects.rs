//! The table of rules that find the effects of a change, each with its code and severity.
//!
//! docs/checks.md describes the table. Rules that find nothing leave a change routine: nothing but images, the versions of
//! charts, or metadata changes.

mod admission;
mod budget;
mod deleted;
mod disrupted;
mod hosts;
mod network;
mod permissions;
mod privileges;
mod projects;
mod readers;
mod refused;
mod replicas;
mod resources;
mod restart;
mod routes;
mod subject;
mod surroundings;
mod versions;

use std::cmp::Reverse;

use diagnostics::{Code, Severity};

use self::subject::{Found, Subject};
use super::action::Action;
use super::bump::{Bump, Step};
use super::effect::Effect;

pub use self::subject::Change;
pub use self::surroundings::Surroundings;

/// A rule: its code, its severity, and what finds it.
type Rule = (Code, Severity, fn(&Subject<'_>) -> Vec<Found>);

/// All rules about objects.
const RULES: &[Rule] = &[
    (Code::ChangeRefused, Severity::Blocker, refused::refused),
    (Code::ChangeDataLoss, Severity::Blocker, deleted::lost),
    (Code::ChangeDataAbandoned, Severity::Blocker, deleted::orphaned),
    (Code::ChangeAdmission, Severity::Blocker, admission::raised),
    (Code::ChangeDataAbandoned, Severity::Caution, deleted::abandoned),
    (Code::ChangeAdmission, Severity::Caution, admission::weakened),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::stopped),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::selector),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::unselected),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::service),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::secret),
    (Code::ChangeDisruptive, Severity::Caution, deleted::external),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::used),
    (Code::ChangeDisruptive, Severity::Caution, disrupted::unserved),
    (Code::ChangeDisruptive, Severity::Caution, routes::unserved),
    (Code::ChangeDisruptive, Severity::Caution, routes::plain),
    (Code::ChangeNetwork, Severity::Caution, network::removed),
    (Code::ChangeNetwork, Severity::Caution, network::opened),
    (Code::ChangeNetwork, Severity::Caution, network::isolated),
    (Code::ChangeNetwork, Severity::Caution, network::exposed),
    (Code::ChangePermissions, Severity::Caution, permissions::widened),
    (Code::ChangePermissions, Severity::Caution, projects::widened),
    (Code::ChangePrivileges, Severity::Caution, privileges::gained),
    (Code::ChangeVersion, Severity::Caution, versions::major),
    (Code::DisruptionBlocked, Severity::Caution, budget::blocked),
    (Code::ChangeResources, Severity::Notice, resources::managed),
    (Code::ChangeResources, Severity::Notice, resources::requests),
    (Code::ChangeRestart, Severity::Notice, restart::configured),
    (Code::ChangeRestart, Severity::Notice, restart::kept),
    (Code::ChangeRestart, Severity::Notice, restart::rerun),
    (Code::ChangeVersion, Severity::Notice, versions::minor),
    (Code::ChangeRestart, Severity::Routine, restart::routine),
    (Code::ChangeVersion, Severity::Routine, versions::patch),
];

/// The rule about everything else, which applies where no rule found more than a routine change.
const REST: Rule = (Code::ChangeResources, Severity::Notice, resources::other);

/// The effects of the change of an object, the most severe first.
#[must_use]
pub fn of(change: &Change<'_>, around: &Surroundings<'_>) -> Vec<Effect> {
    if change.action == Action::Nothing {
        return Vec::new();
    }
    let subject = Subject::new(*change, around);
    let run = |(code, severity, find): &Rule| -> Vec<Effect> {
        let effect = |found: Found| Effect {
            code: *code,
            severity: *severity,
            message: found.message,
            path: found.path,
            help: found.help,
        };
        find(&subject).into_iter().map(effect).collect()
    };
    let mut effects: Vec<Effect> = RULES.iter().flat_map(run).collect();
    if effects.iter().all(|effect| effect.severity == Severity::Routine) {
        effects.extend(run(&REST));
    }
    effects.sort_by_key(|effect| Reverse(effect.severity));
    effects
}

/// The effects of new versions of the charts of an Application, the most severe first.
#[must_use]
pub fn of_charts(bumps: &[Bump]) -> Vec<Effect> {
    let mut effects: Vec<Effect> = bumps
        .iter()
        .filter(|bump| bump.chart)
        .map(|bump| {
            let severity = match bump.step() {
                Step::Major => Severity::Caution,
                Step::Minor => Severity::Notice,
                Step::Patch => Severity::Routine,
            };
            let message = versions::message(bump, "chart");
            Effect { code: Code::ChangeVersion, severity, message, path: Vec::new(), help: None }
        })
        .collect();
    effects.sort_by_key(|effect| Reverse(effect.severity));
    effects
}

#[cfg(test)]
mod tests;
