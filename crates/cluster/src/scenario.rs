//! End-to-end scenarios of an application: `tests/kind/<app>/<scenario>.yaml`, parsed and checked.
//!
//! A scenario is a list of steps, each with one action and a deadline; docs/test-kind.md describes them. Texts may contain
//! `${variables}`, which an earlier step has to define.

pub mod action;
pub mod apply;
pub mod command;
mod edits;
pub mod expect;
mod files;
pub mod gitops;
mod names;
pub mod object;
pub mod run;
pub mod step;
pub mod variables;
pub mod when;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, Source, suggestion};
use document::{Fields, Node, Syntax, yaml};
use workspace::Workspace;

use crate::scenario::action::{Action, Outcome};
pub use crate::scenario::names::Named;
use crate::scenario::names::{named, unknown_names};
use crate::scenario::run::{Deadline, Runner};
use crate::scenario::when::When;

/// The directory of the scenarios of `test-kind`, relative to the root of the workspace.
pub const FOLDER: &str = "tests/kind";

/// The directory of the scenarios of `test-gitops`.
pub const GITOPS_FOLDER: &str = "tests/gitops";

/// The deadline of a step that sets none.
const DEADLINE: Duration = Duration::from_secs(30);

/// A scenario.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Scenario {
    /// The application that it tests.
    pub app: String,
    /// Its name: that of its file.
    pub name: String,
    /// The directory of its files.
    pub folder: PathBuf,
    /// Further applications that have to be deployed.
    pub needs: Vec<String>,
    /// Whether it runs while no other application is deployed; otherwise it runs when all are.
    pub alone: bool,
    /// Whether it starts from the application of another revision; it runs with `--upgrade-from` only.
    pub upgrade: bool,
    /// Namespaces of its own, created before its first step and deleted after its last.
    pub namespaces: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Whether `test-gitops` runs it, too, on what Argo CD deployed.
    pub gitops: bool,
    /// Whether it leaves the objects of the repository's Applications as they are, so it runs while they may not drift.
    pub beside: bool,
    /// The namespaces and kinds that its steps name, and the tools that they run, each with its place.
    pub names: Vec<(Named, String, Place)>,
    /// Its text, and the text of every file that a step names.
    pub texts: Vec<String>,
}

/// A step of a scenario.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How long it may take.
    pub deadline: Duration,
    /// Its condition, if it has one: the step is skipped unless it holds.
    pub when: Option<When>,
    /// What it does.
    pub action: Arc<dyn Action>,
    /// Its place in the scenario.
    pub place: Place,
}

impl Step {
    /// The reason to skip it; `None` if it has to run.
    pub fn skip_reason(&self, runner: &Runner<'_>) -> Result<Option<String>> {
        self.when.as_ref().map_or(Ok(None), |when| when.skip_reason(&runner.values))
    }

    /// Runs it.
    pub fn run(&self, runner: &mut Runner<'_>) -> Outcome {
        self.action.run(runner, Deadline::after(self.deadline))
    }
}

impl Scenario {
    /// Its full name: `<app>/<scenario>`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.app, self.name)
    }

    /// Its parts before and after the step that replaces the cluster, if it has one.
    #[must_use]
    pub fn recovery(&self) -> Option<(Self, Self)> {
        let index = self.steps.iter().position(|step| step.action.replaces_cluster())?;
        let part = |steps: &[Step]| Self { steps: steps.to_vec(), ..self.clone() };
        Some((part(&self.steps[..index]), part(&self.steps[index + 1..])))
    }

    /// The Applications that Argo CD cannot compare for a while.
    #[must_use]
    pub fn breaks(&self) -> BTreeSet<&str> {
        self.steps.iter().filter_map(|step| step.action.breaks()).collect()
    }

    /// Whether it or a file that it names contains a text.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.texts.iter().any(|own| own.contains(text))
    }

    /// The texts that its steps wait for. In a log, they do not indicate a problem.
    #[must_use]
    pub fn awaits(&self) -> Vec<&str> {
        let texts = self.steps.iter().flat_map(|step| step.action.awaits());
        // A single word or number may occur in any line.
        texts.filter(|text| text.contains(' ')).collect()
    }

    /// Parses a scenario and reports every error in it.
    pub fn parse(source: &Arc<Source>, app: &str, name: &str, folder: &Path) -> Result<Self> {
        let document = yaml::parse_one(source)?;
        let mut diagnostics = Diagnostics::default();
        for key in &document.duplicates {
            diagnostics.push(
                Diagnostic::new(Code::ScenarioInvalid, format!("duplicate key `{}`", key.name))
                    .at(Place::new(source, key.span.clone()), "defined again here"),
            );
        }
        let mut fields = Fields::new(&document.root, "", Syntax::Scenario);
        fields.ignore(&["about"]);
        let needs: Vec<String> = fields.strings("needs").into_iter().map(|(text, _)| text).collect();
        let namespaces = fields.strings("namespaces").into_iter().map(|(text, _)| text).collect();
        let alone = fields.flag("alone").unwrap_or(true);
        let upgrade = fields.bool("upgrade");
        let gitops = fields.bool("gitops");
        let beside = fields.bool("beside");
        fields.required("steps");
        let nodes = fields.sequence("steps");
        fields.finish(&mut diagnostics);
        let steps: Vec<Step> = nodes
            .iter()
            .enumerate()
            .filter_map(|(index, node)| read_step(node, index, folder, &mut diagnostics))
            .collect();
        let mut names = BTreeSet::new();
        for step in &steps {
            if step.action.needs_git() && !folder.ancestors().any(|folder| folder.ends_with(GITOPS_FOLDER)) {
                diagnostics.push(
                    Diagnostic::new(
                        Code::ScenarioInvalid,
                        "the step needs Argo CD, which `test-kind` does not install",
                    )
                    .at(step.place.clone(), "this step")
                    .help(format!("move the scenario to {GITOPS_FOLDER}, from where `test-gitops` runs it")),
                );
            }
            if !names.insert(&step.name) {
                diagnostics.push(
                    Diagnostic::new(Code::ScenarioInvalid, format!("duplicate step name `{}`", step.name))
                        .at(step.place.clone(), "used again here")
                        .help("rename one of the two steps: `--step` selects a step by its name"),
                );
            }
        }
        let saves = |name: &str| steps.iter().find(|step| step.name == name)?.action.saves();
        diagnostics.extend(variables::undefined(&document.root, saves));
        diagnostics.extend(undefined_in_files(source, &steps, nodes, folder));
        let mut texts = vec![source.text.clone()];
        for file in steps.iter().flat_map(|step| step.action.files()) {
            texts.extend(toolbox::regular_file::read_to_string(folder.join(file)));
        }
        let (app, name) = (app.to_owned(), name.to_owned());
        diagnostics.into_result(Self {
            app,
            name,
            folder: folder.to_owned(),
            alone: alone && needs.is_empty(),
            needs,
            upgrade,
            gitops,
            beside,
            namespaces,
            steps,
            names: nodes.iter().flat_map(named).collect(),
            texts,
        })
    }
}

/// Variables that the files of the steps use, and that no earlier step saves.
fn undefined_in_files(source: &Source, steps: &[Step], nodes: &[Node], folder: &Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut saved: Vec<(&str, Place)> = Vec::new();
    let used =
        |name: &str| source.text.contains(&format!("${{{name}}}")) || source.text.contains(&format!(":{name}}}"));
    for step in steps {
        for file in step.action.files() {
            let Some(text) = toolbox::regular_file::read_to_string(folder.join(file)).ok() else { continue };
            let directory = Path::new(&source.name).parent().unwrap_or(Path::new(""));
            let file = Source::new(directory.join(file).to_string_lossy(), text);
            diagnostics.extend(variables::undefined_in_file(&file, &saved, used));
        }
        if let Some(name) = step.action.saves() {
            let node = nodes.iter().find(|node| node.get("name").and_then(Node::as_str) == Some(&step.name));
            let place = node.and_then(|node| node.get("save")).map_or_else(|| step.place.clone(), Node::place);
            saved.push((name, place));
        }
    }
    diagnostics
}

fn read_step(node: &Node, index: usize, folder: &Path, diagnostics: &mut Diagnostics) -> Option<Step> {
    let path = format!("steps[{index}]");
    let mut fields = Fields::new(node, &path, Syntax::Scenario);
    let name = fields.required_string("name");
    let deadline = fields.node("deadline").and_then(|node| {
        let seconds = node.as_str().and_then(|text| text.strip_suffix('s')?.parse::<u64>().ok());
        if seconds.is_none() {
            fields.report(
                Diagnostic::new(Code::ScenarioInvalid, format!("`{path}.deadline` must be a number of seconds"))
                    .at(node.place(), "expected a value such as `30s`"),
            );
        }
        seconds
    });
    let when = fields.node("when").and_then(|node| When::read(node, &fields.path_of("when"), diagnostics));
    let action = step::read(&mut fields, node, folder, diagnostics);
    fields.finish(diagnostics);
    let place = node.get("name").unwrap_or(node).place();
    let deadline = deadline.map_or(DEADLINE, Duration::from_secs);
    Some(Step { name: name?, deadline, when, action: action?, place })
}

/// The scenarios of an application below a directory, by name; none if it has no directory there.
pub fn of_app(workspace: &Workspace, folder: &str, app: &str) -> Result<Vec<Scenario>> {
    let (scenarios, diagnostics) = readable(workspace, folder, app);
    diagnostics.into_result(scenarios)
}

/// The same, without the scenarios that cannot be read, and the findings about all of them.
#[must_use]
pub fn readable(workspace: &Workspace, folder: &str, app: &str) -> (Vec<Scenario>, Diagnostics) {
    let folder = workspace.root.join(folder).join(app);
    let mut diagnostics = Diagnostics::default();
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        .collect();
    files.sort();
    let rendered = workspace.deployments.iter().map(|deployment| deployment.application.instance.as_str());
    // Why an Application is not rendered is reported where it is planned.
    let apps: Vec<&str> = rendered.chain(workspace.unrendered.iter().map(|one| one.instance.as_str())).collect();
    let mut scenarios = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let parsed = toolbox::source::read(&workspace.root, &file)
            .and_then(|source| Scenario::parse(&source, app, &name, &folder).map(|scenario| (source, scenario)));
        let Some((source, scenario)) = diagnostics.take(parsed) else { continue };
        let (source, scenario): (Arc<Source>, Scenario) = (source, scenario);
        let root = yaml::parse_one(&source).ok().map(|document| document.root);
        for need in scenario.needs.iter().filter(|need| !apps.contains(&need.as_str())) {
            let list = root.as_ref().and_then(|root| root.get("needs"));
            let own = list.and_then(|list| list.items().iter().find(|node| node.as_str() == Some(need)));
            let place = own.or(list).map_or_else(|| Place { source: Arc::clone(&source), span: None }, Node::place);
            diagnostics.push(
                Diagnostic::new(Code::ScenarioInvalid, format!("`needs` names the unknown Application `{need}`"))
                    .at(place, "")
                    .fact(Fact::missing("Application", need))
                    .help(suggestion(need, apps.iter().copied())),
            );
        }
        let creates = scenario.mentions("kind: Namespace") || scenario.mentions("create, namespace");
        diagnostics.extend(unknown_names(workspace, &scenario.names, &scenario.namespaces, creates));
        if let Some(root) = &root {
            diagnostics.extend(edits::check(&workspace.root, root));
        }
        scenarios.push(scenario);
    }
    (scenarios, diagnostics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Scenario> {
        Scenario::parse(&Source::new("s.yaml", text), "app", "s", Path::new("/nowhere"))
    }

    #[test]
    fn a_step_may_have_a_condition() {
        let probe = "steps:\n- {name: probe, tool: kubectl, args: [version], save: known}\n";
        let when = "- {name: next, ready: pod/x, when: {value: '${known}', is: 'yes', otherwise: it is not known}}\n";
        let scenario = parse(&format!("{probe}{when}")).expect("valid");
        let condition = When { value: "${known}".into(), is: "yes".into(), otherwise: "it is not known".into() };
        assert_eq!((&scenario.steps[0].when, &scenario.steps[1].when), (&None, &Some(condition)));

        let messages = |text: String| {
            let found = parse(&text).expect_err("invalid");
            found.0.into_iter().map(|one| one.message).collect::<Vec<_>>()
        };
        assert_eq!(messages(format!("steps:\n{when}")), ["variable `${known}` is not defined"]);
        let without = when.replace(", otherwise: it is not known", ", els: x");
        assert_eq!(
            messages(format!("{probe}{without}")),
            ["unknown field `els` in `steps[1].when`", "`steps[1].when.otherwise` is required"]
        );
    }
}
