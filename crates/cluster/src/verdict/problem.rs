//! Problems of an object that keep it from becoming ready.

use std::fmt;

use diagnostics::excerpt::excerpt;

use crate::api::Metadata;

/// What is wrong with an object, or what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// Kind, namespace, and name of the object.
    pub resource: String,
    /// Its state as a predicate, with the cluster's own word: `is CrashLoopBackOff`.
    pub state: String,
    /// The cause, as far as the cluster reports one.
    pub cause: String,
    /// How much the cause explains.
    pub evidence: Evidence,
}

/// How much the cause of a problem explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// It is what the cluster or a program reported.
    #[default]
    Reported,
    /// Only that something took too long.
    Timeout,
    /// Nothing: no reason was reported.
    Nothing,
}

impl Problem {
    /// A problem with a reported cause. Long data in the cause is cut.
    #[must_use]
    pub fn new(resource: impl Into<String>, state: impl Into<String>, cause: impl AsRef<str>) -> Self {
        let (resource, state) = (resource.into(), state.into());
        Self { resource, state, cause: excerpt(cause.as_ref()), evidence: Evidence::Reported }
    }

    /// Sets how much the cause explains.
    #[must_use]
    pub fn evidence(self, evidence: Evidence) -> Self {
        Self { evidence, ..self }
    }

    /// Whether the problem is with a pod, or with a command in it.
    #[must_use]
    pub(crate) fn is_with(&self, pod: &Metadata) -> bool {
        self.resource.ends_with(&title("Pod", pod))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A default problem is a placeholder: there is nothing to show.
        if self.resource.is_empty() {
            return Ok(());
        }
        write!(f, "{} {}: {}", self.resource, self.state, self.cause)
    }
}

pub(super) fn title(kind: &str, metadata: &Metadata) -> String {
    format!("{kind} {}/{}", metadata.namespace, metadata.name)
}
