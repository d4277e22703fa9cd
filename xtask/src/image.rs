//! The images that this repository owns: `images/<name>/Dockerfile`, built under the name by which the chart
//! `charts/<name>` looks for it.
//!
//! An image is fresh when it is there and its label [`LABEL`] holds the digest of today's inputs: every file of its
//! folder, the identity of each base image, and the build arguments. The digest lives on the image and nowhere else,
//! so that an image which somebody removed, or built by hand, is built again.
//!
//! Deliberately absent: pushing to a registry, and cleaning up after older builds; both are the engine's own commands.

pub mod dockerfile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::dockerfile::Dockerfile;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::yaml;
use golden::store;
use toolbox::archive::sha256;
use toolbox::engine::Engine;
use toolbox::inputs;
use toolbox::process::Invocation;
use toolbox::progress::Progress;

/// The folder of the images, from the root.
pub const FOLDER: &str = "images";

/// The label with the digest of what an image was built from.
pub const LABEL: &str = "xtask.inputs";

/// Installing packages over a slow line takes minutes, never this long.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// How many lines of a failed build's log are shown.
const TAIL: usize = 20;

/// Arguments that every engine knows without an `ARG`, and that a build needs where packages come through a proxy. They
/// say how the network is reached, not what is built, so they are no inputs.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// An image of this repository.
#[derive(Debug)]
pub struct Image {
    /// Its name: that of its folder, and of its chart.
    pub name: String,
    /// Its folder, absolute.
    pub directory: PathBuf,
    /// Repository and tag, as the chart's default values name it.
    pub reference: String,
    /// What is built.
    pub dockerfile: Dockerfile,
}

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was there, built from today's inputs.
    Fresh,
    /// It was built now.
    Built,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What was done.
    pub state: State,
    /// Its identity.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its inputs.
    pub inputs: String,
}

/// How images are to be built.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// Where the sources of the image are, for its label.
    pub repository: &'a str,
    /// Build arguments beside the defaults of the Dockerfile.
    pub arguments: &'a BTreeMap<String, String>,
    /// Whether a fresh image is built again, and each of its steps: packages of Debian move without an input moving.
    pub force: bool,
    /// Whether base images may not be pulled.
    pub offline: bool,
    /// Hears what is under way.
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("engine", &self.engine).field("force", &self.force).finish_non_exhaustive()
    }
}

/// The names of all images, in order.
#[must_use]
pub fn names(root: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten();
    let mut names: Vec<String> = folders
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("Dockerfile").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The images of the given names, all when there are none; what is wrong is told of all of them.
pub fn load(root: &Path, wanted: &[String]) -> Result<Vec<Image>> {
    let known = names(root);
    let mut diagnostics = Diagnostics::default();
    for name in wanted {
        if !known.contains(name) {
            let diagnostic = Diagnostic::new(Code::Usage, format!("no image is named `{name}`"));
            diagnostics.push(match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None if known.is_empty() => {
                    diagnostic.help(format!("there are none: an image is a folder {FOLDER}/<name> with a Dockerfile"))
                }
                None => diagnostic.help(format!("there are {}", known.join(", "))),
            });
        }
    }
    let chosen = known.iter().filter(|name| wanted.is_empty() || wanted.contains(name));
    let images: Vec<Image> = chosen.filter_map(|name| diagnostics.take(Image::load(root, name))).collect();
    diagnostics.into_result(images)
}

/// The name under which a chart looks for its image when nobody says otherwise.
pub fn reference(root: &Path, chart: &str) -> Result<String> {
    let folder = root.join("charts").join(chart);
    let missing = |file: &str, key: &str, what: &str| {
        Diagnostic::new(Code::ChartInvalid, format!("charts/{chart}/{file} does not say {what}: `{key}` is missing"))
            .at(Place::file(format!("charts/{chart}/{file}")), "")
            .help(format!(
                "the image {FOLDER}/{chart} is tagged as the chart of the same name looks for it; set `{key}`"
            ))
    };
    if !folder.join("Chart.yaml").is_file() {
        let message = format!("no chart is named as the image `{chart}`: charts/{chart}/Chart.yaml is missing");
        return Err(Diagnostic::new(Code::ChartMissing, message)
            .at(Place::file(format!("{FOLDER}/{chart}")), "")
            .help("name the folder of the image after the chart whose default values name it")
            .into());
    }
    let read =
        |file: &str| yaml::parse_one(&toolbox::source::read(root, &folder.join(file))?).map(|document| document.root);
    let (values, chart_yaml) = (read("values.yaml")?, read("Chart.yaml")?);
    let text = |key: &str| {
        let text = values.get("image").and_then(|image| image.get(key)).and_then(|node| node.as_str());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let repository =
        text("repository").ok_or_else(|| missing("values.yaml", "image.repository", "how its image is called"))?;
    let version = || chart_yaml.get("appVersion").and_then(|node| node.as_str()).map(str::to_owned);
    let tag = text("tag").or_else(version).filter(|tag| !tag.is_empty());
    let tag = tag.ok_or_else(|| missing("Chart.yaml", "appVersion", "the tag of its image"))?;
    Ok(format!("{repository}:{tag}"))
}

impl Image {
    fn load(root: &Path, name: &str) -> Result<Self> {
        let directory = root.join(FOLDER).join(name);
        let dockerfile = Dockerfile::parse(toolbox::source::read(root, &directory.join("Dockerfile"))?);
        Ok(Self { name: name.to_owned(), reference: reference(root, name)?, directory, dockerfile })
    }

    /// A digest over all that decides what is built. `bases` are base images with their identities.
    fn digest(&self, bases: &BTreeMap<String, String>, arguments: &BTreeMap<String, String>) -> Result<String> {
        use std::os::unix::fs::PermissionsExt;
        let mut text = String::new();
        for file in store::files(&self.directory)? {
            let failed = |error: std::io::Error| Diagnostic::io("read", &file, &error);
            // A COPY takes over whether a file may be executed; a link counts as what it points at.
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
    /// Sees to it that an image is there, built from today's inputs.
    pub fn ensure(&self, image: &Image) -> Result<Ready> {
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
        let invocation = self.invocation(image, &bases, &inputs);
        let output = invocation.run()?;
        if !output.success() {
            let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr);
            return Err(failed(image, &log, &invocation, self.root).into());
        }
        let built = self.engine.inspect(&image.reference)?.ok_or_else(|| {
            Diagnostic::new(Code::ImageFailed, format!("the build of `{}` left no image", image.reference))
                .help(by_hand(&invocation, self.root))
        })?;
        drop(under_way);
        self.progress.status("Built", &format!("{} ({})", image.reference, size(built.size)));
        Ok(Ready { state: State::Built, id: built.id, size: built.size, inputs })
    }

    /// An argument that the Dockerfile does not declare would be dropped with a warning at best.
    fn known_arguments(&self, image: &Image) -> Result<()> {
        let mut diagnostics = Diagnostics::default();
        let declared: Vec<&str> = image.dockerfile.arguments.keys().map(String::as_str).collect();
        for name in self.arguments.keys().filter(|name| !declared.contains(&name.as_str())) {
            let message = format!("the Dockerfile of `{}` declares no argument `{name}`", image.name);
            let diagnostic =
                Diagnostic::new(Code::Usage, message).at(Place::file(image.dockerfile.source.name.clone()), "");
            diagnostics.push(match nearest(name, declared.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("it declares {}", declared.join(", "))),
            });
        }
        diagnostics.into_result(())
    }

    /// The images that the Dockerfile begins with, each with its identity; what is not there yet is pulled.
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
                .at(place.clone(), "asked for here")
                .help("`--build-arg NAME=VALUE` puts another image in the place of an `ARG`")
        };
        if self.offline {
            return Err(missing("is not here, and `--offline` forbids to pull it".to_owned()).into());
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
        Ok(found.ok_or_else(|| missing("was pulled, and is still not there".to_owned()))?)
    }

    fn invocation(&self, image: &Image, bases: &BTreeMap<String, String>, inputs: &str) -> Invocation {
        let tag = image.reference.rsplit(':').next().unwrap_or_default();
        let base = bases.keys().next_back().map_or("scratch", String::as_str);
        let labels = [
            ("org.opencontainers.image.version", tag),
            ("org.opencontainers.image.source", self.repository),
            ("org.opencontainers.image.base.name", base),
            (LABEL, inputs),
        ];
        let mut args = vec!["build".to_owned(), "--tag".to_owned(), image.reference.clone()];
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
            // Without a value, the engine takes it from the environment: an address may hold a password.
            args.extend(["--build-arg".to_owned(), (*name).to_owned()]);
        }
        args.push(inputs::name(self.root, &image.directory));
        self.engine.invocation(self.root).args(args).env("BUILDKIT_PROGRESS", "plain").deadline(BUILD_DEADLINE)
    }
}

/// Why a build failed: the step in the Dockerfile, the end of the log, and the command.
fn failed(image: &Image, log: &str, invocation: &Invocation, root: &Path) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::ImageFailed, format!("the image `{}` could not be built", image.name));
    let diagnostic = match image.dockerfile.failed_line(log) {
        Some(line) => diagnostic.at(Place::line(&image.dockerfile.source, line), "this step failed"),
        None => diagnostic.at(Place::file(image.dockerfile.source.name.clone()), ""),
    };
    diagnostic.note(format!("the log ends with:\n{}", tail(log, TAIL))).help(by_hand(invocation, root))
}

fn by_hand(invocation: &Invocation, root: &Path) -> String {
    format!("repeat it by hand: (cd {} && {})", root.display(), invocation.command_line())
}

/// The last lines of a text that say anything.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A size as engines print it, in units of a thousand.
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
        let root = tempfile::tempdir().expect("temporary folder");
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            std::fs::write(path, text).expect("written");
        }
        root
    }

    const VALUES: &str = "image:\n  repository: localhost/x\n  tag: \"\"\n";

    #[test]
    fn an_image_is_named_as_its_chart_looks_for_it() {
        let chart = "apiVersion: v2\nname: x\nversion: 0.1.0\nappVersion: \"3.7\"\n";
        let root = workspace(&[("charts/x/values.yaml", VALUES), ("charts/x/Chart.yaml", chart)]);
        assert_eq!(reference(root.path(), "x").expect("a name"), "localhost/x:3.7");
        let tagged =
            workspace(&[("charts/x/values.yaml", "image: {repository: r, tag: t}\n"), ("charts/x/Chart.yaml", chart)]);
        assert_eq!(reference(tagged.path(), "x").expect("a name"), "r:t");
    }

    #[test]
    fn a_chart_that_names_no_image_is_told() {
        let root = workspace(&[("charts/x/values.yaml", VALUES), ("charts/x/Chart.yaml", "name: x\n")]);
        let error = reference(root.path(), "x").expect_err("no tag");
        assert!(error.0[0].message.contains("`appVersion` is missing"), "{error:?}");
        assert_eq!(reference(root.path(), "y").expect_err("no chart").0[0].code, Code::ChartMissing);
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest() {
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
