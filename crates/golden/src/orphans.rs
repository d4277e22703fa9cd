//! Directories and files among the goldens that belong to no target, and the Applications that were renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result};
use toolbox::inputs;
use workspace::target::TargetId;

use crate::store::{self, FOLDER};

/// The cases of Applications by name.
pub type Cases = BTreeMap<String, BTreeSet<String>>;

/// The former names of the Applications that most likely were renamed: exactly one of those that are gone has the same cases
/// as exactly one of those that are new.
#[must_use]
pub fn renamed(gone: &Cases, new: &Cases) -> BTreeMap<String, String> {
    let pairs = new.iter().filter_map(|(name, cases)| {
        let mut same = gone.iter().filter(|(_, former)| *former == cases);
        let (old, _) = same.next().filter(|_| same.next().is_none())?;
        let only = new.values().filter(|other| *other == cases).count() == 1;
        only.then(|| (name.clone(), old.clone()))
    });
    pairs.collect()
}

/// What belongs to no target.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// The cases of each Application that does not exist.
    pub applications: Cases,
    /// Other directories and files, relative to tests/golden.
    others: BTreeSet<String>,
}

impl Orphans {
    /// Finds everything below tests/golden that belongs to no target. `targets` must be all targets.
    pub fn find(root: &Path, targets: &[TargetId]) -> Result<Self> {
        let base = root.join(FOLDER);
        let mut orphans = Self::default();
        if !base.is_dir() {
            return Ok(orphans);
        }
        let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for id in targets {
            known.entry(&id.app).or_default().insert(&id.case);
        }
        // What belongs to a target need not be listed.
        let is_known = |folder: &Path| {
            let mut parts = folder.strip_prefix(&base).unwrap_or(folder).iter().filter_map(|part| part.to_str());
            let cases = parts.next().and_then(|app| known.get(app));
            cases.zip(parts.next()).is_some_and(|(cases, case)| cases.contains(case))
        };
        for file in store::files_except(&base, is_known)? {
            let name = inputs::name(&base, &file);
            let parts: Vec<&str> = name.splitn(3, '/').collect();
            let [app, case, _] = parts[..] else {
                orphans.others.insert(name);
                continue;
            };
            match known.get(app) {
                None => {
                    orphans.applications.entry(app.to_owned()).or_default().insert(case.to_owned());
                }
                Some(cases) if !cases.contains(case) => {
                    orphans.others.insert(format!("{app}/{case}"));
                }
                Some(_) => {}
            }
        }
        Ok(orphans)
    }

    /// The paths to remove.
    #[must_use]
    pub fn paths(&self, root: &Path) -> Vec<PathBuf> {
        let base = root.join(FOLDER);
        let directories = self.applications.keys().chain(&self.others);
        directories.map(|name| base.join(name)).collect()
    }

    /// Returns the former name of each Application that was most likely renamed: its goldens are missing, and those of
    /// exactly one Application that does not exist have the same cases. `unrecorded` has the cases of each Application
    /// without goldens.
    #[must_use]
    pub fn renamed(&self, unrecorded: &Cases) -> BTreeMap<String, String> {
        renamed(&self.applications, unrecorded)
    }

    /// One finding per Application and per other directory or file. The Applications in `renamed` are left out.
    #[must_use]
    pub fn findings(&self, renamed: &BTreeMap<String, String>) -> Diagnostics {
        let finding = |name: &str, message: String| {
            Diagnostic::new(Code::GoldenDirectoryOrphaned, message)
                .at(Place::file(format!("{FOLDER}/{name}")), "")
                .help("run `cargo xtask render --accept` to remove it")
        };
        let gone = self.applications.iter().filter(|(name, _)| !renamed.values().any(|former| former == *name));
        let applications = gone.map(|(name, cases)| {
            let targets = plural(cases.len(), "target");
            let message = format!("no Application is named `{name}`, but {FOLDER}/{name} has goldens of {targets}");
            finding(name, message).fact(Fact::missing("Application", name))
        });
        let others = self.others.iter().map(|name| finding(name, format!("`{FOLDER}/{name}` belongs to no target")));
        Diagnostics(applications.chain(others).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(apps: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        apps.iter().map(|(app, names)| ((*app).to_owned(), owned(names))).collect()
    }

    #[test]
    fn an_application_with_the_same_cases_was_renamed() {
        let renamed = |gone, new| {
            let orphans = Orphans { applications: cases(gone), ..Orphans::default() };
            orphans.renamed(&cases(new)).into_iter().collect::<Vec<_>>()
        };
        let pair = vec![("mail".to_owned(), "postfix".to_owned())];
        assert_eq!(renamed(&[("postfix", &["default", "tls"])], &[("mail", &["default", "tls"])]), pair);
        assert_eq!(renamed(&[("postfix", &["default", "tls"])], &[("mail", &["default"])]), []);
        assert_eq!(renamed(&[("a", &["default"]), ("b", &["default"])], &[("c", &["default"])]), []);
        assert_eq!(renamed(&[("a", &["default"])], &[("b", &["default"]), ("c", &["default"])]), []);
    }
}
