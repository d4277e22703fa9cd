//! Chart.yaml and Chart.lock.
//!
//! Like Helm, this reader ignores unknown fields and reads `version: 1.0` as the string `1`. It also reports what Helm
//! only rejects later.
//!
//! Charts of the API version v1 may have their dependencies in requirements.yaml, and their lock is requirements.lock.
//!
//! Chart.lock contains a digest over the dependencies in Chart.yaml and in itself. [`Chart::lock_digest`] computes it, so
//! that an outdated Chart.lock is detected without Helm and network access.

mod dependency;
pub mod fields;
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
pub(crate) use self::go_json::{dependency_json, go_string};
pub(crate) use self::reader::sanitized;
use self::reader::{Reader, present};
pub use self::version::{is_exact, same_version};

/// The file that contains the dependencies of older charts.
const REQUIREMENTS: &str = "requirements.yaml";

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
    /// Whether the dependencies are in requirements.yaml.
    required_separately: bool,
}

/// Chart.lock or requirements.lock.
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
        // Without Chart.yaml, Helm explains it.
        !rules.decide("Chart.yaml", false) && (rules.decide("templates", true) || all())
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
        if let Some(found) = ignored_templates(root, &directory)? {
            return Err(found.into());
        }
        let mut chart = Self::parse(&source, directory, path)?;
        if let Some(source) = read(root, &chart.directory.join(REQUIREMENTS))? {
            chart.read_requirements(&source)?;
        }
        // Helm reads both locks, this one last.
        for name in ["requirements.lock", "Chart.lock"] {
            if let Some(source) = read(root, &chart.directory.join(name))? {
                chart.lock = Some(ChartLock::parse(&source)?);
                break;
            }
        }
        chart.resolve_aliases();
        Ok(chart)
    }

    /// Replaces the aliases of repositories, which `helm repo add` defines on one machine, with the URLs in the lock. Helm
    /// does the same before it compares the lock with Chart.yaml.
    fn resolve_aliases(&mut self) {
        let locked = self.lock.as_ref().map(|lock| lock.dependencies.as_slice()).unwrap_or_default();
        for (declared, locked) in self.dependencies.iter_mut().zip(locked) {
            if declared.has_repository_alias() && declared.name == locked.name {
                declared.repository.clone_from(&locked.repository);
            }
        }
    }

    /// Reads the dependencies in requirements.yaml, which replace those in Chart.yaml.
    fn read_requirements(&mut self, source: &Arc<Source>) -> Result<()> {
        let root = yaml::parse_one(source)?.root;
        let mut reader = Reader::default();
        reader.mapping(&root, REQUIREMENTS);
        if present(&root, "dependencies").is_some() {
            self.dependencies = reader.dependencies(&root);
            check_names(&self.dependencies, &mut reader);
            self.lists_dependencies = true;
            self.required_separately = true;
        }
        reader.diagnostics.into_result(())
    }

    /// The name of the file that contains the dependencies.
    #[must_use]
    pub(crate) fn dependencies_file(&self) -> &'static str {
        if self.required_separately { REQUIREMENTS } else { "Chart.yaml" }
    }

    /// The name of the lock file, whether it exists or not.
    #[must_use]
    pub(crate) fn lock_file(&self) -> &'static str {
        let requirements = match &self.lock {
            Some(lock) => lock.source.name.ends_with("requirements.lock"),
            None => self.api_version == "v1",
        };
        if requirements { "requirements.lock" } else { "Chart.lock" }
    }

    fn parse(source: &Arc<Source>, directory: PathBuf, path: String) -> Result<Self> {
        let root = yaml::parse_one(source)?.root;
        let mut reader = Reader::default();
        reader.mapping(&root, "Chart.yaml");
        let name = reader.required(&root, "name", "name");
        let version = reader.required(&root, "version", "version");
        let api_version = reader.text(&root, "apiVersion", "apiVersion");
        reader.description(&root);
        let dependencies = reader.dependencies(&root);
        check_names(&dependencies, &mut reader);
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
            required_separately: false,
        })
    }

    /// The digest that Helm writes to Chart.lock for locked dependencies.
    #[must_use]
    pub(crate) fn lock_digest(&self, locked: &[Dependency]) -> String {
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
        let digest = self.digest(lock.lists_dependencies.then_some(lock.dependencies.as_slice()));
        paired && (lock.digest == digest || self.api_version == "v1" && lock.digest == self.helm_2_digest())
    }

    /// The digest that Helm 2 wrote, which Helm accepts in charts of the API version v1.
    fn helm_2_digest(&self) -> String {
        let requested = go_list(self.lists_dependencies.then_some(self.dependencies.as_slice()));
        format!("sha256:{}", sha256(format!("{{\"dependencies\":{requested}}}").as_bytes()))
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

/// Reports dependencies of one name.
fn check_names(dependencies: &[Dependency], reader: &mut Reader) {
    let called = |dependency: &Dependency| {
        if dependency.alias.is_empty() { dependency.name.clone() } else { dependency.alias.clone() }
    };
    for (index, dependency) in dependencies.iter().enumerate() {
        if let Some(first) = dependencies[..index].iter().find(|other| called(other) == called(dependency)) {
            reader.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, format!("duplicate dependency `{}`", called(dependency)))
                    .at(dependency.place.clone(), "second definition")
                    .at(first.place.clone(), "first definition")
                    .help("set `alias` in one of them"),
            );
        }
    }
}

/// A path for display, relative to the root if it is inside.
#[must_use]
pub(crate) fn known_as(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

/// The text of a file; `None` if it does not exist.
fn read(root: &Path, path: &Path) -> Result<Option<Arc<Source>>> {
    let name = known_as(root, path);
    match toolbox::regular_file::read(path) {
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
