//! The names of the files in a workspace.

/// The file that makes a folder a workspace.
pub const CONFIG_FILE: &str = "charts.toml";
