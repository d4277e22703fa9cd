//! The repository as a whole: charts.toml, its Applications with their charts, its targets, and their rendering.

pub mod advisories;
pub mod authored;
pub mod config;
pub mod external;
pub mod files;
pub mod load;
pub mod namespaces;
pub mod plan;
pub mod provenance;
mod reason;
pub mod render;
pub mod suppression;
pub mod sync_policy;
pub mod versions;
pub mod written;

pub use files::CONFIG_FILE;
pub use load::{
    APPLICATIONS, ArgocdFile, CHARTS_LOCK_FILE, Deployment, TOOLS_LOCK_FILE, Workspace, chart_folders, find_root,
    manifests,
};
