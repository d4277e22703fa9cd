//! How Helm is run, whatever for: with homes of its own, so that nothing of this user's Helm has a say, no kubeconfig, and
//! in UTC, as in Argo CD's container.
//!
//! Deliberately absent: finding Helm (`tools`), and what it is told.

use std::path::Path;

use toolbox::process::Invocation;

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

/// A file that `TZ` can name: the time zone that is always so many seconds away from UTC, in the format of tzfile(5).
#[must_use]
pub fn time_zone(offset: i32) -> Vec<u8> {
    let mut bytes = b"TZif".to_vec();
    bytes.extend([0; 16]);
    // No marks of universal or standard time, no leap seconds, no changes; one type, whose name has four bytes.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        bytes.extend(count.to_be_bytes());
    }
    bytes.extend(offset.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(b"FAR\0");
    bytes
}
