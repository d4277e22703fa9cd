//! Recorded manifests, fingerprints, comparison, and diff.

pub mod diff;
pub mod goldens;
pub mod lock;
pub mod objects;
pub mod store;

pub use goldens::{Change, Golden, digest_of, orphans};
pub use store::FOLDER;
