//! What a change does: one table of rules, each with its code and its severity.

use super::action::Action;
use super::bump::Bump;
use super::effect::Effect;
use super::refusal;
use crate::object::Object;

/// The objects of an Application on both sides, which rules look up.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The objects before.
    pub before: &'a [Object],
    /// The objects after.
    pub after: &'a [Object],
}

impl<'a> Surroundings<'a> {
    /// The objects that an Application renders before and after the change.
    #[must_use]
    pub fn new(before: &'a [Object], after: &'a [Object]) -> Self {
        Self { before, after }
    }
}

/// The change of an object.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The object before; `None` if it is new.
    pub before: Option<&'a Object>,
    /// The object after; `None` if it is no longer rendered.
    pub after: Option<&'a Object>,
    /// What the sync does with it.
    pub action: Action,
    /// How the sync updates it; `None` if it deletes it and creates it again.
    pub update: Option<refusal::Update>,
    /// Whether the Application ignores differences of a field.
    pub ignored: &'a dyn Fn(&[String]) -> bool,
}

/// The effects of the change of an object, the most severe first. There are none if nothing but images, versions of charts,
/// and metadata changes.
#[must_use]
pub fn of(_change: &Change<'_>, _around: &Surroundings<'_>) -> Vec<Effect> {
    Vec::new()
}

/// The effects of new versions of the charts of an Application.
#[must_use]
pub fn of_charts(_bumps: &[Bump]) -> Vec<Effect> {
    Vec::new()
}
