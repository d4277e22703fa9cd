//! The actions of a sync on an object.

use std::fmt;

/// What Argo CD does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It creates the object.
    Create,
    /// It updates the object.
    Update,
    /// It deletes the object and creates it again, or replaces it.
    Replace,
    /// It deletes the object.
    Prune,
    /// It leaves the object in the cluster, because pruning is disabled.
    Leave,
    /// It runs the object as a hook.
    Hook,
    /// It does nothing: the change is ignored, or the object is never applied.
    Nothing,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Prune => "prune",
            Self::Leave => "leave",
            Self::Hook => "hook",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
