//! Runs the command of a config management plugin in a copy of the repository, as Argo CD does in its sidecar.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use diagnostics::excerpt::last_lines;
use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Result};
use kubernetes::manifest::{self, Manifest, Writer};
use toolbox::process::{Invocation, quoted};

use crate::config::Config;
use crate::plugin::PluginSource;
use crate::render::copies::Copies;

/// The API version that every cluster serves, besides `kubernetes.api-versions` in charts.toml. A plugin needs one: its command may be `--api-versions $KUBE_API_VERSIONS .`
const API_VERSIONS: [&str; 14] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "apps/v1",
    "autoscaling/v2",
    "batch/v1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "events.k8s.io/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
];

/// Runs the plugin of a source in a copy. `tools` are the directories of the pinned programs, which come first on PATH.
pub fn render(
    root: &Path,
    tools: &[&Path],
    copies: &Copies,
    source: &PluginSource,
    config: &Config,
    namespace: &str,
) -> Result<Vec<Manifest>> {
    let Some((program, arguments)) = source.plugin.command.split_first() else { return Ok(Vec::new()) };
    let mut path = OsString::new();
    for tool in tools {
        path.push(tool);
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // A program with a path is one of the source; any other is on PATH, as for Argo CD.
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    let program = if program.contains('/') { Some(PathBuf::from(program)) } else { found };
    let Some(program) = program else {
        let name = &source.plugin.command[0];
        let message = format!("`{name}`, the program of plugin `{}`, is not on PATH", source.plugin.name);
        return Err(Diagnostic::new(Code::PluginFailed, message)
            .at(source.plugin.place.clone(), "")
            .help("install it, or change `command`")
            .into());
    };
    let copy = copies.take(root)?;
    let directory = copy.path().join(source.directory.strip_prefix(root).unwrap_or(&source.directory));
    add_dependencies(&source.directory, &directory)?;
    let mut invocation = Invocation::new(&program, &directory).args(arguments).limit(Limit::PluginTime);
    for (name, value) in &source.variables {
        invocation = invocation.env(name, value.as_str());
    }
    let further = config.api_versions.iter().map(String::as_str);
    let api_versions: Vec<&str> = API_VERSIONS.into_iter().chain(further).collect();
    let invocation = invocation
        .env("KUBE_VERSION", &config.kubernetes)
        .env("KUBE_API_VERSIONS", api_versions.join(","))
        .env("PATH", path);
    let output = invocation.run()?;
    copies.give_back(copy);
    if !output.success() {
        let words: Vec<String> = source.plugin.command.iter().map(|word| quoted(word)).collect();
        let message = format!("plugin `{}` failed", source.plugin.name);
        return Err(Diagnostic::new(Code::PluginFailed, message)
            .at(source.plugin.place.clone(), "")
            .note(last_lines(&output.stderr, 20))
            .help(format!("to reproduce it, run: (cd {} && {})", quoted(&source.source.path), words.join(" ")))
            .into());
    }
    manifest::read_from(Writer::Kustomize(&source.source.path), &output.stdout, namespace)
}

/// Copies the archives that `deps` installed for a chart and that Git may ignore: Argo CD's plugin downloads them itself.
fn add_dependencies(from: &Path, to: &Path) -> Result<()> {
    let folder = from.join("charts");
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let (path, copy) = (entry.path(), to.join("charts").join(entry.file_name()));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && path.extension().is_some_and(|end| end == "tgz") && !copy.exists() {
            std::fs::create_dir_all(to.join("charts")).map_err(|error| Diagnostic::io("create", to, &error))?;
            std::fs::copy(&path, &copy).map_err(|error| Diagnostic::io("copy", &path, &error))?;
        }
    }
    Ok(())
}

/// The error about a plugin in a run that must not use the network.
#[must_use]
pub fn not_offline(source: &PluginSource) -> Diagnostics {
    Diagnostic::new(Code::PluginFailed, format!("plugin `{}` does not run with `--offline`", source.plugin.name))
        .at(source.plugin.place.clone(), "it may use the network")
        .help("run the command without `--offline`")
        .into()
}
