//! Files beside a scenario that its steps name.

use std::path::Path;

use diagnostics::{Code, Diagnostic};
use document::{Fields, Value};

/// A file that may be absent.
pub(super) fn optional(fields: &mut Fields<'_>, key: &'static str, folder: &Path) -> Option<String> {
    let file = fields.string(key)?;
    check(fields, key, &file, folder);
    Some(file)
}

/// A file, or a list of files.
pub(super) fn list(fields: &mut Fields<'_>, key: &'static str, folder: &Path) -> Vec<String> {
    let list = matches!(fields.node(key).map(|node| &node.value), Some(Value::Sequence(_)));
    let files: Vec<String> = if list {
        fields.strings(key).into_iter().map(|(text, _)| text).collect()
    } else {
        fields.required_string(key).into_iter().collect()
    };
    for file in &files {
        check(fields, key, file, folder);
    }
    files
}

fn check(fields: &mut Fields<'_>, key: &'static str, file: &str, folder: &Path) {
    let outside = file.starts_with('/') || file.split('/').any(|part| part == "..");
    let message = if outside {
        format!("file `{file}` is outside the scenario's directory")
    } else if folder.join(file).is_file() {
        return;
    } else {
        format!("file `{file}` does not exist in the scenario's directory")
    };
    if let Some(node) = fields.node(key) {
        let label = "expected a path relative to the scenario's directory";
        fields.report(Diagnostic::new(Code::ScenarioInvalid, message).at(node.place(), label));
    }
}
