//! Values that are set but that no template reads, and values that templates read but nothing defines.
//!
//! Both are usually misspelled. A value is reported only if nothing can read it: no template of the chart or of a
//! dependency, directly, through another name, or as a part of a larger value; and if no schema and no default of a
//! dependency has its key. A field is reported only if its map is defined and not open, and if its name is similar to one
//! that is defined there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::helm::chart::Chart;
use ::helm::dependencies::ChartTree;
use ::helm::usage::{Undefined, Usage};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, did_you_mean, edit_distance, nearest};
use document::{Node, Value};
use workspace::authored::{self, Authored, Origin};
use workspace::target::ChartTarget;

use crate::lint::scenario_values;
use crate::lint::subject::ChartSubject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ValueUndefined, Code::ValueUnknown];

/// The maximum number of findings about the values of a chart.
const MAX_FOUND: usize = 100;

/// The maximum number of keys of a map among which a similar one is searched.
const MAX_KEYS: usize = 2000;

/// Checks the values of all targets of a chart, and its templates.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    found(subject).unwrap_or_else(|found| found)
}

fn found(subject: &ChartSubject<'_>) -> Result<Diagnostics> {
    let root = subject.helm.root;
    let tree = ChartTree::read(root, &subject.chart.directory, subject.directory)?;
    let mut all = values(root, subject.chart, subject.cases.iter().copied());
    let mut files: Vec<_> = scenario_values::uses(subject).into_iter().map(|one| one.file).collect();
    files.sort();
    files.dedup();
    let scenarios: Vec<(Option<String>, Authored)> =
        files.into_iter().filter_map(|file| Some((None, authored::file(root, file, Origin::Case)?))).collect();
    all.extend(scenarios.iter().cloned());
    let nodes: Vec<&Node> = all.iter().map(|(_, values)| &values.document.root).collect();
    let usage = Usage::new(&tree, &nodes);
    let mut found = Diagnostics::default();
    if !usage.is_complete() {
        return Ok(found);
    }
    let parameters: Vec<Vec<String>> =
        subject.cases.iter().flat_map(|target| parameters(target)).map(|(path, _)| path).collect();
    let undefined_fields = usage.undefined(&nodes, &parameters);
    let targets: Vec<&ChartTarget<'_>> = subject.rendered.iter().map(|one| one.target).collect();
    let mut unread = Unread {
        chart: subject.chart,
        usage: &usage,
        reported: BTreeSet::new(),
        found: Vec::new(),
        near: BTreeMap::new(),
    };
    for (target, values) in values(root, subject.chart, targets.iter().copied()) {
        unread.tree(target.as_deref(), &values);
    }
    for (_, values) in &scenarios {
        unread.tree(None, values);
    }
    for target in &targets {
        unread.parameters(target);
    }
    let mut unread = unread.found;
    let reported: Vec<_> = undefined_fields
        .iter()
        .filter_map(|one| Some((one, finding(one).or_else(|| counterpart(one, &unread))?)))
        .collect();
    let mut first_of: BTreeMap<&[String], usize> = BTreeMap::new();
    for (one, (diagnostic, near)) in &reported {
        // A value that several templates read is missing once.
        if let Some(at) = first_of.get(one.path).copied() {
            also_read(&mut found.0[at], diagnostic);
            continue;
        }
        let renamed = || {
            let others = reported.iter().map(|(other, _)| other.path).filter(|other| *other != one.path);
            let alone = only_in_its_map(one.path, others).is_none();
            only_in_its_map(one.path, unread.iter().map(|(path, _)| path.as_slice())).filter(|_| alone)
        };
        // The same misspelling, seen from the values: the spelling that occurs more often is right.
        let other = near.clone().or_else(|| renamed().map(<[String]>::to_vec));
        let counterpart = unread.iter().position(|(path, _)| Some(path) == other.as_ref());
        let Some((at, other)) = counterpart.zip(other) else {
            first_of.insert(one.path, found.0.len());
            found.push(diagnostic.clone());
            continue;
        };
        if count(&tree, other.last()) >= count(&tree, one.path.last()) {
            unread.remove(at);
            first_of.insert(one.path, found.0.len());
            let help = did_you_mean(other.join("."));
            found.push(diagnostic.clone().only_help(help));
        } else {
            let help = did_you_mean(one.path.last().map(String::as_str).unwrap_or_default());
            let found = &mut unread[at].1;
            *found = found.clone().only_help(help);
            unread[at].1.places.extend(diagnostic.places.first().map(|(place, _)| {
                (place.clone(), format!("reads `{}`, which no values file has", one.path.join(".")))
            }));
        }
    }
    found.0.extend(of_files(unread.into_iter().map(|(_, diagnostic)| diagnostic)));
    Ok(found)
}

/// The only one of some paths that is in the same map as another one.
fn only_in_its_map<'p>(path: &[String], paths: impl Iterator<Item = &'p [String]>) -> Option<&'p [String]> {
    let parent = path.split_last().map(|(_, parent)| parent).filter(|parent| !parent.is_empty())?;
    let mut same = paths.filter(|other| other.split_last().is_some_and(|(_, its)| its == parent));
    same.next().filter(|_| same.next().is_none())
}

/// How many places a finding about a value shows.
const MAX_PLACES: usize = 4;

/// Adds the place at which another template reads the same value.
fn also_read(first: &mut Diagnostic, other: &Diagnostic) {
    let is_new = |place: &Place| first.places.iter().all(|(one, _)| one != place);
    if let Some((place, _)) = other.places.first().filter(|(place, _)| first.places.len() < MAX_PLACES && is_new(place))
    {
        first.places.push((place.clone(), "also read here".to_owned()));
    }
}

/// With more values in one file that nothing reads, and that are like no other value, the file is reported instead of each of
/// them: it is that of another chart, or of another version.
const MANY: usize = 5;

/// How many values of a file a finding names.
const NAMED: usize = 8;

/// Findings about values that nothing reads, of which those about one file are one if they are many.
fn of_files(unread: impl Iterator<Item = Diagnostic>) -> Vec<Diagnostic> {
    let mut files: BTreeMap<(Option<String>, String), Vec<Diagnostic>> = BTreeMap::new();
    let mut found = Vec::new();
    for one in unread {
        let file = one.places.first().map(|(place, _)| place.source.name.clone());
        match file.filter(|_| one.suggested().next().is_none()) {
            Some(file) => files.entry((one.target.clone(), file)).or_default().push(one),
            None => found.push(one),
        }
    }
    for ((_, file), mut all) in files {
        if all.len() <= MANY {
            found.append(&mut all);
            continue;
        }
        let named = |one: &Diagnostic| one.value().map(|name| format!("`{name}`"));
        let others: Vec<String> = all.iter().skip(1).take(NAMED).filter_map(named).collect();
        let rest = all.len() - 1 - others.len();
        let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
        let mut first = all.swap_remove(0);
        first.facts.clear();
        first.message = format!("{} values in `{file}` have no effect", all.len() + 1);
        found.push(first.note(format!("the same with {}{more}", others.join(", "))));
    }
    found
}

/// How often a name occurs as a whole word in the files of a chart.
fn count(tree: &ChartTree, name: Option<&String>) -> usize {
    let (Some(own), Some(name)) = (tree.0.first(), name) else { return 0 };
    let texts = own.files.values().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let word = |c: char| c.is_alphanumeric() || c == '_';
    texts.flat_map(|text| text.split(move |c| !word(c))).filter(|one| one == name).count()
}

/// The values of a chart and of targets, each file once, with a target that uses it.
fn values<'a>(
    root: &Path,
    chart: &Chart,
    targets: impl Iterator<Item = &'a ChartTarget<'a>>,
) -> Vec<(Option<String>, Authored)> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let own = authored::file(root, chart.directory.join("values.yaml"), Origin::Defaults);
    let mut all: Vec<(Option<String>, Authored)> = own.into_iter().map(|one| (None, one)).collect();
    for target in targets {
        for values in authored::of_target(root, target) {
            let key = match &values.path {
                Some(path) => path.display().to_string(),
                None => target.id.app.clone(),
            };
            if values.origin != Origin::Defaults && seen.insert(key) {
                let of_application = values.path.is_none().then(|| target.id.app.clone());
                all.push((of_application, values));
            }
        }
    }
    all
}

/// The parameters of a target: the path of the value, and the place.
fn parameters(target: &ChartTarget<'_>) -> Vec<(Vec<String>, Place)> {
    let options = &target.options;
    let named = options.parameters.iter().map(|parameter| (&parameter.name, &parameter.place));
    let files = options.file_parameters.iter().map(|parameter| (&parameter.name, &parameter.place));
    named.chain(files).filter_map(|(name, place)| Some((path(name)?, place.clone()))).collect()
}

/// The path that a parameter's name stands for in Helm: `a.b\.c[0]`.
fn path(name: &str) -> Option<Vec<String>> {
    let mut steps = vec![String::new()];
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        let last = steps.last_mut()?;
        match c {
            '\\' => last.extend(chars.next()),
            '.' | '[' => steps.push(String::new()),
            ']' => {}
            // Several values in one name.
            ',' | '{' | '=' => return None,
            c => last.push(c),
        }
    }
    Some(steps).filter(|steps| steps.iter().all(|step| !step.is_empty()))
}

/// Looks for values that nothing reads.
struct Unread<'a> {
    chart: &'a Chart,
    usage: &'a Usage,
    /// The values that are already reported for a file.
    reported: BTreeSet<Vec<String>>,
    found: Vec<(Vec<String>, Diagnostic)>,
    /// The keys below a path that may be meant instead.
    near: BTreeMap<Vec<String>, BTreeSet<String>>,
}

impl Unread<'_> {
    fn tree(&mut self, application: Option<&str>, values: &Authored) {
        self.node(application, values, &values.document.root, &mut Vec::new());
    }

    fn node(&mut self, application: Option<&str>, values: &Authored, node: &Node, path: &mut Vec<String>) {
        for (key, value) in node.entries() {
            path.push(key.name.clone());
            // A null removes a default. An anchor is for another place.
            let ignored = matches!(value.value, Value::Null)
                || values.document.aliases && has_anchor(node, key.span.end, value)
                || path.len() == 1 && is_added_by_sops(&key.name, value);
            if !ignored && !self.usage.knows(path) {
                self.report(path, values.key_place(node, key), application);
            } else if !ignored && !self.usage.knows_whole(path) {
                self.node(application, values, value, path);
            }
            path.pop();
        }
        for (index, item) in node.items().iter().enumerate() {
            path.push(index.to_string());
            self.node(application, values, item, path);
            path.pop();
        }
    }

    fn parameters(&mut self, target: &ChartTarget<'_>) {
        for (path, place) in parameters(target) {
            if let Some(end) = (1..=path.len()).find(|end| !self.usage.knows(&path[..*end])) {
                self.report(&path[..end], place, Some(&target.id.app));
            }
        }
    }

    fn report(&mut self, path: &[String], place: Place, application: Option<&str>) {
        if self.found.len() >= MAX_FOUND || !self.reported.insert(path.to_vec()) {
            return;
        }
        let Some((key, parent)) = path.split_last() else { return };
        let name = path.join(".");
        let label = match self.usage.dependency(path) {
            Some(dependency) => format!("no template of the dependency `{dependency}` reads it"),
            None => "no template reads it".to_owned(),
        };
        // A map with very many keys is data, in which names are similar by chance.
        let keys = self.near.entry(parent.to_vec()).or_insert_with(|| {
            let keys = self.usage.keys(parent);
            if keys.len() <= MAX_KEYS { keys } else { BTreeSet::new() }
        });
        let found = Diagnostic::new(Code::ValueUnknown, format!("value `{name}` has no effect")).at(place, label);
        let found = found.fact(Fact::Value(name.clone()));
        let found = match application {
            Some(application) => found.target(application),
            None => found,
        };
        let usage = self.usage;
        // A value that nothing reads either is not meant.
        let is_read = |near: &&str| *near != key && usage.knows(&[parent, &[(*near).to_owned()]].concat());
        let near = nearest(key, keys.iter().map(String::as_str).filter(is_read));
        // Charts that are added later may read what all charts share.
        if near.is_none() && path.iter().any(|step| step == "global") {
            return;
        }
        let found = match near {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help(format!("remove it, or read it in a template of `{}`", self.chart.path)),
        };
        self.found.push((path.to_vec(), found));
    }
}

/// Whether an entry is what SOPS adds to a file that it encrypts, and removes when it decrypts the file.
fn is_added_by_sops(key: &str, value: &Node) -> bool {
    key == "sops" && value.get("version").is_some()
}

/// Whether a value has an anchor, or contains one.
fn has_anchor(node: &Node, from: usize, value: &Node) -> bool {
    node.source.text.get(from..value.span.end.max(from)).is_some_and(|text| text.contains('&'))
}

/// A field that nothing defines, if its name is similar to one that is defined, or if it is always rendered; and the
/// similar one.
fn finding(found: &Undefined<'_>) -> Option<(Diagnostic, Option<Vec<String>>)> {
    let (key, parent) = found.path.split_last()?;
    let near = nearest(key, found.keys.iter().map(String::as_str)).filter(|near| similar(key, near));
    let reported = match near {
        Some(near) => !found.guarded || plain(key) == plain(near),
        None => !found.guarded && !found.field.conditional,
    };
    if !reported {
        return None;
    }
    let near: Option<Vec<String>> = near.map(|near| parent.iter().cloned().chain([near.to_owned()]).collect());
    let help = match &near {
        Some(near) => did_you_mean(near.join(".")),
        None => "define it in values.yaml, or replace it with `default`".into(),
    };
    Some((undefined(found).help(help), near))
}

fn undefined(found: &Undefined<'_>) -> Diagnostic {
    let name: Vec<&str> = std::iter::once("Values").chain(found.path.iter().map(String::as_str)).collect();
    Diagnostic::new(Code::ValueUndefined, format!("`.{}` is not defined", name.join(".")))
        .at(Place::new(found.source, found.field.span.clone()), "no values file has this key")
}

/// A field that nothing defines, and a value beside it that nothing reads and whose name begins with, or continues, its own:
/// the two are most likely one.
fn counterpart(
    found: &Undefined<'_>,
    unread: &[(Vec<String>, Diagnostic)],
) -> Option<(Diagnostic, Option<Vec<String>>)> {
    let (key, parent) = found.path.split_last()?;
    let is_meant = |other: &str| {
        let (one, other) = (plain(key), plain(other));
        one.len().min(other.len()) >= 4 && (one.starts_with(&other) || other.starts_with(&one))
    };
    let mut meant = unread
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.split_last().is_some_and(|(other, its)| its == parent && is_meant(other)));
    let meant = meant.next().filter(|_| meant.next().is_none())?;
    Some((undefined(found).help(format!("did you mean `{}`?", meant.join("."))), Some(meant.clone())))
}

/// A name without what people spell differently.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

/// Whether two names are too similar for two values.
fn similar(one: &str, two: &str) -> bool {
    let (one, two) = (plain(one), plain(two));
    let distance = edit_distance(&one, &two);
    let length = one.len().min(two.len());
    distance == 0 || distance == 1 && length >= 4 || distance == 2 && length >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_paths() {
        assert_eq!(path("a.b\\.c[0].d"), Some(vec!["a".into(), "b.c".into(), "0".into(), "d".into()]));
        assert_eq!(path("a..b"), None);
    }

    #[test]
    fn only_nearly_equal_names_are_similar() {
        assert!(
            similar("pullpolicy", "pullPolicy")
                && similar("anotations", "annotations")
                && similar("replica", "replicas")
        );
        assert!(!similar("host", "port") && !similar("tls", "tags"));
    }
}
