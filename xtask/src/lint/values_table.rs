//! The values table in a chart's README, generated from values.yaml.
//!
//! A comment that starts with `# -- ` documents the key below it. Everything below a documented key is its default; below
//! an undocumented one, every value needs its own comment. The table is between two markers in the README; a chart
//! without them is not checked.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::excerpt::excerpt;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Key, Node, Value as Content, yaml};
use helm::chart::Chart;

use crate::lint::subject::{Fix, Subject};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ValueUndocumented, Code::ValuesTableOutdated];

/// The line above the table.
pub const BEGIN: &str = "<!-- values:begin -->";
/// The line below the table.
pub const END: &str = "<!-- values:end -->";

/// A documented value.
#[derive(Debug, Clone)]
pub struct Value {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// `string`, `int`, `float`, `bool`, `list`, `object` or `null`.
    pub kind: &'static str,
    /// The default as JSON.
    pub default: String,
    /// The text of its comment.
    pub description: String,
    /// The place of the default.
    pub place: Place,
}

impl Value {
    /// Its path, with dots between the keys.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// The result of checking a chart's table.
#[derive(Debug, Default)]
struct Checked {
    /// The findings.
    diagnostics: Diagnostics,
    /// The corrected README, if the table is outdated.
    readme: Option<String>,
}

/// Returns the documented values of a values.yaml in order, and a finding for each undocumented one.
pub fn read(source: &Arc<Source>) -> Result<(Vec<Value>, Diagnostics)> {
    let root = yaml::parse_one(source)?.root;
    let lines: Vec<&str> = source.text.lines().collect();
    let mut reader = Reader { source, lines, values: Vec::new(), diagnostics: Diagnostics::default() };
    reader.mapping(&root, &[]);
    Ok((reader.values, reader.diagnostics))
}

/// Checks the values table of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let checked = of_chart(&subject.workspace.root, chart);
        diagnostics.extend(checked.map_or_else(|found| found, |checked| checked.diagnostics));
    }
    diagnostics
}

/// Returns the READMEs whose table is outdated, with the table updated.
#[must_use]
pub fn fix(subject: &Subject<'_>) -> Vec<Fix> {
    let fixed = |chart: &&Chart| {
        let text = of_chart(&subject.workspace.root, chart).ok()?.readme?;
        Some(Fix { path: readme_path(chart), text })
    };
    subject.charts.iter().filter_map(fixed).collect()
}

fn readme_path(chart: &Chart) -> PathBuf {
    chart.directory.join("README.md")
}

/// Compares a chart's README with its values.yaml.
fn of_chart(root: &Path, chart: &Chart) -> Result<Checked> {
    let path = readme_path(chart);
    if !path.is_file() {
        return Ok(Checked::default());
    }
    let readme = toolbox::source::read(root, &path)?;
    if !readme.text.contains(BEGIN) && !readme.text.contains(END) {
        return Ok(Checked::default());
    }
    let values = chart.directory.join("values.yaml");
    if !values.is_file() {
        return Ok(Checked::default());
    }
    let values = toolbox::source::read(root, &values)?;
    // `value_duplicate` reports duplicate keys. A table of them would lose the row of one of the two.
    if !yaml::parse_one(&values)?.duplicates.is_empty() {
        return Ok(Checked::default());
    }
    compare(&readme, &values)
}

/// Returns a README with an up-to-date table.
pub fn fill(readme: &Arc<Source>, values: &Arc<Source>) -> Result<String> {
    let checked = compare(readme, values)?;
    Ok(checked.readme.unwrap_or_else(|| readme.text.clone()))
}

fn compare(readme: &Arc<Source>, values: &Arc<Source>) -> Result<Checked> {
    let (documented, mut diagnostics) = read(values)?;
    let Some((before, found, after)) = parts(&readme.text) else {
        diagnostics.push(
            Diagnostic::new(Code::ValuesTableOutdated, "the markers around the values table are incomplete")
                .at(Place::file(readme.name.clone()), "")
                .help(format!("add `{BEGIN}` and, below it, `{END}`, each once and on its own line")),
        );
        return Ok(Checked { diagnostics, readme: None });
    };
    // Keep CRLF line endings, which Git may check out.
    let line_ending = if found.contains("\r\n") { "\r\n" } else { "\n" };
    let expected = table(&documented).replace('\n', line_ending);
    if found == expected {
        return Ok(Checked { diagnostics, readme: None });
    }
    let (span, label) = first_difference(found, &expected);
    let place = match found {
        "" => Place::line(readme, before.lines().count()),
        _ => Place::new(readme, before.len() + span.start..before.len() + span.end),
    };
    diagnostics.push(
        Diagnostic::new(Code::ValuesTableOutdated, "the values table does not match values.yaml")
            .at(place, label)
            .help("run `cargo xtask lint --fix` to update it"),
    );
    Ok(Checked { diagnostics, readme: Some(format!("{before}{expected}{after}")) })
}

/// The first cell of a table that is not as expected, and how it differs.
fn first_difference(found: &str, expected: &str) -> (Range<usize>, String) {
    let mut at = 0;
    let mut last = 0..0;
    let mut rows = expected.lines();
    for row in found.split_inclusive('\n') {
        let (start, row) = (at, row.trim_end());
        at += row.len();
        at += found[at..].find('\n').map_or(0, |end| end + 1);
        let cells = cells(row);
        let whole = start..start + row.len();
        let cell = |index: usize| cells.get(index).map_or(whole.clone(), |cell| start + cell.start..start + cell.end);
        let Some(wanted) = rows.next() else { return (cell(0), "no such value in values.yaml".to_owned()) };
        let wanted: Vec<&str> = self::cells(wanted).into_iter().map(|range| &wanted[range]).collect();
        let differs = |index: &usize| cells.get(*index).map(|cell| &row[cell.clone()]) != wanted.get(*index).copied();
        if let Some(index) = (0..wanted.len()).find(differs) {
            let what = if index == 0 { "the row of " } else { "" };
            return (cell(index), format!("expected {what}{}", excerpt(wanted[index])));
        }
        last = cell(0);
    }
    (last, "rows are missing below".to_owned())
}

/// The texts between the bars of a row.
fn cells(row: &str) -> Vec<Range<usize>> {
    let mut bars = row.match_indices('|').map(|(at, _)| at).filter(|at| !row[..*at].ends_with('\\'));
    let Some(mut start) = bars.next() else { return Vec::new() };
    let mut cells = Vec::new();
    for bar in bars {
        let text = &row[start + 1..bar];
        let begin = start + 1 + (text.len() - text.trim_start().len());
        cells.push(begin..begin + text.trim().len());
        start = bar;
    }
    cells
}

/// Splits a README into the text up to and including the first marker, the table, and the rest.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let once = |marker: &str| text.matches(marker).count() == 1;
    if !once(BEGIN) || !once(END) {
        return None;
    }
    let begin = text.find(BEGIN)? + BEGIN.len();
    let begin = begin + text[begin..].find('\n')? + 1;
    let end = text.find(END)?;
    (begin <= end).then(|| (&text[..begin], &text[begin..end], &text[end..]))
}

/// Formats the table, one line per value.
fn table(values: &[Value]) -> String {
    let mut out = "| Key | Type | Default | Description |\n|---|---|---|---|\n".to_owned();
    for value in values {
        // A `|` would end the cell, even in backticks.
        let cell = |text: &str| text.replace('|', "\\|");
        out.push_str(&format!(
            "| `{}` | {} | `{}` | {} |\n",
            cell(&value.name()),
            value.kind,
            cell(&value.default),
            cell(&value.description)
        ));
    }
    out
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    lines: Vec<&'a str>,
    values: Vec<Value>,
    diagnostics: Diagnostics,
}

impl Reader<'_> {
    fn mapping(&mut self, node: &Node, path: &[String]) {
        for (key, value) in node.entries() {
            let mut path = path.to_vec();
            path.push(key.name.clone());
            if let Some(description) = self.description(key) {
                self.values.push(Value {
                    path,
                    kind: kind(value),
                    default: value.to_json(),
                    description,
                    place: value.place(),
                });
            } else if value.entries().is_empty() {
                self.diagnostics.push(
                    Diagnostic::new(Code::ValueUndocumented, format!("`{}` is not documented", path.join(".")))
                        .at(Place::new(self.source, key.span.clone()), "")
                        .help("describe it in a comment above it that starts with `# -- `"),
                );
            } else {
                self.mapping(value, &path);
            }
        }
    }

    /// Returns the comment directly above a key, from its last `# -- ` on.
    fn description(&self, key: &Key) -> Option<String> {
        let (line, _) = Place::new(self.source, key.span.clone()).position()?;
        let mut words: Vec<&str> = Vec::new();
        for above in self.lines[..line - 1].iter().rev() {
            let comment = above.trim().strip_prefix('#')?.trim();
            if let Some(first) = comment.strip_prefix("--") {
                words.push(first.trim());
                words.reverse();
                return Some(words.join(" ").trim().to_owned()).filter(|text| !text.is_empty());
            }
            words.push(comment);
        }
        None
    }
}

fn kind(node: &Node) -> &'static str {
    match &node.value {
        Content::Null => "null",
        Content::Bool(_) => "bool",
        Content::Number(number) if number.contains(['.', 'e']) => "float",
        Content::Number(_) => "int",
        Content::String(_) => "string",
        Content::Sequence(_) => "list",
        Content::Mapping(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &str = "\
# About the file.

# -- A name, `a|b`.
name: \"\"
outer:
  # An aside.
  # -- How many
  # of them.
  count: 3
  # -- All at once.
  whole: {a: 1, b: [x]}
";

    const ROWS: &str = "| Key | Type | Default | Description |\n|---|---|---|---|\n\
        | `name` | string | `\"\"` | A name, `a\\|b`. |\n\
        | `outer.count` | int | `3` | How many of them. |\n\
        | `outer.whole` | object | `{\"a\":1,\"b\":[\"x\"]}` | All at once. |\n";

    fn compared(readme: &str, values: &str) -> (Vec<String>, Option<String>) {
        let checked = compare(&Source::new("README.md", readme), &Source::new("values.yaml", values)).expect("YAML");
        let found = checked.diagnostics.0.iter();
        (found.map(|found| format!("{} {}", found.code.name(), found.places[0].0)).collect(), checked.readme)
    }

    fn readme(rows: &str) -> String {
        format!("# x\n\n{BEGIN}\n{rows}{END}\n\nMore.\n")
    }

    #[test]
    fn an_up_to_date_table_is_not_reported() {
        assert_eq!(compared(&readme(ROWS), VALUES), (Vec::new(), None));
    }

    #[test]
    fn an_outdated_table_is_reported_with_its_line_and_fixed() {
        for (rows, line) in [
            (ROWS.replace("`3`", "`2`"), "README.md:7:25"),
            (ROWS.replace("| `name` | string | `\"\"` | A name, `a\\|b`. |\n", ""), "README.md:6:3"),
            (ROWS.lines().take(4).map(|line| format!("{line}\n")).collect(), "README.md:7:3"),
            (format!("{ROWS}| `gone` | int | `1` | Gone. |\n"), "README.md:9:3"),
            (String::new(), "README.md:3:1"),
        ] {
            let (found, fixed) = compared(&readme(&rows), VALUES);
            assert_eq!(found, [format!("values-table-outdated {line}")], "{rows}");
            assert_eq!(fixed, Some(readme(ROWS)), "{rows}");
        }
    }

    #[test]
    fn incomplete_markers_are_reported_and_not_fixed() {
        for text in [format!("{BEGIN}\n"), format!("{END}\n{BEGIN}\n"), format!("{BEGIN}\n{END}\n{END}\n")] {
            assert_eq!(compared(&text, VALUES), (vec!["values-table-outdated README.md".to_owned()], None), "{text}");
        }
    }

    #[test]
    fn an_undocumented_value_is_reported_with_its_line() {
        let (found, _) = compared(&readme(ROWS), &VALUES.replace("  # -- How many\n  # of them.\n", ""));
        assert!(found.contains(&"value-undocumented values.yaml:7:3".to_owned()), "{found:?}");
    }

    #[test]
    fn a_blank_line_separates_a_comment_from_its_key() {
        let (values, found) = read(&Source::new("values.yaml", "# -- Of the file.\n\na: 1\n")).expect("YAML");
        assert!(values.is_empty());
        assert_eq!(found.0.len(), 1);
    }
}
