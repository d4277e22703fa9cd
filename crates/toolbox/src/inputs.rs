//! The files that a render depends on, each with a digest.

use std::collections::BTreeMap;
use std::path::Path;

use crate::archive::sha256;
use diagnostics::{Diagnostic, Result};

/// Inputs by name, each with its digest. Files are named by their path from the root of the repository.
pub type Inputs = BTreeMap<String, String>;

/// The digest of a file as inputs record it.
pub fn file_digest(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    Ok(format!("sha256:{}", sha256(&bytes)))
}

/// A path as inputs and messages name it: from the root where it lies inside, with `/` between the parts.
#[must_use]
pub fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
