//! The folder of tools in the cache: what is installed there, and installing so that nothing is ever there by half.
//!
//! A tool lies in `<name>/<version>/<name>`, and beside it `installed` records its SHA-256, size, and time of change.
//! Both are made ready in a folder of their own and come to their place by one rename. A file lock for each version of
//! a tool lets one process install it; whoever holds it removes what a killed run left.
//!
//! Deliberately absent: where a program comes from.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::process::check_interrupted;
use crate::progress::Progress;
use crate::tools_lock::ToolPin;
use diagnostics::{Diagnostic, Diagnostics, Result};

/// The name of the record beside a program.
const RECORD: &str = "installed";

/// How often a wait for another process looks whether it is over.
const PULSE: Duration = Duration::from_millis(50);

/// `<cache>/tools`.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
}

/// How much of an installed program is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Size and time of change; the content only where these moved.
    Stamp,
    /// The content.
    Nothing,
}

/// What lies in the place of a tool.
#[derive(Debug)]
pub(super) enum Installed {
    /// What was installed.
    Sound,
    /// Nothing.
    Missing,
    /// Something else than was installed, or than tools.lock would install today; the reason, to stand after "it".
    Damaged(String),
}

/// What is known of a program since it was installed.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    sha256: String,
    size: u64,
    changed: String,
    /// What tools.lock said when it was installed; see [`recipes`].
    recipe: String,
}

impl Store {
    pub(super) fn new(cache: &Path) -> Self {
        Self { root: cache.join("tools") }
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the program of a pin lies once it is installed.
    pub(super) fn program(&self, pin: &ToolPin) -> PathBuf {
        self.folder(pin).join(&pin.name)
    }

    fn folder(&self, pin: &ToolPin) -> PathBuf {
        self.root.join(&pin.name).join(&pin.version)
    }

    /// Looks at what is installed.
    pub(super) fn look(&self, pin: &ToolPin, platform: &str, trust: Trust) -> Installed {
        let program = self.program(pin);
        let facts = match fs::metadata(&program) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.folder(pin).exists() => {
                return Installed::Missing;
            }
            Err(error) => return Installed::Damaged(format!("cannot be read: {error}")),
        };
        let path = self.folder(pin).join(RECORD);
        let Some(record) = fs::read_to_string(&path).ok().and_then(|text| Record::parse(&text)) else {
            return Installed::Damaged("has no record of its installation".to_owned());
        };
        if !recipes(pin, platform).contains(&record.recipe) {
            return Installed::Damaged("came from what tools.lock no longer names".to_owned());
        }
        if facts.permissions().mode() & 0o100 == 0 {
            return Installed::Damaged("may not be executed".to_owned());
        }
        let stamp = (facts.size(), changed(&facts));
        if trust == Trust::Stamp && stamp == (record.size, record.changed.clone()) {
            return Installed::Sound;
        }
        // A cache that was packed and unpacked again has other times and the same content.
        match sha256_of(&program) {
            Ok(sum) if sum == record.sha256 => {
                let record = Record { size: stamp.0, changed: stamp.1, ..record };
                // If this fails, the content is looked at again next time, and nothing worse.
                let _ = write_whole(&path, &record.to_text());
                Installed::Sound
            }
            Ok(sum) => Installed::Damaged(format!("has sha256 {sum}; {} was installed", record.sha256)),
            Err(error) => Installed::Damaged(format!("cannot be read: {error}")),
        }
    }

    /// Waits until no other process installs this version of this tool. The lock ends with the returned value, or with
    /// this process.
    pub(super) fn lock(&self, pin: &ToolPin, progress: &dyn Progress) -> Result<Lock> {
        fs::create_dir_all(&self.root).map_err(|error| unwritable("create", &self.root, &error))?;
        let path = self.root.join(format!(".lock-{}-{}", pin.name, pin.version));
        let file = File::create(&path).map_err(|error| unwritable("create", &path, &error))?;
        let what = format!("for another run that installs {} {}", pin.name, pin.version);
        let mut waiting = None;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                // Some network file systems know no locks. The rename at the end still keeps every tool whole; only
                // the work may be done twice.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Lock { _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(unwritable("lock", &path, &error)),
            }
            waiting.get_or_insert_with(|| progress.under_way("Waiting", &what));
            // A blocking wait would not hear Ctrl-C.
            check_interrupted()?;
            thread::sleep(PULSE);
        }
    }

    /// A new folder to make a tool ready in; it goes when the value goes. To be called under the lock.
    pub(super) fn staging(&self, pin: &ToolPin, _lock: &Lock) -> Result<tempfile::TempDir> {
        // A longer version may begin like this one, so the end of it is marked.
        let prefix = format!(".staging-{}-{}_", pin.name, pin.version);
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // The run that made it holds no lock any more: it was killed.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.root)
            .map_err(|error| unwritable("create a folder in", &self.root, &error))
    }

    /// Puts a program that lies ready in a staging folder into its place, and returns the path it has there.
    pub(super) fn put(&self, pin: &ToolPin, staging: &Path, program: &Path, recipe: &str) -> Result<PathBuf> {
        let ready = staging.join("ready");
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| unwritable("write", &path, &error)
        };
        let new = ready.join(&pin.name);
        fs::create_dir(&ready).map_err(at(&ready))?;
        fs::rename(program, &new).map_err(at(&new))?;
        File::open(&new).and_then(|file| file.sync_all()).map_err(at(&new))?;
        let facts = fs::metadata(&new).map_err(at(&new))?;
        let record = Record {
            sha256: sha256_of(&new).map_err(at(&new))?,
            size: facts.size(),
            changed: changed(&facts),
            recipe: recipe.to_owned(),
        };
        write_whole(&ready.join(RECORD), &record.to_text()).map_err(at(&ready))?;

        let place = self.folder(pin);
        let parent = self.root.join(&pin.name);
        fs::create_dir_all(&parent).map_err(at(&parent))?;
        if place.symlink_metadata().is_ok() {
            // What is damaged goes first: no folder can be renamed onto another that holds something.
            fs::rename(&place, staging.join("damaged")).map_err(at(&place))?;
        }
        fs::rename(&ready, &place).map_err(at(&place))?;
        Ok(self.program(pin))
    }
}

/// The right to install a version of a tool.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The ways in which tools.lock would bring a tool today, as the record of an installation names them.
fn recipes(pin: &ToolPin, platform: &str) -> Vec<String> {
    let download = pin.sum(platform).map(download_recipe);
    download.into_iter().chain(pin.go.as_ref().map(|_| go_recipe(pin))).collect()
}

/// How the record names a download.
pub(super) fn download_recipe(sum: &str) -> String {
    format!("download sha256:{sum}")
}

/// How the record names a build.
pub(super) fn go_recipe(pin: &ToolPin) -> String {
    let package = pin.go.as_deref().unwrap_or_default();
    match pin.go_ldflags.as_deref() {
        // A record is lines.
        Some(flags) => format!("go install -ldflags '{}' {package}", flags.replace('\n', " ")),
        None => format!("go install {package}"),
    }
}

impl Record {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for (key, value) in [
            ("sha256", &self.sha256),
            ("size", &self.size.to_string()),
            ("changed", &self.changed),
            ("recipe", &self.recipe),
        ] {
            let _ = writeln!(text, "{key} {value}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        Some(Self {
            sha256: field("sha256")?.to_owned(),
            size: field("size")?.parse().ok()?,
            changed: field("changed")?.to_owned(),
            recipe: field("recipe")?.to_owned(),
        })
    }
}

fn changed(facts: &fs::Metadata) -> String {
    format!("{}.{:09}", facts.mtime(), facts.mtime_nsec())
}

/// SHA-256 of a file, in lowercase hexadecimal.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let mut hexadecimal = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    Ok(hexadecimal)
}

/// Replaces a file in one step.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// An error of the cache, with the way out.
pub(super) fn unwritable(doing: &str, path: &Path, error: &io::Error) -> Diagnostics {
    Diagnostic::io(doing, path, error)
        .help("set `XTASK_CACHE_DIR` to a folder that can be written and that programs may run from")
        .into()
}
