//! Applications, projects, and the metadata of anything: read or refused, and what is told has a place inside of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::diagnostic::Source;
use xtask::document::yaml;
use xtask::lint::argocd_annotations;
use xtask::workspace::{application, project};

fuzz_target!(|text: &str| {
    let Ok(documents) = yaml::parse(&Source::new("input", text)) else { return };
    let mut places = Vec::new();
    let (_, found) = application::read(&documents);
    places.extend(found.0.into_iter().flat_map(|found| found.places).map(|(place, _)| place));
    for document in &documents {
        let (_, found) = project::read(document);
        places.extend(found.0.into_iter().flat_map(|found| found.places).map(|(place, _)| place));
        for own in [true, false] {
            places.extend(argocd_annotations::metadata(&document.root, own).into_iter().map(|(_, place)| place));
        }
    }
    for place in places {
        let span = place.span.clone().unwrap_or_default();
        assert!(place.source.text.get(span).is_some(), "a place cuts a character or lies outside of the text");
    }
});
