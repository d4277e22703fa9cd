//! What a clone of the repository would not contain: the files that Git ignores and does not track.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ignore::Match;
use ignore::gitignore::Gitignore;
use toolbox::git_index::Tracked;

/// The rules of several files.
type Rules = Rc<[Rc<Gitignore>]>;

/// The checkout of a repository. Knows each directory once it was asked for.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
    /// The root of the Git repository; without one, nothing is ignored.
    top: Option<PathBuf>,
    /// The rules that apply in a directory, the nearest ones first.
    rules: RefCell<HashMap<PathBuf, Rules>>,
    ignored: RefCell<HashMap<PathBuf, bool>>,
    /// The files that Git tracks although it ignores them are rare, so the index is read only if a path is ignored.
    tracked: OnceCell<Tracked>,
}

impl Checkout {
    /// The checkout that contains a directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf);
        let mut checkout = Self {
            root: root.to_path_buf(),
            top,
            rules: RefCell::default(),
            ignored: RefCell::default(),
            tracked: OnceCell::new(),
        };
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
            rules: RefCell::default(),
            ignored: RefCell::default(),
            tracked: OnceCell::new(),
        }
    }

    /// Whether the directory belongs to a Git repository.
    #[must_use]
    pub fn is_in_git(&self) -> bool {
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
        if let Some(known) = self.ignored.borrow().get(path) {
            return *known;
        }
        let Some(parent) = path.parent() else { return false };
        let ignored = self.ignores(parent) || self.matches(top, parent, path);
        self.ignored.borrow_mut().insert(path.to_path_buf(), ignored);
        ignored
    }

    /// Whether the rules of the directories from its parent to the root ignore a path; the nearest ones decide.
    fn matches(&self, top: &Path, parent: &Path, path: &Path) -> bool {
        let rules = self.rules(top, parent);
        if rules.is_empty() {
            return false;
        }
        let is_folder = path.is_dir() && !path.is_symlink();
        let decides = |rules: &Rc<Gitignore>| match rules.matched(path, is_folder) {
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
            Match::None => None,
        };
        rules.iter().find_map(decides).unwrap_or(false)
    }

    fn rules(&self, top: &Path, folder: &Path) -> Rules {
        if let Some(known) = self.rules.borrow().get(folder) {
            return Rc::clone(known);
        }
        let above = match folder.parent().filter(|_| folder != top) {
            Some(parent) => self.rules(top, parent),
            None => rules_in(folder, &folder.join(".git/info/exclude")).into_iter().collect(),
        };
        let all = match rules_in(folder, &folder.join(".gitignore")) {
            Some(own) => std::iter::once(own).chain(above.iter().cloned()).collect(),
            None => above,
        };
        self.rules.borrow_mut().insert(folder.to_path_buf(), Rc::clone(&all));
        all
    }

    fn tracks(&self, path: &Path) -> bool {
        let tracked = self.tracked.get_or_init(|| Tracked::read(self.top()));
        path.strip_prefix(self.top()).is_ok_and(|path| tracked.contains(path))
    }
}

/// The rules in a file, for paths below a directory; `None` if there are none.
fn rules_in(folder: &Path, file: &Path) -> Option<Rc<Gitignore>> {
    if !file.is_file() {
        return None;
    }
    let mut builder = ignore::gitignore::GitignoreBuilder::new(folder);
    // An invalid line has no effect, as in Git.
    let _ = builder.add(file);
    builder.build().ok().filter(|rules| !rules.is_empty()).map(Rc::new)
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
