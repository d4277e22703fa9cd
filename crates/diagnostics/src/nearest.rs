//! The known name that a misspelled one probably means.

use std::collections::BTreeSet;

use crate::fact::{Help, did_you_mean};

/// The number of edits between two words: insertions, deletions, replacements, and swaps of neighbors.
pub use strsim::osa_distance as edit_distance;

/// The candidate nearest to a typed name, if any is near enough for the lengths of both.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = |shorter: usize| (1 + shorter / 4).min(shorter.max(1) - 1);
    nearest_by(typed, limit, candidates)
}

/// The candidate nearest to a typed name, if it differs by at most this many edits, ignoring case.
#[must_use]
pub fn nearest_within<'a>(typed: &str, limit: usize, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_by(typed, |_| limit, candidates)
}

/// The help for an unknown name: the nearest known name, or all of them.
#[must_use]
pub fn suggestion<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Help {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = BTreeSet::new();
    known.retain(|name| seen.insert(*name));
    if let Some(near) = nearest(typed, known.iter().copied()) {
        return did_you_mean(near);
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let help: Help = match names.as_slice() {
        [] => "none is defined".into(),
        [only] => format!("use {only}").into(),
        _ => format!("use one of {}", names.join(", ")).into(),
    };
    help.naming(known)
}

/// Whether two names differ at most in digits, as people number things: they are names of a series, and no misspellings.
#[must_use]
pub fn is_series(left: &str, right: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(left) == letters(right)
}

/// `limit` returns the most edits that are near enough, by the length of the shorter word.
fn nearest_by<'a>(
    typed: &str,
    limit: impl Fn(usize) -> usize,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let letters = Letters::of(&typed);
    let near = candidates.into_iter().filter_map(|candidate| {
        let lower = candidate.to_lowercase();
        let length = lower.chars().count();
        let limit = limit(letters.length.min(length));
        // Most candidates are far away, which their lengths and letters show much faster than the distance.
        if letters.length.abs_diff(length) > limit || letters.distance(&Letters::of(&lower)) > limit {
            return None;
        }
        let distance = edit_distance(&typed, &lower);
        (distance <= limit).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

/// The number of entries of [`Letters`]: letters that differ by a multiple of it count as one.
const ENTRIES: usize = 32;

/// How often each letter occurs in a word.
struct Letters {
    counts: [usize; ENTRIES],
    length: usize,
}

impl Letters {
    fn of(word: &str) -> Self {
        let mut letters = Self { counts: [0; ENTRIES], length: 0 };
        for letter in word.chars() {
            letters.counts[letter as usize % ENTRIES] += 1;
            letters.length += 1;
        }
        letters
    }

    /// The bag distance, which is a lower bound of the edit distance.
    fn distance(&self, other: &Self) -> usize {
        let more = |one: &Self, than: &Self| -> usize {
            one.counts.iter().zip(than.counts).map(|(one, than)| one.saturating_sub(than)).sum()
        };
        more(self, other).max(more(other, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["valueFiles", "values", "valuesObject"];
        assert_eq!(nearest("valuefiles", known), Some("valueFiles"));
        assert_eq!(nearest("vlaues", known), Some("values"));
        assert_eq!(nearest("chart", known), None);
        assert_eq!(nearest("a", ["b"]), None);
    }
}
