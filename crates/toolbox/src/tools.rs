//! The pinned tools: found, brought, and proven before anything runs them.
//!
//! A tool is looked for where people put it (`XTASK_<NAME>`, PATH), then in the cache; then it is downloaded and held
//! against its sum, and where that cannot be done, built by `go install`. Whatever the way, the program itself must
//! say that it is the pinned version. What was tried, and why it did not do, is in the error.
//!
//! [`Tools`] is made once a run and shared by its threads: each tool is looked for once, whoever asks first. Where a
//! tool is found, as on nearly every run, no process is started and no network touched.
//!
//! Deliberately absent: the name of any tool, versions and addresses (charts.toml and tools.lock have them), and
//! anything that changes PATH or another place outside the cache.

mod build;
mod download;
mod miss;
mod probe;
mod store;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::environment::Environment;
use crate::progress::Progress;
use crate::tools_lock::{ToolPin, ToolsLock};
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use miss::{Miss, variable};
use store::{Installed, Store, Trust};

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

/// What a tool was found to be, once someone has looked.
type Answer = Arc<OnceLock<Result<Tool>>>;

/// A tool that is there and is the pinned version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its absolute path.
    pub path: PathBuf,
    /// How it is called.
    pub name: String,
    /// Its own version, without a leading `v`: the pinned one, or one that the entry accepts in its place.
    pub version: String,
    /// How it came here.
    pub origin: Origin,
}

/// Where a tool was found, or how it was brought in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `XTASK_<NAME>` names it.
    Variable,
    /// It is the first of its name on PATH.
    Path,
    /// An earlier run brought it.
    Cache,
    /// This run downloaded it.
    Downloaded,
    /// This run built it with Go.
    Built,
}

/// What a search without bringing anything found.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The tool that was asked for.
    pub name: String,
    /// The version that was asked for.
    pub version: String,
    /// Where it is.
    pub state: State,
}

/// Where a tool is, or why it is nowhere.
#[derive(Debug, Clone)]
pub enum State {
    /// Here.
    Found(Tool),
    /// It is not there yet; where it was looked for, and what was there instead.
    Missing(Vec<String>),
    /// What the user set up is wrong: no entry in tools.lock, or a variable that names another program.
    Wrong(Diagnostics),
}

/// What is proven of a tool, and what is not.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The tool that was asked for.
    pub name: String,
    /// The version that was asked for.
    pub version: String,
    /// The tool, where all is well with it.
    pub tool: Option<Tool>,
    /// SHA-256 of the program as it is on disk now. Of a tool from the cache it equals what was installed; others are
    /// known by the version that they tell, and by nothing else.
    pub sha256: Option<String>,
    /// Platforms that another tool has a sum for and this one has not: there it is never downloaded.
    pub unpinned: Vec<String>,
    /// What is wrong.
    pub problems: Diagnostics,
}

/// What this machine says about tools, taken once so that all threads see the same, and so that tests can say it.
#[derive(Debug, Clone)]
struct Machine {
    /// As Go names it, for example `linux-amd64`.
    platform: String,
    /// The absolute folders of PATH, in order.
    search_path: Vec<PathBuf>,
    /// The paths that `XTASK_<NAME>` variables give, by name of tool.
    variables: BTreeMap<String, PathBuf>,
}

/// What a search found.
enum Search {
    Found(Tool),
    /// Where it was looked for and why that did not do, and what is wrong in the cache, if anything is.
    Missing(Vec<String>, Option<String>),
}

impl<'a> Tools<'a> {
    /// Tools as a lock file pins them. Nothing is looked for yet.
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

    /// The tool of a version: found, or brought. Whoever asks for the same while it is being brought waits for it, and
    /// a failure is the same for all.
    pub fn require(&self, name: &str, version: &str) -> Result<Tool> {
        let cell = Arc::clone(locked(&self.found).entry((name.to_owned(), version.to_owned())).or_default());
        cell.get_or_init(|| self.find_or_bring(name, version, Trust::Stamp)).clone()
    }

    /// What was passed over on the way, once a tool; complete when all tools have been asked for.
    #[must_use]
    pub fn warnings(&self) -> Diagnostics {
        Diagnostics(locked(&self.warnings).values().cloned().collect())
    }

    /// Where the tools are. Brings nothing.
    #[must_use]
    pub fn list(&self, wanted: &[(&str, &str)]) -> Vec<Listed> {
        let listed = |&(name, version): &(&str, &str)| {
            let search = self.lock.require(name, version).and_then(|pin| self.find(pin, Trust::Stamp));
            let state = match search {
                Ok(Search::Found(tool)) => State::Found(tool),
                Ok(Search::Missing(tried, _)) => State::Missing(tried),
                Err(diagnostics) => State::Wrong(diagnostics),
            };
            Listed { name: name.to_owned(), version: version.to_owned(), state }
        };
        wanted.iter().map(listed).collect()
    }

    /// Brings what is not there. Unlike [`Tools::require`] it reads what is in the cache to the last byte, so that it
    /// mends what [`Tools::verify`] finds.
    #[must_use]
    pub fn install(&self, wanted: &[(&str, &str)]) -> (Vec<Tool>, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let bring =
            |&(name, version): &(&str, &str)| diagnostics.take(self.find_or_bring(name, version, Trust::Nothing));
        let tools = wanted.iter().filter_map(bring).collect();
        (tools, diagnostics)
    }

    /// Proves what is there: content and version, trusting no stamp. Brings nothing.
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
        let platforms = self.lock.platforms().into_iter().filter(|platform| pin.sum(platform).is_none());
        verified.unpinned = platforms.map(str::to_owned).collect();
        let Some(search) = verified.problems.take(self.find(pin, Trust::Nothing)) else { return verified };
        let unavailable = |message: String| {
            Diagnostic::new(Code::ToolUnavailable, message).help(format!("run `cargo xtask tools install {name}`"))
        };
        match search {
            Search::Missing(_, Some(damage)) => {
                let place = self.store.program(pin);
                verified.problems.push(
                    unavailable(format!("`{name}` {version} in the cache is not what was installed: it {damage}"))
                        .note(format!("path: {}", place.display())),
                );
            }
            Search::Missing(tried, None) => {
                let mut missing = unavailable(format!("`{name}` {version} is not installed"));
                missing.notes = tried;
                verified.problems.push(missing);
            }
            Search::Found(tool) => match probe::ask(&tool.path, &pin.version_args) {
                Err(interrupted) => verified.problems.extend(interrupted),
                // What this tool installed is exactly what was asked for; a copy of the user's own may be near it.
                Ok(answer) if answer.version().is_some_and(|own| own == tool.version) => {
                    verified.sha256 = store::sha256_of(&tool.path).ok();
                    verified.tool = Some(tool);
                }
                Ok(answer) => verified.problems.push(
                    unavailable(format!("`{}` {}, not {version}", tool.path.display(), answer.describe()))
                        .note(format!("asked with: {name} {}", pin.version_args.join(" "))),
                ),
            },
        }
        verified
    }

    fn find_or_bring(&self, name: &str, version: &str, trust: Trust) -> Result<Tool> {
        let pin = self.lock.require(name, version)?;
        match self.find(pin, trust)? {
            Search::Found(tool) => Ok(tool),
            Search::Missing(tried, _) => self.bring(pin, tried, trust),
        }
    }

    /// Looks for a tool in the three places where it may be already.
    fn find(&self, pin: &ToolPin, trust: Trust) -> Result<Search> {
        if let Some(path) = self.machine.variables.get(&pin.name) {
            return self.named_by_variable(pin, path).map(Search::Found);
        }
        let mut tried = vec![format!("`{}` is not set", variable(&pin.name))];
        match self.machine.on_path(&pin.name) {
            None => tried.push(format!("PATH has no `{}`", pin.name)),
            Some(path) => {
                let answer = probe::ask_once(self.store.root(), &path, &pin.version_args)?;
                if let Some(version) = answer.version().filter(|version| pin.accepts(version)) {
                    let tool = Tool::new(pin, path, Origin::Path);
                    return Ok(Search::Found(Tool { version: version.to_owned(), ..tool }));
                }
                self.warn_of_path(pin, &path, &answer);
                tried.push(format!("PATH has `{}`, which {}", path.display(), answer.describe()));
            }
        }
        let program = self.store.program(pin);
        match self.store.look(pin, &self.machine.platform, trust) {
            Installed::Sound => Ok(Search::Found(Tool::new(pin, program, Origin::Cache))),
            Installed::Missing => {
                tried.push(format!("the cache has no `{}`", program.display()));
                Ok(Search::Missing(tried, None))
            }
            Installed::Damaged(why) => {
                tried.push(format!("the cache has `{}`, which {why}", program.display()));
                Ok(Search::Missing(tried, Some(why)))
            }
        }
    }

    /// A variable is an order: what it names is used, or nothing is.
    fn named_by_variable(&self, pin: &ToolPin, path: &Path) -> Result<Tool> {
        let variable = variable(&pin.name);
        let (name, version) = (&pin.name, &pin.version);
        let help = format!("let `{variable}` name {name} {version}, or unset it");
        if !is_program(path) {
            let message = format!("`{variable}` names `{}`, which is no program", path.display());
            return Err(Diagnostic::new(Code::ToolUnavailable, message).help(help).into());
        }
        let answer = probe::ask_once(self.store.root(), path, &pin.version_args)?;
        if let Some(version) = answer.version().filter(|version| pin.accepts(version)) {
            let tool = Tool::new(pin, path.to_owned(), Origin::Variable);
            return Ok(Tool { version: version.to_owned(), ..tool });
        }
        let message =
            format!("`{variable}` names `{}`, which {}; {name} {version} is pinned", path.display(), answer.describe());
        Err(Diagnostic::new(Code::ToolUnavailable, message).at(pin.place.clone(), "pinned here").help(help).into())
    }

    fn warn_of_path(&self, pin: &ToolPin, path: &Path, answer: &probe::Answer) {
        let (name, version) = (&pin.name, &pin.version);
        let message =
            format!("`{name}` on PATH {}, the pinned one is {}; it is not used", answer.describe(), pin.wanted());
        let warning = Diagnostic::new(Code::ToolVersion, message)
            .note(format!("path: {}", path.display()))
            .help(format!("nothing needs to be done: a copy of {name} {version} in the cache is used instead"));
        locked(&self.warnings).entry(name.clone()).or_insert(warning);
    }

    /// Downloads a tool, or builds it; `tried` is what was looked at before.
    fn bring(&self, pin: &ToolPin, mut tried: Vec<String>, trust: Trust) -> Result<Tool> {
        let lock = self.store.lock(pin, self.progress)?;
        match self.store.look(pin, &self.machine.platform, trust) {
            // Another run installed it while this one waited.
            Installed::Sound => return Ok(Tool::new(pin, self.store.program(pin), Origin::Cache)),
            Installed::Missing => {}
            Installed::Damaged(why) => {
                self.progress.status("Replacing", &format!("{} {}: the one in the cache {why}", pin.name, pin.version));
            }
        }
        let staging = self.store.staging(pin, &lock)?;
        match self.download(pin, staging.path()) {
            Ok(tool) => return Ok(tool),
            Err(Miss::Next(reason)) => tried.push(format!("download: {reason}")),
            Err(Miss::Stop(diagnostics)) => return Err(diagnostics),
        }
        match self.build(pin, staging.path()) {
            Ok(tool) => Ok(tool),
            Err(Miss::Next(reason)) => {
                tried.push(format!("go install: {reason}"));
                Err(self.unavailable(pin, tried).into())
            }
            Err(Miss::Stop(diagnostics)) => Err(diagnostics),
        }
    }

    fn download(&self, pin: &ToolPin, staging: &Path) -> std::result::Result<Tool, Miss> {
        if self.offline {
            return Err(Miss::Next("not tried, `--offline` was given".to_owned()));
        }
        let platform = &self.machine.platform;
        let bytes = download::program(pin, platform, self.progress)?;
        let program = staging.join("program");
        std::fs::write(&program, bytes)
            .and_then(|()| std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)))
            .map_err(|error| Miss::Stop(store::unwritable("write", &program, &error)))?;
        let answer = probe::ask(&program, &pin.version_args).map_err(Miss::Stop)?;
        if !answer.is(&pin.version) {
            // Its sum is the pinned one, so the entry contradicts itself, or this machine cannot run it.
            let message = format!("the download of {} {} {}", pin.name, pin.version, answer.describe());
            let refusal = Diagnostic::new(Code::ToolUnavailable, message)
                .at(pin.place.clone(), "the version that it should tell")
                .note(format!("asked with: {} {}", pin.name, pin.version_args.join(" ")))
                .help("correct the entry, if its sums are of another version; nothing of the download was kept");
            return Err(Miss::Stop(refusal.into()));
        }
        let recipe = store::download_recipe(pin.sum(platform).unwrap_or_default());
        self.installed(pin, staging, &program, &recipe, Origin::Downloaded)
    }

    fn build(&self, pin: &ToolPin, staging: &Path) -> std::result::Result<Tool, Miss> {
        let go = self.machine.on_path("go");
        let program = build::program(pin, go.as_deref(), staging, self.offline, self.progress)?;
        let answer = probe::ask(&program, &pin.version_args).map_err(Miss::Stop)?;
        if !answer.is(&pin.version) {
            return Err(Miss::Next(format!("what it built {}", answer.describe())));
        }
        self.installed(pin, staging, &program, &store::go_recipe(pin), Origin::Built)
    }

    fn installed(
        &self,
        pin: &ToolPin,
        staging: &Path,
        program: &Path,
        recipe: &str,
        origin: Origin,
    ) -> std::result::Result<Tool, Miss> {
        let path = self.store.put(pin, staging, program, recipe).map_err(Miss::Stop)?;
        self.progress.status("Installed", &format!("{} {} as {}", pin.name, pin.version, path.display()));
        Ok(Tool::new(pin, path, origin))
    }

    fn unavailable(&self, pin: &ToolPin, tried: Vec<String>) -> Diagnostic {
        let (name, version, platform) = (&pin.name, &pin.version, &self.machine.platform);
        let message = format!("`{name}` {version} could not be had on {platform}");
        let mut error = Diagnostic::new(Code::ToolUnavailable, message);
        error.notes = tried;
        let sum = pin.sum(platform).is_some();
        if self.offline && (sum || pin.go.is_some()) {
            error = error.help(format!("with a network, run `cargo xtask tools install {name}`"));
        }
        if let (Some(url), Some(sum)) = (pin.url(platform), pin.sum(platform)) {
            error = error.help(format!("bring {url} from elsewhere (sha256 {sum})"));
        } else if let Some(url) = pin.url(platform) {
            error = error.help(format!("bring {url} yourself, and look at its sum: none is known here"));
        }
        if let Some(command) = build::command_line(pin) {
            error = error.help(format!("where Go is: `{command}`"));
        }
        error.help(format!("then put the program on PATH, or set `{}` to its path", variable(name)))
    }
}

impl Tool {
    fn new(pin: &ToolPin, path: PathBuf, origin: Origin) -> Self {
        Self { path, name: pin.name.clone(), version: pin.version.clone(), origin }
    }
}

impl Origin {
    /// In the words of a listing.
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

impl Machine {
    fn of_process(lock: &ToolsLock) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let variables =
            lock.names().into_iter().filter_map(|name| Some((name.to_owned(), absolute(Environment::tool(name)?))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self { platform: platform(), search_path: search_path(&path), variables: variables.collect() }
    }

    /// The first program of a name, as a shell would find it.
    fn on_path(&self, name: &str) -> Option<PathBuf> {
        self.search_path.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
    }
}

impl From<Diagnostics> for Miss {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Stop(diagnostics)
    }
}

/// This platform as Go and the makers of downloads name it.
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

/// The folders of a search path. Relative ones are left out: what they name depends on where one stands.
fn search_path(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// A panic of another thread leaves these maps whole, so its poison is of no interest.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
