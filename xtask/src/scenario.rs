//! What an application has to do in a cluster: `tests/kind/<app>/<scenario>.yaml`, read and checked.
//!
//! A scenario is a list of steps, each of one kind and with a deadline of its own. docs/test-kind.md describes them.
//! Texts may hold `${variables}`; what no step before sets is an error at its place.
//!
//! Deliberately absent: knowing any application. What a scenario needs, it brings as files beside it.

pub mod apply;
pub mod expect;
pub mod object;
pub mod run;
pub mod step;
pub mod variables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::step::Action;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source, suggestion};
use crate::document::{Fields, Node, Syntax, yaml};
use crate::workspace::{self, Workspace};

/// Where scenarios are, from the root.
pub const FOLDER: &str = "tests/kind";

/// How long a step may take that says nothing else.
const DEADLINE: Duration = Duration::from_secs(30);

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The application that it belongs to.
    pub app: String,
    /// Its name: that of its file.
    pub name: String,
    /// Where files are that it names.
    pub folder: PathBuf,
    /// The other applications that have to be there.
    pub needs: Vec<String>,
    /// Whether it runs while its application is the only one; otherwise once all are there.
    pub alone: bool,
    /// Whether it begins with the application of another revision; it runs with `--upgrade-from` only.
    pub upgrade: bool,
    /// Namespaces of its own, made before its first step and removed after its last.
    pub namespaces: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Its text, and that of every file beside it that a step names.
    pub texts: Vec<String>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it shows, in a few words.
    pub name: String,
    /// The longest it may take.
    pub deadline: Duration,
    /// What has to hold for the step to run.
    pub when: Option<When>,
    /// What is done.
    pub action: Action,
    /// Where it stands.
    pub place: Place,
}

/// A condition: the step is skipped unless a text equals another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The text, with variables that earlier steps saved.
    pub value: String,
    /// What it has to equal.
    pub is: String,
    /// Why the step is skipped otherwise.
    pub otherwise: String,
}

impl Scenario {
    /// How it is called: `<app>/<scenario>`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.app, self.name)
    }

    /// Whether a text stands anywhere in it, or in a file that it names.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.texts.iter().any(|own| own.contains(text))
    }

    /// The texts that its steps wait to see: in a log they are no sign that something is wrong.
    #[must_use]
    pub fn awaits(&self) -> Vec<&str> {
        self.steps.iter().flat_map(|step| step.action.awaits()).collect()
    }

    /// Reads one. All that is wrong with it is told.
    pub fn parse(source: &Arc<Source>, app: &str, name: &str, folder: &Path) -> Result<Self> {
        let document = yaml::parse_one(source)?;
        let mut diagnostics = Diagnostics::default();
        for key in &document.duplicates {
            diagnostics.push(
                Diagnostic::new(Code::ScenarioInvalid, format!("`{}` stands twice", key.name))
                    .at(Place::new(source, key.span.clone()), "the second one"),
            );
        }
        let mut fields = Fields::new(&document.root, "", Syntax::Scenario);
        fields.ignore(&["about"]);
        let needs: Vec<String> = fields.strings("needs").into_iter().map(|(text, _)| text).collect();
        let namespaces = fields.strings("namespaces").into_iter().map(|(text, _)| text).collect();
        let alone = fields.flag("alone").unwrap_or(true);
        let upgrade = fields.bool("upgrade");
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
            if !names.insert(&step.name) {
                diagnostics.push(
                    Diagnostic::new(Code::ScenarioInvalid, format!("two steps are named `{}`", step.name))
                        .at(step.place.clone(), "the second one")
                        .help("`--step` finds a step by its name: give each its own"),
                );
            }
        }
        diagnostics.extend(variables::unknown(&document.root, &steps));
        let mut texts = vec![source.text.clone()];
        for file in steps.iter().flat_map(|step| step.action.files()) {
            texts.extend(std::fs::read_to_string(folder.join(file)));
        }
        let (app, name) = (app.to_owned(), name.to_owned());
        diagnostics.into_result(Self {
            app,
            name,
            folder: folder.to_owned(),
            alone: alone && needs.is_empty(),
            needs,
            upgrade,
            namespaces,
            steps,
            texts,
        })
    }
}

fn read_step(node: &Node, index: usize, folder: &Path, diagnostics: &mut Diagnostics) -> Option<Step> {
    let path = format!("steps[{index}]");
    let mut fields = Fields::new(node, &path, Syntax::Scenario);
    let name = fields.required_string("name");
    let deadline = fields.node("deadline").and_then(|node| {
        let seconds = node.as_str().and_then(|text| text.strip_suffix('s')?.parse::<u64>().ok());
        if seconds.is_none() {
            fields.report(
                Diagnostic::new(Code::ScenarioInvalid, format!("`{path}.deadline` should be a number of seconds"))
                    .at(node.place(), "write it as `30s`"),
            );
        }
        seconds
    });
    let when = fields.node("when").map(|node| read_condition(node, &fields.path_of("when"), diagnostics));
    let action = step::read(&mut fields, node, folder, diagnostics);
    fields.finish(diagnostics);
    let place = node.get("name").unwrap_or(node).place();
    let deadline = deadline.map_or(DEADLINE, Duration::from_secs);
    let when = match when {
        Some(condition) => Some(condition?),
        None => None,
    };
    Some(Step { name: name?, deadline, when, action: action?, place })
}

fn read_condition(node: &Node, path: &str, diagnostics: &mut Diagnostics) -> Option<When> {
    let mut fields = Fields::new(node, path, Syntax::Scenario);
    let value = fields.required_string("value");
    let is = fields.required_string("is");
    let otherwise = fields.required_string("otherwise");
    fields.finish(diagnostics);
    Some(When { value: value?, is: is?, otherwise: otherwise? })
}

/// The scenarios of an application, in order of their names; none where it has no folder.
pub fn of_app(workspace: &Workspace, app: &str) -> Result<Vec<Scenario>> {
    let folder = workspace.root.join(FOLDER).join(app);
    let mut diagnostics = Diagnostics::default();
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        .collect();
    files.sort();
    let apps: Vec<&str> = workspace.deployments.iter().map(|deployment| deployment.application.name.as_str()).collect();
    let mut scenarios = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let parsed = workspace::read(&workspace.root, &file)
            .and_then(|source| Scenario::parse(&source, app, &name, &folder).map(|scenario| (source, scenario)));
        let Some((source, scenario)) = diagnostics.take(parsed) else { continue };
        for need in scenario.needs.iter().filter(|need| !apps.contains(&need.as_str())) {
            diagnostics.push(
                Diagnostic::new(Code::ScenarioInvalid, format!("no Application is named `{need}`"))
                    .at(Place { source: Arc::clone(&source), span: None }, "")
                    .help(suggestion(need, apps.iter().copied())),
            );
        }
        scenarios.push(scenario);
    }
    diagnostics.into_result(scenarios)
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
        let scenario = parse(&format!("{probe}{when}")).expect("sound");
        let condition = When { value: "${known}".into(), is: "yes".into(), otherwise: "it is not known".into() };
        assert_eq!((&scenario.steps[0].when, &scenario.steps[1].when), (&None, &Some(condition)));

        let messages = |text: String| {
            let found = parse(&text).expect_err("invalid");
            found.0.into_iter().map(|one| one.message).collect::<Vec<_>>()
        };
        assert_eq!(messages(format!("steps:\n{when}")), ["nothing sets `${known}` before this step"]);
        let without = when.replace(", otherwise: it is not known", ", els: x");
        assert_eq!(
            messages(format!("{probe}{without}")),
            ["unknown key `els` in `steps[1].when`", "`steps[1].when.otherwise` is missing"]
        );
    }
}
