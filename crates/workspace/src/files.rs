//! The names of the files in a workspace.

/// The configuration file; its directory is the root of the workspace.
pub const CONFIG_FILE: &str = "charts.toml";
/// The folder of the goldens.
pub const GOLDENS: &str = "tests/golden";
