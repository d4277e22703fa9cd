//! `[[unrendered]]` in charts.toml: Applications that are knowingly not rendered.

use argocd::glob;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};

use crate::files::CONFIG_FILE;
use crate::reason;

/// An Application that is knowingly not rendered, or several.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The instance name, or a pattern of names.
    pub application: String,
    /// The reason, for readers of charts.toml.
    pub reason: String,
    /// The place of the entry.
    pub place: Place,
}

impl Acceptance {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "unrendered[]", Syntax::Config);
        let application = fields.required_string("application");
        reason::read(&mut fields);
        let reason = node.get("reason").and_then(Node::as_str).unwrap_or_default().to_owned();
        if let Some(text) = application.as_deref().filter(|text| text.is_empty() || glob::matches(text, "").is_err()) {
            let place = node.get("application").map_or_else(|| node.place(), Node::place);
            let path = fields.path_of("application");
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}` is not the name of an Application: `{text}`"))
                    .at(place, "expected a name, or a pattern such as `staging-*`"),
            );
        }
        fields.finish(diagnostics);
        Some(Self { application: application?, reason, place: node.place() })
    }

    /// Whether it accepts that an Application is not rendered.
    #[must_use]
    pub fn accepts(&self, instance: &str) -> bool {
        glob::matches(&self.application, instance).unwrap_or_default()
    }

    /// The finding about an entry that accepts nothing.
    #[must_use]
    pub fn unused(&self) -> Diagnostic {
        Diagnostic::new(
            Code::UnrenderedUnused,
            format!("`[[unrendered]]` accepts nothing: `{}` is rendered or does not exist", self.application),
        )
        .at(self.place.clone(), "")
        .help(format!("delete the entry from {CONFIG_FILE}"))
    }
}
