//! Splits Helm's output into manifests and identifies the object in each.
//!
//! Splitting is textual, like the Kubernetes YAML reader that Argo CD uses, and preserves the text of each object. YAML is
//! parsed only to identify objects, since re-emitting it with a library could change its meaning.
//!
//! Pure. Does not validate objects.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, Source};
use document::yaml::{self, Document};
use document::{Node, Value};

use crate::secret_values::{self, SecretValue};

pub use pieces::{Piece, split};

mod pieces;

/// Stands for the part of a name that the API server generates. No name contains it.
pub const ANY: &str = "*";

/// The identity of an object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; defaults to that of the release, where Argo CD would create the object.
    pub namespace: String,
    /// The name. For an object with `generateName`, the prefix and [`ANY`], from the second one of a target on with its number;
    /// for a List, its template and index.
    pub name: String,
}

/// An object or a List, as rendered by Helm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The identity of the object.
    pub key: ObjectKey,
    /// Whether the object sets `metadata.namespace`.
    pub explicit_namespace: bool,
    /// The template that rendered it, as named by Helm: `<chart>/templates/<file>`.
    pub template: String,
    /// The text, starting at the `# Source:` line and ending with one line break.
    pub text: String,
    /// The identities of the items, if this is a List.
    pub items: Option<Vec<ObjectKey>>,
    /// The templates that rendered the object before, in their order. Argo CD does not apply these renders.
    pub replaced: Vec<String>,
    /// The ranges of `text` with values of Secrets, or all of it if they cannot be located.
    pub secrets: Vec<SecretValue>,
    /// The document in `text`, while it is at hand.
    pub(crate) parsed: Parsed,
}

/// A document that was parsed to read a manifest, so that nobody has to parse it again. A render keeps only the text, which
/// needs a fraction of the memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parsed(Option<Arc<Document>>);

/// The text decides.
impl PartialEq for Parsed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Parsed {}

/// A manifest and the name of its golden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The file name in the target's folder.
    pub file: String,
    /// The object.
    pub manifest: Manifest,
}

impl Manifest {
    /// Kind and name as shown in messages: `Service postfix/relay`, or `ClusterRole reader` without a namespace.
    #[must_use]
    pub fn title(&self) -> String {
        let ObjectKey { kind, namespace, name, .. } = &self.key;
        if self.explicit_namespace { format!("{kind} {namespace}/{name}") } else { format!("{kind} {name}") }
    }

    /// The document in its text; `None` if it cannot be parsed.
    #[must_use]
    pub fn document(&self) -> Option<Arc<Document>> {
        match &self.parsed.0 {
            Some(known) => Some(Arc::clone(known)),
            None => yaml::parse_one(&Source::new("", self.text.as_str())).ok().map(Arc::new),
        }
    }

    /// Keeps only the text.
    pub fn forget(&mut self) {
        self.parsed = Parsed::default();
    }

    /// The number of objects: the number of items for a List.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.items.as_ref().map_or(1, Vec::len)
    }

    /// The identities of all objects: those of the items for a List.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        let single = self.items.is_none().then_some(&self.key);
        single.into_iter().chain(self.items.iter().flatten())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, .. } = self;
        if namespace.is_empty() { write!(f, "{kind} {name}") } else { write!(f, "{kind} {namespace}/{name}") }
    }
}

/// What wrote the documents that are read, for messages.
#[derive(Debug, Clone, Copy)]
pub enum Writer<'a> {
    /// Helm; each document names its template.
    Helm,
    /// Kustomize, with the path of the kustomization.
    Kustomize(&'a str),
    /// People; each document names its file.
    Author,
}

impl Writer<'_> {
    /// The beginning of a sentence about a document of a template or file.
    fn says(self, template: &str) -> String {
        match self {
            Self::Helm => format!("template `{template}` rendered"),
            Self::Kustomize(path) => format!("`{path}` rendered"),
            Self::Author => format!("`{template}` contains"),
        }
    }
}

/// Reads Helm's output for a release in a namespace. All problems are reported, each with its template.
pub fn read(output: &[u8], namespace: &str) -> Result<Vec<Manifest>> {
    read_from(Writer::Helm, output, namespace)
}

/// Reads documents for a namespace. All problems are reported.
pub fn read_from(writer: Writer<'_>, output: &[u8], namespace: &str) -> Result<Vec<Manifest>> {
    let text = match std::str::from_utf8(output) {
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&output[..error.valid_up_to()]).into_owned();
            let template = before.rsplit("# Source: ").next().and_then(|rest| rest.lines().next()).unwrap_or_default();
            return Err(Diagnostic::new(
                Code::ManifestInvalid,
                format!("{} text that is not valid UTF-8", writer.says(template)),
            )
            .help("use `binaryData` with base64 for binary data")
            .into());
        }
    };
    let pieces = split(text)
        .map_err(|what| Diagnostic::new(Code::ManifestInvalid, what).help("put `---` on a line of its own"))?;
    let mut diagnostics = Diagnostics::default();
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    for piece in pieces {
        let read = diagnostics.take(manifest(writer, &piece, namespace, &mut lists)).flatten();
        manifests.extend(read.map(|manifest| Manifest { parsed: Parsed::default(), ..manifest }));
    }
    diagnostics.into_result(manifests)
}

/// The manifest in a document; none for an empty document.
fn manifest(
    writer: Writer<'_>,
    piece: &Piece,
    namespace: &str,
    lists: &mut BTreeMap<String, usize>,
) -> Result<Option<Manifest>> {
    let template = match writer {
        Writer::Kustomize(path) => path.to_owned(),
        _ if piece.template.is_empty() => "(unknown)".to_owned(),
        _ => piece.template.clone(),
    };
    let says = writer.says(&template);
    let source = Source::new(format!("output of {template}"), piece.text.clone());
    let document = yaml::parse_one(&source).map_err(|mut found| {
        for diagnostic in &mut found.0 {
            diagnostic.code = Code::ManifestInvalid;
            let what = diagnostic.reason();
            diagnostic.message = format!("{says} invalid YAML: {what}");
            // Do not quote a document that may be a Secret.
            if piece.text.contains("Secret") {
                for (place, _) in &mut diagnostic.places {
                    *place = Place::file(source.name.clone());
                }
            }
        }
        found
    })?;
    let document = Arc::new(document);
    let root = &document.root;
    if matches!(root.value, Value::Null) {
        return Ok(None);
    }
    let invalid = |what: String| {
        Diagnostic::new(Code::ManifestInvalid, format!("{says} {what}")).at(Place::file(template.clone()), "")
    };
    if !matches!(root.value, Value::Mapping(_)) {
        return Err(invalid(format!("{}, not an object", root.describe()))
            .help("check the template for a stray `---` or text outside of an object")
            .into());
    }
    let make = |key: ObjectKey, items: Option<Vec<ObjectKey>>| Manifest {
        explicit_namespace: root.get("metadata").and_then(|metadata| text(metadata, "namespace")).is_some(),
        key,
        template: piece.template.clone(),
        text: piece.text.clone(),
        items,
        replaced: Vec::new(),
        secrets: secret_values::find(&document, piece.text.len()),
        parsed: Parsed(Some(Arc::clone(&document))),
    };
    if let Some(items) = root.get("items") {
        let empty_list = matches!(items.value, Value::Null) && root.get("spec").or(root.get("status")).is_none();
        if matches!(items.value, Value::Sequence(_)) || empty_list {
            let number = lists.entry(piece.template.clone()).or_default();
            *number += 1;
            let mut diagnostics = Diagnostics::default();
            let mut keys = Vec::new();
            for (index, item) in items.items().iter().enumerate() {
                match identity(item, namespace) {
                    Ok(key) => keys.push(key),
                    Err(Defect::NotString(field, node)) => {
                        let owner = format!("a List whose item {}", index + 1);
                        diagnostics.push(not_string(&owner, field, node, &invalid));
                    }
                    Err(Defect::Missing(_))
                        if matches!(item.get("items").map(|it| &it.value), Some(Value::Sequence(_))) =>
                    {
                        let found = invalid(format!("a List whose item {} is a List", index + 1));
                        let note = "Argo CD splits only the outer List, and the API server has no kind `List`, so the sync fails";
                        diagnostics.push(found.note(note).help("write the items of the inner List into the outer one"));
                    }
                    Err(Defect::Missing(field)) => {
                        diagnostics.push(invalid(format!("a List whose item {} has no `{field}`", index + 1)));
                    }
                }
            }
            let stem = piece.template.rsplit('/').next().unwrap_or_default();
            let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
            let api_version = text(root, "apiVersion").unwrap_or_default();
            let key = ObjectKey {
                group: group(&api_version).to_owned(),
                kind: text(root, "kind").unwrap_or_else(|| "List".to_owned()),
                namespace: namespace.to_owned(),
                name: format!("{stem}-{number}"),
            };
            return diagnostics.into_result(Some(make(key, Some(keys))));
        }
    }
    match identity(root, namespace) {
        Ok(key) => Ok(Some(make(key, None))),
        Err(Defect::NotString(field, node)) => Err(not_string("an object that", field, node, &invalid).into()),
        Err(Defect::Missing(field)) => {
            let known = [("kind", text(root, "kind")), ("apiVersion", text(root, "apiVersion"))];
            let known: Vec<_> =
                known.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
            let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
            let of_kustomize = group(&text(root, "apiVersion").unwrap_or_default()) == KUSTOMIZE;
            let found = invalid(format!("an object without `{field}`{known}"));
            Err(found.facts(of_kustomize.then_some(Fact::Kustomization)).into())
        }
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The API group of kustomizations and of what they consist of.
const KUSTOMIZE: &str = "kustomize.config.k8s.io";

/// Why a node does not identify an object.
enum Defect<'a> {
    /// A required field is missing or empty.
    Missing(&'static str),
    /// A field is not a string, usually because it is not quoted.
    NotString(&'static str, &'a Node),
}

/// Reports a field that must be a string.
fn not_string(owner: &str, field: &str, node: &Node, invalid: &dyn Fn(String) -> Diagnostic) -> Diagnostic {
    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
    let help = match node.value {
        Value::Bool(_) | Value::Number(_) => {
            format!("if a string is meant, quote it: `\"{written}\"`, or in a template `| quote`")
        }
        _ => format!("set `{field}` to a string"),
    };
    invalid(format!("{owner} has {} as `{field}`", node.describe())).help(help)
}

/// The identity of the object in a node.
fn identity<'a>(node: &'a Node, namespace: &str) -> std::result::Result<ObjectKey, Defect<'a>> {
    let required = |node: &'a Node, key: &str, field: &'static str| match node.get(key) {
        Some(value) if value.as_str().is_none() && !matches!(value.value, Value::Null) => {
            Err(Defect::NotString(field, value))
        }
        _ => text(node, key).ok_or(Defect::Missing(field)),
    };
    let api_version = required(node, "apiVersion", "apiVersion")?;
    let kind = required(node, "kind", "kind")?;
    let metadata = node.get("metadata").ok_or(Defect::Missing("metadata.name"))?;
    let name = match required(metadata, "name", "metadata.name") {
        Err(Defect::Missing(_)) => match text(metadata, "generateName") {
            Some(prefix) => format!("{prefix}{ANY}"),
            None => return Err(Defect::Missing("metadata.name")),
        },
        name => name?,
    };
    Ok(ObjectKey {
        group: group(&api_version).to_owned(),
        kind,
        namespace: text(metadata, "namespace").unwrap_or_else(|| namespace.to_owned()),
        name,
    })
}

/// Reads a golden as a manifest; `None` if it is not one.
#[must_use]
pub fn read_golden(text: &str, namespace: &str) -> Option<Manifest> {
    let mut pieces = split(text).ok()?;
    if pieces.len() != 1 {
        return None;
    }
    let piece = Piece { text: text.to_owned(), ..pieces.remove(0) };
    manifest(Writer::Helm, &piece, namespace, &mut BTreeMap::new()).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_count_their_items() {
        let output = b"---\n# Source: c/templates/roles.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
        let manifests = read(output, "ns").expect("valid");
        assert_eq!(manifests[0].key.name, "roles-1");
        assert_eq!(manifests[0].objects(), 2);
    }

    #[test]
    fn invalid_objects_are_reported_with_their_template() {
        let output = b"---\n# Source: c/templates/a.yaml\nkind: ConfigMap\n---\n# Source: c/templates/b.yaml\njust text\n---\n# Source: c/templates/c.yaml\n# nothing\n";
        let errors = read(output, "ns").expect_err("invalid");
        let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "template `c/templates/a.yaml` rendered an object without `apiVersion` (kind ConfigMap)",
                "template `c/templates/b.yaml` rendered the string \"just text\", not an object",
            ]
        );
        let broken = read(b"---\n# Source: c/templates/a.yaml\nx: \xff\n", "ns").expect_err("binary");
        assert!(broken.0[0].message.contains("`c/templates/a.yaml`"));
    }
}
