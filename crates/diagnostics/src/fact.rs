//! Facts: the subject of a finding as data, with which other findings are related to it.
//!
//! A message is for people, and may be reworded. Code that relates findings to each other reads their codes, places, origins,
//! and facts, and not their texts. The code that creates a finding attaches what it knows; reports do not contain facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// A fact about what a finding is about. Which facts a finding has depends on its code; most findings have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The author probably meant this name.
    Suggested(String),
    /// Something of this kind and name does not exist, such as an object, a tool, or a port.
    Missing {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A key with this name or path is unknown, such as a field, a value, or a tool.
    Unknown(String),
    /// A field with this name or path is required, but not set.
    Required(String),
    /// The value must not be null.
    Null,
    /// The value is shorter than its schema requires.
    TooFew,
    /// The value is none of these types of its schema.
    Type(Vec<String>),
    /// The field at this path has a value that cannot be read.
    Malformed(String),
    /// The value of the field or option with this name is not allowed.
    Unsupported(String),
    /// The field is only wrong because of the value of this other field.
    When(String),
    /// The field must not be set together with this other field.
    Conflict(String),
    /// The field belongs into the field at this path.
    MovesTo(Vec<String>),
    /// The field has no effect.
    Ineffective,
    /// It is about this field or option, or is fixed with it.
    Field(String),
    /// It is about the value of a chart at this path, whose steps are joined by dots.
    Value(String),
    /// A named template reads the root, but is included with something else.
    NoRoot,
    /// It is about a value that this rule of a schema refuses, whatever the other values are. It cannot be serialized.
    #[serde(skip)]
    Rule(Place),
    /// It is about a template of the chart in this directory.
    Chart(String),
    /// It is about the file or directory with this path or URL.
    File(String),
    /// It needs the repository or the file with this URL.
    Needs(String),
    /// It is about the object of this kind and name, which may no longer be rendered.
    Object {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// It is about objects in this namespace.
    Namespace(String),
    /// A project does not allow something of this kind and name.
    Forbidden {
        /// Its kind.
        kind: Subject,
        /// Its name.
        name: String,
    },
    /// A list of a project lacks the kind of an object.
    Unlisted {
        /// The name of the list.
        list: String,
        /// The entry to add, in YAML.
        entry: String,
        /// The object, or what is done with it.
        what: String,
        /// The name of the project.
        project: String,
    },
    /// Something has this name now.
    Renamed(String),
    /// Something is in another namespace now.
    Moved,
    /// Something of this kind is no longer defined.
    Removed(Subject),
    /// Something has this name, and may be meant instead.
    Known(String),
    /// It exists, but elsewhere, such as in another namespace or in another file.
    Elsewhere,
    /// It neither exists here nor is declared to exist outside of the repository.
    Undeclared,
    /// It is defined, but nothing uses it.
    Unused,
    /// The same name is defined again.
    Redefined,
    /// An Application is not rendered, since charts.toml does not select its manifest.
    Unselected,
    /// The name of this port is invalid.
    InvalidPort(String),
    /// The output of this template, as Helm names it, is not valid YAML.
    InvalidOutput(String),
    /// The version range of a dependency is not locked.
    Unlocked,
    /// The message of an error of a reader, without the name of the file.
    Reason(String),
    /// The file is one of Kustomize, and no manifest.
    Kustomization,
    /// The same was found elsewhere, and is only counted here.
    Repeated,
    /// A selector matches no pod.
    NoPods,
    /// The selector of a workload does not match the labels of its own pods.
    OwnLabels,
    /// This note says where its place comes from. Nobody needs it where the place itself is traced.
    Untraced(String),
    /// An ApplicationSet generates the Application.
    Generated,
    /// A rendered text has this line.
    Line(String),
    /// Another Application is concerned, too: its target.
    SharedWith(String),
}

/// The kind of a missing tool.
pub const TOOL: &str = "tool";

/// The kind of a missing port to which a Service leads.
pub const TARGET_PORT: &str = "target port";

/// The kind of a missing port of a Service.
pub const SERVICE_PORT: &str = "Service port";

/// The kind of another missing port of a pod.
pub const PORT: &str = "port";

impl Fact {
    /// Something of this kind and name does not exist.
    #[must_use]
    pub fn missing(kind: &str, name: &str) -> Self {
        Self::Missing { kind: kind.to_owned(), name: name.to_owned() }
    }

    /// It is about the object of this kind and name.
    #[must_use]
    pub fn object(kind: &str, name: &str) -> Self {
        Self::Object { kind: kind.to_owned(), name: name.to_owned() }
    }

    /// A project does not allow something of this kind and name.
    #[must_use]
    pub fn forbidden(kind: Subject, name: &str) -> Self {
        Self::Forbidden { kind, name: name.to_owned() }
    }
}

/// The kind of a thing that a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// An Application.
    Application,
    /// A cluster.
    Cluster,
    /// A `CustomResourceDefinition`.
    Definition,
    /// A namespace.
    Namespace,
    /// A repository.
    Repository,
}

/// A possible fix: a sentence, and the name that it suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The sentence.
    pub text: String,
    /// The names in it, and what else the finding is to know.
    facts: Vec<Fact>,
}

/// Suggests the name that the author probably meant.
#[must_use]
pub fn did_you_mean(name: impl fmt::Display) -> Help {
    Help { text: format!("did you mean `{name}`?"), facts: vec![Fact::Suggested(name.to_string())] }
}

impl Help {
    /// The sentence, and the facts.
    pub(crate) fn into_parts(self) -> (String, Vec<Fact>) {
        (self.text, self.facts)
    }

    /// Adds a fact about the finding with this help.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Names what exists and may be meant.
    #[must_use]
    pub fn naming<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.facts.extend(names.into_iter().map(|name| Fact::Known(name.into())));
        self
    }
}

impl From<String> for Help {
    fn from(text: String) -> Self {
        Self { text, facts: Vec::new() }
    }
}

impl From<&str> for Help {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Help {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
