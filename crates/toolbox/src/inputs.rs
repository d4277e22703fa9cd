//! The files that a render depends on, each with a digest.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Result};

use crate::archive::sha256;

/// The digests of inputs by name. The name of a file is its path relative to the root of the repository. Both are shared:
/// targets of one chart have the same files.
pub type Inputs = BTreeMap<Arc<str>, Arc<str>>;

/// The digest of a file.
pub fn file_digest(path: &Path) -> Result<String> {
    let bytes = crate::regular_file::read(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    Ok(digest(&bytes))
}

/// The digest of the content of a file.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// The name of a file without its directory, which must be valid UTF-8: two others could have the same name in inputs.
pub fn file_name(path: &Path) -> Result<&str> {
    path.file_name().unwrap_or_default().to_str().ok_or_else(|| {
        let message = format!("the name of `{}` is not valid UTF-8", path.display());
        Diagnostic::new(Code::ManifestInvalid, message).help("rename the file").into()
    })
}

/// The name of a path in inputs and messages: relative to the root if it is below the root.
#[must_use]
pub fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
