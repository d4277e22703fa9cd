//! charts.lock: the pins of chart archives, by content.
//!
//! Helm checks neither a downloaded archive against its index nor one in charts/ against Chart.lock, so what decides is
//! a digest over the archive's files (`archive::tree_digest`), which is the same whoever packed them.
//!
//! Deliberately absent: bringing archives, and comparing them with their pins (dependencies.rs).

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::json::quoted;
use document::toml;
use document::{Fields, Node, Syntax};

/// The name of the file, at the workspace root.
pub const FILE: &str = "charts.lock";

const HEADER: &str = "\
# The chart archives that this repository's charts are rendered with, pinned by the digest of their files.
# Written by `cargo xtask deps --update`; what does not match is refused.
version = 1
";

/// charts.lock.
#[derive(Debug, Clone, Default)]
pub struct ChartsLock {
    /// The pins, in order of repository, name, and version.
    pub pins: Vec<Pin>,
}

/// One archive.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The chart's name.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// The repository that Chart.yaml names for it.
    pub repository: String,
    /// `tree-sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Where charts.lock says so.
    pub place: Place,
}

impl Pin {
    /// A pin that is not in the file yet.
    #[must_use]
    pub fn new(name: &str, version: &str, repository: &str, digest: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            repository: repository.to_owned(),
            digest: digest.to_owned(),
            place: Place::file(FILE),
        }
    }

    /// What it is about: repository, name, and version.
    #[must_use]
    pub fn subject(&self) -> (&str, &str, &str) {
        (&self.repository, &self.name, &self.version)
    }

    /// The name that its archive has in a chart's charts/, in the cache, and in a mirror.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }
}

impl ChartsLock {
    /// Reads the file of a workspace; where there is none, nothing is pinned.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&Source::new(FILE, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Diagnostic::io("read", &path, &error).into()),
        }
    }

    /// Reads the text of a charts.lock; an empty one pins nothing.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        if source.text.trim().is_empty() {
            return Ok(Self::default());
        }
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);
        if let Some(version) = fields.required("version")
            && version.to_json() != "1"
        {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, "this charts.lock is of a version that this xtask does not know")
                    .at(version.place(), "expected `1`")
                    .help("use the xtask of the commit that wrote it"),
            );
        }
        let charts = fields.sequence("chart");
        fields.finish(&mut diagnostics);
        let mut pins: Vec<Pin> = Vec::new();
        for node in charts {
            let Some(pin) = pin(node, &mut diagnostics) else { continue };
            match pins.iter().find(|other| other.subject() == pin.subject()) {
                Some(first) => diagnostics.push(
                    Diagnostic::new(Code::ConfigInvalid, format!("`{}` {} is pinned twice", pin.name, pin.version))
                        .at(pin.place.clone(), "the second")
                        .at(first.place.clone(), "the first")
                        .help("delete one of them, then run `cargo xtask deps`"),
                ),
                None => pins.push(pin),
            }
        }
        pins.sort_by(|left, right| left.subject().cmp(&right.subject()));
        diagnostics.into_result(Self { pins })
    }

    /// The pin of a chart. Repositories that differ in a slash at their end are one.
    #[must_use]
    pub fn find(&self, repository: &str, name: &str, version: &str) -> Option<&Pin> {
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        self.pins
            .iter()
            .find(|pin| pin.name == name && pin.version == version && trimmed(&pin.repository) == trimmed(repository))
    }

    /// The text of the file: the same pins give the same text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut pins: Vec<&Pin> = self.pins.iter().collect();
        pins.sort_by(|left, right| left.subject().cmp(&right.subject()));
        let mut text = HEADER.to_owned();
        for pin in pins {
            text.push_str("\n[[chart]]\n");
            for (key, value) in [
                ("name", &pin.name),
                ("version", &pin.version),
                ("repository", &pin.repository),
                ("digest", &pin.digest),
            ] {
                text.extend([key, " = ", &quoted(value), "\n"]);
            }
        }
        text
    }
}

fn pin(node: &Node, diagnostics: &mut Diagnostics) -> Option<Pin> {
    let mut fields = Fields::new(node, "chart", Syntax::Config);
    let name = fields.required_string("name");
    let version = fields.required_string("version");
    let repository = fields.required_string("repository");
    let digest = fields.required_string("digest");
    let mut demand = |key: &str, fine: bool, expected: &str| {
        if let (false, Some(node)) = (fine, node.get(key)) {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`chart.{key}` cannot be {}", node.describe()))
                    .at(node.place(), format!("expected {expected}"))
                    .help("charts.lock is written by `cargo xtask deps --update`"),
            );
        }
    };
    // Name and version become a file name, so nothing in them may lead elsewhere.
    let file_part = |text: &String| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
    };
    demand("name", name.as_ref().is_none_or(file_part), "the name of a chart");
    demand("version", version.as_ref().is_none_or(file_part), "an exact version");
    let is_digest = |text: &String| {
        text.strip_prefix("tree-sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)))
    };
    demand("digest", digest.as_ref().is_none_or(is_digest), "`tree-sha256:` and 64 hexadecimal digits");
    let mut found = Diagnostics::default();
    fields.finish(&mut found);
    let sound = found.is_empty();
    diagnostics.extend(found);
    if !sound {
        return None;
    }
    Some(Pin { name: name?, version: version?, repository: repository?, digest: digest?, place: node.place() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: char) -> String {
        format!("tree-sha256:{}", of.to_string().repeat(64))
    }

    #[test]
    fn text_is_stable_and_read_back() {
        let lock = ChartsLock {
            pins: vec![
                Pin::new("b", "1.0.0", "https://b", &digest('b')),
                Pin::new("a", "1.0.0", "https://b", &digest('a')),
                Pin::new("z", "1.0.0", "https://a", &digest('c')),
            ],
        };
        let text = lock.to_text();
        let again = ChartsLock::parse(&Source::new(FILE, text.clone())).expect("own text");
        assert_eq!(again.to_text(), text);
        assert_eq!(again.pins.iter().map(|pin| pin.name.as_str()).collect::<Vec<_>>(), ["z", "a", "b"]);
        assert!(again.find("https://a/", "z", "1.0.0").is_some());
        assert!(again.find("https://a", "z", "1.0.1").is_none());
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place() {
        let text = format!(
            "version = 1\n[[chart]]\nname = \"../x\"\nversion = \"1\"\nrepository = \"r\"\ndigest = \"{}\"\n\
             [[chart]]\nname = \"x\"\nversion = \"1\"\nrepository = \"r\"\ndigest = \"sha256:1\"\nsize = 3\n",
            digest('a')
        );
        let error = ChartsLock::parse(&Source::new(FILE, text)).expect_err("wrong");
        let told: Vec<String> =
            error.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
        assert_eq!(
            told,
            [
                "charts.lock:3:8 `chart.name` cannot be the string \"../x\"",
                "charts.lock:11:10 `chart.digest` cannot be the string \"sha256:1\"",
                "charts.lock:12:1 unknown key `size` in `chart`",
            ]
        );
    }

    #[test]
    fn a_pin_stands_once() {
        let one =
            format!("[[chart]]\nname = \"x\"\nversion = \"1\"\nrepository = \"r\"\ndigest = \"{}\"\n", digest('a'));
        let error = ChartsLock::parse(&Source::new(FILE, format!("version = 1\n{one}{one}"))).expect_err("twice");
        assert_eq!(error.0[0].message, "`x` 1 is pinned twice");
    }
}
