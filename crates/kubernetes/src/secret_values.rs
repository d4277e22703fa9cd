//! Finds the values of Secrets in a document, which are never shown.
//!
//! A Secret may be anywhere: in a List, in a List of a List, or in a value that a duplicate key replaces, which the API
//! server never sees and people do.

use std::ops::Range;

use document::yaml::Document;
use document::{Node, Value};

/// The annotation in which `kubectl apply` repeats the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A value of a Secret, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretValue {
    /// Its byte range in the text.
    pub span: Range<usize>,
}

/// The values of Secrets in a document of a length, or all of it if they cannot be located. Sorted, without overlaps.
#[must_use]
pub fn find(document: &Document, length: usize) -> Vec<SecretValue> {
    let mut secrets = Vec::new();
    let mut found = Vec::new();
    for root in std::iter::once(&document.root).chain(&document.replaced) {
        collect(root, &mut secrets, &mut found);
    }
    // With aliases in a Secret, or anchors, a value may be anywhere in the text.
    let text = &document.root.source.text;
    let refers = |span: &Range<usize>| text.get(span.clone()).is_none_or(|text| text.contains(['*', '&']));
    if document.aliases && secrets.iter().any(refers) {
        return vec![SecretValue { span: 0..length }];
    }
    let inside = |span: &Range<usize>| secrets.iter().any(|own| own.start <= span.start && span.end <= own.end);
    found.extend(document.replaced.iter().map(|node| node.span.clone()).filter(inside));
    found.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut values: Vec<SecretValue> = Vec::new();
    for span in found {
        match values.last_mut() {
            Some(last) if span.start < last.span.end => last.span.end = last.span.end.max(span.end),
            _ => values.push(SecretValue { span }),
        }
    }
    values
}

/// Adds the ranges of all Secrets in a tree, and those of their values.
fn collect(node: &Node, secrets: &mut Vec<Range<usize>>, values: &mut Vec<Range<usize>>) {
    node.items().iter().for_each(|item| collect(item, secrets, values));
    node.entries().iter().for_each(|(_, value)| collect(value, secrets, values));
    if node.get("kind").and_then(Node::as_str) != Some("Secret") {
        return;
    }
    secrets.push(node.span.clone());
    for (key, value) in node.entries() {
        match (key.name.as_str(), &value.value) {
            ("apiVersion" | "kind" | "type" | "immutable", _) | (_, Value::Null) => {}
            ("metadata", _) => values.extend(value.find(&["annotations", LAST_APPLIED]).map(|node| node.span.clone())),
            // `data`, `stringData`, and fields that are misspelled.
            (_, Value::Mapping(entries)) => values.extend(entries.iter().map(|(_, value)| value.span.clone())),
            _ => values.push(value.span.clone()),
        }
    }
}

/// Whether a text that is not a valid document may contain values of a Secret.
#[must_use]
pub fn may_be_in(text: &str) -> bool {
    text.match_indices("kind").any(|(start, kind)| {
        let rest = text[start + kind.len()..].trim_start_matches(['"', '\'']).trim_start();
        let value = rest.strip_prefix(':').map(|rest| rest.trim_start().trim_start_matches(['"', '\'']));
        let after = value.and_then(|value| value.strip_prefix("Secret"));
        after.is_some_and(|after| !after.starts_with(char::is_alphanumeric))
    })
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    /// The values of Secrets in a text.
    fn values(text: &str) -> Vec<&str> {
        let document = yaml::parse_one(&Source::new("x", text)).expect("YAML");
        find(&document, text.len()).into_iter().map(|value| &text[value.span]).collect()
    }

    #[test]
    fn secrets_are_found_at_any_depth() {
        let secret = "{kind: Secret, stringData: {a: one}, data: {b: two}}";
        for text in [
            secret.to_owned(),
            format!("{{kind: List, items: [{secret}]}}"),
            format!("{{kind: List, items: [{{kind: List, items: [{secret}]}}]}}"),
            format!("{{kind: Template, objects: {{x: {secret}}}}}"),
            format!("{{kind: List, items: [{secret}], items: []}}"),
        ] {
            assert!(values(&text).contains(&"one") && values(&text).contains(&"two"), "{text}");
        }
        assert!(values("{kind: ConfigMap, data: {a: one}}").is_empty());
    }

    #[test]
    fn values_in_misspelled_fields_and_in_copies_of_the_object_are_found() {
        let copied = format!("{{kind: Secret, metadata: {{name: a, annotations: {{{LAST_APPLIED}: one, b: two}}}}}}");
        assert_eq!(values(&copied), ["one"]);
        assert_eq!(values("{kind: Secret, type: Opaque, stringdata: {a: one}, value: two}"), ["one", "two"]);
    }

    #[test]
    fn a_text_that_is_no_yaml_may_be_a_secret() {
        for text in ["kind: Secret\na: b: {x", "a: [\n{\"kind\" : \"Secret\", x", "- kind:   'Secret'\n"] {
            assert!(may_be_in(text), "{text}");
        }
        for text in ["kind: ConfigMap\na: Secret", "kind: SealedSecret", "kind: SecretStore", "kinds: [Secret]", ""] {
            assert!(!may_be_in(text), "{text}");
        }
    }

    #[test]
    fn values_that_a_duplicate_key_replaces_are_found() {
        for text in [
            "{kind: Secret, stringData: {a: one, a: two}}",
            "{kind: Secret, stringData: {a: one}, stringData: {b: two}}",
            "{kind: Secret, stringData: {a: one}, stringData: null}",
        ] {
            assert!(values(text).iter().any(|value| value.contains("one")), "{text}");
        }
        assert!(values("{kind: ConfigMap, data: {a: one, a: two}}").is_empty());
    }

    #[test]
    fn all_of_a_text_with_aliases_is_secret() {
        let text = "a: &a {b: one}\nkind: Secret\nstringData: *a\n";
        assert_eq!(values(text), [text]);
        let beside = "a: &a b\nc: *a\nobjects: [{kind: Secret, stringData: {d: one}}]\n";
        assert_eq!(values(beside), ["one"], "no alias is in the Secret");
    }
}
