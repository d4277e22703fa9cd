//! Provenance: which line of which template wrote each line of a rendered manifest.
//!
//! Helm renders an instrumented copy of the chart and its dependencies, in which every file prints its content once more,
//! with marks. A manifest is traced only if the text between the marks equals its own, byte for byte.

mod documents;
pub mod invalid_output;
mod run;
pub mod settings;
mod sources;
pub mod trail;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::{Place, Result, Source};
use helm::dependencies::ChartTree;
use helm::template::flow::program::Program;
use helm::template::flow::value::Reads;
use helm::template::flow::walk::{Body, Context, Table, table};
use helm::template::instrument::{Instrumented, Mark, Trust, instrument};
use helm::template::marks::{Marked, Part};
use kubernetes::manifest::Recorded;

use self::documents::{Documents, body};
use self::settings::Settings;
use self::sources::Sources;
use crate::renderer::Renderer;
use crate::target::ChartTarget;

/// The template parts that wrote the manifests of a target.
#[derive(Debug)]
pub struct Provenance {
    /// The templates and other files of the chart and its dependencies.
    files: Vec<Arc<Source>>,
    /// By the name of the golden.
    manifests: BTreeMap<String, Traced>,
    program: Program,
    /// The dependences of parts of templates, by the context in which they are rendered.
    tables: Mutex<BTreeMap<(Body, Context), Arc<Table>>>,
}

/// The values that a rendered text depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependence {
    /// The values that it is, or is computed from.
    pub value: Reads,
    /// The values that decide whether it is rendered.
    pub control: Reads,
}

/// The template parts that wrote a manifest.
#[derive(Debug)]
struct Traced {
    /// The path of its chart's values in those of the outermost chart.
    chart: Vec<String>,
    /// The file.
    file: usize,
    /// The number of lines before the first traced one.
    skipped: usize,
    lines: Lines,
}

/// The template parts that wrote the lines of a manifest.
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
    /// Traces the manifests of a target; `tree` are the files of its chart.
    pub fn trace(
        renderer: &Renderer<'_>,
        target: &ChartTarget<'_>,
        tree: &ChartTree,
        manifests: &[Recorded],
    ) -> Result<Self> {
        let sources = Sources::new(tree);
        let mut provenance = Self {
            files: sources.files.clone(),
            manifests: BTreeMap::new(),
            program: sources.program(),
            tables: Mutex::default(),
        };
        let mut open: Vec<&Recorded> = manifests.iter().collect();
        provenance.add_verbatim(&sources, &mut open);
        let mut before = None;
        for trust in [Trust::Usual, Trust::Always, Trust::Never] {
            if open.is_empty() {
                break;
            }
            let Some(instrumented) = instrument(&sources.templates(), trust) else { break };
            let Instrumented { files, marks } = instrumented;
            let printed = run::printed(renderer, target, tree, &sources.with_templates(files), trust)?;
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

    /// Traces manifests that are in files as they are, such as those of a directory; the name of its file is the template of
    /// a manifest.
    #[must_use]
    pub fn verbatim(files: &[Arc<Source>], manifests: &[Recorded]) -> Self {
        let mut provenance = Self {
            files: files.to_vec(),
            manifests: BTreeMap::new(),
            program: Program::new(Vec::new()),
            tables: Mutex::default(),
        };
        let mut texts: BTreeMap<usize, Documents> = BTreeMap::new();
        for recorded in manifests {
            let template = &recorded.manifest.template;
            let Some(file) = files.iter().position(|file| file.name == *template) else { continue };
            let documents = texts.entry(file).or_insert_with(|| Documents::new(&files[file].text));
            let (skipped, text) = body(&recorded.manifest.text);
            let lines = documents
                .take(text)
                .map_or(Lines::Unknown, |first| Lines::Verbatim { first, count: text.lines().count() });
            provenance.manifests.insert(recorded.file.clone(), Traced { chart: Vec::new(), file, skipped, lines });
        }
        provenance
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
            self.manifests.insert(
                recorded.file.clone(),
                Traced { chart: chart(&recorded.manifest.template), file, skipped, lines },
            );
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
        let sound = |marked: &Marked| {
            marked.lines.iter().flatten().all(|part| part.mark < marks.len())
                && marked.frames.iter().all(|frame| frame.mark < marks.len())
        };
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        let mut texts: BTreeMap<&str, (Arc<Marked>, Documents)> = BTreeMap::new();
        for one in printed {
            let Some(file) = sources.template(one.file) else { continue };
            files.insert(&one.name, file);
            if let Some(marked) = Marked::read(&one.output).filter(sound) {
                let documents = Documents::new(&marked.text);
                texts.insert(&one.name, (Arc::new(marked), documents));
            }
        }
        open.retain(|recorded| {
            let template = recorded.manifest.template.as_str();
            let Some(&file) = files.get(template) else { return true };
            let (skipped, text) = body(&recorded.manifest.text);
            let found = texts.get_mut(template).and_then(|(marked, documents)| Some((marked, documents.take(text)?)));
            let traced = found.is_some();
            let lines = match found {
                Some((marked, first)) => {
                    Lines::Rendered { first, marked: Arc::clone(marked), marks: Arc::clone(marks) }
                }
                None => Lines::Unknown,
            };
            self.manifests.insert(recorded.file.clone(), Traced { chart: chart(template), file, skipped, lines });
            !traced
        });
    }

    /// The file of the template that wrote a golden.
    #[must_use]
    pub fn file(&self, golden: &str) -> Option<&Arc<Source>> {
        self.files.get(self.manifests.get(golden)?.file)
    }

    /// The template parts that wrote a line of a golden, in its order; `line` counts from 1. Nothing for a line that is blank or
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

    /// The exact place that wrote the text from a byte of a line on: for text that a template contains as it is, the same text
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

    /// The values on which a line of a golden depends; with a byte, only the text from there on. `line` counts from 1.
    #[must_use]
    pub fn dependence(&self, settings: &Settings<'_>, golden: &str, line: usize, byte: Option<usize>) -> Dependence {
        let mut all = Dependence::default();
        let Some(traced) = self.manifests.get(golden) else { return all };
        all.control.extend(settings.conditions(&traced.chart).cloned());
        let Lines::Rendered { first, marked, marks } = &traced.lines else { return all };
        let at = line.checked_sub(1 + traced.skipped);
        let parts = at.and_then(|at| marked.lines.get(first + at)).map(Vec::as_slice).unwrap_or_default();
        let only = byte.and_then(|byte| parts.iter().rposition(|part| part.start <= byte));
        for part in only.map_or(parts, |index| &parts[index..=index]) {
            let mut chain: Vec<usize> = std::iter::once(part.mark).chain(marked.stack(*part)).collect();
            chain.reverse();
            let chain = chain.into_iter().filter_map(|mark| marks.get(mark)).collect::<Vec<_>>();
            self.follow(settings, &traced.chart, &chain, &mut all);
        }
        for reads in [&mut all.value, &mut all.control] {
            *reads = reads.iter().flat_map(|path| settings.ways(path)).collect();
        }
        all
    }

    /// Adds what a part depends on, given the actions that lead to it, outermost first.
    fn follow(&self, settings: &Settings<'_>, chart: &[String], chain: &[&Mark], all: &mut Dependence) {
        let mut context = Context::of_chart(chart.to_vec());
        for (index, mark) in chain.iter().enumerate() {
            let body = Body::around(&self.program, mark.file, &mark.span);
            let table = self.table(settings, body, &context);
            let Some(found) = table.find(&mark.span) else { return };
            all.control.extend(found.control.iter().cloned());
            match &found.context {
                Some(inner) if index + 1 < chain.len() => context = inner.clone(),
                _ => {
                    all.value.extend(found.value.iter().cloned());
                    return;
                }
            }
        }
    }

    fn table(&self, settings: &Settings<'_>, body: Body, context: &Context) -> Arc<Table> {
        let key = (body, context.clone());
        let known = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let new = Arc::new(table(&self.program, body, context, &|path| settings.texts(path)));
            self.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&new));
            new
        })
    }

    /// A line of a golden that templates wrote; `line` counts from 1.
    #[must_use]
    pub fn text(&self, golden: &str, line: usize) -> &str {
        let found = || match self.manifests.get(golden)? {
            Traced { skipped, lines: Lines::Rendered { first, marked, .. }, .. } => {
                Some(marked.line(first + line.checked_sub(1 + skipped)?))
            }
            _ => None,
        };
        found().unwrap_or_default()
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

/// The path of a chart's values, for the name of one of its templates: `<chart>/charts/<chart>/templates/<file>`.
fn chart(template: &str) -> Vec<String> {
    let folder = template.split("/templates/").next().unwrap_or_default();
    folder.split("/charts/").skip(1).map(str::to_owned).collect()
}
