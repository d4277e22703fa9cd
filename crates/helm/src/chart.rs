//! A chart's own files: Chart.yaml and Chart.lock, read as Helm reads them, with the places of what they say.
//!
//! Helm ignores keys that it does not know and takes `version: 1.0` for the text `1`; so does this reader, because what
//! Argo CD renders has to be readable here. What Helm would trip over later is told at once, with its place.
//!
//! Chart.lock carries a digest over the dependencies of Chart.yaml and its own. [`Chart::lock_digest`] computes the same
//! digest, so that a lock which no longer matches is found without Helm and without the network.
//!
//! Deliberately absent: values, templates, and what lies in charts/ (dependencies.rs looks at that).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::json;
use document::yaml;
use document::{Node, Value};
use serde::Serialize;
use toolbox::archive::sha256;

/// A chart in the workspace.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its folder, absolute.
    pub directory: PathBuf,
    /// Its folder as people know it: relative to the workspace root where it lies inside.
    pub path: String,
    /// Chart.yaml.
    pub source: Arc<Source>,
    /// `name`.
    pub name: String,
    /// `version`.
    pub version: String,
    /// `apiVersion`; Helm takes a chart without one for `v1`.
    pub api_version: String,
    /// `dependencies`, in their order, which Chart.lock repeats.
    pub dependencies: Vec<Dependency>,
    /// Chart.lock, where there is one.
    pub lock: Option<ChartLock>,
    /// Whether `dependencies` stands in Chart.yaml at all: Helm's digest tells an empty list from none.
    lists_dependencies: bool,
}

/// A dependency, as Chart.yaml asks for it or as Chart.lock settled it.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The name of the chart that is depended on.
    pub name: String,
    /// A version or, in Chart.yaml, a range of them.
    pub version: String,
    /// Where it comes from; empty when the chart lies in charts/.
    pub repository: String,
    /// The value that switches it.
    pub condition: String,
    /// The tags that switch it.
    pub tags: Vec<String>,
    /// A relic that Helm still hashes.
    pub enabled: bool,
    /// Values taken over from it.
    pub import_values: Vec<Node>,
    /// The name under which this chart knows it.
    pub alias: String,
    /// Its entry.
    pub place: Place,
    /// The place of its `version`, or of the entry.
    pub version_place: Place,
    /// The place of its `repository`, or of the entry.
    pub repository_place: Place,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It has no repository: it lies in charts/.
    InCharts,
    /// `file://`: a chart folder; the path counts from the chart's folder unless it is absolute.
    Folder(&'a str),
    /// A Helm repository or a registry.
    Remote(&'a str),
}

/// Chart.lock.
#[derive(Debug, Clone)]
pub struct ChartLock {
    /// Its text.
    pub source: Arc<Source>,
    /// What the dependencies of Chart.yaml were settled to, in the same order.
    pub dependencies: Vec<Dependency>,
    /// Helm's digest over both.
    pub digest: String,
    /// The place of the digest, or the file.
    pub digest_place: Place,
    lists_dependencies: bool,
}

impl Dependency {
    /// A dependency on one version in one repository, and nothing more.
    #[must_use]
    pub fn exact(name: &str, version: &str, repository: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            repository: repository.to_owned(),
            condition: String::new(),
            tags: Vec::new(),
            enabled: false,
            import_values: Vec::new(),
            alias: String::new(),
            version_place: place.clone(),
            repository_place: place.clone(),
            place,
        }
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        match self.repository.strip_prefix("file://") {
            Some(path) => Origin::Folder(path),
            None if self.repository.is_empty() => Origin::InCharts,
            None => Origin::Remote(&self.repository),
        }
    }
}

impl Chart {
    /// Reads the chart in a folder (absolute, or relative to `root`).
    pub fn load(root: &Path, directory: &Path) -> Result<Self> {
        let directory = root.join(directory);
        let path = known_as(root, &directory);
        let Some(source) = read(root, &directory.join("Chart.yaml"))? else {
            return Err(Diagnostic::new(Code::ChartMissing, format!("`{path}` is no chart: it has no Chart.yaml"))
                .at(Place::file(&path), "")
                .help("a chart is a folder with a Chart.yaml; `helm create` makes one")
                .into());
        };
        if directory.join("requirements.yaml").exists() {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{path}/requirements.yaml` is not supported: it is how Helm 2 wrote dependencies"),
            )
            .at(Place::file(format!("{path}/requirements.yaml")), "")
            .help("move its list to `dependencies` in Chart.yaml, set `apiVersion: v2` there, and run `cargo xtask deps --update`")
            .into());
        }
        let mut chart = Self::parse(&source, directory, path)?;
        if let Some(source) = read(root, &chart.directory.join("Chart.lock"))? {
            chart.lock = Some(ChartLock::parse(&source)?);
        }
        Ok(chart)
    }

    fn parse(source: &Arc<Source>, directory: PathBuf, path: String) -> Result<Self> {
        let root = yaml::parse_one(source)?.root;
        let mut reader = Reader::default();
        reader.mapping(&root, "Chart.yaml");
        let name = reader.required(&root, "name", "name");
        let version = reader.required(&root, "version", "version");
        let api_version = reader.text(&root, "apiVersion", "apiVersion");
        let dependencies = reader.dependencies(&root);
        for (index, dependency) in dependencies.iter().enumerate() {
            let called = |dependency: &Dependency| {
                if dependency.alias.is_empty() { dependency.name.clone() } else { dependency.alias.clone() }
            };
            if let Some(first) = dependencies[..index].iter().find(|other| called(other) == called(dependency)) {
                reader.diagnostics.push(
                    Diagnostic::new(
                        Code::ChartInvalid,
                        format!("two dependencies are called `{}`", called(dependency)),
                    )
                    .at(dependency.place.clone(), "the second")
                    .at(first.place.clone(), "the first")
                    .help("give one of them an `alias`"),
                );
            }
        }
        if let (Some(first), Some("v1") | None) = (dependencies.first(), api_version.as_deref()) {
            reader.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, "dependencies of a chart with `apiVersion: v1` are not supported")
                    .at(first.place.clone(), "")
                    .help("set `apiVersion: v2` in Chart.yaml, which Helm has read since version 3"),
            );
        }
        reader.diagnostics.into_result(Self {
            directory,
            path,
            source: Arc::clone(source),
            name: name.unwrap_or_default(),
            version: version.unwrap_or_default(),
            api_version: api_version.unwrap_or_else(|| "v1".to_owned()),
            dependencies,
            lock: None,
            lists_dependencies: present(&root, "dependencies").is_some(),
        })
    }

    /// The digest that Helm writes into Chart.lock when the dependencies are settled to `locked`.
    #[must_use]
    pub fn lock_digest(&self, locked: &[Dependency]) -> String {
        self.digest(Some(locked))
    }

    fn digest(&self, locked: Option<&[Dependency]>) -> String {
        let requested = self.lists_dependencies.then_some(self.dependencies.as_slice());
        format!("sha256:{}", sha256(format!("[{},{}]", go_list(requested), go_list(locked)).as_bytes()))
    }

    /// Whether Chart.lock is about the dependencies that Chart.yaml lists today. True when there is no Chart.lock.
    #[must_use]
    pub fn lock_matches(&self) -> bool {
        let Some(lock) = &self.lock else { return true };
        if self.dependencies.is_empty() && lock.dependencies.is_empty() {
            return true;
        }
        let paired = self.dependencies.len() == lock.dependencies.len()
            && self.dependencies.iter().zip(&lock.dependencies).all(|(asked, locked)| asked.name == locked.name);
        paired && lock.digest == self.digest(lock.lists_dependencies.then_some(lock.dependencies.as_slice()))
    }

    /// The exact version of the dependency at an index: what Chart.lock says or, without one, what Chart.yaml says if
    /// that is one version and no range.
    #[must_use]
    pub fn settled_version(&self, index: usize) -> Option<&str> {
        let version = match &self.lock {
            Some(lock) => &lock.dependencies.get(index)?.version,
            None => &self.dependencies.get(index)?.version,
        };
        is_exact(version).then_some(version)
    }
}

impl ChartLock {
    /// Reads a Chart.lock.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = yaml::parse_one(source)?.root;
        let mut reader = Reader::default();
        reader.mapping(&root, "Chart.lock");
        let dependencies = reader.dependencies(&root);
        let digest = reader.required(&root, "digest", "digest").unwrap_or_default();
        let node = root.get("digest");
        reader.diagnostics.into_result(Self {
            source: Arc::clone(source),
            dependencies,
            digest,
            digest_place: node.map_or_else(|| Place::file(source.name.clone()), Node::place),
            lists_dependencies: present(&root, "dependencies").is_some(),
        })
    }
}

/// Whether a version constraint allows one version only. `1.2` is a range to Helm: any `1.2.x`.
#[must_use]
pub fn is_exact(version: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-+.".contains(c))
}

/// Whether two versions are one to Helm: a leading `v` does not count.
#[must_use]
pub fn same_version(left: &str, right: &str) -> bool {
    left.strip_prefix('v').unwrap_or(left) == right.strip_prefix('v').unwrap_or(right)
}

/// Helm's clean-up of the texts in Chart.yaml, which happens before it computes the digest: white space becomes a
/// space, what cannot be printed goes.
#[must_use]
pub fn sanitized(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() => Some(' '),
            c if c.is_control() => None,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
            c => Some(c),
        })
        .collect()
}

/// A path as people know it: relative to the root where it lies inside.
#[must_use]
pub fn known_as(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

/// The text of a file, or `None` where there is none.
fn read(root: &Path, path: &Path) -> Result<Option<Arc<Source>>> {
    let name = known_as(root, path);
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))),
            Err(error) => Err(Diagnostic::new(Code::YamlSyntax, format!("`{name}` is not UTF-8 text: {error}"))
                .at(Place::file(name), "")
                .into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Diagnostic::io("read", path, &error).into()),
    }
}

/// The value under a key; an explicit null counts as absent.
fn present<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|node| !matches!(node.value, Value::Null))
}

/// Takes Helm's files apart and gathers what is wrong. Unlike `document::Fields` it minds no unknown keys and takes a
/// number for a text, as Helm does.
#[derive(Default)]
struct Reader {
    diagnostics: Diagnostics,
}

impl Reader {
    fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        self.diagnostics.push(
            Diagnostic::new(Code::ChartInvalid, format!("`{path}` should be {expected}"))
                .at(node.place(), format!("this is {}", node.describe())),
        );
    }

    fn mapping(&mut self, node: &Node, path: &str) {
        if !matches!(node.value, Value::Mapping(_)) {
            self.mismatch(node, path, "a mapping");
        }
    }

    fn text(&mut self, node: &Node, key: &str, path: &str) -> Option<String> {
        let value = present(node, key)?;
        match &value.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            _ => {
                self.mismatch(value, path, "a string");
                None
            }
        }
    }

    fn required(&mut self, node: &Node, key: &str, path: &str) -> Option<String> {
        if matches!(node.value, Value::Mapping(_)) && present(node, key).is_none() {
            self.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, format!("`{path}` is missing"))
                    .at(node.place(), format!("`{key}` belongs here")),
            );
        }
        self.text(node, key, path)
    }

    fn list<'a>(&mut self, node: &'a Node, key: &str, path: &str) -> &'a [Node] {
        let Some(value) = present(node, key) else { return &[] };
        if !matches!(value.value, Value::Sequence(_)) {
            self.mismatch(value, path, "a list");
        }
        value.items()
    }

    fn dependencies(&mut self, root: &Node) -> Vec<Dependency> {
        let items = self.list(root, "dependencies", "dependencies");
        items.iter().enumerate().map(|(index, item)| self.dependency(item, index)).collect()
    }

    fn dependency(&mut self, item: &Node, index: usize) -> Dependency {
        let path = |key: &str| format!("dependencies[{index}].{key}");
        self.mapping(item, &format!("dependencies[{index}]"));
        let name = self.required(item, "name", &path("name")).unwrap_or_default();
        if name.contains(['/', '\\']) || name == "." || name == ".." {
            let place = item.get("name").map_or_else(|| item.place(), Node::place);
            self.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, format!("`{}` cannot be the name of a chart", path("name")))
                    .at(place, "a name has no `/`"),
            );
        }
        let enabled = match present(item, "enabled").map(|node| (node, &node.value)) {
            None => false,
            Some((_, Value::Bool(value))) => *value,
            Some((node, _)) => {
                self.mismatch(node, &path("enabled"), "true or false");
                false
            }
        };
        let mut tags = Vec::new();
        for tag in self.list(item, "tags", &path("tags")) {
            match &tag.value {
                Value::String(text) | Value::Number(text) => tags.push(sanitized(text)),
                _ => self.mismatch(tag, &path("tags"), "a list of strings"),
            }
        }
        let mut text = |key: &str| self.text(item, key, &path(key)).unwrap_or_default();
        let place_of = |key: &str| present(item, key).map_or_else(|| item.place(), Node::place);
        Dependency {
            name: sanitized(&name),
            version: sanitized(&text("version")),
            repository: sanitized(&text("repository")),
            condition: sanitized(&text("condition")),
            alias: text("alias"),
            tags,
            enabled,
            import_values: self.list(item, "import-values", &path("import-values")).to_vec(),
            place: item.place(),
            version_place: place_of("version"),
            repository_place: place_of("repository"),
        }
    }
}

/// A dependency in the JSON form of Helm's type.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct GoDependency<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    repository: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    condition: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enabled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    import_values: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    alias: &'a str,
}

impl<'a> From<&'a Dependency> for GoDependency<'a> {
    fn from(dependency: &'a Dependency) -> Self {
        let value = |node: &Node| {
            let mut value: serde_json::Value = serde_json::from_str(&node.to_json()).unwrap_or_default();
            // Go sorts the keys of a `map[string]any`.
            value.sort_all_objects();
            value
        };
        Self {
            name: &dependency.name,
            version: &dependency.version,
            repository: &dependency.repository,
            condition: &dependency.condition,
            tags: &dependency.tags,
            enabled: dependency.enabled,
            import_values: dependency.import_values.iter().map(value).collect(),
            alias: &dependency.alias,
        }
    }
}

/// A list of dependencies in the JSON form that Helm hashes.
fn go_list(dependencies: Option<&[Dependency]>) -> String {
    go_json(&dependencies.map(|all| all.iter().map(GoDependency::from).collect::<Vec<_>>()))
}

/// A dependency in Helm's JSON form.
#[must_use]
pub fn dependency_json(dependency: &Dependency) -> String {
    go_json(&GoDependency::from(dependency))
}

/// A string in Go's JSON form.
#[must_use]
pub fn go_string(text: &str) -> String {
    go_json(&text)
}

/// Formats a value as Go's `encoding/json` does, which also escapes `<`, `>`, `&`, and two line separators.
fn go_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    json::escape(&json, |c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(text: &str) -> Result<Chart> {
        Chart::parse(&Source::new("Chart.yaml", text), PathBuf::from("/w/charts/x"), "charts/x".to_owned())
    }

    fn locked(chart_text: &str, lock_text: &str) -> Chart {
        let mut chart = chart(chart_text).expect("Chart.yaml");
        chart.lock = Some(ChartLock::parse(&Source::new("Chart.lock", lock_text)).expect("Chart.lock"));
        chart
    }

    const HEAD: &str = "apiVersion: v2\nname: x\nversion: 0.1.0\n";

    #[test]
    fn helms_digest_is_recomputed() {
        // Both digests were written by Helm 4.2.1.
        let plain = locked(
            &format!(
                "{HEAD}dependencies:\n- {{name: sealed-secrets, version: 2.19.1, repository: \"https://bitnami.github.io/sealed-secrets\"}}\n"
            ),
            "dependencies:\n- name: sealed-secrets\n  repository: https://bitnami.github.io/sealed-secrets\n  version: 2.19.1\n\
             digest: sha256:a3411bb61935d9d3f83b2ff6c1230a9a25a500524eb1f809b8cfff5343c2a3fd\ngenerated: \"2026-11-23T08:39:11Z\"\n",
        );
        assert!(plain.lock_matches());
        let other = locked(
            &format!(
                "{HEAD}dependencies:\n- {{name: sealed-secrets, version: 2.19.0, repository: \"https://bitnami.github.io/sealed-secrets\"}}\n"
            ),
            "dependencies:\n- name: sealed-secrets\n  repository: https://bitnami.github.io/sealed-secrets\n  version: 2.19.1\n\
             digest: sha256:a3411bb61935d9d3f83b2ff6c1230a9a25a500524eb1f809b8cfff5343c2a3fd\ngenerated: \"2026-11-23T08:39:11Z\"\n",
        );
        assert!(!other.lock_matches());
    }

    #[test]
    fn the_json_is_gos() {
        let chart = chart(&format!(
            "{HEAD}dependencies:\n- name: a\n  version: '>=1 <2'\n  repository: https://x/?a&b\n  alias: b\n  condition: a.enabled\n  \
             tags: [t]\n  enabled: true\n  import-values: [data, {{parent: p, child: c}}]\n- name: c\n"
        ))
        .expect("Chart.yaml");
        assert_eq!(
            go_list(Some(&chart.dependencies)),
            r#"[{"name":"a","version":"\u003e=1 \u003c2","repository":"https://x/?a\u0026b","condition":"a.enabled","tags":["t"],"enabled":true,"import-values":["data",{"child":"c","parent":"p"}],"alias":"b"},{"name":"c","repository":""}]"#
        );
        assert_eq!(go_list(None), "null");
    }

    #[test]
    fn numbers_are_texts_and_unknown_keys_are_fine() {
        let chart = chart("apiVersion: v2\nname: x\nversion: 1\nhome: 5\nunknown: [1]\n").expect("Chart.yaml");
        assert_eq!((chart.name.as_str(), chart.version.as_str()), ("x", "1"));
    }

    #[test]
    fn wrong_types_have_places() {
        let error = chart("name: [x]\ndependencies:\n- name: a\n  tags: t\n- 5\n").expect_err("wrong");
        let told: Vec<String> =
            error.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
        assert_eq!(
            told,
            [
                "Chart.yaml:1:7 `name` should be a string",
                "Chart.yaml:1:1 `version` is missing",
                "Chart.yaml:4:9 `dependencies[0].tags` should be a list",
                "Chart.yaml:5:3 `dependencies[1]` should be a mapping",
                "Chart.yaml:3:3 dependencies of a chart with `apiVersion: v1` are not supported",
            ]
        );
    }

    #[test]
    fn a_name_stands_once() {
        let error = chart(&format!("{HEAD}dependencies:\n- name: a\n- name: b\n  alias: a\n")).expect_err("twice");
        assert_eq!(error.0[0].message, "two dependencies are called `a`");
    }

    #[test]
    fn requirements_yaml_is_refused_by_name() {
        let root = tempfile::tempdir().expect("temporary folder");
        std::fs::write(root.path().join("Chart.yaml"), "name: x\nversion: 0.1.0\n").expect("written");
        std::fs::write(root.path().join("requirements.yaml"), "dependencies: []\n").expect("written");
        let error = Chart::load(root.path(), root.path()).expect_err("refused");
        assert!(error.0[0].message.contains("requirements.yaml` is not supported"), "{error:?}");
    }

    #[test]
    fn exact_versions_are_told_from_ranges() {
        for exact in ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.5"] {
            assert!(is_exact(exact), "{exact}");
        }
        for range in ["1.2", "^1.2.3", "1.2.x", ">=1.2.3", "1.2.3 - 2.0.0", "", "*", "1.2.3 || 2.0.0"] {
            assert!(!is_exact(range), "{range}");
        }
    }
}
