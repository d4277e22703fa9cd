//! `[[bootstrap]]` in charts.toml: what is applied by hand, and renders the first Applications.
//!
//! Argo CD does not deploy it, so no Application says how it is rendered. It is rendered like an Application of the same
//! name, so that the Applications in its output are found.

use std::sync::Arc;

use argocd::application::{Application, Source, helm_options, in_instance};
use diagnostics::{Diagnostics, Place};
use document::{Fields, Key, Node, Syntax, Value};

use crate::instance;

/// A chart, kustomization, or directory that is applied by hand.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The name of its target and of the release.
    pub name: String,
    /// The path of its directory from the root.
    pub path: String,
    /// The namespace of its objects.
    pub namespace: String,
    /// The Argo CD instance to which what it renders belongs, and the place of its name.
    pub instance: Option<(String, Place)>,
    /// The entry.
    node: Node,
}

impl Bootstrap {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "bootstrap[]", Syntax::Config);
        let name = fields.required_string("name");
        let path = fields.required_string("path");
        let namespace = fields.string("namespace").unwrap_or_else(|| "argocd".to_owned());
        let instance = instance::named(&mut fields, node);
        fields.strings("value-files");
        fields.finish(diagnostics);
        Some(Self { name: name?, path: path?, namespace, instance, node: node.clone() })
    }

    fn place(&self, key: &str) -> Place {
        self.node.get(key).unwrap_or(&self.node).place()
    }

    /// The Application that Argo CD would render like it, from a repository.
    #[must_use]
    pub fn application(&self, repository: &str) -> Application {
        let like = |value: Value, of: &Node| Node { value, span: of.span.clone(), source: of.source.clone() };
        let mut helm = Vec::new();
        if let Some(files) = self.node.get("value-files") {
            helm.push((Key { name: "valueFiles".to_owned(), span: files.span.clone() }, files.clone()));
        }
        let helm = (!helm.is_empty()).then(|| like(Value::Mapping(helm.into()), &self.node));
        let helm = helm.map(|helm| (Key { name: "helm".to_owned(), span: self.node.span.clone() }, helm));
        let node = like(Value::Mapping(helm.into_iter().collect()), &self.node);
        debug_assert!(helm_options(&node, "bootstrap[]").is_ok(), "the entry was read");
        Application {
            name: self.name.clone(),
            place: self.place("name"),
            instance: in_instance(self.name.clone(), self.instance.as_ref().map_or("", |(name, _)| name)),
            project: "default".to_owned(),
            namespace: self.namespace.clone(),
            sources: vec![Source {
                field: "bootstrap[]".to_owned(),
                repository: repository.to_owned(),
                repository_place: self.node.place(),
                path: self.path.clone(),
                path_place: self.place("path"),
                chart: None,
                target_revision: String::new(),
                reference: None,
                node: Arc::new(node),
            }],
        }
    }
}
