//! Files that a clone of the repository would not contain: Git ignores them and does not track them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toolbox::git_directory::Directories;
use toolbox::git_index::Tracked;
use toolbox::regular_file;

/// The variables with which Git reads other configuration files.
const GIT_CONFIGS: [&str; 2] = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"];

/// The key that names a file with the rules of the user, in lowercase.
const KEY: &[u8] = b"excludesfile";

/// The rules of several files.
type Rules = Arc<[Arc<Gitignore>]>;

/// The checkout of a repository. Knows each directory once it was asked for.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
    /// The root of the Git repository; without one, nothing is ignored.
    top: Option<PathBuf>,
    /// The rules that apply in a directory, the nearest ones first.
    rules: Mutex<HashMap<PathBuf, Rules>>,
    ignored: Mutex<HashMap<PathBuf, bool>>,
    /// The files that Git tracks although it ignores them are rare, so the index is read only if a path is ignored.
    tracked: OnceLock<Tracked>,
}

impl Checkout {
    /// The checkout that contains a directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf);
        let mut checkout = Self { top, ..Self::whole(root) };
        // A workspace that is ignored as a whole, such as the one that `new` prepares, does not belong to the repository.
        if checkout.lacks(root) {
            checkout.top = None;
        }
        checkout
    }

    /// A directory that contains nothing but the files of a commit.
    #[must_use]
    pub fn whole(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            top: None,
            rules: Mutex::default(),
            ignored: Mutex::default(),
            tracked: OnceLock::new(),
        }
    }

    /// Whether the directory belongs to a Git repository.
    #[must_use]
    pub(crate) fn is_in_git(&self) -> bool {
        self.top.is_some()
    }

    /// The root of the Git repository, or else the directory itself.
    #[must_use]
    pub fn top(&self) -> &Path {
        self.top.as_deref().unwrap_or(&self.root)
    }

    /// Whether a clone lacks a path that exists here.
    pub fn lacks(&self, path: &Path) -> bool {
        self.ignores(path) && !self.tracks(path)
    }

    fn ignores(&self, path: &Path) -> bool {
        let Some(top) = self.top.as_deref().filter(|top| path.starts_with(top) && path != *top) else { return false };
        if let Some(known) = locked(&self.ignored).get(path) {
            return *known;
        }
        let Some(parent) = path.parent() else { return false };
        let ignored = self.ignores(parent) || self.matches(top, parent, path);
        locked(&self.ignored).insert(path.to_path_buf(), ignored);
        ignored
    }

    /// Whether the rules of the directories from its parent to the root ignore a path; the nearest ones decide.
    fn matches(&self, top: &Path, parent: &Path, path: &Path) -> bool {
        let rules = self.rules(top, parent);
        if rules.is_empty() {
            return false;
        }
        let is_folder = path.is_dir() && !path.is_symlink();
        ignored_by(&rules, path, is_folder)
    }

    fn rules(&self, top: &Path, folder: &Path) -> Rules {
        if let Some(known) = locked(&self.rules).get(folder) {
            return Arc::clone(known);
        }
        let all = match folder.parent().filter(|_| folder != top) {
            Some(parent) => with_own(&self.rules(top, parent), folder),
            None => with_own(&top_rules(top), folder),
        };
        locked(&self.rules).insert(folder.to_path_buf(), Arc::clone(&all));
        all
    }

    /// A directory of the checkout, to be walked through, without the rules in its own .gitignore.
    pub(crate) fn folder(&self, path: &Path) -> Folder<'_> {
        let top = self.top.as_deref().filter(|top| path.starts_with(top));
        let above = top.zip(path.parent()).filter(|(top, _)| path != *top);
        let rules = above.map(|(top, parent)| self.rules(top, parent)).or_else(|| top.map(top_rules));
        Folder { checkout: self, rules: rules.unwrap_or_default(), is_ignored: self.ignores(path) }
    }

    fn tracks(&self, path: &Path) -> bool {
        let tracked = self.tracked.get_or_init(|| Tracked::read(self.top()));
        path.strip_prefix(self.top()).is_ok_and(|path| tracked.contains(path))
    }
}

/// A directory of a checkout, whose entries are known without asking the file system about each.
#[derive(Debug)]
pub(crate) struct Folder<'c> {
    checkout: &'c Checkout,
    rules: Rules,
    is_ignored: bool,
}

impl Folder<'_> {
    /// Whether a clone lacks an entry of this directory.
    pub(crate) fn lacks(&self, path: &Path, is_folder: bool) -> bool {
        self.ignores(path, is_folder) && !self.checkout.tracks(path)
    }

    /// A directory in this one, without the rules in its own .gitignore.
    pub(crate) fn enter(&self, path: &Path) -> Self {
        let is_ignored = self.ignores(path, true);
        Self { checkout: self.checkout, rules: Arc::clone(&self.rules), is_ignored }
    }

    /// The same directory, with the rules in its .gitignore.
    pub(crate) fn with_rules(&self, path: &Path) -> Self {
        let in_git = self.checkout.top.is_some();
        Self { rules: if in_git { with_own(&self.rules, path) } else { Arc::clone(&self.rules) }, ..*self }
    }

    fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        self.is_ignored || ignored_by(&self.rules, path, is_folder)
    }
}

/// Whether rules ignore a path; the first ones that say something about it decide.
fn ignored_by(rules: &Rules, path: &Path, is_folder: bool) -> bool {
    let decides = |rules: &Arc<Gitignore>| match rules.matched(path, is_folder) {
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
        Match::None => None,
    };
    rules.iter().find_map(decides).unwrap_or(false)
}

/// The rules that apply in a directory, given those that apply above.
fn with_own(above: &Rules, folder: &Path) -> Rules {
    match rules_in(folder, &folder.join(".gitignore")) {
        Some(own) => std::iter::once(own).chain(above.iter().cloned()).collect(),
        None => Arc::clone(above),
    }
}

/// The rules of a repository that are in none of its directories: its own, and those of the user.
fn top_rules(top: &Path) -> Rules {
    let own = Directories::of(top).and_then(|git| rules_in(top, &git.common.join("info/exclude")));
    let users = may_have_users_rules().then(|| Arc::new(GitignoreBuilder::new(top).build_global().0));
    own.into_iter().chain(users.filter(|rules| !rules.is_empty())).collect()
}

/// Whether the user may have rules for all repositories. Finding them takes longer than all other rules.
fn may_have_users_rules() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let Some(home) = set("HOME").filter(|_| GIT_CONFIGS.iter().all(|name| set(name).is_none())) else { return true };
    let settings = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("git");
    let names_a_file = |path: &Path| {
        let text = regular_file::read(path).unwrap_or_default().to_ascii_lowercase();
        memchr::memmem::find(&text, KEY).is_some()
    };
    let configs = [home.join(".gitconfig"), settings.join("config"), PathBuf::from("/etc/gitconfig")];
    settings.join("ignore").exists() || configs.iter().any(|path| names_a_file(path))
}

/// The rules in a file, for paths below a directory; `None` if there are none.
fn rules_in(folder: &Path, file: &Path) -> Option<Arc<Gitignore>> {
    if !file.is_file() {
        return None;
    }
    let mut builder = GitignoreBuilder::new(folder);
    // An invalid line has no effect, as in Git.
    let _ = builder.add(file);
    builder.build().ok().filter(|rules| !rules.is_empty()).map(Arc::new)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rule_decides() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        for (name, text) in [
            (".git/info/exclude", "local.yaml\n"),
            (".gitignore", "charts/\n*.tmp\n/top.yaml\n"),
            ("a/.gitignore", "!keep.tmp\n"),
            ("a/keep.tmp", ""),
            ("a/x.tmp", ""),
            ("a/top.yaml", ""),
            ("top.yaml", ""),
            ("a/charts/c/Chart.yaml", ""),
            ("a/local.yaml", ""),
            ("a/fine.yaml", ""),
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
            std::fs::write(path, text).expect("file");
        }
        let checkout = Checkout::new(&root.join("a"));
        for (path, expected) in [
            ("a/keep.tmp", false),
            ("a/x.tmp", true),
            ("a/top.yaml", false),
            ("top.yaml", true),
            ("a/charts", true),
            ("a/charts/c/Chart.yaml", true),
            ("a/local.yaml", true),
            ("a/fine.yaml", false),
            ("a", false),
        ] {
            assert_eq!(checkout.lacks(&root.join(path)), expected, "{path}");
        }
        assert!(!checkout.lacks(Path::new("/etc/hosts")));
    }
}
