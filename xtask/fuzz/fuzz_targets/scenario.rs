//! A scenario of `test-kind`: read or refused, and what is told of it has a place inside of it.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use xtask::diagnostic::Source;
use xtask::scenario::Scenario;

fuzz_target!(|text: &str| {
    let read = Scenario::parse(&Source::new("input", text), "app", "name", Path::new("/nowhere"));
    let Err(found) = read else { return };
    assert!(!found.is_empty(), "a scenario is refused without a word");
    for (place, _) in found.0.iter().flat_map(|found| &found.places) {
        let span = place.span.clone().unwrap_or_default();
        assert!(place.source.text.get(span).is_some(), "a place cuts a character or lies outside of the text");
    }
});
