//! tools.lock: the sources and checksums of pinned tools.
//!
//! The header of the file describes its format. All errors are reported in one run.
//!
//! Does not select versions, which charts.toml does.

mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source, did_you_mean, nearest};
use document::{Fields, Syntax, Value, toml};

pub(crate) use entry::is_on_this_machine;
pub use entry::{Sources, ToolPin};

/// The version of the format.
const FORMAT: &str = "1";

/// The content of tools.lock.
#[derive(Debug, Clone)]
pub struct ToolsLock {
    source: Arc<Source>,
    pins: Vec<ToolPin>,
}

impl ToolsLock {
    /// Parses the file. Fails if any entry is invalid.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);
        if let Some(node) = fields.required("version")
            && !matches!(&node.value, Value::Number(number) if number == FORMAT)
        {
            // The keys of another format would be reported as unknown and hide the reason.
            return Err(Diagnostic::new(Code::ConfigInvalid, format!("`version` must be {FORMAT}"))
                .at(node.place(), format!("found {}", node.describe()))
                .help("this is the version of the file format; a newer format requires a newer version of this tool")
                .into());
        }
        let mut pins: Vec<ToolPin> = Vec::new();
        for (index, node) in fields.sequence("tool").iter().enumerate() {
            let Some(pin) = entry::read(node, index, &mut diagnostics) else { continue };
            match pins.iter().find(|other| other.name == pin.name && other.version == pin.version) {
                Some(first) => diagnostics.push(
                    Diagnostic::new(Code::ConfigInvalid, format!("`{}` {} is defined twice", pin.name, pin.version))
                        .at(pin.place.clone(), "second definition")
                        .at(first.place.clone(), "first definition")
                        .help("delete one of the entries"),
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

    /// Adds a program that is part of this tool for each version of another tool, unless the file has an entry for it.
    pub fn add(&mut self, name: &str, beside: &str, takes: &str, sources: impl Fn(&str) -> Option<Sources>) {
        let missing = |version: &str| self.pin(name, version).is_none();
        let beside = self.pins.iter().filter(|pin| pin.name == beside && missing(&pin.version));
        let added: Vec<ToolPin> = beside
            .filter_map(|pin| {
                Some(ToolPin {
                    name: name.to_owned(),
                    version: pin.version.clone(),
                    version_args: vec!["version".to_owned()],
                    go: None,
                    go_ldflags: pin.go_ldflags.clone(),
                    go_takes: Some(takes.to_owned()),
                    minor_skew: 0,
                    place: pin.place.clone(),
                    sources: Some(sources(&pin.version)?),
                    url: None,
                    member: None,
                    sums: BTreeMap::new(),
                })
            })
            .collect();
        self.pins.extend(added);
    }

    /// The entry for a version of a tool, or an error with the pinned versions.
    pub fn require(&self, name: &str, version: &str) -> Result<&ToolPin> {
        self.pin(name, version).ok_or_else(|| self.missing(name, version).into())
    }

    /// The error for a version without an entry.
    #[must_use]
    pub fn missing(&self, name: &str, version: &str) -> Diagnostic {
        let file = Place { source: Arc::clone(&self.source), span: None };
        let missing =
            Diagnostic::new(Code::ConfigInvalid, format!("`{name}` {version} has no entry in tools.lock")).at(file, "");
        let versions: Vec<_> = self.pins.iter().filter(|pin| pin.name == name).map(|pin| &*pin.version).collect();
        let add = format!("add a `[[tool]]` entry for `{name}` {version}; the header of the file describes the format");
        if versions.is_empty() {
            match nearest(name, self.names()) {
                Some(near) => missing.help(did_you_mean(near)),
                None => missing.help(add),
            }
        } else {
            missing.note(format!("pinned versions: {}", versions.join(", "))).help(add)
        }
    }

    /// The names of all tools.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.pins.iter().map(|pin| pin.name.as_str()).collect()
    }

    /// The versions of a tool.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = String> {
        self.pins.iter().filter(move |pin| pin.name == name).map(|pin| pin.version.clone())
    }

    /// The platforms for which any entry has a checksum.
    #[must_use]
    pub fn platforms(&self) -> BTreeSet<&str> {
        self.pins.iter().flat_map(|pin| pin.sums.keys()).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "479dca836e5b45e8bd222400c5591b0e3a647378f03ff96597180db97c17fdae";

    /// The errors of a text, one per line.
    #[track_caller]
    fn errors(text: &str) -> String {
        let mut diagnostics = ToolsLock::parse(&Source::new("tools.lock", text)).expect_err("invalid");
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
    fn the_file_of_this_repository_is_valid() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools.lock");
        let text = std::fs::read_to_string(path).expect("tools.lock");
        let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
        assert_eq!(
            lock.names().into_iter().collect::<Vec<_>>(),
            ["helm", "jsonnet", "kind", "kubeconform", "kubectl", "kubeseal", "kustomize"]
        );
        let helm = lock.pin("helm", "3.19.4").expect("pinned");
        assert_eq!(helm.url("darwin-arm64").as_deref(), Some("https://get.helm.sh/helm-v3.19.4-darwin-arm64.tar.gz"));
        assert_eq!(helm.member("darwin-arm64").as_deref(), Some("darwin-arm64/helm"));
        let kustomize = lock.pin("kustomize", "5.8.1").expect("pinned");
        assert_eq!(
            kustomize.url("linux-arm64").as_deref(),
            Some(
                "https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv5.8.1/kustomize_v5.8.1_linux_arm64.tar.gz"
            )
        );
        let kind = lock.pin("kind", "0.33.0").expect("pinned");
        assert_eq!((kind.member("linux-amd64"), kind.sum("linux-arm64")), (None, None));
        assert!(lock.platforms().contains("linux-arm64"));
        // The version in other keys must be that of the entry.
        for pin in &lock.pins {
            let tag = format!("v{}", pin.version);
            assert!(pin.go.as_ref().is_none_or(|go| go.ends_with(&format!("@{tag}"))), "{pin:?}");
            assert!(pin.url.is_some() || pin.go.is_some(), "{pin:?}");
            assert!(pin.go_ldflags.as_ref().is_none_or(|flags| flags.contains(&format!("ersion={tag}"))), "{pin:?}");
        }
    }

    #[test]
    fn all_errors_are_reported() {
        let text = "version = 1\n\n[[tool]]\nname = \"Helm\"\nversion = \"v4\"\nverison-args = [\"-v\"]\nurl = \"https://x/{system}\"\n\
                    member = \"../helm\"\ngo = \"x/y@latest\"\ngo-ldflag = \"-s\"\n[tool.sha256]\nlinux = \"00\"\nlinux-amd64 = \"00\"\ndarwin-arm64 = 1\n[extra]\n";
        let expected = "\
config-invalid: `tool[0].name` must consist of lowercase letters, digits, and hyphens, such as `helm` @ tools.lock:4:8 found the string \"Helm\" -> 
config-invalid: `tool[0].version` must be a full version without `v`, such as `4.2.1` @ tools.lock:5:11 found the string \"v4\" -> 
config-unknown-key: unknown key `verison-args` in `tool[0]` @ tools.lock:6:1  -> did you mean `version-args`?
config-invalid: `tool[0].url` must be an https:// URL whose only placeholders are {version}, {platform}, {os}, and {arch} @ tools.lock:7:7 found the string \"https://x/{system}\" -> 
config-invalid: `tool[0].member` must be a path in the archive whose only placeholders are {version}, {platform}, {os}, and {arch} @ tools.lock:8:10 found the string \"../helm\" -> 
config-invalid: `tool[0].go` must be a package with an exact version, such as `sigs.k8s.io/kind@v0.33.0` @ tools.lock:9:6 found the string \"x/y@latest\" -> 
config-unknown-key: unknown key `go-ldflag` in `tool[0]` @ tools.lock:10:1  -> did you mean `go-ldflags`?
config-invalid: `linux` in `tool[0].sha256` is not a platform @ tools.lock:12:1  -> use `<GOOS>-<GOARCH>`, such as `linux-amd64`
config-invalid: `tool[0].sha256.linux-amd64` must be a string of 64 lowercase hexadecimal digits @ tools.lock:13:15 this has 2 characters -> copy the checksum from the release of the project, or remove the platform
config-invalid: `tool[0].sha256.darwin-arm64` must be a string of 64 lowercase hexadecimal digits @ tools.lock:14:16 found the number 1 -> copy the checksum from the release of the project, or remove the platform
config-unknown-key: unknown key `extra` @ tools.lock:15:2  -> use one of `tool`, `version`";
        assert_eq!(errors(text), expected);
    }

    #[test]
    fn minor_skew_accepts_neighboring_versions() {
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
        assert_eq!(near.wanted(), "1.2.3 (± 1 minor version)");
        let wrong = errors(&entry("minor-skew = -1\n"));
        assert!(wrong.contains("`tool[0].minor-skew` must be a non-negative integer"), "{wrong}");
    }

    #[test]
    fn duplicate_entries_are_reported() {
        let text = entry("[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = [\"-v\"]\n");
        assert_eq!(
            errors(&text),
            "config-invalid: `demo` 1.2.3 is defined twice @ tools.lock:8:11 second definition, tools.lock:4:11 first \
             definition -> delete one of the entries"
        );
    }

    #[test]
    fn another_format_is_the_only_error() {
        let expected = "config-invalid: `version` must be 1 @ tools.lock:1:11 found the number 2 -> this is the \
                        version of the file format; a newer format requires a newer version of this tool";
        assert_eq!(errors("version = 2\n[other]\n"), expected);
    }

    #[test]
    fn keys_require_the_keys_that_they_modify() {
        let text = entry(&format!("member = \"demo\"\ngo-ldflags = \"-s\"\n[tool.sha256]\nlinux-amd64 = \"{SUM}\"\n"));
        let expected = "\
config-invalid: `tool[0].member` requires `url` @ tools.lock:6:10  -> add `url`, or delete `member`
config-invalid: `tool[0].go-ldflags` requires `go` @ tools.lock:7:14  -> add `go`, or delete `go-ldflags`
config-invalid: `tool[0].sha256` requires `url` @ tools.lock:8:1  -> add `url`, or delete `sha256`";
        assert_eq!(errors(&text), expected);
    }

    #[test]
    fn wrong_types_are_reported() {
        let text = "version = 1\ntool = [{ name = 1, version = \"1.0\", version-args = \"-v\", sha256 = \"x\" }, 3]\n";
        let found = errors(text);
        for part in [
            "`tool[0].name` must be a string",
            "`tool[0].version-args` must be a list",
            "`tool[0].sha256` must be a mapping",
            "`tool[1]` must be a mapping",
        ] {
            assert!(found.contains(part), "{part} is not in\n{found}");
        }
    }

    #[test]
    fn the_error_of_a_missing_entry_names_the_pinned_versions() {
        let lock = ToolsLock::parse(&Source::new("tools.lock", entry(""))).expect("sound");
        let error = |name, version| lock.require(name, version).expect_err("not pinned").0.remove(0);
        let other_version = error("demo", "2.0.0");
        assert_eq!(other_version.message, "`demo` 2.0.0 has no entry in tools.lock");
        assert_eq!(other_version.notes, ["pinned versions: 1.2.3"]);
        assert_eq!(error("dmeo", "1.2.3").helps, ["did you mean `demo`?"]);
    }
}
