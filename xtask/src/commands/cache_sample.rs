//! The targets that `ci` renders again although the cache has what they render: another sample each day, the same on all
//! machines, with at least one target of each renderer.

use std::collections::BTreeMap;

use toolbox::archive::sha256;
use toolbox::date::Date;

/// One of this many targets is in the sample, besides one of each renderer.
const SHARE: usize = 50;

/// The indices of the sample among targets, each given by its name and what renders it.
#[must_use]
pub fn choose(targets: &[(String, &str)], today: Date) -> Vec<usize> {
    let mut ranked: Vec<(String, usize)> = targets
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (sha256(format!("{today} {name}").as_bytes()), index))
        .collect();
    ranked.sort();
    let mut chosen: Vec<usize> = ranked.iter().take(targets.len() / SHARE).map(|(_, index)| *index).collect();
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, index) in &ranked {
        first.entry(targets[*index].1).or_insert(*index);
    }
    chosen.extend(first.into_values());
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_each_renderer_and_changes_daily() {
        let of = |number: usize| if number == 77 { "kustomize" } else { "chart" };
        let targets: Vec<(String, &str)> =
            (0..300).map(|number| (format!("app-{number}/default"), of(number))).collect();
        let days = ["2027-03-01", "2027-03-02"].map(|day| choose(&targets, day.parse::<Date>().expect("a day")));
        for sample in &days {
            assert!(sample.contains(&77) && (7..=8).contains(&sample.len()), "{sample:?}");
        }
        assert_ne!(days[0], days[1]);
        assert_eq!(days[0], choose(&targets, "2027-03-01".parse().expect("a day")));
        assert_eq!(choose(&[], "2027-03-01".parse().expect("a day")), [0; 0]);
    }
}
