//! Differences between the deployed objects and their goldens: a recent edit is the most likely cause of a failure.
//!
//! Pure. Shows the first lines only: `render` shows all differences.

use diagnostics::excerpt::excerpt;
use golden::diff;
use golden::diff::{Kind, ObjectDiff, Tag};

use crate::commands::rendering::Rendering;

/// How many lines are shown.
const LINES: usize = 8;

/// How a target differs from its goldens; empty if it does not, or has none.
pub(crate) fn since_recorded(rendering: &Rendering<'_>) -> Vec<String> {
    let Some(rendered) = rendering.rendered() else { return Vec::new() };
    if rendering.unrecorded() {
        return Vec::new();
    }
    let changes = rendering.golden.compare(rendered, &rendering.target.namespace);
    let diffs: Vec<ObjectDiff> =
        changes.iter().map(|change| diff::diff(change, &|_| "a Secret value".to_owned())).collect();
    summary(&diffs, &rendering.target.id.to_string())
}

fn summary(diffs: &[ObjectDiff], target: &str) -> Vec<String> {
    let mut summary = Vec::new();
    for diff in diffs {
        let object = format!("{} {}", diff.kind.word(), diff.object.manifest.key);
        // A checksum changes because another object does. If nothing else changes, only the object is named.
        let lines = diff.marked().filter(|(tag, line)| {
            matches!(tag, Tag::Added | Tag::Removed) && !line.contains("checksum/") && line.trim().len() > 1
        });
        let mut lines: Vec<String> = lines.map(|(_, line)| format!("{object}: {}", shortened(&line))).collect();
        // All lines of a new or removed object differ: its name is enough.
        if matches!(diff.kind, Kind::Added | Kind::Removed) {
            lines.clear();
        }
        if lines.is_empty() {
            lines.push(object);
        }
        summary.extend(lines);
    }
    if summary.len() > LINES {
        let more = summary.len() - (LINES - 1);
        summary.truncate(LINES - 1);
        summary.push(format!("{more} more lines: run `cargo xtask render {target}`"));
    }
    summary
}

/// A line with single spaces and with long data cut.
fn shortened(line: &str) -> String {
    let marker = &line[..1];
    format!("{marker} {}", excerpt(&line[1..].split_whitespace().collect::<Vec<_>>().join(" ")))
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
        ObjectDiff { kind: Kind::Modified, object, previous: None, lines, trails: std::collections::BTreeMap::new() }
    }

    #[test]
    fn different_lines_are_shown_except_checksums() {
        let diffs = [
            modified("ConfigMap", &[(Tag::Context, "  a"), (Tag::Removed, "  b   1"), (Tag::Added, "  b   2")]),
            modified("Pod", &[(Tag::Removed, "checksum/config: 1"), (Tag::Added, "checksum/config: 2")]),
        ];
        assert_eq!(
            summary(&diffs, "web/default"),
            ["modified ConfigMap ns/web: - b 1", "modified ConfigMap ns/web: + b 2", "modified Pod ns/web"]
        );
        let removed =
            ObjectDiff { kind: Kind::Removed, ..modified("ConfigMap", &[(Tag::Removed, "a"), (Tag::Removed, "b")]) };
        assert_eq!(summary(&[removed], "web/default"), ["removed ConfigMap ns/web"]);
    }

    #[test]
    fn many_lines_and_long_lines_are_cut() {
        let lines: Vec<(Tag, &str)> = vec![(Tag::Added, "one"); 20];
        let shown = summary(&[modified("ConfigMap", &lines)], "web/default");
        assert_eq!(shown.len(), LINES);
        assert_eq!(shown[LINES - 1], "13 more lines: run `cargo xtask render web/default`");
        let ciphertext = format!("    password: {}", "AgBy".repeat(256));
        let shown = summary(&[modified("SealedSecret", &[(Tag::Added, &ciphertext)])], "web/default");
        let expected = "modified SealedSecret ns/web: + password: AgByAgByAgByAgByAgByAgBy… (1024 characters)";
        assert_eq!(shown, [expected]);
    }
}
