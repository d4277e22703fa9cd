//! The environment in which Helm runs: with private folders, so that the user's Helm configuration has no effect, without
//! a kubeconfig, and in UTC, as in Argo CD's container.
//!
//! Most runs end before collecting garbage would pay: without it, they need a fifth less time. The limit keeps large
//! renders from using much more memory.

use std::path::Path;

use toolbox::process::Invocation;

/// The language of Helm's process. Helm is not translated, but links a library of kubectl, which compresses and parses all
/// translations of the language at every start. This language has the fewest: seven descriptions of kubectl's commands. Any
/// other one, also `C`, makes every start noticeably longer.
const LANGUAGE: &str = "zh_TW.UTF-8";

/// Helm in a working directory, without arguments; its private folders are created below `homes`.
#[must_use]
pub fn invocation(program: &Path, directory: &Path, homes: &Path) -> Invocation {
    let mut invocation = Invocation::new(program, directory).local().env("LC_ALL", LANGUAGE).env("TZ", "UTC");
    invocation = invocation.env("GOGC", "off").env("GOMEMLIMIT", "256MiB");
    for home in ["CACHE", "CONFIG", "DATA"] {
        let folder = homes.join(home.to_lowercase());
        invocation = invocation.env(&format!("XDG_{home}_HOME"), &folder).env(&format!("HELM_{home}_HOME"), &folder);
    }
    invocation
}

/// A tzfile(5) for `TZ`: the time zone with a constant offset from UTC, in seconds.
#[must_use]
pub fn time_zone(offset: i32) -> Vec<u8> {
    let mut bytes = b"TZif".to_vec();
    bytes.extend([0; 16]);
    // No UT/local or standard/wall indicators, leap seconds, or transitions; one type with a name of four bytes.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        bytes.extend(count.to_be_bytes());
    }
    bytes.extend(offset.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(b"FAR\0");
    bytes
}
