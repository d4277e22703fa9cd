//! How Helm is run, whatever for: with homes of its own, so that nothing of this user's Helm has a say, no kubeconfig, and
//! in UTC, as in Argo CD's container.
//!
//! Deliberately absent: finding Helm (`tools`), and what it is told.

use std::path::Path;

use crate::process::Invocation;

/// Helm in a directory, without arguments yet; its homes are made in another directory.
#[must_use]
pub fn invocation(program: &Path, directory: &Path, homes: &Path) -> Invocation {
    let mut invocation = Invocation::new(program, directory).env("LC_ALL", "C").env("TZ", "UTC");
    for home in ["CACHE", "CONFIG", "DATA"] {
        let folder = homes.join(home.to_lowercase());
        invocation = invocation.env(&format!("XDG_{home}_HOME"), &folder).env(&format!("HELM_{home}_HOME"), &folder);
    }
    invocation
}
