//! The size limits of `ConfigMaps` and annotations.
//!
//! The limits are the API server's: `tests/integration/agreement.rs` sends it objects of exactly that size.
//!
//! Does not check Secrets, whose values are redacted.

use diagnostics::{Code, Place};

use super::look::{At, Look};

/// The maximum total size of the values of a `ConfigMap`, in bytes.
const MAX_DATA: usize = 1024 * 1024;
/// The maximum total size of the annotations of an object, keys included, in bytes.
const MAX_ANNOTATIONS: usize = 256 * 1024;

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    if look.is("/ConfigMap") {
        let of = |field: &str| root.get(field).map(|at| at.entries()).unwrap_or_default();
        let texts: usize = of("data").iter().map(|(_, at)| at.text().map_or(0, str::len)).sum();
        let binary: usize = of("binaryData").iter().map(|(_, at)| at.text().map_or(0, decoded)).sum();
        let field = if texts >= binary { "data" } else { "binaryData" };
        limit(look, &root, field, texts + binary, MAX_DATA);
    }
    if let Some(metadata) = root.get("metadata") {
        let annotations = metadata.get("annotations").map(|at| at.entries()).unwrap_or_default();
        let size = annotations.iter().map(|(key, at)| key.name.len() + at.text().map_or(0, str::len)).sum();
        limit(look, &metadata, "annotations", size, MAX_ANNOTATIONS);
    }
}

/// The decoded size of base64 text.
fn decoded(text: &str) -> usize {
    let digits = text.chars().filter(|c| !c.is_whitespace() && *c != '=').count();
    digits * 3 / 4
}

fn limit(look: &mut Look<'_>, parent: &At<'_>, field: &str, size: usize, limit: usize) {
    if size <= limit {
        return;
    }
    let Some((key, _)) = parent.node.entry(field) else { return };
    let path = crate::validate::pointer::path(&[parent.steps.as_slice(), &[field.to_owned()]].concat());
    let message = format!("`{path}` of {} must have at most {limit} bytes", look.subject.title());
    // Point at the key, since the value is long.
    let place = Place::new(&parent.node.source, key.span.clone());
    look.found.push(look.subject.finding(Code::ObjectRefused, message, place, format!("has {size} bytes")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_decodes_to_three_quarters_of_its_length() {
        for (text, size) in [("", 0), ("YQ==", 1), ("YWI=", 2), ("YWJj", 3), ("YWJj\nYQ", 4)] {
            assert_eq!(decoded(text), size, "{text}");
        }
    }
}
