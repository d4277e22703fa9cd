//! What rules look at: an object, places in it, and what is found there.

use crate::forms;
use crate::validate::pointer;
use crate::validate::subject::Subject;
use diagnostics::{Code, Diagnostic, nearest, suggestion};
use document::{Node, Value};

/// An object, and what is found in it.
pub(super) struct Look<'a> {
    pub(super) subject: &'a Subject,
    pub(super) found: Vec<Diagnostic>,
}

/// A place in an object: the way there, and what is there.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) steps: Vec<String>,
    pub(super) node: &'a Node,
}

impl<'a> Look<'a> {
    pub(super) fn root(&self) -> At<'a> {
        At { steps: Vec::new(), node: &self.subject.object.root }
    }

    /// Whether it is of this kind: `apps/Deployment`, or `/Service` for the core group.
    pub(super) fn is(&self, name: &str) -> bool {
        let kind = &self.subject.kind;
        name.split_once('/').is_some_and(|(group, name)| kind.group == group && kind.kind == name)
    }

    /// The template of the pods that it makes; itself, if it is a pod.
    pub(super) fn pod(&self) -> Option<At<'a>> {
        let kind = &self.subject.kind;
        let path: &[&str] = match (kind.group.as_str(), kind.kind.as_str()) {
            ("", "Pod") => &[],
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job") => {
                &["spec", "template"]
            }
            ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template"],
            _ => return None,
        };
        self.root().walk(path)
    }

    /// Says what is wrong with a place: `<path> of <object> <what>`.
    pub(super) fn refuse(&mut self, at: &At<'_>, what: impl AsRef<str>, label: impl Into<String>) -> &mut Diagnostic {
        let message = format!("`{}` of {} {}", pointer::path(&at.steps), self.subject.title(), what.as_ref());
        let found = self.subject.finding(Code::ObjectRefused, message, at.node.place(), label);
        self.found.push(found);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Says that a text has not the form that it should have.
    pub(super) fn form(&mut self, at: &At<'_>, wrong: Option<String>) {
        if let Some(wrong) = wrong {
            self.refuse(at, "is no name that Kubernetes takes", wrong);
        }
    }

    /// Holds a number against bounds.
    pub(super) fn within(&mut self, at: Option<At<'a>>, bounds: std::ops::RangeInclusive<i64>) {
        let Some(at) = at else { return };
        if let Some(number) = at.number().filter(|number| !bounds.contains(number)) {
            let (low, high) = (bounds.start(), bounds.end());
            // What the type holds is no bound that anybody has in mind.
            let small = number < *low && *high >= i64::from(i32::MAX);
            let label = if small { format!("expected {low} or more") } else { format!("expected {low} to {high}") };
            self.refuse(&at, "is out of range", label);
        }
    }

    /// A text that has to be there, and is empty.
    pub(super) fn filled(&mut self, at: Option<At<'a>>) {
        if let Some(at) = at.filter(|at| at.text() == Some("")) {
            self.refuse(&at, "is empty", "expected a value");
        }
    }

    /// A text that has to be one of a few; no schema says which.
    pub(super) fn known(&mut self, at: Option<At<'a>>, known: &[&str]) {
        if let Some(at) = at
            && let Some(text) = at.text().filter(|text| !known.contains(text))
        {
            self.refuse(&at, "is not known", suggestion(text, known.iter().copied().filter(|one| !one.is_empty())));
        }
    }

    /// Of some fields, one has to be there, and no more.
    pub(super) fn one_of(&mut self, owner: &At<'a>, keys: &[&str], none: &str, second: &str) {
        match owner.present(keys).as_slice() {
            // A misspelt one is told already.
            [] if !keys.iter().any(|key| owner.misspells(key)) => {
                self.refuse(owner, none, format!("expected one of {}", keys.join(", ")));
            }
            [_, at, ..] => {
                self.refuse(at, second, "only one may be there");
            }
            _ => {}
        }
    }

    /// A path that stays where it begins.
    pub(super) fn inside(&mut self, at: &At<'_>) {
        let leaves = |text: &str| text.starts_with('/') || text.split('/').any(|part| part == "..");
        if at.text().is_some_and(leaves) {
            self.refuse(at, "leads elsewhere", "expected a relative path without `..`");
        }
    }

    /// A path that does not go back.
    pub(super) fn straight(&mut self, at: &At<'_>) {
        if at.text().is_some_and(|text| text.split('/').any(|part| part == "..")) {
            self.refuse(at, "leads elsewhere", "expected a path without `..`");
        }
    }

    /// A port: a number in range, or, where a name may stand, one of a port.
    pub(super) fn port(&mut self, at: Option<At<'a>>) {
        let Some(at) = at else { return };
        if let Some(text) = at.text() {
            self.form(&at, forms::port(text));
        } else {
            self.within(Some(at), 1..=65535);
        }
    }

    /// Finds what stands twice among texts.
    pub(super) fn unique(&mut self, places: impl IntoIterator<Item = At<'a>>) {
        let mut seen: Vec<&str> = Vec::new();
        for at in places {
            let Some(text) = at.text() else { continue };
            if seen.contains(&text) {
                self.refuse(&at, "is there already", "the second one");
            }
            seen.push(text);
        }
    }

    /// Finds items of a list that are the same by some fields, each with what it is where it is missing. Most such lists
    /// the server takes, but not from server-side apply, which merges them by these fields.
    pub(super) fn once(&mut self, items: &[At<'a>], fields: &[(&str, &str)]) {
        let mut seen: Vec<Vec<String>> = Vec::new();
        for item in items {
            let own = |(key, missing): &(&str, &str)| match item.get(key) {
                Some(at) => at.number().map(|number| number.to_string()).or_else(|| at.text().map(str::to_owned)),
                None => Some((*missing).to_owned()),
            };
            let Some(own) = fields.iter().map(own).collect::<Option<Vec<_>>>() else { continue };
            if seen.contains(&own) {
                let names: Vec<_> = fields.iter().map(|(key, _)| format!("`{key}`")).collect();
                let found =
                    self.refuse(item, "is there already", format!("the second one with this {}", names.join(" and ")));
                found.notes.push(
                    "server-side apply knows the items of this list by it, and refuses two with the same".to_owned(),
                );
                found.helps.push("delete one of them".to_owned());
            }
            seen.push(own);
        }
    }
}

impl<'a> At<'a> {
    /// A field that has a value.
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        let node = self.node.get(key).filter(|node| !matches!(node.value, Value::Null))?;
        Some(At { steps: [self.steps.as_slice(), &[key.to_owned()]].concat(), node })
    }

    pub(super) fn walk(&self, path: &[&str]) -> Option<At<'a>> {
        path.iter().try_fold(self.clone(), |at, key| at.get(key))
    }

    /// The items of a list in it; none where there is no list.
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

    /// Whether a list, mapping or text in it is not there or empty. One that is misspelt, or has the wrong type, is told
    /// already.
    pub(super) fn lacks(&self, key: &str) -> bool {
        match self.get(key).map(|at| &at.node.value) {
            Some(Value::Sequence(items)) => items.is_empty(),
            Some(Value::Mapping(entries)) => entries.is_empty(),
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
            None => matches!(self.node.value, Value::Mapping(_)) && !self.misspells(key),
        }
    }

    /// Whether a key of it may be meant to be this one: that is told already.
    pub(super) fn misspells(&self, key: &str) -> bool {
        self.node.entries().iter().any(|(other, _)| other.name != key && nearest(&other.name, [key]).is_some())
    }

    /// Whether a field is true, or false.
    pub(super) fn says(&self, key: &str, value: bool) -> bool {
        self.get(key).is_some_and(|at| matches!(at.node.value, Value::Bool(is) if is == value))
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.as_str()
    }

    pub(super) fn number(&self) -> Option<i64> {
        if let Value::Number(number) = &self.node.value { number.parse().ok() } else { None }
    }

    /// Which of some fields have a value.
    pub(super) fn present(&self, keys: &[&str]) -> Vec<At<'a>> {
        keys.iter().filter_map(|key| self.get(key)).collect()
    }
}
