//! Finds the template line whose output is not a valid object.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Help, Place, Source, did_you_mean, nearest_within};
use document::yaml::{self, Document};
use document::{Node, Value};
use helm::dependencies::ChartTree;
use helm::template::instrument::{Instrumented, Mark, Trust, instrument};
use helm::template::marks::{Marked, Part};
use kubernetes::secret_values;

use super::run;
use super::sources::Sources;
use crate::renderer::Renderer;
use crate::target::ChartTarget;

/// In place of an invalid line that may contain the value of a Secret.
const HIDDEN: &str = "renders a line of a Secret, which is not shown";

/// Where templates write something invalid.
#[derive(Debug, Default)]
pub struct Located {
    /// The places with labels: the one in the template itself, and then the named template that it includes. Empty if the
    /// line cannot be traced.
    pub places: Vec<(Place, String)>,
    /// The fix, if it is known.
    pub help: Option<Help>,
}

/// The output of a template, and what wrote it.
struct Output {
    sources: Sources,
    marks: Vec<Mark>,
    marked: Marked,
}

/// Locates what is not valid YAML in a template's output; `template` is the name by which Helm knows it.
#[must_use]
pub fn syntax(renderer: &Renderer<'_>, target: &ChartTarget<'_>, directory: &Path, template: &str) -> Located {
    let locate = || {
        let output = Output::render(renderer, target, directory, template)?;
        let (first, line, label) = output.documents().into_iter().find_map(|(first, text)| {
            let found = yaml::parse(&text).err()?.0.into_iter().next()?;
            let (place, label) = found.places.into_iter().next()?;
            let label = if secret_values::may_be_in(&text.text) { Some(HIDDEN.to_owned()) } else { non_empty(label) };
            Some((first, first + place.position()?.0 - 1, label))
        })?;
        output.joined(line).or_else(|| output.glued(line)).or_else(|| output.misindented(first, line)).or_else(|| {
            let label = label.unwrap_or_else(|| format!("renders `{}`", output.marked.line(line).trim()));
            output.located(line, label, None)
        })
    };
    locate().unwrap_or_default()
}

/// Locates the first object without a kind, an API version, or a name in a template's output.
#[must_use]
pub fn incomplete(renderer: &Renderer<'_>, target: &ChartTarget<'_>, directory: &Path, template: &str) -> Located {
    let locate = || {
        let output = Output::render(renderer, target, directory, template)?;
        output.documents().into_iter().find_map(|(first, text)| {
            let document: Document = yaml::parse_one(&text).ok()?;
            let (place, help) = lacking(&document.root)?;
            output.located(first + place.position()?.0 - 1, String::new(), help)
        })
    };
    locate().unwrap_or_default()
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The place in an object of what it lacks, and what was probably meant.
fn lacking(object: &Node) -> Option<(Place, Option<Help>)> {
    let Value::Mapping(entries) = &object.value else { return None };
    if entries.is_empty() {
        return None;
    }
    let meant = |owner: &Node, field: &str| {
        let keys = owner.entries().iter().map(|(key, _)| key.name.as_str());
        let key = nearest_within(field, 1, keys)?.to_owned();
        Some((owner.key_place(&key), Some(did_you_mean(field))))
    };
    if let Some(field) = ["apiVersion", "kind"].into_iter().find(|field| object.get(field).is_none()) {
        return meant(object, field).or_else(|| Some((object.key_place(&entries[0].0.name), None)));
    }
    // The names in a List are those of its items.
    if object.get("items").is_some_and(|items| !items.items().is_empty()) {
        return None;
    }
    let Some(metadata) = object.get("metadata") else {
        return meant(object, "metadata").or_else(|| Some((object.key_place("kind"), None)));
    };
    if let Some(name) = metadata.get("name") {
        return name.as_str().is_none().then(|| (name.place(), None));
    }
    metadata
        .get("generateName")
        .is_none()
        .then(|| meant(metadata, "name").unwrap_or_else(|| (object.key_place("metadata"), None)))
}

impl Output {
    fn render(renderer: &Renderer<'_>, target: &ChartTarget<'_>, directory: &Path, template: &str) -> Option<Self> {
        let tree = ChartTree::read(renderer.root, &target.chart.directory, directory).ok()?;
        let sources = Sources::new(&tree);
        let Instrumented { files, marks } = instrument(&sources.templates(), Trust::Usual)?;
        let printed = run::printed_in_vain(renderer, target, &tree, &sources.with_templates(files)).ok()?;
        let marked = Marked::read(&printed.iter().find(|one| one.name == template)?.output)?;
        Some(Self { sources, marks, marked })
    }

    /// The documents, each with the number of its first line, counted from 0.
    fn documents(&self) -> Vec<(usize, Arc<Source>)> {
        let mut documents = vec![(0, String::new())];
        for (number, line) in self.marked.text.split_inclusive('\n').enumerate() {
            if line.starts_with("---") {
                documents.push((number + 1, String::new()));
            } else if let Some((_, text)) = documents.last_mut() {
                text.push_str(line);
            }
        }
        documents.into_iter().map(|(first, text)| (first, Source::new("output", text))).collect()
    }

    /// The place that wrote a line, counted from 0.
    fn located(&self, line: usize, label: String, help: Option<Help>) -> Option<Located> {
        let part = self.marked.lines.get(line)?.first()?;
        let writer = self.place(part.mark)?;
        let places = match self.marked.stack(*part).last() {
            None => vec![(writer, label)],
            Some(outermost) => vec![(self.place(outermost)?, label), (writer, "written here".to_owned())],
        };
        Some(Located { places, help })
    }

    /// The last action before an invalid line of a document that writes further lines with less indentation than its first
    /// one, which is what happens without `nindent`.
    fn misindented(&self, first: usize, invalid: usize) -> Option<Located> {
        // The action that writes the end of a line, and the column at which it began.
        let mut running: Option<(usize, usize)> = None;
        let mut found = None;
        let lines = self.marked.lines.get(first..=invalid)?.iter();
        for (line, text) in lines.zip(self.marked.text.lines().skip(first)) {
            let Some(last) = line.last().and_then(|part| self.action(*part)) else {
                running = None;
                continue;
            };
            // The text that the action writes up to the end of the line, possibly through templates that it includes.
            let own = line.iter().rev().take_while(|part| self.action(**part) == Some(last)).last();
            let begins = line.first().and_then(|part| self.action(*part));
            let continued = running.filter(|(action, _)| begins == Some(*action));
            let below = text.len() - text.trim_start().len();
            if let Some((action, column)) = continued.filter(|(_, column)| below < *column) {
                found = Some((action, column));
            }
            // A text that begins with a newline, as with `nindent`, has no line to align the others with.
            let end = own.map(|part| (last, part.start)).filter(|(_, column)| {
                *column > 0 && text.get(*column..).is_some_and(|written| !written.trim().is_empty())
            });
            running = continued.filter(|(action, _)| *action == last).or(end);
        }
        let (action, column) = found?;
        let place = self.place(action)?;
        let help = format!(
            "indent all of its lines: start the action with `{{{{-`, and end it with `| nindent {column} }}}}`"
        );
        Some(Located { places: vec![(place, "only its first line is indented".to_owned())], help: Some(help.into()) })
    }

    /// The action of an invalid line that indents what it writes, but removes the line break before it.
    fn joined(&self, line: usize) -> Option<Located> {
        let places = self.marked.lines.get(line)?.iter().skip(1).filter_map(|part| self.place(self.action(*part)?));
        places.into_iter().find_map(|place| {
            let text = place.source.text.get(place.span.clone()?)?;
            let width = text.starts_with("{{-").then(|| text.rsplit_once(" indent "))??.1;
            let width: String = width.chars().take_while(char::is_ascii_digit).collect();
            let label = "`{{-` removes the line break before it".to_owned();
            let help = format!("use `nindent {width}` instead of `indent {width}`");
            Some(Located { places: vec![(place.clone(), label)], help: Some(help.into()) })
        })
    }

    /// The action that removes the line break after a key in an invalid line, or in the one before it.
    fn glued(&self, line: usize) -> Option<Located> {
        let texts: Vec<&str> = self.marked.text.lines().collect();
        [Some(line), line.checked_sub(1)].into_iter().flatten().find_map(|number| {
            let text = texts.get(number)?;
            self.marked.lines.get(number)?.iter().skip(1).find_map(|part| {
                let before = text.get(..part.start)?;
                let place = self.place(self.action(*part)?)?;
                let action = place.source.text.get(place.span.clone()?)?;
                if !before.ends_with(':') || !action.starts_with("{{-") {
                    return None;
                }
                let label = "`{{-` removes the line break before it".to_owned();
                let help = "write `{{` instead of `{{-`, or put the action behind the key".to_owned();
                Some(Located { places: vec![(place, label)], help: Some(help.into()) })
            })
        })
    }

    /// The mark of the action in the template itself that wrote a part.
    fn action(&self, part: Part) -> Option<usize> {
        let outermost = self.marked.stack(part).last();
        outermost.or_else(|| self.marks.get(part.mark).is_some_and(|mark| mark.action).then_some(part.mark))
    }

    fn place(&self, mark: usize) -> Option<Place> {
        let mark = self.marks.get(mark)?;
        Some(Place::new(self.sources.files.get(mark.file)?, mark.span.clone()))
    }
}
