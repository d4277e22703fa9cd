//! A directory of plain manifests, read like Argo CD reads it.
//!
//! Argo CD takes the `.yaml`, `.yml`, `.json`, and `.jsonnet` files of the directory in the order of their names, a
//! directory in the place of its own name. `exclude` and `include` are globs of the path in the directory, in which `*`
//! also matches `/`. A file with the marker `+argocd:skip-file-rendering` is left out, and so is a YAML file that does
//! not look like a manifest; all else must be objects.
//!
//! The text of each document is kept as written.

mod documents;
pub mod jsonnet;
mod options;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Place, Result, Source};
use toolbox::archive::sha256;
use toolbox::inputs::{self, Inputs};

pub use self::documents::Manifest;
pub use self::options::{Jsonnet, Options, Variable, options};
use crate::pattern::Glob;

/// Argo CD leaves out a file that contains this text.
const SKIP_MARKER: &str = "+argocd:skip-file-rendering";

/// The size of a file that is too large even to be searched for the marker.
const MAX_READ: u64 = 100_000_000;

/// The files of a directory that Argo CD reads.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The YAML and JSON files in the order in which Argo CD reads them.
    pub files: Vec<Arc<Source>>,
    /// The digests of all files that were read.
    pub inputs: Inputs,
    /// The Jsonnet files, which are not evaluated, each with the number of YAML and JSON files that are read before it.
    pub jsonnet: Vec<(usize, PathBuf)>,
    /// Files that Argo CD ignores although they match.
    pub warnings: Diagnostics,
}

impl Contents {
    /// The manifests in the files, in order. `evaluate` evaluates a Jsonnet file.
    pub fn manifests(&self, evaluate: &dyn Fn(&Path) -> Result<Vec<Manifest>>) -> Result<Vec<Manifest>> {
        let mut diagnostics = Diagnostics::default();
        let mut manifests = Vec::new();
        let mut programs = self.jsonnet.iter().peekable();
        for index in 0..=self.files.len() {
            while let Some((_, path)) = programs.next_if(|(before, _)| *before <= index) {
                manifests.extend(diagnostics.take(evaluate(path)).unwrap_or_default());
            }
            let Some(file) = self.files.get(index) else { break };
            let json = file.name.rsplit('.').next() == Some("json");
            let found = if json { documents::json(file) } else { documents::yaml(file) };
            manifests.extend(diagnostics.take(found).unwrap_or_default());
        }
        diagnostics.into_result(manifests)
    }
}

/// Manifests as one stream of documents, each below a `# Source:` line with its file, like Helm's output.
#[must_use]
pub fn output(manifests: &[Manifest]) -> String {
    manifests.iter().map(|one| format!("---\n# Source: {}\n{}", one.file, one.text)).collect()
}

/// Finds the files in a directory below `root`, which contains the repository. Files for which `ignored` returns true are not there.
pub fn read(root: &Path, directory: &Path, options: &Options, ignored: &dyn Fn(&Path) -> bool) -> Result<Contents> {
    let mut reader = Reader {
        root,
        directory,
        include: glob(options.include.as_ref()),
        exclude: glob(options.exclude.as_ref()),
        recurse: options.recurse,
        ignored,
        size: 0,
        diagnostics: Diagnostics::default(),
        contents: Contents::default(),
    };
    reader.contents.warnings = reader.invalid_globs(options);
    // Argo CD does not follow a link to walk through a directory.
    if !directory.is_symlink() {
        reader.folder(directory, 0);
    }
    let limit = Limit::DirectorySize;
    if reader.size > limit.bytes() as u64 {
        let name = inputs::name(root, directory);
        let message = format!("the manifests in `{name}` are larger than {} MB together", limit.value());
        reader.diagnostics.push(
            Diagnostic::new(Code::ManifestInvalid, message)
                .note("Argo CD renders no directory with larger manifests, unless its limit is raised")
                .help("split the directory into several Applications")
                .help(limit.help()),
        );
    }
    reader.diagnostics.into_result(reader.contents)
}

/// A pattern of the Application: whether a path matches. One that Argo CD cannot compile matches nothing.
type Pattern = Option<Option<Glob>>;

fn glob(option: Option<&(String, Place)>) -> Pattern {
    option.filter(|(text, _)| !text.is_empty()).map(|(text, _)| Glob::parse(text))
}

fn matches(glob: Option<&Glob>, path: &str) -> bool {
    glob.is_some_and(|glob| glob.matches(path, None))
}

struct Reader<'a> {
    root: &'a Path,
    directory: &'a Path,
    include: Pattern,
    exclude: Pattern,
    recurse: bool,
    ignored: &'a dyn Fn(&Path) -> bool,
    size: u64,
    diagnostics: Diagnostics,
    contents: Contents,
}

impl Reader<'_> {
    fn invalid_globs(&self, options: &Options) -> Diagnostics {
        let mut warnings = Diagnostics::default();
        for (pattern, option, name, effect) in [
            (&self.include, &options.include, "include", "no file is included"),
            (&self.exclude, &options.exclude, "exclude", "no file is excluded"),
        ] {
            if let (Some(None), Some((text, place))) = (pattern, option) {
                warnings.push(
                    Diagnostic::new(Code::GlobInvalid, format!("`directory.{name}` is not a valid glob: `{text}`"))
                        .at(place.clone(), effect)
                        .help("close every `[`, and write ranges such as `[a-z]`"),
                );
            }
        }
        warnings
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        let unreadable = |error: &std::io::Error| Diagnostic::io("read", folder, error);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.diagnostics.push(unreadable(&error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push((entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir()))),
                Err(error) => self.diagnostics.push(unreadable(&error)),
            }
        }
        names.sort();
        for (name, is_folder) in names {
            let path = folder.join(&name);
            let in_git = is_folder && name == ".git";
            if in_git || (self.ignored)(&path) {
                continue;
            }
            if is_folder {
                if self.recurse && depth < Limit::DirectoryDepth.value() {
                    self.folder(&path, depth + 1);
                } else if self.recurse {
                    self.too_deep(&path);
                }
            } else if is_manifest(&name.to_string_lossy()) {
                match inputs::file_name(&path) {
                    Ok(_) => self.file(&path),
                    Err(found) => self.diagnostics.extend(found),
                }
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = inputs::name(self.root, path);
        if path.is_symlink() {
            match path.canonicalize() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return self.passed_over(&name, "is a symbolic link to a file that does not exist");
                }
                Err(error) => return self.diagnostics.push(Diagnostic::io("read", path, &error)),
                Ok(real) => {
                    let root = self.root.canonicalize().unwrap_or_else(|_| self.root.to_path_buf());
                    if !real.starts_with(root) {
                        let message = format!("`{name}` is a symbolic link out of the repository");
                        return self.diagnostics.push(
                            Diagnostic::new(Code::ManifestInvalid, message)
                                .at(Place::file(&name), "rejected by Argo CD")
                                .help("replace it with a file, or exclude it"),
                        );
                    }
                }
            }
        }
        if !path.is_file() {
            return self.passed_over(&name, "is not a regular file");
        }
        let inside = path.strip_prefix(self.directory).unwrap_or(path).to_string_lossy();
        let excluded = self.exclude.as_ref().is_some_and(|glob| matches(glob.as_ref(), &inside));
        let included = self.include.as_ref().is_none_or(|glob| matches(glob.as_ref(), &inside));
        if excluded || !included {
            return;
        }
        let length = path.metadata().map_or(0, |facts| facts.len());
        if length > MAX_READ {
            self.size = self.size.saturating_add(length);
            return;
        }
        let bytes = match toolbox::regular_file::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.diagnostics.push(Diagnostic::io("read", path, &error)),
        };
        self.contents.inputs.insert(name.as_str().into(), format!("sha256:{}", sha256(&bytes)).into());
        let text = documents::decode(&bytes);
        if text.contains(SKIP_MARKER) {
            return;
        }
        if path.extension().is_some_and(|end| end == "jsonnet") {
            self.contents.jsonnet.push((self.contents.files.len(), path.to_path_buf()));
            return;
        }
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size > Limit::DirectorySize.bytes() as u64 {
            return;
        }
        self.contents.files.push(Source::new(name, text));
    }

    fn too_deep(&mut self, path: &Path) {
        let limit = Limit::DirectoryDepth;
        let message = format!("`{}` is nested more than {} levels deep", inputs::name(self.root, path), limit.value());
        self.diagnostics.push(Diagnostic::new(Code::ManifestInvalid, message).help(limit.help()));
    }

    fn passed_over(&mut self, name: &str, why: &str) {
        self.contents.warnings.push(
            Diagnostic::new(Code::ManifestPassedOver, format!("`{name}` {why}"))
                .at(Place::file(name), "Argo CD ignores it")
                .help("replace it with a file, or delete it"),
        );
    }
}

/// Whether Argo CD reads a file with some name.
#[must_use]
pub fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json", ".jsonnet"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests;
