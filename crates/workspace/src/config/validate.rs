//! `[validate]` in charts.toml: schema locations, and kinds that need no schema.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Fields, Node, Syntax};
use kubernetes::schemas::Kind;
use kubernetes::validate::Unchecked;

use crate::reason;

/// The `[validate]` section.
#[derive(Debug, Clone, Default)]
pub struct Validate {
    /// Schema locations for kubeconform besides local schemas.
    pub locations: Vec<String>,
    /// Kinds that need no schema.
    pub unchecked: Vec<Unchecked>,
}

pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Validate {
    let mut fields = Fields::new(node, "validate", Syntax::Config);
    let mut locations = Vec::new();
    for (location, place) in fields.strings("schema-locations") {
        let json = std::path::Path::new(&location).extension().is_some_and(|end| end == "json");
        if location.starts_with("https://") && json {
            locations.push(location);
        } else {
            let message = format!("invalid schema location `{location}`");
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(
                place,
                "expected a kubeconform location, `https://…{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`",
            ));
        }
    }
    let unchecked = fields.sequence("unchecked").iter().filter_map(|node| unchecked(node, diagnostics)).collect();
    fields.finish(diagnostics);
    Validate { locations, unchecked }
}

fn unchecked(node: &Node, diagnostics: &mut Diagnostics) -> Option<Unchecked> {
    let mut fields = Fields::new(node, "validate.unchecked[]", Syntax::Config);
    let kind = fields.required("kind");
    reason::read(&mut fields);
    let kind = kind.and_then(|name| {
        let kind = name.as_str().and_then(Kind::parse);
        if kind.is_none() {
            let path = fields.path_of("kind");
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}` is not a valid kind"))
                    .at(name.place(), "expected `<group>/<version>/<Kind>`, or `v1/<Kind>` for the core group"),
            );
        }
        kind
    });
    fields.finish(diagnostics);
    let place = node.get("kind").unwrap_or(node).place();
    Some(Unchecked { kind: kind?, place })
}
