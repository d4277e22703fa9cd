//! The repository as a whole: charts.toml, its Applications with their charts, its targets, and their rendering.

pub mod acceptance;
pub mod advisories;
pub mod authored;
pub mod bootstrap;
mod chart_recipe;
pub mod charts;
pub mod checkout;
pub mod config;
pub mod declared;
pub mod deploy;
pub mod external;
pub mod files;
pub mod find;
pub mod follow;
pub mod generate;
pub mod kustomized;
pub mod load;
pub mod namespaces;
pub mod plain;
pub mod plan;
pub mod plugin;
pub mod provenance;
mod reason;
pub mod remote_chart;
pub mod render;
pub mod renderer;
mod revision;
pub mod suppression;
pub mod sync_policy;
pub mod target;
pub mod versions;
pub mod written;

pub use deploy::{ChartSource, Deployment, RemoteChart, Unrendered};
pub use files::CONFIG_FILE;
pub use find::manifests;
pub use load::{ArgocdFile, CHARTS_LOCK_FILE, TOOLS_LOCK_FILE, Workspace, find_root};
