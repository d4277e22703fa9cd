//! `spec.source.directory`.

use diagnostics::{Diagnostics, Place, Result};
use document::{Fields, Node, Syntax};

/// `spec.source.directory`, with overrides applied.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether to read subdirectories.
    pub recurse: bool,
    /// The glob of the files that are read; all if unset or empty.
    pub include: Option<(String, Place)>,
    /// The glob of files that are not read.
    pub exclude: Option<(String, Place)>,
    /// How Jsonnet files are evaluated.
    pub jsonnet: Jsonnet,
}

/// `spec.source.directory.jsonnet`.
#[derive(Debug, Clone, Default)]
pub struct Jsonnet {
    /// External variables.
    pub external: Vec<Variable>,
    /// Top-level arguments.
    pub arguments: Vec<Variable>,
    /// Library directories, relative to the root of the repository.
    pub libraries: Vec<(String, Place)>,
}

/// A variable or an argument of Jsonnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, a string or code.
    pub value: String,
    /// Whether the value is code.
    pub code: bool,
}

/// Reads the options of a source, after its override files were applied; `field` is the path of the source in messages.
pub fn options(source: &Node, field: &str) -> Result<Options> {
    let mut diagnostics = Diagnostics::default();
    let mut options = Options::default();
    let Some(node) = source.get("directory").filter(|node| !matches!(node.value, document::Value::Null)) else {
        return Ok(options);
    };
    let mut fields = Fields::new(node, &format!("{field}.directory"), Syntax::Application);
    options.recurse = fields.bool("recurse");
    options.include = placed(&mut fields, "include");
    options.exclude = placed(&mut fields, "exclude");
    if let Some(node) = fields.node("jsonnet") {
        let path = format!("{field}.directory.jsonnet");
        let mut fields = Fields::new(node, &path, Syntax::Application);
        options.jsonnet.external =
            variables(fields.sequence("extVars"), &format!("{path}.extVars[]"), &mut diagnostics);
        options.jsonnet.arguments = variables(fields.sequence("tlas"), &format!("{path}.tlas[]"), &mut diagnostics);
        options.jsonnet.libraries = fields.strings("libs");
        fields.finish(&mut diagnostics);
    }
    fields.finish(&mut diagnostics);
    diagnostics.into_result(options)
}

fn placed(fields: &mut Fields<'_>, key: &'static str) -> Option<(String, Place)> {
    let text = fields.string(key)?;
    let place = fields.node(key)?.place();
    Some((text, place))
}

fn variables(items: &[Node], path: &str, diagnostics: &mut Diagnostics) -> Vec<Variable> {
    let mut variables = Vec::new();
    for item in items {
        let mut fields = Fields::new(item, path, Syntax::Application);
        let name = fields.required_string("name");
        let value = fields.string("value").unwrap_or_default();
        let code = fields.bool("code");
        fields.finish(diagnostics);
        variables.extend(name.map(|name| Variable { name, value, code }));
    }
    variables
}
