//! What Helm wrote, object by object: splitting the text, and telling which object a piece is.
//!
//! Splitting is by text alone, as the Kubernetes reader in Argo CD does it, and keeps each object's own text: parsing
//! serves only to know the identity. A text that is written anew by a YAML library may mean something else.
//!
//! Pure. Deliberately absent: files, and whether an object is valid.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::archive::sha256;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use crate::document::{Node, Value, yaml};

/// What makes two objects the same one to Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; that of the release where the object names none, since that is where it lands.
    pub namespace: String,
    /// The name; of an object with `generateName`, that prefix; of a list, its template and place.
    pub name: String,
}

/// One object, or a list of them, as Helm wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which object it is.
    pub key: ObjectKey,
    /// Whether the object itself names its namespace.
    pub explicit_namespace: bool,
    /// The template that it came from, as Helm names it: `<chart>/templates/<file>`.
    pub template: String,
    /// Its text, from the `# Source:` line on, with one line break at the end.
    pub text: String,
    /// The objects in it, if it is a list.
    pub items: Option<Vec<ObjectKey>>,
    /// Bytes of `text` that hold values of Secrets, or the whole text where these cannot be told apart.
    pub secrets: Vec<SecretValue>,
}

/// A value that never appears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretValue {
    /// Where in the text it stands.
    pub span: std::ops::Range<usize>,
}

impl Manifest {
    /// Kind and name as people write them: `Service postfix/relay`, or without a namespace `ClusterRole reader`.
    #[must_use]
    pub fn title(&self) -> String {
        let ObjectKey { kind, namespace, name, .. } = &self.key;
        if self.explicit_namespace { format!("{kind} {namespace}/{name}") } else { format!("{kind} {name}") }
    }

    /// How many objects it stands for.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.items.as_ref().map_or(1, Vec::len)
    }

    /// The identities of the objects that it stands for.
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

/// A piece of Helm's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The template that it came from; empty when Helm did not say.
    pub template: String,
    /// Its text without the separator, blank lines at the edges trimmed, one line break at the end.
    pub text: String,
}

/// Splits a stream of documents at lines that begin with `---`.
///
/// Pieces of nothing but white space are dropped. A piece without a `# Source:` line of its own (the second document
/// of a file of CRDs) belongs to the template of the one before.
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
                    "template `{template}` wrote `{line}`, which is no document separator to Kubernetes"
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

/// A document without blank lines at its edges. Blank lines at the end that a block scalar keeps (`|+`) are part of a
/// value, so such a document keeps them all; so do blanks at the end of its last line.
fn trim(body: &str) -> String {
    let mut body = body;
    // Line by line: a carriage return before dashes keeps them from being a separator.
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

/// Whether a block scalar of this kind may stand in a text: `|+`, `>+`, or either with its indentation.
fn keeps_line_breaks(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let rest = &bytes[at + 1..];
        matches!(byte, b'|' | b'>')
            && (rest.first() == Some(&b'+')
                || rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1) == Some(&b'+'))
    })
}

/// Reads what Helm wrote for a release in a namespace. All that is wrong is reported, each with its template.
pub fn read(output: &[u8], namespace: &str) -> Result<Vec<Manifest>> {
    let text = match std::str::from_utf8(output) {
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&output[..error.valid_up_to()]).into_owned();
            let template = before.rsplit("# Source: ").next().and_then(|rest| rest.lines().next()).unwrap_or_default();
            return Err(Diagnostic::new(
                Code::ManifestInvalid,
                format!("template `{template}` wrote bytes that are not UTF-8 text"),
            )
            .note("put binary data into `binaryData`, in base64")
            .into());
        }
    };
    let pieces = split(text).map_err(|what| {
        Diagnostic::new(Code::ManifestInvalid, what).help("put what follows the dashes on a line of its own")
    })?;
    let mut diagnostics = Diagnostics::default();
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    for piece in pieces {
        let Some(manifest) = diagnostics.take(manifest(&piece, namespace, &mut lists)) else { continue };
        manifests.extend(manifest);
    }
    diagnostics.extend(duplicates(&manifests));
    diagnostics.into_result(manifests)
}

/// Two objects with one identity: Argo CD would keep only the last.
fn duplicates(manifests: &[Manifest]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen: BTreeMap<&ObjectKey, &Manifest> = BTreeMap::new();
    for manifest in manifests {
        for key in manifest.keys() {
            let Some(first) = seen.insert(key, manifest) else { continue };
            let templates = if first.template == manifest.template {
                format!("twice by `{}`", first.template)
            } else {
                format!("by `{}` and by `{}`", first.template, manifest.template)
            };
            diagnostics.push(
                Diagnostic::new(Code::ObjectDuplicate, format!("{key} is rendered {templates}"))
                    .at(Place::file(manifest.template.clone()), "")
                    .help("give one of them another name, or render it once; Argo CD would keep only the last"),
            );
        }
    }
    diagnostics
}

/// The manifest of a piece; none for a document that holds nothing.
fn manifest(piece: &Piece, namespace: &str, lists: &mut BTreeMap<String, usize>) -> Result<Option<Manifest>> {
    let template = if piece.template.is_empty() { "(unknown)".to_owned() } else { piece.template.clone() };
    let source = Source::new(format!("what {template} rendered"), piece.text.clone());
    let document = yaml::parse_one(&source).map_err(|mut found| {
        for diagnostic in &mut found.0 {
            diagnostic.code = Code::ManifestInvalid;
            let what = diagnostic.message.trim_start_matches("cannot parse YAML: ");
            diagnostic.message = format!("template `{template}` wrote what is no YAML: {what}");
            // The text of a broken document may be that of a Secret.
            if piece.text.contains("Secret") {
                for (place, _) in &mut diagnostic.places {
                    *place = Place::file(source.name.clone());
                }
            }
        }
        found
    })?;
    let root = &document.root;
    if matches!(root.value, Value::Null) {
        return Ok(None);
    }
    let invalid = |what: String| {
        Diagnostic::new(Code::ManifestInvalid, format!("template `{template}` wrote {what}"))
            .at(Place::file(template.clone()), "")
    };
    if !matches!(root.value, Value::Mapping(_)) {
        return Err(invalid(format!("{}, not an object", root.describe()))
            .help("is there a stray `---` or text?")
            .into());
    }
    let make = |key: ObjectKey, items: Option<Vec<ObjectKey>>, secrets: Vec<SecretValue>| Manifest {
        explicit_namespace: root.get("metadata").and_then(|metadata| text(metadata, "namespace")).is_some(),
        key,
        template: piece.template.clone(),
        text: piece.text.clone(),
        items,
        secrets,
    };
    let secret_values = |objects: &[&Node]| secrets(objects, document.aliases, piece.text.len());

    if let Some(items) = root.get("items") {
        let nothing = matches!(items.value, Value::Null) && root.get("spec").or(root.get("status")).is_none();
        if matches!(items.value, Value::Sequence(_)) || nothing {
            let number = lists.entry(piece.template.clone()).or_default();
            *number += 1;
            let mut diagnostics = Diagnostics::default();
            let mut keys = Vec::new();
            for (index, item) in items.items().iter().enumerate() {
                match identity(item, namespace) {
                    Ok(key) => keys.push(key),
                    Err(Lack::NoText(field, node)) => {
                        let owner = format!("a list with an item {}", index + 1);
                        diagnostics.push(no_text(&owner, field, node, &invalid));
                    }
                    Err(Lack::Absent(what)) => {
                        diagnostics.push(invalid(format!("a list whose item {} has no {what}", index + 1)));
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
            let objects: Vec<&Node> = items.items().iter().collect();
            return diagnostics.into_result(Some(make(key, Some(keys), secret_values(&objects))));
        }
    }
    match identity(root, namespace) {
        Ok(key) => Ok(Some(make(key, None, secret_values(&[root])))),
        Err(Lack::NoText(field, node)) => Err(no_text("an object", field, node, &invalid).into()),
        Err(Lack::Absent(what)) => {
            let known = [("kind", text(root, "kind")), ("apiVersion", text(root, "apiVersion"))];
            let known: Vec<_> =
                known.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
            let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
            Err(invalid(format!("an object without {what}{known}")).into())
        }
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What keeps a node from being an object.
enum Lack<'a> {
    /// A field that is not there, or empty.
    Absent(&'static str),
    /// A field that is a number or the like, because nobody put it in quotes.
    NoText(&'static str, &'a Node),
}

/// Says of what kind a field is that has to be a text, with the way out.
fn no_text(owner: &str, field: &str, node: &Node, invalid: &dyn Fn(String) -> Diagnostic) -> Diagnostic {
    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
    let help = match node.value {
        Value::Bool(_) | Value::Number(_) => {
            format!("if the text is meant, put it in quotes: `\"{written}\"` (in a template: `| quote`)")
        }
        _ => "write a text".to_owned(),
    };
    invalid(format!("{owner} whose {field} is {}", node.describe())).help(help)
}

/// Which object a node is; the error is what it lacks.
fn identity<'a>(node: &'a Node, namespace: &str) -> std::result::Result<ObjectKey, Lack<'a>> {
    let required = |node: &'a Node, key: &str, field: &'static str| match node.get(key) {
        Some(value) if value.as_str().is_none() && !matches!(value.value, Value::Null) => {
            Err(Lack::NoText(field, value))
        }
        _ => text(node, key).ok_or(Lack::Absent(field)),
    };
    let api_version = required(node, "apiVersion", "apiVersion")?;
    let kind = required(node, "kind", "kind")?;
    let metadata = node.get("metadata").ok_or(Lack::Absent("metadata.name"))?;
    let name = match required(metadata, "name", "metadata.name") {
        Err(Lack::Absent(_)) => text(metadata, "generateName").ok_or(Lack::Absent("metadata.name"))?,
        name => name?,
    };
    Ok(ObjectKey {
        group: group(&api_version).to_owned(),
        kind,
        namespace: text(metadata, "namespace").unwrap_or_else(|| namespace.to_owned()),
        name,
    })
}

/// Where the values of Secrets stand.
fn secrets(objects: &[&Node], aliases: bool, length: usize) -> Vec<SecretValue> {
    let mut found = Vec::new();
    for object in objects {
        if text(object, "kind").as_deref() != Some("Secret") {
            continue;
        }
        // With anchors, a value may stand anywhere; then nothing of the text is shown.
        if aliases {
            return vec![SecretValue { span: 0..length }];
        }
        for field in ["data", "stringData"] {
            let Some(node) = object.get(field) else { continue };
            match &node.value {
                Value::Null => {}
                Value::Mapping(entries) => {
                    found.extend(entries.iter().map(|(_, value)| SecretValue { span: value.span.clone() }));
                }
                _ => found.push(SecretValue { span: node.span.clone() }),
            }
        }
    }
    found
}

/// The file name of each manifest's golden: `<kind>-<name>.yaml` in lower case; where that would not be unique, the
/// namespace is added, then the group, and at last a digest of the identity.
#[must_use]
pub fn file_names(manifests: &[Manifest]) -> Vec<String> {
    let spell = |manifest: &Manifest, level: usize| {
        let ObjectKey { group, kind, namespace, name } = &manifest.key;
        let mut parts = vec![kind.as_str(), name.as_str()];
        parts.extend((level > 0).then_some(namespace.as_str()).filter(|text| !text.is_empty()));
        parts.extend((level > 1).then_some(group.as_str()).filter(|text| !text.is_empty()));
        let digest = sha256(format!("{group}/{kind}/{namespace}/{name}").as_bytes());
        parts.extend((level > 2).then_some(&digest[..8]));
        let allowed =
            |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c.to_ascii_lowercase() } else { '_' };
        let stem: String = parts.join("-").trim_end_matches('-').chars().map(allowed).collect();
        // File systems end names at 255 bytes.
        let stem = if stem.len() > 200 { format!("{}-{}", &stem[..200], &digest[..8]) } else { stem };
        format!("{stem}.yaml")
    };
    let mut levels = vec![0; manifests.len()];
    loop {
        let names: Vec<String> =
            manifests.iter().zip(&levels).map(|(manifest, level)| spell(manifest, *level)).collect();
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

/// A golden's text as a manifest; `None` when it can no longer be read as one.
#[must_use]
pub fn read_golden(text: &str, namespace: &str) -> Option<Manifest> {
    let mut pieces = split(text).ok()?;
    if pieces.len() != 1 {
        return None;
    }
    let piece = Piece { text: text.to_owned(), ..pieces.remove(0) };
    manifest(&piece, namespace, &mut BTreeMap::new()).ok()?
}

/// The text with the values of Secrets replaced, each by what `fingerprint` makes of it.
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
            return format!("# withheld: {}\n", fingerprint(&manifest.text)).into();
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
    fn a_separator_with_text_is_refused() {
        assert!(split("---\na: 1\n--- b: 2\n").is_err());
        assert_eq!(texts("a: |\n  ---\n  b\n"), ["|a: |\n  ---\n  b\n"]);
    }

    #[test]
    fn blank_lines_that_are_a_value_stay() {
        assert_eq!(texts("---\na: |+\n  x\n\n---\nb: |\n  x\n\n"), ["|a: |+\n  x\n\n", "|b: |\n  x\n"]);
    }

    fn object(kind: &str, namespace: &str, name: &str) -> Manifest {
        Manifest {
            key: ObjectKey { group: String::new(), kind: kind.into(), namespace: namespace.into(), name: name.into() },
            explicit_namespace: true,
            template: String::new(),
            text: String::new(),
            items: None,
            secrets: Vec::new(),
        }
    }

    #[test]
    fn file_names_are_unique_and_tell_what_differs() {
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

    #[test]
    fn lists_count_their_items() {
        let output = b"---\n# Source: c/templates/roles.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
        let manifests = read(output, "ns").expect("valid");
        assert_eq!(file_names(&manifests), ["list-roles-1.yaml"]);
        assert_eq!(manifests[0].objects(), 2);
    }

    #[test]
    fn what_is_no_object_is_told_with_its_template() {
        let output = b"---\n# Source: c/templates/a.yaml\nkind: ConfigMap\n---\n# Source: c/templates/b.yaml\njust text\n---\n# Source: c/templates/c.yaml\n# nothing\n---\n# Source: c/templates/d.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n# Source: c/templates/e.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: ns}\n";
        let errors = read(output, "ns").expect_err("invalid");
        let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "template `c/templates/a.yaml` wrote an object without apiVersion (kind ConfigMap)",
                "template `c/templates/b.yaml` wrote the string \"just text\", not an object",
                "ConfigMap ns/x is rendered by `c/templates/d.yaml` and by `c/templates/e.yaml`",
            ]
        );
        let broken = read(b"---\n# Source: c/templates/a.yaml\nx: \xff\n", "ns").expect_err("binary");
        assert!(broken.0[0].message.contains("`c/templates/a.yaml`"));
    }

    #[test]
    fn secret_values_are_replaced_whole() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: aHVudGVyMg==\n  b: |\n    two\n    lines\nstringData: {c: \"x y\"}\ntype: Opaque\n";
        let manifest = read_golden(text, "ns").expect("an object");
        let shown = redact(&manifest, &|value| format!("<{}>", value.len()));
        assert_eq!(
            shown.as_ref(),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: <12>\n  b: |\n    <13>\nstringData: {c: <5>}\ntype: Opaque\n"
        );
    }
}
