//! Goldens: recorded manifests, fingerprints, comparison, and diff.
//!
//! A golden is the text that Helm wrote. A YAML library that re-emitted it could change its meaning; Helm 3 and Helm 4 differ
//! only in blank lines at the edges, which are trimmed.
//!
//! `--accept` writes a new directory beside the old one, hard-linking what stays, and exchanges the two in one system
//! call. The goldens of an Application that no longer exists are removed only if everything in argocd/ could be read.

pub mod at_revision;
pub mod diff;
pub mod goldens;
mod lines;
pub mod lock;
pub mod objects;
pub mod orphans;
pub mod recordings;
mod renames;
pub mod renders;
pub mod store;

pub use goldens::{Change, Golden, digest_of};
pub use orphans::Orphans;
pub use store::FOLDER;
