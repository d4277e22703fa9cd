//! Shells, in the commands of containers.

use std::path::Path;

const SHELLS: &[&str] = &["ash", "bash", "dash", "sh", "zsh"];

/// Whether a program, by its name or its path, is a shell that runs the script after `-c`.
#[must_use]
pub fn is_shell(program: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| SHELLS.iter().any(|shell| name == *shell))
}

/// Whether an argument of a shell makes the next one its script, such as `-c` or `-ec`.
#[must_use]
pub fn takes_script(flag: &str) -> bool {
    flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c')
}
