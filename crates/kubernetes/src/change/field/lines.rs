//! Lists of scalars and texts, compared line by line.

use std::collections::HashMap;

use document::Node;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::value;
use crate::change::meaning::written;

/// The number of lines that differ, without those at both ends that are equal, up to which the shortest difference is
/// sought, which takes quadratic time.
const SOUGHT: usize = 4000;

/// A part of a text that differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    /// Where it is, to append to the path: ` (line 3)`.
    pub(super) place: String,
    /// The lines before; `None` if lines were added.
    pub(super) before: Option<String>,
    /// The lines after; `None` if lines were removed.
    pub(super) after: Option<String>,
}

/// The parts of a text that differ; a text of one line has no places. Places are lines of the text after the change, or of the one before if lines were
/// removed.
pub(super) fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut hunks = Vec::new();
    for (old_range, new_range) in differences(&old, &new) {
        let lines = if new_range.is_empty() { &old_range } else { &new_range };
        let was = if new_range.is_empty() { "former " } else { "" };
        let place = if old.len() == 1 && new.len() == 1 {
            String::new()
        } else if lines.len() == 1 {
            format!(" ({was}line {})", lines.start + 1)
        } else {
            format!(" ({was}lines {} to {})", lines.start + 1, lines.end)
        };
        let shown = |lines: &[&str]| (!lines.is_empty()).then(|| value::shortened(&lines.join("\n")));
        hunks.push(Hunk { place, before: shown(&old[old_range]), after: shown(&new[new_range]) });
    }
    if hunks.is_empty() && before != after {
        let end = |text: &str| {
            Some(
                if text.ends_with('\n') { "ends with a line break" } else { "has no line break at the end" }.to_owned(),
            )
        };
        hunks.push(Hunk { place: String::new(), before: end(before), after: end(after) });
    }
    hunks
}

/// The items of two lists of scalars that differ, each with its index. Items that are options, as `--name=value`, are
/// paired by their name.
pub(super) fn items<'a>(before: &'a [Node], after: &'a [Node]) -> Vec<(usize, Option<&'a Node>, Option<&'a Node>)> {
    let texts = |items: &[Node]| items.iter().map(written).collect::<Vec<String>>();
    let (old, new) = (texts(before), texts(after));
    let olds: Vec<&str> = old.iter().map(String::as_str).collect();
    let news: Vec<&str> = new.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for (old_range, new_range) in differences(&olds, &news) {
        let mut options: HashMap<&str, usize> = HashMap::new();
        let option = |text: &'_ str| text.split_once('=').map_or(text.len(), |(name, _)| name.len());
        for index in new_range.clone() {
            options.entry(&news[index][..option(news[index])]).or_insert(index);
        }
        let same_length = old_range.len() == new_range.len();
        let mut used = vec![false; new_range.len()];
        let mut single = Vec::new();
        for (offset, index) in old_range.clone().enumerate() {
            match options.remove(&olds[index][..option(olds[index])]) {
                Some(paired) => {
                    used[paired - new_range.start] = true;
                    found.push((paired, Some(&before[index]), Some(&after[paired])));
                }
                None => single.push((offset, index)),
            }
        }
        for (offset, index) in single {
            if same_length && !used[offset] {
                used[offset] = true;
                let paired = new_range.start + offset;
                found.push((paired, Some(&before[index]), Some(&after[paired])));
            } else {
                found.push((index, Some(&before[index]), None));
            }
        }
        for (offset, index) in new_range.enumerate() {
            if !used[offset] {
                found.push((index, None, Some(&after[index])));
            }
        }
    }
    found
}

type Ranges = (std::ops::Range<usize>, std::ops::Range<usize>);

/// The ranges of two lists of lines that differ.
fn differences(before: &[&str], after: &[&str]) -> Vec<Ranges> {
    let start = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    let ends = before[start..].iter().rev().zip(after[start..].iter().rev());
    let end = ends.take_while(|(old, new)| old == new).count();
    let (old, new) = (&before[start..before.len() - end], &after[start..after.len() - end]);
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    if old.len() + new.len() > SOUGHT {
        return vec![(start..before.len() - end, start..after.len() - end)];
    }
    let ranges = capture_diff_slices(Algorithm::Myers, old, new).into_iter().filter_map(|op| {
        let moved = |range: std::ops::Range<usize>| range.start + start..range.end + start;
        match op {
            DiffOp::Equal { .. } => None,
            op => Some((moved(op.old_range()), moved(op.new_range()))),
        }
    });
    ranges.collect()
}
