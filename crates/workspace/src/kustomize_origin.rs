//! Which line of a file that a kustomization reads a field of a rendered object comes from.
//!
//! Kustomize writes every object again, so that nothing connects its output with its input but what is in both: an object
//! with the same kind and name that has the same value at the same path. What kustomize changes has no such place, except
//! for the images that a kustomization replaces.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use diagnostics::{Place, Source};
use document::yaml::{self, Document};
use document::{Node, Value};
use toolbox::source;

use crate::target::{Part, Target};

/// The files that the kustomizations of a target read.
#[derive(Debug)]
pub struct KustomizeOrigin {
    files: Vec<Arc<Source>>,
    /// The objects in these files by kind, parsed for the first place.
    objects: OnceLock<HashMap<String, Vec<Document>>>,
    /// The contents of the kustomizations.
    kustomizations: Vec<Node>,
    /// The goldens that were parsed, by name.
    goldens: Mutex<HashMap<String, Arc<Vec<Document>>>>,
}

/// A field of a rendered object.
struct Field<'a> {
    kind: &'a str,
    name: &'a str,
    path: Vec<String>,
    /// The names of the items of lists on the path, by their position in it.
    items: HashMap<usize, String>,
    /// The text of a scalar; `None` for a key, or another value.
    text: Option<String>,
    /// Whether the place is that of the key.
    is_key: bool,
}

impl KustomizeOrigin {
    /// Reads the files of a target in the checkout; `None` if it has no kustomization there.
    #[must_use]
    pub fn of(root: &Path, target: &Target<'_>) -> Option<Self> {
        let sources = target.parts.iter().filter_map(|part| match part {
            Part::Kustomize(part) => Some(part.source),
            _ => None,
        });
        let (mut files, mut kustomizations) = (Vec::new(), Vec::new());
        for source in sources {
            let read = source.inspection.files.iter().filter(|file| is_yaml(file));
            files.extend(read.filter_map(|file| source::read(root, file).ok()));
            kustomizations.extend(source.inspection.kustomizations.iter().map(|one| one.root.clone()));
        }
        (!kustomizations.is_empty()).then(|| Self {
            files,
            objects: OnceLock::new(),
            kustomizations,
            goldens: Mutex::default(),
        })
    }

    /// Where the author of a place in a golden can change it.
    #[must_use]
    pub fn author(&self, golden: &Place) -> Option<Place> {
        let at = golden.span.as_ref()?.start;
        let documents = self.golden(&golden.source);
        let object = documents.iter().map(|document| &document.root).find(|root| root.span.contains(&at))?;
        let field = field(object, at)?;
        self.field(&field).or_else(|| self.image(&field))
    }

    /// The documents of a golden; none if it cannot be parsed.
    fn golden(&self, source: &Arc<Source>) -> Arc<Vec<Document>> {
        let mut known = self.goldens.lock().unwrap_or_else(PoisonError::into_inner);
        let parse = || Arc::new(yaml::parse(source).unwrap_or_default());
        Arc::clone(known.entry(source.name.clone()).or_insert_with(parse))
    }

    /// The objects of a kind in the files.
    fn of_kind(&self, kind: &str) -> &[Document] {
        let objects = self.objects.get_or_init(|| {
            let mut objects: HashMap<String, Vec<Document>> = HashMap::new();
            for document in self.files.iter().filter_map(|file| yaml::parse(file).ok()).flatten() {
                if let Some(kind) = document.root.get("kind").and_then(Node::as_str) {
                    objects.entry(kind.to_owned()).or_default().push(document);
                }
            }
            objects
        });
        objects.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    fn field(&self, field: &Field<'_>) -> Option<Place> {
        let mut found: Vec<(bool, usize, Place)> = Vec::new();
        for document in self.of_kind(field.kind) {
            let root = &document.root;
            let name = root.find(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
            let is_prefixed = !name.is_empty() && (field.name.starts_with(name) || field.name.ends_with(name));
            if is_prefixed && let Some(place) = within(root, &field.path, field) {
                found.push((name == field.name, root.span.len(), place));
            }
        }
        let exact = found.iter().any(|(exact, ..)| *exact);
        let found = found.into_iter().filter(|(same, ..)| *same == exact);
        // A patch with the value replaces that of the resource, and keys are complete in the resource.
        let nearest =
            if field.is_key { found.max_by_key(|(_, size, _)| *size) } else { found.min_by_key(|(_, size, _)| *size) };
        nearest.map(|(.., place)| place)
    }

    /// The entry of `images` that makes an image what it is.
    fn image(&self, field: &Field<'_>) -> Option<Place> {
        let rendered = field.text.as_deref().filter(|_| field.path.last().is_some_and(|key| key == "image"))?;
        let images = self.kustomizations.iter().flat_map(|one| one.items_at(&["images"]));
        images.into_iter().find_map(|entry| {
            let text = |key: &str| entry.get(key).map(|node| node.as_str().or(node.as_number()).unwrap_or_default());
            let rest = rendered.strip_prefix(text("newName").or(text("name"))?)?;
            let key = match (rest.strip_prefix(':'), rest.strip_prefix('@')) {
                (Some(tag), _) => (text("newTag") == Some(tag)).then_some("newTag")?,
                (_, Some(digest)) => (text("digest") == Some(digest)).then_some("digest")?,
                _ => rest.is_empty().then_some("newName")?,
            };
            Some(entry.get(key)?.place())
        })
    }
}

fn is_yaml(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// The path of the innermost node that contains a byte, the node, and whether the byte is in its key.
fn walk(object: &Node, at: usize) -> (Vec<String>, HashMap<usize, String>, &Node, bool) {
    let (mut path, mut names, mut node) = (Vec::new(), HashMap::new(), object);
    loop {
        let mut entries = node.entries().iter();
        let mut items = node.items().iter().enumerate();
        if let Some((key, value)) = entries.find(|(key, value)| key.span.contains(&at) || value.span.contains(&at)) {
            path.push(key.name.clone());
            node = value;
            if key.span.contains(&at) {
                return (path, names, node, true);
            }
        } else if let Some((index, item)) = items.find(|(_, item)| item.span.contains(&at)) {
            if let Some(name) = item.get("name").and_then(Node::as_str) {
                names.insert(path.len(), name.to_owned());
            }
            path.push(index.to_string());
            node = item;
        } else {
            return (path, names, node, false);
        }
    }
}

/// The field of an object whose key or value contains a byte.
fn field(object: &Node, at: usize) -> Option<Field<'_>> {
    let text = |path: &[&str]| object.find(path).and_then(Node::as_str);
    let (kind, name) = (text(&["kind"])?, text(&["metadata", "name"])?);
    let (path, items, node, is_key) = walk(object, at);
    let text = if is_key { None } else { scalar(node) };
    (!path.is_empty()).then_some(Field { kind, name, path, items, text, is_key })
}

/// The place of a field below a node that has the same value there. An item may be at another index, if only one fits.
fn within(node: &Node, path: &[String], field: &Field<'_>) -> Option<Place> {
    let Some((step, rest)) = path.split_first() else {
        return (scalar(node) == field.text).then(|| node.place());
    };
    match &node.value {
        Value::Sequence(items) => {
            // An item that kustomize adds to a list moves the others.
            let at = field.path.len() - path.len();
            if let Some(name) = field.items.get(&at)
                && items.iter().any(|item| item.get("name").is_some())
            {
                let mut named = items.iter().filter(|item| item.get("name").and_then(Node::as_str) == Some(name));
                return within(named.next().filter(|_| named.next().is_none())?, rest, field);
            }
            let same = step.parse::<usize>().ok().and_then(|index| within(items.get(index)?, rest, field));
            same.or_else(|| {
                let mut fitting = items.iter().filter_map(|item| within(item, rest, field));
                fitting.next().filter(|_| fitting.next().is_none() && field.text.is_some())
            })
        }
        _ if rest.is_empty() && field.is_key => node.get(step).map(|_| node.key_place(step)),
        _ => within(node.get(step)?, rest, field),
    }
}

/// The text of a scalar.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Mapping(_) | Value::Sequence(_) => None,
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(text) | Value::String(text) => Some(text.clone()),
    }
}
