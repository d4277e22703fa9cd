//! Kinds in the lists of a project that do not exist, and the ones that were meant.

use std::collections::BTreeSet;

use argocd::project::{KindRule, Project};
use diagnostics::{Code, Diagnostic, Diagnostics, Help, Place, did_you_mean};
use kubernetes::scope;

use super::fix::is_literal;

/// An entry of a whitelist or blacklist whose kind does not exist, and the one that was meant.
pub(super) struct MisspelledEntry {
    rule: KindRule,
    pub(super) group: String,
    pub(super) kind: String,
}

impl MisspelledEntry {
    pub(super) fn new(rule: &KindRule, group: &str, kind: &str) -> Self {
        Self { rule: rule.clone(), group: group.to_owned(), kind: kind.to_owned() }
    }

    pub(super) fn of(rule: &KindRule) -> Option<Self> {
        if !is_literal(&rule.kind) || !is_literal(&rule.group) && !rule.group.is_empty() {
            return None;
        }
        scope::meant(&rule.group, &rule.kind).map(|(group, kind)| Self::new(rule, group, kind))
    }

    /// The place of the wrong word.
    fn place(&self) -> &Place {
        if self.rule.kind == self.kind { &self.rule.group_place } else { &self.rule.kind_place }
    }

    fn problem(&self) -> String {
        match self.rule.group.as_str() {
            "" => format!("the core API group has no kind `{}`", self.rule.kind),
            group => format!("API group `{group}` has no kind `{}`", self.rule.kind),
        }
    }

    fn help(&self) -> Help {
        match &self.rule.kind {
            kind if *kind == self.kind => did_you_mean(format!("group: \"{}\"", self.group)),
            _ => did_you_mean(&self.kind),
        }
    }
}

/// Misspelled entries that were reported, so that each is reported once.
#[derive(Default)]
pub(super) struct Misspelled(BTreeSet<(String, usize)>);

impl Misspelled {
    pub(super) fn report(
        &mut self,
        found: Diagnostic,
        entry: &MisspelledEntry,
        needed: Option<Place>,
    ) -> Option<Diagnostic> {
        let place = entry.place();
        let start = place.span.as_ref().map_or(0, |span| span.start);
        if !self.0.insert((place.source.name.clone(), start)) {
            return None;
        }
        let label = if needed.is_some() { entry.problem() } else { String::new() };
        let found = found.at(place.clone(), label).help(entry.help());
        Some(match needed {
            Some(needed) => found.at(needed, "needs it"),
            None => found,
        })
    }

    /// Entries of any list whose kind does not exist, whether an Application needs it or not.
    pub(super) fn in_project(&mut self, project: &Project) -> Diagnostics {
        let lists = [
            &project.cluster_allowed,
            &project.cluster_denied,
            &project.namespace_denied,
            project.namespace_allowed.as_ref().unwrap_or(&Vec::new()),
        ]
        .map(|rules| rules.iter().filter_map(MisspelledEntry::of).collect::<Vec<_>>());
        let report = |entry| {
            let found = Diagnostic::new(Code::ArgocdField, MisspelledEntry::problem(entry)).target(&project.name);
            self.report(found, entry, None)
        };
        Diagnostics(lists.iter().flatten().filter_map(report).collect())
    }
}
