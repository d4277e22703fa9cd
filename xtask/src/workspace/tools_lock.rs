//! tools.lock: for each pinned version of a tool, where it comes from and what it must be.
//!
//! The file's own header describes its format. All that is wrong with it is told in one run, each with its place.
//!
//! Deliberately absent: the names of tools, which versions are wanted (charts.toml says so), and every search for a
//! tool on a machine (`tools` does that).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source, nearest};
use crate::document::{Fields, Node, Syntax, Value, toml};

/// The only format there is so far, as TOML writes the number.
const FORMAT: &str = "1";

/// All that tools.lock says.
#[derive(Debug, Clone)]
pub struct ToolsLock {
    source: Arc<Source>,
    pins: Vec<ToolPin>,
}

/// One version of one tool.
#[derive(Debug, Clone)]
pub struct ToolPin {
    /// How it is called, also as a file.
    pub name: String,
    /// Its version, without a leading `v`.
    pub version: String,
    /// The arguments that make it tell its version.
    pub version_args: Vec<String>,
    /// The package that `go install` builds, with its version.
    pub go: Option<String>,
    /// The linker flags for that.
    pub go_ldflags: Option<String>,
    /// About how long that takes.
    pub go_takes: Option<String>,
    /// How many minor versions a copy of the user's own may be away from it.
    pub minor_skew: u64,
    /// Where the entry stands.
    pub place: Place,
    url: Option<String>,
    member: Option<String>,
    sums: BTreeMap<String, String>,
}

impl ToolsLock {
    /// Reads the file. Nothing of it is believed unless all of it is sound.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);
        if let Some(node) = fields.required("version")
            && !matches!(&node.value, Value::Number(number) if number == FORMAT)
        {
            // In another format every other key could be "unknown"; telling so would only hide the reason.
            return Err(Diagnostic::new(Code::ConfigInvalid, format!("`version` should be the number {FORMAT}"))
                .at(node.place(), format!("this is {}", node.describe()))
                .help("it is the version of the format, not of a tool; a newer format needs a newer checkout")
                .into());
        }
        let mut pins: Vec<ToolPin> = Vec::new();
        for (index, node) in fields.sequence("tool").iter().enumerate() {
            let Some(pin) = read_pin(node, index, &mut diagnostics) else { continue };
            match pins.iter().find(|other| other.name == pin.name && other.version == pin.version) {
                Some(first) => diagnostics.push(
                    Diagnostic::new(Code::ConfigInvalid, format!("`{}` {} stands here twice", pin.name, pin.version))
                        .at(pin.place.clone(), "again")
                        .at(first.place.clone(), "first")
                        .help("delete one of the two entries"),
                ),
                None => pins.push(pin),
            }
        }
        fields.finish(&mut diagnostics);
        diagnostics.into_result(Self { source: Arc::clone(source), pins })
    }

    /// The entry for a version of a tool.
    #[must_use]
    pub fn pin(&self, name: &str, version: &str) -> Option<&ToolPin> {
        self.pins.iter().find(|pin| pin.name == name && pin.version == version)
    }

    /// The entry for a version of a tool, or an error that says what the file has instead.
    pub fn require(&self, name: &str, version: &str) -> Result<&ToolPin> {
        if let Some(pin) = self.pin(name, version) {
            return Ok(pin);
        }
        let file = Place { source: Arc::clone(&self.source), span: None };
        let missing = Diagnostic::new(Code::ConfigInvalid, format!("no entry pins `{name}` {version}")).at(file, "");
        let versions: Vec<_> = self.pins.iter().filter(|pin| pin.name == name).map(|pin| &*pin.version).collect();
        let add = format!("add a [[tool]] entry for `{name}` {version}; the head of the file says how");
        Err(if versions.is_empty() {
            match nearest(name, self.names()) {
                Some(near) => missing.help(format!("did you mean `{near}`?")),
                None => missing.help(add),
            }
        } else {
            missing.note(format!("pinned versions of it: {}", versions.join(", "))).help(add)
        }
        .into())
    }

    /// The names of all tools, each once.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.pins.iter().map(|pin| pin.name.as_str()).collect()
    }

    /// Every platform that any entry has a sum for.
    #[must_use]
    pub fn platforms(&self) -> BTreeSet<&str> {
        self.pins.iter().flat_map(|pin| pin.sums.keys()).map(String::as_str).collect()
    }
}

impl ToolPin {
    /// Whether a copy that tells this version may stand in for the pinned one: the same, or of the same major version
    /// and no more than [`Self::minor_skew`] minor versions away.
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

    /// What a copy has to be, to stand after "pinned is".
    #[must_use]
    pub fn wanted(&self) -> String {
        match self.minor_skew {
            0 => self.version.clone(),
            1 => format!("{}, or one minor version beside it", self.version),
            skew => format!("{}, or up to {skew} minor versions beside it", self.version),
        }
    }

    /// The address of the download for a platform.
    #[must_use]
    pub fn url(&self, platform: &str) -> Option<String> {
        self.url.as_deref().map(|text| self.filled(text, platform))
    }

    /// The program's path inside the download; `None` where the download is the program itself.
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
        text.replace("{version}", &self.version).replace("{platform}", platform)
    }
}

/// Reads one entry; `None` where so little of it is sound that nothing more can be said about it.
fn read_pin(node: &Node, index: usize, diagnostics: &mut Diagnostics) -> Option<ToolPin> {
    let path = format!("tool[{index}]");
    let mut fields = Fields::new(node, &path, Syntax::Config);
    let name =
        checked(&mut fields, "name", true, is_name, "lowercase letters, digits, and hyphens, for example \"helm\"");
    let version =
        checked(&mut fields, "version", true, is_version, "a whole version without `v`, for example \"4.2.1\"");
    let url = checked(
        &mut fields,
        "url",
        false,
        |text| (text.starts_with("https://") || text.starts_with("http://")) && placeholders_known(text),
        "an https:// address in which only {version} and {platform} are filled in",
    );
    let member = checked(
        &mut fields,
        "member",
        false,
        |text| placeholders_known(text) && text.split('/').all(|part| !matches!(part, "" | "." | "..")),
        "a path inside the archive, in which only {version} and {platform} are filled in",
    );
    let go = checked(
        &mut fields,
        "go",
        false,
        |text| text.split_once('@').is_some_and(|(package, version)| !package.is_empty() && is_go_version(version)),
        "a package and its exact version, for example \"sigs.k8s.io/kind@v0.33.0\"",
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
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}.{key}` means nothing without `{needs}`"))
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
        url,
        member,
        sums,
    })
}

/// A text that has to satisfy a test; `expected` finishes the sentence "… should be".
fn checked(
    fields: &mut Fields<'_>,
    key: &'static str,
    required: bool,
    holds: impl Fn(&str) -> bool,
    expected: &str,
) -> Option<String> {
    let text = if required { fields.required_string(key) } else { fields.string(key) }?;
    if holds(&text) {
        return Some(text);
    }
    let node = fields.node(key)?;
    let message = format!("`{}` should be {expected}", fields.path_of(key));
    fields
        .report(Diagnostic::new(Code::ConfigInvalid, message).at(node.place(), format!("this is {}", node.describe())));
    None
}

fn read_sums(node: &Node, path: &str, fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    if !matches!(node.value, Value::Mapping(_)) {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("`{path}.sha256` should be a mapping"))
                .at(node.place(), format!("this is {}", node.describe()))
                .help("write it as a table [tool.sha256] with a line per platform"),
        );
    }
    let mut sums = BTreeMap::new();
    for (key, node) in node.entries() {
        if !is_platform(&key.name) {
            let place = Place::new(&node.source, key.span.clone());
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{}` in `{path}.sha256` is no platform", key.name))
                    .at(place, "")
                    .help("name it as Go does: <system>-<processor>, for example linux-amd64"),
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
                    format!("`{path}.sha256.{}` should be 64 lowercase hexadecimal digits in quotes", key.name),
                )
                .at(node.place(), describe_sum(node))
                .help("take the sum from the project's own release, or leave the platform out"),
            ),
        }
    }
    sums
}

fn describe_sum(node: &Node) -> String {
    match node.as_str() {
        Some(text) => format!("this has {} characters", text.chars().count()),
        None => format!("this is {}", node.describe()),
    }
}

/// Names become files and parts of variables, so little is allowed.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Versions become folders; a leading `v` is left to what prints or builds them.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

fn is_go_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|version| is_version(version.trim_end_matches("+incompatible")))
}

fn is_platform(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.split_once('-').is_some_and(|(system, processor)| word(system) && word(processor))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn placeholders_known(text: &str) -> bool {
    !text.replace("{version}", "").replace("{platform}", "").contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "479dca836e5b45e8bd222400c5591b0e3a647378f03ff96597180db97c17fdae";

    /// What a text is refused with: `place: message (labels) [helps]`, a line each.
    #[track_caller]
    fn refused(text: &str) -> String {
        let mut diagnostics = ToolsLock::parse(&Source::new("tools.lock", text)).expect_err("must be refused");
        diagnostics.sort();
        let lines = diagnostics.0.iter().map(|diagnostic| {
            let places: Vec<_> = diagnostic.places.iter().map(|(place, label)| format!("{place} {label}")).collect();
            let helps = diagnostic.helps.join("; ");
            format!("{}: {} @ {} -> {helps}", diagnostic.code.name(), diagnostic.message, places.join(", "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn entry(more: &str) -> String {
        format!("version = 1\n[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = [\"-v\"]\n{more}")
    }

    #[test]
    fn the_repository_s_own_file_is_sound() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools.lock");
        let text = std::fs::read_to_string(path).expect("tools.lock");
        let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
        assert_eq!(
            lock.names().into_iter().collect::<Vec<_>>(),
            ["helm", "kind", "kubeconform", "kubectl", "kubeseal"]
        );
        let helm = lock.pin("helm", "3.19.4").expect("pinned");
        assert_eq!(helm.url("darwin-arm64").as_deref(), Some("https://get.helm.sh/helm-v3.19.4-darwin-arm64.tar.gz"));
        assert_eq!(helm.member("darwin-arm64").as_deref(), Some("darwin-arm64/helm"));
        let kind = lock.pin("kind", "0.33.0").expect("pinned");
        assert_eq!((kind.member("linux-amd64"), kind.sum("linux-arm64")), (None, None));
        assert!(lock.platforms().contains("linux-arm64"));
        // A version that stands in two keys must be the same in both.
        for pin in &lock.pins {
            let tag = format!("v{}", pin.version);
            assert!(pin.go.as_ref().is_none_or(|go| go.ends_with(&format!("@{tag}"))), "{pin:?}");
            assert!(pin.url.is_some() || pin.go.is_some(), "{pin:?}");
            assert!(pin.go_ldflags.as_ref().is_none_or(|flags| flags.contains(&format!("ersion={tag}"))), "{pin:?}");
        }
    }

    #[test]
    fn all_errors_are_told_in_one_run() {
        let text = "version = 1\n\n[[tool]]\nname = \"Helm\"\nversion = \"v4\"\nverison-args = [\"-v\"]\nurl = \"https://x/{os}\"\n\
                    member = \"../helm\"\ngo = \"x/y@latest\"\ngo-ldflag = \"-s\"\n[tool.sha256]\nlinux = \"00\"\nlinux-amd64 = \"00\"\ndarwin-arm64 = 1\n[extra]\n";
        let expected = "\
config-invalid: `tool[0].name` should be lowercase letters, digits, and hyphens, for example \"helm\" @ tools.lock:4:8 this is the string \"Helm\" -> 
config-invalid: `tool[0].version` should be a whole version without `v`, for example \"4.2.1\" @ tools.lock:5:11 this is the string \"v4\" -> 
config-unknown-key: unknown key `verison-args` in `tool[0]` @ tools.lock:6:1  -> did you mean `version-args`?
config-invalid: `tool[0].url` should be an https:// address in which only {version} and {platform} are filled in @ tools.lock:7:7 this is the string \"https://x/{os}\" -> 
config-invalid: `tool[0].member` should be a path inside the archive, in which only {version} and {platform} are filled in @ tools.lock:8:10 this is the string \"../helm\" -> 
config-invalid: `tool[0].go` should be a package and its exact version, for example \"sigs.k8s.io/kind@v0.33.0\" @ tools.lock:9:6 this is the string \"x/y@latest\" -> 
config-unknown-key: unknown key `go-ldflag` in `tool[0]` @ tools.lock:10:1  -> did you mean `go-ldflags`?
config-invalid: `linux` in `tool[0].sha256` is no platform @ tools.lock:12:1  -> name it as Go does: <system>-<processor>, for example linux-amd64
config-invalid: `tool[0].sha256.linux-amd64` should be 64 lowercase hexadecimal digits in quotes @ tools.lock:13:15 this has 2 characters -> take the sum from the project's own release, or leave the platform out
config-invalid: `tool[0].sha256.darwin-arm64` should be 64 lowercase hexadecimal digits in quotes @ tools.lock:14:16 this is the number 1 -> take the sum from the project's own release, or leave the platform out
config-unknown-key: unknown key `extra` @ tools.lock:15:2  -> known: `tool`, `version`";
        assert_eq!(refused(text), expected);
    }

    #[test]
    fn a_copy_may_be_some_minor_versions_away_where_the_entry_says_so() {
        let pin = |more: &str| {
            let lock = ToolsLock::parse(&Source::new("tools.lock", entry(more))).expect("sound");
            lock.pin("demo", "1.2.3").expect("pinned").clone()
        };
        let (exact, near) = (pin(""), pin("minor-skew = 1\n"));
        for (version, expected) in [("1.2.3", true), ("1.2.9", true), ("1.1.0", true), ("1.3.0-rc.1", true)] {
            assert_eq!(near.accepts(version), expected, "{version}");
            assert_eq!(exact.accepts(version), version == "1.2.3", "{version}");
        }
        for version in ["1.4.0", "2.2.3", "1.0.0", "abc", ""] {
            assert!(!near.accepts(version), "{version}");
        }
        assert_eq!(near.wanted(), "1.2.3, or one minor version beside it");
        let wrong = refused(&entry("minor-skew = -1\n"));
        assert!(wrong.contains("`tool[0].minor-skew` must be a non-negative integer"), "{wrong}");
    }

    #[test]
    fn an_entry_stands_once() {
        let text = entry("[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = [\"-v\"]\n");
        assert_eq!(
            refused(&text),
            "config-invalid: `demo` 1.2.3 stands here twice @ tools.lock:8:11 again, tools.lock:4:11 first \
             -> delete one of the two entries"
        );
    }

    #[test]
    fn another_format_is_told_alone() {
        let expected = "config-invalid: `version` should be the number 1 @ tools.lock:1:11 this is the number 2 \
                        -> it is the version of the format, not of a tool; a newer format needs a newer checkout";
        assert_eq!(refused("version = 2\n[other]\n"), expected);
    }

    #[test]
    fn keys_that_lean_on_others_need_them() {
        let text = entry(&format!("member = \"demo\"\ngo-ldflags = \"-s\"\n[tool.sha256]\nlinux-amd64 = \"{SUM}\"\n"));
        let expected = "\
config-invalid: `tool[0].member` means nothing without `url` @ tools.lock:6:10  -> add `url`, or delete `member`
config-invalid: `tool[0].go-ldflags` means nothing without `go` @ tools.lock:7:14  -> add `go`, or delete `go-ldflags`
config-invalid: `tool[0].sha256` means nothing without `url` @ tools.lock:8:1  -> add `url`, or delete `sha256`";
        assert_eq!(refused(&text), expected);
    }

    #[test]
    fn wrong_types_are_told() {
        let text = "version = 1\ntool = [{ name = 1, version = \"1.0\", version-args = \"-v\", sha256 = \"x\" }, 3]\n";
        let errors = refused(text);
        for part in [
            "`tool[0].name` must be a string",
            "`tool[0].version-args` must be a list",
            "`tool[0].sha256` should be a mapping",
            "`tool[1]` must be a mapping",
        ] {
            assert!(errors.contains(part), "{part} is not in\n{errors}");
        }
    }

    #[test]
    fn what_is_not_pinned_is_told_with_what_is() {
        let lock = ToolsLock::parse(&Source::new("tools.lock", entry(""))).expect("sound");
        let error = |name, version| lock.require(name, version).expect_err("not pinned").0.remove(0);
        let other_version = error("demo", "2.0.0");
        assert_eq!(other_version.message, "no entry pins `demo` 2.0.0");
        assert_eq!(other_version.notes, ["pinned versions of it: 1.2.3"]);
        assert_eq!(error("dmeo", "1.2.3").helps, ["did you mean `demo`?"]);
    }
}
