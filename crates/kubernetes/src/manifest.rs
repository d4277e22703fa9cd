//! Splits Helm's output into manifests and identifies the object in each.
//!
//! Splitting is textual, like the Kubernetes YAML reader that Argo CD uses, and preserves the text of each object. YAML is
//! parsed only to identify objects, since re-emitting it with a library could change its meaning.
//!
//! Pure. Does not validate objects.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::yaml::{self, Document};
use document::{Node, Value};
use toolbox::archive::sha256;

use crate::secret_values::{self, SecretValue};

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

/// A document of Helm's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The template that rendered it; empty if there is no `# Source:` line.
    pub template: String,
    /// The text without the separator and without blank lines at both ends, ending with one line break.
    pub text: String,
}

/// Splits Helm's output into documents at lines that start with `---`.
///
/// Blank documents are dropped. A document without a `# Source:` line, such as the second document of a file in crds/,
/// belongs to the template of the previous one.
pub fn split(text: &str) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut template = String::new();
    let mut start = 0;
    let mut position = 0;
    let mut finish = |range: std::ops::Range<usize>| {
        let body = &text[range];
        if let Some(source) = body.trim_start().strip_prefix("# Source: ") {
            source.lines().next().unwrap_or_default().trim_end().clone_into(&mut template);
        }
        let trimmed = trim(body);
        if !trimmed.trim().is_empty() {
            pieces.push(Piece { template: template.clone(), text: trimmed });
        }
    };
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                finish(start..position);
                let line = line.trim_end();
                return Err(format!(
                    "template `{template}` rendered `{line}`, which is not a valid document separator"
                ));
            }
            finish(start..position);
            start = position + line.len();
        }
        position += line.len();
    }
    finish(start..text.len());
    Ok(pieces)
}

/// Removes blank lines at both ends of a document. Trailing blank lines that belong to a block scalar (`|+`) are kept, and
/// so is trailing white space on the last line.
fn trim(body: &str) -> String {
    let mut body = body;
    // Line by line, since removing a lone carriage return before `---` would turn that line into a separator.
    while let Some(rest) = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')) {
        body = rest;
    }
    let trimmed = format!("{}\n", body.trim_end_matches(['\n', '\r']));
    if body.len() > trimmed.len() && keeps_line_breaks(body) {
        let meaning = |text: &str| {
            yaml::parse_one(&Source::new("", text)).map(|document| document.root.to_json()).unwrap_or_default()
        };
        if meaning(body) != meaning(&trimmed) {
            return body.to_owned();
        }
    }
    trimmed
}

/// Whether a text may contain a block scalar that keeps trailing line breaks: `|+`, `>+`, or either with an indentation.
fn keeps_line_breaks(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let rest = &bytes[at + 1..];
        matches!(byte, b'|' | b'>')
            && (rest.first() == Some(&b'+')
                || rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1) == Some(&b'+'))
    })
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
            let what = diagnostic.message.trim_start_matches("cannot parse YAML: ");
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
            Err(invalid(format!("an object without `{field}`{known}")).into())
        }
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

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

/// The file name of each manifest's golden: `<kind>-<name>.yaml` in lower case. If that is not unique, the namespace is
/// appended, then the group, and finally a digest of the identity.
#[must_use]
pub fn file_names(manifests: &[Manifest]) -> Vec<String> {
    let file_name = |manifest: &Manifest, level: usize| {
        let ObjectKey { group, kind, namespace, name } = &manifest.key;
        let name = name.replace(ANY, "");
        let mut parts = vec![kind.as_str(), name.as_str()];
        parts.extend((level > 0).then_some(namespace.as_str()).filter(|text| !text.is_empty()));
        parts.extend((level > 1).then_some(group.as_str()).filter(|text| !text.is_empty()));
        // Long enough that nobody can construct two objects with the same file name.
        let digest =
            &sha256([group, kind, namespace, &manifest.key.name].map(String::as_str).join("\0").as_bytes())[..32];
        parts.extend((level > 2).then_some(digest));
        let allowed =
            |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c.to_ascii_lowercase() } else { '_' };
        let stem: String = parts.join("-").trim_end_matches('-').chars().map(allowed).collect();
        // File systems limit names to 255 bytes.
        let stem = if stem.len() > 200 { format!("{}-{digest}", &stem[..200]) } else { stem };
        format!("{stem}.yaml")
    };
    let mut levels = vec![0; manifests.len()];
    loop {
        let names: Vec<String> =
            manifests.iter().zip(&levels).map(|(manifest, level)| file_name(manifest, *level)).collect();
        let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            users.entry(name).or_default().push(index);
        }
        let clashes: Vec<usize> =
            users.into_values().filter(|users| users.len() > 1).flatten().filter(|index| levels[*index] < 3).collect();
        if clashes.is_empty() {
            return names;
        }
        for index in clashes {
            levels[index] += 1;
        }
    }
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

/// The text of a manifest with each value of a Secret replaced by its fingerprint.
#[must_use]
pub fn redact(manifest: &Manifest, fingerprint: &dyn Fn(&str) -> String) -> Arc<str> {
    if manifest.secrets.is_empty() {
        return manifest.text.as_str().into();
    }
    let mut spans: Vec<_> = manifest.secrets.iter().map(|secret| secret.span.clone()).collect();
    spans.sort_by_key(|span| span.start);
    let mut out = String::new();
    let mut position = 0;
    for span in spans {
        let (start, end) = (span.start.max(position), span.end.min(manifest.text.len()));
        let (Some(before), Some(value)) = (manifest.text.get(position..start), manifest.text.get(start..end)) else {
            return format!("# redacted: {}\n", fingerprint(&manifest.text)).into();
        };
        out.push_str(before);
        let body = value.trim_end();
        out.push_str(&fingerprint(body));
        out.push_str(&value[body.len()..]);
        position = end;
    }
    out.push_str(&manifest.text[position..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &str) -> Vec<String> {
        split(output).expect("splits").into_iter().map(|piece| format!("{}|{}", piece.template, piece.text)).collect()
    }

    #[test]
    fn splits_at_separators_and_keeps_the_source() {
        assert_eq!(
            texts("---\n# Source: a/t/x.yaml\nkind: A\n\n---\n# Source: a/t/y.yaml\nkind: B\n--- # note\nkind: C\n"),
            [
                "a/t/x.yaml|# Source: a/t/x.yaml\nkind: A\n",
                "a/t/y.yaml|# Source: a/t/y.yaml\nkind: B\n",
                "a/t/y.yaml|kind: C\n"
            ]
        );
    }

    #[test]
    fn a_separator_with_text_is_rejected() {
        assert!(split("---\na: 1\n--- b: 2\n").is_err());
        assert_eq!(texts("a: |\n  ---\n  b\n"), ["|a: |\n  ---\n  b\n"]);
    }

    #[test]
    fn blank_lines_of_block_scalars_are_kept() {
        assert_eq!(texts("---\na: |+\n  x\n\n---\nb: |\n  x\n\n"), ["|a: |+\n  x\n\n", "|b: |\n  x\n"]);
    }

    fn object(kind: &str, namespace: &str, name: &str) -> Manifest {
        Manifest {
            key: ObjectKey { group: String::new(), kind: kind.into(), namespace: namespace.into(), name: name.into() },
            explicit_namespace: true,
            template: String::new(),
            text: String::new(),
            items: None,
            replaced: Vec::new(),
            secrets: Vec::new(),
            parsed: Parsed::default(),
        }
    }

    #[test]
    fn file_names_are_unique() {
        let manifests = [
            object("Role", "a", "reader"),
            object("Role", "b", "reader"),
            object("Role", "b", "writer"),
            object("ClusterRole", "b", "system:view"),
            object("ClusterRole", "b", "system_view"),
        ];
        let names = file_names(&manifests);
        assert_eq!(names[..3], ["role-reader-a.yaml", "role-reader-b.yaml", "role-writer.yaml"]);
        assert_ne!(names[3], names[4]);
    }

    /// A few seconds suffice to find objects whose digests agree in 32 bits.
    #[test]
    fn file_names_of_objects_with_similar_digests_are_unique() {
        let long = |index: u32| object("ConfigMap", "a", &format!("{}{index}", "x".repeat(240)));
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for index in 0..200_000_u32 {
            let name = file_names(&[long(index)]).remove(0);
            let short = name[..209].to_owned();
            if let Some(other) = names.insert(short, index) {
                let both = file_names(&[long(other), long(index)]);
                assert_ne!(both[0], both[1]);
                return;
            }
        }
        panic!("no two digests agree");
    }

    #[test]
    fn lists_count_their_items() {
        let output = b"---\n# Source: c/templates/roles.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
        let manifests = read(output, "ns").expect("valid");
        assert_eq!(file_names(&manifests), ["list-roles-1.yaml"]);
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

    #[test]
    fn secret_values_are_redacted_completely() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: aHVudGVyMg==\n  b: |\n    two\n    lines\nstringData: {c: \"x y\"}\ntype: Opaque\n";
        let manifest = read_golden(text, "ns").expect("an object");
        let shown = redact(&manifest, &|value| format!("<{}>", value.len()));
        assert_eq!(
            shown.as_ref(),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: <12>\n  b: |\n    <13>\nstringData: {c: <5>}\ntype: Opaque\n"
        );
    }
}
