//! The staging directory of a new Application, whose contents are moved into the workspace once they are complete.
//!
//! It contains a small workspace with only the new Application. An unsealed directory is incomplete, and the next run
//! deletes it. A sealed one is complete: if the tool is killed while moving its parts, the next run moves the rest, so
//! nothing stays half done. Each part is moved with one system call that never replaces anything, the Application last,
//! because only the Application makes Argo CD deploy the others.

use std::fs::File;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use golden::store;
use helm::charts_lock;
use helm::charts_lock::ChartsLock;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use toolbox::progress::Progress;
use toolbox::{atomic_file, links, process};
use workspace::{CONFIG_FILE, TOOLS_LOCK_FILE};

use super::{accepted, name};

/// The staging directory, inside the workspace and so on the same file system.
const FOLDER: &str = ".xtask-new";
/// The file that marks a complete staging directory. It contains the Application's name.
const SEAL: &str = "sealed";
/// The file with the entry to append to charts.toml, if any.
const ACCEPTED: &str = "accepted.toml";

/// A staging directory. Holds the workspace lock.
#[derive(Debug)]
pub struct Staging {
    root: PathBuf,
    app: String,
    _lock: File,
}

/// The changes to shared files.
#[derive(Debug, Default, Clone, Copy)]
pub struct Changed {
    /// Whether charts.lock got a new pin.
    pub pinned: bool,
    /// Whether charts.toml got a new entry.
    pub accepted: bool,
}

/// The parts of an Application, in the order in which they are moved into place.
fn parts(app: &str) -> [String; 5] {
    [
        format!("images/{app}"),
        format!("charts/{app}"),
        format!("tests/golden/{app}"),
        format!("argocd/projects/{app}.yaml"),
        format!("argocd/applications/{app}.yaml"),
    ]
}

impl Staging {
    /// Locks the workspace, and completes or removes the leftovers of a killed run. Returns the name of the Application
    /// that was completed, if any.
    pub fn begin(root: &Path, app: &str, progress: &dyn Progress) -> Result<(Self, Option<String>)> {
        let lock = store::lock(root, progress)?;
        let staging = Self { root: root.to_path_buf(), app: app.to_owned(), _lock: lock };
        let seal = toolbox::regular_file::read_to_string(staging.folder().join(SEAL)).ok();
        // Anything but a valid name was not written by this tool.
        let finished = seal.filter(|app| name::check_app(app).is_empty());
        if let Some(app) = &finished {
            staging.move_all(app)?;
        }
        staging.remove()?;
        Ok((staging, finished))
    }

    fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// The root of the staged workspace.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.folder().join("tree")
    }

    /// Creates the staged workspace with copies of the real one's charts.toml and lock files.
    pub fn open(&self) -> Result<()> {
        atomic_file::write(&self.folder().join(".gitignore"), b"*\n")?;
        for name in [CONFIG_FILE, charts_lock::FILE, TOOLS_LOCK_FILE] {
            let path = self.root.join(name);
            if path.is_file() {
                let bytes =
                    toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
                atomic_file::write(&self.tree().join(name), &bytes)?;
            }
        }
        Ok(())
    }

    /// Writes a file to the staged workspace.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        atomic_file::write(&self.tree().join(name), text.as_bytes())
    }

    /// Stores an entry to append to charts.toml. Fails if it cannot be appended.
    pub fn accept(&self, entry: &str) -> Result<()> {
        atomic_file::write(&self.folder().join(ACCEPTED), entry.as_bytes())?;
        self.config().map(drop)
    }

    /// Moves everything into the workspace.
    pub fn place(&self) -> Result<Changed> {
        process::check_interrupted()?;
        for part in parts(&self.app) {
            links::refuse(&self.root, &self.root.join(part))?;
        }
        atomic_file::write(&self.folder().join(SEAL), self.app.as_bytes())?;
        let changed = self.move_all(&self.app)?;
        self.remove()?;
        Ok(changed)
    }

    /// Removes the staging directory.
    pub fn remove(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.folder()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Diagnostic::io("remove", &self.folder(), &error).into())
            }
            _ => Ok(()),
        }
    }

    /// Moves the staged parts. If a target already exists, the parts that were moved are moved back.
    fn move_all(&self, app: &str) -> Result<Changed> {
        let mut done: Vec<String> = Vec::new();
        let shared = [charts_lock::FILE, CONFIG_FILE].map(|name| self.root.join(name));
        let before = shared.each_ref().map(|path| toolbox::regular_file::read(path).ok());
        let mut changed = Changed::default();
        let mut result = self.pin(&shared[0]).and_then(|pinned| {
            let accepted = self.config()?;
            changed = Changed { pinned, accepted: accepted.is_some() };
            accepted.map_or(Ok(()), |text| atomic_file::write(&shared[1], text.as_bytes()))
        });
        for part in parts(app) {
            let (from, to) = (self.tree().join(&part), self.root.join(&part));
            if result.is_err() || std::fs::symlink_metadata(&from).is_err() {
                continue;
            }
            match move_to(&from, &to, &part) {
                Ok(()) => done.push(part),
                Err(found) => result = Err(found),
            }
        }
        if let Err(found) = result {
            for part in done.iter().rev() {
                let _ = std::fs::rename(self.root.join(part), self.tree().join(part));
            }
            for (path, before) in shared.iter().zip(before) {
                let _ = match before {
                    Some(bytes) if toolbox::regular_file::read(path).is_ok_and(|now| now == bytes) => Ok(()),
                    Some(bytes) => atomic_file::write(path, &bytes),
                    None => std::fs::remove_file(path).map_err(|error| Diagnostic::io("remove", path, &error).into()),
                };
            }
            // The next run must not try to complete this.
            let _ = std::fs::remove_file(self.folder().join(SEAL));
            return Err(found);
        }
        Ok(changed)
    }

    /// charts.toml with the entry appended, if it does not contain it yet.
    fn config(&self) -> Result<Option<String>> {
        let Ok(entry) = toolbox::regular_file::read_to_string(self.folder().join(ACCEPTED)) else { return Ok(None) };
        accepted::append(&toolbox::source::read(&self.root, &self.root.join(CONFIG_FILE))?, &entry)
    }

    /// Adds the staged pins to charts.lock. Returns whether there were new ones.
    fn pin(&self, path: &Path) -> Result<bool> {
        let staged = ChartsLock::load(&self.tree())?;
        let mut lock = ChartsLock::load(&self.root)?;
        let before = lock.pins.len();
        for pin in staged.pins {
            let (repository, name, version) = pin.subject();
            if lock.find(repository, name, version).is_none() {
                lock.pins.push(pin);
            }
        }
        if lock.pins.len() == before {
            return Ok(false);
        }
        atomic_file::write(path, lock.to_text().as_bytes())?;
        Ok(true)
    }
}

fn move_to(from: &Path, to: &Path, name: &str) -> Result<()> {
    let failed = |error: std::io::Error| Diagnostics::from(Diagnostic::io("create", to, &error));
    let taken = || {
        Diagnostics::from(
            Diagnostic::new(Code::NameTaken, format!("`{name}` already exists"))
                .at(Place::file(name), "")
                .help("choose another name, or remove it first"),
        )
    };
    std::fs::create_dir_all(to.parent().unwrap_or(to)).map_err(failed)?;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST | Errno::NOTEMPTY) => Err(taken()),
        // Some file systems do not support RENAME_NOREPLACE.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if std::fs::symlink_metadata(to).is_ok() {
                return Err(taken());
            }
            std::fs::rename(from, to).map_err(failed)
        }
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use toolbox::progress::Silent;

    use super::*;

    fn staged(root: &Path) -> Staging {
        let (staging, finished) = Staging::begin(root, "blog", &Silent).expect("begins");
        assert_eq!(finished, None);
        staging.open().expect("opens");
        for part in ["charts/blog/Chart.yaml", "argocd/applications/blog.yaml", "tests/golden/blog/default/x.yaml"] {
            staging.write(part, part).expect("writes");
        }
        staging
    }

    fn listing(root: &Path) -> Vec<String> {
        let files = store::files(root).expect("readable");
        files.iter().map(|file| file.strip_prefix(root).expect("inside").display().to_string()).collect()
    }

    const ALL: [&str; 3] =
        ["argocd/applications/blog.yaml", "charts/blog/Chart.yaml", "tests/golden/blog/default/x.yaml"];

    #[test]
    fn everything_is_moved_into_place_and_nothing_is_left_over() {
        let root = tempfile::tempdir().expect("temporary directory");
        staged(root.path()).place().expect("places");
        assert_eq!(listing(root.path()), ALL);
    }

    #[test]
    fn an_unsealed_staging_directory_is_removed() {
        let root = tempfile::tempdir().expect("temporary directory");
        drop(staged(root.path()));
        let (_staging, finished) = Staging::begin(root.path(), "other", &Silent).expect("begins");
        assert_eq!(finished, None);
        assert_eq!(listing(root.path()), Vec::<String>::new());
    }

    #[test]
    fn after_a_kill_between_two_moves_the_next_run_moves_the_rest() {
        let root = tempfile::tempdir().expect("temporary directory");
        let staging = staged(root.path());
        atomic_file::write(&staging.folder().join(SEAL), b"blog").expect("seals");
        std::fs::create_dir(root.path().join("charts")).expect("created");
        std::fs::rename(staging.tree().join("charts/blog"), root.path().join("charts/blog")).expect("moved");
        drop(staging);
        let (_staging, finished) = Staging::begin(root.path(), "other", &Silent).expect("begins");
        assert_eq!(finished.as_deref(), Some("blog"));
        assert_eq!(listing(root.path()), ALL);
    }

    #[test]
    fn charts_toml_gets_the_entry_and_is_restored_on_failure() {
        let config = "repository = \"https://git.example.org/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";
        let entry = "[[suppress]]\ncheck = \"namespace-mismatch\"\ntarget = \"blog\"\nreason = \"r\"\n";
        for taken in [false, true] {
            let root = tempfile::tempdir().expect("temporary directory");
            let path = root.path().join(CONFIG_FILE);
            std::fs::write(&path, config).expect("written");
            let staging = staged(root.path());
            staging.accept(entry).expect("accepted");
            if taken {
                atomic_file::write(&root.path().join("argocd/applications/blog.yaml"), b"other").expect("written");
            }
            assert_eq!(staging.place().is_err(), taken);
            let text = std::fs::read_to_string(&path).expect("there");
            assert_eq!(text, if taken { config.to_owned() } else { format!("{config}\n{entry}") });
        }
    }

    #[test]
    fn an_existing_target_is_kept_and_the_moved_parts_are_moved_back() {
        let root = tempfile::tempdir().expect("temporary directory");
        let staging = staged(root.path());
        atomic_file::write(&root.path().join("argocd/applications/blog.yaml"), b"other").expect("written");
        let pin =
            "version = 1\n\n[[chart]]\nname = \"x\"\nversion = \"1.0.0\"\nrepository = \"https://c.example.com\"\n";
        let pin = format!("{pin}digest = \"tree-sha256:{}\"\n", "0".repeat(64));
        staging.write(charts_lock::FILE, &pin).expect("written");
        let found = staging.place().expect_err("taken");
        assert_eq!(found.0[0].code, Code::NameTaken);
        staging.remove().expect("removed");
        assert_eq!(listing(root.path()), ["argocd/applications/blog.yaml"]);
        // An empty directory, which a plain rename would replace, is an existing target too.
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir_all(root.path().join("charts/blog")).expect("created");
        assert!(staged(root.path()).place().is_err());
    }
}
