//! Differences between the dependencies in Chart.yaml and in Chart.lock.

use diagnostics::Place;

use crate::chart::{Dependency, is_exact, same_version};

/// The differences between the dependencies in Chart.yaml and those in Chart.lock, each with its places.
pub(super) fn differing_entries(declared: &[Dependency], locked: &[Dependency]) -> Vec<(String, Vec<(Place, String)>)> {
    let mut differences = Vec::new();
    for one in declared {
        let Some(other) = locked.iter().find(|other| other.name == one.name) else {
            differences.push((format!("`{}` is not locked", one.name), vec![(one.place.clone(), String::new())]));
            continue;
        };
        if one.repository != other.repository {
            let places = vec![
                (one.repository_place.clone(), "declared".to_owned()),
                (other.repository_place.clone(), "locked".to_owned()),
            ];
            differences.push((format!("the repository of `{}` differs", one.name), places));
        } else if is_exact(&one.version) && !same_version(&one.version, &other.version) {
            let places = vec![
                (one.version_place.clone(), "declared".to_owned()),
                (other.version_place.clone(), "locked".to_owned()),
            ];
            differences.push((format!("the version of `{}` differs", one.name), places));
        }
    }
    for other in locked.iter().filter(|other| !declared.iter().any(|one| one.name == other.name)) {
        let what = format!("`{}` is locked but not declared", other.name);
        differences.push((what, vec![(other.place.clone(), String::new())]));
    }
    differences
}
