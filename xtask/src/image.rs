//! Builds the repository's own images. `images/<name>/Dockerfile` is tagged with the image reference in the default values
//! of `charts/<name>`. `tests/images/<name>/Dockerfile` is an image that only scenarios use.
//!
//! An image is fresh if it exists and its label [`LABEL`] equals the digest of the current inputs: all files in its
//! directory, the IDs of the base images, and the build arguments. The digest is stored only in the label, so that an
//! image that was removed or built by hand is built again.
//!
//! Does not remove old builds; the container engine has a command for that.

pub mod dockerfile;
pub mod push;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, did_you_mean, nearest};
use document::yaml;
use golden::store;
use schemars::JsonSchema;
use serde::Serialize;
use toolbox::archive::sha256;
use toolbox::engine::Engine;
use toolbox::inputs;
use toolbox::process::{Invocation, quoted};
use toolbox::progress::Progress;

use self::dockerfile::Dockerfile;

/// The directory of the images, relative to the root.
pub const FOLDER: &str = "images";

/// The directory of the images that only scenarios use, relative to the root.
pub(crate) const TEST_FOLDER: &str = "tests/images";

/// The label that contains the digest of an image's inputs.
pub const LABEL: &str = "xtask.inputs";

/// The time limit of a build or pull.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// The number of lines shown of a failed build's log.
const TAIL: usize = 20;

/// Build arguments that are predefined in every engine and that a build behind a proxy needs. They do not affect what is
/// built, so they are not inputs.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// An image of this repository.
#[derive(Debug)]
pub struct Image {
    /// Its name, equal to that of its directory and, unless only scenarios use it, its chart.
    pub name: String,
    /// Its absolute directory.
    pub directory: PathBuf,
    /// Repository and tag: from the chart's default values, or local ones for an image that only scenarios use.
    pub reference: String,
    /// Its Dockerfile.
    pub dockerfile: Dockerfile,
}

/// Whether an image had to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It existed with the current inputs.
    Fresh,
    /// It was built.
    Built,
}

/// An image in the engine's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whether it had to be built.
    pub state: State,
    /// Its ID.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its inputs.
    pub inputs: String,
}

/// Builds images.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    /// The container engine.
    pub engine: &'a Engine,
    /// The absolute root of the workspace.
    pub root: &'a Path,
    /// The URL of the source repository, for a label.
    pub repository: &'a str,
    /// Build arguments that override the defaults in the Dockerfile.
    pub arguments: &'a BTreeMap<String, String>,
    /// Whether to build fresh images too, without the build cache: Debian packages change although no input changes.
    pub force: bool,
    /// Whether `--offline` forbids pulling base images.
    pub offline: bool,
    /// Receives progress messages.
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("engine", &self.engine).field("force", &self.force).finish_non_exhaustive()
    }
}

/// The names of all images, sorted.
#[must_use]
pub fn names(root: &Path) -> Vec<String> {
    names_in(&root.join(FOLDER))
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = folders
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("Dockerfile").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Loads the images with the given names, or all images if `wanted` is empty. All errors are returned together.
pub fn load(root: &Path, wanted: &[String]) -> Result<Vec<Image>> {
    let known = names(root);
    let mut diagnostics = Diagnostics::default();
    for name in wanted {
        if !known.contains(name) {
            let diagnostic = Diagnostic::new(Code::Usage, format!("unknown image `{name}`"));
            diagnostics.push(match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(did_you_mean(near)),
                None if known.is_empty() => {
                    diagnostic.help(format!("there are no images; add one as {FOLDER}/<name>/Dockerfile"))
                }
                None => diagnostic.help(format!("available images: {}", known.join(", "))),
            });
        }
    }
    let chosen = known.iter().filter(|name| wanted.is_empty() || wanted.contains(name));
    let images: Vec<Image> = chosen.filter_map(|name| diagnostics.take(Image::load(root, name))).collect();
    diagnostics.into_result(images)
}

/// Loads the images that only scenarios use. All errors are returned together.
pub(crate) fn load_for_tests(root: &Path) -> Result<Vec<Image>> {
    let mut diagnostics = Diagnostics::default();
    let folder = root.join(TEST_FOLDER);
    let load = |name: String| {
        let directory = folder.join(&name);
        let dockerfile = Dockerfile::parse(toolbox::source::read(root, &directory.join("Dockerfile"))?);
        Ok(Image { reference: format!("localhost/tests/{name}:local"), name, directory, dockerfile })
    };
    let images = names_in(&folder).into_iter().filter_map(|name| diagnostics.take(load(name))).collect();
    diagnostics.into_result(images)
}

/// The image reference in a chart's default values.
pub fn reference(root: &Path, chart: &str) -> Result<String> {
    let folder = root.join("charts").join(chart);
    let missing = |file: &str, key: &str| {
        Diagnostic::new(Code::ChartInvalid, format!("`{key}` is not set in charts/{chart}/{file}"))
            .at(Place::file(format!("charts/{chart}/{file}")), "")
            .help(format!("set `{key}`: {FOLDER}/{chart} is tagged with the image reference of its chart"))
    };
    if !folder.join("Chart.yaml").is_file() {
        let message = format!("the image `{chart}` has no chart: charts/{chart}/Chart.yaml does not exist");
        return Err(Diagnostic::new(Code::ChartMissing, message)
            .at(Place::file(format!("{FOLDER}/{chart}")), "")
            .help("rename the directory of the image to the name of the chart that uses it")
            .into());
    }
    let read =
        |file: &str| yaml::parse_one(&toolbox::source::read(root, &folder.join(file))?).map(|document| document.root);
    let (values, chart_yaml) = (read("values.yaml")?, read("Chart.yaml")?);
    let text = |key: &str| {
        let text = values.get("image").and_then(|image| image.get(key)).and_then(|node| node.as_str());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let repository = text("repository").ok_or_else(|| missing("values.yaml", "image.repository"))?;
    let version = || chart_yaml.get("appVersion").and_then(|node| node.as_str()).map(str::to_owned);
    let tag = text("tag").or_else(version).filter(|tag| !tag.is_empty());
    let tag = tag.ok_or_else(|| missing("Chart.yaml", "appVersion"))?;
    Ok(format!("{repository}:{tag}"))
}

impl Image {
    fn load(root: &Path, name: &str) -> Result<Self> {
        let directory = root.join(FOLDER).join(name);
        let dockerfile = Dockerfile::parse(toolbox::source::read(root, &directory.join("Dockerfile"))?);
        Ok(Self { name: name.to_owned(), reference: reference(root, name)?, directory, dockerfile })
    }

    /// The digest of all inputs of the build. `bases` are the base images with their IDs.
    fn digest(&self, bases: &BTreeMap<String, String>, arguments: &BTreeMap<String, String>) -> Result<String> {
        use std::os::unix::fs::PermissionsExt;
        let mut text = String::new();
        for file in store::files(&self.directory)? {
            let failed = |error: std::io::Error| Diagnostic::io("read", &file, &error);
            // COPY preserves the executable bit. A symbolic link counts as its target.
            let executable = std::fs::metadata(&file).map_err(failed)?.permissions().mode() & 0o111 != 0;
            let name = inputs::name(&self.directory, &file);
            text.push_str(&format!("file {name} {executable} {}\n", inputs::file_digest(&file)?));
        }
        for (kind, entries) in [("base", bases), ("argument", arguments)] {
            for (name, value) in entries {
                text.push_str(&format!("{kind} {name} {}\n", sha256(value.as_bytes())));
            }
        }
        Ok(format!("sha256:{}", sha256(text.as_bytes())))
    }
}

impl Builder<'_> {
    /// Builds an image unless it is fresh.
    pub(crate) fn ensure(&self, image: &Image) -> Result<Ready> {
        self.known_arguments(image)?;
        let bases = self.bases(image)?;
        let inputs = image.digest(&bases, self.arguments)?;
        if !self.force
            && let Some(found) = self.engine.inspect(&image.reference)?
            && found.labels.get(LABEL) == Some(&inputs)
        {
            self.progress.status("Fresh", &format!("{} ({})", image.reference, size(found.size)));
            return Ok(Ready { state: State::Fresh, id: found.id, size: found.size, inputs });
        }
        let what = format!("{} with {}", image.reference, self.engine.describe());
        let under_way = self.progress.under_way("Building", &what);
        let how = ["build", "--tag", &image.reference].map(str::to_owned);
        let invocation = self.invocation(image, how.to_vec(), &bases, &inputs);
        let output = invocation.run()?;
        if !output.success() {
            let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr);
            return Err(failed(image, &log, &invocation, self.root).into());
        }
        let built = self.engine.inspect(&image.reference)?.ok_or_else(|| {
            Diagnostic::new(Code::ImageFailed, format!("the build succeeded but `{}` does not exist", image.reference))
                .help(by_hand(&invocation, self.root))
        })?;
        drop(under_way);
        self.progress.status("Built", &format!("{} ({})", image.reference, size(built.size)));
        Ok(Ready { state: State::Built, id: built.id, size: built.size, inputs })
    }

    /// Builds an image for several platforms, and pushes it with provenance and an SBOM. The engine does not keep it, so it
    /// is always built.
    pub fn publish(&self, image: &Image, target: &str, platforms: &[String]) -> Result<Ready> {
        self.known_arguments(image)?;
        push::check_buildx(self.engine, self.root)?;
        let bases = self.bases(image)?;
        let inputs = image.digest(&bases, self.arguments)?;
        let under_way = self.progress.under_way("Building", &format!("{target} for {}", platforms.join(", ")));
        let mut how = push::arguments(platforms);
        how.extend(["--tag".to_owned(), target.to_owned()]);
        let invocation = self.invocation(image, how, &bases, &inputs);
        let output = invocation.run()?;
        if !output.success() {
            let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr);
            return Err(failed(image, &log, &invocation, self.root).into());
        }
        under_way.done("Pushed");
        Ok(Ready { state: State::Built, id: String::new(), size: 0, inputs })
    }

    /// Fails on build arguments that the Dockerfile does not declare, which the engine ignores.
    fn known_arguments(&self, image: &Image) -> Result<()> {
        let mut diagnostics = Diagnostics::default();
        let declared: Vec<&str> = image.dockerfile.arguments.keys().map(String::as_str).collect();
        for name in self.arguments.keys().filter(|name| !declared.contains(&name.as_str())) {
            let message = format!("the build argument `{name}` is not declared in the Dockerfile of `{}`", image.name);
            let diagnostic =
                Diagnostic::new(Code::Usage, message).at(Place::file(image.dockerfile.source.name.clone()), "");
            diagnostics.push(match nearest(name, declared.iter().copied()) {
                Some(near) => diagnostic.help(did_you_mean(near)),
                None => diagnostic.help(format!("declared arguments: {}", declared.join(", "))),
            });
        }
        diagnostics.into_result(())
    }

    /// The base images of the Dockerfile with their IDs. Missing ones are pulled.
    fn bases(&self, image: &Image) -> Result<BTreeMap<String, String>> {
        let mut bases = BTreeMap::new();
        for (base, place) in image.dockerfile.bases(self.arguments) {
            let found = match self.engine.inspect(&base)? {
                Some(found) => found,
                None => self.pull(&base, &place)?,
            };
            bases.insert(base, found.id);
        }
        Ok(bases)
    }

    fn pull(&self, base: &str, place: &Place) -> Result<toolbox::engine::Found> {
        let missing = |how: String| {
            Diagnostic::new(Code::ImageFailed, format!("the base image `{base}` {how}"))
                .at(place.clone(), "required here")
                .help("to use another base image, override its `ARG` with `--build-arg NAME=VALUE`")
        };
        if self.offline {
            return Err(missing("is missing and cannot be pulled with `--offline`".to_owned()).into());
        }
        let under_way = self.progress.under_way("Pulling", base);
        let invocation = self.engine.invocation(self.root).args(["pull", "--quiet", base]).deadline(BUILD_DEADLINE);
        let output = invocation.run()?;
        if !output.success() {
            return Err(missing("could not be pulled".to_owned())
                .note(tail(&output.stderr, TAIL))
                .help(by_hand(&invocation, self.root))
                .into());
        }
        let found = self.engine.inspect(base)?;
        under_way.done("Pulled");
        Ok(found.ok_or_else(|| missing("is still missing after it was pulled".to_owned()))?)
    }

    /// A build. `args` are its first arguments.
    fn invocation(
        &self,
        image: &Image,
        mut args: Vec<String>,
        bases: &BTreeMap<String, String>,
        inputs: &str,
    ) -> Invocation {
        let tag = image.reference.rsplit(':').next().unwrap_or_default();
        let base = bases.keys().next_back().map_or("scratch", String::as_str);
        let labels = [
            ("org.opencontainers.image.version", tag),
            ("org.opencontainers.image.source", self.repository),
            ("org.opencontainers.image.base.name", base),
            (LABEL, inputs),
        ];
        if self.force {
            args.push("--no-cache".to_owned());
        }
        for (name, value) in labels {
            args.extend(["--label".to_owned(), format!("{name}={value}")]);
        }
        for (name, value) in self.arguments {
            args.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
        }
        for name in PROXIES.iter().filter(|name| std::env::var_os(name).is_some()) {
            // Without a value, the engine reads it from the environment. A proxy URL may contain a password.
            args.extend(["--build-arg".to_owned(), (*name).to_owned()]);
        }
        args.push(inputs::name(self.root, &image.directory));
        self.engine.invocation(self.root).args(args).env("BUILDKIT_PROGRESS", "plain").deadline(BUILD_DEADLINE)
    }
}

/// The diagnostic for a failed build: the failed step, the end of the log, and the command.
fn failed(image: &Image, log: &str, invocation: &Invocation, root: &Path) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::ImageFailed, format!("the image `{}` could not be built", image.name));
    let diagnostic = match image.dockerfile.failed_line(log) {
        Some(line) => diagnostic.at(Place::line(&image.dockerfile.source, line), "this step failed"),
        None => diagnostic.at(Place::file(image.dockerfile.source.name.clone()), ""),
    };
    diagnostic.note(format!("the log ends with:\n{}", tail(log, TAIL))).help(by_hand(invocation, root))
}

fn by_hand(invocation: &Invocation, root: &Path) -> String {
    format!("to reproduce it, run: (cd {} && {})", quoted(&root.to_string_lossy()), invocation.command_line())
}

/// The last non-empty lines of a text.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A size in decimal megabytes, as engines print it.
#[must_use]
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 10.0 { format!("{megabytes:.1} MB") } else { format!("{megabytes:.0} MB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("temporary directory");
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent directory")).expect("created");
            std::fs::write(path, text).expect("written");
        }
        root
    }

    const VALUES: &str = "image:\n  repository: localhost/x\n  tag: \"\"\n";

    #[test]
    fn an_image_has_the_reference_in_its_charts_values() {
        let chart = "apiVersion: v2\nname: x\nversion: 0.1.0\nappVersion: \"3.7\"\n";
        let root = workspace(&[("charts/x/values.yaml", VALUES), ("charts/x/Chart.yaml", chart)]);
        assert_eq!(reference(root.path(), "x").expect("a name"), "localhost/x:3.7");
        let tagged =
            workspace(&[("charts/x/values.yaml", "image: {repository: r, tag: t}\n"), ("charts/x/Chart.yaml", chart)]);
        assert_eq!(reference(tagged.path(), "x").expect("a name"), "r:t");
    }

    #[test]
    fn a_chart_without_an_image_reference_is_an_error() {
        let root = workspace(&[("charts/x/values.yaml", VALUES), ("charts/x/Chart.yaml", "name: x\n")]);
        let error = reference(root.path(), "x").expect_err("no tag");
        assert!(error.0[0].message.starts_with("`appVersion` is not set"), "{error:?}");
        assert_eq!(reference(root.path(), "y").expect_err("no chart").0[0].code, Code::ChartMissing);
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let root = workspace(&[("images/postfix/Dockerfile", "FROM scratch\n")]);
        let error = load(root.path(), &["posfix".to_owned()]).expect_err("unknown");
        assert_eq!(error.0[0].helps, ["did you mean `postfix`?"]);
    }

    #[test]
    fn the_digest_covers_files_bases_and_arguments() {
        let root = workspace(&[("images/x/Dockerfile", "FROM a\n"), ("images/x/extra/f", "1")]);
        let image = Image {
            name: "x".to_owned(),
            directory: root.path().join("images/x"),
            reference: "x:1".to_owned(),
            dockerfile: Dockerfile::parse(diagnostics::Source::new("Dockerfile", "FROM a\n")),
        };
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (bases, none) = (map(&[("a", "sha256:1")]), BTreeMap::new());
        let first = image.digest(&bases, &none).expect("readable");
        assert_eq!(image.digest(&bases, &none).expect("readable"), first);
        assert_ne!(image.digest(&map(&[("a", "sha256:2")]), &none).expect("readable"), first);
        assert_ne!(image.digest(&bases, &map(&[("X", "1")])).expect("readable"), first);
        std::fs::write(root.path().join("images/x/extra/f"), "2").expect("written");
        assert_ne!(image.digest(&bases, &none).expect("readable"), first);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!((size(172_400_000).as_str(), size(1_230_000).as_str()), ("172 MB", "1.2 MB"));
    }
}
