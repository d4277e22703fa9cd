//! Readers of foreign text, fed with mutated files of this repository.
//!
//! Each test runs for `XTASK_FUZZ_SECONDS` (2 by default) from a fixed seed, so a failure comes back; `XTASK_FUZZ_SEED`
//! sets another one. A failing test prints the input. Reduce it, and add it to the tests of the reader before fixing.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use argocd::{application, project};
use cluster::scenario::Scenario;
use diagnostics::{Diagnostics, Source};
use document::{Node, toml, yaml};
use helm::values_schema::{self, keywords};
use kubernetes::manifest;
use kubernetes::schemas::{self, Kind, crd, openapi};
use kubernetes::validate::{kubeconform, pointer, problem};
use serde_json::{Map, Value};
use xtask::lint::argocd_annotations;

use crate::support::repository;

/// Texts that readers treat in a special way.
const TOKENS: &[&str] = &[
    "---\n",
    "...",
    "\n",
    "\r\n",
    "\t",
    " ",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "|2+\n",
    "'",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "!",
    "!!binary ",
    "%YAML 1.1\n",
    "null",
    "~",
    "yes",
    "0o17",
    "0x1F",
    "1e400",
    "-0",
    ".inf",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "ä",
    "😀",
    "\\u0000",
    "\\",
    "=",
    "\"\"\"",
    "'''",
    "# Source: a/templates/b.yaml\n",
];

#[test]
fn yaml_places_lie_inside_the_text_and_json_means_the_same() {
    fuzz(&["charts", "argocd", "tests/golden"], &["yaml"], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        match yaml::parse(&Source::new("input", text)) {
            Ok(documents) => {
                for document in documents {
                    nodes(&document.root);
                    let json = document.root.to_json();
                    let again = yaml::parse_one(&Source::new("json", json.as_str())).expect("JSON is YAML");
                    assert_eq!(again.root.to_json(), json);
                }
            }
            Err(found) => places(&found),
        }
    });
}

#[test]
fn toml_is_read_or_refused_with_a_place() {
    fuzz(&["."], &["toml", "lock"], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        match toml::parse(&Source::new("input", text)) {
            Ok(root) => nodes(&root),
            Err(found) => places(&found),
        }
    });
}

#[test]
fn applications_and_projects_are_read_or_refused_with_a_place() {
    fuzz(&["argocd"], &["yaml"], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(documents) = yaml::parse(&Source::new("input", text)) else { return };
        places(&application::read(&documents).findings());
        for document in &documents {
            places(&project::read(document).1);
            for own in [true, false] {
                for (_, place) in argocd_annotations::metadata(&document.root, own) {
                    let span = place.span.clone().unwrap_or_default();
                    assert!(place.source.text.get(span).is_some(), "{place:?} lies outside of the text");
                }
            }
        }
    });
}

#[test]
fn manifests_are_split_without_loss() {
    fuzz(&["tests/golden"], &["yaml"], |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(pieces) = manifest::split(text)
        {
            for piece in &pieces {
                assert!(text.contains(piece.text.trim_end()), "a piece is not part of the text");
                let again = manifest::split(&piece.text).expect("no separator is left in a piece");
                assert!(again.len() == 1 && again[0].text == piece.text, "a golden does not read back as itself");
            }
        }
        let Ok(manifests) = manifest::read(bytes, "ns") else { return };
        let names = manifest::file_names(&manifests);
        let unique: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(unique.len(), manifests.len(), "two objects have one file");
        for manifest in &manifests {
            let shown = manifest::redact(manifest, &|_| "<secret>".to_owned());
            assert!(manifest.secrets.is_empty() || !shown.is_empty());
            assert!(manifest::read_golden(&manifest.text, "ns").is_some(), "a golden is not an object");
        }
    });
}

#[test]
fn values_schemas_are_read_or_refused_with_a_place() {
    fuzz(&["charts"], &["schema.json"], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let found = match values_schema::read("charts/x", &Source::new("values.schema.json", text)) {
            Ok(document) => {
                let keywords::Unsound { refused, accepted } = keywords::check(&document.root);
                Diagnostics([refused.0, accepted.0].concat())
            }
            Err(found) => found,
        };
        places(&found);
    });
}

#[test]
fn scenarios_are_read_or_refused_with_a_place() {
    fuzz(&["tests/kind"], &["yaml"], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let read = Scenario::parse(&Source::new("input", text), "app", "name", Path::new("/nowhere"));
        if let Err(found) = read {
            assert!(!found.is_empty(), "a scenario is refused without a diagnostic");
            places(&found);
        }
    });
}

#[test]
fn schemas_are_written_as_they_are_read() {
    let wanted = [("v1", "Pod"), ("apps/v1", "Deployment")].map(|(version, kind)| Kind::new(version, kind)).into();
    fuzz(&["schemas"], &["json"], |bytes| {
        let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
        if openapi::is_openapi(&document) {
            let _ = openapi::version(&document);
        }
        let derived = openapi::derive(&document, &wanted);
        for schema in derived.schemas.values().chain(crd::derive(&document, &Map::new()).values()) {
            let text = schemas::text(schema);
            assert_eq!(&serde_json::from_str::<Value>(&text).expect("what is written is JSON"), schema);
            let _ = schemas::metadata(schema);
        }
    });
}

#[test]
fn output_of_kubeconform_is_read_or_refused() {
    let seed =
        br#"{"resources":[{"filename":"a.yaml","kind":"Service","name":"web","version":"v1","status":"statusInvalid",
        "msg":"problem validating schema. Check JSON formatting: jsonschema: '/spec/ports/0/port' does not validate with
        file:///x.json#/properties/spec: expected integer, but got string"}],"summary":{"valid":0,"invalid":1}}"#;
    fuzz_seeds(&[seed.to_vec()], |bytes| {
        let answers = kubeconform::parse(bytes).unwrap_or_default();
        let words = String::from_utf8_lossy(bytes);
        for message in answers.values().map(|answer| answer.message.as_str()).chain([words.as_ref()]) {
            for problem in problem::parse(message) {
                let _ = pointer::path(&problem.at);
            }
        }
    });
}

/// Feeds a reader with mutations of the files under some directories whose names end in one of some ways.
fn fuzz(folders: &[&str], ends: &[&str], read: impl Fn(&[u8])) {
    let mut seeds = Vec::new();
    let mut paths: Vec<PathBuf> = folders.iter().map(|folder| repository().join(folder)).collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let hidden = |path: &Path| {
                path.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'))
            };
            let entries = std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path());
            paths.extend(entries.filter(|path| !hidden(path)));
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            seeds.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
    seeds.sort();
    let seeds: Vec<_> = seeds.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() < 64 * 1024).collect();
    fuzz_seeds(&seeds, read);
}

fn fuzz_seeds(seeds: &[Vec<u8>], read: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "no file to begin with");
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
    };
    let mut random = fastrand::Rng::with_seed(number("XTASK_FUZZ_SEED", 0));
    let end = Instant::now() + Duration::from_secs(number("XTASK_FUZZ_SECONDS", 2));
    while Instant::now() < end {
        let mut input = random.choice(seeds).expect("a seed").clone();
        for _ in 0..random.usize(0..6) {
            mutate(&mut input, seeds, &mut random);
        }
        // A panic of the reader names a line of it, but not the input.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(&input))) {
            panic_message(&input);
            resume_unwind(panic);
        }
    }
}

#[expect(clippy::print_stderr, reason = "a failing test prints its input")]
fn panic_message(input: &[u8]) {
    eprintln!("the input was:\n{}\nas bytes: {:?}", String::from_utf8_lossy(input), String::from_utf8_lossy(input));
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(0..=input.len());
    let end = (at + random.usize(0..40)).min(input.len());
    match random.u8(0..6) {
        0 => drop(input.drain(at..end)),
        1 => drop(input.splice(at..at, random.choice(TOKENS).expect("a token").bytes())),
        2 => {
            let copied = input[at..end].to_vec();
            let to = random.usize(0..=input.len());
            drop(input.splice(to..to, copied));
        }
        3 => {
            let other = random.choice(seeds).expect("a seed");
            let from = random.usize(0..=other.len());
            let stretch = other[from..(from + random.usize(0..200)).min(other.len())].to_vec();
            drop(input.splice(at..end, stretch));
        }
        4 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.u8(..);
            }
        }
        _ => input.truncate(at),
    }
}

fn nodes(node: &Node) {
    assert!(node.source.text.get(node.span.clone()).is_some(), "a place lies outside of the text or cuts a character");
    let _ = node.place().position();
    node.items().iter().for_each(nodes);
    node.entries().iter().for_each(|(_, value)| nodes(value));
}

fn places(found: &Diagnostics) {
    for (place, _) in found.0.iter().flat_map(|found| &found.places) {
        let span = place.span.clone().unwrap_or_default();
        assert!(place.source.text.get(span).is_some(), "a place lies outside of the text or cuts a character");
    }
}
