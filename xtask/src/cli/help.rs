//! The arguments of the commands that describe this command line: `completions` and `man`.

use std::path::PathBuf;

use clap::Args;

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// A shell with completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// Bash 4 or later.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write xtask.1 and a page for each command to this directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}
