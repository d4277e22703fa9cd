//! Source maps of rendered templates: which template line produced which output line.
//!
//! A line of a template matches a rendered line if the text around its actions does. Lines are matched in order, so that of
//! several equal lines each has its own; a line of a loop is searched again from the start.

use std::ops::Range;

use diagnostics::Source;
use document::{Key, Node, Value as Yaml};

/// The lines of a template that made the lines of a rendered text.
pub(super) struct Origins<'a> {
    /// The node with the template, as written in a file.
    node: &'a Node,
    rendered: &'a Source,
    /// The byte offsets of the rendered lines.
    starts: Vec<usize>,
    /// For each rendered line, the range in the file of the template's line.
    written: Vec<Option<Range<usize>>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(node: &'a Node, template: &str, rendered: &'a Source) -> Self {
        let places = places(node, template);
        let lines: Vec<&str> = template.lines().collect();
        let mut next = 0;
        let mut starts = vec![0];
        starts.extend(rendered.text.match_indices('\n').map(|(at, _)| at + 1));
        let written = rendered.text.lines().map(|line| {
            let fits = |index: &usize| matches(lines[*index], line);
            let found = (next..lines.len()).find(fits).or_else(|| (0..next.min(lines.len())).find(fits))?;
            next = found + 1;
            places[found].clone()
        });
        Self { node, rendered, starts, written: written.collect() }
    }

    /// A tree of the rendered text with the places of the template.
    pub(super) fn of(&self, node: &Node) -> Node {
        let value = match &node.value {
            Yaml::Sequence(items) => Yaml::Sequence(items.iter().map(|item| self.of(item)).collect()),
            Yaml::Mapping(entries) => {
                let key = |key: &Key| Key { name: key.name.clone(), span: self.span(&key.span, &key.name) };
                Yaml::Mapping(entries.iter().map(|(name, value)| (key(name), self.of(value))).collect())
            }
            other => other.clone(),
        };
        Node { value, span: self.span(&node.span, ""), source: self.node.source.clone() }
    }

    /// The place in the template of a range of the rendered text: the text `name` in its line if the line contains it, or
    /// else the line after the key that precedes the range.
    fn span(&self, rendered: &Range<usize>, name: &str) -> Range<usize> {
        let line = self.starts.partition_point(|start| *start <= rendered.start).saturating_sub(1);
        let Some(Some(written)) = self.written.get(line) else { return self.node.span.clone() };
        let text = self.node.source.text.get(written.clone()).unwrap_or_default();
        let (begin, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
        if !name.is_empty() {
            let at = text.find(name).unwrap_or(begin);
            let length = if text[at..].starts_with(name) { name.len() } else { end - at };
            return written.start + at..written.start + at + length;
        }
        let before = self.rendered.text.get(self.starts[line]..rendered.start).unwrap_or_default();
        let key = before.trim_end().ends_with(':').then(|| text.find(": ")).flatten();
        let item = before.trim_end().ends_with('-').then(|| text.find("- ")).flatten();
        let at = key.or(item).map_or(begin, |at| at + 2).min(end);
        written.start + at..written.start + end
    }
}

/// The places in the file of the lines of a template.
fn places(node: &Node, template: &str) -> Vec<Option<Range<usize>>> {
    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
    let mut after = 0;
    let place = |line: &str| {
        if line.trim().is_empty() {
            return None;
        }
        let at = after + written.get(after..)?.find(line)?;
        after = at + line.len();
        Some(node.span.start + at..node.span.start + after)
    };
    template.lines().map(place).collect()
}

/// Whether a line of a template may have made a rendered line: the texts around its actions occur in it in order.
fn matches(template: &str, rendered: &str) -> bool {
    let mut texts = Vec::new();
    let mut rest = template;
    while let Some((text, action)) = rest.split_once("{{") {
        texts.push(text);
        rest = action.split_once("}}").map_or("", |(_, rest)| rest);
    }
    texts.push(rest);
    let (Some(first), Some(last)) = (texts.first(), texts.last()) else { return false };
    if texts.iter().all(|text| text.trim().is_empty()) {
        return false;
    }
    if texts.len() == 1 {
        return first.trim_end() == rendered.trim_end();
    }
    let Some(mut rest) = rendered.strip_prefix(first) else { return false };
    for text in &texts[1..texts.len() - 1] {
        let Some(at) = rest.find(text) else { return false };
        rest = &rest[at + text.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn rendered_fields_have_the_places_of_their_lines() {
        let file = Source::new(
            "set.yaml",
            "spec:\n  templatePatch: |\n    {{- if .helm }}\n    spec:\n      sources:\n        - repoURL: {{ .repo }}\n          chart: {{ .chart | quote }}\n        - repoURL: https://x\n    {{- else }}\n    spec:\n      source:\n        repoURL: https://x\n    {{- end }}\n",
        );
        let root = yaml::parse_one(&file).expect("valid").root;
        let patch = root.find(&["spec", "templatePatch"]).expect("a patch");
        let text = Source::new(
            "rendered",
            "\nspec:\n  sources:\n    - repoURL: https://a\n      chart: \"web\"\n    - repoURL: https://x\n",
        );
        let origins = Origins::new(patch, patch.as_str().expect("a text"), &text);
        let tree = origins.of(&yaml::parse_one(&text).expect("valid").root);
        let shown = |path: &[&str], index: usize, key: &str| {
            let node = tree.find(path).expect("there").items()[index].get(key).expect("set");
            format!("{} {}", node.place(), &file.text[node.span.clone()])
        };
        let sources = ["spec", "sources"];
        assert_eq!(shown(&sources, 0, "repoURL"), "set.yaml:6:20 {{ .repo }}");
        assert_eq!(shown(&sources, 0, "chart"), "set.yaml:7:18 {{ .chart | quote }}");
        assert_eq!(shown(&sources, 1, "repoURL"), "set.yaml:8:20 https://x");
    }

    #[test]
    fn lines_of_actions_match_nothing() {
        for (template, rendered, expected) in [
            ("a: {{ .b }}", "a: c", true),
            ("a: {{ .b }}-x", "a: c-y", false),
            ("- {{ . }}", "- x", true),
            ("{{ .k }}: {{ .v }}", "a: b", true),
            ("{{- end }}", "a: b", false),
            ("  a: b ", "  a: b", true),
            ("a: b", " a: b", false),
        ] {
            assert_eq!(matches(template, rendered), expected, "{template}");
        }
    }
}
