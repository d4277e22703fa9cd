//! Repositories that have moved or no longer exist, in Chart.yaml, the lock files, Applications, and projects.
//!
//! GitHub redirects a renamed repository, but not its Pages site. A Helm repository on such a site returns 404, and
//! Argo CD shows the sync status `Unknown` without naming the cause.
//!
//! Does not use the network: only the repositories in [`helm::moved`] are known.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::Node;
use helm::chart::{Chart, Dependency};
use helm::moved::{Moved, moved};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::RepositoryMoved];

/// Reports each dependency and each URL under argocd/ that names such a repository.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        diagnostics.extend(of_chart(subject, chart));
    }
    for file in &subject.workspace.argocd {
        for document in &file.documents {
            let spec = document.root.get("spec");
            let source = spec.and_then(|spec| spec.get("source"));
            let list = |key: &str| spec.and_then(|spec| spec.get(key)).map(Node::items).unwrap_or_default();
            let sources = source.into_iter().chain(list("sources")).filter_map(|source| source.get("repoURL"));
            for url in sources.chain(list("sourceRepos")) {
                if let Some((moved, text)) = url.as_str().and_then(|text| Some((moved(text)?, text))) {
                    diagnostics.push(finding(moved, text).at(url.place(), moved.since));
                }
            }
        }
    }
    diagnostics
}

/// Reports the dependencies in Chart.yaml, with their places in the lock files, and those that only a lock file names.
fn of_chart(subject: &Subject<'_>, chart: &Chart) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let locked: &[Dependency] = chart.lock.as_ref().map(|lock| lock.dependencies.as_slice()).unwrap_or_default();
    let pins = &subject.workspace.charts_lock.pins;
    let asked = chart.dependencies.iter().map(|dependency| (dependency, true));
    let only_locked = locked.iter().filter(|lock| {
        !chart.dependencies.iter().any(|asked| asked.name == lock.name && asked.repository == lock.repository)
    });
    for (dependency, asked) in asked.chain(only_locked.map(|dependency| (dependency, false))) {
        let Some(moved) = helm::moved::moved(&dependency.repository) else { continue };
        let same = |name: &str, url: &str| name == dependency.name && url == dependency.repository;
        let mut found = finding(moved, &dependency.repository).at(dependency.repository_place.clone(), moved.since);
        if asked {
            let locks = locked.iter().filter(|lock| same(&lock.name, &lock.repository));
            let places: Vec<Place> = locks.map(|lock| lock.repository_place.clone()).collect();
            found = places.into_iter().fold(found, |found, place| found.at(place, "locked"));
        }
        if let Some(pin) = pins.iter().find(|pin| same(&pin.name, &pin.repository)) {
            found = found.at(pin.place.clone(), "pinned");
        }
        diagnostics.push(found.help("then run `cargo xtask deps --update` to update the lock files"));
    }
    diagnostics
}

fn finding(moved: &Moved, url: &str) -> Diagnostic {
    let (message, help) = match moved.to {
        Some(to) => (format!("`{url}` has moved"), format!("change the URL to `{to}`")),
        None => (
            format!("`{url}` no longer exists"),
            "use the repository where the chart's maintainers publish it now".to_owned(),
        ),
    };
    Diagnostic::new(Code::RepositoryMoved, message).note(format!("source: {}", moved.source)).help(help)
}
