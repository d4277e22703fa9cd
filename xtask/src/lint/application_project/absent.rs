//! Projects that do not exist.

use std::collections::BTreeMap;

use argocd::project::Project;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, suggestion};
use document::Node;
use workspace::written::{DEFAULT_PROJECT, Written};

/// How many other Applications a finding about a missing project names.
const NAMED: usize = 8;

/// How many projects that do not exist are findings of their own.
const FEW: usize = 3;

/// The findings about each project that does not exist, by the Argo CD instance and the project.
#[derive(Default)]
pub(super) struct Absent<'a>(BTreeMap<(&'a str, &'a str), Users<'a>>);

/// The findings at the first place, and the Applications at others.
type Users<'a> = (Vec<Diagnostic>, Vec<&'a str>);

impl<'a> Absent<'a> {
    pub(super) fn add(&mut self, application: &Written<'a>, project: &'a str, found: Diagnostic) {
        let (first, others) = self.0.entry((application.argocd, project)).or_default();
        let at = |one: &Diagnostic| one.places.first().map(|(place, _)| place.to_string());
        if first.first().is_none_or(|one| at(one) == at(&found)) {
            first.push(found);
        } else {
            others.push(application.name);
        }
    }

    /// The findings at one place for each project, which name the Applications at others.
    pub(super) fn findings(mut self) -> Diagnostics {
        let together = self.take_unlike();
        let findings = self.0.into_values().flat_map(|(first, others)| {
            let named: Vec<String> = others.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let rest = others.len() - named.len();
            let note = match named.len() {
                0 => None,
                _ if rest > 0 => Some(format!("the same in {}, and {rest} more", named.join(", "))),
                _ => Some(format!("the same in {}", named.join(", "))),
            };
            first.into_iter().map(move |found| note.iter().cloned().fold(found, Diagnostic::note))
        });
        Diagnostics(findings.chain(together).collect())
    }

    /// One finding for all projects of an Argo CD instance that no other one resembles, if there are many: they are probably
    /// defined in another repository.
    fn take_unlike(&mut self) -> Vec<Diagnostic> {
        let is_unlike = |(first, _): &Users<'_>| first.iter().all(|one| one.suggested().next().is_none());
        let mut unlike: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ((argocd, project), _) in self.0.iter().filter(|(_, users)| is_unlike(users)) {
            unlike.entry(argocd).or_default().push(project);
        }
        unlike.retain(|_, projects| projects.len() > FEW);
        let together = unlike.into_iter().filter_map(|(argocd, projects)| {
            let (first, others) = projects.split_first()?;
            for project in others {
                self.0.remove(&(argocd, project));
            }
            let found = self.0.remove(&(argocd, first))?.0.into_iter().next()?;
            let named: Vec<String> = others.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let rest = others.len() - named.len();
            let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
            let found = found.note(format!("neither do {}{rest}", named.join(", ")));
            Some(found.help(
                "if other repositories define them, suppress `application-project` with `[[suppress]]` in charts.toml",
            ))
        });
        together.collect()
    }
}

/// The finding about an Application whose project does not exist, or is `default`.
pub(super) fn missing(application: &Written<'_>, node: &Node, name: &str, projects: &[&Project]) -> Diagnostic {
    let finding = |code, message: String, label: &str| application.finding(code, message, node.place(), label);
    if name == DEFAULT_PROJECT {
        let own = application.text(&["metadata", "name"]).unwrap_or_default();
        let label = "permits every repository, cluster, and kind";
        return finding(Code::ProjectDefault, "Application uses the project `default`".to_owned(), label)
            .help(format!("create argocd/projects/{own}.yaml, and set `project: {own}`"));
    }
    let own = projects.iter().filter(|project| project.argocd == application.argocd);
    let found = finding(Code::ApplicationProject, format!("project `{name}` does not exist"), "no such AppProject");
    // The file is probably named after the project that was meant.
    let file = format!("/{name}.yaml");
    let named = projects.iter().find(|project| project.place.source.name.ends_with(&file));
    let found = named.iter().fold(found, |found, project| {
        found.at(project.place.clone(), format!("the project in this file is named `{}`", project.name))
    });
    found.fact(Fact::missing("AppProject", name)).help(suggestion(name, own.map(|project| project.name.as_str())))
}
