//! Generators: what they have in common, and how they nest.

use diagnostics::{Limit, Place};
use document::{Key, Mapping, Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::parameters::{Origin, Parameters, flattened};
use super::render::Engine;
use super::selector::Selector;
use super::surroundings::Surroundings;
use super::{clusters, combine, git, list, values};
use crate::go_template::value::{Map, Value};

/// The kinds of generators, in the order in which Argo CD runs several of one entry.
pub(super) const KINDS: [&str; 9] =
    ["list", "clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "matrix", "merge", "plugin"];

/// The kinds of generators that need the outside.
const OUTSIDE: [&str; 4] = ["scmProvider", "clusterDecisionResource", "pullRequest", "plugin"];

/// The inputs of generators.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The name of the ApplicationSet.
    pub set: &'a str,
    /// How its templates are rendered.
    pub engine: Engine,
    /// The world around it.
    pub around: &'a dyn Surroundings,
}

/// The generators in an entry of `generators`, with their kinds.
pub(super) fn kinds(entry: &Node) -> impl Iterator<Item = (&'static str, &Node)> {
    KINDS
        .into_iter()
        .filter_map(|kind| entry.get(kind).filter(|node| !matches!(node.value, Yaml::Null)).map(|node| (kind, node)))
}

impl Context<'_> {
    /// The parameters of one generator in an entry, filtered by the entry's selector.
    ///
    /// The second generator of a `matrix` is rendered with the parameters of the first, its selector is not.
    pub(super) fn parameters(self, entry: &Node, kind: &str, first: Option<&Map>) -> Result<Vec<Parameters>> {
        let selector = entry.get("selector").filter(|node| !matches!(node.value, Yaml::Null));
        let selector = selector.map(Selector::read).transpose()?;
        let rendered = match first.filter(|values| !values.is_empty()) {
            Some(values) => Some(self.interpolated(entry, values)?),
            None => None,
        };
        let entry = rendered.as_ref().unwrap_or(entry);
        let Some(generator) = entry.get(kind) else { return Ok(Vec::new()) };
        let mut all = match kind {
            "list" => list::parameters(generator, self.engine)?,
            "git" => git::parameters(generator, self.engine, self.around)?,
            "clusters" => clusters::parameters(generator, self.engine, self.around)?,
            "matrix" => self.matrix(generator)?,
            "merge" => self.merge(generator)?,
            kind => self.samples(generator, kind, entry.key_place(kind))?,
        };
        if let Some(selector) = selector {
            all.retain(|parameters| selector.matches(&flattened(&parameters.values)));
        }
        if all.len() > Limit::Applications.value() {
            return Err(too_many(generator.place()));
        }
        Ok(all)
    }

    /// The declared parameters of a generator that needs the outside.
    fn samples(self, generator: &Node, kind: &str, place: Place) -> Result<Vec<Parameters>> {
        debug_assert!(OUTSIDE.contains(&kind), "{kind}");
        let samples = self.around.samples(self.set, kind).map_err(|unknown| {
            let reason =
                format!("a `{kind}` generator needs data from outside of the repository, and {}", unknown.reason);
            unknown.help.into_iter().fold(Failure::unavailable(reason, place), Failure::help)
        })?;
        let mut all = Vec::new();
        for (index, sample) in samples.iter().enumerate() {
            let Value::Map(values) = Value::of_node(sample) else {
                let label = format!("found {}", sample.describe());
                return Err(Failure::invalid("sample parameters must be a mapping", sample.place(), label));
            };
            values::append(generator, self.engine, &values)?;
            let origin = Origin { text: format!("sample {}", index + 1), place: sample.place() };
            all.push(Parameters { values, origins: vec![origin] });
        }
        Ok(all)
    }

    fn matrix(self, matrix: &Node) -> Result<Vec<Parameters>> {
        let entries = matrix.items_at(&["generators"]);
        let [first, second] = entries else {
            let label = format!("found {}", entries.len());
            return Err(Failure::invalid("a `matrix` requires two generators", matrix.place(), label)
                .help("nest a `matrix` in a `matrix` to combine more than two"));
        };
        let mut all = Vec::new();
        for outer in self.child(first, "matrix", None)? {
            for inner in self.child(second, "matrix", Some(&outer.values))? {
                all.push(combine::pair(matrix, self.engine, &outer, &inner)?);
                if all.len() > Limit::Applications.value() {
                    return Err(too_many(matrix.place()));
                }
            }
        }
        Ok(all)
    }

    fn merge(self, merge: &Node) -> Result<Vec<Parameters>> {
        let entries = merge.items_at(&["generators"]);
        if entries.len() < 2 {
            let label = format!("found {}", entries.len());
            return Err(Failure::invalid("a `merge` requires at least two generators", merge.place(), label));
        }
        let sets = entries.iter().map(|entry| self.child(entry, "merge", None)).collect::<Result<Vec<_>>>()?;
        combine::merge(merge, self.engine, sets)
    }

    /// The parameters of an entry in a `matrix` or a `merge`, which must have exactly one generator.
    fn child(self, entry: &Node, parent: &str, first: Option<&Map>) -> Result<Vec<Parameters>> {
        let mut kinds = kinds(entry);
        let (Some((kind, _)), None) = (kinds.next(), kinds.next()) else {
            let message = format!("an entry of a `{parent}` requires exactly one generator");
            return Err(Failure::invalid(message, entry.place(), ""));
        };
        self.parameters(entry, kind, first)
    }

    /// An entry rendered with parameters. In `values`, a text that needs other parameters stays as it is.
    fn interpolated(self, entry: &Node, values: &Map) -> Result<Node> {
        let Yaml::Mapping(parts) = &entry.value else { return self.engine.tree(entry, values) };
        let parts = parts.iter().filter(|(_, node)| !matches!(node.value, Yaml::Null)).map(|(key, node)| {
            let node = match key.name.as_str() {
                "list" => self.engine.tree(node, values)?,
                "matrix" | "merge" => self.nested(node, values)?,
                name if KINDS.contains(&name) => self.with_values(node, values)?,
                _ => self.engine.tree(node, values)?,
            };
            Ok((key.clone(), node))
        });
        let parts = parts.collect::<Result<Mapping<Node>>>()?;
        Ok(Node { value: Yaml::Mapping(parts), ..entry.clone() })
    }

    /// A `matrix` or `merge` with its generators rendered.
    fn nested(self, node: &Node, values: &Map) -> Result<Node> {
        let Yaml::Mapping(parts) = &node.value else { return Ok(node.clone()) };
        let parts = parts.iter().map(|(key, part)| {
            let part = match &part.value {
                Yaml::Sequence(entries) if key.name == "generators" => {
                    let entries = entries.iter().map(|entry| self.interpolated(entry, values));
                    Node { value: Yaml::Sequence(entries.collect::<Result<_>>()?), ..part.clone() }
                }
                _ => self.engine.tree(part, values)?,
            };
            Ok((key.clone(), part))
        });
        let parts = parts.collect::<Result<Mapping<Node>>>()?;
        Ok(Node { value: Yaml::Mapping(parts), ..node.clone() })
    }

    fn with_values(self, node: &Node, values: &Map) -> Result<Node> {
        let Yaml::Mapping(parts) = &node.value else { return Ok(node.clone()) };
        let own = |key: &Key| key.name == "values";
        let others: Mapping<Node> = parts.iter().filter(|(key, _)| !own(key)).cloned().collect();
        let rendered = self.engine.tree(&Node { value: Yaml::Mapping(others), ..node.clone() }, values)?;
        let Yaml::Mapping(mut rendered) = rendered.value else { return Ok(node.clone()) };
        if let Some((key, node)) = parts.iter().find(|(key, _)| own(key)) {
            let entries = node.entries().iter().map(|(name, value)| {
                let value = match value.as_str() {
                    Some(text) if !self.engine.strict().lacks_parameters(text, values) => {
                        let text = self.engine.strict().text(value, text, values)?;
                        Node { value: Yaml::String(text), ..value.clone() }
                    }
                    _ => value.clone(),
                };
                Ok((name.clone(), value))
            });
            let entries = entries.collect::<Result<Mapping<Node>>>()?;
            rendered.push((key.clone(), Node { value: Yaml::Mapping(entries), ..node.clone() }));
        }
        Ok(Node { value: Yaml::Mapping(rendered), ..node.clone() })
    }
}

fn too_many(place: Place) -> Failure {
    let limit = Limit::Applications;
    let reason = format!("the generator makes more than {} Applications; {}", limit.value(), limit.help());
    Failure::unavailable(reason, place)
}
