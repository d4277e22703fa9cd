//! Cached findings. Their places are in files of the workspace, each with a digest: if a file changed and a place
//! may have moved, the findings count as unknown.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Origin, Place, Source};
use serde::{Deserialize, Serialize};
use toolbox::{inputs, source};

#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    code: String,
    message: String,
    places: Vec<Location>,
    target: Option<String>,
    notes: Vec<String>,
    helps: Vec<String>,
    origin: Option<Object>,
    facts: Vec<Fact>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Location {
    file: String,
    /// The bytes of the text; absent for a whole file.
    span: Option<Range<usize>>,
    label: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Object {
    golden: String,
    template: String,
    kind: String,
    name: String,
    path: Vec<String>,
}

/// Findings, and the digests of the files that they show.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CachedFindings {
    files: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

impl CachedFindings {
    /// Findings that can be read again; `None` if a place is in a different text than a file of the workspace, such as one
    /// without the values of a Secret.
    #[must_use]
    pub fn of(root: &Path, diagnostics: &Diagnostics) -> Option<Self> {
        let mut files = BTreeMap::new();
        for (place, _) in diagnostics.0.iter().flat_map(|found| &found.places) {
            let name = &place.source.name;
            if place.span.is_some() && !files.contains_key(name) {
                let same = source::read(root, &root.join(name)).is_ok_and(|file| file == place.source);
                files.insert(name.clone(), same.then(|| inputs::digest(place.source.text.as_bytes()))?);
            }
        }
        Some(Self { files, findings: diagnostics.0.iter().map(Finding::of).collect() })
    }

    /// The findings; `None` if a file of them changed.
    #[must_use]
    pub fn read(self, root: &Path) -> Option<Diagnostics> {
        let mut sources = BTreeMap::new();
        for (name, digest) in self.files {
            let source = source::read(root, &root.join(&name)).ok()?;
            if inputs::digest(source.text.as_bytes()) != digest {
                return None;
            }
            sources.insert(name, source);
        }
        let findings = self.findings.into_iter().map(|finding| finding.read(&sources));
        Some(Diagnostics(findings.collect::<Option<_>>()?))
    }
}

impl Finding {
    fn of(found: &Diagnostic) -> Self {
        let location = |(place, label): &(Place, String)| Location {
            file: place.source.name.clone(),
            span: place.span.clone(),
            label: label.clone(),
        };
        let object =
            |Origin { golden, template, kind, name, path }: Origin| Object { golden, template, kind, name, path };
        Self {
            code: found.code.name().to_owned(),
            message: found.message.clone(),
            places: found.places.iter().map(location).collect(),
            target: found.target.clone(),
            notes: found.notes.clone(),
            helps: found.helps.clone(),
            origin: found.origin.clone().map(object),
            facts: found.facts.clone(),
        }
    }

    fn read(self, sources: &BTreeMap<String, Arc<Source>>) -> Option<Diagnostic> {
        let code = Code::ALL.iter().find(|code| code.name() == self.code)?;
        let mut found = Diagnostic::new(*code, self.message);
        for Location { file, span, label } in self.places {
            let place = match span {
                Some(span) => Place::new(sources.get(&file)?, span),
                None => Place::file(file),
            };
            found = found.at(place, label);
        }
        let origin =
            |Object { golden, template, kind, name, path }: Object| Origin { golden, template, kind, name, path };
        Some(Diagnostic {
            target: self.target,
            notes: self.notes,
            helps: self.helps,
            origin: self.origin.map(origin),
            facts: self.facts,
            ..found
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_as_they_were_unless_a_file_of_them_changed() {
        let root = tempfile::tempdir().expect("temporary directory");
        let path = root.path().join("a.yaml");
        std::fs::write(&path, "a: 1\nb: 2\n").expect("written");
        let source = source::read(root.path(), &path).expect("readable");
        let origin = Origin {
            golden: "g.yaml".to_owned(),
            template: "t".to_owned(),
            kind: "Pod".to_owned(),
            name: "p".to_owned(),
            path: vec!["spec".to_owned()],
        };
        let mut found = Diagnostic::new(Code::HelmLint, "message")
            .at(Place::new(&source, 5..9), "here")
            .at(Place::file("missing.yaml"), "")
            .target("web/default")
            .note("note")
            .help(diagnostics::did_you_mean("other"))
            .fact(Fact::missing("Service", "web"));
        found.origin = Some(origin);
        let found = Diagnostics(vec![found]);
        let keep = || CachedFindings::of(root.path(), &found).map(|kept| serde_json::to_vec(&kept).expect("JSON"));
        let bytes = keep().expect("places in files");
        let read = || serde_json::from_slice::<CachedFindings>(&bytes).expect("JSON").read(root.path());
        assert_eq!(read(), Some(found.clone()));
        std::fs::write(&path, "# moved\na: 1\nb: 2\n").expect("written");
        assert_eq!(read(), None);
        assert!(keep().is_none(), "the place is in a different text than that of the file");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(read(), None);
    }
}
