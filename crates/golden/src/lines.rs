//! The lines that differ between two texts.
//!
//! Small texts are compared with Myers' algorithm, whose time grows with the number of differences. Large ones are first
//! split at lines that each of them has once, in the same order (patience diff), so that the time grows with their size.

use std::collections::HashMap;
use std::ops::Range;

use similar::udiff::UnifiedHunkHeader;
use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices, group_diff_ops};

/// The product of the numbers of lines up to which Myers' algorithm compares two sections.
const SMALL: usize = 1_000_000;

/// How often a section is split again.
const DEPTH: usize = 64;

/// Lines that differ, with those around them.
#[derive(Debug)]
pub(crate) struct Hunk<'t> {
    /// `@@ -1,7 +1,8 @@`
    pub(crate) header: String,
    /// The lines without line breaks.
    pub(crate) lines: Vec<(ChangeTag, &'t str)>,
}

/// The hunks of a unified diff.
pub(crate) fn hunks<'t>(old: &'t str, new: &'t str, context: usize) -> Vec<Hunk<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let mut hunks = Vec::new();
    for group in group_diff_ops(operations(&old, &new), context) {
        let mut lines = Vec::new();
        for operation in &group {
            let (before, after) = (operation.old_range(), operation.new_range());
            let mut add = |tag, texts: &[&'t str]| {
                lines.extend(texts.iter().map(|line| (tag, line.strip_suffix('\n').unwrap_or(line))));
            };
            if let DiffOp::Equal { .. } = operation {
                add(ChangeTag::Equal, &old[before]);
            } else {
                add(ChangeTag::Delete, &old[before]);
                add(ChangeTag::Insert, &new[after]);
            }
        }
        hunks.push(Hunk { header: UnifiedHunkHeader::new(&group).to_string().trim_end().to_owned(), lines });
    }
    hunks
}

fn operations<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<DiffOp> {
    if old.len().saturating_mul(new.len()) <= SMALL {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    // Equal lines at both ends are not even hashed.
    let (middle_old, middle_new) = trimmed(old, new, 0..old.len(), 0..new.len());
    let mut numbers: HashMap<&'t str, u32> = HashMap::new();
    let [before, after] = [&old[middle_old.clone()], &new[middle_new.clone()]].map(|lines| -> Vec<u32> {
        let number = |line: &&'t str| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(line).or_insert(next)
        };
        lines.iter().map(number).collect()
    });
    let mut comparison = Comparison::new(&before, &after, numbers.len());
    comparison.section(0..before.len(), 0..after.len(), 0);
    let changed = |flags: Vec<bool>, range: &Range<usize>, length: usize| -> Vec<bool> {
        let mut all = vec![false; length];
        all[range.clone()].copy_from_slice(&flags);
        all
    };
    let removed = changed(comparison.removed, &middle_old, old.len());
    let added = changed(comparison.added, &middle_new, new.len());
    from_flags(&removed, &added)
}

/// The ranges without the equal lines at their beginnings and ends.
fn trimmed<T: PartialEq>(
    old: &[T],
    new: &[T],
    mut before: Range<usize>,
    mut after: Range<usize>,
) -> (Range<usize>, Range<usize>) {
    while !before.is_empty() && !after.is_empty() && old[before.start] == new[after.start] {
        before.start += 1;
        after.start += 1;
    }
    while !before.is_empty() && !after.is_empty() && old[before.end - 1] == new[after.end - 1] {
        before.end -= 1;
        after.end -= 1;
    }
    (before, after)
}

/// A comparison of two texts whose lines have numbers.
struct Comparison<'a> {
    old: &'a [u32],
    new: &'a [u32],
    removed: Vec<bool>,
    added: Vec<bool>,
    /// For each number, how often a section has it before and after, and where it is before.
    seen: Vec<(u32, u32, usize)>,
}

impl<'a> Comparison<'a> {
    fn new(old: &'a [u32], new: &'a [u32], numbers: usize) -> Self {
        let (removed, added) = (vec![false; old.len()], vec![false; new.len()]);
        Self { old, new, removed, added, seen: vec![(0, 0, 0); numbers] }
    }

    fn section(&mut self, before: Range<usize>, after: Range<usize>, depth: usize) {
        let (before, after) = trimmed(self.old, self.new, before, after);
        if before.is_empty() || after.is_empty() {
            self.removed[before].fill(true);
            self.added[after].fill(true);
            return;
        }
        if before.len().saturating_mul(after.len()) <= SMALL {
            for operation in capture_diff_slices(Algorithm::Myers, &self.old[before.clone()], &self.new[after.clone()])
            {
                if !matches!(operation, DiffOp::Equal { .. }) {
                    let (old, new) = (operation.old_range(), operation.new_range());
                    self.removed[before.start + old.start..before.start + old.end].fill(true);
                    self.added[after.start + new.start..after.start + new.end].fill(true);
                }
            }
            return;
        }
        let anchors = if depth < DEPTH { self.anchors(&before, &after) } else { Vec::new() };
        if anchors.is_empty() {
            self.removed[before].fill(true);
            self.added[after].fill(true);
            return;
        }
        let (mut old, mut new) = (before.start, after.start);
        for (at_old, at_new) in anchors.into_iter().chain([(before.end, after.end)]) {
            self.section(old..at_old, new..at_new, depth + 1);
            (old, new) = (at_old + 1, at_new + 1);
        }
    }

    /// The lines that both sections have once, as far as they are in the same order.
    fn anchors(&mut self, before: &Range<usize>, after: &Range<usize>) -> Vec<(usize, usize)> {
        for index in before.clone() {
            let seen = &mut self.seen[self.old[index] as usize];
            *seen = (seen.0 + 1, seen.1, index);
        }
        for index in after.clone() {
            self.seen[self.new[index] as usize].1 += 1;
        }
        let pair = |index: usize| {
            let (old, new, at) = self.seen[self.new[index] as usize];
            (old == 1 && new == 1).then_some((at, index))
        };
        let pairs: Vec<(usize, usize)> = after.clone().filter_map(pair).collect();
        let numbers = self.old[before.clone()].iter().chain(&self.new[after.clone()]);
        numbers.for_each(|number| self.seen[*number as usize] = (0, 0, 0));
        ascending(&pairs)
    }
}

/// The longest selection of pairs, which are ordered by their second part, that is also ordered by the first.
fn ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair with the smallest end; for each pair, its predecessor.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; pairs.len()];
    for (index, (first, _)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].0 < *first);
        previous[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut chosen = Vec::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        chosen.push(pairs[index]);
        next = previous[index];
    }
    chosen.reverse();
    chosen
}

/// The operations that remove and add the marked lines.
fn from_flags(removed: &[bool], added: &[bool]) -> Vec<DiffOp> {
    let mut operations = Vec::new();
    let (mut old_index, mut new_index) = (0, 0);
    let run =
        |flags: &[bool], from: usize, value: bool| flags[from..].iter().take_while(|flag| **flag == value).count();
    while old_index < removed.len() || new_index < added.len() {
        let (old_len, new_len) = (run(removed, old_index, true), run(added, new_index, true));
        operations.extend(match (old_len, new_len) {
            (0, 0) => None,
            (_, 0) => Some(DiffOp::Delete { old_index, old_len, new_index }),
            (0, _) => Some(DiffOp::Insert { old_index, new_index, new_len }),
            _ => Some(DiffOp::Replace { old_index, old_len, new_index, new_len }),
        });
        old_index += old_len;
        new_index += new_len;
        let len = run(removed, old_index, false).min(run(added, new_index, false));
        if len > 0 {
            operations.push(DiffOp::Equal { old_index, new_index, len });
        }
        old_index += len;
        new_index += len;
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that a diff makes of the old one.
    fn applied(old: &str, new: &str) -> String {
        let (before, after): (Vec<&str>, Vec<&str>) =
            (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
        operations(&before, &after)
            .iter()
            .flat_map(|operation| match operation {
                DiffOp::Equal { .. } => before[operation.old_range()].to_vec(),
                _ => after[operation.new_range()].to_vec(),
            })
            .collect()
    }

    fn text(lines: impl Iterator<Item = String>) -> String {
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn large_texts_differ_only_where_they_differ() {
        let old = text((0..20_000).map(|line| format!("line {line}")));
        let change = |line: usize| match line {
            500 | 19_000 => format!("other {line}"),
            _ => format!("line {line}"),
        };
        let new = text((0..20_000).filter(|line| *line != 7_000).map(change));
        assert_eq!(applied(&old, &new), new);
        let headers: Vec<_> = hunks(&old, &new, 3).into_iter().map(|hunk| hunk.header).collect();
        assert_eq!(headers, ["@@ -498,7 +498,7 @@", "@@ -6998,7 +6998,6 @@", "@@ -18998,7 +18997,7 @@"]);
    }

    #[test]
    fn the_diff_of_large_texts_makes_one_of_the_other() {
        let numbers = |seed: u64, modulus: u64| {
            let mut state = seed;
            text((0..6_000).map(move |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{}", (state >> 33) % modulus)
            }))
        };
        for modulus in [1, 2, 50, 5_000, 1_000_000] {
            let (old, new) = (numbers(1, modulus), numbers(2, modulus));
            assert_eq!(applied(&old, &new), new, "{modulus}");
        }
        let sorted = text((0..3_000).map(|line| line.to_string()));
        let reversed = text((0..3_000).rev().map(|line| line.to_string()));
        assert_eq!(applied(&sorted, &reversed), reversed);
        assert_eq!(applied(&sorted, ""), "");
    }
}
