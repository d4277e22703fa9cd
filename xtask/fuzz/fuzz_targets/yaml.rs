//! Any text as YAML: it is read or refused, its places lie inside it, and what is read means the same written as JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::diagnostic::Source;
use xtask::document::{Node, yaml};

fuzz_target!(|text: &str| {
    match yaml::parse(&Source::new("input", text)) {
        Ok(documents) => {
            for document in documents {
                places(&document.root);
                let json = document.root.to_json();
                let again = yaml::parse_one(&Source::new("json", json.as_str())).expect("JSON is YAML");
                assert_eq!(again.root.to_json(), json);
            }
        }
        Err(diagnostics) => {
            for (place, _) in diagnostics.0.iter().flat_map(|diagnostic| &diagnostic.places) {
                let span = place.span.clone().unwrap_or_default();
                assert!(text.get(span).is_some(), "an error points outside of the text");
            }
        }
    }
});

fn places(node: &Node) {
    assert!(node.source.text.get(node.span.clone()).is_some(), "a place cuts a character or lies outside of the text");
    let _ = node.place().position();
    node.items().iter().for_each(places);
    node.entries().iter().for_each(|(_, value)| places(value));
}
