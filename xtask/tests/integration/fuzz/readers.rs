//! The readers of foreign text, and what must be true of every input.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use argocd::application_set::{self, Cluster, Repository, Surroundings, Unknown};
use argocd::{application, go_template, project};
use cluster::scenario::Scenario;
use diagnostics::{Diagnostics, Place, Source};
use document::{Node, toml, yaml};
use helm::template::instrument::{File, Printed, Trust, instrument};
use helm::template::marks::Marked;
use helm::values_schema::{self, keywords};
use kubernetes::golden_file::file_names;
use kubernetes::manifest;
use kubernetes::redaction::redact;
use kubernetes::schemas::{self, Kind, crd, openapi};
use kubernetes::validate::{kubeconform, pointer, problem};
use serde_json::{Map, Value};
use toolbox::archive;
use xtask::lint::argocd_annotations;

/// Reads an input, and panics if what must be true is not.
pub(crate) type Read = fn(&[u8]);

pub(crate) fn yaml(bytes: &[u8]) {
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
}

pub(crate) fn toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match toml::parse(&Source::new("input", text)) {
        Ok(root) => nodes(&root),
        Err(found) => places(&found),
    }
}

pub(crate) fn applications(bytes: &[u8]) {
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
}

pub(crate) fn manifests(bytes: &[u8]) {
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
    let names = file_names(&manifests);
    let unique: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(unique.len(), manifests.len(), "two objects have one file");
    for manifest in &manifests {
        let shown = redact(manifest, &|_| "<secret>".to_owned());
        assert!(manifest.secrets.is_empty() || !shown.is_empty());
        assert!(manifest::read_golden(&manifest.text, "ns").is_some(), "a golden is not an object");
    }
}

/// What Helm writes to standard error, and the marks in what it renders.
pub(crate) fn helm_output(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = helm::errors::parse(&text);
    let _ = helm::errors::version_not_found(&text);
    let _ = helm::errors::not_a_string(&text);
    for line in text.lines() {
        let _ = Printed::read(line);
    }
    let _ = Marked::read(&text);
}

pub(crate) fn templates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let template = helm::template::parse::parse(text);
    let _ = helm::template::unclosed::unclosed(text, &template);
    assert_eq!(xtask::lint::template::without_actions(text).len(), text.len());
    for trust in [Trust::Usual, Trust::Never] {
        let Some(instrumented) = instrument(&[File { text, printed: Some("/templates/a.yaml") }], trust) else {
            continue;
        };
        for mark in &instrumented.marks {
            assert!(text.get(mark.span.clone()).is_some(), "a mark lies outside of the text or cuts a character");
        }
    }
}

pub(crate) fn values_schemas(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let found = match values_schema::read("charts/x", &Source::new("values.schema.json", text)) {
        Ok(document) => {
            let keywords::Unsound { refused, accepted } = keywords::check(&document.root);
            Diagnostics([refused.0, accepted.0].concat())
        }
        Err(found) => found,
    };
    places(&found);
}

pub(crate) fn scenarios(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Scenario::parse(&Source::new("input", text), "app", "name", Path::new("/nowhere"));
    if let Err(found) = read {
        assert!(!found.is_empty(), "a scenario is refused without a diagnostic");
        places(&found);
    }
}

pub(crate) fn openapi(bytes: &[u8]) {
    let wanted = [("v1", "Pod"), ("apps/v1", "Deployment")].map(|(version, kind)| Kind::new(version, kind)).into();
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
}

pub(crate) fn kubeconform(bytes: &[u8]) {
    let answers = kubeconform::parse(bytes).unwrap_or_default();
    let words = String::from_utf8_lossy(bytes);
    for message in answers.values().map(|answer| answer.message.as_str()).chain([words.as_ref()]) {
        for problem in problem::parse(message) {
            let _ = pointer::path(&problem.at);
        }
    }
}

/// An archive, and the same bytes as an archive without compression: few changed bytes survive a checksum.
pub(crate) fn archives(bytes: &[u8]) {
    let packed = {
        let mut blocks = bytes.to_vec();
        blocks.resize(blocks.len().next_multiple_of(512), 0);
        for block in blocks.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
            let mut header = tar::Header::new_old();
            header.as_mut_bytes().copy_from_slice(block);
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &blocks).expect("in memory");
        encoder.finish().expect("in memory")
    };
    for bytes in [bytes, &packed] {
        match archive::read_chart("a.tgz", bytes) {
            Ok(files) => {
                for path in files.keys() {
                    assert!(!path.starts_with('/') && !path.contains(['\\', '\0']), "{path:?}");
                    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
                }
            }
            Err(found) => assert!(!found.is_empty(), "an archive is refused without a diagnostic"),
        }
        let _ = archive::read("a.tgz", bytes);
    }
}

pub(crate) fn application_sets(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = go_template::render(text, &go_template::Value::Missing, go_template::Options::default());
    let Ok(documents) = yaml::parse(&Source::new("input", text)) else { return };
    for document in &documents {
        let outcome = application_set::generate(&document.root, &World);
        places(&outcome.diagnostics);
        for generated in &outcome.applications {
            nodes(&generated.application);
        }
    }
}

/// What ApplicationSets refer to.
struct World;

impl Surroundings for World {
    fn repository(&self, _: &str, _: &str, _: &Place) -> Result<Arc<dyn Repository>, Unknown> {
        Ok(Arc::new(Files(["apps/web/config.json", "apps/api/config.yaml", "README.md"].map(str::to_owned))))
    }

    fn clusters(&self) -> Result<&[Cluster], Unknown> {
        Ok(&[])
    }

    fn samples(&self, _: &str, _: &str) -> Result<Vec<Node>, Unknown> {
        let text = "- {number: '7', branch: feature/X, head_short_sha: abc}\n";
        Ok(yaml::parse_one(&Source::new("charts.toml", text)).expect("YAML").root.items().to_vec())
    }
}

struct Files([String; 3]);

impl Repository for Files {
    fn paths(&self) -> &[String] {
        &self.0
    }

    fn read(&self, path: &str) -> Result<Arc<Source>, String> {
        Ok(Source::new(
            path,
            "{\"name\": \"web\", \"chart\": {\"version\": \"1.2.3\"}, \"tags\": [\"a\"], \"big\": 12345678}",
        ))
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
