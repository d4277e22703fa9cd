//! Compares a vendored chart with the directory it was packed from.
//!
//! Packing changes a chart without changing what it renders: Helm rewrites Chart.yaml, applies `.helmignore`, and
//! unpacks the archives in charts/. Both sides are normalized first, so that only real edits are reported.

use std::collections::BTreeMap;
use std::path::Path;

use diagnostics::Source;
use document::{Node, Value, yaml};
use toolbox::archive::Tree;

use super::folder::{Packed, identity};
use crate::chart::sanitized;
use crate::helmignore::Rules;

/// The maximum depth of nested charts that are normalized; deeper ones are compared byte by byte.
const MAX_DEPTH: usize = 16;

/// The keys that Helm writes into the Chart.yaml of an archive.
const CHART_KEYS: &[&str] = &[
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// The files that differ between a chart's source and its copy. Subcharts named in `excluded` are not compared.
pub(super) fn differences(source: &Tree, copy: &Tree, excluded: &[&str]) -> Vec<String> {
    let text = source.get(".helmignore").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let rules = Rules::parse(&text.unwrap_or_default());
    let compared = |tree: &Tree| -> Tree {
        let is_excluded = |path: &String| {
            let subchart = path.strip_prefix("charts/").and_then(|below| below.split('/').next());
            subchart.is_some_and(|name| excluded.contains(&name))
        };
        normalized(tree, Some(&rules), 0).into_iter().filter(|(path, _)| !is_excluded(path)).collect()
    };
    let (source, copy) = (compared(source), compared(copy));
    let mut differing = Vec::new();
    for (path, content) in &source {
        match copy.get(path) {
            None => differing.push(format!("{path} (only in the source)")),
            Some(other) if other != content => differing.push(path.clone()),
            Some(_) => {}
        }
    }
    differing.extend(
        copy.keys().filter(|path| !source.contains_key(*path)).map(|path| format!("{path} (only in the copy)")),
    );
    differing.sort();
    differing
}

/// The files that Helm packs, in a form that is equal before and after packing.
fn normalized(tree: &Tree, rules: Option<&Rules>, depth: usize) -> Tree {
    let mut out = Tree::new();
    let mut charts: BTreeMap<&str, Tree> = BTreeMap::new();
    for (path, content) in tree {
        if rules.is_some_and(|rules| rules.ignores(path)) || path == "Chart.lock" || path == "requirements.lock" {
            continue;
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).to_vec();
        match path.strip_prefix("charts/") {
            Some(below) if below.starts_with(['.', '_']) => {}
            Some(below) if Path::new(below).extension().is_none_or(|kind| kind != "prov") && depth < MAX_DEPTH => {
                let (entry, rest) = below.split_once('/').unwrap_or((below, ""));
                charts.entry(entry).or_default().insert(rest.to_owned(), content);
            }
            _ if path == "Chart.yaml" => {
                let canonical = canonical_chart(&content).unwrap_or(content);
                out.insert(path.clone(), canonical);
            }
            _ => {
                out.insert(path.clone(), content);
            }
        }
    }
    for (entry, files) in charts {
        let packed = files.get("").and_then(|bytes| Packed::read(entry, bytes).ok());
        let files = packed.map_or(files, |packed| packed.files);
        let name = identity(&files).map_or_else(|| entry.to_owned(), |(name, _)| name);
        for (path, content) in normalized(&files, None, depth + 1) {
            out.insert(format!("charts/{name}/{path}"), content);
        }
    }
    out
}

/// Chart.yaml reduced to the keys that Helm keeps.
fn canonical_chart(content: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok()?;
    let root = yaml::parse_one(&Source::new("Chart.yaml", text)).ok()?.root;
    let mut lines = Vec::new();
    for key in CHART_KEYS {
        if let Some(value) = root.get(key).and_then(canonical) {
            lines.push(format!("{key}: {value}\n"));
        }
    }
    Some(lines.concat().into_bytes())
}

/// A value in a form that ignores differences that Helm ignores: empty or absent, number or string, and key order.
fn canonical(node: &Node) -> Option<String> {
    match &node.value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("true".to_owned()),
        Value::String(text) | Value::Number(text) => {
            let text = sanitized(text);
            (!text.is_empty()).then(|| format!("{text:?}"))
        }
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(|item| canonical(item).unwrap_or_default()).collect();
            (!items.is_empty()).then(|| format!("[{}]", items.join(",")))
        }
        Value::Mapping(entries) => {
            let mut entries: Vec<String> =
                entries.iter().filter_map(|(key, node)| Some(format!("{:?}:{}", key.name, canonical(node)?))).collect();
            entries.sort();
            (!entries.is_empty()).then(|| format!("{{{}}}", entries.join(",")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{packed, tree};
    use super::*;

    #[test]
    fn packing_is_not_drift() {
        let inner = packed("inner", &[("Chart.yaml", "name: inner\nversion: 1.0.0\n"), ("a", "1")]);
        let mut source = tree(&[
            (
                "Chart.yaml",
                "# ours\nname: x\nversion: 1.0.0\nappVersion: 1.0\nextra: y\ndescription: |\n  two\n  lines\n",
            ),
            (".helmignore", "ci/\n"),
            ("ci/case.yaml", "a: 1"),
            ("Chart.lock", "digest: 1\n"),
            ("templates/a.yaml", "a"),
        ]);
        source.insert("charts/inner-1.0.0.tgz".to_owned(), inner);
        let copy = tree(&[
            ("Chart.yaml", "appVersion: \"1\"\ndescription: 'two lines '\nname: x\nversion: 1.0.0\n"),
            (".helmignore", "ci/\n"),
            ("templates/a.yaml", "a"),
            ("charts/inner/Chart.yaml", "name: inner\nversion: 1.0.0\n"),
            ("charts/inner/a", "1"),
        ]);
        assert_eq!(differences(&source, &copy, &[]), Vec::<String>::new());
    }

    #[test]
    fn edited_files_are_listed() {
        let source = tree(&[("Chart.yaml", "name: x\nversion: 1.0.1\n"), ("templates/a.yaml", "a"), ("new", "")]);
        let copy = tree(&[("Chart.yaml", "name: x\nversion: 1.0.0\n"), ("templates/a.yaml", "b"), ("old", "")]);
        assert_eq!(
            differences(&source, &copy, &[]),
            ["Chart.yaml", "new (only in the source)", "old (only in the copy)", "templates/a.yaml"]
        );
    }
}
