//! SealedSecrets that nothing will unseal, or that are not bound to their name and namespace.
//!
//! A ciphertext is base64 of: two bytes that hold the length of the sealed session key, that key, and the value sealed
//! with it (AES-GCM, whose tag alone has 16 bytes). In the strict scope, which is the default, name and namespace are
//! part of what is sealed: under any other name or in any other namespace it stays sealed.
//!
//! Deliberately absent: unsealing. Whether the controller's key fits, only the controller knows.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Key, Node, Value};
use kubernetes::forms;
use kubernetes::object;

/// What this check finds.
pub const CODES: &[Code] = &[Code::SealedSecretInvalid, Code::SealedSecretScope];

const GROUP: &str = "bitnami.com";

/// Annotations that widen the scope.
const SCOPES: [&str; 2] = ["sealedsecrets.bitnami.com/cluster-wide", "sealedsecrets.bitnami.com/namespace-wide"];

/// No RSA key that Kubernetes' libraries accept is shorter: 1024 bits.
const SHORTEST_KEY: usize = 128;

/// The tag at the end of what AES-GCM seals.
const TAG: usize = 16;

/// SealedSecrets that targets render, and those that lie under argocd/.
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
                for Found { code, message, place, label, help } in examine(root, "this SealedSecret", None) {
                    diagnostics.push(Diagnostic::new(code, message).at(place, label).help(help));
                }
            }
        }
    }
    diagnostics
}

/// Something that is wrong with a SealedSecret.
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
    for metadata in [metadata, template].into_iter().flatten() {
        for annotation in SCOPES {
            let node = metadata.get("annotations").and_then(|annotations| annotations.get(annotation));
            let set = |node: &Node| matches!(&node.value, Value::Bool(true)) || node.as_str() == Some("true");
            if let Some(node) = node.filter(|node| set(node)) {
                let what = annotation.rsplit('/').next().unwrap_or_default();
                let message = format!("{title} is sealed {what}");
                let label = "anyone who may create one there unseals it under another name".to_owned();
                scope(message, node, label, "seal it with `kubeseal --scope strict`, and remove the annotation");
            }
        }
    }
    let name = text(metadata, "name");
    if let (None, Some(node)) = (&name, metadata) {
        let label = "`name` belongs here".to_owned();
        scope(format!("{title} has no name of its own"), node, label, "give it the name that it was sealed for");
    }
    let namespace = text(metadata, "namespace");
    let landing = destination.filter(|destination| !destination.is_empty());
    match (&namespace, landing, metadata.and_then(|metadata| metadata.get("namespace"))) {
        (Some(own), Some(landing), Some(node)) if own != landing => scope(
            format!("{title} is not in the namespace of its Application"),
            node,
            format!("the Application's is `{landing}`"),
            "seal it for the Application's namespace, and name that, or `.Release.Namespace`, in the template",
        ),
        (None, _, _) if destination.is_none() => {
            if let Some(node) = metadata {
                let help = "name the namespace that it was sealed for";
                scope(format!("{title} names no namespace"), node, "`namespace` belongs here".to_owned(), help);
            }
        }
        _ => {}
    }
    let effective = namespace.as_deref().or(landing);
    for (key, own) in [("name", name.as_deref()), ("namespace", effective)] {
        let node = template.and_then(|template| template.get(key));
        if let (Some(node), Some(own)) = (node, own)
            && node.as_str().is_some_and(|text| text != own)
        {
            let label = format!("the SealedSecret's own is `{own}`");
            let message = format!("the template of {title} has another {key}");
            scope(message, node, label, "leave it out, or make both the same");
        }
    }
    found.extend(contents(root, title));
    found
}

/// What is wrong with the ciphertexts.
fn contents(root: &Node, title: &str) -> Vec<Found> {
    let spec = root.get("spec");
    let data = spec.and_then(|spec| spec.get("encryptedData"));
    let invalid = |message: String, place: Place, label: String| Found {
        code: Code::SealedSecretInvalid,
        message,
        place,
        label,
        help: "seal the value anew, with `kubeseal --raw --name NAME --namespace NAMESPACE`".to_owned(),
    };
    let entries = data.map(Node::entries).unwrap_or_default();
    if entries.is_empty() {
        let place = data.or(spec).unwrap_or(root).place();
        return vec![invalid(format!("{title} seals nothing"), place, "`encryptedData` has no entries".to_owned())];
    }
    // What was to be sealed may stand there in clear, and is not told.
    let withheld: Vec<Range<usize>> = entries.iter().map(|(_, value)| value.span.clone()).collect();
    let examine = |(key, value): &(Key, Node)| {
        if let Some(expected) = forms::config_key(&key.name) {
            let place = object::place_without(&value.source, key.span.clone(), &withheld);
            let found = Found {
                code: Code::SealedSecretInvalid,
                message: format!("no Secret can have the key `{}`, so {title} is never unsealed", key.name),
                place,
                label: expected,
                help: "give it another key; a strict seal does not depend on it".to_owned(),
            };
            return Some(found);
        }
        let wrong = match &value.value {
            Value::String(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
            Value::String(text) => decode(text),
            _ => Err(format!("this is {}", value.describe())),
        };
        let what = wrong.err()?;
        let place = object::place_without(&value.source, key.span.clone(), &withheld);
        Some(invalid(format!("`{}` of {title} is no ciphertext", key.name), place, what))
    };
    entries.iter().filter_map(examine).collect()
}

/// Whether a text has the frame of a ciphertext; the error is what it lacks.
fn decode(text: &str) -> Result<(), String> {
    // Go's decoder passes over line breaks.
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = BASE64_STANDARD.decode(&text).map_err(|_| "it is no base64".to_owned())?;
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return Err(format!("it holds {} byte, not even the length of a key", bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < SHORTEST_KEY || length > rest.len() {
        let rest = rest.len();
        return Err(format!("its first two bytes say {length} as the length of the sealed key; {rest} bytes follow"));
    }
    let value = rest.len() - length;
    if value < TAG {
        return Err(format!("{value} bytes follow the sealed key; even an empty value has {TAG}"));
    }
    if value == TAG {
        return Err("the value that is sealed is empty".to_owned());
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
    fn a_ciphertext_has_its_frame() {
        for (text, said) in [
            (frame(512, 512 + 17), ""),
            (frame(256, 256 + 40), ""),
            (frame(512, 512 + 16), "the value that is sealed is empty"),
            (frame(512, 512), "0 bytes follow"),
            (frame(512, 100), "say 512"),
            (frame(2, 100), "say 2"),
            ("hunter2!".to_owned(), "no base64"),
            ("aGVsbG8gd29ybGQ=".to_owned(), "say 26725"),
            ("AA==".to_owned(), "1 byte"),
            (format!("{}=", frame(512, 512 + 17)), "no base64"),
        ] {
            match decode(&text) {
                Ok(()) => assert_eq!(said, "", "{text}"),
                Err(what) => assert!(!said.is_empty() && what.contains(said), "{text}: {what}"),
            }
        }
    }
}
