//! Secrets in clear: whatever is in Git, or in a render, everybody reads.
//!
//! Every `kind: Secret` that a target renders counts, whether its values come from a template or from values; one
//! without values (a token that a controller fills in) does not. In files, every Secret that stands anywhere in a YAML
//! document counts; of templates, which are no YAML yet, those with values that are written out.
//!
//! Deliberately absent: passwords elsewhere, which nobody can tell from other texts, and telling any value.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::yaml::Document;
use document::{Node, Value, yaml};
use kubernetes::object;
use kubernetes::object::Object;

/// What this check finds.
pub const CODES: &[Code] = &[Code::SecretPlain];

/// The fields of a Secret that hold values.
const FIELDS: [&str; 2] = ["data", "stringData"];

/// Folders of the repository that hold no manifests of its own: goldens are checked as renders, fixtures are broken on
/// purpose.
const ELSEWHERE: [&str; 2] = ["target", "tests"];

/// What the names of files with manifests end in.
const ENDS: [&str; 4] = ["yaml", "yml", "json", "tpl"];

/// Secrets in renders, and in the YAML and JSON files of the repository.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut rendered: Vec<&str> = Vec::new();
    for object in subject.objects.iter().filter(|object| object.key.kind == "Secret" && object.key.group.is_empty()) {
        if let Some(place) = value(&object.root) {
            diagnostics.push(of_object(object, place));
            rendered.extend(object.template_file.as_deref());
        }
    }
    let root = &subject.workspace.root;
    for path in files(root) {
        let Ok(source) = toolbox::source::read(root, &path) else { continue };
        // What renders is told already, with its target.
        if source.text.contains("Secret") && !rendered.contains(&source.name.as_str()) {
            diagnostics.extend(of_file(&source));
        }
    }
    diagnostics
}

fn of_object(object: &Object, place: Place) -> Diagnostic {
    object
        .finding(
            Code::SecretPlain,
            format!("{} is rendered with its values", object.key),
            place,
            "whoever reads the render reads them",
        )
        .help("render a SealedSecret, or name a Secret that is made elsewhere (`existingSecret`)")
}

fn of_file(source: &Arc<Source>) -> Diagnostics {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    let mut note = |documents: &[Document]| {
        for document in documents {
            secrets(&document.root, &mut found);
        }
    };
    if let Ok(documents) = yaml::parse(source) {
        note(&documents);
    } else {
        // One document that cannot be read does not hide the others.
        for document in apart(source) {
            match yaml::parse(&document) {
                Ok(documents) => note(&documents),
                Err(_) => unread.extend(literal(&document.text).map(|key| hidden(source, &key))),
            }
        }
    }
    found.extend(unread);
    let findings = found.into_iter().map(|place| {
        Diagnostic::new(Code::SecretPlain, "a Secret with its values is in Git")
            .at(place, "everybody who has the repository reads them, and all who ever will")
            .help("seal it with kubeseal and commit the SealedSecret; what was committed counts as known: change it")
    });
    Diagnostics(findings.collect())
}

/// The documents of a text, each where it stands in the whole, with blanks in place of the others.
fn apart(source: &Arc<Source>) -> Vec<Arc<Source>> {
    let blank = |text: &str| -> String { text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect() };
    let mut starts = vec![0];
    let mut position = 0;
    for line in source.text.split_inclusive('\n') {
        if line.starts_with("---") {
            starts.push(position);
        }
        position += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([source.text.len()]);
    let documents = starts.iter().zip(ends).map(|(&start, end)| {
        let text = [&blank(&source.text[..start]), &source.text[start..end], &blank(&source.text[end..])].concat();
        Source::new(source.name.clone(), text)
    });
    documents.collect()
}

/// The place of a key; all that follows it is withheld, so that no value of the same line is told.
fn hidden(source: &Source, key: &Range<usize>) -> Place {
    let rest = source.text.get(key.end..).unwrap_or_default();
    let value = key.end + rest.len() - rest.trim_start_matches([':', ' ', '"', '\'']).len();
    object::place_without(source, key.clone(), std::slice::from_ref(&(value..source.text.len())))
}

/// The place of the first key of a Secret that has a value; the values themselves are withheld, since some may stand on
/// the same line.
fn value(secret: &Node) -> Option<Place> {
    let fields: Vec<&Node> = FIELDS.iter().filter_map(|field| secret.get(field)).collect();
    let mut withheld = Vec::new();
    let mut found = None;
    for field in fields {
        let entries = field.entries();
        let values = entries.iter().filter(|(_, value)| !is_empty(value));
        found = found.or_else(|| values.clone().map(|(key, _)| key.span.clone()).next());
        withheld.extend(entries.iter().map(|(_, value)| value.span.clone()));
        if !matches!(field.value, Value::Mapping(_)) && !is_empty(field) {
            found = found.or(Some(field.span.start..field.span.start));
            withheld.push(field.span.clone());
        }
    }
    Some(object::place_without(&secret.source, found?, &withheld))
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Secrets anywhere in a document, also in lists of values and in texts that are YAML themselves.
fn secrets(node: &Node, found: &mut Vec<Place>) {
    if node.get("kind").and_then(Node::as_str) == Some("Secret")
        && node.get("apiVersion").and_then(Node::as_str).is_none_or(|version| version == "v1")
        && let Some(place) = value(node)
    {
        found.push(place);
        return;
    }
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| secrets(value, found)),
        Value::Sequence(items) => items.iter().for_each(|item| secrets(item, found)),
        Value::String(text) if text.contains("kind: Secret") => {
            let within = of_file(&Source::new("", text.clone()));
            if !within.is_empty() {
                found.push(hidden(&node.source, &(node.span.start..node.span.start)));
            }
        }
        _ => {}
    }
}

/// Values that a template writes out in a Secret: keys below `data` or `stringData` whose value holds no action.
fn literal(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    let mut lines = Vec::new();
    let mut secret = false;
    for line in text.split_inclusive('\n').chain(["---"]) {
        if line.starts_with("---") {
            if let Some(span) = secret.then(|| written_out(&lines)).flatten() {
                return Some(span);
            }
            lines.clear();
            secret = false;
        }
        let kind = line.trim().strip_prefix("kind:").map(|kind| kind.trim().trim_matches(['"', '\'']));
        secret |= kind == Some("Secret");
        lines.push((start, line));
        start += line.len();
    }
    None
}

/// The first key with a literal value below `data` or `stringData`, in lines that each know where they begin.
fn written_out(lines: &[(usize, &str)]) -> Option<Range<usize>> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut within: Option<usize> = None;
    for (index, (start, line)) in lines.iter().enumerate() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("{{") {
            continue;
        }
        if within.is_some_and(|outer| indent(line) <= outer) {
            within = None;
        }
        if FIELDS.iter().any(|field| text.strip_suffix(':') == Some(field)) {
            within = Some(indent(line));
            continue;
        }
        if within.is_none() {
            continue;
        }
        let Some((key, value)) = text.split_once(':') else { continue };
        let value = value.trim();
        // The value of a block scalar begins on the next line.
        let block = value.starts_with(['|', '>']);
        let value = if block { lines.get(index + 1).map_or("", |(_, next)| next.trim()) } else { value };
        if !value.is_empty() && !value.contains("{{") && !key.contains("{{") && value != "\"\"" && value != "''" {
            let from = start + indent(line);
            return Some(from..from + key.len());
        }
    }
    None
}

/// The YAML files and templates of the repository, without hidden folders, and without what charts depend on.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let chart = folder.join("Chart.yaml").is_file();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let elsewhere = folder == root && ELSEWHERE.contains(&name.as_str());
                if !(name.starts_with('.') || elsewhere || chart && name == "charts") {
                    folders.push(path);
                }
            } else if kind.is_file()
                && path.extension().is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Vec<String> {
        of_file(&Source::new("f.yaml", text)).0.iter().map(|found| found.places[0].0.to_string()).collect()
    }

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        assert_eq!(at("kind: Secret\napiVersion: v1\ndata:\n  a: eA==\n"), ["f.yaml:4:3"]);
        assert_eq!(at("extra:\n  - kind: Secret\n    stringData: {a: b}\n"), ["f.yaml:3:18"]);
        assert_eq!(at("extra: |\n  kind: Secret\n  data:\n    a: eA==\n"), ["f.yaml:2:3"]);
        assert_eq!(at("{{ if x }}\nkind: Secret\ndata:\n  a: eA==\n{{ end }}\n"), ["f.yaml:4:3"]);
        let flow = "kind: Secret\nstringData: {a: b}\n";
        assert_eq!(at(&format!("{flow}---\nx: [\n")), ["f.yaml:2:14"]);
        assert_eq!(at(&format!("x: [ü\n---\n{flow}")), ["f.yaml:4:14"]);
        assert_eq!(at("{{ if x }}\nkind: Secret\nstringData:\n  a: |\n    text\n{{ end }}\n"), ["f.yaml:4:3"]);
    }

    #[test]
    fn what_holds_no_value_is_silent() {
        for text in [
            "kind: Secret\ntype: kubernetes.io/service-account-token\n",
            "kind: Secret\ndata: {a: '', b: }\n",
            "kind: SealedSecret\nspec: {encryptedData: {a: b}}\n",
            "kind: ConfigMap\ndata: {kind: Secret}\n",
            "{{ if x }}\nkind: Secret\ndata:\n  a: {{ .Values.a }}\n  b: |\n    {{ .Values.b }}\n{{ end }}\n",
            "{{ if x }}\nkind: Secret\ndata:\n{{ end }}\n---\nkind: ConfigMap\ndata:\n  a: b\n",
        ] {
            assert_eq!(at(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn no_value_is_told() {
        let found = of_file(&Source::new("f.yaml", "kind: Secret\nstringData:\n  a: hunter2\n  b: hunter3\n"));
        assert!(!found.0[0].places[0].0.source.text.contains("hunter"), "{found:?}");
    }
}
