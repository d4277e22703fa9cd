//! The type of a source, as Argo CD determines it: from the stanza of the Application, or from the files in its directory.
//!
//! Argo CD sets a stanza without any option to null before it stores an Application, so an empty `helm: {}` says nothing.
//! In a directory, the last file in the order of names decides: `kustomization.yaml` wins over `Chart.yaml`.

use std::fmt;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Result};
use document::{Node, Value};

/// The file names of a kustomization.
pub const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The type of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceType {
    /// Rendered by `kustomize build`.
    Kustomize,
    /// Rendered by `helm template`.
    Helm,
    /// Plain manifests and Jsonnet.
    Directory,
    /// Rendered by a config management plugin.
    Plugin,
}

impl SourceType {
    /// The key of its stanza in a source.
    #[must_use]
    pub fn stanza(self) -> &'static str {
        match self {
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
            Self::Directory => "directory",
            Self::Plugin => "plugin",
        }
    }
}

impl fmt::Display for SourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kustomize => "Kustomize",
            Self::Helm => "Helm",
            Self::Directory => "Directory",
            Self::Plugin => "Plugin",
        })
    }
}

/// The type that the stanzas of a source determine, after its override files were applied; `None` if it has no stanza.
pub fn explicit(source: &Node) -> Result<Option<SourceType>> {
    let all = [SourceType::Kustomize, SourceType::Helm, SourceType::Directory, SourceType::Plugin];
    let given: Vec<SourceType> = all
        .into_iter()
        .filter(|kind| source.get(kind.stanza()).is_some_and(|node| says_something(*kind, node)))
        .collect();
    let [first, others @ ..] = given.as_slice() else { return Ok(None) };
    if others.is_empty() {
        return Ok(Some(*first));
    }
    let names: Vec<&str> = given.iter().map(|kind| kind.stanza()).collect();
    let message = format!("a source has more than one type: {}", diagnostics::wording::names(&names));
    let mut found = Diagnostic::new(Code::ApplicationInvalid, message);
    for (index, kind) in given.iter().enumerate() {
        found = found.at(source.key_place(kind.stanza()), if index == 0 { "rejected by Argo CD" } else { "" });
    }
    Err(found.help("keep the stanza of the tool that renders the source, and delete the others").into())
}

/// Whether Argo CD keeps a stanza: `plugin` always, the others if they set any of their options.
fn says_something(kind: SourceType, node: &Node) -> bool {
    match (kind, &node.value) {
        (_, Value::Null) => false,
        (SourceType::Plugin, _) => true,
        (kind, Value::Mapping(entries)) => {
            // `force…`, `label…`, and `commonAnnotationsEnvsubst` alone do not count.
            let modifiers = ["forceCommonLabels", "forceCommonAnnotations", "labelWithoutSelector"];
            let modifiers = [modifiers.as_slice(), &["labelIncludeTemplates", "commonAnnotationsEnvsubst"]].concat();
            entries.iter().any(|(key, value)| {
                let modifier = kind == SourceType::Kustomize && modifiers.contains(&key.name.as_str());
                !modifier && is_set(key.name == "valuesObject", value)
            })
        }
        // The reader of the stanza reports it.
        _ => true,
    }
}

/// Whether a value is not the zero value of its Go type.
fn is_set(raw: bool, node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        // Jsonnet options count if any of them is set; values that are raw JSON do in any case.
        Value::Mapping(entries) => raw || entries.iter().any(|(_, value)| is_set(false, value)),
        _ => true,
    }
}

/// The type that the files in a directory determine.
pub fn discover(directory: &Path) -> Result<SourceType> {
    let unreadable = |error: &std::io::Error| Diagnostic::io("read", directory, error);
    // Argo CD walks the directory without following links. A link to a directory therefore has no files.
    if directory.is_symlink() {
        return Ok(SourceType::Directory);
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(&error))? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names.iter().rev().find_map(|name| of_file(name)).unwrap_or(SourceType::Directory))
}

/// The type that a file with some name determines.
#[must_use]
pub fn of_file(name: &str) -> Option<SourceType> {
    if KUSTOMIZATIONS.contains(&name) {
        Some(SourceType::Kustomize)
    } else if name.ends_with("Chart.yaml") {
        Some(SourceType::Helm)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn source(text: &str) -> Node {
        yaml::parse_one(&Source::new("web.yaml", text)).expect("valid").root
    }

    #[test]
    fn stanzas_determine_the_type() {
        for (text, expected) in [
            ("path: a", None),
            ("helm: {releaseName: a}", Some(SourceType::Helm)),
            ("helm: {}", None),
            ("helm: null", None),
            ("helm: {valueFiles: [], skipCrds: false}", None),
            ("helm: {valuesObject: {}}", Some(SourceType::Helm)),
            ("kustomize: {namePrefix: a-}", Some(SourceType::Kustomize)),
            ("kustomize: {forceCommonLabels: true}", None),
            ("directory: {recurse: true}", Some(SourceType::Directory)),
            ("directory: {recurse: false}", None),
            ("directory: {include: '*.yaml'}", Some(SourceType::Directory)),
            ("directory: {jsonnet: {}}", None),
            ("directory: {jsonnet: {libs: [a]}}", Some(SourceType::Directory)),
            ("plugin: {}", Some(SourceType::Plugin)),
            ("plugin: {name: a}", Some(SourceType::Plugin)),
            ("{helm: {}, kustomize: {images: [a]}}", Some(SourceType::Kustomize)),
        ] {
            assert_eq!(explicit(&source(text)).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn several_stanzas_are_refused() {
        let found = explicit(&source("helm: {releaseName: a}\nkustomize: {namePrefix: a}\n"))
            .expect_err("two types")
            .0
            .remove(0);
        assert_eq!(found.message, "a source has more than one type: `kustomize` and `helm`");
        assert_eq!(found.places.len(), 2);
    }

    #[test]
    fn the_last_file_in_the_order_of_names_decides() {
        for (files, expected) in [
            (vec![], SourceType::Directory),
            (vec!["deployment.yaml"], SourceType::Directory),
            (vec!["Chart.yaml", "values.yaml"], SourceType::Helm),
            (vec!["Chart.yaml", "kustomization.yaml"], SourceType::Kustomize),
            (vec!["Chart.yaml", "Kustomization"], SourceType::Kustomize),
            (vec!["kustomization.yml"], SourceType::Kustomize),
            (vec!["kustomization.yaml.tpl", "Kustomization.yaml"], SourceType::Directory),
            (vec!["old-Chart.yaml"], SourceType::Helm),
            (vec!["kustomization.yaml", "old-Chart.yaml"], SourceType::Helm),
        ] {
            let directory = tempfile::tempdir().expect("temporary directory");
            for file in &files {
                std::fs::write(directory.path().join(file), "").expect("file");
            }
            assert_eq!(discover(directory.path()).expect("readable"), expected, "{files:?}");
        }
    }

    #[test]
    fn directories_and_what_is_below_them_do_not_count() {
        let directory = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(directory.path().join("Chart.yaml")).expect("directory");
        std::fs::create_dir(directory.path().join("sub")).expect("directory");
        std::fs::write(directory.path().join("sub/kustomization.yaml"), "").expect("file");
        assert_eq!(discover(directory.path()).expect("readable"), SourceType::Directory);
        // A link counts wherever it leads.
        std::os::unix::fs::symlink("nowhere", directory.path().join("kustomization.yaml")).expect("link");
        assert_eq!(discover(directory.path()).expect("readable"), SourceType::Kustomize);
    }
}
