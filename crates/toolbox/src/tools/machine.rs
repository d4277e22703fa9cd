//! The properties of this machine that affect tools.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::tools_lock::ToolsLock;

/// The properties of this machine that affect tools, read once so that all threads use the same, and so that tests can
/// set them.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// The platform in Go's terms, for example `linux-amd64`.
    pub(super) platform: String,
    /// The absolute directories of PATH, in order.
    pub(super) search_path: Vec<PathBuf>,
    /// The values of the `XTASK_<NAME>` variables, by name of the tool.
    pub(super) variables: BTreeMap<String, PathBuf>,
}

impl Machine {
    pub(super) fn of_process(lock: &ToolsLock) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let variables =
            lock.names().into_iter().filter_map(|name| Some((name.to_owned(), absolute(Environment::tool(name)?))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self { platform: platform(), search_path: search_path(&path), variables: variables.collect() }
    }

    /// The first program with a name, as a shell finds it.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        self.search_path.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
    }
}

/// This platform in Go's terms, which downloads use, too.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{system}-{processor}")
}

/// The absolute directories of a search path. Relative ones would depend on the current directory.
fn search_path(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
}

pub(super) fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}
