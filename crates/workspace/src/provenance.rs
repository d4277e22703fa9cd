//! Which line of which template wrote each line of a rendered manifest.
//!
//! Helm renders an instrumented copy of the chart and its dependencies, in which every file prints its content once more,
//! with marks. A manifest is traced only if the text between the marks equals its own, byte for byte.

mod documents;
mod run;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Place, Result, Source};
use helm::dependencies::ChartTree;
use helm::template::instrument::{File, Instrumented, Mark, Trust, instrument};
use helm::template::marks::{Marked, Part};
use kubernetes::manifest::Recorded;

use self::documents::{Documents, body};
use crate::plan::Target;
use crate::render::Renderer;

/// What wrote the manifests of a target.
#[derive(Debug)]
pub struct Provenance {
    /// The templates and other files of the chart and its dependencies.
    files: Vec<Arc<Source>>,
    /// By the name of the golden.
    manifests: BTreeMap<String, Traced>,
}

/// What wrote a manifest.
#[derive(Debug)]
struct Traced {
    /// The file.
    file: usize,
    /// The number of lines before the first traced one.
    skipped: usize,
    lines: Lines,
}

/// What wrote the lines of a manifest.
#[derive(Debug)]
enum Lines {
    /// They are not known.
    Unknown,
    /// They are in the file as they are, from a line on, counted from 0.
    Verbatim { first: usize, count: usize },
    /// They were written by templates.
    Rendered { first: usize, marked: Arc<Marked>, marks: Arc<[Mark]> },
}

/// A part of a template that wrote a part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The text, or the action from `{{` to `}}`.
    pub place: Place,
    /// Whether it is an action.
    pub action: bool,
    /// The actions that included the named template with it, innermost first.
    pub callers: Vec<Place>,
}

/// Whether a place is in an archive, whose files nobody edits.
#[must_use]
pub fn in_archive(place: &Place) -> bool {
    place.source.name.contains(".tgz: ")
}

impl Provenance {
    /// Traces the manifests of a target. Helm renders in `directory`, where the dependencies of the chart are.
    pub fn trace(
        renderer: &Renderer<'_>,
        target: &Target<'_>,
        directory: &Path,
        manifests: &[Recorded],
    ) -> Result<Self> {
        let tree = ChartTree::read(renderer.root, &target.deployment.chart.directory, directory)?;
        let sources = Sources::new(&tree);
        let mut provenance = Self { files: sources.files.clone(), manifests: BTreeMap::new() };
        let mut open: Vec<&Recorded> = manifests.iter().collect();
        provenance.add_verbatim(&sources, &mut open);
        let mut before = None;
        for trust in [Trust::Usual, Trust::Always, Trust::Never] {
            if open.is_empty() {
                break;
            }
            let Some(instrumented) = instrument(&sources.templates(), trust) else { break };
            let Instrumented { files, marks } = instrumented;
            let printed = run::printed(renderer, target, &tree, &sources.with_templates(files), trust)?;
            // If the marks are not the reason why the text differs, fewer of them do not help.
            let plain: Vec<_> = printed.iter().map(run::Printed::plain).collect();
            if before.as_ref() == Some(&plain) {
                break;
            }
            before = Some(plain);
            provenance.add_rendered(&sources, &printed, &marks.into(), &mut open);
        }
        Ok(provenance)
    }

    /// Traces manifests of files that Helm does not render, such as those in crds/.
    fn add_verbatim(&mut self, sources: &Sources, open: &mut Vec<&Recorded>) {
        let mut texts: BTreeMap<usize, Documents> = BTreeMap::new();
        open.retain(|recorded| {
            let Some(file) = sources.verbatim(&recorded.manifest.template) else { return true };
            let source = &sources.files[file];
            let documents = texts.entry(file).or_insert_with(|| Documents::new(&source.text));
            let (skipped, text) = body(&recorded.manifest.text);
            let count = text.lines().count();
            let lines = match documents.take(text) {
                Some(first) => Lines::Verbatim { first, count },
                None => Lines::Unknown,
            };
            self.manifests.insert(recorded.file.clone(), Traced { file, skipped, lines });
            false
        });
    }

    fn add_rendered(
        &mut self,
        sources: &Sources,
        printed: &[run::Printed],
        marks: &Arc<[Mark]>,
        open: &mut Vec<&Recorded>,
    ) {
        let mut texts: BTreeMap<&str, (usize, Option<(Arc<Marked>, Documents)>)> = BTreeMap::new();
        for one in printed {
            let Some(file) = sources.template(one.file) else { continue };
            let marked = Marked::read(&one.output).filter(|marked| {
                marked.lines.iter().flatten().chain([]).all(|part| part.mark < marks.len())
                    && marked.frames.iter().all(|frame| frame.mark < marks.len())
            });
            let marked = marked.map(|marked| {
                let documents = Documents::new(&marked.text);
                (Arc::new(marked), documents)
            });
            texts.insert(&one.name, (file, marked));
        }
        open.retain(|recorded| {
            let Some((file, marked)) = texts.get_mut(recorded.manifest.template.as_str()) else { return true };
            let (skipped, text) = body(&recorded.manifest.text);
            let found = marked.as_mut().and_then(|(marked, documents)| Some((marked, documents.take(text)?)));
            let traced = found.is_some();
            let lines = match found {
                Some((marked, first)) => {
                    Lines::Rendered { first, marked: Arc::clone(marked), marks: Arc::clone(marks) }
                }
                None => Lines::Unknown,
            };
            self.manifests.insert(recorded.file.clone(), Traced { file: *file, skipped, lines });
            !traced
        });
    }

    /// The file of the template that wrote a golden.
    #[must_use]
    pub fn file(&self, golden: &str) -> Option<&Arc<Source>> {
        self.files.get(self.manifests.get(golden)?.file)
    }

    /// What wrote a line of a golden, in the order of the line; `line` counts from 1. Nothing for a line that is blank or
    /// not traced.
    #[must_use]
    pub fn line(&self, golden: &str, line: usize) -> Vec<Writer> {
        let written = || {
            let traced = self.manifests.get(golden)?;
            let at = line.checked_sub(1 + traced.skipped)?;
            match &traced.lines {
                Lines::Unknown => None,
                Lines::Verbatim { first, count } => {
                    let place = Place::line(&self.files[traced.file], first + at + 1);
                    let inside = at < *count && place.span.as_ref().is_some_and(|span| !span.is_empty());
                    inside.then(|| vec![Writer { place, action: false, callers: Vec::new() }])
                }
                Lines::Rendered { first, marked, marks } => {
                    let parts = marked.lines.get(first + at)?;
                    let mut writers = Vec::new();
                    for part in parts {
                        let writer = self.writer(marked, marks, *part)?;
                        if !writers.contains(&writer) {
                            writers.push(writer);
                        }
                    }
                    Some(writers)
                }
            }
        };
        written().unwrap_or_default()
    }

    /// What wrote the text from a byte of a line on, exactly: for text that a template contains as it is, the same text
    /// there. `line` counts from 1, and `length` is the number of bytes of the text in this line.
    #[must_use]
    pub fn at(&self, golden: &str, line: usize, byte: usize, length: usize) -> Option<Writer> {
        let traced = self.manifests.get(golden)?;
        let at = line.checked_sub(1 + traced.skipped)?;
        match &traced.lines {
            Lines::Unknown => None,
            Lines::Verbatim { first, count } => {
                let source = &self.files[traced.file];
                let whole = Place::line(source, first + at + 1);
                let (_, bounds) = source.lines_of(whole.span.as_ref().filter(|_| at < *count)?);
                let start = bounds.start + byte;
                let end = (start + length).min(bounds.end);
                Some(Writer { place: Place::new(source, start.min(end)..end), action: false, callers: Vec::new() })
            }
            Lines::Rendered { first, marked, marks } => {
                let parts = marked.lines.get(first + at)?;
                let part = parts.iter().rev().find(|part| part.start <= byte).or(parts.first())?;
                let mut writer = self.writer(marked, marks, *part)?;
                if let Some(span) = writer.place.span.as_mut().filter(|_| !writer.action) {
                    let start = (span.start + byte.saturating_sub(part.start)).min(span.end);
                    *span = start..(start + length).min(span.end);
                }
                Some(writer)
            }
        }
    }

    fn writer(&self, marked: &Marked, marks: &[Mark], part: Part) -> Option<Writer> {
        let place = |mark: usize| {
            let Mark { file, span, .. } = marks.get(mark)?;
            Some(Place::new(self.files.get(*file)?, span.clone()))
        };
        Some(Writer {
            place: place(part.mark)?,
            action: marks.get(part.mark)?.action,
            callers: marked.stack(part).map(place).collect::<Option<_>>()?,
        })
    }
}

/// The files of a chart and its dependencies: first the templates, then the others.
struct Sources {
    files: Vec<Arc<Source>>,
    /// Their paths in the unpacked copy.
    paths: Vec<String>,
    /// How many of them are templates, each with the end of its name if Helm prints its output.
    templates: Vec<Option<String>>,
}

impl Sources {
    fn new(tree: &ChartTree) -> Self {
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

    fn templates(&self) -> Vec<File<'_>> {
        let files = self.files.iter().zip(&self.templates);
        files.map(|(source, printed)| File { text: &source.text, printed: printed.as_deref() }).collect()
    }

    /// The new texts of templates, by path.
    fn with_templates(&self, texts: Vec<String>) -> BTreeMap<&str, String> {
        self.paths.iter().map(String::as_str).zip(texts).collect()
    }

    fn template(&self, file: usize) -> Option<usize> {
        (file < self.templates.len()).then_some(file)
    }

    /// The file that Helm prints as it is and calls by this name: `<chart>/charts/<chart>/crds/<file>`.
    fn verbatim(&self, name: &str) -> Option<usize> {
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
