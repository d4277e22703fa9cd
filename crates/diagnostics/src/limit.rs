//! The limits that protect the machine from what a repository or a download contains.
//!
//! `XTASK_LIMITS` changes them. No file of the repository can: they hold for everything that a pull request contains.

use std::sync::OnceLock;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Result, suggestion};

macro_rules! limits {
    ($($variant:ident $name:literal $default:literal $most:literal $about:literal)*) => {
        /// A limit. Its name ends in its unit, unless it counts what it is named after.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Limit {
            $(#[doc = $about] $variant,)*
        }

        impl Limit {
            /// All limits, in the order of docs/security.md.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in `XTASK_LIMITS`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The value without `XTASK_LIMITS`.
            #[must_use]
            pub fn default(self) -> usize {
                match self { $(Self::$variant => $default),* }
            }

            /// The largest value that `XTASK_LIMITS` may set.
            #[must_use]
            pub fn most(self) -> usize {
                match self { $(Self::$variant => $most),* }
            }

            /// What it limits.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

// More than 1000 levels of YAML overflow the stack of a thread, and 4 GiB the memory of most machines.
limits! {
    FileSize "file-mib" 64 4096 "size of a file"
    YamlSize "yaml-mib" 16 4096 "size of a YAML file, or of what one target renders"
    YamlDepth "yaml-levels" 500 1000 "nesting of YAML"
    YamlCopies "yaml-copies" 1_000_000 100_000_000 "values in one document that anchors and aliases copy"
    DirectorySize "directory-mb" 10 4096 "size of the manifests in a directory together, as in Argo CD"
    DirectoryDepth "directory-levels" 100 1000 "nesting of directories of manifests"
    Kustomizations "kustomizations" 2000 100_000 "kustomizations of one build"
    Directories "directories" 10_000 1_000_000 "directories of the charts that a kustomization inflates"
    Applications "applications" 10_000 1_000_000 "Applications of one generator"
    TemplateSteps "template-steps" 2_000_000 1_000_000_000 "steps of one template of an ApplicationSet"
    TemplateSize "template-mib" 16 4096 "size of what it renders"
    CommitFiles "commit-files" 200_000 10_000_000 "files of another revision"
    CommitSize "commit-mib" 2048 1_048_576 "size of another revision"
    DownloadSize "download-mib" 256 4096 "size of a download"
    ArchiveSize "archive-mib" 512 4096 "size of an unpacked archive that is not a chart"
    ProgramTime "program-seconds" 120 86_400 "run of Helm, Kustomize, or kubeconform"
    ProgramMemory "program-memory-mib" 2048 1_048_576 "memory of such a program, or of a plugin, on Linux"
    PluginTime "plugin-seconds" 90 86_400 "run of a plugin, as in Argo CD"
}

static CHANGED: OnceLock<Vec<(Limit, usize)>> = OnceLock::new();

impl Limit {
    /// The value that holds in this process.
    #[must_use]
    pub fn value(self) -> usize {
        let changed = CHANGED.get().and_then(|all| all.iter().rev().find(|(limit, _)| *limit == self));
        changed.map_or(self.default(), |(_, value)| *value)
    }

    /// The value of a limit in MiB or MB, in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.value() * if self.name().ends_with("-mb") { 1_000_000 } else { 1024 * 1024 }
    }

    /// How to raise it, as an instruction.
    #[must_use]
    pub fn help(self) -> String {
        let value = self.value();
        if value >= self.most() {
            return format!("`{}` is at its maximum in `XTASK_LIMITS`", self.name());
        }
        format!(
            "if this is intended, raise the limit with `XTASK_LIMITS={}={}`",
            self.name(),
            self.most().min(value * 2)
        )
    }
}

/// Sets the limits for this process: `NAME=NUMBER`, separated by commas.
pub fn configure(text: &str) -> Result<()> {
    let changed = parse(text)?;
    let _ = CHANGED.set(changed);
    Ok(())
}

fn parse(text: &str) -> Result<Vec<(Limit, usize)>> {
    let mut changed = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let invalid = |problem: String, help: String| {
            Err(Diagnostic::new(Code::Usage, format!("`XTASK_LIMITS` {problem}")).help(help).into())
        };
        let names = || Limit::ALL.iter().map(|limit| limit.name());
        let example =
            || "write `NAME=NUMBER`, separated by commas, such as `yaml-mib=32,program-seconds=300`".to_owned();
        let Some((name, number)) = entry.split_once('=') else {
            return invalid(format!("contains `{entry}`, which has no `=`"), example());
        };
        let Some(limit) = Limit::ALL.iter().copied().find(|limit| limit.name() == name.trim()) else {
            return invalid(format!("contains the unknown limit `{name}`"), suggestion(name.trim(), names()));
        };
        match number.trim().parse() {
            Ok(value) if (1..=limit.most()).contains(&value) => changed.push((limit, value)),
            Ok(_) | Err(_) => {
                let range = format!("use a number from 1 to {}", limit.most());
                return invalid(format!("sets `{name}` to `{number}`"), range);
            }
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_can_be_set() {
        for limit in Limit::ALL {
            let (name, most) = (limit.name(), limit.most());
            assert!((1..=most).contains(&limit.default()), "{name}");
            assert_eq!(parse(&format!("{name}={most}")), Ok(vec![(*limit, most)]));
            assert!(parse(&format!("{name}={}", most + 1)).is_err(), "{name}");
        }
    }

    #[test]
    fn wrong_limits_are_refused() {
        let table = [
            ("", None),
            (" , ", None),
            ("yaml-mib=32, file-mib = 65", None),
            ("yaml-mib", Some("contains `yaml-mib`, which has no `=`")),
            ("yaml-mb=1", Some("contains the unknown limit `yaml-mb`")),
            ("x=1", Some("contains the unknown limit `x`")),
            ("yaml-mib=0", Some("sets `yaml-mib` to `0`")),
            ("yaml-mib=-1", Some("sets `yaml-mib` to `-1`")),
            ("yaml-mib=16MiB", Some("sets `yaml-mib` to `16MiB`")),
            ("yaml-mib=99999999999999999999999", Some("sets `yaml-mib` to `99999999999999999999999`")),
        ];
        for (text, expected) in table {
            let found = parse(text).err().map(|found| found.0[0].message.clone());
            assert_eq!(found, expected.map(|problem| format!("`XTASK_LIMITS` {problem}")), "{text}");
        }
    }

    #[test]
    fn the_help_raises_the_limit() {
        assert_eq!(Limit::YamlSize.help(), "if this is intended, raise the limit with `XTASK_LIMITS=yaml-mib=32`");
        assert_eq!(
            Limit::YamlDepth.help(),
            "if this is intended, raise the limit with `XTASK_LIMITS=yaml-levels=1000`"
        );
    }
}
