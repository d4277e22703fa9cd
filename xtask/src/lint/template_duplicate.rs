//! Named templates that are defined more than once in a chart.
//!
//! Helm parses all files of a chart into one namespace, and the last definition silently overrides the others. It parses
//! deeper folders first and, within a folder, in reverse order of names, so `_a.tpl` overrides `_b.tpl`. An empty
//! definition never overrides another one. Two definitions in one file are an error in Helm.
//!
//! A chart that overrides a named template of a dependency does so on purpose, so each chart is checked separately.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};

use super::subject::Subject;
use super::template;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::TemplateDuplicate];

/// A definition of a named template: the index of its file, and the action that opens it.
pub type Definition = (usize, Range<usize>);

/// The definitions of one named template.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The name of the template.
    pub name: String,
    /// The definition that Helm uses.
    pub used: Definition,
    /// The other ones.
    pub overridden: Vec<Definition>,
}

/// Checks the templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let files: Vec<(String, Arc<Source>)> = subject.sources.of(chart).templates().cloned().collect();
        diagnostics.0.extend(duplicates(&files).into_iter().map(|duplicate| finding(&files, duplicate)));
    }
    diagnostics
}

fn finding(files: &[(String, Arc<Source>)], duplicate: Duplicate) -> Diagnostic {
    let Duplicate { name, used, overridden } = duplicate;
    let place = |(file, action): Definition| Place::new(&files[file].1, action);
    let message = format!("named template `{name}` is defined more than once");
    let found = Diagnostic::new(Code::TemplateDuplicate, message);
    let found = overridden.into_iter().fold(found, |found, one| found.at(place(one), "this definition is not used"));
    found.at(place(used), "Helm uses this definition").help("remove or rename the unused definition")
}

/// Returns the named templates that are defined more than once in the files of a chart. Each file has its path in the
/// chart.
#[must_use]
pub fn duplicates(files: &[(String, Arc<Source>)]) -> Vec<Duplicate> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&file| Reverse((files[file].0.matches('/').count(), files[file].0.as_str())));
    let mut definitions: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for file in order {
        let source = &files[file].1;
        // Most templates define nothing, and need not be parsed.
        if !source.text.contains("define") {
            continue;
        }
        for branch in template::branches(source) {
            // Branches contain each other, so only the text of definitions is read again.
            if branch.defines.is_none() || template::is_empty(&source.text, &branch) {
                continue;
            }
            if let Some(name) = branch.defines {
                definitions.entry(name).or_default().push((file, branch.action));
            }
        }
    }
    let mut found = Vec::new();
    for (name, mut definitions) in definitions {
        if let Some(used) = definitions.pop().filter(|_| !definitions.is_empty()) {
            found.push(Duplicate { name, used, overridden: definitions });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(*path, *text))).collect();
        let path = |(file, _): &Definition| files[*file].0.clone();
        let describe = |one: &Duplicate| {
            let overridden: Vec<String> = one.overridden.iter().map(path).collect();
            format!("{}: {} over {}", one.name, path(&one.used), overridden.join(", "))
        };
        duplicates(&files).iter().map(describe).collect()
    }

    #[test]
    fn the_last_definition_that_helm_parses_is_used() {
        let x = "{{ define \"x\" }}1{{ end }}";
        // Observed with Helm 4.2.1 and 3.19.4.
        let files = [("templates/_a.tpl", x), ("templates/_b.tpl", x), ("templates/sub/_0.tpl", x)];
        assert_eq!(found(&files), ["x: templates/_a.tpl over templates/sub/_0.tpl, templates/_b.tpl"]);
        assert_eq!(
            found(&[("templates/_a.tpl", x), ("templates/a.yaml", x)]),
            ["x: templates/_a.tpl over templates/a.yaml"]
        );
    }

    #[test]
    fn empty_and_single_definitions_are_not_reported() {
        let (x, y) = ("{{ define \"x\" }}1{{ end }}", "{{ define \"y\" }}1{{ end }}");
        let empty = "{{ define \"x\" }}\n{{- /* later */ -}}\n{{ end }}";
        assert!(found(&[("templates/_a.tpl", empty), ("templates/_b.tpl", x), ("templates/_c.tpl", y)]).is_empty());
    }

    #[test]
    fn branches_in_branches_take_linear_time() {
        let deep = |count: usize| {
            let text = format!(
                "{}{{{{ define \"x\" }}}}1{{{{ end }}}}{}",
                "{{ if .a }}".repeat(count),
                "{{ end }}".repeat(count)
            );
            let started = std::time::Instant::now();
            assert!(found(&[("templates/a.yaml", &text)]).is_empty());
            started.elapsed()
        };
        let (short, long) = (deep(500), deep(5000));
        // With quadratic time, it would be a hundred times as long.
        assert!(long < short * 40 + std::time::Duration::from_millis(500), "{short:?}, {long:?}");
    }
}
