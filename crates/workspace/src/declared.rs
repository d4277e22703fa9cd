//! Inputs of ApplicationSets that charts.toml declares: `[[cluster]]` and `[[sample]]`.

use argocd::application_set::Cluster;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, suggestion};
use document::{Fields, Node, Syntax};

use crate::instance;

/// The generators for which parameters can be declared.
const GENERATORS: [&str; 4] = ["clusterDecisionResource", "plugin", "pullRequest", "scmProvider"];

/// Parameters of a generator that needs the outside.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name of the ApplicationSet: in one Argo CD instance with `@` and its name, or in all. Or a pattern of names, for
    /// those without an entry of their own.
    pub set: String,
    /// The kind of the generator.
    pub generator: String,
    /// The sets of parameters, each of which makes one Application.
    pub parameters: Vec<Node>,
    /// The place of the entry.
    pub place: Place,
}

/// A cluster that Argo CD manages besides its own.
#[derive(Debug, Clone)]
pub struct DeclaredCluster {
    /// The cluster, as generators see it.
    pub cluster: Cluster,
    /// The only Argo CD instance that manages it, and the place of its name; `None` if all do.
    pub instance: Option<(String, Place)>,
}

/// Reads a `[[cluster]]`.
pub(crate) fn cluster(node: &Node, diagnostics: &mut Diagnostics) -> Option<DeclaredCluster> {
    let mut fields = Fields::new(node, "cluster[]", Syntax::Config);
    let name = fields.required_string("name");
    let server = fields.required_string("server");
    let project = fields.string("project").unwrap_or_default();
    let instance = instance::named(&mut fields, node);
    fields.texts("labels");
    fields.texts("annotations");
    let texts = |key: &str| {
        let entries = node.get(key).map(Node::entries).unwrap_or_default().iter();
        entries.filter_map(|(key, value)| Some((key.name.clone(), value.as_str()?.to_owned()))).collect()
    };
    let (labels, annotations) = (texts("labels"), texts("annotations"));
    fields.finish(diagnostics);
    let cluster = Cluster { name: name?, server: server?, project, labels, annotations };
    Some(DeclaredCluster { cluster, instance })
}

/// Reads a `[[sample]]`.
pub(crate) fn sample(node: &Node, diagnostics: &mut Diagnostics) -> Option<Sample> {
    let mut fields = Fields::new(node, "sample[]", Syntax::Config);
    let set = fields.required_string("application-set");
    let generator = fields.required_string("generator").filter(|generator| {
        let known = GENERATORS.contains(&generator.as_str());
        if !known {
            let place = node.get("generator").unwrap_or(node).place();
            fields.report(
                Diagnostic::new(
                    Code::ConfigInvalid,
                    format!("`{generator}` is not a generator that needs data from outside of the repository"),
                )
                .at(place, "")
                .help(suggestion(generator, GENERATORS)),
            );
        }
        known
    });
    fields.required("parameters");
    let parameters = fields.sequence("parameters").to_vec();
    fields.finish(diagnostics);
    Some(Sample { set: set?, generator: generator?, parameters, place: node.place() })
}
