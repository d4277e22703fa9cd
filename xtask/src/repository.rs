//! Replacing this repository's URL in charts.toml and in the manifests under argocd/.
//!
//! Only URLs of the repository in charts.toml are replaced; others are reported. Edits replace single scalars in the
//! text, and the result is parsed again: an edit that changes anything but URLs and revisions is rejected.

pub mod arguments;

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::edit::Edit;
use document::yaml::Document;
use document::{Key, Node, Value, edit, json, toml, yaml};

/// A replacement of the repository.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The current URL, as in charts.toml.
    pub old: &'a str,
    /// The new URL.
    pub new: &'a str,
    /// The new `targetRevision`; `None` keeps the current ones.
    pub revision: Option<&'a str>,
}

impl Replacement<'_> {
    /// Whether to replace a URL: one of the old repository that is not the new one already.
    fn applies_to(&self, url: &str) -> bool {
        url != self.new && argocd::repository_url::same(url, self.old)
    }
}

/// A changed URL or revision.
#[derive(Debug, Clone)]
pub struct Change {
    /// The place in the old text.
    pub place: Place,
    /// The old value; empty if a field was added.
    pub from: String,
    /// The new value.
    pub to: String,
}

/// The result for a file.
#[derive(Debug, Default)]
pub struct Replaced {
    /// The changes, sorted by place.
    pub changes: Vec<Change>,
    /// The new text, if anything changed.
    pub text: Option<String>,
    /// Other repositories, which are not changed, and their places.
    pub others: Vec<(Place, String)>,
}

/// Replaces the URL in the Applications, ApplicationSets, and projects of a manifest.
pub fn manifest(source: &Arc<Source>, replacement: &Replacement<'_>) -> Result<Replaced> {
    let documents = yaml::parse(source)?;
    let mut result = Replaced::default();
    let mut edits = Vec::new();
    for document in &documents {
        if let Some((kind, spec)) = argo(&document.root) {
            visit(kind, spec, &mut |found| record(source, replacement, &found, &mut result, &mut edits));
        }
    }
    if edits.is_empty() {
        return Ok(result);
    }
    // Through aliases, one place is visited several times.
    result.changes.sort_by_key(|change| change.place.span.as_ref().map(|span| (span.start, span.end)));
    result.changes.dedup_by(|left, right| left.place == right.place && left.to == right.to);
    let expected: Vec<String> = documents.into_iter().map(|document| expected(document, replacement)).collect();
    let text = edit::apply(&source.text, &edits).filter(|text| {
        let again = yaml::parse(&Source::new(source.name.clone(), text.clone())).unwrap_or_default();
        again.iter().map(|document| document.root.to_json()).eq(expected)
    });
    let Some(text) = text else { return Err(refused(&result).into()) };
    result.text = Some(text);
    Ok(result)
}

/// Replaces `repository` in charts.toml.
pub fn config(source: &Arc<Source>, replacement: &Replacement<'_>) -> Result<Replaced> {
    let root = toml::parse(source)?;
    let mut result = Replaced::default();
    let Some(node) = root
        .get("repository")
        .filter(|node| node.as_str() == Some(replacement.old) && replacement.old != replacement.new)
    else {
        return Ok(result);
    };
    let written = &source.text[node.span.clone()];
    let literal = written.starts_with('\'') && !written.starts_with("'''") && !replacement.new.contains('\'');
    let text = if literal { format!("'{}'", replacement.new) } else { json::quoted(replacement.new) };
    result.changes.push(Change {
        place: node.place(),
        from: replacement.old.to_owned(),
        to: replacement.new.to_owned(),
    });
    result.text = edit::apply(&source.text, &[Edit::new(node.span.clone(), text)]).filter(|text| {
        let again = toml::parse(&Source::new(source.name.clone(), text.clone()));
        let mut expected = root.clone();
        if let Some(node) = value(&mut expected, "repository") {
            node.value = Value::String(replacement.new.to_owned());
        }
        again.is_ok_and(|again| again.to_json() == expected.to_json())
    });
    if result.text.is_none() {
        return Err(refused(&result).into());
    }
    Ok(result)
}

fn refused(result: &Replaced) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::EditRefused, "this URL cannot be replaced without changing something else");
    let places = result.changes.iter().map(|change| change.place.clone());
    places
        .fold(diagnostic, |diagnostic, place| diagnostic.at(place, "to be replaced"))
        .note("an anchor, a tag, or the layout gives the text another meaning elsewhere")
        .help("replace the alias with the value, and run the command again; nothing was changed")
}

/// A place that may contain the repository's URL.
enum Found<'a> {
    /// A source, which is a mapping with `repoURL`.
    Source(&'a Node),
    /// An entry of a project's `sourceRepos`.
    Allowed(&'a Node),
}

/// The kind and the `spec` of an Argo CD object that refers to repositories.
fn argo(root: &Node) -> Option<(&str, &Node)> {
    let text = |key: &str| root.get(key).and_then(Node::as_str);
    let kind = text("kind").filter(|kind| ["Application", "ApplicationSet", "AppProject"].contains(kind))?;
    text("apiVersion")?.starts_with("argoproj.io/").then_some(())?;
    Some((kind, root.get("spec")?))
}

fn visit<'a>(kind: &str, spec: &'a Node, found: &mut dyn FnMut(Found<'a>)) {
    if kind == "AppProject" {
        for url in spec.get("sourceRepos").map(Node::items).unwrap_or_default() {
            found(Found::Allowed(url));
        }
        return;
    }
    sources(spec, found);
}

/// Visits every mapping with a `repoURL`: in `source`, `sources`, `sourceHydrator`, and templates.
fn sources<'a>(node: &'a Node, found: &mut dyn FnMut(Found<'a>)) {
    if node.get("repoURL").is_some() {
        found(Found::Source(node));
    }
    node.items().iter().for_each(|item| sources(item, found));
    for (key, child) in node.entries() {
        if !is_foreign(key) {
            sources(child, found);
        }
    }
}

/// Whether a field is passed on to another tool, so a `repoURL` in it has another meaning.
fn is_foreign(key: &Key) -> bool {
    ["helm", "kustomize", "plugin", "directory"].contains(&key.name.as_str())
}

/// Records the edits for a place.
fn record(
    source: &Arc<Source>,
    replacement: &Replacement<'_>,
    found: &Found<'_>,
    result: &mut Replaced,
    edits: &mut Vec<Edit>,
) {
    let node = match found {
        Found::Source(node) => node.get("repoURL"),
        Found::Allowed(node) => Some(*node),
    };
    let Some((node, url)) = node.and_then(|node| Some((node, node.as_str()?))) else { return };
    let mut change = |place: Place, from: &str, to: &str, edit: Edit| {
        result.changes.push(Change { place, from: from.to_owned(), to: to.to_owned() });
        edits.push(edit);
    };
    if replacement.applies_to(url) {
        change(node.place(), url, replacement.new, replaced(node, replacement.new));
    } else if url != replacement.new {
        let chart = matches!(found, Found::Source(node) if node.get("chart").is_some());
        if !chart {
            result.others.push((node.place(), url.to_owned()));
        }
        return;
    }
    let (Found::Source(mapping), Some(revision)) = (found, replacement.revision) else { return };
    match mapping.get("targetRevision") {
        Some(target) if target.as_str() == Some(revision) => {}
        Some(target) => {
            let from = target.as_str().map_or_else(|| target.to_json(), str::to_owned);
            let edit = match key_end(mapping, "targetRevision").filter(|_| target.span.is_empty()) {
                Some(at) => Edit::new(at..at, format!(" {}", edit::scalar(revision))),
                None => replaced(target, revision),
            };
            change(target.place(), &from, revision, edit);
        }
        None => {
            let at = edit::written(&node.source.text, node.span.clone()).end;
            change(Place::new(source, at..at), "", revision, insertion(mapping, at, revision));
        }
    }
}

fn replaced(node: &Node, text: &str) -> Edit {
    let span = edit::written(&node.source.text, node.span.clone());
    let old = node.source.text.get(span.clone()).unwrap_or_default();
    let new = edit::scalar_like(old, text);
    Edit::new(span, new)
}

/// The position after the colon of a key without a value.
fn key_end(mapping: &Node, key: &str) -> Option<usize> {
    let (key, node) = mapping.entries().iter().find(|(name, _)| name.name == key)?;
    let colon = node.source.text.get(key.span.end..)?.find(':')?;
    Some(key.span.end + colon + 1)
}

/// Adds `targetRevision` to a source, after the URL that ends at a byte.
fn insertion(mapping: &Node, at: usize, revision: &str) -> Edit {
    let text = &mapping.source.text;
    let value = edit::scalar(revision);
    if text[mapping.span.start..].starts_with('{') {
        return Edit::new(at..at, format!(", targetRevision: {value}"));
    }
    // After any comment on the line of the URL, indented like the other keys.
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    let end = if text[..end].ends_with('\r') { end - 1 } else { end };
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let start = mapping.entries().first().map_or(mapping.span.start, |(key, _)| key.span.start);
    let column = text[..start].rsplit('\n').next().unwrap_or_default().chars().count();
    Edit::new(end..end, format!("{newline}{}targetRevision: {value}", " ".repeat(column)))
}

/// The expected document after the edits, as JSON.
fn expected(document: Document, replacement: &Replacement<'_>) -> String {
    let mut root = document.root;
    if let Some(kind) = argo(&root).map(|(kind, _)| kind.to_owned())
        && let Some(spec) = value(&mut root, "spec")
    {
        if kind != "AppProject" {
            replace_sources(spec, replacement);
        } else if let Some(Node { value: Value::Sequence(items), .. }) = value(spec, "sourceRepos") {
            for item in items.iter_mut().filter(|item| item.as_str().is_some_and(|url| replacement.applies_to(url))) {
                item.value = Value::String(replacement.new.to_owned());
            }
        }
    }
    root.to_json()
}

fn replace_sources(node: &mut Node, replacement: &Replacement<'_>) {
    let url = node.get("repoURL").and_then(Node::as_str);
    if url.is_some_and(|url| replacement.applies_to(url) || url == replacement.new) {
        let text = |text: &str| Value::String(text.to_owned());
        if let Some(url) = value(node, "repoURL") {
            url.value = text(replacement.new);
        }
        if let Some(revision) = replacement.revision {
            if let Some(target) = value(node, "targetRevision") {
                target.value = text(revision);
            } else if let Value::Mapping(entries) = &mut node.value
                && let Some(index) = entries.iter().position(|(key, _)| key.name == "repoURL")
            {
                let (key, url) = entries[index].clone();
                let entry = (Key { name: "targetRevision".to_owned(), ..key }, Node { value: text(revision), ..url });
                entries.insert(index + 1, entry);
            }
        }
    }
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| replace_sources(item, replacement)),
        Value::Mapping(entries) => {
            entries
                .iter_mut()
                .filter(|(key, _)| !is_foreign(key))
                .for_each(|(_, child)| replace_sources(child, replacement));
        }
        _ => {}
    }
}

fn value<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    let Value::Mapping(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|(name, _)| name.name == key).map(|(_, node)| node)
}

/// Replaces the URL in several files, or reports everything that prevents it.
pub fn all(
    config_source: &Arc<Source>,
    manifests: &[Arc<Source>],
    replacement: &Replacement<'_>,
) -> Result<Vec<(Arc<Source>, Replaced)>> {
    let mut diagnostics = Diagnostics::default();
    let mut files = Vec::new();
    for source in manifests {
        let result = diagnostics.take(manifest(source, replacement));
        files.extend(result.map(|result| (Arc::clone(source), result)));
    }
    // Last, so that after an interruption the same command finds the remaining places.
    let result = diagnostics.take(config(config_source, replacement));
    files.extend(result.map(|result| (Arc::clone(config_source), result)));
    diagnostics.into_result(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "https://git.example.com/old.git";
    const NEW: &str = "git@git.example.org:team/new.git";

    fn replace(text: &str, revision: Option<&str>) -> Result<Replaced> {
        manifest(&Source::new("x.yaml", text), &Replacement { old: OLD, new: NEW, revision })
    }

    fn application(source: &str) -> String {
        format!("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec:\n{source}")
    }

    #[test]
    fn edits_keep_style_and_layout() {
        for (before, after) in [
            ("  source:\n    repoURL: OLD # why\n    path: .\n", "  source:\n    repoURL: NEW # why\n    path: .\n"),
            ("  source: {repoURL: OLD, path: .}\n", "  source: {repoURL: NEW, path: .}\n"),
            ("  source: {path: ., repoURL: 'OLD'}\n", "  source: {path: ., repoURL: 'NEW'}\n"),
            (
                "  source:\n    repoURL: 'OLD'   # it's\n    path: .\n",
                "  source:\n    repoURL: 'NEW'   # it's\n    path: .\n",
            ),
            ("  source:\n    repoURL: \"OLD\" # a \"b\"\n# c\n", "  source:\n    repoURL: \"NEW\" # a \"b\"\n# c\n"),
            ("  source:\n    repoURL: !!str OLD # c\n", "  source:\n    repoURL: !!str NEW # c\n"),
            (
                "  sources:\n  - repoURL: \"OLD\"\n  - {repoURL: OLD}\n",
                "  sources:\n  - repoURL: \"NEW\"\n  - {repoURL: NEW}\n",
            ),
            ("  source:\r\n    repoURL: OLD\r\n", "  source:\r\n    repoURL: NEW\r\n"),
            (
                "  source:\n    repoURL: >-\n      OLD\n    path: é\n",
                "  source:\n    repoURL: >-\n      NEW\n    path: é\n",
            ),
            (
                "  source:\n    repoURL: &u OLD\n  sources:\n  - repoURL: *u\n",
                "  source:\n    repoURL: &u NEW\n  sources:\n  - repoURL: NEW\n",
            ),
            ("  source:\n    ? repoURL\n    : OLD\n", "  source:\n    ? repoURL\n    : NEW\n"),
            ("  source:\n    repoURL: OLD", "  source:\n    repoURL: NEW"),
        ] {
            let fill = |text: &str| application(&text.replace("OLD", OLD).replace("NEW", NEW));
            let result = replace(&fill(before), None).unwrap_or_else(|found| panic!("{before}: {found:?}"));
            assert_eq!(result.text, Some(fill(after)));
            assert!(result.others.is_empty());
        }
    }

    #[test]
    fn every_url_of_the_repository_moves() {
        let project = |urls: &str| {
            format!("apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nspec:\n  sourceRepos: [{urls}]\n")
        };
        let text = project("https://git.example.com/old, git@git.example.com:old.git, https://git.example.com/other");
        let result = replace(&text, None).expect("valid");
        assert_eq!(result.text, Some(project(&format!("{NEW}, {NEW}, https://git.example.com/other"))));
        assert_eq!(result.others.len(), 1);
        // To another transport of the same repository.
        let over_ssh = Replacement { old: OLD, new: "git@git.example.com:old.git", revision: None };
        let text = application(&format!("  source: {{repoURL: {OLD}, path: .}}\n"));
        let result = manifest(&Source::new("x.yaml", text.clone()), &over_ssh).expect("valid");
        assert_eq!(result.text, Some(text.replace(OLD, over_ssh.new)));
    }

    #[test]
    fn revisions_are_set_or_added() {
        for (before, after) in [
            (
                "  source:\n    repoURL: OLD # c\n    path: .\n",
                "  source:\n    repoURL: NEW # c\n    targetRevision: \"1.0\"\n    path: .\n",
            ),
            ("  source: {repoURL: OLD, path: .}\n", "  source: {repoURL: NEW, targetRevision: \"1.0\", path: .}\n"),
            (
                "  sources:\n    - path: .\n      repoURL: NEW\n",
                "  sources:\n    - path: .\n      repoURL: NEW\n      targetRevision: \"1.0\"\n",
            ),
            (
                "  source:\n    targetRevision: 'main'\n    repoURL: NEW\n",
                "  source:\n    targetRevision: '1.0'\n    repoURL: NEW\n",
            ),
            (
                "  source:\n    targetRevision:\n    repoURL: NEW\n",
                "  source:\n    targetRevision: \"1.0\"\n    repoURL: NEW\n",
            ),
            ("  source:\n    repoURL: NEW", "  source:\n    repoURL: NEW\n    targetRevision: \"1.0\""),
        ] {
            let fill = |text: &str| application(&text.replace("OLD", OLD).replace("NEW", NEW));
            let result = replace(&fill(before), Some("1.0")).unwrap_or_else(|found| panic!("{before}: {found:?}"));
            assert_eq!(result.text, Some(fill(after)));
            let again = replace(&fill(after), Some("1.0")).expect("valid");
            assert!(again.text.is_none() && again.changes.is_empty(), "a second run changes nothing");
        }
    }

    #[test]
    fn other_repositories_are_reported_and_kept() {
        let text = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nspec:\n  sourceRepos: ['*', OLD, https://else.example]\n";
        let result = replace(&text.replace("OLD", OLD), None).expect("valid");
        assert_eq!(result.text, Some(text.replace("OLD", NEW)));
        let left: Vec<_> = result.others.iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!(left, ["*", "https://else.example"]);
        // Not in values of a chart, nor for a Helm repository.
        let text = application(&format!(
            "  source:\n    repoURL: https://charts.example\n    chart: c\n    helm:\n      valuesObject:\n        repoURL: {OLD}\n"
        ));
        let result = replace(&text, None).expect("valid");
        assert!(result.text.is_none() && result.others.is_empty());
        let other = format!("kind: ConfigMap\napiVersion: v1\nspec:\n  source:\n    repoURL: {OLD}\n");
        assert!(replace(&other, None).expect("valid").text.is_none());
    }

    #[test]
    fn edits_with_side_effects_are_rejected() {
        let text = application(&format!("  source:\n    repoURL: &u {OLD}\n  info:\n  - name: home\n    value: *u\n"));
        let found = replace(&text, None).expect_err("the alias would change, too");
        assert_eq!(found.0[0].code, Code::EditRefused);
    }

    #[test]
    fn charts_toml_keeps_its_quotes() {
        let replacement = Replacement { old: OLD, new: NEW, revision: None };
        for quote in ["\"", "'"] {
            let text = |url: &str| format!("# c\nrepository = {quote}{url}{quote} # d\n[argocd]\nversion = \"3.5\"\n");
            let result = config(&Source::new("charts.toml", text(OLD)), &replacement).expect("valid");
            assert_eq!(result.text, Some(text(NEW)));
        }
    }
}
