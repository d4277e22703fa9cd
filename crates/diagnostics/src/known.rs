//! Attaches facts to findings, and reads them.

use crate::diagnostic::Diagnostic;
use crate::fact::{Fact, Help};
use crate::place::Place;

impl Diagnostic {
    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Adds the fields and options that it is about, or that fix it.
    #[must_use]
    pub fn about(self, fields: &[&str]) -> Self {
        self.facts(fields.iter().map(|field| Fact::Field((*field).to_owned())))
    }

    /// Adds facts.
    #[must_use]
    pub fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    /// Adds a possible fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<Help>) -> Self {
        self.add_help(help);
        self
    }

    /// Adds a possible fix to a finding in place.
    pub fn add_help(&mut self, help: impl Into<Help>) {
        let (text, facts) = help.into().into_parts();
        self.helps.push(text);
        self.facts.extend(facts);
    }

    /// Replaces the possible fixes with another one.
    #[must_use]
    pub fn only_help(mut self, help: impl Into<Help>) -> Self {
        self.helps.clear();
        self.facts.retain(|fact| !matches!(fact, Fact::Suggested(_) | Fact::Known(_)));
        self.help(help)
    }

    /// Whether the finding has a fact.
    #[must_use]
    pub fn is(&self, fact: &Fact) -> bool {
        self.facts.contains(fact)
    }

    /// The rule of a schema that a value breaks.
    #[must_use]
    pub fn rule(&self) -> Option<&Place> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Rule(place) => Some(place),
            _ => None,
        })
    }

    /// The message of a reader's error, without the name of the file.
    #[must_use]
    pub fn reason(&self) -> &str {
        let reason = self.facts.iter().find_map(|fact| match fact {
            Fact::Reason(reason) => Some(reason.as_str()),
            _ => None,
        });
        reason.unwrap_or(&self.message)
    }

    /// The path of the value of a chart that it is about.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Value(path) => Some(path.as_str()),
            _ => None,
        })
    }

    /// Whether a field is missing.
    #[must_use]
    pub fn lacks_a_field(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::Required(_)))
    }

    /// The names that the author probably meant.
    pub fn suggested(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().filter_map(|fact| match fact {
            Fact::Suggested(name) => Some(name.as_str()),
            _ => None,
        })
    }
}
