//! advisories.toml: published vulnerabilities of what a repository deploys or pins, and the versions that fix them.
//!
//! Does not ask the network: what is not in the file is not known.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source, suggestion};
use document::{Fields, Node, Syntax, toml};
use toolbox::date::Date;

use crate::versions;
use crate::versions::{Known, Range};

/// The name of the file, at the workspace root.
pub const FILE: &str = "advisories.toml";

/// The platforms whose versions charts.toml names.
const PLATFORMS: &[&str] = &["argocd", "kubernetes"];

/// The kind of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The dependency of a chart.
    Chart,
    /// A container image.
    Image,
    /// Argo CD or Kubernetes.
    Platform,
    /// A pinned tool.
    Tool,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Chart, Self::Image, Self::Platform, Self::Tool];

    /// Its name in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Chart => "chart",
            Self::Image => "image",
            Self::Platform => "platform",
            Self::Tool => "tool",
        }
    }
}

/// One vulnerability of one package.
#[derive(Debug, Clone)]
pub struct Advisory {
    /// The publisher's identifier.
    pub id: String,
    /// The kind of the package.
    pub kind: Kind,
    /// The package's name; of an image, with its registry.
    pub name: String,
    /// The repository of a chart.
    pub repository: Option<String>,
    /// The versions that are affected.
    pub affected: Vec<Range>,
    /// When it was published, `YYYY-MM-DD`.
    pub date: String,
    /// Where it was published.
    pub source: String,
    /// The effect of an attack.
    pub summary: String,
    /// Where the entry is.
    pub place: Place,
}

/// The file.
#[derive(Debug, Clone, Default)]
pub struct Advisories {
    /// The entries, in the order of the file.
    pub all: Vec<Advisory>,
}

impl Advisory {
    /// The range that a version lies in, if it lies in any.
    #[must_use]
    pub fn affects(&self, version: &Known) -> Option<&Range> {
        self.affected.iter().find(|range| version.within(range))
    }

    /// Whether it is about an image, by its full name or, for a copy in another registry, by its path.
    #[must_use]
    pub fn is_about_image(&self, name: &str) -> bool {
        if self.kind != Kind::Image {
            return false;
        }
        let (own, other) = (full_name(&self.name), full_name(name));
        let path = own.split_once('/').map_or("", |(_, path)| path);
        // `library/debian` says too little about where a copy is from.
        let telling = path.contains('/') && !path.starts_with("library/");
        own == other || (telling && other.strip_suffix(path).is_some_and(|rest| rest.ends_with('/')))
    }

    /// Whether it is about a chart in a repository.
    #[must_use]
    pub fn is_about_chart(&self, name: &str, repository: &str) -> bool {
        let trimmed = |url: &str| url.trim_end_matches('/').to_lowercase();
        self.kind == Kind::Chart
            && self.name == name
            && self.repository.as_deref().is_some_and(|own| trimmed(own) == trimmed(repository))
    }

    /// Whether it is about a tool or a platform.
    #[must_use]
    pub fn is_about(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }
}

/// The name of an image with its registry, as container runtimes complete it.
#[must_use]
pub fn full_name(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let registry = first.contains(['.', ':']) || first == "localhost";
    match (registry, first) {
        (true, "docker.io" | "index.docker.io") if !rest.contains('/') => format!("docker.io/library/{rest}"),
        (true, "index.docker.io") => format!("docker.io/{rest}"),
        (true, _) => name.to_owned(),
        (false, "") => format!("docker.io/library/{name}"),
        (false, _) => format!("docker.io/{name}"),
    }
}

impl Advisories {
    /// Reads the file of a workspace; without one there are no advisories.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(&toolbox::source::read(root, &path)?)
    }

    /// Reads the text. Everything that is wrong is reported at once.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);
        let nodes = fields.sequence("advisory");
        fields.finish(&mut diagnostics);
        let mut all: Vec<Advisory> = Vec::new();
        for node in nodes {
            let Some(advisory) = advisory(node, &mut diagnostics) else { continue };
            let same = |other: &&Advisory| {
                (&other.id, other.kind, &other.name, &other.repository)
                    == (&advisory.id, advisory.kind, &advisory.name, &advisory.repository)
            };
            if let Some(first) = all.iter().find(same) {
                diagnostics.push(
                    Diagnostic::new(
                        Code::ConfigInvalid,
                        format!("`{}` is listed twice for `{}`", advisory.id, advisory.name),
                    )
                    .at(advisory.place.clone(), "the second entry")
                    .at(first.place.clone(), "the first entry")
                    .help("merge their `affected` ranges into one entry"),
                );
                continue;
            }
            all.push(advisory);
        }
        diagnostics.into_result(Self { all })
    }
}

fn advisory(node: &Node, diagnostics: &mut Diagnostics) -> Option<Advisory> {
    let mut fields = Fields::new(node, "advisory[]", Syntax::Config);
    let id = text(&mut fields, "id");
    let kind = kind(&mut fields);
    let name = text(&mut fields, "name");
    let repository = fields.string("repository");
    match (kind, fields.node("repository")) {
        (Some(Kind::Chart), None) => fields.report(
            Diagnostic::new(Code::ConfigInvalid, "`advisory[].repository` is required for a chart")
                .at(node.place(), "two repositories may have charts of one name")
                .help("add the URL of the chart's repository"),
        ),
        (Some(other), Some(place)) if other != Kind::Chart => fields.report(
            Diagnostic::new(
                Code::ConfigInvalid,
                format!("`advisory[].repository` is not allowed for a {}", other.word()),
            )
            .at(place.place(), "only charts have a repository")
            .help("remove this line"),
        ),
        _ => {}
    }
    if let (Some(Kind::Platform), Some(name), Some(at)) = (kind, &name, node.get("name"))
        && !PLATFORMS.contains(&name.as_str())
    {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("unknown platform `{name}`"))
                .at(at.place(), "")
                .help(suggestion(name, PLATFORMS.iter().copied())),
        );
    }
    let affected = affected(&mut fields, diagnostics);
    let date = text(&mut fields, "date")
        .filter(|date| check(&mut fields, node, "date", date.parse::<Date>().is_ok(), "expected `YYYY-MM-DD`"));
    let source = text(&mut fields, "source")
        .filter(|url| check(&mut fields, node, "source", url.starts_with("https://"), "expected an `https://` URL"));
    let summary = text(&mut fields, "summary");
    if !fields.finish(diagnostics) {
        return None;
    }
    Some(Advisory {
        id: id?,
        kind: kind?,
        name: name?,
        repository,
        affected: affected?,
        date: date?,
        source: source?,
        summary: summary?,
        place: node.get("id").unwrap_or(node).place(),
    })
}

/// A text that is required and not empty.
fn text(fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let text = fields.required_string(key)?;
    if let (true, Some(node)) = (text.trim().is_empty(), fields.node(key)) {
        let path = fields.path_of(key);
        fields.report(Diagnostic::new(Code::ConfigInvalid, format!("`{path}` must not be empty")).at(node.place(), ""));
        return None;
    }
    Some(text)
}

/// Reports a value that is not as expected, at its place.
fn check(fields: &mut Fields<'_>, node: &Node, key: &str, fine: bool, expected: &str) -> bool {
    if let (false, Some(value)) = (fine, node.get(key)) {
        let path = fields.path_of(key);
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("`{path}` is invalid: {}", value.describe()))
                .at(value.place(), expected),
        );
    }
    fine
}

fn kind(fields: &mut Fields<'_>) -> Option<Kind> {
    let word = fields.required_string("kind")?;
    let node = fields.node("kind")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    if kind.is_none() {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("unknown kind of package `{word}`"))
                .at(node.place(), "")
                .help(suggestion(&word, Kind::ALL.map(Kind::word))),
        );
    }
    kind
}

fn affected(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<Range>> {
    let node = fields.required("affected")?;
    let items = fields.sequence("affected");
    if items.is_empty() {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, "`advisory[].affected` must not be empty")
                .at(node.place(), "expected ranges such as `{ fixed = \"1.2.3\" }`"),
        );
        return None;
    }
    let mut ranges = Vec::new();
    for item in items {
        let mut inner = Fields::new(item, "advisory[].affected[]", Syntax::Config);
        let introduced = inner.string("introduced");
        let fixed = inner.required_string("fixed");
        let mut version = |text: Option<&String>, key: &str| {
            let version = versions::exact(text?);
            check(&mut inner, item, key, version.is_some(), "expected an exact version, such as `1.2.3`");
            version
        };
        let (low, high) = (version(introduced.as_ref(), "introduced"), version(fixed.as_ref(), "fixed"));
        if let (Some(low), Some(high)) = (&low, &high) {
            check(&mut inner, item, "introduced", low < high, "expected a version below `fixed`");
        }
        if let (true, Some(fixed)) = (inner.finish(diagnostics), high) {
            ranges.push(Range { introduced: low, fixed });
        }
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[advisory]]\nid = \"a\"\nkind = \"image\"\nname = \"docker.io/x/y\"\n\
        affected = [{ fixed = \"1.2.3\" }]\ndate = \"2026-01-31\"\nsource = \"https://example.com\"\nsummary = \"s\"\n";

    fn errors(text: &str) -> Vec<String> {
        let found = Advisories::parse(&Source::new(FILE, text)).expect_err("invalid");
        found.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect()
    }

    #[test]
    fn the_file_of_this_repository_is_sound() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join(FILE).exists());
        assert!(!Advisories::load(root.expect("above this crate")).expect("sound").all.is_empty());
    }

    #[test]
    fn images_are_known_by_name_and_copies_by_path() {
        let mut advisory = Advisories::parse(&Source::new(FILE, ENTRY)).expect("sound").all.remove(0);
        for (name, about) in [
            ("docker.io/x/y", true),
            ("x/y", true),
            ("index.docker.io/x/y", true),
            ("registry.example.com:5000/mirror/x/y", true),
            ("registry.example.com/z/y", false),
            ("registry.example.com/ax/y", false),
            ("y", false),
        ] {
            assert_eq!(advisory.is_about_image(name), about, "{name}");
        }
        advisory.name = "debian".to_owned();
        assert!(advisory.is_about_image("docker.io/library/debian"));
        assert!(advisory.is_about_image("docker.io/debian"));
        assert!(!advisory.is_about_image("registry.example.com/library/debian"));
    }

    #[test]
    fn everything_wrong_is_reported_with_its_place() {
        let wrong = "[[advisory]]\nid = \"\"\nkind = \"imgae\"\nname = \"x\"\naffected = [{ introduced = \"2.0.0\", fixed = \"1.2\" }]\n\
             date = \"2026-13-01\"\nsource = \"example.com\"\nsumary = \"s\"\n";
        assert_eq!(
            errors(wrong),
            [
                "advisories.toml:5:45 `advisory[].affected[].fixed` is invalid: the string \"1.2\"",
                "advisories.toml:2:6 `advisory[].id` must not be empty",
                "advisories.toml:3:8 unknown kind of package `imgae`",
                "advisories.toml:6:8 `advisory[].date` is invalid: the string \"2026-13-01\"",
                "advisories.toml:7:10 `advisory[].source` is invalid: the string \"example.com\"",
                "advisories.toml:8:1 unknown key `sumary` in `advisory[]`",
            ]
        );
        let chart = ENTRY.replace("kind = \"image\"", "kind = \"chart\"");
        assert!(errors(&chart)[0].ends_with("`advisory[].repository` is required for a chart"));
        let twice = format!("{ENTRY}{ENTRY}");
        assert!(errors(&twice)[0].ends_with("`a` is listed twice for `docker.io/x/y`"));
        let swapped = ENTRY.replace("{ fixed", "{ introduced = \"1.2.3\", fixed");
        assert!(errors(&swapped)[0].contains("introduced"));
    }
}
