//! The tools in the cache, and their atomic installation.
//!
//! The path of a tool is `<name>/<version>/<name>`; the file `installed` beside it records its SHA-256, size, and the time
//! of its last change, which no program can set. The record is trusted because only this user can write it. Both are
//! written to a staging directory and installed by one rename. A file lock for each version of a
//! tool ensures that only one process installs it; that process removes the staging directories of killed runs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use sha2::{Digest, Sha256};

use crate::cache_owner;
use crate::file_lock;
use crate::hexadecimal;
use crate::progress::Progress;
use crate::scratch;
use crate::tools_lock::ToolPin;

/// The name of the record beside a program.
const RECORD: &str = "installed";

/// `<cache>/tools`.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
}

/// How thoroughly an installed program is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// By size and the time of the last change; by checksum only if these changed.
    Stamp,
    /// By checksum.
    Nothing,
}

/// The state of a tool in the cache.
#[derive(Debug)]
pub(super) enum Installed {
    /// It is installed and unchanged.
    Sound,
    /// It is not installed.
    Missing,
    /// It was changed, or tools.lock was; a predicate of the program.
    Damaged(String),
}

/// The record of an installation.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    sha256: String,
    size: u64,
    changed: String,
    /// The entry of tools.lock from which it was installed; see [`recipes`].
    recipe: String,
}

impl Store {
    pub(super) fn new(cache: &Path) -> Self {
        Self { root: cache.join("tools") }
    }

    /// The directory of all tools.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of an installed program.
    pub(super) fn program(&self, pin: &ToolPin) -> PathBuf {
        self.folder(pin).join(&pin.name)
    }

    fn folder(&self, pin: &ToolPin) -> PathBuf {
        self.root.join(&pin.name).join(&pin.version)
    }

    /// Verifies an installed program.
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
        let folder = self.folder(pin);
        let places = [self.root.as_path(), &self.root.join(&pin.name), &folder, &program, &path];
        if let Some(foreign) = places.into_iter().find_map(cache_owner::foreign) {
            return Installed::Damaged(foreign);
        }
        let Some(record) = crate::regular_file::read_to_string(&path).ok().and_then(|text| Record::parse(&text)) else {
            return Installed::Damaged("has no record of its installation".to_owned());
        };
        if !recipes(pin, platform).contains(&record.recipe) {
            return Installed::Damaged("was installed from a different source than the one in tools.lock".to_owned());
        }
        if facts.permissions().mode() & 0o100 == 0 {
            return Installed::Damaged("is not executable".to_owned());
        }
        let stamp = (facts.size(), changed(&facts));
        if trust == Trust::Stamp && stamp == (record.size, record.changed.clone()) {
            return Installed::Sound;
        }
        // A restored cache has other times and the same content.
        match sha256_of(&program) {
            Ok(sum) if sum == record.sha256 => {
                let record = Record { size: stamp.0, changed: stamp.1, ..record };
                // If this fails, the checksum is verified again the next time.
                let _ = write_whole(&path, &record.to_text());
                Installed::Sound
            }
            Ok(sum) => Installed::Damaged(format!("has sha256 {sum}, but {} was installed", record.sha256)),
            Err(error) => Installed::Damaged(format!("cannot be read: {error}")),
        }
    }

    /// Locks the installation of a version of a tool; waits for a process that holds the lock. The lock ends with the
    /// returned value, or with this process.
    pub(super) fn lock(&self, pin: &ToolPin, progress: &dyn Progress) -> Result<Lock> {
        fs::create_dir_all(&self.root).map_err(|error| unwritable("create", &self.root, &error))?;
        // Another user could replace whatever is installed there.
        if let Some(why) =
            [&self.root, &self.root.join(&pin.name)].into_iter().find_map(|path| cache_owner::foreign(path))
        {
            let message = format!("the tools in the cache `{}` {why}", self.root.display());
            return Err(Diagnostic::new(Code::Usage, message)
                .help("delete this directory, or set `XTASK_CACHE_DIR` to a directory of your own")
                .into());
        }
        let path = self.root.join(format!(".lock-{}-{}", pin.name, pin.version));
        let file = File::create(&path).map_err(|error| unwritable("create", &path, &error))?;
        let what = format!("for another run to install {} {}", pin.name, pin.version);
        match file_lock::acquire(&file, || progress.under_way("Waiting", &what)) {
            // Without support for locks, the installation is still atomic, but may be made twice.
            Ok(()) => Ok(Lock { _file: file }),
            Err(file_lock::Failure::Io(error)) => Err(unwritable("lock", &path, &error)),
            Err(file_lock::Failure::Interrupted(found)) => Err(found),
        }
    }

    /// Creates a staging directory, which is removed with the returned value. Requires the lock.
    pub(super) fn staging(&self, pin: &ToolPin, _lock: &Lock) -> Result<tempfile::TempDir> {
        // The `_` ends the version: another version may begin with this one.
        let prefix = format!(".staging-{}-{}_", pin.name, pin.version);
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // The run that created it no longer holds the lock, so it was killed.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        scratch::directory_in(&self.root, &prefix)
            .map_err(|error| unwritable("create a directory in", &self.root, &error))
    }

    /// Installs a program from a staging directory, and returns its path.
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
            // A directory cannot be renamed to one that is not empty, so the damaged one is moved away.
            fs::rename(&place, staging.join("damaged")).map_err(at(&place))?;
        }
        fs::rename(&ready, &place).map_err(at(&place))?;
        Ok(self.program(pin))
    }
}

/// The lock of the installation of a version of a tool.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The ways to install a tool with today's tools.lock, as in the record of an installation.
fn recipes(pin: &ToolPin, platform: &str) -> Vec<String> {
    let download = pin.sum(platform).map(download_recipe);
    download.into_iter().chain(pin.builds().then(|| go_recipe(pin))).collect()
}

/// A download in the record of an installation.
pub(super) fn download_recipe(sum: &str) -> String {
    format!("download sha256:{sum}")
}

/// A build in the record of an installation.
pub(super) fn go_recipe(pin: &ToolPin) -> String {
    if let Some(sources) = &pin.sources {
        return format!("go build sha256:{}", sources.digest());
    }
    let package = pin.go.as_deref().unwrap_or_default();
    match pin.go_ldflags.as_deref() {
        // A field of the record is one line.
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
    format!("{}.{:09}", facts.ctime(), facts.ctime_nsec())
}

/// The SHA-256 of a file in lowercase hexadecimal.
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
    Ok(hexadecimal::text(&hash.finalize()))
}

/// Writes a file atomically.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// The diagnostic of a failed file operation in the cache.
pub(super) fn unwritable(doing: &str, path: &Path, error: &io::Error) -> Diagnostics {
    Diagnostic::io(doing, path, error)
        .help("set `XTASK_CACHE_DIR` to a writable directory from which programs can be run")
        .into()
}
