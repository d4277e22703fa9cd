//! A values.schema.json: read or refused, and what is told of it has a place inside of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::diagnostic::{Diagnostics, Source};
use xtask::workspace::values_schema::{self, keywords};

fuzz_target!(|text: &str| {
    let found = match values_schema::read("charts/x", &Source::new("values.schema.json", text)) {
        Ok(document) => {
            let keywords::Unsound { refused, accepted } = keywords::check(&document.root);
            Diagnostics([refused.0, accepted.0].concat())
        }
        Err(found) => found,
    };
    for (place, _) in found.0.iter().flat_map(|found| &found.places) {
        let span = place.span.clone().unwrap_or_default();
        assert!(place.source.text.get(span).is_some(), "a place cuts a character or lies outside of the text");
    }
});
