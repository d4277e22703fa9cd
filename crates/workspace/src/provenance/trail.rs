//! Where a rendered line comes from: the parts of templates that wrote it, and the values that it depends on.

use diagnostics::Place;
use helm::template::flow::value::Reads;

use super::settings::Settings;
use super::{Provenance, Writer, in_archive};
use crate::render::values::Setting;

/// How many values a summary names.
const NAMED: usize = 3;

/// Where a rendered line, or a part of it, comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    /// What wrote it.
    pub writers: Vec<Writer>,
    /// The values that it is, or is computed from.
    pub values: Vec<Used>,
    /// The values that decide whether it is rendered.
    pub conditions: Vec<Used>,
}

/// A value that a rendered line depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its path in the values of the chart, such as `service.port`; empty if any value may be used.
    pub path: String,
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
        let used = |reads: &Reads| -> Vec<Used> {
            reads.iter().map(|path| Used { path: path.join("."), setting: settings.find(path) }).collect()
        };
        let decide = found.control.difference(&found.value).cloned().collect();
        Self { writers, values: used(&found.value), conditions: used(&decide) }
    }

    /// The main place: of the first action, which prints the value of a line, or else of the first text.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let writer = self.writers.iter().find(|writer| writer.action).or(self.writers.first())?;
        Some(writer.author())
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
            let named: Vec<String> = values.iter().take(NAMED).map(|used| used.summary(folder)).collect();
            out.push_str(sign);
            out.push_str(&named.join(", "));
            if values.len() > NAMED {
                out.push_str(&format!(", and {} more", values.len() - NAMED));
            }
        }
        Some(out)
    }
}

impl Used {
    /// The name as messages show it.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.path.is_empty() { "any value" } else { &self.path }
    }

    fn summary(&self, folder: &str) -> String {
        match &self.setting {
            Some(setting) => format!("{} ({})", self.name(), at(&setting.place, folder)),
            None => self.name().to_owned(),
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
}

/// The file, relative to a folder that contains it, and the line.
fn at(place: &Place, folder: &str) -> String {
    let name = place.source.name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let name = name.unwrap_or(&place.source.name);
    place.position().map_or_else(|| name.to_owned(), |(line, _)| format!("{name}:{line}"))
}
