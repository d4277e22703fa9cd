//! `[[instance]]` in charts.toml: several instances of Argo CD that deploy from one repository.
//!
//! Each has Applications and projects of its own, whose names may be those of another instance, and runs in a cluster of
//! its own. What no entry selects belongs to an instance without a name.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, suggestion};
use document::{Fields, Node, Syntax};

use crate::globs;

/// An instance of Argo CD.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Patterns of the files that define its Applications, ApplicationSets, and projects, besides what entries of charts.toml
    /// that name it define.
    applications: Vec<String>,
    /// The place of the name.
    pub place: Place,
}

impl Instance {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "instance[]", Syntax::Config);
        let place = node.get("name").unwrap_or(node).place();
        let name = fields.required_string("name").filter(|name| {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
            let fine = name.chars().all(allowed) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !fine {
                fields.report(
                    Diagnostic::new(Code::ConfigInvalid, format!("invalid name `{name}`"))
                        .at(place.clone(), "only lowercase letters, digits, `-`, and `.` are allowed"),
                );
            }
            fine
        });
        let applications = globs::globs(&mut fields, "applications", "clusters/beta/**");
        fields.finish(diagnostics);
        Some(Self { name: name?, applications, place })
    }

    /// Whether a file defines something for this instance; `file` is its path from the root.
    #[must_use]
    pub fn selects(&self, file: &str) -> bool {
        globs::matches(&self.applications, file)
    }
}

/// Reports entries of one name.
pub(crate) fn check_names(instances: &[Instance], diagnostics: &mut Diagnostics) {
    for (index, one) in instances.iter().enumerate() {
        if let Some(first) = instances[..index].iter().find(|first| first.name == one.name) {
            diagnostics.push(
                Diagnostic::new(Code::ConfigInvalid, format!("two instances are named `{}`", one.name))
                    .at(one.place.clone(), "second instance")
                    .at(first.place.clone(), "first instance")
                    .help("rename one of them, or write all patterns in one entry"),
            );
        }
    }
}

/// Reports names of instances that no entry defines, and instances that define nothing.
pub(crate) fn check_references<'a>(
    instances: &[Instance],
    names: impl Iterator<Item = &'a (String, Place)>,
    diagnostics: &mut Diagnostics,
) {
    let names: Vec<&(String, Place)> = names.collect();
    for one in instances.iter().filter(|one| one.applications.is_empty()) {
        let is_alone = instances.iter().filter(|other| other.name == one.name).count() == 1;
        if is_alone && !names.iter().any(|(name, _)| *name == one.name) {
            diagnostics.push(
                Diagnostic::new(Code::ConfigInvalid, "`instance[].applications` is required")
                    .at(one.place.clone(), "nothing else in charts.toml names this instance"),
            );
        }
    }
    for (name, place) in names.into_iter().filter(|(name, _)| instances.iter().all(|one| one.name != *name)) {
        diagnostics.push(
            Diagnostic::new(Code::ConfigInvalid, format!("instance `{name}` is not defined"))
                .at(place.clone(), "no `[[instance]]` has this name")
                .help(suggestion(name, instances.iter().map(|one| one.name.as_str()))),
        );
    }
}

/// The instance that a key `instance` of an entry names, and its place.
pub(crate) fn named(fields: &mut Fields<'_>, node: &Node) -> Option<(String, Place)> {
    let name = fields.string("instance").filter(|name| !name.is_empty())?;
    Some((name, node.get("instance").unwrap_or(node).place()))
}
