//! The scenarios of the Applications: steps and files that do not exist are found without a cluster.

use std::path::Path;

use cluster::scenario::{FOLDER, GITOPS_FOLDER};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, nearest};
use document::yaml;
use toolbox::source;
use workspace::target::DEFAULT_CASE;

use super::scenario_images as images;
use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ScenarioInvalid];

/// Reads the scenarios of the selected Applications, and the files beside them.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let root = &subject.workspace.root;
    for folder in [FOLDER, GITOPS_FOLDER] {
        for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
            diagnostics.extend(subject.scenarios.of(subject.workspace, folder, &target.id.app).found.clone());
            for path in workspace::find::files(&root.join(folder).join(&target.id.app).join("files")) {
                if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                    diagnostics.extend(syntax(root, &path));
                    diagnostics.0.extend(images::unknown(root, &path));
                }
            }
        }
        if subject.complete {
            diagnostics.extend(without_application(subject, folder));
        }
    }
    diagnostics
}

/// The syntax errors of a file that a step applies, or takes values from.
fn syntax(root: &Path, path: &Path) -> Diagnostics {
    let Err(found) = source::read(root, path).and_then(|source| yaml::parse(&source)) else {
        return Diagnostics::default();
    };
    Diagnostics(found.0.into_iter().map(|one| Diagnostic { code: Code::ScenarioInvalid, ..one }).collect())
}

/// Reports folders of scenarios that never run, because no Application has their name.
fn without_application(subject: &Subject<'_>, folder: &str) -> Diagnostics {
    let deployments = subject.workspace.deployments.iter().map(|one| one.application.instance.as_str());
    let apps: Vec<&str> =
        deployments.chain(subject.workspace.unrendered.iter().map(|one| one.instance.as_str())).collect();
    let entries = std::fs::read_dir(subject.workspace.root.join(folder)).into_iter().flatten();
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir());
    let mut names: Vec<String> = folders.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
    names.sort();
    // An Application in a different namespace than that of Argo CD has another name here. If that is a mistake, it is
    // reported.
    let elsewhere = |name: &str| subject.workspace.deployments.iter().any(|one| one.application.name == name);
    let unknown = names.iter().filter(|name| !apps.contains(&name.as_str()) && !elsewhere(name));
    Diagnostics(
        unknown
            .map(|name| {
                let message = format!("no Application is named `{name}`, so its scenarios never run");
                let found =
                    Diagnostic::new(Code::ScenarioInvalid, message).at(Place::file(format!("{folder}/{name}")), "");
                let found = found.fact(Fact::missing("Application", name));
                match nearest(name, apps.iter().copied()) {
                    Some(near) => found.help(format!("rename the folder to `{near}`")),
                    None => found.help("rename the folder to the name of its Application, or delete it"),
                }
            })
            .collect(),
    )
}
