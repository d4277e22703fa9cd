//! The source of the programs in engine/, which are built where Go is, also for other repositories.

use toolbox::tools_lock::{Sources, ToolsLock};

/// The name of the programs.
pub const TOOL: &str = "helm-engine";

macro_rules! sources {
    ($package:literal: $($path:literal),*) => {
        Sources { files: &[$(($path, include_str!(concat!("../../../engine/", $path)))),*], package: $package }
    };
}

const HELM_3: Sources = sources!("helm3":
    "helm3/chart.go", "helm3/go.mod", "helm3/go.sum", "helm3/main.go",
    "worker/build.go", "worker/changed_darwin.go", "worker/changed_linux.go", "worker/charts.go", "worker/go.mod",
    "worker/go.sum", "worker/options.go", "worker/snapshot.go", "worker/worker.go");

const HELM_4: Sources = sources!("helm4":
    "helm4/chart.go", "helm4/go.mod", "helm4/go.sum", "helm4/main.go",
    "worker/build.go", "worker/changed_darwin.go", "worker/changed_linux.go", "worker/charts.go", "worker/go.mod",
    "worker/go.sum", "worker/options.go", "worker/snapshot.go", "worker/worker.go");

/// Adds the programs for the versions of Helm in tools.lock for which there are any.
pub fn add(lock: &mut ToolsLock) {
    lock.add(TOOL, "helm", "about 2 minutes", of);
}

/// The source of the program for a version of Helm.
fn of(version: &str) -> Option<Sources> {
    [HELM_3, HELM_4].into_iter().find(|sources| {
        let module = format!(" v{version}\n");
        let manifest = sources.files.iter().find(|(path, _)| *path == format!("{}/go.mod", sources.package));
        manifest.is_some_and(|(_, text)| {
            text.lines()
                .any(|line| format!("{line}\n").contains("helm.sh/helm/v") && format!("{line}\n").ends_with(&module))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_helm_of_argo_cd_has_a_program() {
        assert_eq!(of("4.2.1").map(|sources| sources.package), Some("helm4"));
        assert_eq!(of("3.19.4").map(|sources| sources.package), Some("helm3"));
        assert!(of("4.2").is_none() && of("2.1").is_none());
    }

    /// A file that is not listed would be missing where the tool builds the programs.
    #[test]
    fn all_files_are_listed() {
        let engine = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine");
        for sources in [HELM_3, HELM_4] {
            for folder in [sources.package, "worker"] {
                let files = std::fs::read_dir(engine.join(folder)).expect("the directory").flatten();
                let names = files.map(|file| format!("{folder}/{}", file.file_name().to_string_lossy()));
                for name in names.filter(|name| !name.ends_with("_test.go") && name.contains('.')) {
                    assert!(sources.files.iter().any(|(path, _)| *path == name), "{name} is not listed");
                }
            }
        }
    }
}
