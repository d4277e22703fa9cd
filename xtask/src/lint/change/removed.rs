//! Findings about objects that are no longer rendered under their name.

use diagnostics::{Code, Diagnostic, Fact, Place, fact};
use kubernetes::object::Object;

use super::cause;
use super::revision::Change;
use toolbox::regular_file;

/// Whether a removed object was renamed, moved, or deleted.
pub(super) enum Fate<'a> {
    /// Another object of its kind is rendered in its place.
    Renamed(&'a Object),
    /// Nothing is.
    Gone,
}

/// What became of a removed object. Several objects of a kind are paired in the order of their names, if as many are new.
pub(super) fn fate<'a>(change: &Change<'a>, object: &Object) -> Fate<'a> {
    let alike = |other: &Object| (&other.key.group, &other.key.kind) == (&object.key.group, &object.key.kind);
    let removed: Vec<&Object> = change.removed.iter().filter(|other| alike(other)).collect();
    let mut added: Vec<&'a Object> = change.added.iter().copied().filter(|other| alike(other)).collect();
    added.sort_by(|left, right| left.key.cmp(&right.key));
    let index = removed.iter().position(|other| other.key == object.key);
    match index.and_then(|index| added.get(index)) {
        Some(new) if added.len() == removed.len() => Fate::Renamed(new),
        _ => Fate::Gone,
    }
}

impl Fate<'_> {
    /// The fact about an object.
    pub(super) fn fact(&self, object: &Object) -> Option<Fact> {
        match self {
            Self::Renamed(new) if new.key.name == object.key.name => Some(Fact::Moved),
            Self::Renamed(new) => Some(Fact::Renamed(new.key.name.clone())),
            Self::Gone => None,
        }
    }

    /// The predicate of an object, for the middle of a sentence.
    pub(super) fn verb(&self, object: &Object) -> String {
        match self {
            Self::Renamed(new) if new.key.name == object.key.name => {
                format!("moves to namespace `{}`", new.key.namespace)
            }
            Self::Renamed(new) => format!("is renamed to `{}`", new.key.name),
            Self::Gone => "is no longer rendered".to_owned(),
        }
    }
}

/// A finding about a removed object: at the name of the object in its place, or else where the object was.
pub(super) fn finding(
    change: &Change<'_>,
    object: &Object,
    fate: &Fate<'_>,
    code: Code,
    message: String,
) -> Diagnostic {
    let base = change.base;
    let is_definition = object.key.kind == "CustomResourceDefinition";
    let definition = is_definition.then_some(Fact::Removed(fact::Subject::Definition));
    let facts = [Fact::object(&object.key.kind, &object.key.name)].into_iter().chain(definition);
    match fate {
        Fate::Renamed(new) => {
            let was = if new.key.name == object.key.name {
                format!("was in namespace `{}` at `{base}`", object.key.namespace)
            } else {
                format!("was `{}` at `{base}`", object.key.name)
            };
            let found = new.finding(code, message, new.name_place(), was).facts(facts);
            let found = match cause::of(&change.edits, None) {
                Some(edit) => found.at(edit.place.clone(), edit.label.clone()),
                None => found,
            };
            found.at(object.name_place(), format!("at `{base}`"))
        }
        Fate::Gone => {
            let mut found = Diagnostic::new(code, message).target(&object.target).facts(facts);
            let template = object.template_file.as_ref();
            let text = template.and_then(|file| regular_file::read_to_string(change.root.join(file)).ok());
            if let Some(edit) = cause::of(&change.edits, text.as_deref()) {
                found = found.at(edit.place.clone(), edit.label.clone());
            }
            let (found, moved) = match template {
                Some(file) => (found.at(Place::file(file.clone()), "was rendered from this template"), None),
                None => (found, Some(format!("template: {}", object.template))),
            };
            let found = found.at(object.name_place(), "no longer rendered");
            moved.into_iter().fold(found, Diagnostic::note)
        }
    }
}

/// How to accept a finding that is what the author wants.
pub(super) fn acceptance(code: Code, target: &str) -> String {
    let app = target.split('/').next().unwrap_or(target);
    format!(
        "if this is intended, add `[[suppress]]` with `check = \"{}\"`, `target = \"{app}\"`, and a `reason` to \
         charts.toml in this change",
        code.name()
    )
}
