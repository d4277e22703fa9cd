//! The table of values in a chart's README, against values.yaml, which it is made from.
//!
//! A comment that begins with `# -- ` above a key documents it. What is below a documented key is its default; below
//! others, every value needs a comment of its own. The table stands between two marks in the README; a chart without
//! them has none, and nothing is asked of it.
//!
//! Deliberately absent: types beside those of YAML, and any order but that of values.yaml.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Key, Node, Value as Content, yaml};
use helm::chart::Chart;

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
    /// What it is unless somebody sets it, as JSON.
    pub default: String,
    /// What its comment says.
    pub description: String,
    /// Where its default stands.
    pub place: Place,
}

impl Value {
    /// Its keys as people write them.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// What became of a chart's table.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong.
    pub diagnostics: Diagnostics,
    /// The README as it should be, where it is not.
    pub readme: Option<String>,
}

/// The documented values of a values.yaml in its order, and a finding for each value without a description.
pub fn read(source: &Arc<Source>) -> Result<(Vec<Value>, Diagnostics)> {
    let root = yaml::parse_one(source)?.root;
    let lines: Vec<&str> = source.text.lines().collect();
    let mut reader = Reader { source, lines, values: Vec::new(), diagnostics: Diagnostics::default() };
    reader.mapping(&root, &[]);
    Ok((reader.values, reader.diagnostics))
}

/// Holds a chart's README against its values.yaml.
pub fn check(root: &Path, chart: &Chart) -> Result<Checked> {
    let path = chart.directory.join("README.md");
    if !path.is_file() {
        return Ok(Checked::default());
    }
    let readme = toolbox::source::read(root, &path)?;
    if !readme.text.contains(BEGIN) && !readme.text.contains(END) {
        return Ok(Checked::default());
    }
    let values = toolbox::source::read(root, &chart.directory.join("values.yaml"))?;
    compare(&readme, &values)
}

/// A README with its table written anew, where it is not as it should be.
pub fn fill(readme: &Arc<Source>, values: &Arc<Source>) -> Result<String> {
    let checked = compare(readme, values)?;
    Ok(checked.readme.unwrap_or_else(|| readme.text.clone()))
}

fn compare(readme: &Arc<Source>, values: &Arc<Source>) -> Result<Checked> {
    let (documented, mut diagnostics) = read(values)?;
    let Some((before, found, after)) = parts(&readme.text) else {
        diagnostics.push(
            Diagnostic::new(Code::ValuesTableOutdated, "the marks around the table of values do not make a pair")
                .at(Place::file(readme.name.clone()), "")
                .help(format!("put `{BEGIN}` and, below it, `{END}` on lines of their own, each once")),
        );
        return Ok(Checked { diagnostics, readme: None });
    };
    // Git may give its lines the ends of Windows; they stay what they are.
    let ends = if found.contains("\r\n") { "\r\n" } else { "\n" };
    let expected = table(&documented).replace('\n', ends);
    if found == expected {
        return Ok(Checked { diagnostics, readme: None });
    }
    let line = before.lines().count() + found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    let now = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    let label = match now {
        Some((_, expected)) => format!("values.yaml makes it: {expected}"),
        None if found.lines().count() > expected.lines().count() => "values.yaml has no such value".to_owned(),
        None => "rows are missing below this".to_owned(),
    };
    // A row that is missing at the end has no line of its own; the one before has.
    let line = if now.is_none() && found.lines().count() < expected.lines().count() { line } else { line + 1 };
    diagnostics.push(
        Diagnostic::new(Code::ValuesTableOutdated, "the table of values is not what values.yaml says")
            .at(Place::line(readme, line), label)
            .help("write it anew with `cargo xtask lint --fix`"),
    );
    Ok(Checked { diagnostics, readme: Some(format!("{before}{expected}{after}")) })
}

/// The README up to and with the first mark, the table, and the rest.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let once = |mark: &str| text.matches(mark).count() == 1;
    if !once(BEGIN) || !once(END) {
        return None;
    }
    let begin = text.find(BEGIN)? + BEGIN.len();
    let begin = begin + text[begin..].find('\n')? + 1;
    let end = text.find(END)?;
    (begin <= end).then(|| (&text[..begin], &text[begin..end], &text[end..]))
}

/// The table, a line a value.
fn table(values: &[Value]) -> String {
    let mut out = "| Key | Type | Default | Description |\n|---|---|---|---|\n".to_owned();
    for value in values {
        // A bar would end the cell, even between backticks.
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
                        .help("say above it what it is for, in a comment that begins with `# -- `"),
                );
            } else {
                self.mapping(value, &path);
            }
        }
    }

    /// The comment directly above a key, from its last `# -- ` on.
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
        let told = checked.diagnostics.0.iter();
        (told.map(|found| format!("{} {}", found.code.name(), found.places[0].0)).collect(), checked.readme)
    }

    fn readme(rows: &str) -> String {
        format!("# x\n\n{BEGIN}\n{rows}{END}\n\nMore.\n")
    }

    #[test]
    fn a_table_as_values_yaml_makes_it_is_silent() {
        assert_eq!(compared(&readme(ROWS), VALUES), (Vec::new(), None));
    }

    #[test]
    fn a_table_that_differs_is_told_with_its_line_and_made_anew() {
        for (rows, line) in [
            (ROWS.replace("`3`", "`2`"), "README.md:7:1"),
            (ROWS.replace("| `name` | string | `\"\"` | A name, `a\\|b`. |\n", ""), "README.md:6:1"),
            (ROWS.lines().take(4).map(|line| format!("{line}\n")).collect(), "README.md:7:1"),
            (format!("{ROWS}| `gone` | int | `1` | Gone. |\n"), "README.md:9:1"),
            (String::new(), "README.md:3:1"),
        ] {
            let (told, anew) = compared(&readme(&rows), VALUES);
            assert_eq!(told, [format!("values-table-outdated {line}")], "{rows}");
            assert_eq!(anew, Some(readme(ROWS)), "{rows}");
        }
    }

    #[test]
    fn marks_without_their_like_are_told_and_left_alone() {
        for text in [format!("{BEGIN}\n"), format!("{END}\n{BEGIN}\n"), format!("{BEGIN}\n{END}\n{END}\n")] {
            assert_eq!(compared(&text, VALUES), (vec!["values-table-outdated README.md".to_owned()], None), "{text}");
        }
    }

    #[test]
    fn a_value_without_a_comment_is_told_with_its_line() {
        let (told, _) = compared(&readme(ROWS), &VALUES.replace("  # -- How many\n  # of them.\n", ""));
        assert!(told.contains(&"value-undocumented values.yaml:7:3".to_owned()), "{told:?}");
    }

    #[test]
    fn a_blank_line_parts_a_comment_from_its_key() {
        let (values, found) = read(&Source::new("values.yaml", "# -- Of the file.\n\na: 1\n")).expect("YAML");
        assert!(values.is_empty());
        assert_eq!(found.0.len(), 1);
    }
}
