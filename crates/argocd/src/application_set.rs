//! ApplicationSets: generators, templates, and the Applications that they make.
//!
//! Everything works as in Argo CD 3.5.7; the expected results in the tests come from its own code. Only the order of the
//! Applications differs where Argo CD has none.

mod check;
mod clusters;
mod combine;
mod failure;
mod fast_template;
mod generators;
mod git;
mod globs;
mod list;
mod origin;
mod parameters;
mod patch;
mod render;
mod selector;
mod surroundings;
mod template;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeSet, HashMap};

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, suggestion};
use document::{Node, Value as Yaml};
use serde_json::Value as Json;

pub use self::failure::Unavailable;
use self::failure::{Failure, Result};
use self::generators::{Context, kinds};
pub use self::parameters::Origin;
use self::parameters::Parameters;
use self::render::Engine;
pub use self::surroundings::{Cluster, Repository, Surroundings, Unknown};
use crate::go_template::{MissingKey, Options};

/// How many further names a finding lists.
const NAMED: usize = 4;

/// The result of an ApplicationSet.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its namespace; empty if unset.
    pub namespace: String,
    /// The Applications, in the order of the generators.
    pub applications: Vec<Generated>,
    /// Generators and Applications that cannot be evaluated here.
    pub unavailable: Vec<Unavailable>,
    /// The errors in it.
    pub diagnostics: Diagnostics,
}

/// A generated Application.
#[derive(Debug, Clone)]
pub struct Generated {
    /// Its manifest. Each node has the place of the field of the ApplicationSet that made it.
    pub application: Node,
    /// The kind of the generator, such as `git`.
    pub generator: &'static str,
    /// The parameters: nested with `goTemplate`, or else flat.
    pub parameters: Json,
    /// The origins of the parameters. Several in a matrix.
    pub origins: Vec<Origin>,
}

impl Generated {
    /// Its `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.application.find(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default()
    }

    /// A description of the generator, such as `git: apps/web`.
    #[must_use]
    pub fn made_by(&self) -> String {
        let origins: Vec<&str> = self.origins.iter().map(|origin| origin.text.as_str()).collect();
        format!("{}: {}", self.generator, origins.join(", "))
    }
}

/// Generates the Applications of an ApplicationSet.
///
/// A generator that fails does not keep the others from generating.
#[must_use]
pub fn generate(root: &Node, around: &dyn Surroundings) -> Outcome {
    let text = |key: &str| root.find(&["metadata", key]).and_then(Node::as_str).unwrap_or_default().to_owned();
    let mut outcome = Outcome {
        name: text("name"),
        namespace: text("namespace"),
        diagnostics: check::check(root),
        ..Outcome::default()
    };
    // Argo CD ignores unknown fields, so there are Applications all the same, but nothing else that is wrong.
    let known = outcome.diagnostics.clone();
    if known.0.iter().any(|found| !found.facts.iter().any(|fact| matches!(fact, Fact::Unknown(_)))) {
        return outcome;
    }
    let name = outcome.name.clone();
    let set = Set::read(root);
    let context = Context { set: &name, engine: set.engine, around };
    for entry in root.items_at(&["spec", "generators"]) {
        for (kind, generator) in kinds(entry) {
            let parameters = match context.parameters(entry, kind, None) {
                Ok(parameters) => parameters,
                Err(failure) => {
                    outcome.fail(failure);
                    continue;
                }
            };
            let template = template::overridden(generator.get("template"), &set.template);
            for parameters in parameters {
                let application = set.application(&template, &parameters, &outcome.namespace);
                match application.and_then(with_destination) {
                    Ok(application) => outcome.applications.push(Generated {
                        application,
                        generator: kind,
                        parameters: crate::go_template::Value::Map(parameters.values).to_json(),
                        origins: parameters.origins,
                    }),
                    Err(failure) => outcome.fail(failure),
                }
            }
        }
    }
    outcome.report_duplicates();
    if known.has_errors() {
        // Errors that follow from a wrong field are reported with it.
        outcome.diagnostics = known;
    }
    outcome
}

impl Outcome {
    fn fail(&mut self, failure: Failure) {
        match failure {
            // The same template fails with many parameters.
            Failure::Invalid(diagnostic) if self.diagnostics.0.contains(&diagnostic) => {}
            Failure::Invalid(diagnostic) => self.diagnostics.push(*diagnostic),
            Failure::Unavailable(unavailable) if self.unavailable.contains(&unavailable) => {}
            Failure::Unavailable(unavailable) => self.unavailable.push(unavailable),
        }
    }

    /// Reports Applications of the same name, of which Argo CD creates none. One template makes them, so one finding does.
    fn report_duplicates(&mut self) {
        let mut by_name: HashMap<&str, Vec<&Generated>> = HashMap::new();
        for generated in self.applications.iter().filter(|generated| !generated.name().is_empty()) {
            by_name.entry(generated.name()).or_default().push(generated);
        }
        let is_second = |generated: &&Generated| {
            let second = by_name.get(generated.name()).and_then(|all| all.get(1));
            second.is_some_and(|second| std::ptr::eq(*second, *generated))
        };
        let twice: Vec<&Generated> = self.applications.iter().filter(is_second).collect();
        let Some(first) = twice.first() else { return };
        let mut found = duplicate(&by_name[first.name()]);
        let others: Vec<String> = twice[1..].iter().map(|generated| format!("`{}`", generated.name())).collect();
        let (named, more) = others.split_at(others.len().min(NAMED));
        if !named.is_empty() {
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            found = found.note(format!("the same with {}{more}", named.join(", ")));
        }
        let dropped: BTreeSet<String> = twice.iter().map(|generated| generated.name().to_owned()).collect();
        self.diagnostics.push(found);
        self.applications.retain(|generated| !dropped.contains(generated.name()));
    }
}

/// An Application whose destination selects a cluster: Argo CD creates no other.
fn with_destination(application: Node) -> failure::Result<Node> {
    let text = |key: &str| application.find(&["spec", "destination", key]).and_then(Node::as_str).unwrap_or_default();
    let what = match (text("server"), text("name")) {
        ("", "") => "has neither `server` nor `name`",
        (server, name) if !server.is_empty() && !name.is_empty() => "has both `server` and `name`",
        _ => return Ok(application),
    };
    let place = ["destination", "project"].iter().find_map(|key| application.find(&["spec", key]));
    let place = place.unwrap_or(&application).place();
    Err(Failure::invalid(
        format!("the destination of a generated Application {what}"),
        place,
        "Argo CD does not create the Application",
    )
    .help("set either `server` or `name` in `template.spec.destination`"))
}

/// The finding about Applications of one name.
fn duplicate(all: &[&Generated]) -> Diagnostic {
    let place = |generated: &Generated| generated.application.find(&["metadata", "name"]).map(Node::place);
    let (before, after) = (all[0], all[1]);
    let count = if all.len() == 2 { "two".to_owned() } else { all.len().to_string() };
    let mut diagnostic = Diagnostic::new(
        Code::ApplicationDuplicate,
        format!("an ApplicationSet generates {count} Applications named `{}`", after.name()),
    );
    for (generated, word) in [(after, "second"), (before, "first")] {
        // The generators' places differ, unlike that of the template's name.
        let origin = generated.origins.last().map(|origin| origin.place.clone());
        if let Some(place) = origin.or_else(|| place(generated)) {
            diagnostic = diagnostic.at(place, format!("{word}, made by {}", generated.made_by()));
        }
    }
    diagnostic.help("use a parameter in `template.metadata.name` that differs between them")
}

/// The common inputs of all Applications of an ApplicationSet.
struct Set {
    engine: Engine,
    template: Node,
    patch: Option<Node>,
    keep_resources: bool,
}

impl Set {
    fn read(root: &Node) -> Self {
        let spec = root.get("spec").unwrap_or(root);
        let is_true = |path: &[&str]| matches!(spec.find(path).map(|node| &node.value), Some(Yaml::Bool(true)));
        let mut options = Options::default();
        for option in spec.items_at(&["goTemplateOptions"]) {
            options.missing_key = match option.as_str().unwrap_or_default() {
                "missingkey=error" => MissingKey::Error,
                "missingkey=zero" => MissingKey::Zero,
                "missingkey=default" | "missingkey=invalid" => MissingKey::Default,
                _ => continue,
            };
        }
        Self {
            engine: Engine { go: is_true(&["goTemplate"]), options },
            template: spec.get("template").unwrap_or(spec).clone(),
            patch: spec.get("templatePatch").filter(|node| node.as_str().is_some()).cloned(),
            keep_resources: is_true(&["syncPolicy", "preserveResourcesOnDeletion"]),
        }
    }

    fn application(&self, template: &Node, parameters: &Parameters, namespace: &str) -> Result<Node> {
        let values = &parameters.values;
        let mut application = template::application(template, self.engine, values, self.keep_resources)?;
        if let Some(patch) = &self.patch {
            application = patch::apply(application, patch, self.engine, values)?;
        }
        let Some(metadata) = application.get("metadata").cloned() else { return Ok(application) };
        self.report_unreplaced(&metadata, parameters)?;
        // An Application is in the namespace of its ApplicationSet, whatever the template says.
        let metadata = if namespace.is_empty() {
            template::without(metadata, "namespace")
        } else {
            let value = template::string(&metadata, namespace);
            template::with(metadata, "namespace", value)
        };
        Ok(template::with(application, "metadata", metadata))
    }

    /// Reports a parameter in the name that does not exist. Elsewhere, such text may be meant for Helm.
    fn report_unreplaced(&self, metadata: &Node, parameters: &Parameters) -> Result<()> {
        let Some((name, text)) = metadata.get("name").and_then(|name| Some((name, name.as_str()?))) else {
            return Ok(());
        };
        if self.engine.go {
            return Ok(());
        }
        let Some(missing) = fast_template::names(text).next().filter(|missing| !missing.is_empty()) else {
            return Ok(());
        };
        let known: Vec<String> = parameters.values.pairs().into_iter().map(|(key, _)| key).collect();
        let place: Place = name.place();
        let failure = Failure::invalid(format!("parameter `{missing}` is not defined"), place, "");
        Err(if missing.starts_with('.') {
            failure.help("set `goTemplate: true`, or write the parameter without the leading dot")
        } else {
            failure.help(suggestion(missing, known.iter().map(String::as_str)))
        })
    }
}
