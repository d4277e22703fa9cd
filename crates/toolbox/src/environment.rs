//! The tool's environment variables, read once.
//!
//! They configure this machine; settings about the charts belong in charts.toml.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use diagnostics::{Code, Diagnostic, Result};
use rustix::process::geteuid;

use crate::cache_owner;
use crate::date::Date;

/// The replacement for all chart repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A directory of chart archives.
    Folder(PathBuf),
    /// The URL of a Helm repository (`http://`, `https://`, or `oci://`).
    Url(String),
}

/// The values of the variables.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `CI` is `true` or `1`: goldens are not accepted, and an outdated render.lock is a finding.
    pub ci: bool,
    /// `GITHUB_ACTIONS` is `true` or `1`: findings are also printed as workflow commands.
    pub github: bool,
    /// `GITHUB_STEP_SUMMARY`: the file with the summary of a step of GitHub Actions.
    pub step_summary: Option<PathBuf>,
    /// `TERM` is `dumb`, empty, or unset: a terminal cannot overwrite a line.
    pub dumb: bool,
    /// `XTASK_CHART_MIRROR`.
    pub mirror: Option<Mirror>,
    /// `XTASK_ENGINE`, if it is not empty.
    pub engine: Option<String>,
    /// `XTASK_CACHE_DIR`, or the tool's directory in the user's cache. [`Environment::check_cache`] checks it.
    pub cache: PathBuf,
    /// The current time since 1970; `XTASK_NOW`, in seconds, replaces it.
    pub now: Duration,
    /// `XTASK_LIMITS`, for [`crate::limits::configure`].
    pub limits: String,
    /// `XTASK_NOW`, if it is not a number. [`Environment::check_now`] reports it.
    pub invalid_now: Option<String>,
}

impl Environment {
    /// Reads the variables of this process. Relative paths are relative to the current directory.
    #[must_use]
    pub fn from_process() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let set =
            |name: &str| std::env::var(name).is_ok_and(|value| matches!(value.to_lowercase().as_str(), "true" | "1"));
        let mirror = std::env::var("XTASK_CHART_MIRROR").ok().filter(|value| !value.is_empty()).map(|value| {
            let url = ["http://", "https://", "oci://"].iter().any(|scheme| value.starts_with(scheme));
            if url { Mirror::Url(value) } else { Mirror::Folder(absolute(value.into())) }
        });
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        // A relative one has no meaning, says the specification of these directories.
        let home = |name: &str| path(name).filter(|path| path.is_absolute());
        let cache = path("XTASK_CACHE_DIR")
            .or_else(|| Some(home("XDG_CACHE_HOME")?.join("homelab-chart")))
            .or_else(|| Some(home("HOME")?.join(".cache").join("homelab-chart")))
            .unwrap_or_else(|| std::env::temp_dir().join(format!("homelab-chart-{}", geteuid().as_raw())));
        let given = std::env::var("XTASK_NOW").ok().filter(|value| !value.is_empty());
        let now = given.as_ref().and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let invalid_now = given.filter(|_| now.is_none());
        let now = now.unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        Self {
            ci: set("CI"),
            github: set("GITHUB_ACTIONS"),
            step_summary: path("GITHUB_STEP_SUMMARY"),
            dumb,
            mirror,
            engine: std::env::var("XTASK_ENGINE").ok().filter(|value| !value.is_empty()),
            cache: absolute(cache),
            now,
            limits: std::env::var("XTASK_LIMITS").unwrap_or_default(),
            invalid_now,
        }
    }

    /// Fails if `XTASK_NOW` is not a time.
    pub fn check_now(&self) -> Result<()> {
        let Some(text) = &self.invalid_now else { return Ok(()) };
        Err(Diagnostic::new(
            Code::Usage,
            format!("`XTASK_NOW` is `{text}`, which is not a number of seconds since 1970"),
        )
        .help("unset it, or set it to the output of a command such as `date --date 2027-03-01 +%s`")
        .into())
    }

    /// The current day, in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        Date::of(SystemTime::UNIX_EPOCH + self.now)
    }

    /// Fails if another user could have written to the cache: the tools in it are run. Creates it, closed to others, if
    /// another user could create it before its first use.
    pub fn check_cache(&self) -> Result<()> {
        let path = &self.cache;
        let above = path.ancestors().skip(1).find_map(|directory| std::fs::metadata(directory).ok());
        if above.is_some_and(|facts| facts.mode() & 0o022 != 0) {
            // Without a cache, the tool is slower, and the first write to it has an error of its own.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(path);
        }
        let Some(refused) = cache_owner::untrusted(path).or_else(|| cache_owner::untrusted_part(path)) else {
            return Ok(());
        };
        Err(Diagnostic::new(Code::Usage, format!("the cache `{}` {refused}", path.display()))
            .note("tools in the cache are run, so only you must be able to write to it")
            .help("set `XTASK_CACHE_DIR` to a directory of your own")
            .into())
    }

    /// `XTASK_<TOOL>`: the path of a tool, used instead of searching for it.
    #[must_use]
    pub fn tool(name: &str) -> Option<PathBuf> {
        let variable = format!("XTASK_{}", name.to_uppercase().replace('-', "_"));
        std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// What is known without running it about a tool that a variable names: it may be any program.
    #[must_use]
    pub fn tool_facts(name: &str) -> Option<String> {
        let path = Self::tool(name)?;
        let facts = std::fs::metadata(&path).ok();
        let facts = facts.map(|facts| (facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec()));
        Some(format!("{} {facts:?}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn check(cache: &Path) -> Option<String> {
        let environment = Environment {
            ci: false,
            github: false,
            step_summary: None,
            dumb: false,
            mirror: None,
            cache: cache.to_path_buf(),
            now: Duration::ZERO,
            limits: String::new(),
            invalid_now: None,
            engine: None,
        };
        environment.check_cache().err().map(|found| found.0[0].message.clone())
    }

    #[test]
    fn a_cache_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let cache = directory.path().join("new/cache");
        assert_eq!(check(&cache), None);
        assert!(!cache.exists(), "no other user can create it");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o1777)).expect("changed");
        assert_eq!(check(&cache), None);
        assert_eq!(std::fs::metadata(&cache).expect("created").permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).expect("changed");
        assert_eq!(check(&cache), Some(format!("the cache `{}` is writable by every user", cache.display())));
    }

    #[test]
    fn a_cache_of_another_user_is_refused() {
        if geteuid().is_root() {
            let directory = tempfile::tempdir().expect("temporary directory");
            std::os::unix::fs::chown(directory.path(), Some(12345), None).expect("changed");
            let expected = format!("the cache `{}` belongs to another user", directory.path().display());
            assert_eq!(check(directory.path()), Some(expected));
        } else {
            assert_eq!(check(Path::new("/")), Some("the cache `/` belongs to another user".to_owned()));
        }
    }

    #[test]
    fn a_cache_with_a_part_of_another_user_is_refused() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let tools = directory.path().join("tools");
        std::fs::create_dir(&tools).expect("directory");
        assert_eq!(check(directory.path()), None);
        std::fs::set_permissions(&tools, std::fs::Permissions::from_mode(0o777)).expect("changed");
        let (cache, tools) = (directory.path().display(), tools.display());
        let expected = format!("the cache `{cache}` contains `{tools}`, which is writable by every user");
        assert_eq!(check(directory.path()), Some(expected));
    }
}
