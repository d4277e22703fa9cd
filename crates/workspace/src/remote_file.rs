//! `[[remote-file]]` in charts.toml: copies of files that kustomize would download.

use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};
use helm::charts_lock::FilePin;
use toolbox::archive::sha256;

/// A file that kustomizations refer to by its URL.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    /// Its URL, as kustomizations write it.
    pub url: String,
    /// The path of the copy from the root of the workspace.
    pub path: String,
    /// The digest of its content, if charts.lock pins it; then the path is absolute.
    pub sha256: Option<String>,
    /// The place of the entry.
    pub place: Place,
}

/// The directory in the cache with the files that charts.lock pins.
const FILES: &str = "files";

impl RemoteFile {
    /// The entry for what charts.lock pins.
    pub(crate) fn locked(pin: &FilePin, cache: &Path) -> Self {
        let path = downloaded(cache, &pin.sha256).to_string_lossy().into_owned();
        Self { url: pin.url.clone(), path, sha256: Some(pin.sha256.clone()), place: pin.place.clone() }
    }

    /// Whether a pinned file has another content.
    #[must_use]
    pub fn differs(&self) -> bool {
        let content = |expected: &String| {
            toolbox::regular_file::read(Path::new(&self.path)).is_ok_and(|bytes| sha256(&bytes) != *expected)
        };
        self.sha256.as_ref().is_some_and(content)
    }

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
        Some(Self { url: url?, path: path?, sha256: None, place: node.place() })
    }
}

/// The file in the cache with some content.
#[must_use]
pub fn downloaded(cache: &Path, sha256: &str) -> PathBuf {
    cache.join(FILES).join(sha256)
}
