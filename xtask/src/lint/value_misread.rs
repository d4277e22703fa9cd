//! Unquoted values whose text YAML loses, although a string is meant: `tag: 1.10` renders `1.1`, and `mode: 0644` renders
//! `420`.
//!
//! Whether the text matters depends on the templates: `defaultMode: 0644` is right where an integer is rendered. So each
//! such value is quoted in a copy of the values, and the chart is rendered again. The text is lost if a rendered string
//! contains it only in the second render. Words such as `no`, and numbers such as `1e3` or `0.50`, may be meant as YAML
//! reads them: they need further evidence that a string is meant.
//!
//! Keys are strings, so a key that YAML reads as something else is always reported. Numbers in base 60 (`12:30:45`) are
//! strings in the YAML library that Helm uses, and are never reported.
//!
//! Values that violate a values.schema.json are reported by Helm.

mod compare;
mod scalar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ::helm::dependencies;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, Source};
use document::{Node, Value, yaml};
use kubernetes::manifest;
use kubernetes::object::place_without;
use serde_json::json;
use toolbox::parallel::parallel;
use toolbox::scratch;
use workspace::authored::{self, Authored, Origin};
use workspace::target::ChartTarget;

use self::compare::Loss;
use self::scalar::{Kind, Scalar};
use super::helm::Helm;
use crate::lint::subject::{ChartSubject, Rendered};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ValueMisread];

/// The maximum number of values that are tried for a target, each with a render of its own.
const MAX_TRIES: usize = 40;

/// Checks the values of every selected target of a chart.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let results = parallel(subject.helm.jobs, subject.rendered, |one| of_target(subject, one));
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeSet::new();
    for found in results.into_iter().flat_map(|found| found.0) {
        // A value in values.yaml is the same for all targets.
        let place = found.places.first().map(|(place, _)| place.to_string());
        if seen.insert((place, found.message.clone())) {
            diagnostics.push(found);
        }
    }
    diagnostics
}

fn of_target(subject: &ChartSubject<'_>, one: &Rendered<'_>) -> Diagnostics {
    let target = one.target;
    let values = authored::of_target(subject.helm.root, target);
    let mut found: Vec<Diagnostic> = values.iter().flat_map(keys).collect();
    let scalars: Vec<(usize, Scalar)> = values
        .iter()
        .enumerate()
        .flat_map(|(index, one)| scalar::all(&one.document.root).into_iter().map(move |scalar| (index, scalar)))
        .take(MAX_TRIES)
        .collect();
    if !scalars.is_empty() {
        let attempt = Attempt { helm: &subject.helm, target, directory: subject.directory, values: &values };
        let lines = subject.helm.cached(&cache_key(&scalars), &[target], || attempt.losses(one, &scalars));
        let mut lost = BTreeSet::new();
        for (index, loss) in lines.unwrap_or_default().iter().filter_map(|line| Loss::parse(line)) {
            let Some((of, scalar)) = scalars.get(index) else { continue };
            lost.insert(index);
            if is_string(target, &values, &values[*of], scalar, &loss) {
                found.push(finding(&values[*of], scalar, &loss).target(target.id));
            }
        }
        let padded = scalars.iter().enumerate().filter(|(index, _)| !lost.contains(index));
        let padded = padded.filter(|(_, (_, scalar))| scalar.is_padded_integer());
        found.extend(padded.map(|(_, (of, scalar))| padded_integer(&values[*of], scalar)));
    }
    Diagnostics(found)
}

/// The name of a result in the cache. Two values that YAML reads alike make no difference to the inputs of a target.
fn cache_key(scalars: &[(usize, Scalar)]) -> String {
    let texts: Vec<_> = scalars.iter().map(|(of, scalar)| json!([of, scalar.path, scalar.written])).collect();
    format!("value-misread {}", json!(texts))
}

/// Renders a target with quoted values.
struct Attempt<'a> {
    helm: &'a Helm<'a>,
    target: &'a ChartTarget<'a>,
    directory: &'a Path,
    values: &'a [Authored],
}

impl Attempt<'_> {
    /// The values whose text is lost, each as a line: the index and the first rendered string that loses it.
    fn losses(&self, one: &Rendered<'_>, scalars: &[(usize, Scalar)]) -> Result<Vec<String>> {
        let all: Vec<&(usize, Scalar)> = scalars.iter().collect();
        // Most of these values are right, which one render shows.
        if let Some(together) = self.render(&all)?
            && !compare::differ(one.manifests.all(), &together)
        {
            return Ok(Vec::new());
        }
        let mut lines = Vec::new();
        for (index, scalar) in scalars.iter().enumerate() {
            let Some(quoted) = self.render(&[scalar])? else { continue };
            if let Some(loss) = compare::loss(one.manifests.all(), &quoted, &scalar.1.written) {
                lines.push(loss.line(index));
            }
        }
        Ok(lines)
    }

    /// Renders the target with some values quoted. `None` if Helm or the chart rejects them, so that no strings are meant.
    fn render(&self, scalars: &[&(usize, Scalar)]) -> Result<Option<Vec<manifest::Manifest>>> {
        let folder = scratch::directory()?;
        let mut quoted: BTreeMap<usize, Vec<&Scalar>> = BTreeMap::new();
        for (of, scalar) in scalars {
            quoted.entry(*of).or_default().push(scalar);
        }
        let mut recipe = self.target.recipe.clone();
        let mut inline: Option<PathBuf> = None;
        // In reverse, because a copy of values.yaml moves the other value files.
        for (of, scalars) in quoted.into_iter().rev() {
            let path = folder.path().join(format!("{of}.yaml"));
            let text = scalar::quoted(&self.values[of].document.root, &scalars);
            std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error))?;
            match self.values[of].origin {
                // As the first value file, it has the precedence of values.yaml.
                Origin::Defaults => recipe.value_files.insert(0, path),
                Origin::File(index) => recipe.value_files[index] = path,
                Origin::Object | Origin::Text => inline = Some(path),
                Origin::Case => recipe.case_file = Some(path),
            }
        }
        let (output, _) = self.helm.run(self.target, self.directory, |own| recipe.args(inline.as_deref().or(own)))?;
        if !output.success() {
            return Ok(None);
        }
        Ok(manifest::read(&output.stdout, &recipe.namespace).ok())
    }
}

/// Whether the text of a value that is lost matters.
fn is_string(target: &ChartTarget<'_>, values: &[Authored], own: &Authored, scalar: &Scalar, loss: &Loss) -> bool {
    let default = default(target, &scalar.path);
    let others = values.iter().filter(|one| one.origin != own.origin);
    let others = others.filter_map(|one| descend(&one.document.root, &scalar.path)).chain(&default);
    match scalar.kind {
        Kind::Digits => true,
        Kind::Number => {
            let text = |node: &Node| node.as_str().is_some_and(|text| !text.is_empty() && text.parse::<f64>().is_err());
            loss.version || scalar.is_version() || others.into_iter().any(text)
        }
        Kind::Word => {
            let (strings, booleans): (Vec<&Node>, Vec<&Node>) = others
                .filter(|node| matches!(node.value, Value::String(_) | Value::Bool(_)))
                .partition(|node| node.as_str().is_some());
            booleans.is_empty() && (loss.whole || !strings.is_empty())
        }
    }
}

/// The default of a value in a dependency.
fn default(target: &ChartTarget<'_>, path: &[String]) -> Option<Node> {
    let (first, inner) = path.split_first()?;
    let chart = &target.chart;
    let found = dependencies::nested(&chart.directory, first).filter(|found| found.path == [first.clone()])?;
    let text = std::str::from_utf8(found.files.get("values.yaml")?).ok()?;
    let root = yaml::parse_one(&Source::new("values.yaml", text)).ok()?.root;
    descend(&root, inner).cloned()
}

fn descend<'n>(root: &'n Node, path: &[String]) -> Option<&'n Node> {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    root.find(&steps)
}

fn finding(values: &Authored, scalar: &Scalar, loss: &Loss) -> Diagnostic {
    let Scalar { written, read, .. } = scalar;
    let message = format!("YAML reads the unquoted `{written}` of `{}` as {read}", scalar.name());
    let place = values.in_file(Place::new(&scalar.source, scalar.span.clone()));
    let found = Diagnostic::new(Code::ValueMisread, message);
    let found = if loss.secret {
        let hidden = place.span.clone().unwrap_or_default();
        found.at(place_without(&place.source, hidden.clone(), std::slice::from_ref(&hidden)), "")
    } else {
        found
            .at(place, "")
            .note(format!("renders `{}` in {}", loss.rendered, loss.at))
            .fact(Fact::Line(loss.rendered.clone()))
    };
    let quote = format!("quote it: `{}`", scalar.assigned());
    found.help(if scalar.kind == Kind::Word { format!("{quote}, or write `{read}`") } else { quote })
}

/// An integer with a leading zero, which is octal if it can be.
fn padded_integer(values: &Authored, scalar: &Scalar) -> Diagnostic {
    let Scalar { written, read, .. } = scalar;
    let message = format!("YAML reads the unquoted `{written}` of `{}` as {read}", scalar.name());
    let place = values.in_file(Place::new(&scalar.source, scalar.span.clone()));
    let octal = written.bytes().all(|c| (b'0'..=b'7').contains(&c));
    let label = if octal { "a leading zero means octal" } else { "the leading zero is lost" };
    let decimal = written.trim_start_matches('0');
    let found = Diagnostic::new(Code::ValueMisread, message).at(place, label);
    found.help(format!("write `{decimal}`, or quote it if it is not a number"))
}

/// Keys that YAML does not read as they are written.
fn keys(values: &Authored) -> Vec<Diagnostic> {
    let keys = scalar::keys(&values.document.root);
    let finding = |key: scalar::MisreadKey| {
        let message = format!("YAML reads the unquoted key `{}` as `{}`", key.written, key.read);
        Diagnostic::new(Code::ValueMisread, message)
            .at(values.in_file(Place::new(&key.source, key.span)), "")
            .help(format!("quote it: `\"{}\":`", key.written))
    };
    keys.into_iter().map(finding).collect()
}
