//! Helm charts, their locks, dependencies, and values schemas, and Helm's command line.
//!
//! The command line is that of `helmTemplate` and `Cmd.template` in Argo CD 3.5. Argo CD passes `--set` in the random order
//! of a Go map; here the order is that of the names, and overlapping parameters are a warning.
//!
//! Dependencies are pinned by content, because Helm checks neither a downloaded archive against its index nor a vendored
//! one against Chart.lock. charts.lock holds a digest of the files in the archive, which does not change when the same files
//! are packed again. A vendored chart in `charts/` is used as Argo CD uses it, and a missing `file://` dependency is packed
//! into a staged copy, so the work tree is not changed.

pub mod batch;
pub mod batch_sources;
pub mod chart;
pub mod chart_files;
pub mod charts_lock;
pub mod command;
pub mod dependencies;
pub mod errors;
pub mod helmignore;
pub mod lint_messages;
pub mod moved;
pub mod recipe;
pub mod set_path;
pub mod template;
pub mod usage;
pub mod values_schema;
