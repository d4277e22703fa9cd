//! Changes as people read them: a header an object, and the lines that differ with three lines of context.
//!
//! What was added or removed is shown whole, cut visibly past a limit. Values of Secrets never get here: they are
//! replaced by fingerprints before anything is compared line by line.
//!
//! Pure. Deliberately absent: colours and printing.

use similar::{ChangeTag, TextDiff};

use crate::goldens::Change;
use kubernetes::manifest;
use kubernetes::manifest::Recorded;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The most lines of an added or removed object that are shown.
const WHOLE: usize = 60;

/// The most lines of one object's diff that are shown.
const DIFF: usize = 400;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rendered now, not recorded.
    Added,
    /// Recorded, no longer rendered.
    Removed,
    /// Rendered with another text.
    Modified,
    /// The same under another name.
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

/// How a line is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// On both sides.
    Context,
    /// Only in what is rendered now.
    Added,
    /// Only in what was recorded.
    Removed,
    /// Where a stretch of lines begins: `@@ -1,7 +1,8 @@`.
    Hunk,
    /// Not of the text, but about it.
    Note,
}

/// One object's difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDiff {
    /// What happened.
    pub kind: Kind,
    /// The object as it is now; of a removed one, as it was.
    pub object: Recorded,
    /// Of a renamed or modified one, as it was.
    pub previous: Option<Recorded>,
    /// The lines, each without its marker and line break.
    pub lines: Vec<(Tag, String)>,
}

impl ObjectDiff {
    /// The lines with their markers, as a unified diff writes them.
    pub fn marked(&self) -> impl Iterator<Item = (Tag, String)> {
        self.lines.iter().map(|(tag, line)| {
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

/// The lines of a change; `fingerprint` stands for the values of Secrets.
#[must_use]
pub fn diff(change: &Change, fingerprint: &dyn Fn(&str) -> String) -> ObjectDiff {
    let shown = |record: &Recorded| manifest::redact(&record.manifest, fingerprint);
    let make = |kind, object: &Recorded, previous: Option<&Recorded>, lines| ObjectDiff {
        kind,
        object: object.clone(),
        previous: previous.cloned(),
        lines,
    };
    match change {
        Change::Added(new) => make(Kind::Added, new, None, whole(&shown(new), Tag::Added)),
        Change::Removed(old) => make(Kind::Removed, old, None, whole(&shown(old), Tag::Removed)),
        Change::Modified(old, new) => make(Kind::Modified, new, Some(old), unified(&shown(old), &shown(new))),
        Change::Renamed(old, new) => make(Kind::Renamed, new, Some(old), unified(&shown(old), &shown(new))),
    }
}

fn whole(text: &str, tag: Tag) -> Vec<(Tag, String)> {
    let count = text.lines().count();
    let mut lines: Vec<_> = text.lines().take(WHOLE).map(|line| (tag, line.to_owned())).collect();
    if count > WHOLE {
        lines.push((Tag::Note, format!("… {} more lines; `--output DIR` writes them all", count - WHOLE)));
    }
    lines
}

fn unified(old: &str, new: &str) -> Vec<(Tag, String)> {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push((Tag::Hunk, hunk.header().to_string().trim_end().to_owned()));
        for change in hunk.iter_changes() {
            let tag = match change.tag() {
                ChangeTag::Equal => Tag::Context,
                ChangeTag::Delete => Tag::Removed,
                ChangeTag::Insert => Tag::Added,
            };
            lines.push((tag, change.value().trim_end_matches(['\n', '\r']).to_owned()));
        }
    }
    if lines.len() > DIFF {
        let more = lines.len() - DIFF;
        lines.truncate(DIFF);
        lines.push((Tag::Note, format!("… {more} more lines; `--output DIR` writes the whole object")));
    }
    if lines.is_empty() && old != new {
        lines.push((Tag::Note, "only line endings differ".to_owned()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(text: &str) -> Recorded {
        Recorded { file: "secret-s.yaml".to_owned(), manifest: manifest::read_golden(text, "ns").expect("an object") }
    }

    #[test]
    fn only_the_changed_lines_and_their_context_are_shown() {
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
    fn a_secret_shows_that_it_changed_and_not_to_what() {
        let text = |value: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: {value}\n");
        let change = Change::Modified(recorded(&text("b2xk")), recorded(&text("bmV3")));
        let shown: Vec<_> =
            diff(&change, &|value| format!("<{}>", value.bytes().map(u32::from).sum::<u32>())).marked().collect();
        let shown = format!("{shown:?}");
        assert!(!shown.contains("b2xk") && !shown.contains("bmV3"), "{shown}");
        assert!(shown.contains("-  key: <") && shown.contains("+  key: <"), "{shown}");
    }

    #[test]
    fn long_objects_are_cut_visibly() {
        let body: String = (0..100).map(|line| format!("l{line}: x\n")).collect();
        let change = Change::Added(recorded(&format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\n{body}")));
        let lines = diff(&change, &|_| String::new()).lines;
        assert_eq!(lines.len(), WHOLE + 1);
        assert_eq!(lines[WHOLE].1, "… 43 more lines; `--output DIR` writes them all");
    }
}
