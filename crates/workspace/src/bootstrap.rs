//! `[[bootstrap]]` in charts.toml: what is applied by hand, and renders the first Applications.
//!
//! Argo CD does not deploy it, so no Application says how it is rendered. It is rendered like an Application of the same
//! name, so that the Applications in its output are found. A chart from a Helm repository, such as argocd-apps, gets its value
//! files from this repository.

use std::sync::Arc;

use argocd::application::{Application, Source, helm_options, in_instance};
use diagnostics::{Diagnostics, Place};
use document::{Fields, Key, Node, Syntax, Value};

use crate::instance;

/// What the source with the value files of a chart from a Helm repository is called.
const FILES: &str = "values";

/// A chart, kustomization, or directory that is applied by hand.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The name of its target and of the release.
    pub name: String,
    /// The path of its directory from the root; empty for a chart from a Helm repository.
    pub path: String,
    /// The chart from a Helm repository: its name, repository, and version.
    chart: Option<[String; 3]>,
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
        let chart = fields.string("chart");
        let (path, chart) = match chart {
            Some(chart) => {
                let (repository, version) = (fields.required_string("repository"), fields.required_string("version"));
                (Some(String::new()), Some([chart, repository.unwrap_or_default(), version.unwrap_or_default()]))
            }
            None => (fields.required_string("path"), None),
        };
        let namespace = fields.string("namespace").unwrap_or_else(|| "argocd".to_owned());
        let instance = instance::named(&mut fields, node);
        fields.strings("value-files");
        fields.finish(diagnostics);
        Some(Self { name: name?, path: path?, chart, namespace, instance, node: node.clone() })
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
            let value = match &self.chart {
                None => files.clone(),
                Some(_) => {
                    like(Value::Sequence(files.items().iter().map(|file| in_repository(file, like)).collect()), files)
                }
            };
            helm.push((Key { name: "valueFiles".to_owned(), span: files.span.clone() }, value));
        }
        let helm = (!helm.is_empty()).then(|| like(Value::Mapping(helm.into()), &self.node));
        let helm = helm.map(|helm| (Key { name: "helm".to_owned(), span: self.node.span.clone() }, helm));
        let node = like(Value::Mapping(helm.into_iter().collect()), &self.node);
        debug_assert!(helm_options(&node, "bootstrap[]").is_ok(), "the entry was read");
        let source = |repository: &str, place: Place, node: Node| Source {
            field: "bootstrap[]".to_owned(),
            repository: repository.to_owned(),
            repository_place: place,
            path: self.path.clone(),
            path_place: self.place("path"),
            chart: None,
            target_revision: String::new(),
            reference: None,
            node: Arc::new(node),
        };
        let sources = match &self.chart {
            None => vec![source(repository, self.node.place(), node)],
            Some([chart, of_chart, version]) => {
                let of_chart = source(of_chart, self.place("repository"), node);
                let files = source(repository, self.node.place(), like(Value::Mapping(Vec::new().into()), &self.node));
                vec![
                    Source { chart: Some(chart.clone()), target_revision: version.clone(), ..of_chart },
                    Source { reference: Some(FILES.to_owned()), ..files },
                ]
            }
        };
        Application {
            name: self.name.clone(),
            place: self.place("name"),
            instance: in_instance(self.name.clone(), self.instance.as_ref().map_or("", |(name, _)| name)),
            project: "default".to_owned(),
            namespace: self.namespace.clone(),
            sources,
        }
    }
}

/// A value file of this repository for a chart that is elsewhere.
fn in_repository(file: &Node, like: impl Fn(Value, &Node) -> Node) -> Node {
    let path = file.as_str().unwrap_or_default();
    like(Value::String(format!("${FILES}/{path}")), file)
}
