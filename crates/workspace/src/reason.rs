//! The `reason` of an exception in charts.toml.

use diagnostics::{Code, Diagnostic};
use document::Fields;

/// Reads `reason`, which must not be empty.
pub(crate) fn read(fields: &mut Fields<'_>) {
    let Some(node) = fields.required("reason") else { return };
    if node.as_str().is_none_or(|text| text.trim().is_empty()) {
        let path = fields.path_of("reason");
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("`{path}` must be a non-empty string")).at(node.place(), ""),
        );
    }
}
