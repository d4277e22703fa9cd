//! The paths of values that templates use, arranged so that each question takes as many steps as a path has.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::flow::value::ANY;

/// Paths of values. A step may stand for any key.
#[derive(Debug, Default)]
pub(super) struct Paths {
    below: BTreeMap<String, Paths>,
    /// Whether everything below is used.
    whole: bool,
}

impl Paths {
    /// Adds a path, of which everything below is used if `whole`.
    pub(super) fn insert(&mut self, path: &[String], whole: bool) {
        let mut node = self;
        for step in path {
            node = node.below.entry(step.clone()).or_default();
        }
        node.whole |= whole;
    }

    /// Whether a value, one that contains it as a whole, or anything below it is used.
    pub(super) fn reads(&self, path: &[String]) -> bool {
        if self.whole {
            return true;
        }
        let Some((step, rest)) = path.split_first() else { return true };
        [step.as_str(), ANY].iter().filter_map(|step| self.below.get(*step)).any(|inner| inner.reads(rest))
    }

    /// The keys below a path.
    pub(super) fn keys(&self, path: &[String]) -> BTreeSet<&str> {
        match path.split_first() {
            None => self.below.keys().map(String::as_str).filter(|key| *key != ANY).collect(),
            Some((step, rest)) => {
                let steps = [step.as_str(), ANY];
                steps.iter().filter_map(|step| self.below.get(*step)).flat_map(|inner| inner.keys(rest)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_used_if_one_around_or_below_it_is() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let mut paths = Paths::default();
        paths.insert(&path("a.b"), true);
        paths.insert(&path("c"), false);
        paths.insert(&path("d.*.e"), false);
        for used in ["a", "a.b", "a.b.x", "c", "d", "d.0", "d.0.e"] {
            assert!(paths.reads(&path(used)), "{used}");
        }
        for unused in ["x", "a.x", "c.x", "d.0.x", "d.0.e.x"] {
            assert!(!paths.reads(&path(unused)), "{unused}");
        }
        assert_eq!(paths.keys(&path("d.0")).into_iter().collect::<Vec<_>>(), ["e"]);
    }
}
