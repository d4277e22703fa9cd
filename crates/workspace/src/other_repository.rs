//! `[[other-repository]]` in charts.toml: where the files of other Git repositories are.

use std::path::{Component, Path};

use argocd::repository_url;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};
use helm::charts_lock::RepositoryPin;

use crate::files::CONFIG_FILE;
use crate::revision;

/// Another Git repository that Applications use.
#[derive(Debug, Clone)]
pub struct OtherRepository {
    /// Its URL, in any form.
    pub url: String,
    /// The `targetRevision` that the entry is for; all if unset.
    pub revision: Option<String>,
    /// Where its files are.
    pub location: Location,
    /// Whether charts.lock pins it, and not charts.toml.
    pub locked: bool,
    /// The place of the entry.
    pub place: Place,
}

/// Where the files of another repository are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a checkout; the path is relative to the root of the workspace.
    Path(String),
    /// In this commit of the remote repository, which `deps` downloads.
    Commit(String),
}

impl OtherRepository {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "other-repository[]", Syntax::Config);
        let url = fields.required_string("url");
        let revision = fields.string("revision");
        let path = fields.string("path");
        let commit = fields.string("commit");
        let mut invalid = |key: &str, message: &str, label: &str| {
            let place = node.get(key).unwrap_or(node).place();
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(place, label));
        };
        if url.as_deref().is_some_and(|url| repository_url::normalized(url).is_empty()) {
            invalid("url", "`other-repository[].url` is not the URL of a Git repository", "");
        }
        let relative = |path: &str| !path.is_empty() && !Path::new(path).is_absolute();
        if path.as_deref().is_some_and(|path| !relative(path)) {
            invalid("path", "`other-repository[].path` must be a relative path", "expected such as `../other`");
        }
        if commit.as_deref().is_some_and(|commit| !revision::is_commit(commit)) {
            let message = "`other-repository[].commit` must be the full name of a commit";
            invalid("commit", message, "expected 40 hexadecimal digits");
        }
        let location = match (path, commit) {
            (Some(path), None) => Some(Location::Path(path)),
            (None, Some(commit)) => Some(Location::Commit(commit.to_lowercase())),
            (None, None) => {
                let label = "the directory of a checkout, or a commit";
                invalid("url", "`other-repository[]` requires `path` or `commit`", label);
                None
            }
            (Some(_), Some(_)) => {
                invalid("commit", "`other-repository[]` must not have both `path` and `commit`", "");
                None
            }
        };
        fields.finish(diagnostics);
        Some(Self { url: url?, revision, location: location?, locked: false, place: node.place() })
    }

    /// The entry for what charts.lock pins.
    pub(crate) fn locked(pin: &RepositoryPin) -> Self {
        Self {
            url: pin.url.clone(),
            revision: Some(pin.revision.clone()),
            location: Location::Commit(pin.commit.clone()),
            locked: true,
            place: pin.place.clone(),
        }
    }

    /// Whether it is the repository of a source with some URL and `targetRevision`.
    #[must_use]
    pub(crate) fn is_for(&self, url: &str, revision: &str) -> bool {
        repository_url::same(&self.url, url) && self.revision.as_deref().is_none_or(|own| own == revision)
    }

    /// The short name of the repository: the last part of its URL.
    #[must_use]
    pub fn name(&self) -> &str {
        repository_url::name(&self.url)
    }

    /// The finding about an entry that no source needs.
    #[must_use]
    pub fn unused(&self) -> Diagnostic {
        let which = self.revision.as_ref().map(|revision| format!(" at `{revision}`")).unwrap_or_default();
        let message = format!("`[[other-repository]]` is not needed: no source is in `{}`{which}", self.url);
        Diagnostic::new(Code::OtherRepositoryUnused, message)
            .at(self.place.clone(), "")
            .help(format!("correct the URL, or delete the entry from {CONFIG_FILE}"))
    }
}

/// A relative path in the form in which it begins names: without `.`, and with one `/` at the end.
#[must_use]
pub fn label(path: &str) -> String {
    let components = Path::new(path).components().filter(|component| *component != Component::CurDir);
    components.map(|component| format!("{}/", component.as_os_str().to_string_lossy())).collect()
}
