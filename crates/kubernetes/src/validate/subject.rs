//! An object to validate: its parsed tree, with places, and the text passed to kubeconform.
//!
//! The text is Helm's output, unchanged. Only where kubeconform could not parse it (a duplicate key, an alias to something
//! outside the object), the object is passed as JSON instead.
//!
//! Pure.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::yaml::Document;
use document::{Key, Node, Value, yaml};

use crate::manifest::{Manifest, ObjectKey};
use crate::object::Object;
use crate::schemas::Kind;

/// An object to validate.
#[derive(Debug)]
pub struct Subject {
    /// The parsed object. An object under argocd/ has no target.
    pub object: Object,
    /// The kind of the object.
    pub kind: Kind,
    /// The text for kubeconform. That of a Secret includes its values.
    pub text: String,
    /// Whether the object is a manifest under argocd/.
    pub argocd: bool,
    /// Whether Argo CD applies the object with server-side apply.
    pub server_side_apply: bool,
}

/// The annotation with sync options of a single object.
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

impl Subject {
    /// Kind and name as shown in messages.
    #[must_use]
    pub fn title(&self) -> String {
        let ObjectKey { kind, namespace, name, .. } = &self.object.key;
        if self.object.explicit_namespace { format!("{kind} {namespace}/{name}") } else { format!("{kind} {name}") }
    }

    /// Sets whether the object is applied with server-side apply: if the Application has the sync option
    /// `ServerSideApply=true`, unless the annotation of the object decides.
    pub fn set_server_side_apply(&mut self, application: bool) {
        let options = self.object.find(&["metadata", "annotations", SYNC_OPTIONS]).and_then(Node::as_str);
        let has = |option: &str| options.is_some_and(|all| all.split(',').any(|one| one.trim() == option));
        self.server_side_apply = !has("ServerSideApply=false") && (application || has("ServerSideApply=true"));
    }

    /// Whether values must not appear in messages.
    #[must_use]
    pub fn secret(&self) -> bool {
        self.object.key.kind == "Secret"
    }

    /// Creates a finding at a place in the object.
    #[must_use]
    pub fn finding(
        &self,
        code: Code,
        message: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Diagnostic {
        if self.argocd {
            Diagnostic::new(code, message).at(place, label)
        } else {
            self.object.finding(code, message, place, label)
        }
    }

    /// Reports duplicate keys, and objects that are lost because of them.
    #[must_use]
    pub fn duplicates(&self) -> Diagnostics {
        let keys = &self.object.duplicates;
        let source = &self.object.root.source;
        let lost = keys.iter().find(|key| self.begins_object(key));
        let mut found: Vec<Diagnostic> = lost.map(|key| self.lost(key)).into_iter().collect();
        // All keys of the second object may be duplicates.
        let own = |key: &&Key| lost.is_none_or(|lost| !self.is_outermost(key) || key.span.start < lost.span.start);
        found.extend(keys.iter().filter(own).map(|key| {
            let place = Place::new(source, key.span.clone());
            let message = format!("duplicate key `{}` in {}", key.name, self.title());
            self.finding(Code::KeyDuplicate, message, place, "already set above")
                .note("the API server rejects duplicate keys or drops all but the last")
                .help("remove one of the two")
        }));
        Diagnostics(found)
    }

    /// Whether a duplicate key is the first one of another object.
    fn begins_object(&self, key: &Key) -> bool {
        matches!(key.name.as_str(), "apiVersion" | "kind") && self.is_outermost(key)
    }

    /// Whether a duplicate key belongs to the object itself, not to a mapping in it.
    fn is_outermost(&self, key: &Key) -> bool {
        let text = &self.object.root.source.text;
        let column = |at: usize| text[..at].chars().rev().take_while(|c| *c != '\n').count();
        column(key.span.start) == column(self.object.root.span.start)
    }

    /// Reports that two objects are in one document.
    fn lost(&self, key: &Key) -> Diagnostic {
        let source = &self.object.root.source;
        let before = &source.text[..key.span.start];
        let message = format!("an object before {} is lost: both are in one YAML document", self.title());
        // The separator that does not separate, in the line above.
        let above = before.trim_end();
        let line = above.rfind('\n').map_or(0, |at| at + 1);
        if let Some(at) = above[line..].rfind("---").map(|at| line + at) {
            let place = Place::new(source, at..at + 3);
            let found = self.finding(Code::DocumentLost, message, place, "does not begin a line of the output");
            return if above[line..at].trim_start().starts_with('#') {
                found.help("put `---` on a line of its own, not into a comment")
            } else {
                found.help("in the template, keep the line break before `---`: remove the `-` of `-}}` or `{{-` there")
            };
        }
        let place = Place::new(source, key.span.clone());
        self.finding(Code::DocumentLost, message, place, "another object begins here").help("put `---` between the two")
    }
}

/// The objects of a manifest, each with its text.
#[must_use]
pub fn of_manifest(objects: Vec<Object>, manifest: &Manifest) -> Vec<Subject> {
    let text = &manifest.text;
    // Avoid parsing most objects again: without `&` there is no anchor.
    let unchanged =
        manifest.items.is_none() && !text.contains('&') && objects.iter().all(|object| object.duplicates.is_empty());
    let texts = if unchanged { Some(vec![text.clone()]) } else { texts(manifest) };
    let subject = |(object, text): (Object, String)| Subject {
        kind: Kind::new(object.api_version(), &object.key.kind),
        object,
        text,
        argocd: false,
        server_side_apply: false,
    };
    objects.into_iter().zip(texts.unwrap_or_default()).map(subject).collect()
}

/// The objects in a file under argocd/. A document without a kind is not an object.
#[must_use]
pub fn of_argocd(file: &str, documents: &[Document]) -> Vec<Subject> {
    // Argo CD applies the items of a List one by one.
    let roots = documents.iter().flat_map(|document| {
        let list = document.root.get("kind").and_then(Node::as_str) == Some("List");
        let items = document.root.get("items").filter(|_| list).map(Node::items);
        let roots = items.map_or_else(|| vec![&document.root], |items| items.iter().collect());
        roots.into_iter().map(move |root| (document, root))
    });
    let subjects = roots.filter_map(|(document, root)| {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
        let kind = Kind::new(&text(root, "apiVersion")?, &text(root, "kind")?);
        let metadata = root.get("metadata");
        let named = |key: &str| metadata.and_then(|metadata| text(metadata, key)).unwrap_or_default();
        // `workspace` loads Applications and reports their duplicate keys.
        let reported = kind.group == "argoproj.io" && kind.kind == "Application";
        Some(Subject {
            text: part(document, root),
            object: Object {
                target: String::new(),
                key: ObjectKey {
                    group: kind.group.clone(),
                    kind: kind.kind.clone(),
                    namespace: named("namespace"),
                    name: named("name"),
                },
                explicit_namespace: !named("namespace").is_empty(),
                template: file.to_owned(),
                template_file: None,
                golden: String::new(),
                root: root.clone(),
                secret_digest: None,
                replaced: Vec::new(),
                duplicates: if reported { Vec::new() } else { document.duplicates.clone() },
            },
            kind,
            argocd: true,
            server_side_apply: false,
        })
    });
    subjects.collect()
}

/// The texts of the objects in a manifest.
fn texts(manifest: &Manifest) -> Option<Vec<String>> {
    let text = &manifest.text;
    let document = manifest.document()?;
    let items = document.root.items_at(&["items"]);
    Some(match &manifest.items {
        None => vec![whole(&document, text)],
        Some(_) => items.iter().map(|item| part(&document, item)).collect(),
    })
}

fn whole(document: &Document, text: &str) -> String {
    if document.duplicates.is_empty() && !document.aliases { text.to_owned() } else { document.root.to_json() }
}

/// The text of one object of a document, with the indentation of its first line restored.
fn part(document: &Document, node: &Node) -> String {
    let text = &node.source.text;
    let line = text[..node.span.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = text[line..node.span.start].chars().count();
    let cut = format!("{}{}\n", " ".repeat(indent), text.get(node.span.clone()).unwrap_or_default());
    let same =
        |again: &Document| matches!(again.root.value, Value::Mapping(_)) && again.root.to_json() == node.to_json();
    let plain = document.duplicates.is_empty() && !document.aliases;
    if plain && is_alone(text, node) {
        return cut;
    }
    match yaml::parse_one(&Source::new("", &cut)) {
        Ok(again) if plain && same(&again) => cut,
        _ => node.to_json(),
    }
}

/// Whether a node is all of a document but comments before it, and its text is complete without a look at what follows. Only
/// the end of a block scalar depends on that.
fn is_alone(text: &str, node: &Node) -> bool {
    let before = text[..node.span.start].lines().rev().take_while(|line| !line.starts_with("---"));
    let empty = |line: &str| line.is_empty() || line.starts_with('#');
    matches!(node.value, Value::Mapping(_))
        && before.into_iter().all(empty)
        && text.get(node.span.clone()).is_some_and(|own| !own.contains(['|', '>']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_items_keep_their_text() {
        let text = "items:\n  - a: 0644\n    b: |\n      x\n    # no more\n  - {a: 1}\n";
        let document = yaml::parse_one(&Source::new("", text)).expect("YAML");
        let items = document.root.get("items").expect("items").items();
        assert!(part(&document, &items[0]).starts_with("    a: 0644\n    b: |\n      x\n"));
        assert_eq!(part(&document, &items[1]).trim(), "{a: 1}");
    }

    #[test]
    fn the_text_of_a_document_is_what_is_parsed_again() {
        for text in ["a: 1\nb:\n- x\n- 'y'\n", "# a\n---\n# b\n\na: {b: 1}\n", "%YAML 1.2\n---\na: 1\n", "--- {a: 1}\n"]
        {
            let document = yaml::parse_one(&Source::new("", text)).expect("YAML");
            let again = part(&document, &document.root);
            assert_eq!(yaml::parse_one(&Source::new("", again)).expect("YAML").root.to_json(), document.root.to_json());
        }
    }

    #[test]
    fn aliases_to_other_items_are_resolved_as_json() {
        let text = "items:\n- &one {a: 1}\n- *one\n";
        let document = yaml::parse_one(&Source::new("", text)).expect("YAML");
        let items = document.root.get("items").expect("items").items();
        assert_eq!(part(&document, &items[1]), "{\"a\":1}");
    }
}
