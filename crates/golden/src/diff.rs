//! Diffs of objects: the differing lines with three lines of context.
//!
//! Added and removed objects are shown whole; [`ObjectDiff::shortened`] limits what a terminal shows. Values of Secrets are replaced with fingerprints before the
//! texts are compared.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use kubernetes::manifest::Recorded;
use kubernetes::redaction::redact;
use similar::ChangeTag;
use workspace::provenance::trail::Trail;

use crate::goldens::Change;
use crate::lines::{Hunk, hunks};

/// The number of context lines around a change.
const CONTEXT: usize = 3;

/// The maximum number of lines of an added or removed object on a terminal.
const WHOLE: usize = 60;

/// The maximum number of lines of another diff on a terminal.
const DIFF: usize = 400;

/// The number of digits from which on the value of a `checksum/` annotation is one: MD5 has 32, SHA-256 64.
const CHECKSUM: usize = 32;

/// The symbols whose meaning is explained below a diff that contains them.
const SYMBOLS: [(char, &str); 3] = [('␍', "carriage return"), ('␉', "tab"), ('␠', "trailing space")];

/// The kind of change of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rendered but not recorded.
    Added,
    /// Recorded but no longer rendered.
    Removed,
    /// Rendered with a different text.
    Modified,
    /// Rendered under another name.
    Renamed,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
        }
    }
}

/// The kind of a line in a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// On both sides.
    Context,
    /// Only in the render.
    Added,
    /// Only in the golden.
    Removed,
    /// A hunk header: `@@ -1,7 +1,8 @@`.
    Hunk,
    /// A remark, not a line of the object.
    Note,
}

/// The diff of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDiff {
    /// The kind of change.
    pub kind: Kind,
    /// The rendered object; for a removed one, its golden.
    pub object: Recorded,
    /// The golden of a modified or renamed object.
    pub previous: Option<Recorded>,
    /// The lines, without markers and line breaks.
    pub lines: Vec<(Tag, String)>,
    /// Where rendered lines come from, by their number, as far as that is known.
    pub trails: BTreeMap<usize, Trail>,
}

impl ObjectDiff {
    /// The numbers of the added lines in each hunk, counted from 1, with the index of the hunk's header in `lines`.
    #[must_use]
    pub fn added(&self) -> Vec<(usize, Vec<usize>)> {
        let mut hunks: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut number = 0;
        for (index, (tag, line)) in self.lines.iter().enumerate() {
            match tag {
                Tag::Hunk => {
                    // `@@ -1,7 +1,8 @@`
                    let start = line.split('+').nth(1).and_then(|rest| rest.split([',', ' ']).next()?.parse().ok());
                    number = start.unwrap_or_default();
                    hunks.push((index, Vec::new()));
                }
                Tag::Added => {
                    hunks.last_mut().into_iter().for_each(|(_, added)| added.push(number));
                    number += 1;
                }
                Tag::Context => number += 1,
                Tag::Removed | Tag::Note => {}
            }
        }
        hunks
    }

    /// The lines that change. Checksums in annotations such as `checksum/config` differ wherever a chart is rendered with
    /// other values, and stand for a change that is shown elsewhere; they are left out, so that equal changes can be
    /// recognized.
    pub fn changed(&self) -> impl Iterator<Item = (Tag, Cow<'_, str>)> {
        let changed = self.lines.iter().filter(|(tag, _)| !matches!(tag, Tag::Hunk | Tag::Context));
        changed.map(|(tag, line)| (*tag, without_checksum(line)))
    }

    /// Where the lines that a hunk adds come from, each once.
    #[must_use]
    pub fn sources(&self, added: &[usize]) -> Vec<String> {
        let mut known = HashSet::new();
        let sources = added.iter().filter_map(|number| self.trails.get(number)?.summary());
        sources.filter(|source| known.insert(source.clone())).collect()
    }

    /// The lines with their markers, in unified diff format.
    pub fn marked(&self) -> impl Iterator<Item = (Tag, String)> {
        self.first(self.lines.len())
    }

    /// The lines with their markers for a terminal: as many as somebody reads there, and a note about the others. `hint`
    /// says how to see them.
    #[must_use]
    pub fn shortened(&self, hint: &str) -> Vec<(Tag, String)> {
        let limit = if matches!(self.kind, Kind::Added | Kind::Removed) { WHOLE } else { DIFF };
        let mut lines: Vec<(Tag, String)> = self.first(limit).collect();
        if self.lines.len() > limit {
            lines.push((Tag::Note, format!("… {} more lines; {hint}", self.lines.len() - limit)));
        }
        lines
    }

    fn first(&self, count: usize) -> impl Iterator<Item = (Tag, String)> {
        self.lines.iter().take(count).map(|(tag, line)| {
            let marker = match tag {
                Tag::Context => " ",
                Tag::Added => "+",
                Tag::Removed => "-",
                Tag::Hunk | Tag::Note => "",
            };
            (*tag, format!("{marker}{line}"))
        })
    }
}

/// The diff of a change. `fingerprint` replaces the values of Secrets.
#[must_use]
pub fn diff(change: &Change, fingerprint: &dyn Fn(&str) -> String) -> ObjectDiff {
    let shown = |record: &Recorded| redact(&record.manifest, fingerprint);
    let make = |kind, object: &Recorded, previous: Option<&Recorded>, lines| ObjectDiff {
        kind,
        object: object.clone(),
        previous: previous.cloned(),
        lines,
        trails: BTreeMap::new(),
    };
    match change {
        Change::Added(new) => make(Kind::Added, new, None, whole(&shown(new), Tag::Added)),
        Change::Removed(old) => make(Kind::Removed, old, None, whole(&shown(old), Tag::Removed)),
        Change::Modified(old, new) => make(Kind::Modified, new, Some(old), unified(&shown(old), &shown(new))),
        Change::Renamed(old, new) => make(Kind::Renamed, new, Some(old), unified(&shown(old), &shown(new))),
    }
}

/// A line without the value of an annotation with a checksum.
fn without_checksum(line: &str) -> Cow<'_, str> {
    let value = line.trim_start().strip_prefix("checksum/").and_then(|rest| rest.split_once(": "));
    match value {
        Some((_, value)) if value.trim_matches('"').chars().filter(char::is_ascii_hexdigit).count() >= CHECKSUM => {
            Cow::Owned(line.replace(value, ""))
        }
        _ => Cow::Borrowed(line),
    }
}

fn whole(text: &str, tag: Tag) -> Vec<(Tag, String)> {
    text.lines().map(|line| (tag, line.to_owned())).collect()
}

fn unified(old: &str, new: &str) -> Vec<(Tag, String)> {
    if let Some(note) = line_endings(old, new) {
        return vec![(Tag::Note, note)];
    }
    let mut lines = Vec::new();
    let mut symbols = BTreeSet::new();
    for Hunk { header, lines: changes } in hunks(old, new, CONTEXT) {
        lines.push((Tag::Hunk, header));
        let tag = |tag| match tag {
            ChangeTag::Equal => Tag::Context,
            ChangeTag::Delete => Tag::Removed,
            ChangeTag::Insert => Tag::Added,
        };
        let changes: Vec<(Tag, &str)> = changes.into_iter().map(|(change, line)| (tag(change), line)).collect();
        let alike = look_alikes(&changes);
        for (tag, line) in changes {
            let mark = tag != Tag::Context && !alike.is_empty() && alike.contains(&visible(line));
            let shown = if mark { with_symbols(line) } else { line.trim_end_matches('\r').to_owned() };
            symbols.extend(SYMBOLS.iter().filter(|(symbol, _)| mark && shown.contains(*symbol)));
            lines.push((tag, shown));
        }
    }
    if !symbols.is_empty() {
        let legend: Vec<String> = symbols.iter().map(|(symbol, name)| format!("{symbol} is a {name}")).collect();
        lines.push((Tag::Note, legend.join(", ")));
    }
    lines
}

/// Describes the change if only line endings differ.
fn line_endings(old: &str, new: &str) -> Option<String> {
    if old == new || old.replace("\r\n", "\n") != new.replace("\r\n", "\n") {
        return None;
    }
    let endings = |text: &str| if text.contains("\r\n") { "CRLF" } else { "LF" };
    Some(match (endings(old), endings(new)) {
        (old, new) if old != new => format!("only line endings differ: {new} instead of {old}"),
        _ => "only line endings differ: some lines end in CRLF, others in LF".to_owned(),
    })
}

/// What is visible of the lines that were removed and added with different invisible characters.
fn look_alikes(changes: &[(Tag, &str)]) -> BTreeSet<String> {
    // Two lines without any invisible character differ visibly.
    if changes.iter().all(|(tag, line)| *tag == Tag::Context || is_plain(line)) {
        return BTreeSet::new();
    }
    let mut sides: BTreeMap<String, [BTreeSet<&str>; 2]> = BTreeMap::new();
    for (tag, line) in changes.iter().filter(|(tag, _)| *tag != Tag::Context) {
        sides.entry(visible(line)).or_default()[usize::from(*tag == Tag::Added)].insert(line);
    }
    let differ = |[removed, added]: &[BTreeSet<&str>; 2]| !removed.is_empty() && !added.is_empty() && removed != added;
    sides.into_iter().filter(|(_, sides)| differ(sides)).map(|(line, _)| line).collect()
}

/// Whether a line has no character that [`visible`] would change.
fn is_plain(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !line.ends_with(' ')
}

/// A line as it appears: without invisible characters and trailing whitespace, and with plain spaces.
fn visible(line: &str) -> String {
    let seen = line.chars().filter(|c| c.is_whitespace() || !is_invisible(*c));
    let seen: String = seen.map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    seen.trim_end().to_owned()
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace() && c != ' '
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Replaces invisible characters and trailing spaces with symbols.
fn with_symbols(line: &str) -> String {
    let inner = line.trim_end_matches(|c: char| c == ' ' || is_invisible(c)).len();
    let symbol = |(index, c): (usize, char)| match c {
        ' ' if index >= inner => '␠'.to_string(),
        // Unicode has a symbol for each ASCII control character.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(c).to_string(),
        c if is_invisible(c) => format!("<U+{:04X}>", u32::from(c)),
        c => c.to_string(),
    };
    line.char_indices().map(symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(text: &str) -> Recorded {
        Recorded {
            file: "secret-s.yaml".to_owned(),
            manifest: kubernetes::manifest::read_golden(text, "ns").expect("an object"),
        }
    }

    #[test]
    fn only_changed_lines_and_their_context_are_shown() {
        let text = |value: u32| {
            let filler: String = (0..10).map(|line| format!("  l{line}: x\n")).collect();
            format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: s\nspec:\n{filler}  port: {value}\n{filler}")
        };
        let change = Change::Modified(recorded(&text(25)), recorded(&text(587)));
        let lines: Vec<_> = diff(&change, &|_| String::new()).marked().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "@@ -13,7 +13,7 @@",
                "   l7: x",
                "   l8: x",
                "   l9: x",
                "-  port: 25",
                "+  port: 587",
                "   l0: x",
                "   l1: x",
                "   l2: x"
            ]
        );
    }

    #[test]
    fn checksums_do_not_tell_changes_apart() {
        let text = |sum: &str, port: u32| {
            format!(
                "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n    checksum/config: \"{sum}\"\nport: {port}\n"
            )
        };
        let changed = |old: char, new: char, port| -> Vec<String> {
            let [old, new] = [old, new].map(|digit| digit.to_string().repeat(64));
            let change = Change::Modified(recorded(&text(&old, 1)), recorded(&text(&new, port)));
            let found = diff(&change, &|_| String::new());
            found.changed().map(|(_, line)| line.into_owned()).collect()
        };
        assert_eq!(changed('a', 'b', 2), changed('c', 'd', 2));
        assert_ne!(changed('a', 'b', 2), changed('a', 'b', 3));
        assert_eq!(changed('a', 'b', 1), ["    checksum/config: ", "    checksum/config: "]);
    }

    #[test]
    fn added_lines_have_numbers() {
        let text =
            |value: u32| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\na: 1\nb: {value}\nc: 1\n");
        let found = diff(&Change::Modified(recorded(&text(1)), recorded(&text(2))), &|_| String::new());
        assert_eq!(found.added(), [(0, vec![5])]);
    }

    #[test]
    fn lines_that_differ_in_invisible_characters_show_them() {
        let lines = |old: &str, new: &str| -> Vec<String> {
            let start = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";
            let change = Change::Modified(recorded(&format!("{start}{old}")), recorded(&format!("{start}{new}")));
            diff(&change, &|_| String::new()).marked().map(|(_, line)| line).skip(4).collect()
        };
        assert_eq!(
            lines("a: 1\nb: 'x y z'\nc: 1\n", "a: 1\r\nb: 'x\u{a0}y\tz'  \nc: 2\r\n"),
            [
                "-a: 1",
                "-b: 'x y z'",
                "-c: 1",
                "+a: 1␍",
                "+b: 'x<U+00A0>y␉z'␠␠",
                "+c: 2",
                "␉ is a tab, ␍ is a carriage return, ␠ is a trailing space"
            ]
        );
        // A line that moved is the same line.
        assert_eq!(lines("a: 1\nb: 1\n", "b: 1\na: 1\n"), ["+b: 1", " a: 1", "-b: 1"]);
    }

    #[test]
    fn a_change_of_line_endings_is_a_note() {
        let note = |old: &str, new: &str| line_endings(old, new);
        assert_eq!(note("a\nb\n", "a\r\nb\r\n").as_deref(), Some("only line endings differ: CRLF instead of LF"));
        assert_eq!(note("a\r\nb\n", "a\nb\n").as_deref(), Some("only line endings differ: LF instead of CRLF"));
        assert_eq!(
            note("a\r\nb\n", "a\nb\r\n").as_deref(),
            Some("only line endings differ: some lines end in CRLF, others in LF")
        );
        assert_eq!((note("a\n", "a\n"), note("a\n", "b\r\n")), (None, None));
    }

    #[test]
    fn a_changed_secret_does_not_show_its_values() {
        let text = |value: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: {value}\n");
        let change = Change::Modified(recorded(&text("b2xk")), recorded(&text("bmV3")));
        let shown: Vec<_> =
            diff(&change, &|value| format!("<{}>", value.bytes().map(u32::from).sum::<u32>())).marked().collect();
        let shown = format!("{shown:?}");
        assert!(!shown.contains("b2xk") && !shown.contains("bmV3"), "{shown}");
        assert!(shown.contains("-  key: <") && shown.contains("+  key: <"), "{shown}");
    }

    #[test]
    fn long_objects_are_shortened_with_a_note() {
        let body: String = (0..100).map(|line| format!("l{line}: x\n")).collect();
        let change = Change::Added(recorded(&format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\n{body}")));
        let diff = diff(&change, &|_| String::new());
        let lines = diff.shortened("see elsewhere");
        assert_eq!((diff.lines.len(), lines.len()), (103, WHOLE + 1));
        assert_eq!(lines[WHOLE].1, "… 43 more lines; see elsewhere");
    }
}
