//! The name by which the tool was called (`cargo xtask` or `xtask`), which messages use.

use std::path::Path;
use std::sync::OnceLock;

/// How messages name the tool.
pub(super) const BY_CARGO: &str = "cargo xtask";

/// How the tool was called: by Cargo's alias, or as an installed program.
#[must_use]
pub fn called() -> &'static str {
    static CALLED: OnceLock<String> = OnceLock::new();
    CALLED.get_or_init(|| {
        // Cargo sets the variable for the programs that it runs.
        let own = || std::env::args_os().next();
        let name = std::env::var_os("CARGO").is_none().then(own).flatten();
        let name = name.as_deref().map(Path::new).and_then(Path::file_name);
        name.map_or_else(|| BY_CARGO.to_owned(), |name| name.to_string_lossy().into_owned())
    })
}
