//! Finds files with Applications that nothing deploys, to exclude them: test data, examples, and files with
//! placeholders.

use document::Node;

/// Directories of tests and documentation.
const ASIDE: [&str; 16] = [
    "testdata",
    "test-data",
    "fixtures",
    "__fixtures__",
    "tests",
    "e2e",
    "examples",
    "example",
    "samples",
    "docs",
    "archive",
    "archived",
    "deprecated",
    "disabled",
    "_disabled",
    "unused",
];

/// Patterns of the files that define Applications for nobody. `files` are the paths of all files that define something, with
/// their documents; `paths` are those of all sources, and `mentions` says whether a kustomization in a directory names an
/// entry.
#[must_use]
pub fn excluded<'a>(
    files: impl Iterator<Item = (&'a str, Vec<&'a Node>)>,
    paths: &[&str],
    mentions: impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let mut patterns = Vec::new();
    for (file, documents) in files {
        let aside = aside(file).filter(|directory| !is_deployed(directory, paths, &mentions));
        let pattern = match aside {
            Some(directory) => format!("{directory}/**"),
            None if documents.iter().any(|root| has_placeholder(root)) => file.to_owned(),
            None => continue,
        };
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    patterns.sort();
    patterns
}

/// The outermost directory of tests or documentation around a file.
fn aside(file: &str) -> Option<&str> {
    let mut end = 0;
    for part in file.rsplit_once('/')?.0.split('/') {
        end += part.len();
        if ASIDE.contains(&part.to_ascii_lowercase().as_str()) {
            return Some(&file[..end]);
        }
        end += 1;
    }
    None
}

/// Whether a file is in a directory of tests or documentation.
#[must_use]
pub fn is_aside(file: &str) -> bool {
    aside(file).is_some()
}

/// Whether a source or a kustomization deploys something in a directory. What a directory around it deploys is found in the
/// output of that, whatever is excluded.
fn is_deployed(directory: &str, paths: &[&str], mentions: &impl Fn(&str, &str) -> bool) -> bool {
    let tidy = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
    let inside =
        |path: String| path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let (parent, name) = directory.rsplit_once('/').unwrap_or(("", directory));
    paths.iter().map(|path| tidy(path)).any(inside) || mentions(parent, name)
}

/// Whether the name or a path of an Application contains a placeholder of another program, such as `${CLUSTER}`, `<CLUSTER>`,
/// or `{{CLUSTER}}`.
fn has_placeholder(root: &Node) -> bool {
    let is_ours = root.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.starts_with("Application"));
    let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
    // The parameters of an ApplicationSet are in its template, and not in these fields.
    let fields = [&["metadata", "name"][..], &["spec", "source", "path"], &["spec", "source", "repoURL"]];
    let marks = ["${", "{{"];
    is_ours && fields.iter().any(|path| marks.iter().any(|mark| text(path).contains(mark)) || has_token(text(path)))
}

/// Whether a text contains a token such as `<CLUSTER_NAME>`.
fn has_token(text: &str) -> bool {
    let is_token = |inner: &str| {
        inner.len() > 1 && inner.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.split('<').skip(1).any(|rest| rest.split_once('>').is_some_and(|(inner, _)| is_token(inner)))
}

/// Patterns of templates of another program: all with one extension before that of YAML, or else each.
#[must_use]
pub fn templates(files: &[&str]) -> Vec<String> {
    let pattern = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or(file);
        let mut parts = name.rsplit('.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(end), Some(kind), Some(_)) => format!("**/*.{kind}.{end}"),
            _ => file.to_owned(),
        }
    };
    let mut patterns: Vec<String> = files.iter().map(|file| pattern(file)).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// Whether a file that is not valid YAML is a template of another program.
#[must_use]
pub fn is_template(text: &str) -> bool {
    ["${", "<#", "{%", "<%", "{{", "[[", "@@"].iter().any(|mark| text.contains(mark)) || has_token(text)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn test_data_and_placeholders_are_excluded() {
        let parsed = |text: &str| yaml::parse(&Source::new("a.yaml", text)).expect("YAML");
        let plain = parsed("kind: Application\nmetadata: {name: web}\nspec: {source: {path: apps/web}}\n");
        let open = parsed("kind: Application\nmetadata: {name: web}\nspec: {source: {path: 'envs/${ENV}'}}\n");
        let jinja = parsed("kind: Application\nmetadata: {name: 'web-{{TEAM}}'}\nspec: {source: {path: web}}\n");
        let (plain, open, jinja) = (&plain[0].root, &open[0].root, &jinja[0].root);
        let files = [
            ("pkg/testdata/a/b.yaml", vec![plain]),
            ("pkg/testdata/c.yaml", vec![plain]),
            ("examples/apps/a.yaml", vec![plain]),
            ("apps/disabled/a.yaml", vec![plain]),
            ("docs.yaml", vec![plain]),
            ("root.tmpl.yaml", vec![open]),
            ("skeleton/app.yaml", vec![jinja]),
        ];
        let found = |paths: &[&str]| {
            excluded(files.iter().map(|(file, all)| (*file, all.clone())), paths, |directory, name| {
                (directory, name) == ("apps", "disabled")
            })
        };
        assert_eq!(
            found(&[]),
            ["examples/**", "pkg/testdata/**", "root.tmpl.yaml", "skeleton/app.yaml"],
            "a kustomization names the third"
        );
        assert_eq!(found(&["./examples/apps/"]), ["pkg/testdata/**", "root.tmpl.yaml", "skeleton/app.yaml"]);
    }
}
