//! `[[remote-file]]` in charts.toml: copies of files that kustomize would download.

use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};

/// A file that kustomizations refer to by its URL.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    /// Its URL, as kustomizations write it.
    pub url: String,
    /// The path of the copy from the root of the workspace.
    pub path: String,
    /// The place of the entry.
    pub place: Place,
}

impl RemoteFile {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "remote-file[]", Syntax::Config);
        let url = fields.required_string("url");
        let path = fields.required_string("path");
        if let Some(wrong) = url.as_deref().filter(|url| !kustomize::remote::is_url(url)) {
            let place = node.get("url").unwrap_or(node).place();
            let message = format!("`{wrong}` is not the URL of a file");
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(place, "expected `https://…`"));
        }
        if path.as_deref().is_some_and(|path| path.is_empty() || Path::new(path).is_absolute()) {
            let place = node.get("path").unwrap_or(node).place();
            let message = "`remote-file[].path` must be a relative path";
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(place, "expected such as `vendor/a.yaml`"));
        }
        fields.finish(diagnostics);
        Some(Self { url: url?, path: path?, place: node.place() })
    }
}
