//! A new service on its way into the workspace: made beside it, rendered there, and moved into place when all is sound.
//!
//! The staging folder holds a small workspace with nothing but the new service. Until it is sealed, it is scrap: the next
//! run throws it away. A sealed one is complete, and whatever a kill kept from its place is moved there by the next run,
//! so that no half is ever left. Each move is one system call that refuses to replace anything; the Application comes
//! last, since only with it does anybody look for the rest.
//!
//! Deliberately absent: what a service consists of.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{accepted, name};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result};
use crate::golden::store;
use crate::process;
use crate::whole;
use crate::workspace::charts_lock::{self, ChartsLock};
use crate::workspace::{self, CONFIG_FILE, TOOLS_LOCK_FILE};

/// Beside what it is for, so that it lies on the same file system.
const FOLDER: &str = ".xtask-new";
/// Names the service of a complete staging folder.
const SEAL: &str = "sealed";
/// What charts.toml is to accept, where there is anything.
const ACCEPTED: &str = "accepted.toml";

/// A staging folder, under the workspace's lock.
#[derive(Debug)]
pub struct Staging {
    root: PathBuf,
    app: String,
    /// Held as long as this value lives.
    _lock: File,
}

/// What changed of the files that all services share.
#[derive(Debug, Default, Clone, Copy)]
pub struct Changed {
    /// charts.lock got a new pin.
    pub pinned: bool,
    /// charts.toml accepts what it did not accept before.
    pub accepted: bool,
}

/// Everything that belongs to a service, in the order in which it is put into place.
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
    /// Begins: takes the workspace's lock, and finishes or removes what a killed run left. The name is that of a service
    /// that was finished.
    pub fn begin(root: &Path, app: &str) -> Result<(Self, Option<String>)> {
        let lock = store::lock(root)?;
        let staging = Self { root: root.to_path_buf(), app: app.to_owned(), _lock: lock };
        let seal = std::fs::read_to_string(staging.folder().join(SEAL)).ok();
        // Whatever else it says, this tool did not write it.
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

    /// Makes the staged workspace, with what the real one declares.
    pub fn open(&self) -> Result<()> {
        whole::write(&self.folder().join(".gitignore"), b"*\n")?;
        for name in [CONFIG_FILE, charts_lock::FILE, TOOLS_LOCK_FILE] {
            let path = self.root.join(name);
            if path.is_file() {
                let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
                whole::write(&self.tree().join(name), &bytes)?;
            }
        }
        Ok(())
    }

    /// Writes a file of the staged workspace.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        whole::write(&self.tree().join(name), text.as_bytes())
    }

    /// Keeps an entry for charts.toml, which has to take it.
    pub fn accept(&self, entry: &str) -> Result<()> {
        whole::write(&self.folder().join(ACCEPTED), entry.as_bytes())?;
        self.config().map(drop)
    }

    /// Puts everything into place.
    pub fn place(&self) -> Result<Changed> {
        process::check_interrupted()?;
        whole::write(&self.folder().join(SEAL), self.app.as_bytes())?;
        let changed = self.move_all(&self.app)?;
        self.remove()?;
        Ok(changed)
    }

    /// Removes whatever is staged.
    pub fn remove(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.folder()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Diagnostic::io("remove", &self.folder(), &error).into())
            }
            _ => Ok(()),
        }
    }

    /// Moves what is still staged. Should somebody have put something else there meanwhile, what was moved goes back.
    fn move_all(&self, app: &str) -> Result<Changed> {
        let mut done: Vec<String> = Vec::new();
        let shared = [charts_lock::FILE, CONFIG_FILE].map(|name| self.root.join(name));
        let before = shared.each_ref().map(|path| std::fs::read(path).ok());
        let mut changed = Changed::default();
        let mut result = self.pin(&shared[0]).and_then(|pinned| {
            let accepted = self.config()?;
            changed = Changed { pinned, accepted: accepted.is_some() };
            accepted.map_or(Ok(()), |text| whole::write(&shared[1], text.as_bytes()))
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
                    Some(bytes) if std::fs::read(path).is_ok_and(|now| now == bytes) => Ok(()),
                    Some(bytes) => whole::write(path, &bytes),
                    None => std::fs::remove_file(path).map_err(|error| Diagnostic::io("remove", path, &error).into()),
                };
            }
            // Nothing is complete any more, and the next run should not try again.
            let _ = std::fs::remove_file(self.folder().join(SEAL));
            return Err(found);
        }
        Ok(changed)
    }

    /// charts.toml with what it is to accept, where it does not have that yet.
    fn config(&self) -> Result<Option<String>> {
        let Ok(entry) = std::fs::read_to_string(self.folder().join(ACCEPTED)) else { return Ok(None) };
        accepted::append(&workspace::read(&self.root, &self.root.join(CONFIG_FILE))?, &entry)
    }

    /// Adds the staged pins to charts.lock; says whether there are any that it did not have.
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
        whole::write(path, lock.to_text().as_bytes())?;
        Ok(true)
    }
}

fn move_to(from: &Path, to: &Path, name: &str) -> Result<()> {
    let failed = |error: std::io::Error| Diagnostics::from(Diagnostic::io("create", to, &error));
    let taken = || {
        Diagnostics::from(
            Diagnostic::new(Code::NameTaken, format!("`{name}` is there already, and nothing is overwritten"))
                .at(Place::file(name), "")
                .help("choose another name, or remove it first"),
        )
    };
    std::fs::create_dir_all(to.parent().unwrap_or(to)).map_err(failed)?;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST | Errno::NOTEMPTY) => Err(taken()),
        // Some file systems cannot refuse by themselves.
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
    use super::*;

    fn staged(root: &Path) -> Staging {
        let (staging, finished) = Staging::begin(root, "blog").expect("begins");
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
    fn everything_comes_into_place_and_nothing_is_left_over() {
        let root = tempfile::tempdir().expect("temporary folder");
        staged(root.path()).place().expect("places");
        assert_eq!(listing(root.path()), ALL);
    }

    #[test]
    fn what_is_not_sealed_is_thrown_away() {
        let root = tempfile::tempdir().expect("temporary folder");
        drop(staged(root.path()));
        let (_staging, finished) = Staging::begin(root.path(), "other").expect("begins");
        assert_eq!(finished, None);
        assert_eq!(listing(root.path()), Vec::<String>::new());
    }

    #[test]
    fn after_a_kill_between_two_moves_the_next_run_does_the_rest() {
        let root = tempfile::tempdir().expect("temporary folder");
        let staging = staged(root.path());
        whole::write(&staging.folder().join(SEAL), b"blog").expect("seals");
        std::fs::create_dir(root.path().join("charts")).expect("created");
        std::fs::rename(staging.tree().join("charts/blog"), root.path().join("charts/blog")).expect("moved");
        drop(staging);
        let (_staging, finished) = Staging::begin(root.path(), "other").expect("begins");
        assert_eq!(finished.as_deref(), Some("blog"));
        assert_eq!(listing(root.path()), ALL);
    }

    #[test]
    fn charts_toml_gets_what_it_has_to_accept_and_is_restored_where_that_was_in_vain() {
        let config = "repository = \"https://git.example.org/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";
        let entry = "[[suppress]]\ncheck = \"namespace-mismatch\"\ntarget = \"blog\"\nreason = \"r\"\n";
        for taken in [false, true] {
            let root = tempfile::tempdir().expect("temporary folder");
            let path = root.path().join(CONFIG_FILE);
            std::fs::write(&path, config).expect("written");
            let staging = staged(root.path());
            staging.accept(entry).expect("taken");
            if taken {
                whole::write(&root.path().join("argocd/applications/blog.yaml"), b"theirs").expect("written");
            }
            assert_eq!(staging.place().is_err(), taken);
            let text = std::fs::read_to_string(&path).expect("there");
            assert_eq!(text, if taken { config.to_owned() } else { format!("{config}\n{entry}") });
        }
    }

    #[test]
    fn what_somebody_put_there_meanwhile_stays_and_the_rest_goes_back() {
        let root = tempfile::tempdir().expect("temporary folder");
        let staging = staged(root.path());
        whole::write(&root.path().join("argocd/applications/blog.yaml"), b"theirs").expect("written");
        let pin =
            "version = 1\n\n[[chart]]\nname = \"x\"\nversion = \"1.0.0\"\nrepository = \"https://c.example.com\"\n";
        let pin = format!("{pin}digest = \"tree-sha256:{}\"\n", "0".repeat(64));
        staging.write(charts_lock::FILE, &pin).expect("written");
        let found = staging.place().expect_err("taken");
        assert_eq!(found.0[0].code, Code::NameTaken);
        staging.remove().expect("removed");
        assert_eq!(listing(root.path()), ["argocd/applications/blog.yaml"]);
        // Also where only an empty folder is in the way, which a plain rename would replace.
        let root = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir_all(root.path().join("charts/blog")).expect("created");
        assert!(staged(root.path()).place().is_err());
    }
}
