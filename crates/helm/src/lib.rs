//! Helm charts, locks, dependencies, and command lines.

pub mod chart;
pub mod chart_files;
pub mod charts_lock;
pub mod command;
pub mod dependencies;
pub mod helmignore;
pub mod recipe;
pub mod values_schema;
