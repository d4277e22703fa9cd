//! Other Git repositories, and files that kustomizations refer to by their URLs: `deps --update` pins them in charts.lock,
//! and `deps` downloads what is pinned into the cache.
//!
//! What a base or an Application in another repository refers to is known once that is downloaded, so pinning is repeated
//! until nothing new is found.

use std::collections::{BTreeMap, BTreeSet};

use argocd::repository_url;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result};
use helm::charts_lock::{self, ChartsLock, FilePin, RepositoryPin};
use toolbox::archive::sha256;
use toolbox::environment::Mirror;
use toolbox::progress::Progress;
use toolbox::tools::download;
use toolbox::{atomic_file, links};
use workspace::config::Config;
use workspace::other_repository::{Location, OtherRepository};
use workspace::trees::Remotes;
use workspace::{CONFIG_FILE, Unrendered, Workspace, remote_file, trees};

use crate::commands::{Session, app_of_apps};
use crate::report::json;

/// The limit of rounds, each of which finds what the files of the last one refer to.
const ROUNDS: usize = 8;

/// Downloads the commits and files that charts.toml and charts.lock pin and the cache does not contain.
pub(super) fn download(session: &Session<'_>, diagnostics: &mut Diagnostics) -> Vec<json::Dependency> {
    let source = toolbox::source::read(&session.root, &session.root.join(CONFIG_FILE));
    // Errors in the files are reported when the workspace is loaded.
    let Ok(mut config) = source.and_then(|source| Config::parse(&source)) else { return Vec::new() };
    let Ok(lock) = ChartsLock::load(&session.root) else { return Vec::new() };
    let cache = &session.environment.cache;
    config.add_pins(&lock, cache);
    let mut downloaded = Vec::new();
    for entry in &config.other_repositories {
        let Location::Commit(commit) = &entry.location else { continue };
        if trees::is_downloaded(cache, entry) {
            continue;
        }
        if session.offline {
            let message = format!("commit {commit} of `{}` is not fetched with `--offline`", entry.url);
            let found = Diagnostic::new(Code::DependencyUnavailable, message).at(entry.place.clone(), "");
            diagnostics.push(found.help("run the command without `--offline`"));
        } else if diagnostics.take(trees::download(cache, entry)).is_some() {
            session.printer.status("Fetched", &format!("commit {} of {}", &commit[..8], entry.url));
            let (name, version) = (entry.name().to_owned(), commit.clone());
            downloaded.push(json::Dependency { chart: entry.url.clone(), name, version });
        }
    }
    for pin in &lock.files {
        if remote_file::downloaded(cache, &pin.sha256).is_file() {
            continue;
        }
        let Some(bytes) = diagnostics.take(fetch(session, &pin.url, &pin.place)) else { continue };
        if sha256(&bytes) != pin.sha256 {
            let message = format!("`{}` is not what charts.lock pins", pin.url);
            let found = Diagnostic::new(Code::ArchiveTampered, message).at(pin.place.clone(), "pinned here");
            let found = found.note(format!("found: sha256 {}, {} bytes", sha256(&bytes), bytes.len()));
            diagnostics.push(found.help("if the change is expected, pin it with `cargo xtask deps --update`"));
        } else if diagnostics.take(store(session, &bytes)).is_some() {
            session.printer.status("Downloaded", &pin.url);
            let (name, version) = (pin.url.clone(), pin.sha256.clone());
            downloaded.push(json::Dependency { chart: pin.url.clone(), name, version });
        }
    }
    downloaded
}

/// Whether a name given to `--update` is that of another repository, or the URL of a file.
pub(super) fn are_named(workspace: &Workspace, name: &str) -> bool {
    selects_any(&workspace.remotes, name)
}

fn selects_any(remotes: &Remotes, name: &str) -> bool {
    remotes.repositories.keys().any(|(url, _)| repository_url::name(url) == name || url == name)
        || remotes.files.keys().any(|url| url == name)
}

/// Pins what is asked for: all of it, or what has one of the names. Returns the workspace, what was found in it, and the
/// changes of pins.
pub(super) fn update(
    session: &Session<'_>,
    names: &[String],
    found: &mut Diagnostics,
) -> Result<(Workspace, Diagnostics, Vec<String>)> {
    let mut update = Update { session, names, done: BTreeSet::new(), failed: BTreeMap::new(), changes: Vec::new() };
    let mut round = 0;
    loop {
        let (workspace, diagnostics) = app_of_apps::load(session)?;
        let old = workspace.charts_lock.clone();
        let mut lock = old.clone();
        update.round(&workspace, &mut lock);
        // A file that cannot be read may need any of the pins.
        if workspace.argocd_complete && !workspace.unrendered.iter().any(Unrendered::is_broken) {
            update.drop_unneeded(&workspace.remotes, &mut lock);
        }
        let text = lock.to_text();
        if text == old.to_text() || round == ROUNDS {
            found.extend(update.failures());
            return Ok((workspace, diagnostics, update.changes));
        }
        let path = session.root.join(charts_lock::FILE);
        links::refuse_outside(&session.root, &path)?;
        atomic_file::write(&path, text.as_bytes())?;
        round += 1;
    }
}

/// Whether all Applications that need a repository or a file are knowingly not rendered.
fn is_accepted(workspace: &Workspace, url: &str) -> bool {
    let needed = Fact::Needs(url.to_owned());
    let needs = |one: &&Unrendered| one.reasons.0.iter().any(|reason| reason.is(&needed));
    let mut needing = workspace.unrendered.iter().filter(needs).peekable();
    needing.peek().is_some() && needing.all(|one| workspace.acceptance(one).is_some())
}

struct Update<'a> {
    session: &'a Session<'a>,
    names: &'a [String],
    /// The URLs and revisions that were resolved; of a file, its URL.
    done: BTreeSet<(String, String)>,
    /// The errors of resolving: the first one of each host and reason, with the number of the others.
    failed: BTreeMap<(String, String), (Diagnostic, Vec<String>)>,
    changes: Vec<String>,
}

impl Update<'_> {
    fn selects(&self, name: &str, url: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|one| one == name || one == url)
    }

    fn round(&mut self, workspace: &Workspace, lock: &mut ChartsLock) {
        let remotes = &workspace.remotes;
        for ((url, revision), place) in &remotes.repositories {
            if !self.selects(repository_url::name(url), url) || !self.done.insert((url.clone(), revision.clone())) {
                continue;
            }
            let what = if revision.is_empty() { url.clone() } else { format!("{url} at {revision}") };
            self.session.printer.status("Updating", &what);
            let place = place.clone().unwrap_or_else(|| Place::file(CONFIG_FILE));
            match self.repository(url, revision, &place) {
                Ok(commit) => {
                    let known = lock.repositories.iter().position(|one| one.url == *url && one.revision == *revision);
                    let old = known.map(|index| lock.repositories.remove(index));
                    if old.as_ref().is_none_or(|old| old.commit != commit) {
                        let before = old.map_or("added".to_owned(), |old| format!("{} →", &old.commit[..8]));
                        self.change(&format!("{before} {} of {what}", &commit[..8]));
                    }
                    let (url, revision) = (url.clone(), revision.clone());
                    lock.repositories.push(RepositoryPin { url, revision, commit, place });
                }
                Err(_) if is_accepted(workspace, url) => self.skip(url),
                Err(found) => self.fail(url, found),
            }
        }
        for (url, place) in &remotes.files {
            if !self.selects(repository_url::name(url), url) || !self.done.insert((url.clone(), String::new())) {
                continue;
            }
            self.session.printer.status("Updating", url);
            let digest = fetch(self.session, url, place).and_then(|bytes| store(self.session, &bytes));
            match digest {
                Ok(sha256) => {
                    let known = lock.files.iter().position(|one| one.url == *url);
                    let old = known.map(|index| lock.files.remove(index));
                    if old.as_ref().is_none_or(|old| old.sha256 != sha256) {
                        self.change(&format!("{} {url}", if old.is_some() { "changed" } else { "added" }));
                    }
                    lock.files.push(FilePin { url: url.clone(), sha256, place: place.clone() });
                }
                Err(_) if is_accepted(workspace, url) => self.skip(url),
                Err(found) => self.fail(url, found),
            }
        }
    }

    /// Says that nothing needs what could not be downloaded.
    fn skip(&self, url: &str) {
        self.session.printer.status("Skipped", &format!("{url}: `[[unrendered]]` accepts what needs it"));
    }

    /// Resolves a revision, and downloads its commit.
    fn repository(&self, url: &str, revision: &str, place: &Place) -> Result<String> {
        if self.session.offline {
            let message = format!("`{url}` is not fetched with `--offline`");
            let found = Diagnostic::new(Code::DependencyUnavailable, message).at(place.clone(), "");
            return Err(found.help("run the command without `--offline`").into());
        }
        let commit = trees::resolve(url, revision)?.map_err(|why| {
            Diagnostic::new(Code::DependencyUnavailable, format!("`{url}` cannot be read"))
                .at(place.clone(), "")
                .note(why)
                .help("Git asks for no password: set up a credential helper or an SSH key")
                .help(format!(
                    "or declare a checkout in {CONFIG_FILE}: `[[other-repository]]` with its `url` and `path`"
                ))
        })?;
        let entry = OtherRepository {
            url: url.to_owned(),
            revision: Some(revision.to_owned()),
            location: Location::Commit(commit.clone()),
            locked: true,
            place: place.clone(),
        };
        let cache = &self.session.environment.cache;
        if !trees::is_downloaded(cache, &entry) {
            trees::download(cache, &entry)?;
        }
        Ok(commit)
    }

    fn drop_unneeded(&mut self, remotes: &Remotes, lock: &mut ChartsLock) {
        let mut dropped = Vec::new();
        lock.repositories.retain(|one| {
            let needed = remotes.repositories.contains_key(&(one.url.clone(), one.revision.clone()));
            dropped.extend((!needed).then(|| one.url.clone()));
            needed
        });
        lock.files.retain(|one| {
            let needed = remotes.files.contains_key(&one.url);
            dropped.extend((!needed).then(|| one.url.clone()));
            needed
        });
        for url in dropped {
            self.change(&format!("dropped {url}"));
        }
    }

    fn change(&mut self, line: &str) {
        self.session.printer.result(&format!("{line}\n"));
        self.changes.push(line.to_owned());
    }

    fn fail(&mut self, url: &str, found: Diagnostics) {
        let host = url.split("://").nth(1).unwrap_or(url).split(['/', ':']).next().unwrap_or_default().to_owned();
        for one in found.0 {
            let reason = one.notes.first().map(|note| note.replace(url, "")).unwrap_or_default();
            let known = self.failed.entry((host.clone(), reason)).or_insert_with(|| (one, Vec::new()));
            known.1.push(url.to_owned());
        }
    }

    fn failures(&mut self) -> Diagnostics {
        let failed = std::mem::take(&mut self.failed).into_values().map(|(found, mut urls)| {
            urls.dedup();
            match urls.get(1..).unwrap_or_default() {
                [] => found,
                others => found.note(format!("the same with {}", others.join(", "))),
            }
        });
        Diagnostics(failed.collect())
    }
}

/// The content of a file: from the directory that is a mirror, at the path of its URL, or downloaded.
fn fetch(session: &Session<'_>, url: &str, place: &Place) -> Result<Vec<u8>> {
    let unavailable = |message: String| Diagnostic::new(Code::DependencyUnavailable, message).at(place.clone(), "");
    if let Some(Mirror::Folder(folder)) = &session.environment.mirror {
        let path = url.split("://").nth(1).unwrap_or(url).split(['?', '#']).next().unwrap_or_default();
        let inside = !path.split('/').any(|part| part == "..");
        if let Some(bytes) = inside.then(|| toolbox::regular_file::read(folder.join(path)).ok()).flatten() {
            return Ok(bytes);
        }
    }
    if session.offline {
        let found = unavailable(format!("`{url}` is not downloaded with `--offline`"));
        return Err(found.help("run the command without `--offline`").into());
    }
    download::file(url)?.map_err(|why| {
        let help = "download it by other means into this repository, and declare the copy in charts.toml: `[[remote-file]]` \
                    with its `url` and `path`";
        unavailable(format!("`{url}` cannot be downloaded")).note(why).help(help).into()
    })
}

/// Writes a file into the cache, and returns its digest.
fn store(session: &Session<'_>, bytes: &[u8]) -> Result<String> {
    let digest = sha256(bytes);
    let path = remote_file::downloaded(&session.environment.cache, &digest);
    atomic_file::write(&path, bytes)?;
    Ok(digest)
}
