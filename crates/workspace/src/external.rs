//! `[[external]]` in charts.toml: objects that exist outside of the repository, such as a Secret that someone creates by
//! hand. The reason is for readers of charts.toml only.

use std::collections::BTreeSet;

use argocd::pattern::Glob;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};

use crate::reason;

/// An object outside of the repository, or several of one kind.
#[derive(Debug, Clone)]
pub struct External {
    /// The kind.
    pub kind: String,
    /// The name, or a pattern of names.
    pub name: String,
    /// The namespace; any by default.
    pub namespace: Option<String>,
    /// The keys of a `ConfigMap` or a Secret; any by default.
    pub keys: Option<BTreeSet<String>>,
    /// The target that needs it: `<app>/<case>` or `<app>`; any by default.
    pub target: Option<String>,
    /// The place of the entry.
    pub place: Place,
}

impl External {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "external[]", Syntax::Config);
        let kind = fields.required_string("kind");
        let name = fields.required_string("name");
        let namespace = fields.string("namespace");
        let keys: BTreeSet<String> = fields.strings("keys").into_iter().map(|(key, _)| key).collect();
        let keys = node.get("keys").map(|_| keys);
        let target = fields.string("target");
        reason::read(&mut fields);
        for (key, value) in [("kind", &kind), ("name", &name)] {
            if value.as_deref() == Some("") {
                let place = node.get(key).map_or_else(|| node.place(), Node::place);
                let path = fields.path_of(key);
                fields
                    .report(Diagnostic::new(Code::ConfigInvalid, format!("`{path}` must not be empty")).at(place, ""));
            }
        }
        if let Some(text) = name.as_deref().filter(|name| Glob::parse(name).is_none()) {
            let place = node.get("name").map_or_else(|| node.place(), Node::place);
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{text}` is not a valid pattern"))
                    .at(place, "expected a name, or a pattern such as `backup-*`"),
            );
        }
        fields.finish(diagnostics);
        Some(Self { kind: kind?, name: name?, namespace, keys, target, place: node.place() })
    }

    /// Whether its name is a pattern.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.name.contains(['*', '?', '[', '{'])
    }

    /// Whether it is an object that a target refers to. The namespace is empty for cluster-scoped kinds.
    #[must_use]
    pub fn covers(&self, kind: &str, namespace: &str, name: &str, target: &str) -> bool {
        let inside = self.namespace.as_deref().is_none_or(|own| own == namespace);
        let needs = |own: &str| target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.kind == kind
            && inside
            && self.target.as_deref().is_none_or(needs)
            && (self.name == name || Glob::parse(&self.name).is_some_and(|glob| glob.matches(name, None)))
    }
}
