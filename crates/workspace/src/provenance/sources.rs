//! The files of a chart and its dependencies that manifests come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::Source;
use helm::dependencies::ChartTree;
use helm::template::flow::program::Program;
use helm::template::instrument::File;
use helm::template::parse::parse;

/// The files of a chart and its dependencies: first the templates, then the others.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) files: Vec<Arc<Source>>,
    /// Their paths in the unpacked copy.
    paths: Vec<String>,
    /// How many of them are templates, each with the end of its name if Helm prints its output.
    templates: Vec<Option<String>>,
}

impl Sources {
    pub(super) fn new(tree: &ChartTree) -> Self {
        let mut templates = Vec::new();
        let mut others = Vec::new();
        for member in &tree.0 {
            for (path, bytes) in &member.files {
                let Ok(text) = std::str::from_utf8(bytes) else { continue };
                let source = Source::new(format!("{}{path}", member.label), text);
                let staged = format!("{}{path}", member.folder);
                if path.starts_with("templates/") {
                    let name = path.rsplit('/').next().unwrap_or(path);
                    let printed = !name.starts_with('_') && name != "NOTES.txt";
                    templates.push((source, staged, printed.then(|| format!("/{path}"))));
                } else if path.starts_with("crds/") {
                    others.push((source, staged));
                }
            }
        }
        let mut sources = Self { files: Vec::new(), paths: Vec::new(), templates: Vec::new() };
        for (source, path, printed) in templates {
            sources.files.push(source);
            sources.paths.push(path);
            sources.templates.push(printed);
        }
        for (source, path) in others {
            sources.files.push(source);
            sources.paths.push(path);
        }
        sources
    }

    pub(super) fn templates(&self) -> Vec<File<'_>> {
        let files = self.files.iter().zip(&self.templates);
        files.map(|(source, printed)| File { text: &source.text, printed: printed.as_deref() }).collect()
    }

    /// The new texts of templates, by path.
    pub(super) fn with_templates(&self, texts: Vec<String>) -> BTreeMap<&str, String> {
        self.paths.iter().map(String::as_str).zip(texts).collect()
    }

    /// The templates as trees, with their paths.
    pub(super) fn program(&self) -> Program {
        let count = self.templates.len();
        let parsed = self.files[..count].iter().map(|source| parse(&source.text));
        Program::new(self.paths.iter().take(count).cloned().zip(parsed).collect())
    }

    pub(super) fn template(&self, file: usize) -> Option<usize> {
        (file < self.templates.len()).then_some(file)
    }

    /// The file that Helm prints as it is and calls by this name: `<chart>/charts/<chart>/crds/<file>`.
    pub(super) fn verbatim(&self, name: &str) -> Option<usize> {
        let (_, below) = name.split_once('/')?;
        let exact = |path: &String| path == below;
        // The folder of a dependency may be named otherwise, for its version or its alias.
        let (_, file) = name.split_once("/crds/")?;
        let end = format!("crds/{file}");
        let others = || {
            let mut found = (self.templates.len()..self.paths.len())
                .filter(|index| {
                    self.paths[*index].strip_suffix(&end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
                })
                .filter(|index| self.paths[*index].matches("charts/").count() == below.matches("charts/").count());
            found.next().filter(|_| found.next().is_none())
        };
        let first = (self.templates.len()..self.paths.len()).find(|index| exact(&self.paths[*index]));
        first.or_else(others)
    }
}
