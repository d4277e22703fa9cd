//! Argo CD: Applications, ApplicationSets, projects, value files, sync order, pruning, and permissions.
//!
//! Argo CD's surprising behavior is reproduced, because it decides what is deployed. For example, a `null` outside of
//! `valuesObject` in `.argocd-source.yaml` removes nothing.
//!
//! Permissions follow the rules of Argo CD 3.5; each row in the tables of their tests is an answer of Argo CD's own code.

pub mod action;
pub mod application;
pub mod application_set;
pub mod chart_source;
pub mod directory;
pub mod duration;
pub mod effect;
pub mod excluded;
pub mod glob;
pub mod go_template;
pub mod hooks;
pub mod ignored;
pub mod jq_path;
pub mod pattern;
pub mod permission;
pub mod project;
mod project_access;
mod project_fields;
pub mod release;
pub mod repository_url;
pub mod source_type;
pub mod substitute;
pub mod symbolic_links;
pub mod sync_options;
pub mod sync_order;
pub mod value_files;
pub mod version_range;
pub mod waves;
