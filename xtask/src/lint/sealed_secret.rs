//! SealedSecrets that cannot be unsealed, or that are not bound to their name and namespace.
//!
//! A ciphertext is the base64 encoding of the length of the encrypted session key (two bytes), that key, and the value
//! encrypted with it (AES-GCM, whose tag has 16 bytes). In the default scope, strict, the ciphertext is bound to name
//! and namespace: with another name or in another namespace, it cannot be unsealed.
//!
//! Does not decrypt anything: only the controller can tell whether its key fits.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Key, Node, Value};
use kubernetes::{forms, object};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SealedSecretInvalid, Code::SealedSecretScope];

const GROUP: &str = "bitnami.com";

/// Annotations that widen the scope.
const SCOPES: [&str; 2] = ["sealedsecrets.bitnami.com/cluster-wide", "sealedsecrets.bitnami.com/namespace-wide"];

/// The length of the shortest RSA key that Kubernetes' libraries accept: 1024 bits.
const SHORTEST_KEY: usize = 128;

/// The length of the AES-GCM tag.
const TAG: usize = 16;

/// Checks the SealedSecrets that targets render, and those under argocd/.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        if object.key.kind != "SealedSecret" || object.key.group != GROUP {
            continue;
        }
        let target = subject.targets.iter().find(|target| target.id.to_string() == object.target);
        let destination = target.map(|target| target.deployment.application.namespace.as_str()).unwrap_or_default();
        let title = object.key.to_string();
        for Found { code, message, place, label, help } in examine(&object.root, &title, Some(destination)) {
            diagnostics.push(object.finding(code, message, place, label).help(help));
        }
    }
    for file in &subject.workspace.argocd {
        for root in file.documents.iter().map(|document| &document.root) {
            let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
            if text("kind") == "SealedSecret" && text("apiVersion").starts_with("bitnami.com/") {
                for Found { code, message, place, label, help } in examine(root, "the SealedSecret", None) {
                    diagnostics.push(Diagnostic::new(code, message).at(place, label).help(help));
                }
            }
        }
    }
    diagnostics
}

/// The scope of a SealedSecret, and the place of the annotation that sets it; `None` for strict. Takes its `metadata`: the
/// controller does not read the annotations of the template.
pub(crate) fn scope(metadata: &Node) -> Option<(&'static str, Place)> {
    SCOPES.iter().find_map(|annotation| Some((name_of(annotation), widened(metadata, annotation)?.place())))
}

/// The annotation in `metadata`, if it widens the scope.
fn widened<'a>(metadata: &'a Node, annotation: &str) -> Option<&'a Node> {
    let node = metadata.get("annotations")?.get(annotation)?;
    (matches!(&node.value, Value::Bool(true)) || node.as_str() == Some("true")).then_some(node)
}

fn name_of(annotation: &'static str) -> &'static str {
    annotation.rsplit('/').next().unwrap_or_default()
}

/// A problem of a SealedSecret.
struct Found {
    code: Code,
    message: String,
    place: Place,
    label: String,
    help: String,
}

/// `destination` is the namespace of the Application that renders it.
fn examine(root: &Node, title: &str, destination: Option<&str>) -> Vec<Found> {
    let mut found = Vec::new();
    let metadata = root.get("metadata");
    let template = root.get("spec").and_then(|spec| spec.get("template"));
    let template = template.and_then(|template| template.get("metadata"));
    let text = |node: Option<&Node>, key: &str| Some(node?.get(key)?.as_str()?.to_owned());
    let mut scope = |message: String, node: &Node, label: String, help: &str| {
        let (place, help) = (node.place(), help.to_owned());
        found.push(Found { code: Code::SealedSecretScope, message, place, label, help });
    };
    for annotation in SCOPES {
        // kubeseal sets the same annotation in both places.
        let node = [metadata, template].into_iter().flatten().find_map(|metadata| widened(metadata, annotation));
        if let Some(node) = node {
            let message = format!("{title} has the scope {}", name_of(annotation));
            let label = "anyone who can create SealedSecrets in this scope can unseal it under another name".to_owned();
            scope(message, node, label, "seal it again with `kubeseal --scope strict`, and remove the annotation");
        }
    }
    let name = text(metadata, "name");
    if let (None, Some(node)) = (&name, metadata) {
        let label = "`name` is required here".to_owned();
        scope(format!("{title} has no `metadata.name`"), node, label, "set the name that it was sealed for");
    }
    let namespace = text(metadata, "namespace");
    let landing = destination.filter(|destination| !destination.is_empty());
    if let (None, None, Some(node)) = (&namespace, destination, metadata) {
        let label = "`namespace` is required here".to_owned();
        scope(format!("{title} has no `metadata.namespace`"), node, label, "set the namespace that it was sealed for");
    }
    let effective = namespace.as_deref().or(landing);
    for (key, own) in [("name", name.as_deref()), ("namespace", effective)] {
        let node = template.and_then(|template| template.get(key));
        if let (Some(node), Some(own)) = (node, own)
            && node.as_str().is_some_and(|text| text != own)
        {
            let label = format!("the SealedSecret has `{own}`");
            let message = format!("the {key} in `spec.template` of {title} differs from its own");
            scope(message, node, label, "remove it from the template, or use the same value");
        }
    }
    found.extend(contents(root, title));
    found
}

/// Checks the ciphertexts.
fn contents(root: &Node, title: &str) -> Vec<Found> {
    let spec = root.get("spec");
    let data = spec.and_then(|spec| spec.get("encryptedData"));
    let invalid = |message: String, place: Place, label: String| Found {
        code: Code::SealedSecretInvalid,
        message,
        place,
        label,
        help: "seal the value again: `kubeseal --raw --name NAME --namespace NAMESPACE`".to_owned(),
    };
    let entries = data.map(Node::entries).unwrap_or_default();
    if entries.is_empty() {
        let place = data.or(spec).unwrap_or(root).place();
        return vec![invalid(
            format!("{title} has no encrypted values"),
            place,
            "`encryptedData` is missing or empty".to_owned(),
        )];
    }
    // An invalid ciphertext may be a plain value, so it is never printed.
    let withheld: Vec<Range<usize>> = entries.iter().map(|(_, value)| value.span.clone()).collect();
    let examine = |(key, value): &(Key, Node)| {
        if let Some(expected) = forms::config_key(&key.name) {
            let place = object::place_without(&value.source, key.span.clone(), &withheld);
            let found = Found {
                code: Code::SealedSecretInvalid,
                message: format!("`{}` is not a valid key of a Secret, so {title} cannot be unsealed", key.name),
                place,
                label: expected,
                help: "rename the key; the ciphertext does not depend on it".to_owned(),
            };
            return Some(found);
        }
        let wrong = match &value.value {
            Value::String(text) if text.trim().is_empty() => Err("empty".to_owned()),
            Value::String(text) => decode(text),
            _ => Err(format!("found {}", value.describe())),
        };
        let what = wrong.err()?;
        let place = object::place_without(&value.source, key.span.clone(), &withheld);
        Some(invalid(format!("`{}` of {title} is not a valid ciphertext", key.name), place, what))
    };
    entries.iter().filter_map(examine).collect()
}

/// Checks that a text has the structure of a ciphertext; the error says what is wrong.
fn decode(text: &str) -> Result<(), String> {
    // Go's decoder ignores line breaks.
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = BASE64_STANDARD.decode(&text).map_err(|_| "not valid base64".to_owned())?;
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return Err(format!("too short: {} byte", bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < SHORTEST_KEY || length > rest.len() {
        let rest = rest.len();
        return Err(format!("the first two bytes give a key length of {length}, but {rest} bytes follow"));
    }
    let value = rest.len() - length;
    if value < TAG {
        return Err(format!("too short: {value} bytes after the key, but even an empty value has {TAG}"));
    }
    if value == TAG {
        return Err("the encrypted value is empty".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u16, rest: usize) -> String {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(vec![7; rest]);
        BASE64_STANDARD.encode(bytes)
    }

    #[test]
    fn the_structure_of_a_ciphertext_is_checked() {
        for (text, expected) in [
            (frame(512, 512 + 17), ""),
            (frame(256, 256 + 40), ""),
            (frame(512, 512 + 16), "the encrypted value is empty"),
            (frame(512, 512), "0 bytes after the key"),
            (frame(512, 100), "a key length of 512"),
            (frame(2, 100), "a key length of 2,"),
            ("hunter2!".to_owned(), "not valid base64"),
            ("aGVsbG8gd29ybGQ=".to_owned(), "a key length of 26725"),
            ("AA==".to_owned(), "1 byte"),
            (format!("{}=", frame(512, 512 + 17)), "not valid base64"),
        ] {
            match decode(&text) {
                Ok(()) => assert_eq!(expected, "", "{text}"),
                Err(what) => assert!(!expected.is_empty() && what.contains(expected), "{text}: {what}"),
            }
        }
    }
}
