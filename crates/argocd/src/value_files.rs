//! Resolution of `valueFiles` and `fileParameters`, like in Argo CD 3.5.
//!
//! A relative path starts at the chart, an absolute path at the root of the repository. Symbolic links are followed, and
//! must not leave the repository. Each file is used once; one that is also listed explicitly is not expanded from a glob.
//! Value files from URLs are not supported, since the render would not only depend on the commit.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};

use crate::application::Application;
use crate::glob;
use crate::substitute::{self, Variables};

/// Resolves the paths of an Application.
#[derive(Debug)]
pub struct Resolver<'a> {
    /// The absolute path of the repository's root.
    pub root: &'a Path,
    /// The absolute path of the chart.
    pub chart: &'a Path,
    /// The values of `$ARGOCD_APP_*`.
    pub variables: &'a Variables,
    /// Whether to expand globs, which Argo CD does since 3.5.
    pub globs: bool,
}

impl Resolver<'_> {
    /// The absolute paths of the value files, in Helm's order.
    pub fn value_files(
        &self,
        application: &Application,
        entries: &[(String, Place)],
        ignore_missing: bool,
    ) -> Result<Vec<PathBuf>> {
        let mut diagnostics = Diagnostics::default();
        let resolved: Vec<_> = entries.iter().map(|(raw, place)| (raw, place, self.resolve(raw, place))).collect();
        let explicit: BTreeSet<PathBuf> = resolved
            .iter()
            .filter_map(|(_, _, path)| path.as_ref().ok())
            .filter(|path| !is_glob(path))
            .cloned()
            .collect();

        let mut files: Vec<PathBuf> = Vec::new();
        for (raw, place, path) in resolved {
            let Some(path) = diagnostics.take(path) else { continue };
            let found = if is_glob(&path) && self.globs {
                let matches = diagnostics.take(self.expand(&path, raw, place)).unwrap_or_default();
                if matches.is_empty() && !ignore_missing && !diagnostics.has_errors() {
                    diagnostics.push(
                        Diagnostic::new(Code::ValuesFileMissing, format!("no file matches `{raw}`"))
                            .at((*place).clone(), "")
                            .help("correct the pattern, or set `ignoreMissingValueFiles: true`"),
                    );
                }
                matches.into_iter().filter(|file| !explicit.contains(file)).collect()
            } else if path.exists() {
                vec![path]
            } else {
                if !ignore_missing {
                    diagnostics.push(self.missing(application, raw, place, &path));
                }
                continue;
            };
            for file in found {
                if file.strip_prefix(self.root).unwrap_or(&file).to_string_lossy().contains([',', '"']) {
                    diagnostics.push(
                        Diagnostic::new(
                            Code::ApplicationInvalid,
                            format!("Helm splits the file name `{}`", file.display()),
                        )
                        .at((*place).clone(), "contains a comma or a quote")
                        .help("rename the file"),
                    );
                }
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        diagnostics.into_result(files)
    }

    /// The absolute path of a `fileParameters` entry.
    pub fn file_parameter(&self, application: &Application, raw: &str, place: &Place) -> Result<PathBuf> {
        let path = self.resolve(raw, place)?;
        if path.is_file() {
            return Ok(path);
        }
        let mut missing = self.missing(application, raw, place, &path);
        // `ignoreMissingValueFiles` has no effect on file parameters.
        missing.helps = vec![format!("create it, or remove it from Application `{}`", application.name)];
        Err(missing.into())
    }

    fn missing(&self, application: &Application, raw: &str, place: &Place, path: &Path) -> Diagnostic {
        let shown = path.strip_prefix(self.root).unwrap_or(path).display().to_string();
        let diagnostic = Diagnostic::new(Code::ValuesFileMissing, format!("`{raw}` does not exist"))
            .at(place.clone(), format!("resolves to `{shown}`"));
        if is_glob(path) && !self.globs {
            return diagnostic.help("list the files; Argo CD expands globs only since 3.5");
        }
        let names: Vec<String> = path
            .parent()
            .and_then(|folder| std::fs::read_dir(folder).ok())
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml"))
            .collect();
        let wanted = path.file_name().unwrap_or_default().to_string_lossy();
        match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!(
                "create it, remove it from Application `{}`, or set `ignoreMissingValueFiles: true`",
                application.name
            )),
        }
    }

    /// The absolute path of an entry, which may not exist.
    fn resolve(&self, raw: &str, place: &Place) -> Result<PathBuf> {
        let text = substitute::expand(raw, self.variables);
        if let Some(scheme) = url_scheme(&text) {
            return Err(Diagnostic::new(
                Code::NotRendered,
                format!("value file `{raw}` is a URL, which is not supported"),
            )
            .at(place.clone(), format!("scheme `{scheme}`"))
            .help("commit the file to this repository")
            .into());
        }
        let joined = match text.strip_prefix('/') {
            Some(rest) => self.root.join(rest.trim_start_matches('/')),
            None => self.chart.join(&text),
        };
        let mut path = clean(&joined);
        for _ in 0..10 {
            let Ok(target) = std::fs::read_link(&path) else { break };
            let folder = path.parent().unwrap_or(self.root);
            path = clean(&folder.join(target));
        }
        if path == self.root || !path.starts_with(self.root) {
            return Err(Diagnostic::new(Code::ApplicationInvalid, format!("`{raw}` is outside the repository"))
                .at(place.clone(), "rejected by Argo CD")
                .into());
        }
        if path.is_dir() {
            return Err(Diagnostic::new(Code::ApplicationInvalid, format!("`{raw}` is a directory"))
                .at(place.clone(), "expected a file")
                .into());
        }
        Ok(path)
    }

    fn expand(&self, pattern: &Path, raw: &str, place: &Place) -> Result<Vec<PathBuf>> {
        let relative = pattern.strip_prefix(self.root).unwrap_or(pattern).to_string_lossy().into_owned();
        let matches = glob::expand(self.root, &relative).map_err(|_: glob::Malformed| {
            Diagnostic::new(Code::ApplicationInvalid, format!("`{raw}` is not a valid glob")).at(place.clone(), "")
        })?;
        let root = self.root.canonicalize().map_err(|error| Diagnostic::io("resolve", self.root, &error))?;
        for file in &matches {
            let real = file.canonicalize().map_err(|error| Diagnostic::io("resolve", file, &error))?;
            if !real.starts_with(&root) {
                return Err(Diagnostic::new(
                    Code::ApplicationInvalid,
                    format!("`{raw}` matches `{}`, a symbolic link out of the repository", file.display()),
                )
                .at(place.clone(), "rejected by Argo CD")
                .into());
            }
        }
        Ok(matches)
    }
}

fn is_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The scheme of a text that Go's parser reads as a URL.
fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut characters = scheme.chars();
    let fine = characters.next()?.is_ascii_alphabetic()
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    fine.then_some(scheme)
}

/// Removes `.` and `..` from a path lexically, like Go's `filepath.Clean`.
#[must_use]
pub fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            component => out.push(component),
        }
    }
    out
}
