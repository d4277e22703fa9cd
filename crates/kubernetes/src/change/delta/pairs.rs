//! Pairs the items of two lists of mappings.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;

use document::{Node, Value};

use super::item::{self, Step};
use crate::change::meaning::written;

/// The number of items without a key and an equal on the other side up to which the most similar ones are paired. More are
/// paired in their order.
const SIMILAR: usize = 24;

/// An item of a list, before and after.
pub(super) struct Pair<'a> {
    pub(super) step: Step,
    /// Its index after the change, or before it if the item was removed.
    pub(super) index: usize,
    pub(super) before: Option<&'a Node>,
    pub(super) after: Option<&'a Node>,
}

/// The items of two lists.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    /// Whether the items have another order, which has a meaning.
    pub(super) reordered: bool,
}

/// Pairs items, and remembers the digests of what it has seen.
#[derive(Default)]
pub(super) struct Matcher {
    state: RandomState,
    /// The digests by the addresses of the nodes, which do not move.
    digests: HashMap<usize, u64>,
}

/// The indexes of a pair.
type Indexes = (Option<usize>, Option<usize>);

impl Matcher {
    /// Pairs the items of a list, whose name is the last one.
    pub(super) fn mappings<'a>(&mut self, names: &[String], before: &'a [Node], after: &'a [Node]) -> Matched<'a> {
        let list = names.last().map(String::as_str).unwrap_or_default();
        for key in item::keys(list) {
            let (Some(old), Some(new)) = (unique(before, key), unique(after, key)) else { continue };
            let mut indexes = by_key(&old, &new);
            if list == "ports" {
                rejoin(&mut indexes, before, after);
            }
            let step = |(old_index, new_index): &Indexes| {
                let value = new_index.map(|index| &new[index]).or_else(|| old_index.map(|index| &old[index]));
                item::step(key, value.map(Vec::as_slice).unwrap_or_default())
            };
            return matched(list, true, indexes, before, after, &step);
        }
        let indexes = self.by_content(before, after);
        let step = |(old, new): &Indexes| Step::Index(new.or(*old).unwrap_or_default());
        matched(list, false, indexes, before, after, &step)
    }

    fn by_content(&mut self, before: &[Node], after: &[Node]) -> Vec<Indexes> {
        let mut equal: HashMap<u64, VecDeque<usize>> = HashMap::new();
        for (index, item) in before.iter().enumerate() {
            equal.entry(self.digest(item)).or_default().push_back(index);
        }
        let mut taken = vec![None; after.len()];
        let mut used = vec![false; before.len()];
        for (index, item) in after.iter().enumerate() {
            if let Some(old) = equal.get_mut(&self.digest(item)).and_then(VecDeque::pop_front) {
                taken[index] = Some(old);
                used[old] = true;
            }
        }
        let left: Vec<usize> = (0..before.len()).filter(|index| !used[*index]).collect();
        let new: Vec<usize> = (0..after.len()).filter(|index| taken[*index].is_none()).collect();
        for (old, new) in self.similar(before, after, &left, &new) {
            taken[new] = Some(old);
            used[old] = true;
        }
        let removed = (0..before.len()).filter(|index| !used[*index]).map(|index| (Some(index), None));
        let others = taken.iter().enumerate().map(|(index, old)| (*old, Some(index)));
        removed.chain(others).collect()
    }

    /// Pairs items that differ: the most similar ones first.
    fn similar(&mut self, before: &[Node], after: &[Node], old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
        if old.len() > SIMILAR || new.len() > SIMILAR {
            return old.iter().copied().zip(new.iter().copied()).collect();
        }
        let leaves = |matcher: &Self, items: &[Node], indexes: &[usize]| -> Vec<HashSet<u64>> {
            indexes.iter().map(|index| matcher.leaves(&items[*index])).collect()
        };
        let (olds, news) = (leaves(self, before, old), leaves(self, after, new));
        let mut scores = Vec::new();
        for (left, one) in olds.iter().enumerate() {
            for (right, other) in news.iter().enumerate() {
                let shared = one.intersection(other).count();
                if shared > 0 || old.len() == 1 && new.len() == 1 {
                    scores.push((shared, left, right));
                }
            }
        }
        scores.sort_by(|left, right| right.0.cmp(&left.0).then((left.1, left.2).cmp(&(right.1, right.2))));
        let (mut lefts, mut rights) = (HashSet::new(), HashSet::new());
        let mut pairs = Vec::new();
        for (_, left, right) in scores {
            if !lefts.contains(&left) && !rights.contains(&right) {
                lefts.insert(left);
                rights.insert(right);
                pairs.push((old[left], new[right]));
            }
        }
        pairs
    }

    /// A digest of a value, without the order of mappings and without what is not set.
    fn digest(&mut self, node: &Node) -> u64 {
        let address = std::ptr::from_ref(node) as usize;
        if let Some(digest) = self.digests.get(&address) {
            return *digest;
        }
        let digest = match &node.value {
            Value::Mapping(entries) => {
                let mut sum = 1_u64;
                for (key, value) in entries.iter().filter(|(_, value)| !matches!(value.value, Value::Null)) {
                    let inner = self.digest(value);
                    sum = sum.wrapping_add(self.state.hash_one((&key.name, inner)));
                }
                sum
            }
            Value::Sequence(items) => {
                let inner: Vec<u64> = items.iter().map(|item| self.digest(item)).collect();
                self.state.hash_one(inner)
            }
            _ => self.state.hash_one(written(node)),
        };
        self.digests.insert(address, digest);
        digest
    }

    /// The digests of the scalars in a value, with their paths.
    fn leaves(&self, node: &Node) -> HashSet<u64> {
        let mut leaves = HashSet::new();
        let mut open = vec![(0_u64, node)];
        while let Some((path, node)) = open.pop() {
            match &node.value {
                Value::Mapping(entries) => {
                    open.extend(entries.iter().map(|(key, value)| (self.state.hash_one((path, &key.name)), value)));
                }
                Value::Sequence(items) => open.extend(items.iter().map(|item| (path, item))),
                Value::Null => {}
                _ => {
                    leaves.insert(self.state.hash_one((path, written(node))));
                }
            }
        }
        leaves
    }
}

/// The keys of all items; `None` unless each has one that no other has.
fn unique(items: &[Node], key: &[&str]) -> Option<Vec<Vec<String>>> {
    let values: Option<Vec<Vec<String>>> = items.iter().map(|item| item::value(item, key)).collect();
    let values = values?;
    let distinct: HashSet<&Vec<String>> = values.iter().collect();
    (distinct.len() == values.len()).then_some(values)
}

fn by_key(old: &[Vec<String>], new: &[Vec<String>]) -> Vec<Indexes> {
    let places: HashMap<&Vec<String>, usize> = new.iter().enumerate().map(|(index, key)| (key, index)).collect();
    let known: HashSet<&Vec<String>> = old.iter().collect();
    let kept = old.iter().enumerate().map(|(index, key)| (Some(index), places.get(key).copied()));
    let added = new.iter().enumerate().filter(|(_, key)| !known.contains(key)).map(|(index, _)| (None, Some(index)));
    kept.chain(added).collect()
}

/// Pairs ports that were removed and added with the same name: they have another number.
fn rejoin(indexes: &mut Vec<Indexes>, before: &[Node], after: &[Node]) {
    let name = |node: &Node| node.get("name").and_then(Node::as_str).map(str::to_owned);
    let mut added: HashMap<String, usize> = HashMap::new();
    for (_, new) in indexes.iter().filter(|(old, _)| old.is_none()) {
        added.extend(new.and_then(|new| Some((name(&after[new])?, new))));
    }
    let mut joined = HashSet::new();
    for (old, new) in indexes.iter_mut().filter(|(_, new)| new.is_none()) {
        if let Some(index) = old.and_then(|old| added.remove(&name(&before[old])?)) {
            *new = Some(index);
            joined.insert(index);
        }
    }
    indexes.retain(|(old, new)| old.is_some() || new.is_none_or(|new| !joined.contains(&new)));
}

fn matched<'a>(
    list: &str,
    keyed: bool,
    indexes: Vec<Indexes>,
    before: &'a [Node],
    after: &'a [Node],
    step: &dyn Fn(&Indexes) -> Step,
) -> Matched<'a> {
    let mut both: Vec<(usize, usize)> = indexes.iter().filter_map(|(old, new)| Some(((*old)?, (*new)?))).collect();
    both.sort_unstable();
    let moved = both.windows(2).any(|pair| pair[0].1 > pair[1].1);
    let reordered = moved && item::is_ordered(list, keyed, before.first());
    let pairs = indexes
        .into_iter()
        .map(|indexes| Pair {
            step: step(&indexes),
            index: indexes.1.or(indexes.0).unwrap_or_default(),
            before: indexes.0.map(|index| &before[index]),
            after: indexes.1.map(|index| &after[index]),
        })
        .collect();
    Matched { pairs, reordered }
}
