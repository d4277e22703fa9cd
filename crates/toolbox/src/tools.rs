//! Pinned tools: finding, installing, and verifying them.
//!
//! A tool is searched for in `XTASK_<NAME>`, on PATH, and in the cache. If it is not found, it is downloaded and verified
//! against its checksum, or built with `go install`. In each case the program itself must report the pinned version. An
//! error lists every attempt and why it failed.
//!
//! The threads of a run share [`Tools`], which searches for each tool once. If a tool is found, as in nearly every run, no
//! process is started and the network is not used.
//!
//! Does not name any tool: versions are in charts.toml, sources in tools.lock. Changes nothing outside the cache.

mod build;
pub mod download;
mod install;
mod machine;
mod miss;
mod probe;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use machine::{Machine, is_program};
use miss::{Miss, variable};
use store::{Installed, Store, Trust};

use crate::progress::Progress;
use crate::tools_lock::{ToolPin, ToolsLock};

/// The tools of a run.
pub struct Tools<'a> {
    lock: &'a ToolsLock,
    store: Store,
    offline: bool,
    progress: &'a dyn Progress,
    machine: Machine,
    found: Mutex<BTreeMap<(String, String), Answer>>,
    warnings: Mutex<BTreeMap<String, Diagnostic>>,
}

/// The result of the search for a tool, once it has been made.
type Answer = Arc<OnceLock<Result<Tool>>>;

/// A tool that was found or installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Its version, without a leading `v`: the pinned one, or another one that the pin accepts.
    pub version: String,
    /// How it was found or installed.
    pub origin: Origin,
}

/// How a tool was found, or installed by this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// By `XTASK_<NAME>`.
    Variable,
    /// On PATH, as the first program with its name.
    Path,
    /// In the cache, where an earlier run installed it.
    Cache,
    /// This run downloaded it.
    Downloaded,
    /// This run built it with Go.
    Built,
}

/// The state of a tool.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The name of the tool.
    pub name: String,
    /// The pinned version.
    pub version: String,
    /// Whether it was found.
    pub state: State,
}

/// Whether a tool was found.
#[derive(Debug, Clone)]
pub enum State {
    /// It was found.
    Found(Tool),
    /// It was not found.
    Missing {
        /// Where it was searched for, and what was found instead.
        tried: Vec<String>,
        /// How to install it.
        help: Vec<String>,
    },
    /// The configuration is wrong: tools.lock has no entry for it, or its variable names another program.
    Wrong(Diagnostics),
}

/// The result of verifying a tool.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The name of the tool.
    pub name: String,
    /// The pinned version.
    pub version: String,
    /// The tool, if it has no problems.
    pub tool: Option<Tool>,
    /// The SHA-256 of the program. For a tool in the cache it is the one of the installed program; for others, only the
    /// version that they report is verified.
    pub sha256: Option<String>,
    /// Platforms for which other tools have a checksum, but not this one: it is never downloaded there.
    pub unpinned: Vec<String>,
    /// The problems.
    pub problems: Diagnostics,
}

/// The result of a search.
enum Search {
    Found(Tool),
    Missing(Missing),
}

/// A tool that was not found.
#[derive(Default)]
struct Missing {
    /// Where it was searched for, and what was found instead.
    tried: Vec<String>,
    /// A predicate of the program in the cache, if it is damaged.
    damage: Option<String>,
    /// The warning about a program on PATH with another version, for the case that the tool is installed.
    warning: Option<Box<Diagnostic>>,
}

impl<'a> Tools<'a> {
    /// The tools of a lock file. Does not search for any yet.
    #[must_use]
    pub fn new(lock: &'a ToolsLock, cache: &Path, offline: bool, progress: &'a dyn Progress) -> Self {
        Self::on(Machine::of_process(lock), lock, cache, offline, progress)
    }

    fn on(machine: Machine, lock: &'a ToolsLock, cache: &Path, offline: bool, progress: &'a dyn Progress) -> Self {
        Self {
            lock,
            store: Store::new(cache),
            offline,
            progress,
            machine,
            found: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// Finds or installs a tool. Concurrent calls for the same version wait for one search and get the same result.
    pub fn require(&self, name: &str, version: &str) -> Result<Tool> {
        let cell = Arc::clone(locked(&self.found).entry((name.to_owned(), version.to_owned())).or_default());
        cell.get_or_init(|| self.find_or_install(name, version, Trust::Stamp)).clone()
    }

    /// Warnings about programs on PATH that were not used, one for each tool that was required so far.
    #[must_use]
    pub fn warnings(&self) -> Diagnostics {
        Diagnostics(locked(&self.warnings).values().cloned().collect())
    }

    /// Searches for tools, without installing any.
    #[must_use]
    pub fn list(&self, wanted: &[(&str, &str)]) -> Vec<Listed> {
        let listed = |&(name, version): &(&str, &str)| {
            let search = self.lock.require(name, version).and_then(|pin| self.find(pin, Trust::Stamp));
            let state = match search {
                Ok(Search::Found(tool)) => State::Found(tool),
                Ok(Search::Missing(missing)) => {
                    let help = self.lock.pin(name, version).map(|pin| self.ways_to_install(pin)).unwrap_or_default();
                    State::Missing { tried: missing.tried, help }
                }
                Err(diagnostics) => State::Wrong(diagnostics),
            };
            Listed { name: name.to_owned(), version: version.to_owned(), state }
        };
        wanted.iter().map(listed).collect()
    }

    /// Finds or installs tools. Unlike [`Tools::require`], verifies the checksums of programs in the cache, so that it
    /// replaces what [`Tools::verify`] reports as damaged.
    #[must_use]
    pub fn install(&self, wanted: &[(&str, &str)]) -> (Vec<Tool>, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let install =
            |&(name, version): &(&str, &str)| diagnostics.take(self.find_or_install(name, version, Trust::Nothing));
        let tools = wanted.iter().filter_map(install).collect();
        (tools, diagnostics)
    }

    /// Verifies the checksums and versions of tools, without installing any.
    #[must_use]
    pub fn verify(&self, wanted: &[(&str, &str)]) -> Vec<Verified> {
        wanted.iter().map(|(name, version)| self.verify_one(name, version)).collect()
    }

    fn verify_one(&self, name: &str, version: &str) -> Verified {
        let mut verified = Verified {
            name: name.to_owned(),
            version: version.to_owned(),
            tool: None,
            sha256: None,
            unpinned: Vec::new(),
            problems: Diagnostics::default(),
        };
        let Some(pin) = verified.problems.take(self.lock.require(name, version)) else { return verified };
        let platforms = self.lock.platforms().into_iter();
        let platforms = platforms.filter(|platform| pin.sources.is_none() && pin.sum(platform).is_none());
        verified.unpinned = platforms.map(str::to_owned).collect();
        let Some(search) = verified.problems.take(self.find(pin, Trust::Nothing)) else { return verified };
        let unavailable = |message: String| {
            Diagnostic::new(Code::ToolUnavailable, message).help(format!("run `cargo xtask tools install {name}`"))
        };
        match search {
            Search::Missing(Missing { damage: Some(damage), .. }) => {
                let program = self.store.program(pin);
                verified.problems.push(
                    unavailable(format!("`{name}` {version} in the cache is damaged: it {damage}"))
                        .note(format!("path: {}", program.display())),
                );
            }
            Search::Missing(Missing { tried, .. }) => {
                let mut missing = unavailable(format!("`{name}` {version} is not installed"));
                missing.notes = tried;
                missing.helps = self.ways_to_install(pin);
                verified.problems.push(missing);
            }
            Search::Found(tool) => match probe::ask(&tool.path, &pin.version_args) {
                Err(interrupted) => verified.problems.extend(interrupted),
                // What was installed has exactly the pinned version; a copy on PATH may have another one.
                Ok(answer) if answer.version().is_some_and(|own| own == tool.version) => {
                    verified.sha256 = store::sha256_of(&tool.path).ok();
                    verified.tool = Some(tool);
                }
                Ok(answer) => verified.problems.push(
                    unavailable(format!("`{}` {}, not {version}", tool.path.display(), answer.describe()))
                        .note(format!("command: {name} {}", pin.version_args.join(" "))),
                ),
            },
        }
        verified
    }

    fn find_or_install(&self, name: &str, version: &str, trust: Trust) -> Result<Tool> {
        let pin = self.lock.require(name, version)?;
        match self.find(pin, trust)? {
            Search::Found(tool) => Ok(tool),
            Search::Missing(Missing { tried, warning, .. }) => {
                let tool = self.install_missing(pin, tried, trust)?;
                self.warn(pin, warning);
                Ok(tool)
            }
        }
    }

    /// Searches for a tool in its variable, on PATH, and in the cache.
    fn find(&self, pin: &ToolPin, trust: Trust) -> Result<Search> {
        if let Some(path) = self.machine.variables.get(&pin.name) {
            return self.named_by_variable(pin, path).map(Search::Found);
        }
        let mut missing =
            Missing { tried: vec![format!("`{}` is not set", variable(&pin.name))], ..Missing::default() };
        match self.machine.on_path(&pin.name) {
            None => missing.tried.push(format!("`{}` is not on PATH", pin.name)),
            Some(path) => {
                let answer = probe::ask_once(self.store.root(), &path, &pin.version_args)?;
                if let Some(version) = answer.version().filter(|version| pin.accepts(version)) {
                    let tool = Tool::new(pin, path, Origin::Path);
                    return Ok(Search::Found(Tool { version: version.to_owned(), ..tool }));
                }
                missing.warning = Some(Box::new(path_warning(pin, &path, &answer)));
                missing.tried.push(format!("`{}` on PATH {}", path.display(), answer.describe()));
            }
        }
        let program = self.store.program(pin);
        match self.store.look(pin, &self.machine.platform, trust) {
            Installed::Sound => {
                self.warn(pin, missing.warning);
                return Ok(Search::Found(Tool::new(pin, program, Origin::Cache)));
            }
            Installed::Missing => missing.tried.push(format!("`{}` is not in the cache", program.display())),
            Installed::Damaged(why) => {
                missing.tried.push(format!("`{}` in the cache {why}", program.display()));
                missing.damage = Some(why);
            }
        }
        Ok(Search::Missing(missing))
    }

    /// Checks the program of a variable. If it is not usable, no other program is.
    fn named_by_variable(&self, pin: &ToolPin, path: &Path) -> Result<Tool> {
        let variable = variable(&pin.name);
        let (name, version) = (&pin.name, &pin.version);
        let help = format!("set `{variable}` to the path of {name} {version}, or unset it");
        if !is_program(path) {
            let message = format!("`{variable}` is set to `{}`, which is not an executable file", path.display());
            return Err(Diagnostic::new(Code::ToolUnavailable, message).help(help).into());
        }
        let answer = probe::ask_once(self.store.root(), path, &pin.version_args)?;
        if let Some(version) = answer.version().filter(|version| pin.accepts(version)) {
            let tool = Tool::new(pin, path.to_owned(), Origin::Variable);
            return Ok(Tool { version: version.to_owned(), ..tool });
        }
        let message = format!(
            "`{variable}` is set to `{}`, which {}; the pinned version is {}",
            path.display(),
            answer.describe(),
            pin.wanted()
        );
        Err(Diagnostic::new(Code::ToolUnavailable, message).at(pin.place.clone(), "pinned here").help(help).into())
    }

    fn warn(&self, pin: &ToolPin, warning: Option<Box<Diagnostic>>) {
        if let Some(warning) = warning {
            locked(&self.warnings).entry(pin.name.clone()).or_insert(*warning);
        }
    }
}

/// The warning about a program on PATH that is not used, since the cache has the pinned version.
fn path_warning(pin: &ToolPin, path: &Path, answer: &probe::Answer) -> Diagnostic {
    let (name, version) = (&pin.name, &pin.version);
    let message = format!("`{name}` on PATH {}; the pinned version is {}", answer.describe(), pin.wanted());
    Diagnostic::new(Code::ToolVersion, message)
        .note(format!("path: {}", path.display()))
        .help(format!("no action is needed: {name} {version} from the cache is used instead"))
}

impl Tool {
    fn new(pin: &ToolPin, path: PathBuf, origin: Origin) -> Self {
        Self { path, name: pin.name.clone(), version: pin.version.clone(), origin }
    }
}

impl Origin {
    /// A description for lists.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Variable => "named by its variable",
            Self::Path => "on PATH",
            Self::Cache => "in the cache",
            Self::Downloaded => "downloaded",
            Self::Built => "built with go",
        }
    }
}

impl From<Diagnostics> for Miss {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Stop(diagnostics)
    }
}

/// Locks a map, also after a panic of another thread, which cannot leave it half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
