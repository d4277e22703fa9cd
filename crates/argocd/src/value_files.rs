//! Resolution of `valueFiles` and `fileParameters`, like in Argo CD 3.5.
//!
//! A relative path starts at the chart, an absolute path at the root of the source: its repository or, for a chart from a
//! Helm repository, the unpacked chart. In an Application with several sources, `$name/path` starts at the root of the
//! source whose `ref` is `name`. Symbolic links are followed, and must not leave the root. Each file is used once; one that
//! is also listed explicitly is not expanded from a glob.
//!
//! A file that Git ignores does not exist for Argo CD, which renders a clone. Value files from URLs are not supported,
//! since the render would not only depend on the commit, but those of helm-secrets are: it decrypts a file of the
//! repository, which is used as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, did_you_mean, nearest, suggestion};

use crate::glob;
use crate::substitute::{self, Variables};

/// Where a source is resolved.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The absolute path of the root: the repository, or the unpacked chart.
    pub root: &'a Path,
    /// The kind of the root, for messages.
    pub kind: Root,
    /// The absolute path of the chart.
    pub chart: &'a Path,
    /// The sources with a `ref` by its name, if the Application has `sources`.
    pub references: Option<&'a References>,
    /// The values of `$ARGOCD_APP_*`.
    pub variables: &'a Variables,
    /// Whether to expand globs, which Argo CD does since 3.5.
    pub globs: bool,
    /// Whether Git ignores an existing file, given by its absolute path.
    pub ignored: &'a dyn Fn(&Path) -> bool,
}

/// The kind of the root of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// A Git repository.
    Repository,
    /// A chart from a Helm repository.
    Chart,
}

/// The sources with a `ref`, by its name without `$`.
pub type References = BTreeMap<String, Reference>;

/// A source with a `ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The absolute path of the root of its repository.
    Repository(PathBuf),
    /// A chart from a Helm repository, to which Argo CD allows no reference.
    Chart,
    /// Its files are unavailable, for this reason.
    Unavailable(String),
}

/// An entry that is resolved to a path, which may not exist.
struct Resolved<'a> {
    path: PathBuf,
    /// The root that it starts at.
    root: &'a Path,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("root", &self.root).field("chart", &self.chart).finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    /// The absolute paths of the value files, in Helm's order. Messages name the Application.
    pub fn value_files(
        &self,
        application: &str,
        entries: &[(String, Place)],
        ignore_missing: bool,
    ) -> Result<Vec<PathBuf>> {
        let mut diagnostics = Diagnostics::default();
        let resolved: Vec<_> = entries.iter().map(|(raw, place)| (raw, place, self.resolve(raw, place))).collect();
        let explicit: BTreeSet<PathBuf> = resolved
            .iter()
            .filter_map(|(_, _, resolved)| resolved.as_ref().ok())
            .map(|resolved| &resolved.path)
            .filter(|path| !is_glob(path))
            .cloned()
            .collect();

        let mut files: Vec<PathBuf> = Vec::new();
        for (raw, place, resolved) in resolved {
            let Some(resolved) = diagnostics.take(resolved) else { continue };
            let path = &resolved.path;
            let found = if is_glob(path) && self.globs {
                let Some(mut matches) = diagnostics.take(expand(&resolved, raw, place)) else { continue };
                matches.retain(|file| !(self.ignored)(file));
                if matches.is_empty() && !ignore_missing {
                    diagnostics.push(
                        Diagnostic::new(Code::ValuesFileMissing, format!("no file matches `{raw}`"))
                            .at((*place).clone(), "")
                            .help("correct the pattern, or set `ignoreMissingValueFiles: true`"),
                    );
                }
                matches.into_iter().filter(|file| !explicit.contains(file)).collect()
            } else if path.exists() && !(self.ignored)(path) {
                vec![path.clone()]
            } else {
                if !ignore_missing {
                    diagnostics.push(self.missing(application, raw, place, &resolved));
                }
                continue;
            };
            for file in found {
                if file.strip_prefix(resolved.root).unwrap_or(&file).to_string_lossy().contains([',', '"']) {
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

    /// Whether an entry is resolved in the source itself, and not in another one. Nothing but its text is looked at.
    pub fn is_inside(&self, raw: &str, place: &Place) -> Result<bool> {
        if self.referenced(raw, place)?.is_some() {
            return Ok(false);
        }
        let text = substitute::expand(raw, self.variables);
        match url_scheme(&text).filter(|_| encrypted(&text).is_none()) {
            Some(scheme) => Err(url(raw, scheme, place).into()),
            None => Ok(true),
        }
    }

    /// The absolute path of a `fileParameters` entry.
    pub fn file_parameter(&self, application: &str, raw: &str, place: &Place) -> Result<PathBuf> {
        let resolved = self.resolve(raw, place)?;
        if resolved.path.is_file() && !(self.ignored)(&resolved.path) {
            return Ok(resolved.path);
        }
        let missing = self.missing(application, raw, place, &resolved);
        // `ignoreMissingValueFiles` has no effect on file parameters.
        Err(if resolved.path.exists() {
            missing.into()
        } else {
            missing.only_help(format!("create it, or remove it from Application `{application}`")).into()
        })
    }

    fn missing(&self, application: &str, raw: &str, place: &Place, resolved: &Resolved<'_>) -> Diagnostic {
        let path = &resolved.path;
        let shown = path.strip_prefix(resolved.root).unwrap_or(path).display().to_string();
        if path.exists() {
            return Diagnostic::new(Code::ValuesFileMissing, format!("`{raw}` is ignored by Git"))
                .at(place.clone(), format!("resolves to `{shown}`, which a clone does not contain"))
                .help("remove it from .gitignore and commit it, or remove it from the Application");
        }
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
        let create =
            format!("create it, remove it from Application `{application}`, or set `ignoreMissingValueFiles: true`");
        match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(did_you_mean(near)),
            None if self.kind == Root::Chart && resolved.root == self.root && !raw.starts_with('$') => {
                diagnostic.note("it is resolved in the chart from the Helm repository").help(
                    "for a file of this repository, add a source with `ref: values`, and write `$values/` before the path",
                )
            }
            None => diagnostic.help(create),
        }
    }

    fn resolve(&self, raw: &str, place: &Place) -> Result<Resolved<'a>> {
        let Some((root, rest)) = self.referenced(raw, place)? else {
            let text = substitute::expand(raw, self.variables);
            let text = encrypted(&text).map_or(text.as_str(), |path| path);
            if let Some(scheme) = url_scheme(text) {
                return Err(url(raw, scheme, place).into());
            }
            let joined = match text.strip_prefix('/') {
                Some(rest) => self.root.join(rest.trim_start_matches('/')),
                None => self.chart.join(text),
            };
            let what = if self.kind == Root::Chart { "the chart" } else { "the repository" };
            return inside(&joined, self.root, what, raw, place);
        };
        let text = substitute::expand(rest, self.variables);
        inside(&root.join(text.trim_start_matches('/')), root, "the repository", raw, place)
    }

    /// The root of the source that an entry refers to, and the rest of the entry.
    fn referenced<'r>(&self, raw: &'r str, place: &Place) -> Result<Option<(&'a Path, &'r str)>> {
        let (Some(references), Some(text)) = (self.references, raw.strip_prefix('$')) else { return Ok(None) };
        let (name, rest) = text.split_once('/').unwrap_or((text, ""));
        let invalid =
            |message: String, label: &str| Diagnostic::new(Code::ApplicationInvalid, message).at(place.clone(), label);
        match references.get(name) {
            Some(Reference::Repository(root)) => Ok(Some((root, rest))),
            Some(Reference::Chart) => {
                Err(invalid(format!("`${name}` refers to a chart"), "only files of Git repositories can be referenced")
                    .help("set `ref` in a source of a Git repository")
                    .into())
            }
            Some(Reference::Unavailable(reason)) => {
                Err(Diagnostic::new(Code::NotRendered, format!("the files of `${name}` are unavailable"))
                    .at(place.clone(), reason)
                    .into())
            }
            None => {
                let found = invalid(format!("no source has `ref: {name}`"), "rejected by Argo CD");
                let help = if references.is_empty() {
                    format!("add a source with `ref: {name}`").into()
                } else {
                    suggestion(name, references.keys().map(String::as_str))
                };
                Err(found.help(help).into())
            }
        }
    }
}

/// The files that a pattern matches.
fn expand(pattern: &Resolved<'_>, raw: &str, place: &Place) -> Result<Vec<PathBuf>> {
    let Resolved { path, root } = pattern;
    let relative = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let matches = glob::expand(root, &relative).map_err(|_: glob::Malformed| {
        Diagnostic::new(Code::ApplicationInvalid, format!("`{raw}` is not a valid glob")).at(place.clone(), "")
    })?;
    let root = root.canonicalize().map_err(|error| Diagnostic::io("resolve", root, &error))?;
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

/// A path without `.`, `..`, and symbolic links, which must be below the root.
fn inside<'a>(joined: &Path, root: &'a Path, what: &str, raw: &str, place: &Place) -> Result<Resolved<'a>> {
    let mut path = clean(joined);
    for _ in 0..10 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        let folder = path.parent().unwrap_or(root);
        path = clean(&folder.join(target));
    }
    let invalid = |message: String, label: &str| -> Result<Resolved<'a>> {
        Err(Diagnostic::new(Code::ApplicationInvalid, message).at(place.clone(), label).into())
    };
    if path == root || !path.starts_with(root) {
        return invalid(format!("`{raw}` is outside {what}"), "rejected by Argo CD");
    }
    if path.is_dir() {
        return invalid(format!("`{raw}` is a directory"), "expected a file");
    }
    Ok(Resolved { path, root })
}

/// The diagnostic for an entry that is a URL. Argo CD allows only two schemes unless it is configured otherwise.
fn url(raw: &str, scheme: &str, place: &Place) -> Diagnostic {
    if ["http", "https"].iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed)) {
        return Diagnostic::new(Code::NotRendered, format!("value file `{raw}` is a URL, which is not supported"))
            .at(place.clone(), format!("scheme `{scheme}`"))
            .help("commit the file to this repository");
    }
    Diagnostic::new(Code::ApplicationInvalid, format!("value file `{raw}` is a URL with the scheme `{scheme}`"))
        .at(
            place.clone(),
            "Argo CD allows only `http` and `https`, unless `helm.valuesFileSchemes` is set in `argocd-cm`",
        )
        .help("commit the file to this repository; if it is a path, write `./` before it")
}

/// Whether an entry is a file that helm-secrets decrypts.
#[must_use]
pub fn is_encrypted(raw: &str) -> bool {
    encrypted(raw).is_some()
}

/// The path of a file that helm-secrets decrypts: `secrets://PATH`, or `secrets+age-import://KEY?PATH` and the like.
fn encrypted(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme.strip_prefix("secrets")? {
        "" => Some(rest),
        "+age-import" | "+age-import-kubernetes" | "+gpg-import" | "+gpg-import-kubernetes" => {
            rest.split_once('?').map(|(_, path)| path)
        }
        _ => None,
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

#[cfg(test)]
mod tests {
    use diagnostics::Source;

    use super::*;

    /// A chart `web` and values in one repository, and values in another one.
    struct Bench {
        folder: tempfile::TempDir,
        references: References,
        variables: Variables,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("temporary directory");
            for file in [
                "own/web/values.yaml",
                "own/web/a.yaml",
                "own/ignored.yaml",
                "own/all.yaml",
                "other/prod/a.yaml",
                "other/prod/b.yaml",
                "other/prod/ignored.yaml",
                "other/house/values.yaml",
                "secret.yaml",
            ] {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
                std::fs::write(path, "").expect("file");
            }
            for link in ["own/web/out.yaml", "other/prod/out.yaml"] {
                std::os::unix::fs::symlink("../../secret.yaml", folder.path().join(link)).expect("link");
            }
            let references = [
                ("values", Reference::Repository(folder.path().join("other"))),
                ("chart", Reference::Chart),
                ("gone", Reference::Unavailable("not in charts.toml".to_owned())),
            ];
            let references = references.into_iter().map(|(name, to)| (name.to_owned(), to)).collect();
            let variables = [("ARGOCD_APP_NAME", "house".to_owned())].into();
            Self { folder, references, variables }
        }

        fn resolved(&self, entries: &[&str], several: bool, kind: Root, ignore_missing: bool) -> String {
            let source = Source::new("app.yaml", "x");
            let entries: Vec<_> =
                entries.iter().map(|entry| ((*entry).to_owned(), Place::new(&source, 0..1))).collect();
            let (own, chart) = (self.folder.path().join("own"), self.folder.path().join("own/web"));
            let scope = Scope {
                root: if kind == Root::Chart { &chart } else { &own },
                kind,
                chart: &chart,
                references: several.then_some(&self.references),
                variables: &self.variables,
                globs: true,
                ignored: &|path| path.file_name().is_some_and(|name| name == "ignored.yaml"),
            };
            match scope.value_files("house", &entries, ignore_missing) {
                Ok(files) => {
                    let name = |file: &PathBuf| {
                        file.strip_prefix(self.folder.path()).expect("below").to_string_lossy().into_owned()
                    };
                    files.iter().map(name).collect::<Vec<_>>().join(" ")
                }
                Err(found) => found.0.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "),
            }
        }
    }

    #[test]
    fn references_start_at_their_repository() {
        let bench = Bench::new();
        let resolved = |entries: &[&str]| bench.resolved(entries, true, Root::Repository, false);
        assert_eq!(
            resolved(&["$values/prod/b.yaml", "a.yaml", "/all.yaml", "$values/$ARGOCD_APP_NAME/values.yaml"]),
            "other/prod/b.yaml own/web/a.yaml own/all.yaml other/house/values.yaml"
        );
        assert_eq!(resolved(&["$values/prod/[ab].yaml", "$values/prod/a.yaml"]), "other/prod/b.yaml other/prod/a.yaml");
        assert_eq!(resolved(&["$values/../own/all.yaml"]), "`$values/../own/all.yaml` is outside the repository");
        assert_eq!(resolved(&["$values"]), "`$values` is outside the repository");
        assert_eq!(resolved(&["$values/prod"]), "`$values/prod` is a directory");
        assert_eq!(resolved(&["$values/prod/out.yaml"]), "`$values/prod/out.yaml` is outside the repository");
        assert!(resolved(&["$values/prod/o*.yaml"]).ends_with("a symbolic link out of the repository"));
        assert_eq!(resolved(&["$values/prod/c.yaml"]), "`$values/prod/c.yaml` does not exist");
        assert_eq!(resolved(&["$chart/values.yaml"]), "`$chart` refers to a chart");
        assert_eq!(resolved(&["$gone/values.yaml"]), "the files of `$gone` are unavailable");
        assert_eq!(resolved(&["$value/prod/a.yaml"]), "no source has `ref: value`");
        // Argo CD looks for the source before it substitutes variables.
        assert_eq!(resolved(&["$ARGOCD_APP_NAME/values.yaml"]), "no source has `ref: ARGOCD_APP_NAME`");
        assert_eq!(resolved(&["${values}/prod/a.yaml"]), "no source has `ref: {values}`");
    }

    #[test]
    fn without_several_sources_a_dollar_starts_a_variable() {
        let bench = Bench::new();
        let resolved = |entries: &[&str]| bench.resolved(entries, false, Root::Repository, false);
        assert_eq!(resolved(&["$values/all.yaml"]), "own/all.yaml");
        assert_eq!(
            resolved(&["../../other/$ARGOCD_APP_NAME/values.yaml"]),
            "`../../other/$ARGOCD_APP_NAME/values.yaml` is outside the repository"
        );
    }

    #[test]
    fn files_of_a_chart_from_a_repository_are_in_the_chart() {
        let bench = Bench::new();
        let resolved = |entries: &[&str]| bench.resolved(entries, true, Root::Chart, false);
        assert_eq!(
            resolved(&["values.yaml", "/a.yaml", "$values/prod/a.yaml"]),
            "own/web/values.yaml own/web/a.yaml other/prod/a.yaml"
        );
        assert_eq!(resolved(&["../all.yaml"]), "`../all.yaml` is outside the chart");
        assert_eq!(resolved(&["/all.yaml"]), "`/all.yaml` does not exist");
    }

    #[test]
    fn ignored_files_do_not_exist() {
        let bench = Bench::new();
        let resolved = |entries: &[&str], missing| bench.resolved(entries, true, Root::Repository, missing);
        assert_eq!(resolved(&["/ignored.yaml"], false), "`/ignored.yaml` is ignored by Git");
        assert_eq!(resolved(&["/ignored.yaml", "a.yaml"], true), "own/web/a.yaml");
        assert_eq!(resolved(&["$values/prod/[ai]*.yaml"], false), "other/prod/a.yaml");
        assert_eq!(resolved(&["$values/prod/i*.yaml"], false), "no file matches `$values/prod/i*.yaml`");
    }

    #[test]
    fn urls_are_not_supported() {
        let bench = Bench::new();
        let resolved = |entry: &str| bench.resolved(&[entry], true, Root::Repository, true);
        assert_eq!(
            resolved("https://example.com/values.yaml"),
            "value file `https://example.com/values.yaml` is a URL, which is not supported"
        );
        assert_eq!(resolved("s3://a/values.yaml"), "value file `s3://a/values.yaml` is a URL with the scheme `s3`");
    }

    #[test]
    fn files_of_helm_secrets_are_used_as_they_are() {
        let bench = Bench::new();
        let resolved = |entry: &str| bench.resolved(&[entry], true, Root::Repository, false);
        assert_eq!(resolved("secrets://a.yaml"), "own/web/a.yaml");
        assert_eq!(resolved("secrets+age-import:///keys/key.txt?../../own/web/a.yaml"), "own/web/a.yaml");
        assert_eq!(resolved("secrets://missing.yaml"), "`secrets://missing.yaml` does not exist");
        assert_eq!(
            resolved("secrets+literal://a"),
            "value file `secrets+literal://a` is a URL with the scheme `secrets+literal`"
        );
    }
}
