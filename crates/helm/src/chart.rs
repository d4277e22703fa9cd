//! Chart.yaml and Chart.lock.
//!
//! Like Helm, this reader ignores unknown fields and reads `version: 1.0` as the string `1`. It also reports what Helm
//! only rejects later.
//!
//! Chart.lock contains a digest over the dependencies in Chart.yaml and in itself. [`Chart::lock_digest`] computes it, so
//! that an outdated Chart.lock is detected without Helm and network access.

mod dependency;
mod go_json;
mod reader;
#[cfg(test)]
mod tests;
mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Place, Result, Source};
use document::{Node, yaml};
use toolbox::archive::sha256;

use crate::helmignore::Rules;

pub use self::dependency::{Dependency, Origin};
use self::go_json::go_list;
pub use self::go_json::{dependency_json, go_string};
pub use self::reader::sanitized;
use self::reader::{Reader, present};
pub use self::version::{is_exact, same_version};

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

/// Reports a .helmignore that excludes all templates: Helm then renders nothing, and Argo CD deletes every object.
fn ignored_templates(root: &Path, directory: &Path) -> Result<Option<Diagnostic>> {
    let templates = directory.join("templates");
    let (true, Some(source)) = (templates.is_dir(), read(root, &directory.join(".helmignore"))?) else {
        return Ok(None);
    };
    let entries = std::fs::read_dir(&templates).into_iter().flatten().flatten();
    let entries: Vec<(String, bool)> = entries
        .filter_map(|entry| Some((format!("templates/{}", entry.file_name().to_str()?), entry.path().is_dir())))
        .collect();
    let excludes = |text: &str| {
        let rules = Rules::parse(text);
        // A negated rule excludes everything else, which Helm reports.
        if rules.decide("Chart.yaml", false) {
            return false;
        }
        let all = || !entries.is_empty() && entries.iter().all(|(name, folder)| rules.decide(name, *folder));
        rules.decide("templates", true) || all()
    };
    if !excludes(&source.text) {
        return Ok(None);
    }
    let line = source.text.lines().position(excludes);
    let place = line.map_or_else(|| Place::file(source.name.clone()), |line| Place::line(&source, line + 1));
    Ok(Some(
        Diagnostic::new(Code::ChartInvalid, "`.helmignore` excludes all templates")
            .at(place, "Helm renders nothing")
            .help("delete the line, or name only files that are not templates"),
    ))
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
        if let Some(found) = ignored_templates(root, &directory)? {
            return Err(found.into());
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
