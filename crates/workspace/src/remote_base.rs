//! Remote references of kustomizations: bases in other Git repositories, and files by HTTP.
//!
//! A base is read from a repository that charts.toml declares, and a file from such a repository or from a copy that
//! `[[remote-file]]` names. Anything else is not rendered: nothing is downloaded in a build.

use std::path::{Path, PathBuf};

use argocd::repository_url;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Result};
use document::Node;
use kustomize::inspect::{self, Inspection, Remote};
use kustomize::remote::{self, Address};
use toolbox::archive::sha256;
use toolbox::inputs;

use crate::config::Config;
use crate::files::CONFIG_FILE;
use crate::tree::{Shared, Tree};
use crate::trees::Trees;

/// The limit of bases that refer to further ones.
const MAX_DEPTH: usize = 8;

/// A base or a file that kustomize would download.
#[derive(Debug)]
pub struct RemoteBase {
    /// Its address, and where it is referred to.
    pub remote: Remote,
    /// The root of the directory that contains it.
    pub root: PathBuf,
    /// The absolute path of the file, or of the directory of the kustomization.
    pub path: PathBuf,
    /// The inspection of the base; `None` for a file.
    pub inspection: Option<Inspection>,
    /// The files and repositories that the base would download.
    pub remotes: Vec<RemoteBase>,
}

impl RemoteBase {
    /// The name and digest of everything that it reads.
    pub(crate) fn input(&self) -> Result<(String, String)> {
        let mut text = String::new();
        match &self.inspection {
            Some(inspection) => {
                for (name, digest) in inspection.inputs(&self.root)? {
                    text.push_str(&format!("{name} {digest}\n"));
                }
            }
            None => text.push_str(&inputs::file_digest(&self.path)?),
        }
        for one in &self.remotes {
            let (name, digest) = one.input()?;
            text.push_str(&format!("{name} {digest}\n"));
        }
        Ok((format!("remote {}", self.remote.address), format!("sha256:{}", sha256(text.as_bytes()))))
    }
}

/// Finds what kustomize would download.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteBases<'a> {
    pub root: &'a Path,
    pub config: &'a Config,
    pub trees: &'a Trees<'a>,
}

impl RemoteBases<'_> {
    /// Finds everything that a build would download.
    pub(crate) fn find(self, inspection: &Inspection) -> Result<Vec<RemoteBase>> {
        self.within(inspection, 0)
    }

    fn within(self, inspection: &Inspection, depth: usize) -> Result<Vec<RemoteBase>> {
        let mut diagnostics = Diagnostics::default();
        let mut found = Vec::new();
        for remote in &inspection.remotes {
            found.extend(diagnostics.take(self.one(inspection, remote, depth)));
        }
        diagnostics.into_result(found)
    }

    fn one(self, inspection: &Inspection, remote: &Remote, depth: usize) -> Result<RemoteBase> {
        let file = &remote.place.source.name;
        let Some(kustomization) = inspection.kustomizations.iter().find(|one| one.source.name == *file) else {
            return Err(
                refused(remote, "only kustomizations may refer to it here", "refer to it in a kustomization").into()
            );
        };
        let annotates = |node: &Node| node.items().iter().any(|item| item.as_str() == Some("originAnnotations"));
        if kustomization.root.get("buildMetadata").is_some_and(annotates) {
            let message = "`buildMetadata: [originAnnotations]` is not supported with it";
            return Err(refused(remote, message, "remove `originAnnotations`").into());
        }
        if depth >= MAX_DEPTH {
            return Err(refused(remote, "it is too deeply nested", "copy it into this repository").into());
        }
        if let Some(entry) = self.config.remote_files.iter().find(|entry| entry.url == remote.address) {
            let path = self.root.join(&entry.path);
            if entry.sha256.is_some() {
                self.want(remote);
                if !path.is_file() {
                    return Err(refused(remote, "it is pinned, but not downloaded", "run `cargo xtask deps`").into());
                }
                if entry.differs() {
                    let help = format!("delete `{}`, and run `cargo xtask deps`", path.display());
                    return Err(refused(remote, "its copy in the cache is not what charts.lock pins", help).into());
                }
            }
            if !path.is_file() {
                let message = format!("`{}` in {CONFIG_FILE} does not exist", entry.path);
                return Err(Diagnostic::new(Code::NotRendered, message)
                    .at(remote.place.clone(), "kustomize would download it")
                    .at(entry.place.clone(), "names the copy")
                    .help(format!("download it: `curl --location --create-dirs --output {} {}`", entry.path, entry.url))
                    .into());
            }
            let (remote, root) = (remote.clone(), self.root.to_path_buf());
            return Ok(RemoteBase { remote, root, path, inspection: None, remotes: Vec::new() });
        }
        if let Some(address) = remote::raw_file(&remote.address).filter(|address| self.declares(address, false)) {
            let (root, _) = self.files(remote, &address)?;
            let path = inspect::clean(&root.join(&address.path));
            if !path.is_file() {
                return Err(absent(remote, &address).into());
            }
            return Ok(RemoteBase { remote: remote.clone(), root, path, inspection: None, remotes: Vec::new() });
        }
        let base = remote::repository(&remote.address).filter(|address| !is_asset(address));
        let Some(address) = base.filter(|address| self.declares(address, true)) else {
            self.want(remote);
            return Err(unknown(remote).into());
        };
        self.trees.ask(&address.repository, &address.revision, Some(&remote.place));
        let (root, tree) = self.files(remote, &address)?;
        let path = inspect::clean(&root.join(&address.path));
        if !path.is_dir() || !path.starts_with(&root) {
            return Err(absent(remote, &address).into());
        }
        let checkout = tree.as_deref().map(Tree::checkout);
        let ignored = |path: &Path| checkout.as_ref().is_some_and(|checkout| checkout.lacks(path));
        let base = inspect::inspect(&root, &path, &[], &[], &ignored);
        if !base.charts.is_empty() {
            return Err(refused(remote, "it inflates charts", "copy it into this repository").into());
        }
        let remotes = self.within(&base, depth + 1).map_err(|mut found| {
            for one in &mut found.0 {
                one.notes.push(format!("in the files of `{}`", remote.address));
            }
            found
        })?;
        Ok(RemoteBase { remote: remote.clone(), root, path, inspection: Some(base), remotes })
    }

    /// Whether charts.toml says where the files of a repository are; with `locked`, or charts.lock.
    fn declares(self, address: &Address, locked: bool) -> bool {
        let same = |url: &str| repository_url::same(url, &address.repository);
        let entries = self.config.other_repositories.iter();
        let mut entries = entries.filter(|entry| {
            if entry.locked { locked && entry.is_for(&address.repository, &address.revision) } else { same(&entry.url) }
        });
        same(&self.config.repository) || entries.next().is_some()
    }

    /// Remembers what `deps --update` would pin.
    fn want(self, remote: &Remote) {
        match repository_of(remote) {
            Some(address) => self.trees.ask(&address.repository, &address.revision, Some(&remote.place)),
            None if remote::is_url(&remote.address) => {
                let mut remotes = self.trees.remotes.borrow_mut();
                remotes.files.insert(remote.address.clone(), remote.place.clone());
            }
            None => {}
        }
    }

    /// The directory with the files of a repository.
    fn files(self, remote: &Remote, address: &Address) -> Result<(PathBuf, Option<Shared>)> {
        let found = self.trees.find(&address.repository, &address.revision, "");
        let tree =
            found.map_err(|missing| refused(remote, &missing.message, missing.help.unwrap_or_else(|| "".into())))?;
        Ok((tree.as_ref().map_or_else(|| self.root.to_path_buf(), |tree| tree.root.clone()), tree))
    }
}

/// The repository that an address surely names; `None` if it may be that of a file.
fn repository_of(remote: &Remote) -> Option<Address> {
    if remote::raw_file(&remote.address).is_some() {
        return None;
    }
    remote::repository(&remote.address).filter(|address| address.is_certain() && !is_asset(address))
}

/// The finding about something of which neither charts.toml nor charts.lock says anything.
fn unknown(remote: &Remote) -> Diagnostic {
    let file = remote::raw_file(&remote.address);
    let base = remote::repository(&remote.address).filter(|address| file.is_none() && !is_asset(address));
    let found = Diagnostic::new(Code::NotRendered, format!("`{}` is outside of this repository", remote.address))
        .fact(Fact::Elsewhere)
        .fact(Fact::File(remote.address.clone()))
        .fact(Fact::Needs(remote.address.clone()))
        .at(remote.place.clone(), "kustomize would download it")
        .help("pin it with `cargo xtask deps --update`");
    match file.or(base).filter(Address::is_certain) {
        Some(address) => found.help(format!(
            "or declare its repository in {CONFIG_FILE}: `[[other-repository]]` with `url = \"{}\"`, and the `path` of a \
             checkout or a `commit`; or copy it into this repository",
            address.repository
        )),
        None => found.help(format!(
            "or download it into this repository, and declare the copy in {CONFIG_FILE}: `[[remote-file]]` with its `url` \
             and `path`"
        )),
    }
}

/// Whether an address is that of a file of a release, which is in no repository.
fn is_asset(address: &Address) -> bool {
    address.path.starts_with("releases/")
}

fn refused(remote: &Remote, why: &str, help: impl Into<Help>) -> Diagnostic {
    Diagnostic::new(Code::NotRendered, format!("`{}` cannot be built: {why}", remote.address))
        .fact(Fact::Needs(remote.address.clone()))
        .at(remote.place.clone(), "kustomize would download it")
        .help(help)
}

fn absent(remote: &Remote, address: &Address) -> Diagnostic {
    let what = if address.path.is_empty() { "." } else { &address.path };
    Diagnostic::new(Code::NotRendered, format!("`{}` does not contain `{what}`", address.repository))
        .fact(Fact::Needs(address.repository.clone()))
        .at(remote.place.clone(), "kustomize would download it")
        .help(format!("correct the path, or the commit or checkout in {CONFIG_FILE}"))
}
