//! The change of an object, as rules see it.

use document::Node;

use super::surroundings::Surroundings;
use crate::change::action::Action;
use crate::change::delta::{self, Delta};
use crate::change::refusal;
use crate::object::Object;

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

impl<'a> Change<'a> {
    /// The object on both sides, if it is the same one.
    #[must_use]
    pub fn both(&self) -> Option<(&'a Object, &'a Object)> {
        let (before, after) = (self.before?, self.after?);
        (before.key == after.key).then_some((before, after))
    }

    /// The object that is no longer rendered, at least not under its name.
    #[must_use]
    pub fn removed(&self) -> Option<&'a Object> {
        self.before.filter(|_| self.both().is_none())
    }

    /// The object that is new, at least under its name.
    #[must_use]
    pub fn added(&self) -> Option<&'a Object> {
        self.after.filter(|_| self.both().is_none())
    }
}

/// The change of an object, with what rules look up.
pub(super) struct Subject<'a> {
    pub(super) change: Change<'a>,
    pub(super) around: &'a Surroundings<'a>,
    /// The fields that change.
    pub(super) deltas: Vec<Delta<'a>>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(change: Change<'a>, around: &'a Surroundings<'a>) -> Self {
        let deltas = match (change.before, change.after) {
            (Some(before), Some(after)) => delta::deltas(&before.root, &after.root),
            _ => Vec::new(),
        };
        Self { change, around, deltas }
    }

    /// Whether it is of a kind.
    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        let object = self.change.after.or(self.change.before);
        object.is_some_and(|object| object.key.group == group && object.key.kind == kind)
    }

    /// Whether the sync deletes the object under the former name.
    pub(super) fn prunes(&self) -> bool {
        matches!(self.change.action, Action::Prune | Action::Replace) && self.change.removed().is_some()
    }

    /// What happens to an object that is no longer rendered under its name, for the middle of a sentence.
    pub(super) fn fate(&self) -> String {
        match (self.change.after, self.change.before) {
            (Some(after), Some(before)) if after.key.name == before.key.name => {
                format!("moves to namespace `{}`", after.key.namespace)
            }
            (Some(after), _) => format!("is renamed to `{}`", after.key.name),
            _ => "is no longer rendered".to_owned(),
        }
    }

    /// Whether the sync applies the object as it is after the change.
    pub(super) fn applies(&self) -> bool {
        matches!(self.change.action, Action::Create | Action::Update | Action::Replace | Action::Hook)
    }

    /// The object on both sides, if the sync changes it.
    pub(super) fn updates(&self) -> Option<(&'a Object, &'a Object)> {
        self.change.both().filter(|_| self.applies())
    }
}

/// What a rule found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) message: String,
    pub(super) path: Vec<String>,
    pub(super) help: Option<String>,
}

impl Found {
    /// A finding about the whole object.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: Vec::new(), help: None }
    }

    pub(super) fn at<S: ToString>(self, path: &[S]) -> Self {
        Self { path: path.iter().map(S::to_string).collect(), ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A text at a path.
pub(super) fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    object.find(path).and_then(Node::as_str)
}
