//! Entries of `images` and targets of `patches` that match nothing. Kustomize ignores both.
//!
//! Compares with what the files of the build contain, and with what it renders, whatever the level at which the entry is. A
//! component may be for several kustomizations, each with some of its resources, so its entries are only reported if they are
//! most likely misspelled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, did_you_mean, nearest};
use document::{Node, Value, yaml};
use kubernetes::object::Object;
use kustomize::inspect::clean;
use kustomize::kustomization::{Kustomization, Role, get};
use toolbox::source;
use workspace::kustomized::KustomizeSource;
use workspace::target::{DEFAULT_CASE, Part, Target};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::KustomizeUnmatched];

/// The most names with which a misspelled one is compared.
const MOST: usize = 1_000;

/// How many names a help names.
const NAMED: usize = 4;

/// Checks the kustomizations of all targets, each once.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut found: BTreeMap<(String, usize), (usize, Diagnostic)> = BTreeMap::new();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    let is_default = |target: &&&Target<'_>| target.id.case == DEFAULT_CASE;
    for target in subject.targets.iter().filter(is_default) {
        let id = target.id.to_string();
        if !subject.rendered.contains(&id) {
            continue;
        }
        for part in &target.parts {
            let Part::Kustomize(part) = part else { continue };
            let source = part.source;
            // What a build downloads, generates, or inflates is only known as it is rendered.
            if source.inspection.exceeded.is_some() || !source.inspection.programs.is_empty() {
                continue;
            }
            let known = Known::new(&subject.workspace.root, source, subject.by_target.of(&id));
            for one in &source.inspection.kustomizations {
                *uses.entry(one.source.name.clone()).or_default() += 1;
                for (place, diagnostic) in known.check(one) {
                    let key = (place.source.name.clone(), place.span.map_or(0, |span| span.start));
                    found.entry(key).or_insert_with(|| (0, diagnostic.target(&id))).0 += 1;
                }
            }
            for (place, diagnostic) in known.options(source) {
                let key = (place.source.name.clone(), place.span.map_or(0, |span| span.start));
                found.entry(key).or_insert_with(|| (0, diagnostic.target(&id))).0 += 1;
            }
        }
    }
    // An entry of a base that matches in the build of another Application has an effect.
    let everywhere = |file: &String, times: usize| uses.get(file).is_none_or(|uses| *uses <= times);
    let found = found.into_iter().filter(|((file, _), (times, _))| everywhere(file, *times));
    Diagnostics(found.map(|(_, (_, diagnostic))| diagnostic).collect())
}

/// What a build contains.
struct Known {
    /// The names of images, without tags and digests.
    images: BTreeSet<String>,
    /// The names of objects by kind.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Whether all images are known before kustomize changes them.
    complete: bool,
    /// Whether kustomize changes names.
    renames: bool,
}

impl Known {
    fn new(root: &Path, source: &KustomizeSource, objects: &[Object]) -> Self {
        let inspection = &source.inspection;
        let complete = inspection.charts.is_empty() && source.remotes.is_empty() && inspection.functions.is_empty();
        let prefixed =
            |one: &Kustomization| ["namePrefix", "nameSuffix"].iter().any(|key| get(&one.root, key).is_some());
        let options = &source.options;
        let renames = !options.name_prefix.is_empty()
            || !options.name_suffix.is_empty()
            || inspection.kustomizations.iter().any(prefixed);
        let mut known = Self { images: BTreeSet::new(), names: BTreeMap::new(), complete, renames };
        let patches = patches(root, source);
        for file in inspection.files.iter().filter(|file| !patches.contains(&clean(&root.join(file)))) {
            let is_yaml = file.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
            let Some(text) = is_yaml.then(|| source::read(root, file).ok()).flatten() else { continue };
            for document in yaml::parse(&text).unwrap_or_default() {
                known.add(&document.root);
            }
        }
        for object in objects {
            known.add(&object.root);
        }
        for one in &inspection.kustomizations {
            for (key, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
                for name in items(&one.root, key).iter().filter_map(|item| get(item, "name")?.as_str()) {
                    known.names.entry(kind.to_owned()).or_default().insert(name.to_owned());
                }
            }
            // An image that one entry renames may be the one that another entry changes.
            let new_names = items(&one.root, "images").iter().filter_map(|item| get(item, "newName")?.as_str());
            known.images.extend(new_names.map(without_tag));
        }
        known
    }

    /// Adds an object, or the objects of a list.
    fn add(&mut self, root: &Node) {
        for item in root.items_at(&["items"]) {
            self.add(item);
        }
        add_images(root, &mut self.images);
        let text = |path: &[&str]| root.find(path).and_then(Node::as_str);
        if let (Some(kind), Some(name)) = (text(&["kind"]), text(&["metadata", "name"])) {
            self.names.entry(kind.to_owned()).or_default().insert(name.to_owned());
        }
    }

    fn check(&self, one: &Kustomization) -> Vec<(Place, Diagnostic)> {
        let component = get(&one.root, "kind").and_then(Node::as_str) == Some("Component");
        let images = items(&one.root, "images").iter().filter_map(|entry| {
            let node = get(entry, "name")?;
            let name = node.as_str()?;
            if self.images.contains(name) || !(self.complete || get(entry, "newName").is_none()) {
                return None;
            }
            self.image(name, node.place(), component)
        });
        let patches = ["patches", "patchesJson6902"].into_iter().flat_map(|key| items(&one.root, key));
        images.chain(patches.filter_map(|entry| self.patch(entry, component))).collect()
    }

    /// The entries of `images` in the Application, `[name=]image[:tag|@digest]`.
    fn options(&self, source: &KustomizeSource) -> Vec<(Place, Diagnostic)> {
        let images = source.options.images.iter().filter_map(|(text, place)| {
            let (name, renamed) = match text.split_once('=') {
                Some((name, _)) => (name, true),
                None => (text.as_str(), false),
            };
            let name = without_tag(name);
            if text.contains('$') || self.images.contains(&name) || renamed && !self.complete {
                return None;
            }
            self.image(&name, place.clone(), false)
        });
        images.collect()
    }

    fn image(&self, name: &str, place: Place, component: bool) -> Option<(Place, Diagnostic)> {
        // kustomize reads the name as a regular expression.
        if name.is_empty() || name.contains(['*', '+', '(', '[', '|', '^', '$', '\\']) {
            return None;
        }
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let same = self.images.iter().take(MOST).find(|other| last(other) == last(name)).map(String::as_str);
        let near = same.or_else(|| nearest(name, self.images.iter().take(MOST).map(String::as_str)));
        if component && near.is_none() {
            return None;
        }
        let message = format!("no resource has the image `{name}`");
        let found = Diagnostic::new(Code::KustomizeUnmatched, message).at(place.clone(), "the entry has no effect");
        let names: Vec<&str> = self.images.iter().take(NAMED).map(String::as_str).collect();
        Some((place, with_help(found, near, &names)))
    }

    fn patch(&self, entry: &Node, component: bool) -> Option<(Place, Diagnostic)> {
        let target = get(entry, "target")?;
        let text = |key: &str| get(target, key).and_then(Node::as_str).filter(|text| !text.is_empty());
        let kind = text("kind").filter(|kind| kind.chars().all(|c| c.is_ascii_alphanumeric()))?;
        let deletes =
            |node: &Node| node.as_str().is_some_and(|text| text.contains("$patch") || text.contains("op: remove"));
        // What a patch deletes is not rendered.
        if !self.complete && entry.entries().iter().any(|(_, value)| deletes(value)) {
            return None;
        }
        let (node, near, names, message): (_, _, Vec<&str>, _) = match (self.names.get(kind), text("name")) {
            (None, _) => {
                let kinds = || self.names.keys().map(String::as_str);
                let near = nearest(kind, kinds());
                (
                    get(target, "kind")?,
                    near,
                    kinds().take(NAMED).collect(),
                    format!("no resource has the kind `{kind}`"),
                )
            }
            (Some(names), Some(name)) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') => {
                // Prefixes and suffixes are added after some of the patches.
                let renamed = |other: &String| self.renames && (other.contains(name) || name.contains(other.as_str()));
                if names.contains(name) || names.iter().any(renamed) {
                    return None;
                }
                let near = nearest(name, names.iter().take(MOST).map(String::as_str));
                let message = format!("no {kind} has the name `{name}`");
                (get(target, "name")?, near, names.iter().take(NAMED).map(String::as_str).collect(), message)
            }
            _ => return None,
        };
        if component && near.is_none() {
            return None;
        }
        let found = Diagnostic::new(Code::KustomizeUnmatched, message).at(node.place(), "the patch has no effect");
        Some((node.place(), with_help(found, near, &names)))
    }
}

fn with_help(found: Diagnostic, near: Option<&str>, names: &[&str]) -> Diagnostic {
    match near {
        Some(near) => found.help(did_you_mean(near)),
        None if names.is_empty() => found.help("delete the entry"),
        None => {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            found.help(format!("use one of those in the resources, such as {}, or delete the entry", quoted.join(", ")))
        }
    }
}

/// The files that are patches, whose names are not those of resources.
fn patches(root: &Path, source: &KustomizeSource) -> BTreeSet<PathBuf> {
    let references = source.inspection.kustomizations.iter().flat_map(|one| {
        let files = one.references().into_iter().filter(|reference| matches!(reference.role, Role::File));
        files.map(|reference| clean(&root.join(&one.directory).join(&reference.text)))
    });
    references.collect()
}

/// The items of a list, whatever the case of its key.
fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    get(node, key).map(Node::items).unwrap_or_default()
}

/// Adds the names of all images below a node.
fn add_images(node: &Node, images: &mut BTreeSet<String>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                match value.as_str().filter(|_| key.name.to_ascii_lowercase().contains("image")) {
                    Some(text) => drop(images.insert(without_tag(text))),
                    None => add_images(value, images),
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| add_images(item, images)),
        _ => {}
    }
}

/// The name of an image without its tag and digest.
fn without_tag(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let folder = image.rfind('/').map_or(0, |at| at + 1);
    let end = image[folder..].find(':').map_or(image.len(), |at| folder + at);
    image[..end].to_owned()
}
