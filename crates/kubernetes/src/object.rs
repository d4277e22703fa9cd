//! The objects that a target renders, parsed with places, as input for checks.
//!
//! Places point into the golden, the file that people can open; if the golden differs from what is rendered, the file name
//! says so. Values of Secrets are redacted in both the text and the tree, so that no check can leak them.
//!
//! Pure.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Code, Diagnostic, Origin, Place, Source};
use document::{Key, Node, Value, json};
use toolbox::archive::sha256;

use crate::manifest::{Manifest, ObjectKey};
use crate::secret_values::SecretValue;
use crate::setting;

/// The label of the template's file in findings about an object.
pub const FROM_TEMPLATE: &str = "rendered from this template";

/// The label of the kustomization in findings about an object.
pub const FROM_KUSTOMIZATION: &str = "rendered by this kustomization";

/// The label of a value as Helm printed it, if the finding marks where the author wrote it differently.
pub const AS_RENDERED: &str = "as rendered";

/// What precedes the name of the template in notes, where its file is not in the repository.
pub const TEMPLATE_NOTE: &str = "template: ";

/// The placeholder for values of Secrets in the tree.
pub const REDACTED: &str = "(redacted)";

/// Whether a value of a Secret is encrypted or a placeholder that is replaced after rendering: a value encrypted with SOPS,
/// a reference of argocd-vault-plugin or vals, or a variable such as `${PASSWORD}`, also in base64.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim();
        let sops = text.starts_with("ENC[AES256_GCM,") && text.ends_with(']');
        // `<path:kv/data/web#password>`, or `<password>` beside the annotation `avp.kubernetes.io/path`.
        let named = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        let named = named.is_some_and(|name| !name.is_empty() && !name.contains(['<', '>', ' ', '\n']));
        let vault = named || text.split_once("<path:").is_some_and(|(_, rest)| rest.contains('>'));
        let vals = text.strip_prefix("ref+").is_some_and(|rest| rest.contains("://"));
        // Only a variable with braces: a password may begin with `$`.
        let variable = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
        let variable = variable.is_some_and(|name| !name.is_empty() && !name.contains(['$', '{', '}', '\n']));
        sops || vault || vals || variable
    };
    let decoded = || String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok();
    plain(text) || decoded().is_some_and(|text| plain(&text))
}

/// An object rendered by a target.
#[derive(Debug, Clone)]
pub struct Object {
    /// The target, `<app>/<case>`.
    pub target: String,
    /// The identity of the object.
    pub key: ObjectKey,
    /// Whether the object sets `metadata.namespace`.
    pub explicit_namespace: bool,
    /// The template that rendered it, as named by Helm: `<chart>/templates/<file>`.
    pub template: String,
    /// The template's file relative to the repository root; `None` for a template of a dependency.
    pub template_file: Option<String>,
    /// The file name of the golden, which the items of a List share.
    pub golden: String,
    /// The content. Values of Secrets are [`REDACTED`].
    pub root: Node,
    /// A digest of the values of a Secret, by which two renders are compared; `None` for any other kind.
    pub secret_digest: Option<String>,
    /// Duplicate keys, without the first occurrence of each.
    pub duplicates: Vec<Key>,
    /// The templates that rendered the object before, in renders that Argo CD does not apply.
    pub replaced: Vec<String>,
}

impl Object {
    /// The `apiVersion`, or an empty string.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.root.get("apiVersion").and_then(Node::as_str).unwrap_or_default()
    }

    /// Kind and name, for messages.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} `{}`", self.key.kind, self.key.name)
    }

    /// The place of its name, or of the whole object if it has none.
    #[must_use]
    pub fn name_place(&self) -> Place {
        self.find(&["metadata", "name"]).unwrap_or(&self.root).place()
    }

    /// The node at a path such as `["spec", "ports", "0"]`.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        self.root.find(path)
    }

    /// The path of the node at a place.
    fn path_to(&self, place: &Place) -> Vec<String> {
        let mut path = Vec::new();
        let Some(at) = place.span.as_ref().map(|span| span.start) else { return path };
        let contains = |span: &Range<usize>| span.start <= at && at < span.end.max(span.start + 1);
        let mut node = Some(&self.root);
        while let Some(here) = node {
            let of_entry = |(key, value): &(Key, Node)| contains(&key.span) || contains(&value.span);
            let entry = position(here.entries(), at, |(key, _)| key.span.start, of_entry);
            let item = || position(here.items(), at, |item| item.span.start, |item| contains(&item.span));
            node = if let Some((key, value)) = entry.map(|index| &here.entries()[index]) {
                path.push(key.name.clone());
                (!contains(&key.span)).then_some(value)
            } else if let Some(index) = item() {
                path.push(index.to_string());
                Some(&here.items()[index])
            } else {
                None
            };
        }
        path
    }

    /// The key of a mapping or list that begins below it, or else the place itself.
    fn at_key(&self, place: Place) -> Place {
        let Some(span) = &place.span else { return place };
        let mut node = &self.root;
        loop {
            let inside = |value: &Node| value.span.start <= span.start && span.end <= value.span.end;
            let (entries, items) = (node.entries(), node.items());
            let entry = position(entries, span.start, |(key, _)| key.span.start, |(_, value)| inside(value));
            if let Some((key, value)) = entry.map(|index| &entries[index]) {
                let collection = matches!(value.value, Value::Mapping(_) | Value::Sequence(_));
                let between = node.source.text.get(key.span.end..value.span.start).unwrap_or_default();
                if value.span == *span && collection && between.contains('\n') {
                    return Place::new(&place.source, key.span.clone());
                }
                node = value;
            } else if let Some(index) = position(items, span.start, |item| item.span.start, inside) {
                node = &items[index];
            } else {
                return place;
            }
        }
    }

    /// Creates a finding at a place in the object, with its target and template.
    #[must_use]
    pub fn finding(
        &self,
        code: Code,
        message: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Diagnostic {
        let place = self.at_key(place);
        let origin = Origin {
            golden: self.golden.clone(),
            template: self.template.clone(),
            kind: self.key.kind.clone(),
            name: self.key.name.clone(),
            path: self.path_to(&place),
        };
        let mut found = Diagnostic::new(code, message).target(&self.target).at(place, label);
        found.origin = Some(origin);
        match &self.template_file {
            Some(file) if self.template.is_empty() => found.at(Place::file(file.clone()), FROM_KUSTOMIZATION),
            Some(file) => found.at(Place::file(file.clone()), FROM_TEMPLATE),
            None if self.template.is_empty() => found,
            None => found.note(format!("{TEMPLATE_NOTE}{}", self.template)),
        }
    }
}

/// The number of entries of a mapping or a list up to which each is examined. Aliases and merged keys are not in the order of
/// the text; more entries are expected to be.
const FEW: usize = 1_000;

/// The index of the part that begins last at or before an offset, or of another one, if it contains the offset.
fn position<T>(parts: &[T], at: usize, start: impl Fn(&T) -> usize, contains: impl Fn(&T) -> bool) -> Option<usize> {
    let last = parts.partition_point(|part| start(part) <= at).checked_sub(1).filter(|index| contains(&parts[*index]));
    last.or_else(|| (parts.len() <= FEW).then(|| parts.iter().position(contains)).flatten())
}

/// Where the objects of a manifest come from.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The target, `<app>/<case>`.
    pub target: &'a str,
    /// The name of the text that places point into.
    pub source: &'a str,
    /// The file name of the golden.
    pub golden: &'a str,
    /// The file of the template from the root of the repository, where it is known.
    pub template_file: Option<&'a str>,
}

/// The objects in a manifest, with the items of Lists as separate objects.
#[must_use]
pub fn of_manifest(home: &Home<'_>, manifest: &Manifest) -> Vec<Object> {
    let name = home.source;
    let Some(document) = manifest.document() else { return Vec::new() };
    let mut root = document.root.clone();
    let digests: Vec<Option<String>> = match &manifest.items {
        None => vec![secret_digest(&manifest.key, &root)],
        Some(keys) => {
            let items = root.items_at(&["items"]);
            keys.iter().zip(items).map(|(key, item)| secret_digest(key, item)).collect()
        }
    };
    redact(
        &mut root,
        &Source::new(name, masked(&manifest.text, manifest.secrets.iter().map(|secret| &secret.span))),
        &manifest.secrets,
    );

    let object = |key: &ObjectKey, root: Node, digest: Option<String>| Object {
        target: home.target.to_owned(),
        key: key.clone(),
        explicit_namespace: root.get("metadata").and_then(|metadata| metadata.get("namespace")).is_some(),
        template: manifest.template.clone(),
        template_file: home.template_file.map(str::to_owned),
        golden: home.golden.to_owned(),
        secret_digest: digest,
        duplicates: document.duplicates.iter().filter(|key| within(key, &root)).cloned().collect(),
        replaced: manifest.replaced.clone(),
        root,
    };
    match &manifest.items {
        None => vec![object(&manifest.key, root, digests.into_iter().next().flatten())],
        Some(keys) => {
            let items = root.items_at(&["items"]);
            keys.iter().zip(items).zip(digests).map(|((key, item), digest)| object(key, item.clone(), digest)).collect()
        }
    }
}

/// A digest of what a Secret contains, whether its values are in `data` or in `stringData`, which wins.
fn secret_digest(key: &ObjectKey, root: &Node) -> Option<String> {
    if (key.group.as_str(), key.kind.as_str()) != ("", "Secret") {
        return None;
    }
    let entries = |field: &str| root.get(field).map(Node::entries).unwrap_or_default();
    let decoded = |node: &Node| match node.as_str() {
        Some(text) => BASE64_STANDARD.decode(text.trim()).unwrap_or_else(|_| text.as_bytes().to_vec()),
        None => node.to_json().into_bytes(),
    };
    let plain = |node: &Node| node.as_str().map_or_else(|| node.to_json(), str::to_owned).into_bytes();
    let mut values: BTreeMap<&str, Vec<u8>> =
        entries("data").iter().map(|(key, node)| (key.name.as_str(), decoded(node))).collect();
    values.extend(entries("stringData").iter().map(|(key, node)| (key.name.as_str(), plain(node))));
    let mut content = Vec::new();
    for (key, value) in values {
        content.extend_from_slice(format!("{} {} ", json::quoted(key), value.len()).as_bytes());
        content.extend_from_slice(&value);
    }
    Some(sha256(&content))
}

fn within(key: &Key, node: &Node) -> bool {
    node.span.start <= key.span.start && key.span.end <= node.span.end
}

/// A place in a copy of a source in which some ranges are masked: secrets, and text that differs in each run.
#[must_use]
pub fn place_without(source: &Source, span: Range<usize>, ranges: &[Range<usize>]) -> Place {
    Place::new(&Source::new(source.name.clone(), masked(&source.text, ranges)), span)
}

/// Masks ranges of a text without changing any offsets.
fn masked<'a>(text: &str, ranges: impl IntoIterator<Item = &'a Range<usize>>) -> String {
    let mut bytes = text.to_owned().into_bytes();
    for range in ranges {
        for byte in bytes.get_mut(range.clone()).unwrap_or_default() {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn redact(node: &mut Node, source: &Arc<Source>, secrets: &[SecretValue]) {
    node.source = Arc::clone(source);
    let before = secrets.partition_point(|secret| secret.span.start <= node.span.start);
    let secret = before.checked_sub(1).is_some_and(|at| node.span.end <= secrets[at].span.end);
    match &mut node.value {
        Value::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| redact(value, source, secrets)),
        Value::Sequence(items) => items.iter_mut().for_each(|item| redact(item, source, secrets)),
        _ if !secret => {}
        // Whether there is a value is not secret.
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        // A placeholder is not secret either.
        Value::String(text) if is_placeholder(text) => {}
        Value::String(text) if setting::is_text(text) => setting::SETTING.clone_into(text),
        value => *value = Value::String(REDACTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use document::yaml;

    use super::*;
    use crate::manifest;

    #[test]
    fn secret_values_are_redacted_in_text_and_tree() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: aHVudGVyMg==\n  b: |\n    zwei\n    drei\n  c:\n";
        let manifest = manifest::read_golden(text, "ns").expect("an object");
        let source = Source::new("s", masked(&manifest.text, manifest.secrets.iter().map(|secret| &secret.span)));
        assert_eq!(source.text.len(), text.len());
        let mut root = yaml::parse_one(&Source::new("s", text)).expect("YAML").root;
        redact(&mut root, &source, &manifest.secrets);
        for secret in ["aHVudGVyMg", "zwei", "drei"] {
            assert!(!source.text.contains(secret) && !format!("{root:?}").contains(secret));
        }
        let data = root.get("data").expect("data");
        assert_eq!(data.get("a").and_then(Node::as_str), Some(REDACTED));
        assert!(matches!(data.get("c").expect("c").value, Value::Null));
        assert_eq!(data.get("b").expect("b").place().to_string(), "s:7:5");
    }

    #[test]
    fn places_are_found_in_large_mappings_and_behind_aliases() {
        let many: String = (0..2_000).map(|index| format!("  k{index}: v{index}\n")).collect();
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: &labels\n    x: y\n  annotations: *labels\ndata:\n{many}"
        );
        let manifest = manifest::read_golden(&text, "ns").expect("an object");
        let home = Home { target: "web/default", source: "x.yaml", golden: "x.yaml", template_file: None };
        let object = of_manifest(&home, &manifest).remove(0);
        let path = |place: Place| object.finding(Code::Io, "", place, "").origin.expect("an origin").path;
        let data = object.find(&["data"]).expect("data");
        assert_eq!(path(data.get("k1999").expect("a value").place()), ["data", "k1999"]);
        assert_eq!(path(data.key_place("k1000")), ["data", "k1000"]);
        assert_eq!(
            path(object.find(&["metadata", "labels", "x"]).expect("a label").place()),
            ["metadata", "labels", "x"]
        );
    }
}
