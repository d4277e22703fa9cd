//! Diffs of objects: the differing lines with three lines of context.
//!
//! Added and removed objects are shown whole, up to a limit. Values of Secrets are replaced with fingerprints before the
//! texts are compared.

use kubernetes::manifest;
use kubernetes::manifest::Recorded;
use similar::{ChangeTag, TextDiff};

use crate::goldens::Change;

/// The number of context lines around a change.
const CONTEXT: usize = 3;

/// The maximum number of lines shown of an added or removed object.
const WHOLE: usize = 60;

/// The maximum number of lines shown of one object's diff.
const DIFF: usize = 400;

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
}

impl ObjectDiff {
    /// The lines with their markers, in unified diff format.
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

/// The diff of a change. `fingerprint` replaces the values of Secrets.
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
        lines.push((Tag::Note, format!("… {} more lines; `--output DIR` writes the whole object", count - WHOLE)));
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
    fn long_objects_are_truncated_with_a_note() {
        let body: String = (0..100).map(|line| format!("l{line}: x\n")).collect();
        let change = Change::Added(recorded(&format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\n{body}")));
        let lines = diff(&change, &|_| String::new()).lines;
        assert_eq!(lines.len(), WHOLE + 1);
        assert_eq!(lines[WHOLE].1, "… 43 more lines; `--output DIR` writes the whole object");
    }
}
