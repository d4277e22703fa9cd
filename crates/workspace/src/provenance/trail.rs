//! The trail of a rendered line: the template parts that wrote it, and the values that it depends on.

use diagnostics::Place;
use helm::template::flow::value::{ANY, Reads};

use super::settings::Settings;
use super::{Provenance, Writer, in_archive};
use crate::render::values::Setting;

/// How many values a summary names.
const NAMED: usize = 3;

/// Where a rendered line, or a part of it, comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    /// The template parts that wrote it.
    pub writers: Vec<Writer>,
    /// The values that it is, or is computed from.
    pub values: Vec<Used>,
    /// How many of them, the first ones, have a text that is in the line.
    shown: usize,
    /// The values that decide whether it is rendered.
    pub conditions: Vec<Used>,
}

/// A value that a rendered line depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its path in the values of the chart, such as `service.port`; empty if it may be any value.
    pub path: String,
    /// The steps of the path.
    steps: Vec<String>,
    /// Where it is set; nothing if it is not.
    pub setting: Option<Setting>,
}

impl Trail {
    /// The trail of a line of a golden, or only of the text from a byte of it on. `line` counts from 1.
    #[must_use]
    pub fn new(
        provenance: &Provenance,
        settings: &Settings<'_>,
        golden: &str,
        line: usize,
        part: Option<(usize, usize)>,
    ) -> Self {
        let writers = match part {
            Some((byte, length)) => provenance.at(golden, line, byte, length).into_iter().collect(),
            None => provenance.line(golden, line),
        };
        let found = provenance.dependence(settings, golden, line, part.map(|(byte, _)| byte));
        let text = provenance.text(golden, line);
        let used = |reads: &Reads| -> Vec<Used> {
            let set: Reads = reads.iter().map(|path| settings.canonical(path)).collect();
            let used = set.into_iter().map(|path| Used { setting: settings.find(&path), ..Used::new(path) });
            let mut used: Vec<Used> = used.collect();
            // First those whose text is in the line: they are the ones that a reader looks for.
            used.sort_by_key(|used| !used.is_in(text));
            used
        };
        let decide = found.control.difference(&found.value).cloned().collect();
        let values = used(&found.value);
        let shown = values.iter().filter(|used| used.is_in(text)).count();
        Self { writers, values, shown, conditions: used(&decide) }
    }

    /// Narrows the values to the entry of a list or map that a field contains, given the path of the field and its text.
    ///
    /// For `resources: {{- toYaml .Values.resources | nindent 2 }}`, the field `resources.limits.memory` contains the value
    /// `resources.limits.memory`, if that has the same text.
    #[must_use]
    pub fn narrowed(mut self, settings: &Settings<'_>, field: &[String], text: &str) -> Self {
        for used in &mut self.values {
            let base: Vec<String> = used.steps.iter().take_while(|step| *step != ANY).cloned().collect();
            let entries = (0..field.len()).flat_map(|start| entries(settings, &base, &field[start..]));
            let same = |path: Vec<String>| {
                let setting = settings.find(&path)?;
                (unquoted(&setting.written) == unquoted(text))
                    .then(|| Used { setting: Some(setting), ..Used::new(path) })
            };
            let entries: Vec<Vec<String>> = entries.collect();
            // The key itself, where the finding is about a key.
            let key = || {
                let name = field.last().filter(|name| name.as_str() == unquoted(text))?;
                let mut inside = entries.iter().filter(|path| path.last() == Some(name) && **path != base);
                let (path, place) = inside.find_map(|path| Some((path, settings.key(path)?)))?;
                let setting = Setting { place, written: name.clone(), parameter: None };
                Some(Used { setting: Some(setting), ..Used::new(path.clone()) })
            };
            if let Some(entry) = entries.iter().cloned().find_map(same).or_else(key) {
                *used = entry;
            }
        }
        self
    }

    /// The value to change: the only one, or the only one of several whose text is exactly that of the
    /// field, or of the tag of an image.
    #[must_use]
    pub fn value(&self, text: &str) -> Option<&Used> {
        if let [used] = self.values.as_slice() {
            return Some(used);
        }
        let only = |text: &str| {
            let is = |used: &&Used| used.setting.as_ref().is_some_and(|setting| unquoted(&setting.written) == text);
            // The text of a short one may be there by chance.
            let mut same = self.values.iter().filter(|used| text.len() > 2 && is(used));
            same.next().filter(|_| same.next().is_none())
        };
        let text = unquoted(text);
        // The tag of an image is often a value of its own.
        only(text).or_else(|| only(text.rsplit_once(':')?.1))
    }

    /// The only value whose text is in the line.
    #[must_use]
    pub fn shown_value(&self) -> Option<&Used> {
        self.values.first().filter(|_| self.shown == 1)
    }

    /// The main writer: the first action, which prints the value of a line, or else the first text.
    #[must_use]
    pub fn writer(&self) -> Option<&Writer> {
        self.writers.iter().find(|writer| writer.action).or(self.writers.first())
    }

    /// The place of the main writer.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Some(self.writer()?.author())
    }

    /// In one line: `charts/web/templates/service.yaml:14 ← service.port (values.yaml:134)`.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let place = self.place()?;
        let mut out = at(&place, "");
        let folder = place.source.name.split("/templates/").next().unwrap_or_default();
        let folder =
            folder.rsplit_once("/charts/").map_or(folder, |(outer, _)| if in_archive(&place) { outer } else { folder });
        for (sign, values) in [(" ← ", &self.values), (" if ", &self.conditions)] {
            if values.is_empty() || sign == " if " && !self.values.is_empty() {
                continue;
            }
            out.push_str(sign);
            let few = if values.len() <= NAMED { NAMED } else { self.shown.min(NAMED) };
            if few == 0 || sign == " if " && values.len() > NAMED {
                out.push_str(&format!("{} values", values.len()));
                continue;
            }
            let named: Vec<String> = values.iter().take(few).map(|used| used.summary(folder)).collect();
            out.push_str(&named.join(", "));
            if values.len() > named.len() {
                out.push_str(&format!(", and {} more", values.len() - named.len()));
            }
        }
        Some(out)
    }
}

impl Used {
    fn new(steps: Vec<String>) -> Self {
        Self { path: steps.join("."), steps, setting: None }
    }

    /// The steps of its path.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether its text, if it is long enough not to be there by chance, is in a line.
    fn is_in(&self, line: &str) -> bool {
        let written = self.setting.as_ref().map(|setting| unquoted(&setting.written)).unwrap_or_default();
        let bound = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        let whole = |(at, found): (usize, &str)| {
            bound(line[..at].chars().next_back()) && bound(line[at + found.len()..].chars().next())
        };
        written.len() > 1 && line.match_indices(written).any(whole)
    }

    /// The name as messages show it: that of the list or map, if it is any entry.
    #[must_use]
    pub fn name(&self) -> String {
        let known: Vec<&str> = self.steps.iter().take_while(|step| *step != ANY).map(String::as_str).collect();
        if known.is_empty() { "all values".to_owned() } else { known.join(".") }
    }

    fn summary(&self, folder: &str) -> String {
        match &self.setting {
            Some(setting) => format!("{} ({})", self.name(), at(&setting.place, folder)),
            None => self.name(),
        }
    }
}

impl Writer {
    /// The innermost part of a template in a file of the repository, or else the innermost one.
    #[must_use]
    pub fn author(&self) -> Place {
        let mut places = std::iter::once(&self.place).chain(&self.callers);
        places.find(|place| !in_archive(place)).unwrap_or(&self.place).clone()
    }

    /// The action that used the named template with this writer, in the template that wrote the start of the same line.
    /// Nothing if that template is the writer's own, or in an archive.
    #[must_use]
    pub fn user(&self, start: &Self) -> Option<&Place> {
        let inner = self.callers.strip_suffix(start.callers.as_slice())?;
        inner.last().filter(|user| !in_archive(user))
    }
}

/// How many items of a list are compared with the one of a field.
const ITEMS: usize = 100;

/// The paths in a value at which a field may be. An item of a list that a template appends to others has another index there.
fn entries(settings: &Settings<'_>, base: &[String], field: &[String]) -> Vec<Vec<String>> {
    let mut paths = vec![[base, field].concat()];
    if let [first, rest @ ..] = field
        && first.parse::<usize>().is_ok()
        && let Some(list) = settings.node(base)
    {
        let others = (0..list.items().len().min(ITEMS)).map(|index| index.to_string()).filter(|index| index != first);
        paths.extend(others.map(|index| [base, &[index], rest].concat()));
    }
    paths
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The file, relative to a folder that contains it, and the line.
fn at(place: &Place, folder: &str) -> String {
    let name = place.source.name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let name = name.unwrap_or(&place.source.name);
    place.position().map_or_else(|| name.to_owned(), |(line, _)| format!("{name}:{line}"))
}
