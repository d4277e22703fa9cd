//! A `[[tool]]` entry of tools.lock: one version of one tool.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax, Value};

use crate::{archive, hexadecimal};

/// The placeholders in URLs and paths.
const PLACEHOLDERS: [&str; 4] = ["{version}", "{platform}", "{os}", "{arch}"];

/// One version of one tool.
#[derive(Debug, Clone)]
pub struct ToolPin {
    /// The name of the tool and of its program.
    pub name: String,
    /// The version, without a leading `v`.
    pub version: String,
    /// The arguments with which the program prints its version.
    pub version_args: Vec<String>,
    /// The package for `go install`, with its version.
    pub go: Option<String>,
    /// The linker flags for `go install`.
    pub go_ldflags: Option<String>,
    /// The approximate duration of `go install`.
    pub go_takes: Option<String>,
    /// The difference in minor versions that is allowed for a program on PATH or in the tool's variable.
    pub minor_skew: u64,
    /// The place of the version in the entry.
    pub place: Place,
    /// The source of a program that is part of this tool.
    pub sources: Option<Sources>,
    pub(super) url: Option<String>,
    pub(super) member: Option<String>,
    pub(super) sums: BTreeMap<String, String>,
}

/// The source of a program in Go that is part of this tool.
#[derive(Debug, Clone, Copy)]
pub struct Sources {
    /// The paths and texts of its files, including go.sum.
    pub files: &'static [(&'static str, &'static str)],
    /// The directory of the main package.
    pub package: &'static str,
}

impl Sources {
    /// The SHA-256 of all files.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut text = String::new();
        for (path, content) in self.files {
            text.push_str(&format!("{path} {}\n{content}", content.len()));
        }
        archive::sha256(text.as_bytes())
    }
}

impl ToolPin {
    /// Whether Go can build it.
    #[must_use]
    pub fn builds(&self) -> bool {
        self.go.is_some() || self.sources.is_some()
    }

    /// Whether a program with some version can be used: with the pinned version, or with the same major version and a
    /// difference in minor versions of at most [`Self::minor_skew`].
    #[must_use]
    pub fn accepts(&self, version: &str) -> bool {
        let minor = |text: &str| {
            let mut parts = text.split('.');
            Some((parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?))
        };
        version == self.version
            || self.minor_skew > 0
                && minor(version)
                    .zip(minor(&self.version))
                    .is_some_and(|(own, pinned)| own.0 == pinned.0 && own.1.abs_diff(pinned.1) <= self.minor_skew)
    }

    /// The accepted versions, for messages.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self.minor_skew {
            0 => self.version.clone(),
            1 => format!("{} (± 1 minor version)", self.version),
            skew => format!("{} (± {skew} minor versions)", self.version),
        }
    }

    /// The URL of the download for a platform.
    #[must_use]
    pub fn url(&self, platform: &str) -> Option<String> {
        self.url.as_deref().map(|text| self.filled(text, platform))
    }

    /// The path of the program in the downloaded archive; `None` if the download is the program.
    #[must_use]
    pub fn member(&self, platform: &str) -> Option<String> {
        self.member.as_deref().map(|text| self.filled(text, platform))
    }

    /// The SHA-256 of the download for a platform.
    #[must_use]
    pub fn sum(&self, platform: &str) -> Option<&str> {
        self.sums.get(platform).map(String::as_str)
    }

    fn filled(&self, text: &str, platform: &str) -> String {
        let (system, processor) = platform.split_once('-').unwrap_or((platform, ""));
        text.replace("{version}", &self.version)
            .replace("{platform}", platform)
            .replace("{os}", system)
            .replace("{arch}", processor)
    }
}

/// Reads an entry; `None` if its name or version is invalid.
pub(super) fn read(node: &Node, index: usize, diagnostics: &mut Diagnostics) -> Option<ToolPin> {
    let path = format!("tool[{index}]");
    let mut fields = Fields::new(node, &path, Syntax::Config);
    let name = checked(
        &mut fields,
        "name",
        true,
        is_name,
        "consist of lowercase letters, digits, and hyphens, such as `helm`",
    );
    let version = checked(&mut fields, "version", true, is_version, "be a full version without `v`, such as `4.2.1`");
    let url = checked(
        &mut fields,
        "url",
        false,
        |text| (text.starts_with("https://") || is_on_this_machine(text)) && placeholders_known(text),
        "be an https:// URL whose only placeholders are {version}, {platform}, {os}, and {arch}",
    );
    let member = checked(
        &mut fields,
        "member",
        false,
        |text| placeholders_known(text) && text.split('/').all(|part| !matches!(part, "" | "." | "..")),
        "be a path in the archive whose only placeholders are {version}, {platform}, {os}, and {arch}",
    );
    let go = checked(
        &mut fields,
        "go",
        false,
        |text| text.split_once('@').is_some_and(|(package, version)| !package.is_empty() && is_go_version(version)),
        "be a package with an exact version, such as `sigs.k8s.io/kind@v0.33.0`",
    );
    let go_ldflags = fields.string("go-ldflags");
    let go_takes = fields.string("go-takes");
    let version_args: Vec<String> = match fields.required("version-args") {
        Some(_) => fields.strings("version-args").into_iter().map(|(text, _)| text).collect(),
        None => Vec::new(),
    };
    let minor_skew = fields.count("minor-skew").unwrap_or_default();
    let sums = fields.node("sha256").map(|node| read_sums(node, &path, &mut fields)).unwrap_or_default();
    for (key, needs) in [("member", "url"), ("sha256", "url"), ("go-ldflags", "go"), ("go-takes", "go")] {
        if let (Some(node), None) = (node.get(key), node.get(needs)) {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}.{key}` requires `{needs}`"))
                    .at(node.place(), "")
                    .help(format!("add `{needs}`, or delete `{key}`")),
            );
        }
    }
    fields.finish(diagnostics);
    Some(ToolPin {
        name: name?,
        version: version?,
        version_args,
        go,
        go_ldflags,
        go_takes,
        minor_skew,
        place: node.get("version")?.place(),
        sources: None,
        url,
        member,
        sums,
    })
}

/// Reads a string that must be valid; `expected` follows "must" in the message.
fn checked(
    fields: &mut Fields<'_>,
    key: &'static str,
    required: bool,
    valid: impl Fn(&str) -> bool,
    expected: &str,
) -> Option<String> {
    let text = if required { fields.required_string(key) } else { fields.string(key) }?;
    if valid(&text) {
        return Some(text);
    }
    let node = fields.node(key)?;
    let message = format!("`{}` must {expected}", fields.path_of(key));
    fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(node.place(), format!("found {}", node.describe())));
    None
}

fn read_sums(node: &Node, path: &str, fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    if !matches!(node.value, Value::Mapping(_)) {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("`{path}.sha256` must be a mapping"))
                .at(node.place(), format!("found {}", node.describe()))
                .help("write a table `[tool.sha256]` with a line for each platform"),
        );
    }
    let mut sums = BTreeMap::new();
    for (key, node) in node.entries() {
        if !is_platform(&key.name) {
            let place = Place::new(&node.source, key.span.clone());
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{}` in `{path}.sha256` is not a platform", key.name))
                    .at(place, "")
                    .help("use `<GOOS>-<GOARCH>`, such as `linux-amd64`"),
            );
            continue;
        }
        match node.as_str() {
            Some(sum) if is_sha256(sum) => {
                sums.insert(key.name.clone(), sum.to_owned());
            }
            _ => fields.report(
                Diagnostic::new(
                    Code::ConfigInvalid,
                    format!("`{path}.sha256.{}` must be a string of 64 lowercase hexadecimal digits", key.name),
                )
                .at(node.place(), describe_sum(node))
                .help("copy the checksum from the release of the project, or remove the platform"),
            ),
        }
    }
    sums
}

fn describe_sum(node: &Node) -> String {
    match node.as_str() {
        Some(text) => format!("this has {} characters", text.chars().count()),
        None => format!("found {}", node.describe()),
    }
}

/// Names become parts of file names and of variables.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Versions become directory names. They have no leading `v`.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

fn is_go_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|version| is_version(version.trim_end_matches("+incompatible")))
}

/// The operating systems and processors for which Go builds programs.
const SYSTEMS: &[&str] =
    &["aix", "darwin", "dragonfly", "freebsd", "illumos", "linux", "netbsd", "openbsd", "solaris", "windows"];

const PROCESSORS: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x",
];

fn is_platform(text: &str) -> bool {
    text.split_once('-').is_some_and(|(system, processor)| SYSTEMS.contains(&system) && PROCESSORS.contains(&processor))
}

fn is_sha256(text: &str) -> bool {
    hexadecimal::is(text, 64)
}

fn placeholders_known(text: &str) -> bool {
    PLACEHOLDERS.iter().fold(text.to_owned(), |text, known| text.replace(known, "")).find(['{', '}']).is_none()
}

/// Whether a URL is on this machine, where a connection without encryption cannot be changed by others.
#[must_use]
pub(crate) fn is_on_this_machine(url: &str) -> bool {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    authority.is_some_and(|authority| {
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        ["127.0.0.1", "localhost"].contains(&host) && port.chars().all(|c| c.is_ascii_digit())
    })
}
