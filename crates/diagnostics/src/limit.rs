//! The limits that protect the machine from what a repository or a download contains.
//!
//! `XTASK_LIMITS` changes them. No file of the repository can: they hold for everything that a pull request contains.

use std::sync::OnceLock;

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

            /// The limited quantity, with its unit.
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

/// Sets limits for this process, once.
pub fn set(changed: Vec<(Limit, usize)>) {
    let _ = CHANGED.set(changed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_raises_the_limit() {
        assert_eq!(Limit::YamlSize.help(), "if this is intended, raise the limit with `XTASK_LIMITS=yaml-mib=32`");
        assert_eq!(
            Limit::YamlDepth.help(),
            "if this is intended, raise the limit with `XTASK_LIMITS=yaml-levels=1000`"
        );
    }
}
