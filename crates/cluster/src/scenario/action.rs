//! The interface of a step kind: how its fields are read, and how it runs.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use diagnostics::Diagnostics;
use document::Fields;

use super::run::{Deadline, Runner};
use crate::observer::Stop;

/// The result of a step: a line for the closing table, if there is one.
pub type Outcome = Result<Option<String>, Stop>;

/// What a step does.
pub trait Action: fmt::Debug + Send + Sync {
    /// Runs the step.
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome;

    /// The files beside the scenario that contain variables.
    fn files(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The files beside the scenario whose objects it applies.
    fn applied(&self) -> &[String] {
        &[]
    }

    /// Whether it deploys the Application.
    fn deploys(&self) -> bool {
        false
    }

    /// The namespace of what it applies or deploys, unless it is that of the Application.
    fn namespace(&self) -> Option<&str> {
        None
    }

    /// The value file beside the scenario with which it deploys the Application.
    fn values(&self) -> Option<&str> {
        None
    }

    /// The texts that it waits for, expected errors among them.
    fn awaits(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The variable that it sets.
    fn saves(&self) -> Option<&str> {
        None
    }

    /// Whether it needs Argo CD and the repository that it reads.
    fn needs_git(&self) -> bool {
        false
    }

    /// The Application that Argo CD can no longer compare when the step has succeeded.
    fn breaks(&self) -> Option<&str> {
        None
    }

    /// Whether the cluster is replaced with a new one.
    fn replaces_cluster(&self) -> bool {
        false
    }

    /// The pinned tool that it runs.
    fn tool(&self) -> Option<&str> {
        None
    }

    /// The arguments of this tool.
    fn arguments(&self) -> &[String] {
        &[]
    }
}

/// A kind of step.
pub(super) struct Kind {
    /// The key of a step that selects it.
    pub(super) key: &'static str,
    /// Reads it from the fields of a step; files are relative to the directory.
    pub(super) read: Read,
}

/// Reads a step of one kind.
pub(super) type Read = fn(&mut Fields<'_>, &Path, &mut Diagnostics) -> Option<Arc<dyn Action>>;
