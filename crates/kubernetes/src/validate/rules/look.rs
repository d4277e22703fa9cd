//! The input of an object rule: the object, its fields, and the findings so far.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use diagnostics::{Code, Diagnostic, Fact, nearest, suggestion};
use document::{Key, Node, Value};

use crate::amount;
use crate::forms;
use crate::validate::pointer;
use crate::validate::subject::Subject;
use crate::workload;

/// An object under validation, and the findings so far.
pub(super) struct Look<'a> {
    pub(super) subject: &'a Subject,
    pub(super) found: Vec<Diagnostic>,
}

/// A node of an object with its path.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) steps: Vec<String>,
    pub(super) node: &'a Node,
}

impl<'a> Look<'a> {
    pub(super) fn root(&self) -> At<'a> {
        At { steps: Vec::new(), node: &self.subject.object.root }
    }

    /// Whether the object has this group and kind: `apps/Deployment`, or `/Service` for the core group.
    pub(super) fn is(&self, name: &str) -> bool {
        let kind = &self.subject.kind;
        name.split_once('/').is_some_and(|(group, name)| kind.group == group && kind.kind == name)
    }

    /// The pod template of a workload; for a Pod, the Pod itself.
    pub(super) fn pod(&self) -> Option<At<'a>> {
        let kind = &self.subject.kind;
        self.root().walk(workload::template_path(&kind.group, &kind.kind)?)
    }

    /// Reports a violation as `<path> of <object> <what>`.
    pub(super) fn reject(&mut self, at: &At<'_>, what: impl AsRef<str>, label: impl Into<String>) -> &mut Diagnostic {
        let message = format!("`{}` of {} {}", pointer::path(&at.steps), self.subject.title(), what.as_ref());
        let found = self.subject.finding(Code::ObjectRefused, message, at.node.place(), label);
        self.found.push(found);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Reports a field that is not set.
    pub(super) fn requires(&mut self, at: &At<'_>, field: &str, label: impl Into<String>) -> &mut Diagnostic {
        let found = self.reject(at, format!("has no `{field}`"), label);
        found.facts.push(Fact::Required(field.to_owned()));
        found
    }

    /// Reports a violation that depends on the value of another field.
    pub(super) fn reject_when(
        &mut self,
        at: &At<'_>,
        what: &str,
        (field, value): (&str, &str),
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let found = self.reject(at, format!("{what} when `{field}: {value}`"), label);
        found.facts.push(Fact::When(field.to_owned()));
        found
    }

    /// Reports a value of the wrong format; `wrong` is the format that it must have.
    pub(super) fn check_format(&mut self, at: &At<'_>, wrong: Option<String>) {
        if let Some(wrong) = wrong {
            self.reject(at, "is invalid", wrong);
        }
    }

    /// Requires a number to be in a range.
    pub(super) fn in_range(&mut self, at: Option<At<'a>>, range: std::ops::RangeInclusive<i64>) {
        let Some(at) = at else { return };
        if let Some(number) = at.number().filter(|number| !range.contains(number)) {
            let (low, high) = (range.start(), range.end());
            // An upper bound that only reflects the integer type is not worth mentioning.
            let below = number < *low && *high >= i64::from(i32::MAX);
            let what = if below {
                format!("must be greater than or equal to {low}")
            } else {
                format!("must be between {low} and {high}")
            };
            self.reject(&at, what, "out of range");
        }
    }

    /// Requires a string that is present not to be empty.
    pub(super) fn not_empty(&mut self, at: Option<At<'a>>) {
        if let Some(at) = at.filter(|at| at.text() == Some("")) {
            self.reject(&at, "must not be empty", "a value is required");
        }
    }

    /// Requires a string to be one of the supported values, where the schema has no `enum`.
    pub(super) fn supported(&mut self, at: Option<At<'a>>, values: &[&str]) {
        if let Some(at) = at
            && let Some(text) = at.text().filter(|text| !values.contains(text))
        {
            let label = suggestion(text, values.iter().copied().filter(|value| !value.is_empty())).text;
            self.reject(&at, "has an unsupported value", label);
        }
    }

    /// Requires exactly one of the fields.
    pub(super) fn exactly_one(&mut self, owner: &At<'a>, keys: &[&str], none: &str) {
        match owner.present(keys).as_slice() {
            [] if keys.iter().all(|key| owner.is_unset(key)) => {
                self.reject(owner, none, format!("set one of {}", backticks(keys)));
            }
            [first, second, ..] => self.conflict(second, first.name()),
            _ => {}
        }
    }

    /// Reports a field that must not be set together with another one.
    pub(super) fn conflict(&mut self, at: &At<'_>, other: &str) {
        self.conflicts(at, other, "set only one of the two");
    }

    /// Reports a field that must not be set together with another one, with a label of its own.
    pub(super) fn conflicts(&mut self, at: &At<'_>, other: &str, label: &str) -> &mut Diagnostic {
        let found = self.reject(at, format!("conflicts with `{other}`"), label);
        found.facts.push(Fact::Conflict(other.to_owned()));
        found
    }

    /// Requires a relative path without `..`.
    pub(super) fn relative_path(&mut self, at: &At<'_>) {
        if at.text().is_some_and(|text| text.starts_with('/')) {
            self.reject(at, "must be a relative path", "starts with `/`");
        } else {
            self.no_parent(at);
        }
    }

    /// Requires a path without `..`.
    pub(super) fn no_parent(&mut self, at: &At<'_>) {
        if at.text().is_some_and(|text| text.split('/').any(|part| part == "..")) {
            self.reject(at, "must not contain `..`", "leads to a parent directory");
        }
    }

    /// Requires a port number, or a valid port name.
    pub(super) fn port(&mut self, at: Option<At<'a>>) {
        let Some(at) = at else { return };
        if at.text().is_some() {
            self.check_port_name(&at);
        } else {
            self.in_range(Some(at), 1..=65535);
        }
    }

    /// Requires a text to be a valid port name.
    pub(super) fn check_port_name(&mut self, at: &At<'_>) {
        let Some(name) = at.text() else { return };
        if let Some(wrong) = forms::port(name) {
            self.reject(at, "is invalid", wrong).facts.push(Fact::InvalidPort(name.to_owned()));
        }
    }

    /// Requires strings to be unique.
    pub(super) fn unique(&mut self, places: impl IntoIterator<Item = At<'a>>) {
        let mut seen: HashMap<&str, At<'a>> = HashMap::new();
        for at in places {
            let Some(text) = at.text() else { continue };
            match seen.entry(text) {
                Entry::Occupied(first) => self.duplicate(&at, first.get()),
                Entry::Vacant(entry) => drop(entry.insert(at)),
            }
        }
    }

    /// Reports a value that is the same as an earlier one.
    pub(super) fn duplicate(&mut self, at: &At<'_>, first: &At<'_>) {
        let label = format!("same as `{}`", pointer::path(&first.steps));
        let place = first.node.place();
        self.reject(at, "is a duplicate", label).places.push((place, "the first one".to_owned()));
    }

    /// Requires the entries of a list to differ in its merge key: the given fields, each with its default value.
    ///
    /// Server-side apply rejects duplicate entries, while the API server accepts them from other requests. There they are
    /// only a warning, since client-side apply merges the list by the same fields.
    pub(super) fn unique_merge_keys(&mut self, items: &[At<'a>], fields: &[(&str, &str)]) {
        let code = if self.subject.server_side_apply { Code::ObjectRefused } else { Code::MergeKeyDuplicate };
        for (item, label, first) in Self::duplicate_entries(items, fields) {
            let names = names_of(fields);
            let found = self.reject(&item, format!("is a duplicate entry for {names}"), label);
            found.code = code;
            // Either of the two may be the one to change.
            if let Some(same) = fields.iter().find_map(|(key, _)| first.get(key)) {
                found.places.push((same.node.place(), "the first one".to_owned()));
            }
            found.notes.push(match code {
                Code::ObjectRefused => format!("server-side apply merges this list by {names} and rejects duplicates"),
                _ => format!("client-side apply merges this list by {names} and may drop one of the entries"),
            });
            found.helps.push("remove one of the two entries".to_owned());
        }
    }

    /// The entries of a list that are equal to an earlier one in the given fields, each with a label that says so.
    pub(super) fn duplicate_entries(items: &[At<'a>], fields: &[(&str, &str)]) -> Vec<(At<'a>, String, At<'a>)> {
        let mut duplicates = Vec::new();
        let mut seen: HashMap<Vec<String>, &At<'a>> = HashMap::new();
        for item in items {
            let value = |(key, default): &(&str, &str)| match item.get(key) {
                Some(at) => at.number().map(|number| number.to_string()).or_else(|| at.text().map(str::to_owned)),
                None => Some((*default).to_owned()),
            };
            let Some(key) = fields.iter().map(value).collect::<Option<Vec<_>>>() else { continue };
            match seen.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(item)),
                Entry::Occupied(first) => {
                    let label = format!("same {} as `{}`", names_of(fields), pointer::path(&first.get().steps));
                    duplicates.push((item.clone(), label, (*first.get()).clone()));
                }
            }
        }
        duplicates
    }
}

/// The fields of a merge key, for messages.
pub(super) fn names_of(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

/// Names in backticks, separated by commas.
pub(super) fn backticks(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A field of a mapping.
pub(super) enum Field<'a> {
    /// It is set.
    Set(At<'a>),
    /// It is not set, but an unknown field has a similar name.
    Misspelled,
    /// It is not set.
    Unset,
}

impl<'a> At<'a> {
    /// A field, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        let node = self.node.get(key).filter(|node| !matches!(node.value, Value::Null))?;
        Some(At { steps: [self.steps.as_slice(), &[key.to_owned()]].concat(), node })
    }

    /// The node at a path, unless a field on the way is absent or null.
    pub(super) fn walk(&self, path: &[&str]) -> Option<At<'a>> {
        path.iter().try_fold(self.clone(), |at, key| at.get(key))
    }

    /// The items of a list; none if the field is not a list.
    pub(super) fn list(&self, key: &str) -> Vec<At<'a>> {
        let Some(list) = self.get(key) else { return Vec::new() };
        let items = list.node.items().iter().enumerate();
        items.map(|(index, node)| At { steps: [list.steps.as_slice(), &[index.to_string()]].concat(), node }).collect()
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self) -> Vec<(&'a document::Key, At<'a>)> {
        let entries = self.node.entries().iter();
        entries
            .map(|(key, node)| {
                (key, At { steps: [self.steps.as_slice(), std::slice::from_ref(&key.name)].concat(), node })
            })
            .collect()
    }

    /// Whether a list, mapping, or string is unset or empty. A value of another type is neither.
    pub(super) fn lacks(&self, key: &str) -> bool {
        match self.get(key).map(|at| &at.node.value) {
            Some(Value::Sequence(items)) => items.is_empty(),
            Some(Value::Mapping(entries)) => entries.is_empty(),
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
            None => matches!(self.node.value, Value::Mapping(_)) && self.is_unset(key),
        }
    }

    /// A field, and what the author meant to set.
    pub(super) fn field(&self, key: &str) -> Field<'a> {
        let misspelled = |other: &Key| other.name != key && nearest(&other.name, [key]).is_some();
        match self.get(key) {
            Some(at) => Field::Set(at),
            None if self.node.entries().iter().any(|(other, _)| misspelled(other)) => Field::Misspelled,
            None => Field::Unset,
        }
    }

    /// Whether a field is not set, not even under a misspelled name.
    pub(super) fn is_unset(&self, key: &str) -> bool {
        matches!(self.field(key), Field::Unset)
    }

    /// Whether this is a mapping without any field, known or unknown.
    pub(super) fn is_empty(&self) -> bool {
        let null = |(_, node): &(Key, Node)| matches!(node.value, Value::Null);
        matches!(&self.node.value, Value::Mapping(entries) if entries.iter().all(null))
    }

    /// Whether a boolean field is set to a value.
    pub(super) fn is_set_to(&self, key: &str, value: bool) -> bool {
        self.get(key).is_some_and(|at| matches!(at.node.value, Value::Bool(is) if is == value))
    }

    /// The last step of the path.
    pub(super) fn name(&self) -> &str {
        self.steps.last().map_or("", String::as_str)
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.as_str()
    }

    /// The value as written in the manifest.
    pub(super) fn written(&self) -> &'a str {
        self.node.source.text.get(self.node.span.clone()).unwrap_or_default()
    }

    pub(super) fn number(&self) -> Option<i64> {
        if let Value::Number(number) = &self.node.value { number.parse().ok() } else { None }
    }

    /// The value of a quantity.
    pub(super) fn quantity(&self) -> Option<f64> {
        amount::quantity(self.node)
    }

    /// The given fields that are present and not null.
    pub(super) fn present(&self, keys: &[&str]) -> Vec<At<'a>> {
        keys.iter().filter_map(|key| self.get(key)).collect()
    }
}
