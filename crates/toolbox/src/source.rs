//! Files of the workspace as sources that diagnostics point into.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Place, Result, Source};

use crate::inputs;

/// Reads a file of the workspace.
pub fn read(root: &Path, path: &Path) -> Result<Arc<Source>> {
    let name = inputs::name(root, path);
    let bytes = crate::regular_file::read(path).map_err(|error| Diagnostic::io("read", Path::new(&name), &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let toml = path.extension().is_some_and(|end| end == "toml");
            let code = if toml { Code::ConfigSyntax } else { Code::YamlSyntax };
            let at = error.utf8_error().valid_up_to();
            let source = Source::new(name.clone(), String::from_utf8_lossy(error.as_bytes()).into_owned());
            let character = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            Err(Diagnostic::new(code, format!("`{name}` is not valid UTF-8"))
                .at(Place::new(&source, character), "first invalid byte")
                .help("save the file as UTF-8")
                .into())
        }
    }
}
