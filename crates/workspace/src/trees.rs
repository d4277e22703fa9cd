//! Finds the files of repositories at revisions: in the checkout, in the objects of a clone, in another checkout, or in a
//! commit that `deps` downloaded.
//!
//! Files that are not checked out are written into the cache, below the name of their commit. They are never read from a work tree.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use argocd::application::Source;
use argocd::repository_url;
use argocd::value_files::clean;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Place, Result, did_you_mean, nearest, nearest_within};
use document::Node;
use toolbox::archive::sha256;
use toolbox::git::Repository;
use toolbox::scratch;

use crate::config::Config;
use crate::files::CONFIG_FILE;
use crate::other_repository::{Location, OtherRepository, label};
use crate::revision::{self, Known};
use crate::tree::{Shared, Tree};

/// The directory of the trees in the cache.
const TREES: &str = "revisions";

/// The number of edits by which a URL with a typo differs.
const TYPOS: usize = 2;

/// The directory of downloaded repositories in the cache.
const REPOSITORIES: &str = "repositories";

/// The number of trees that the cache keeps in any case, and the age after which others are deleted.
const KEPT: usize = 32;
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why the files of a repository at a revision are unavailable.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    code: Code,
    pub message: String,
    label: String,
    pub help: Option<Help>,
}

/// Other repositories and files, which `deps --update` pins.
#[derive(Debug, Clone, Default)]
pub struct Remotes {
    /// The URLs and revisions of repositories, with a place that asks for each.
    pub repositories: BTreeMap<(String, String), Option<Place>>,
    /// The URLs of files, with a place that asks for each.
    pub files: BTreeMap<String, Place>,
}

impl Remotes {
    /// Adds others.
    pub fn extend(&mut self, other: Self) {
        for (key, place) in other.repositories {
            let known = self.repositories.entry(key).or_default();
            *known = known.take().or(place);
        }
        self.files.extend(other.files);
    }
}

/// The URL of a repository, a revision, and a prefix of tags.
type Wanted = (String, String, String);

/// Finds the files of repositories. Knows each repository once it was asked for.
#[derive(Debug)]
pub(crate) struct Trees<'a> {
    root: &'a Path,
    config: &'a Config,
    cache: &'a Path,
    top: PathBuf,
    found: RefCell<BTreeMap<Wanted, std::result::Result<Option<Shared>, Missing>>>,
    clones: RefCell<BTreeMap<PathBuf, Rc<LocalClone>>>,
    /// The indexes of the entries in charts.toml that were needed.
    pub used: RefCell<BTreeSet<usize>>,
    /// The requested repositories and files that charts.toml does not declare.
    pub remotes: RefCell<Remotes>,
}

/// A clone, and its references once they are needed.
#[derive(Debug)]
struct LocalClone {
    repository: Option<Repository>,
    known: std::cell::OnceCell<Result<Known>>,
}

impl<'a> Trees<'a> {
    /// For a workspace, whose repository is at `top`.
    pub(crate) fn new(root: &'a Path, config: &'a Config, cache: &'a Path, top: &Path) -> Self {
        Self {
            root,
            config,
            cache,
            top: top.to_path_buf(),
            found: RefCell::default(),
            clones: RefCell::default(),
            used: RefCell::default(),
            remotes: RefCell::default(),
        }
    }

    /// The line of charts.toml with the repository.
    fn repository_line(&self) -> Place {
        let source = &self.config.source;
        let line = source.text.lines().position(|line| line.trim_start().starts_with("repository"));
        line.map_or_else(|| Place::file(source.name.clone()), |index| Place::line(source, index + 1))
    }

    /// The tree with the files of a source; `None` if they are in the checkout.
    pub(crate) fn of(&self, source: &Source) -> Result<Option<Shared>> {
        let prefix = source.node.get("tagPrefix").and_then(Node::as_str).unwrap_or_default();
        if prefix.is_empty() && !self.is_own(&source.repository) && !self.is_renamed(source) {
            self.ask(&source.repository, &source.target_revision, Some(&source.repository_place));
        }
        self.find(&source.repository, &source.target_revision, prefix).map_err(|missing| {
            let own = missing.code == Code::NotRendered && self.is_own(&source.repository);
            let place = source.node.get("targetRevision").filter(|_| own);
            let place = place.map_or_else(|| source.repository_place.clone(), Node::place);
            let mut found = Diagnostic::new(missing.code, missing.message).at(place, missing.label);
            found = missing.help.into_iter().fold(found, Diagnostic::help);
            if missing.code == Code::NotRendered && !own && !self.declared(source) && self.is_renamed(source) {
                // The same name or nearly the same URL, and the same path here, mean that the URL is wrong or old, not
                // that the source is elsewhere.
                found = Diagnostic::new(
                    Code::RepositoryMismatch,
                    format!("Application uses a different repository than {CONFIG_FILE}"),
                )
                .at(source.repository_place.clone(), format!("{CONFIG_FILE} has `{}`", self.config.repository))
                .at(self.repository_line(), "another repository")
                .help(format!("change the URL here, or `repository` in {CONFIG_FILE}"));
            } else if missing.code == Code::NotRendered && !own && !self.declared(source) && self.is_here(source) {
                found.helps.push(format!(
                    "or, if it is this repository, since `{}` is here, change the URL here, or `repository` in {CONFIG_FILE}",
                    source.path
                ));
            }
            found.into()
        })
    }

    /// Remembers that something asks for a repository that charts.toml does not declare.
    pub(crate) fn ask(&self, url: &str, revision: &str, place: Option<&Place>) {
        let declared = self.config.other_repositories.iter().any(|one| !one.locked && one.is_for(url, revision));
        if self.is_own(url)
            || declared
            || !repository_url::names_server(url)
            || repository_url::normalized(url).is_empty()
        {
            return;
        }
        let mut remotes = self.remotes.borrow_mut();
        let known = remotes.repositories.entry((url.to_owned(), revision.to_owned())).or_default();
        *known = known.take().or_else(|| place.cloned());
    }

    /// The tree with the files of a repository at a revision; `None` if they are in the checkout.
    pub(crate) fn find(&self, url: &str, revision: &str, prefix: &str) -> std::result::Result<Option<Shared>, Missing> {
        let key = (url.to_owned(), revision.to_owned(), prefix.to_owned());
        if let Some(known) = self.found.borrow().get(&key) {
            return known.clone();
        }
        let found = self.locate(url, revision, prefix);
        self.found.borrow_mut().insert(key, found.clone());
        found
    }

    fn is_own(&self, url: &str) -> bool {
        repository_url::same(url, &self.config.repository)
    }

    fn declared(&self, source: &Source) -> bool {
        self.config.other_repositories.iter().any(|entry| repository_url::same(&entry.url, &source.repository))
    }

    fn is_renamed(&self, source: &Source) -> bool {
        let (url, own) =
            [&source.repository, &self.config.repository].map(|url| repository_url::normalized(url)).into();
        // One with a longer name is another one, such as `home-secrets` beside `home`, and so is `kargo` beside `argo`:
        // nobody mistypes the first letter.
        let (name, own_name) = (repository_url::name(&url), repository_url::name(&own));
        let typo =
            name.chars().next() == own_name.chars().next() && nearest_within(&url, TYPOS, [own.as_str()]).is_some();
        let similar = name == own_name || typo;
        similar && self.is_here(source)
    }

    fn is_here(&self, source: &Source) -> bool {
        let is_top = matches!(source.path.trim_matches(['.', '/']), "");
        !is_top && self.root.join(source.path.trim_start_matches('/')).exists()
    }

    fn locate(&self, url: &str, revision: &str, prefix: &str) -> std::result::Result<Option<Shared>, Missing> {
        let entries = self.config.other_repositories.iter().enumerate();
        let mut fitting: Vec<_> = entries.filter(|(_, entry)| entry.is_for(url, revision)).collect();
        // An entry for the revision takes precedence over one for all revisions.
        fitting.sort_by_key(|(_, entry)| entry.revision.is_none());
        if let Some((index, entry)) = fitting.first() {
            self.used.borrow_mut().insert(*index);
            return self.other(entry, revision, prefix).map(Some);
        }
        if self.is_own(url) {
            if revision::is_checkout(&self.top, self.config.branch.as_deref(), revision) {
                return Ok(None);
            }
            let tree = self.at_revision(self.root, &self.config.repository, revision, prefix, format!("{revision}:"));
            return tree.map(Some);
        }
        if !url.contains([':', '/']) {
            let help = "set the URL of a repository; if something replaces this text before it is applied, exclude the file with \
                        `argocd.exclude` in charts.toml, and declare what replaces it with `[[bootstrap]]`";
            return Err(Missing::new(format!("`{url}` is not a URL"), String::new(), help));
        }
        let label = format!("{CONFIG_FILE} has `{}`", self.config.repository);
        if !repository_url::names_server(url) {
            let help = "begin it with `oci://` if it is an artifact of a registry, or with `https://` if it is a Git repository";
            let message = format!("`{url}` is the path of a Git repository to Argo CD: it has no scheme");
            return Err(Missing::new(message, String::new(), help));
        }
        let help = "pin its commit with `cargo xtask deps --update`, or declare it in charts.toml: `[[other-repository]]` with \
                    its `url`, and the `path` of a checkout or a `commit`";
        let help = Help::from(help).fact(Fact::Needs(url.to_owned()));
        Err(Missing::new(format!("`{url}` is another repository"), label, help))
    }

    /// The tree of another repository.
    fn other(&self, entry: &OtherRepository, revision: &str, prefix: &str) -> std::result::Result<Shared, Missing> {
        match &entry.location {
            Location::Path(path) => {
                let root = clean(&self.root.join(path));
                if !root.is_dir() {
                    let message = format!("`{path}`, the checkout of `{}`, does not exist", entry.url);
                    let help = format!("clone the repository there, or correct `path` in {CONFIG_FILE}");
                    let help = Help::from(help).fact(Fact::Needs(entry.url.clone()));
                    return Err(Missing::new(message, String::new(), help));
                }
                let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root).to_path_buf();
                let name = label(path);
                // A directory in the repository of the workspace is no clone of its own.
                if top == self.top || revision::is_checkout(&top, None, revision) {
                    return Ok(Tree::new(root, name, None));
                }
                let label = format!("{}@{revision}:", name.trim_end_matches('/'));
                self.at_revision(&root, &entry.url, revision, prefix, label)
            }
            Location::Commit(commit) => {
                if revision::is_commit(revision) && !revision.eq_ignore_ascii_case(commit) {
                    let message = format!("`{revision}` is not the commit that {CONFIG_FILE} pins");
                    let help = format!("set `commit = \"{revision}\"` in `[[other-repository]]`");
                    return Err(Missing::new(message, format!("{CONFIG_FILE} pins {commit}"), &help));
                }
                let label = format!("{}@{}:", entry.name(), &commit[..8]);
                let bare = downloaded(self.cache, &entry.url);
                if !self.cache.join(TREES).join(commit).is_dir() && !is_downloaded(self.cache, entry) {
                    let message = format!("commit {} of `{}` is not downloaded", &commit[..8], entry.url);
                    let help = Help::from("run `cargo xtask deps`").fact(Fact::Needs(entry.url.clone()));
                    return Err(Missing::new(message, String::new(), help));
                }
                self.export(Repository::bare(&bare).as_ref(), commit, commit, label)
            }
        }
    }

    /// A revision of a clone, out of its objects.
    fn at_revision(
        &self,
        folder: &Path,
        url: &str,
        revision: &str,
        prefix: &str,
        label: String,
    ) -> std::result::Result<Shared, Missing> {
        let clone = self.clone_at(folder);
        let Some(repository) = &clone.repository else {
            let message = format!("`{revision}` is not what is checked out, and git is not on PATH");
            return Err(Missing::new(message, "Argo CD renders this revision".to_owned(), "install git"));
        };
        let known = clone.known.get_or_init(|| known(repository, url));
        let known = known.as_ref().map_err(Missing::failed)?;
        let named = if revision::is_commit(revision) { None } else { known.commit(revision, prefix) };
        let commit = match named {
            Some(commit) => Some(commit.to_owned()),
            None if revision::is_short_commit(revision) => {
                repository.commit(revision).map_err(|found| Missing::failed(&found))?
            }
            None => None,
        };
        let Some(commit) = commit else { return Err(unknown(folder == self.root, revision, known)) };
        // A workspace below the root of the repository has its files there.
        let below = folder.join(".git").exists();
        let name = if below {
            commit.clone()
        } else {
            format!("{commit}-{}", &sha256(folder.as_os_str().as_encoded_bytes())[..8])
        };
        self.export(Some(repository), &commit, &name, label)
    }

    fn clone_at(&self, folder: &Path) -> Rc<LocalClone> {
        let mut clones = self.clones.borrow_mut();
        let clone = clones.entry(folder.to_path_buf()).or_insert_with(|| {
            Rc::new(LocalClone { repository: Repository::around(folder), known: std::cell::OnceCell::new() })
        });
        Rc::clone(clone)
    }

    /// The files of a commit, written into the cache under a name unless they are there.
    fn export(
        &self,
        repository: Option<&Repository>,
        commit: &str,
        name: &str,
        label: String,
    ) -> std::result::Result<Shared, Missing> {
        let trees = self.cache.join(TREES);
        let root = trees.join(name);
        if !root.is_dir() {
            write(repository, commit, &trees, &root)?;
            prune(&trees);
        }
        Ok(Tree::new(root, label, Some(commit.to_owned())))
    }
}

impl Missing {
    /// The reason as one line.
    pub(crate) fn reason(&self) -> String {
        match self.label.as_str() {
            label if label.starts_with(CONFIG_FILE) => format!("{}; {label}", self.message),
            _ => self.message.clone(),
        }
    }

    fn new(message: String, label: String, help: impl Into<Help>) -> Self {
        Self { code: Code::NotRendered, message, label, help: Some(help.into()) }
    }

    /// Something that should not fail has failed.
    fn failed(found: &Diagnostics) -> Self {
        let first = found.0.first();
        Self {
            code: first.map_or(Code::NotRendered, |first| first.code),
            message: first.map(|first| first.message.clone()).unwrap_or_default(),
            label: String::new(),
            help: None,
        }
    }
}

/// Writes the files of a commit: all of them, or none.
fn write(repository: Option<&Repository>, commit: &str, trees: &Path, root: &Path) -> std::result::Result<(), Missing> {
    let failed = |error: &std::io::Error| Missing::failed(&Diagnostic::io("write", root, error).into());
    let Some(repository) = repository else {
        return Err(Missing::new(format!("commit {commit} cannot be read"), String::new(), "install git"));
    };
    std::fs::create_dir_all(trees).map_err(|error| failed(&error))?;
    let staged = scratch::directory_in(trees, ".xtask-").map_err(|error| failed(&error))?;
    let files = staged.path().join("files");
    std::fs::create_dir(&files).map_err(|error| failed(&error))?;
    let exported = repository.export(commit, &files).map_err(|found| Missing::failed(&found))?;
    exported.map_err(|why| {
        let help = "make the clone complete: `git fetch --unshallow`, or `git fetch --refetch --filter=`";
        Missing::new(format!("commit {} cannot be read: {why}", &commit[..8.min(commit.len())]), String::new(), help)
    })?;
    match std::fs::rename(&files, root) {
        // Another process wrote it at the same time.
        Err(_) if root.is_dir() => Ok(()),
        Err(error) => Err(failed(&error)),
        Ok(()) => Ok(()),
    }
}

/// Deletes the oldest trees, so that the cache does not grow with each commit of a branch.
fn prune(trees: &Path) {
    let entries = std::fs::read_dir(trees).into_iter().flatten().flatten();
    let mut all: Vec<(SystemTime, PathBuf)> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    all.sort_unstable_by(|left, right| right.cmp(left));
    for (time, path) in all.into_iter().skip(KEPT) {
        if time.elapsed().is_ok_and(|age| age > MAX_AGE) {
            // A directory that cannot be deleted only takes space.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn known(repository: &Repository, url: &str) -> Result<Known> {
    let mut remotes = repository.named_remotes()?;
    remotes.sort_by_key(|(name, other)| (!repository_url::same(url, other), name != "origin"));
    Ok(Known { references: repository.references()?, remotes: remotes.into_iter().map(|(name, _)| name).collect() })
}

/// The reason for a revision that a clone does not have.
fn unknown(own: bool, revision: &str, known: &Known) -> Missing {
    let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    let is_version = revision::is_version(name);
    let near = nearest(name, known.names()).filter(|_| !is_version && !revision::is_short_commit(name));
    let message = format!("revision `{revision}` is not in this clone");
    let label = "Argo CD renders this revision".to_owned();
    let help = if revision::is_commit(revision) {
        format!("fetch it: `git fetch origin {revision}`")
    } else if revision::is_short_commit(revision) {
        "fetch the whole history: `git fetch --unshallow`".to_owned()
    } else if is_version {
        "fetch the tags: `git fetch origin --tags`".to_owned()
    } else if let Some(near) = near {
        return Missing::new(message, label, did_you_mean(near));
    } else if name.starts_with("refs/") {
        format!("fetch it: `git fetch origin +{name}:{name}`")
    } else {
        let fetch = format!("fetch it: `git fetch origin +refs/heads/{name}:refs/remotes/origin/{name}`");
        let declare = format!("; if this is a checkout of it, set `branch = \"{name}\"` in {CONFIG_FILE}");
        if own { fetch + &declare } else { fetch }
    };
    Missing::new(message, label, help)
}

/// The directory in the cache into which a repository is downloaded.
fn downloaded(cache: &Path, url: &str) -> PathBuf {
    cache.join(REPOSITORIES).join(&sha256(repository_url::normalized(url).as_bytes())[..16])
}

/// Whether the cache contains the pinned commit of another repository.
#[must_use]
pub fn is_downloaded(cache: &Path, entry: &OtherRepository) -> bool {
    let Location::Commit(commit) = &entry.location else { return true };
    cache.join(TREES).join(commit).is_dir()
        || Repository::bare(&downloaded(cache, &entry.url))
            .is_some_and(|repository| repository.commit(commit).is_ok_and(|found| found.is_some()))
}

/// The commit that a revision of a remote repository is now; fails with the reason.
pub fn resolve(url: &str, revision: &str) -> Result<std::result::Result<String, String>> {
    if revision::is_commit(revision) {
        return Ok(Ok(revision.to_lowercase()));
    }
    let references = match toolbox::git::remote_references(url)? {
        Ok(references) => references,
        Err(why) => return Ok(Err(why)),
    };
    let known = Known { references, remotes: Vec::new() };
    let name = if revision.is_empty() { "HEAD" } else { revision };
    let head = || known.references.iter().find(|one| one.name == name).map(|one| one.commit.as_str());
    let found = if name == "HEAD" { head() } else { known.commit(name, "") };
    Ok(found.map(str::to_owned).ok_or_else(|| format!("the repository has no branch or tag `{name}`")))
}

/// Downloads the pinned commit of another repository into the cache.
pub fn download(cache: &Path, entry: &OtherRepository) -> Result<()> {
    let Location::Commit(commit) = &entry.location else { return Ok(()) };
    toolbox::git::fetch(&entry.url, commit, &downloaded(cache, &entry.url))?.map_err(|why| {
        Diagnostic::new(Code::DependencyUnavailable, format!("commit {commit} of `{}` cannot be fetched", entry.url))
            .at(entry.place.clone(), "")
            .note(why)
            .help(
                "correct the URL and the commit; Git asks for no password, so set up a credential helper or an SSH key",
            )
            .into()
    })
}
