//! Argo CD Applications and AppProjects, and what Argo CD makes of them.

pub mod application;
pub mod duration;
pub mod glob;
pub mod pattern;
pub mod permission;
pub mod project;
mod project_access;
mod project_fields;
pub mod release;
pub mod substitute;
pub mod sync_options;
pub mod sync_order;
pub mod value_files;
pub mod waves;
