//! How much a `ConfigMap` and annotations may hold.
//!
//! The bounds are the API server's: `tests/integration/agreement.rs` asks it about objects of just that size.
//!
//! Deliberately absent: Secrets, whose values are withheld from what is looked at.

use super::look::{At, Look};
use diagnostics::{Code, Place};

/// Bytes of all values of a `ConfigMap` together.
const DATA: usize = 1024 * 1024;
/// Bytes of all annotations of an object together, keys and values.
const ANNOTATIONS: usize = 256 * 1024;

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    if look.is("/ConfigMap") {
        let of = |field: &str| root.get(field).map(|at| at.entries()).unwrap_or_default();
        let texts: usize = of("data").iter().map(|(_, at)| at.text().map_or(0, str::len)).sum();
        let binary: usize = of("binaryData").iter().map(|(_, at)| at.text().map_or(0, decoded)).sum();
        let field = if texts >= binary { "data" } else { "binaryData" };
        bounded(look, &root, field, texts + binary, DATA);
    }
    if let Some(metadata) = root.get("metadata") {
        let annotations = metadata.get("annotations").map(|at| at.entries()).unwrap_or_default();
        let size = annotations.iter().map(|(key, at)| key.name.len() + at.text().map_or(0, str::len)).sum();
        bounded(look, &metadata, "annotations", size, ANNOTATIONS);
    }
}

/// How many bytes a text in base64 stands for.
fn decoded(text: &str) -> usize {
    let digits = text.chars().filter(|c| !c.is_whitespace() && *c != '=').count();
    digits * 3 / 4
}

fn bounded(look: &mut Look<'_>, parent: &At<'_>, field: &str, size: usize, most: usize) {
    if size <= most {
        return;
    }
    let Some((key, _)) = parent.node.entries().iter().find(|(key, _)| key.name == field) else { return };
    let path = crate::validate::pointer::path(&[parent.steps.as_slice(), &[field.to_owned()]].concat());
    let message = format!("`{path}` of {} holds {size} bytes", look.subject.title());
    // Its key: what is under it is long.
    let place = Place::new(&parent.node.source, key.span.clone());
    look.found.push(look.subject.finding(Code::ObjectRefused, message, place, format!("expected at most {most}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_stands_for_three_quarters_of_its_length() {
        for (text, size) in [("", 0), ("YQ==", 1), ("YWI=", 2), ("YWJj", 3), ("YWJj\nYQ", 4)] {
            assert_eq!(decoded(text), size, "{text}");
        }
    }
}
