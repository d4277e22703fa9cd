//! Pairs removed and added objects that are one object under another name: of the same kind, with nearly the same text.

use std::collections::{BTreeMap, BTreeSet};

use kubernetes::manifest::Recorded;

/// The minimum similarity of the texts.
const RATIO: f64 = 0.7;

/// The number of words that may be compared for one kind. Comparing all pairs of more would take minutes.
const WORDS: usize = 1_000_000;

/// The objects that were paired, and those that were not, each in its old order.
#[derive(Debug, Default)]
pub(crate) struct Paired {
    pub(crate) pairs: Vec<(Recorded, Recorded)>,
    pub(crate) removed: Vec<Recorded>,
    pub(crate) added: Vec<Recorded>,
}

/// Pairs objects, those with the most similar texts first.
pub(crate) fn pair(removed: Vec<Recorded>, added: Vec<Recorded>) -> Paired {
    let mut kinds: BTreeMap<(&str, &str), (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    let kind = |record: &Recorded| {
        let key = &record.manifest.key;
        (key.group.clone(), key.kind.clone())
    };
    let (old_kinds, new_kinds): (Vec<_>, Vec<_>) =
        (removed.iter().map(kind).collect(), added.iter().map(kind).collect());
    for (index, (group, kind)) in old_kinds.iter().enumerate() {
        kinds.entry((group, kind)).or_default().0.push(index);
    }
    for (index, (group, kind)) in new_kinds.iter().enumerate() {
        kinds.entry((group, kind)).or_default().1.push(index);
    }
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (old, new) in kinds.into_values().filter(|(old, new)| !old.is_empty() && !new.is_empty()) {
        found.extend(similar(&removed, &added, &old, &new));
    }
    found.sort_by(|left, right| right.0.total_cmp(&left.0).then((left.1, left.2).cmp(&(right.1, right.2))));
    let (mut old_used, mut new_used) = (BTreeSet::new(), BTreeSet::new());
    let mut paired = Paired::default();
    for (_, old, new) in found {
        if !old_used.contains(&old) && !new_used.contains(&new) {
            old_used.insert(old);
            new_used.insert(new);
            paired.pairs.push((removed[old].clone(), added[new].clone()));
        }
    }
    let unpaired = |used: BTreeSet<usize>| move |(index, _): &(usize, Recorded)| !used.contains(index);
    paired.removed = removed.into_iter().enumerate().filter(unpaired(old_used)).map(|(_, old)| old).collect();
    paired.added = added.into_iter().enumerate().filter(unpaired(new_used)).map(|(_, new)| new).collect();
    paired
}

/// The similar pairs of objects of one kind, with their similarity. Of very many, only those whose texts differ in nothing
/// but the name.
fn similar(removed: &[Recorded], added: &[Recorded], old: &[usize], new: &[usize]) -> Vec<(f64, usize, usize)> {
    let counts = |records: &[Recorded], indexes: &[usize]| -> usize {
        indexes.iter().map(|index| records[*index].manifest.text.split_whitespace().count()).sum()
    };
    let compared = (counts(removed, old) * new.len()).saturating_add(counts(added, new) * old.len());
    if compared > WORDS {
        let mut named: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for index in new.iter().rev() {
            named.entry(nameless(&added[*index])).or_default().push(*index);
        }
        let same = |index: &usize| Some((1.0, *index, named.get_mut(&nameless(&removed[*index]))?.pop()?));
        return old.iter().filter_map(same).collect();
    }
    let of = |records: &'_ [Recorded], index: usize| words(&records[index].manifest.text);
    let new: Vec<_> = new.iter().map(|index| (*index, of(added, *index))).collect();
    let mut found = Vec::new();
    for old in old {
        let own = of(removed, *old);
        let ratios = new.iter().map(|(index, words)| (similarity(&own, words), *old, *index));
        found.extend(ratios.filter(|(ratio, ..)| *ratio >= RATIO));
    }
    found
}

/// The text of an object without its name.
fn nameless(record: &Recorded) -> String {
    record.manifest.text.replace(&record.manifest.key.name, "\0")
}

/// How often each word is in a text, and the number of all words. Words, not lines: in a small object, the name is in most
/// lines.
fn words(text: &str) -> (BTreeMap<String, usize>, usize) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    let total = counts.values().sum();
    (counts, total)
}

/// The share of words that two texts have in common, from 0 to 1.
fn similarity(old: &(BTreeMap<String, usize>, usize), new: &(BTreeMap<String, usize>, usize)) -> f64 {
    let shared: usize = old.0.iter().map(|(word, count)| *count.min(new.0.get(word).unwrap_or(&0))).sum();
    #[expect(clippy::cast_precision_loss, reason = "a ratio of small numbers")]
    let ratio = 2.0 * shared as f64 / (old.1 + new.1).max(1) as f64;
    ratio
}

#[cfg(test)]
mod tests {
    use kubernetes::manifest;

    use super::*;

    fn records(prefix: &str, count: usize) -> Vec<Recorded> {
        let record = |index: usize| {
            let body = (0..30).map(|key| format!("  k{key}: v\n")).collect::<String>();
            let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {prefix}{index}\ndata:\n{body}");
            let manifest = manifest::read_golden(&text, "ns").expect("an object");
            Recorded { file: format!("configmap-{prefix}{index}.yaml"), manifest }
        };
        (0..count).map(record).collect()
    }

    #[test]
    fn few_and_many_objects_are_paired_alike() {
        for count in [3, 2000] {
            let Paired { pairs, removed, added } = pair(records("old", count), records("new", count + 1));
            assert_eq!((pairs.len(), removed.len(), added.len()), (count, 0, 1));
            assert!(pairs.iter().all(|(old, new)| old.file.replace("old", "new") == new.file));
        }
    }
}
