//! Chart.yaml and Chart.lock.
//!
//! Like Helm, this reader ignores unknown fields and reads `version: 1.0` as the string `1`. It also reports what Helm
//! only rejects later.
//!
//! Chart.lock contains a digest over the dependencies in Chart.yaml and in itself. [`Chart::lock_digest`] computes it, so
//! that an outdated Chart.lock is detected without Helm and network access.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Node, Value, json, yaml};
use serde::Serialize;
use toolbox::archive::sha256;

/// A chart in the workspace.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The absolute path of its directory.
    pub directory: PathBuf,
    /// The path of its directory, relative to the workspace root if it is inside.
    pub path: String,
    /// Chart.yaml.
    pub source: Arc<Source>,
    /// `name`.
    pub name: String,
    /// `version`.
    pub version: String,
    /// `apiVersion`; `v1` if it is not set.
    pub api_version: String,
    /// `dependencies`, in the same order as in Chart.lock.
    pub dependencies: Vec<Dependency>,
    /// Chart.lock, if it exists.
    pub lock: Option<ChartLock>,
    /// Whether `dependencies` is set: Helm's digest distinguishes an empty list from none.
    lists_dependencies: bool,
}

/// A dependency in Chart.yaml or Chart.lock.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The name of the chart.
    pub name: String,
    /// A version or, in Chart.yaml, a version constraint.
    pub version: String,
    /// Its repository; empty if the chart is in charts/.
    pub repository: String,
    /// The path of the value that enables it.
    pub condition: String,
    /// The tags that enable it.
    pub tags: Vec<String>,
    /// A legacy field that is still part of Helm's digest.
    pub enabled: bool,
    /// The values imported from it.
    pub import_values: Vec<Node>,
    /// Its alias in this chart.
    pub alias: String,
    /// The place of the entry.
    pub place: Place,
    /// The place of `version`, or of the entry.
    pub version_place: Place,
    /// The place of `repository`, or of the entry.
    pub repository_place: Place,
}

/// The origin of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It has no repository, and is in charts/.
    InCharts,
    /// `file://`: a chart directory, whose path may be relative to the dependent chart.
    Folder(&'a str),
    /// A Helm repository or an OCI registry.
    Remote(&'a str),
}

/// Chart.lock.
#[derive(Debug, Clone)]
pub struct ChartLock {
    /// Its text.
    pub source: Arc<Source>,
    /// The locked dependencies, in the same order as in Chart.yaml.
    pub dependencies: Vec<Dependency>,
    /// Helm's digest over both.
    pub digest: String,
    /// The place of the digest, or the file.
    pub digest_place: Place,
    lists_dependencies: bool,
}

impl Dependency {
    /// A dependency with only a name, version, and repository.
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

    /// Its origin.
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
    /// Reads the chart in a directory, which may be relative to `root`.
    pub fn load(root: &Path, directory: &Path) -> Result<Self> {
        let directory = root.join(directory);
        let path = known_as(root, &directory);
        let Some(source) = read(root, &directory.join("Chart.yaml"))? else {
            return Err(Diagnostic::new(Code::ChartMissing, format!("`{path}` contains no Chart.yaml"))
                .at(Place::file(&path), "")
                .help("create a chart with `helm create`")
                .into());
        };
        if directory.join("requirements.yaml").exists() {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{path}/requirements.yaml` is not supported"),
            )
            .at(Place::file(format!("{path}/requirements.yaml")), "")
            .help("move the list to `dependencies` in Chart.yaml, set `apiVersion: v2`, and run `cargo xtask deps --update`")
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
                    Diagnostic::new(Code::ChartInvalid, format!("duplicate dependency `{}`", called(dependency)))
                        .at(dependency.place.clone(), "second definition")
                        .at(first.place.clone(), "first definition")
                        .help("set `alias` in one of them"),
                );
            }
        }
        if let (Some(first), Some("v1") | None) = (dependencies.first(), api_version.as_deref()) {
            reader.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, "`dependencies` requires `apiVersion: v2`")
                    .at(first.place.clone(), "")
                    .help("set `apiVersion: v2` in Chart.yaml"),
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

    /// The digest that Helm writes to Chart.lock for locked dependencies.
    #[must_use]
    pub fn lock_digest(&self, locked: &[Dependency]) -> String {
        self.digest(Some(locked))
    }

    fn digest(&self, locked: Option<&[Dependency]>) -> String {
        let requested = self.lists_dependencies.then_some(self.dependencies.as_slice());
        format!("sha256:{}", sha256(format!("[{},{}]", go_list(requested), go_list(locked)).as_bytes()))
    }

    /// Whether Chart.lock matches Chart.yaml, or does not exist.
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

    /// The exact version of a dependency by index: the one in Chart.lock or, without a Chart.lock, in Chart.yaml.
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

/// Whether a version constraint is an exact version. `1.2` is not: it allows any `1.2.x`.
#[must_use]
pub fn is_exact(version: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-+.".contains(c))
}

/// Whether two versions are equal to Helm, which ignores a leading `v`.
#[must_use]
pub fn same_version(left: &str, right: &str) -> bool {
    left.strip_prefix('v').unwrap_or(left) == right.strip_prefix('v').unwrap_or(right)
}

/// Sanitizes a string of Chart.yaml like Helm, before it computes the digest: whitespace becomes spaces, and nonprintable
/// characters are removed.
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

/// A path for display, relative to the root if it is inside.
#[must_use]
pub fn known_as(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

/// The text of a file; `None` if it does not exist.
fn read(root: &Path, path: &Path) -> Result<Option<Arc<Source>>> {
    let name = known_as(root, path);
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))),
            Err(error) => Err(Diagnostic::new(Code::YamlSyntax, format!("`{name}` is not valid UTF-8: {error}"))
                .at(Place::file(name), "")
                .into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Diagnostic::io("read", path, &error).into()),
    }
}

/// The value of a key; null counts as missing.
fn present<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|node| !matches!(node.value, Value::Null))
}

/// Reads Helm's files and collects errors. Unlike `document::Fields`, it ignores unknown fields and reads a number as a
/// string, like Helm.
#[derive(Default)]
struct Reader {
    diagnostics: Diagnostics,
}

impl Reader {
    fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        self.diagnostics.push(
            Diagnostic::new(Code::ChartInvalid, format!("`{path}` must be {expected}"))
                .at(node.place(), format!("found {}", node.describe())),
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
                Diagnostic::new(Code::ChartInvalid, format!("`{path}` is required"))
                    .at(node.place(), format!("`{key}` is missing")),
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
                Diagnostic::new(Code::ChartInvalid, format!("`{}` is not a valid chart name", path("name")))
                    .at(place, "must not contain a slash"),
            );
        }
        let enabled = match present(item, "enabled").map(|node| (node, &node.value)) {
            None => false,
            Some((_, Value::Bool(value))) => *value,
            Some((node, _)) => {
                self.mismatch(node, &path("enabled"), "`true` or `false`");
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
    fn computes_helms_digest() {
        // Helm 4.2.1 generated both digests.
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
    fn json_is_like_gos() {
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
    fn numbers_are_strings_and_unknown_fields_are_ignored() {
        let chart = chart("apiVersion: v2\nname: x\nversion: 1\nhome: 5\nunknown: [1]\n").expect("Chart.yaml");
        assert_eq!((chart.name.as_str(), chart.version.as_str()), ("x", "1"));
    }

    #[test]
    fn wrong_types_are_reported() {
        let error = chart("name: [x]\ndependencies:\n- name: a\n  tags: t\n- 5\n").expect_err("wrong");
        let reported: Vec<String> =
            error.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
        assert_eq!(
            reported,
            [
                "Chart.yaml:1:7 `name` must be a string",
                "Chart.yaml:1:1 `version` is required",
                "Chart.yaml:4:9 `dependencies[0].tags` must be a list",
                "Chart.yaml:5:3 `dependencies[1]` must be a mapping",
                "Chart.yaml:3:3 `dependencies` requires `apiVersion: v2`",
            ]
        );
    }

    #[test]
    fn duplicate_dependencies_are_rejected() {
        let error = chart(&format!("{HEAD}dependencies:\n- name: a\n- name: b\n  alias: a\n")).expect_err("duplicate");
        assert_eq!(error.0[0].message, "duplicate dependency `a`");
    }

    #[test]
    fn requirements_yaml_is_rejected() {
        let root = tempfile::tempdir().expect("temporary folder");
        std::fs::write(root.path().join("Chart.yaml"), "name: x\nversion: 0.1.0\n").expect("written");
        std::fs::write(root.path().join("requirements.yaml"), "dependencies: []\n").expect("written");
        let error = Chart::load(root.path(), root.path()).expect_err("rejected");
        assert!(error.0[0].message.contains("requirements.yaml` is not supported"), "{error:?}");
    }

    #[test]
    fn exact_versions_are_distinguished_from_constraints() {
        for exact in ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.5"] {
            assert!(is_exact(exact), "{exact}");
        }
        for range in ["1.2", "^1.2.3", "1.2.x", ">=1.2.3", "1.2.3 - 2.0.0", "", "*", "1.2.3 || 2.0.0"] {
            assert!(!is_exact(range), "{range}");
        }
    }
}
