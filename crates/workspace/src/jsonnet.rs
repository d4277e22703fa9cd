//! The Jsonnet files of a directory, and what their evaluation depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use argocd::application::Application;
use argocd::application::Source;
use argocd::directory::{Contents, Options, Variable, jsonnet};
use argocd::substitute;
use argocd::value_files::clean;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use toolbox::archive::sha256;
use toolbox::inputs::{self, Inputs};

use crate::config::Config;
use crate::files::CONFIG_FILE;

/// The tool in charts.toml and tools.lock.
pub const TOOL: &str = "jsonnet";

/// The Jsonnet files of a directory, and how they are evaluated.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The files, each with the number of other files that are read before it.
    pub files: Vec<(usize, PathBuf)>,
    /// The directories that imports are searched in; the last one takes precedence.
    pub libraries: Vec<PathBuf>,
    /// The variables and arguments, as options of the program.
    pub options: Vec<String>,
    /// The digests of imported files.
    pub imported: Inputs,
}

/// Reads what the Jsonnet files of a source import; `None` if it has none. `root` contains the repository.
pub(crate) fn evaluation(
    (root, directory): (&Path, &Path),
    config: &Config,
    application: &Application,
    (source, revision): (&Source, &str),
    (options, contents): (&Options, &Contents),
) -> Result<Option<Evaluation>> {
    let Some((_, first)) = contents.jsonnet.first() else { return Ok(None) };
    if !config.tools.contains_key(TOOL) {
        let name = inputs::name(root, first);
        return Err(Diagnostic::new(Code::NotRendered, format!("`{name}` is Jsonnet, for which no tool is declared"))
            .at(Place::file(&name), "")
            .at(source.path_place.clone(), "in this directory")
            .help(format!(
                "set `{TOOL} = \"0.22.0\"` in `[tools]` of {CONFIG_FILE}, or exclude it with `directory.exclude`"
            ))
            .into());
    }
    let mut diagnostics = Diagnostics::default();
    let mut libraries = vec![directory.to_path_buf()];
    for (library, place) in &options.jsonnet.libraries {
        let path = clean(&root.join(library.trim_start_matches('/')));
        if path.starts_with(root) && path != root {
            libraries.push(path);
        } else {
            let found = Diagnostic::new(Code::ApplicationInvalid, format!("`{library}` is outside the repository"));
            diagnostics.push(found.at(place.clone(), "rejected by Argo CD"));
        }
    }
    let variables = application.variables(source, revision);
    let mut flags = Vec::new();
    for (all, text, code) in [
        (&options.jsonnet.external, "--ext-str", "--ext-code"),
        (&options.jsonnet.arguments, "--tla-str", "--tla-code"),
    ] {
        for Variable { name, value, code: is_code } in all {
            flags.push(if *is_code { code } else { text }.to_owned());
            flags.push(format!("{name}={}", substitute::expand(value, &variables)));
        }
    }
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let mut search =
        Search { root, real: &real, libraries: &libraries, seen: BTreeSet::new(), imported: Inputs::new() };
    for (_, file) in &contents.jsonnet {
        search.file(file, &mut diagnostics);
    }
    let imported = search.imported;
    let files = contents.jsonnet.clone();
    diagnostics.into_result(Some(Evaluation { files, libraries, options: flags, imported }))
}

impl Evaluation {
    /// The digest of the options, independent of the path of the repository.
    #[must_use]
    pub fn digest(&self, root: &Path) -> String {
        let libraries = self.libraries.iter().map(|library| inputs::name(root, library));
        let words: Vec<String> = libraries.chain(self.options.iter().cloned()).collect();
        format!("sha256:{}", sha256(words.join("\0").as_bytes()))
    }
}

/// Follows imports.
struct Search<'a> {
    root: &'a Path,
    /// The root without symbolic links.
    real: &'a Path,
    libraries: &'a [PathBuf],
    seen: BTreeSet<PathBuf>,
    imported: Inputs,
}

impl Search<'_> {
    /// Reads what a file imports. One that does not exist is an error only if the evaluation reaches it.
    fn file(&mut self, file: &Path, diagnostics: &mut Diagnostics) {
        let mut waiting = vec![file.to_path_buf()];
        while let Some(file) = waiting.pop() {
            if !self.seen.insert(file.clone()) {
                continue;
            }
            let Ok(bytes) = toolbox::regular_file::read(&file) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for path in jsonnet::imports(&text) {
                let folder = file.parent().unwrap_or(self.root);
                let folders = std::iter::once(folder).chain(self.libraries.iter().rev().map(PathBuf::as_path));
                let Some(found) = folders.map(|folder| clean(&folder.join(&path))).find(|path| path.exists()) else {
                    continue;
                };
                let name = inputs::name(self.root, &found);
                let inside = found.canonicalize().is_ok_and(|real| real.starts_with(self.real) && real.is_file());
                if !inside {
                    let message = format!("`{path}` is not a file of the repository");
                    let place = Place::file(inputs::name(self.root, &file));
                    diagnostics.push(
                        Diagnostic::new(Code::ManifestInvalid, message)
                            .at(place, "imports it, which Argo CD rejects")
                            .help("copy the file into the repository"),
                    );
                } else if let Some(digest) = diagnostics.take(inputs::file_digest(&found)) {
                    self.imported.insert(name.into(), digest.into());
                    waiting.push(found);
                }
            }
        }
    }
}
