//! An API server's document, and a CustomResourceDefinition: whatever they say, schemas are made of them or are not, and
//! each is written as it is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use xtask::schemas::{self, Kind, crd, openapi};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    if openapi::is_openapi(&document) {
        let _ = openapi::version(&document);
    }
    let wanted = [("v1", "Pod"), ("apps/v1", "Deployment")].map(|(version, kind)| Kind::new(version, kind)).into();
    let derived = openapi::derive(&document, &wanted);
    for schema in derived.schemas.values().chain(crd::derive(&document, &Map::new()).values()) {
        let text = schemas::text(schema);
        assert_eq!(&serde_json::from_str::<Value>(&text).expect("what is written is JSON"), schema);
        let _ = schemas::metadata(schema);
    }
});
