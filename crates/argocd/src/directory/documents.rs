//! The documents of a file, split and identified like in Argo CD.
//!
//! A YAML file that begins with `{` is read as a stream of JSON objects as far as it is one, and as YAML from there on.
//! A `.json` file must contain exactly one object. If the first document of a YAML file is not an object with a `kind`,
//! the file is ignored, unless it contains `apiVersion:`, `kind:`, and `metadata:`.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Place, Result, Source};
use document::{Node, Value, yaml};

/// A document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file, relative to the root of the repository.
    pub file: String,
    /// The line at which the text begins in the file, counted from 1.
    pub line: usize,
    /// The text of the document without blank lines at both ends, ending with one line break.
    pub text: String,
}

/// The text of a file: UTF-8, or with a byte order mark UTF-16; invalid bytes are replaced like in Go.
pub(super) fn decode(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The object of a `.json` file.
pub(super) fn json(source: &Arc<Source>) -> Result<Vec<Manifest>> {
    let mut values = serde_json::Deserializer::from_str(&source.text).into_iter::<serde_json::Value>();
    let first = values.next();
    let end = values.byte_offset();
    let invalid = |what: &str, at: usize, label: &str| {
        Diagnostic::new(Code::ManifestInvalid, format!("`{}` {what}", source.name))
            .at(Place::new(source, at..at), label)
            .note("Argo CD reads every `.json` file in the directory as a manifest")
    };
    let exclude = "if it is not a manifest, exclude it with `directory.exclude`";
    match first {
        None => return Err(invalid("is empty", 0, "").help(exclude).into()),
        Some(Err(error)) => {
            let at = Place::line(source, error.line()).span.map_or(0, |span| span.start);
            return Err(invalid(&format!("is not valid JSON: {error}"), at, "").help(exclude).into());
        }
        Some(Ok(value)) if !has_kind(&value) => {
            let message = "is not a manifest: it has no `kind`";
            return Err(invalid(message, 0, "").help(exclude).into());
        }
        Some(Ok(_)) => {}
    }
    // Go's decoder takes a closing bracket for the end.
    if !source.text[end..].trim().is_empty() && !source.text[end..].trim_start().starts_with([']', '}']) {
        let at = end + (source.text[end..].len() - source.text[end..].trim_start().len());
        return Err(invalid("contains more than one JSON value", at, "second value")
            .help("put each object into a file of its own, or use a `List`")
            .into());
    }
    Ok(vec![manifest(source, 0..end, true)])
}

/// Whether an object has the `kind` that Argo CD requires.
fn has_kind(value: &serde_json::Value) -> bool {
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    !text("kind").is_empty() && text("apiVersion").matches('/').count() < 2
}

/// The objects of a YAML file.
pub(super) fn yaml(source: &Arc<Source>) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    match collect(source, &mut manifests) {
        Ok(()) => Ok(manifests),
        Err(problem) if !manifests.is_empty() || looks_like_a_manifest(&source.text) => Err(problem.report(source)),
        // An unrelated file, such as values.yaml.
        Err(_) => Ok(Vec::new()),
    }
}

fn looks_like_a_manifest(text: &str) -> bool {
    ["apiVersion:", "kind:", "metadata:"].iter().all(|word| text.contains(word))
}

/// Why a document is not an object.
enum Problem {
    /// It cannot be parsed.
    Syntax(diagnostics::Diagnostics),
    /// Something else is wrong at a place: what, and the label.
    At(String, usize, &'static str),
}

impl Problem {
    fn report(self, source: &Arc<Source>) -> diagnostics::Diagnostics {
        match self {
            Self::Syntax(mut found) => {
                for diagnostic in &mut found.0 {
                    diagnostic.code = Code::ManifestInvalid;
                    let what = diagnostic.reason();
                    diagnostic.message = format!("`{}` is not valid YAML: {what}", source.name);
                }
                found
            }
            Self::At(what, at, label) => Diagnostic::new(Code::ManifestInvalid, format!("`{}` {what}", source.name))
                .at(first_line(source, at), label)
                .help("if the file is not a manifest, exclude it with `directory.exclude`")
                .into(),
        }
    }
}

/// The line of a file that begins at an offset or after it, without comments and blank lines.
fn first_line(source: &Arc<Source>, at: usize) -> Place {
    let mut start = at;
    for line in source.text[at..].split_inclusive('\n') {
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            return Place::new(source, start..start + line.trim_end().len());
        }
        start += line.len();
    }
    Place::new(source, at..at)
}

/// Collects the objects up to the first document that is none.
fn collect(source: &Arc<Source>, manifests: &mut Vec<Manifest>) -> std::result::Result<(), Problem> {
    let text = &source.text;
    let mut start = 0;
    if text.trim_start().starts_with('{') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        let mut count = 0;
        loop {
            match values.next() {
                None => return Ok(()),
                Some(Ok(value)) => {
                    let end = values.byte_offset();
                    if !has_kind(&value) {
                        return Err(Problem::At("contains an object without `kind`".to_owned(), start, ""));
                    }
                    manifests.push(manifest(source, start..end, true));
                    count += 1;
                    start = end;
                }
                // After two objects, the file is JSON for Argo CD; before, it may be YAML.
                Some(Err(error)) if count > 1 => {
                    let what = format!("is not valid JSON: {error}");
                    return Err(Problem::At(what, start, "after this object"));
                }
                Some(Err(_)) => break,
            }
        }
        // The rest of the line after the object does not count.
        let rest = &text[start..];
        if count > 0 {
            start += rest
                .find(|c: char| !c.is_whitespace() || c == '\n')
                .map_or(rest.len(), |at| at + usize::from(rest[at..].starts_with('\n')));
        }
    }
    documents(source, start, manifests)
}

/// Collects the YAML documents from an offset on.
fn documents(source: &Arc<Source>, from: usize, manifests: &mut Vec<Manifest>) -> std::result::Result<(), Problem> {
    let mut start = from;
    let mut position = from;
    for line in source.text[from..].split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let what = format!("contains `{}`, which is not a valid document separator", line.trim_end());
                return Err(Problem::At(what, position, "put `---` on a line of its own"));
            }
            manifests.extend(document(source, start..position)?);
            start = position + line.len();
        }
        position += line.len();
    }
    manifests.extend(document(source, start..source.text.len())?);
    Ok(())
}

/// The object in a document; none if it is empty.
fn document(source: &Arc<Source>, range: std::ops::Range<usize>) -> std::result::Result<Option<Manifest>, Problem> {
    // Argo CD reads the first of several documents, and `...` ends it.
    let ends = |line: &str| line.strip_prefix("...").is_some_and(|rest| rest.trim().is_empty());
    let lines = source.text[range.clone()].split_inclusive('\n');
    let length: usize = lines.take_while(|line| !ends(line)).map(str::len).sum();
    let range = range.start..range.start + length;
    let text = &source.text[range.clone()];
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = yaml::parse_one(&Source::new(source.name.clone(), text)).map_err(|mut found| {
        // The places are those of the document; they must be those of the file.
        for (place, _) in found.0.iter_mut().flat_map(|diagnostic| &mut diagnostic.places) {
            let span = place.span.as_ref().map(|span| span.start + range.start..span.end + range.start);
            *place = Place { source: Arc::clone(source), span };
        }
        Problem::Syntax(found)
    })?;
    let root = &parsed.root;
    let string = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    match &root.value {
        Value::Null => Ok(None),
        Value::Mapping(_) if string("kind").is_empty() => {
            Err(Problem::At("contains an object without `kind`".to_owned(), range.start, ""))
        }
        Value::Mapping(_) if string("apiVersion").matches('/').count() > 1 => {
            let what = format!("contains an object with the invalid `apiVersion` `{}`", string("apiVersion"));
            Err(Problem::At(what, range.start, ""))
        }
        Value::Mapping(_) => Ok(Some(manifest(source, range, false))),
        _ => {
            let what = format!("contains {}, not an object", root.describe());
            Err(Problem::At(what, range.start, ""))
        }
    }
}

/// A document without blank lines at both ends.
fn manifest(source: &Arc<Source>, range: std::ops::Range<usize>, json: bool) -> Manifest {
    let mut start = range.start;
    for line in source.text[range.clone()].split_inclusive('\n') {
        if !line.trim().is_empty() {
            break;
        }
        start += line.len();
    }
    let body = &source.text[start..range.end];
    // In a block scalar that ends the document, blank lines may count.
    let keeps = body.contains("|+") || body.contains(">+");
    let mut text = if keeps && body.ends_with('\n') {
        body.to_owned()
    } else {
        format!("{}\n", body.trim_end_matches(['\n', '\r']))
    };
    // JSON allows tabs as white space, which YAML does not.
    if json && text.contains('\t') {
        let lines = text.lines().map(|line| {
            let inside = line.trim_start_matches(['\t', ' ']);
            format!("{}{inside}\n", line[..line.len() - inside.len()].replace('\t', "  "))
        });
        text = lines.collect();
    }
    Manifest { file: source.name.clone(), line: source.lines_of(&(start..start)).0, text }
}
