//! The branches of a chart's templates, and the markers that show which of them a render reaches.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Result, Source};
use helm::chart::Chart;
use toolbox::inputs;

use crate::lint::template::{self, Branch};
use crate::lint::template_duplicate;

/// The prefix of a marker's number; no chart contains it by chance.
pub(super) const MARK: &str = "xtask-coverage-mark-";

/// The prefix of the line with the numbers of the branches that a case reached.
pub(super) const NUMBERS: &str = "# xtask-coverage:";

/// The template that renders last: Helm renders templates in reverse order of their names, deeper ones first.
pub(super) const LAST: &str = "templates/!xtask-coverage.yaml";

/// A branch in a chart.
#[derive(Debug)]
pub(super) struct Mark {
    /// The index of its template.
    pub(super) template: usize,
    /// The branch; its parent, other than its previous branch, is an index into the marks of all templates.
    pub(super) branch: Branch,
    /// Whether it belongs to a named template that another definition overrides.
    overridden: bool,
}

/// The templates of a chart, with all their branches.
#[derive(Debug)]
pub(super) struct Templates {
    /// Path in the chart, and text.
    pub(super) files: Vec<(String, Arc<Source>)>,
    pub(super) marks: Vec<Mark>,
}

impl Templates {
    /// Reads the chart's own templates, as Helm loads them.
    pub(super) fn read(root: &Path, chart: &Chart) -> Result<Self> {
        let prefix = format!("{}/", inputs::name(root, &chart.directory));
        let mut templates = Self { files: Vec::new(), marks: Vec::new() };
        for name in helm::chart_files::chart_files(root, &chart.directory)?.names() {
            let Some(path) = name.strip_prefix(&prefix).filter(|path| path.starts_with("templates/")) else { continue };
            templates.add(path, &toolbox::source::read(root, &root.join(name))?);
        }
        templates.mark_overridden();
        Ok(templates)
    }

    fn add(&mut self, path: &str, source: &Arc<Source>) {
        let (template, before) = (self.files.len(), self.marks.len());
        self.files.push((path.to_owned(), Arc::clone(source)));
        for mut branch in template::branches(source) {
            branch.parent = branch.parent.map(|parent| parent + before);
            self.marks.push(Mark { template, branch, overridden: false });
        }
    }

    /// Marks the branches that Helm does not use, because another definition of their named template overrides them.
    fn mark_overridden(&mut self) {
        let overridden: BTreeSet<(usize, usize)> = template_duplicate::duplicates(&self.files)
            .into_iter()
            .flat_map(|duplicate| duplicate.overridden)
            .map(|(file, action)| (file, action.start))
            .collect();
        for index in 0..self.marks.len() {
            let Mark { template, branch, .. } = &self.marks[index];
            let own = overridden.contains(&(*template, branch.action.start));
            self.marks[index].overridden = own || branch.parent.is_some_and(|parent| self.marks[parent].overridden);
        }
    }

    /// Returns a template with a marker at the start of each active branch.
    pub(super) fn marked(
        &self,
        template: usize,
        active: &BTreeSet<usize>,
        mark: impl Fn(usize, &str) -> String,
    ) -> String {
        let text = &self.files[template].1.text;
        let mut out = String::new();
        let mut position = 0;
        for &number in active.iter().filter(|&&number| self.marks[number].template == template) {
            let action = &self.marks[number].branch.action;
            out.push_str(&text[position..action.end]);
            out.push_str(&mark(number, &text[action.clone()]));
            position = action.end;
        }
        out.push_str(&text[position..]);
        out
    }

    /// The branches that are not reached yet.
    pub(super) fn wanted(&self, reached: &BTreeSet<usize>) -> BTreeSet<usize> {
        let open = |number: &usize| {
            let Mark { branch, overridden, .. } = &self.marks[*number];
            !branch.fails && !overridden && !reached.contains(number)
        };
        (0..self.marks.len()).filter(open).collect()
    }

    /// Those of some branches that contain no other one of them.
    pub(super) fn innermost(&self, branches: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut innermost = branches.clone();
        for parent in branches.iter().filter_map(|&number| self.marks[number].branch.parent) {
            innermost.remove(&parent);
        }
        innermost
    }

    /// A branch, and all branches that contain it: they are reached, too.
    pub(super) fn containing(&self, number: usize) -> impl Iterator<Item = usize> {
        let first = self.marks.get(number).map(|_| number);
        std::iter::successors(first, |number| self.marks[*number].branch.parent)
    }
}

/// The marker that records a branch's number for [`LAST`]. Whitespace trimming of the action is preserved.
pub(super) fn record(number: usize, action: &str) -> String {
    let end = if action.ends_with("-}}") { "-}}" } else { "}}" };
    format!(
        "{{{{ if kindIs \"map\" $ }}}}{{{{ if kindIs \"map\" $.Release }}}}\
         {{{{ $_ := set $.Release \"{MARK}{number}\" true }}}}{{{{ end }}}}{{{{ end {end}"
    )
}

/// The content of [`LAST`]: a comment with all recorded numbers.
pub(super) fn numbers() -> String {
    format!(
        "{NUMBERS}{{{{ range $name, $_ := .Release }}}}{{{{ if hasPrefix \"{MARK}\" $name }}}} \
         {{{{ trimPrefix \"{MARK}\" $name }}}}{{{{ end }}}}{{{{ end }}}}\n"
    )
}

/// The marker that aborts the render with a branch's number.
pub(super) fn stop(number: usize, _: &str) -> String {
    format!("{{{{ fail \"{MARK}{number}-\" }}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(text: &str) -> Templates {
        let mut templates = Templates { files: Vec::new(), marks: Vec::new() };
        templates.add("templates/x.yaml", &Source::new("x.yaml", text));
        templates
    }

    #[test]
    fn markers_follow_the_actions_that_open_a_branch() {
        let templates = templates("{{- if .a -}}\n1{{ else }}2{{ end }}");
        assert_eq!(
            templates.marked(0, &[0, 1].into(), stop),
            "{{- if .a -}}{{ fail \"xtask-coverage-mark-0-\" }}\n1{{ else }}{{ fail \"xtask-coverage-mark-1-\" }}2{{ end }}"
        );
        assert_eq!(templates.marked(0, &BTreeSet::new(), stop), templates.files[0].1.text);
    }

    #[test]
    fn inner_branches_come_first_and_failing_ones_are_skipped() {
        let templates = templates("{{ if .a }}{{ if .b }}{{ fail \"x\" }}{{ end }}{{ if .c }}{{ end }}{{ end }}");
        assert_eq!(templates.innermost(&[0, 2].into()), [2].into());
        assert_eq!(templates.wanted(&BTreeSet::new()), [0, 2].into());
        assert_eq!(templates.innermost(&templates.wanted(&[2].into())), [0].into());
    }
}
