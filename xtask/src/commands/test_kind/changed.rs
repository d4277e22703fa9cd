//! What is deployed and not recorded: the edit that a failure most likely comes of.
//!
//! Pure. Deliberately absent: the whole difference, which `render` shows.

use crate::commands::rendering::Rendering;
use golden::diff;
use golden::diff::{Kind, ObjectDiff, Tag};

/// How many lines are shown.
const LINES: usize = 8;

/// How a target differs from its goldens, in a few lines; nothing when it does not, or when there are none.
pub(super) fn since_recorded(rendering: &Rendering<'_>) -> Vec<String> {
    let Some(Ok(rendered)) = &rendering.rendered else { return Vec::new() };
    if rendering.unrecorded() {
        return Vec::new();
    }
    let changes = rendering.golden.compare(rendered, &rendering.target.recipe.namespace);
    let diffs: Vec<ObjectDiff> =
        changes.iter().map(|change| diff::diff(change, &|_| "a value of a Secret".to_owned())).collect();
    told(&diffs, &rendering.target.id.to_string())
}

fn told(diffs: &[ObjectDiff], target: &str) -> Vec<String> {
    let mut told = Vec::new();
    for diff in diffs {
        let object = format!("{} {}", diff.kind.word(), diff.object.manifest.key);
        // A checksum changes because something else does, and where nothing else does, its object is told.
        let lines = diff.marked().filter(|(tag, line)| {
            matches!(tag, Tag::Added | Tag::Removed) && !line.contains("checksum/") && line.trim().len() > 1
        });
        let mut lines: Vec<String> = lines.map(|(_, line)| format!("{object}: {}", squeezed(&line))).collect();
        // That all of it is new, or gone, says its name.
        if matches!(diff.kind, Kind::Added | Kind::Removed) {
            lines.clear();
        }
        if lines.is_empty() {
            lines.push(object);
        }
        told.extend(lines);
    }
    if told.len() > LINES {
        let more = told.len() - (LINES - 1);
        told.truncate(LINES - 1);
        told.push(format!("and {more} more lines: `cargo xtask render {target}`"));
    }
    told
}

/// A line with single blanks.
fn squeezed(line: &str) -> String {
    let marker = &line[..1];
    format!("{marker} {}", line[1..].split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use kubernetes::manifest;
    use kubernetes::manifest::Recorded;

    use super::*;

    fn modified(kind: &str, lines: &[(Tag, &str)]) -> ObjectDiff {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: web, namespace: ns}}\n");
        let manifest = manifest::read_golden(&text, "ns").expect("a manifest");
        let object = Recorded { file: String::new(), manifest };
        let lines = lines.iter().map(|(tag, line)| (*tag, (*line).to_owned())).collect();
        ObjectDiff { kind: Kind::Modified, object, previous: None, lines }
    }

    #[test]
    fn lines_that_differ_are_told_and_checksums_of_them_are_not() {
        let diffs = [
            modified("ConfigMap", &[(Tag::Context, "  a"), (Tag::Removed, "  b   1"), (Tag::Added, "  b   2")]),
            modified("Pod", &[(Tag::Removed, "checksum/config: 1"), (Tag::Added, "checksum/config: 2")]),
        ];
        let told = told(&diffs, "web/default");
        assert_eq!(
            told,
            ["modified ConfigMap ns/web: - b 1", "modified ConfigMap ns/web: + b 2", "modified Pod ns/web"]
        );
        let gone =
            ObjectDiff { kind: Kind::Removed, ..modified("ConfigMap", &[(Tag::Removed, "a"), (Tag::Removed, "b")]) };
        assert_eq!(super::told(&[gone], "web/default"), ["removed ConfigMap ns/web"]);
    }

    #[test]
    fn many_lines_are_cut() {
        let lines: Vec<(Tag, &str)> = vec![(Tag::Added, "one"); 20];
        let told = told(&[modified("ConfigMap", &lines)], "web/default");
        assert_eq!(told.len(), LINES);
        assert_eq!(told[LINES - 1], "and 13 more lines: `cargo xtask render web/default`");
    }
}
