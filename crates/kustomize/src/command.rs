//! Runs kustomize like Argo CD, without a network.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Limit, Result, Source};
use document::{Node, Value, yaml};
use toolbox::process::{Invocation, Output, quoted};

use crate::inspect::clean;
use crate::kustomization;
use crate::recipe::{Recipe, Step};
use crate::stand_in;

/// The programs and folders of a build.
#[derive(Debug, Clone, Copy)]
pub struct Builder<'a> {
    /// The kustomize executable.
    pub kustomize: &'a Path,
    /// The Helm executable, if the build inflates charts.
    pub helm: Option<&'a Path>,
    /// The root of the repository or of its copy, which is the working directory of the build.
    pub root: &'a Path,
    /// The directory of the kustomization, below the root.
    pub directory: &'a Path,
    /// A folder for the home directories of the programs.
    pub homes: &'a Path,
}

/// What became of a build.
#[derive(Debug)]
pub struct Built {
    /// The exit code and output of the last command that ran.
    pub output: Output,
    /// The command, with all arguments.
    pub command: String,
}

impl Builder<'_> {
    /// Takes the steps, which change the kustomization, and builds it. Stops at the first command that fails.
    pub fn build(&self, recipe: &Recipe) -> Result<Built> {
        for step in &recipe.steps {
            let arguments = match step {
                Step::Edit(arguments) => arguments.clone(),
                Step::Patches(patches) => {
                    self.append(patches)?;
                    continue;
                }
                Step::Components { paths, ignore_missing } => {
                    let there = |path: &&String| !ignore_missing || self.exists(path);
                    let paths: Vec<String> = paths.iter().filter(there).cloned().collect();
                    if paths.is_empty() {
                        continue;
                    }
                    [vec!["edit".to_owned(), "add".to_owned(), "component".to_owned()], paths].concat()
                }
            };
            let invocation = self.invocation(self.directory).args(arguments);
            let output = invocation.run()?;
            if !output.success() {
                return Ok(Built { output, command: invocation.command_line() });
            }
        }
        let helm = self.helm.map(|helm| self.wrapper(helm)).transpose()?;
        let mut invocation = self.invocation(self.root).args(recipe.build_args(self.directory, helm.as_deref()));
        if recipe.enables_plugins() {
            invocation = invocation.env("PATH", stand_in::install(self.homes)?);
        }
        let output = invocation.run()?;
        Ok(Built { output, command: invocation.command_line() })
    }

    /// Whether a component is in the repository; links out of it do not count.
    fn exists(&self, component: &str) -> bool {
        let path = clean(&self.directory.join(component));
        path.starts_with(self.root) && path.canonicalize().is_ok_and(|real| real.starts_with(self.root))
    }

    /// kustomize with private home directories, and without anything that could reach the network: no `git` on PATH, and
    /// a proxy that nobody serves.
    fn invocation(&self, directory: &Path) -> Invocation {
        let mut invocation = Invocation::new(self.kustomize, directory)
            .local()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PATH", "/nonexistent")
            .env("HOME", self.homes)
            .env("XDG_CONFIG_HOME", self.homes.join("config"))
            .limit(Limit::ProgramTime);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            invocation = invocation.env(name, "http://127.0.0.1:9");
        }
        for name in ["NO_PROXY", "no_proxy"] {
            invocation = invocation.env(name, "");
        }
        invocation
    }

    /// A script that runs Helm with its own home directories, whatever the kustomization says: Helm would run the plugins
    /// in a home directory that a kustomization names. It refuses to download.
    fn wrapper(&self, helm: &Path) -> Result<PathBuf> {
        let homes = self.homes.join("helm");
        std::fs::create_dir_all(&homes).map_err(|error| Diagnostic::io("create", &homes, &error))?;
        let path = self.homes.join("helm-without-network");
        let home = quoted(&homes.to_string_lossy());
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in pull|repo|registry|plugin) echo \"helm $1: not allowed without a network\" >&2; exit 1;; esac\n\
             export HELM_CACHE_HOME={home}/cache HELM_CONFIG_HOME={home} HELM_DATA_HOME={home} HELM_PLUGINS={home}/plugins\n\
             exec {} \"$@\"\n",
            quoted(&helm.to_string_lossy())
        );
        std::fs::write(&path, script).map_err(|error| Diagnostic::io("write", &path, &error))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
            .map_err(|error| Diagnostic::io("write", &path, &error))?;
        Ok(path)
    }

    /// Appends patches to the kustomization, for which `kustomize edit` has no command.
    fn append(&self, patches: &[String]) -> Result<()> {
        let refused = |message: String| Diagnostic::new(Code::KustomizeRefused, message);
        let file = kustomization::NAMES.into_iter().map(|name| self.directory.join(name)).find(|path| path.exists());
        let Some(file) = file else {
            let name = toolbox::inputs::name(self.root, self.directory);
            return Err(refused(format!("`{name}` contains no kustomization file")).into());
        };
        let name = toolbox::inputs::name(self.root, &file);
        let text =
            toolbox::regular_file::read_to_string(&file).map_err(|error| Diagnostic::io("read", &file, &error))?;
        let root = yaml::parse_one(&Source::new(name.clone(), text))?.root;
        if !matches!(root.value, Value::Mapping(_)) {
            let found = root.describe();
            return Err(refused(format!("`{name}` must contain a mapping"))
                .at(root.place(), format!("found {found}"))
                .into());
        }
        let own = match root.get("patches") {
            None => Vec::new(),
            Some(Node { value: Value::Sequence(items), .. }) => items.iter().map(Node::to_json).collect(),
            Some(other) => {
                let found = format!("found {}", other.describe());
                return Err(refused(format!("`patches` in `{name}` must be a list")).at(other.place(), found).into());
            }
        };
        let all = [own, patches.to_vec()].concat().join(",");
        let others = root.entries().iter().filter(|(key, _)| key.name != "patches");
        let mut entries: Vec<String> =
            others.map(|(key, value)| format!("{}:{}", Node::string(&key.name).to_json(), value.to_json())).collect();
        entries.push(format!("\"patches\":[{all}]"));
        let json = format!("{{{}}}\n", entries.join(","));
        Ok(std::fs::write(&file, json).map_err(|error| Diagnostic::io("write", &file, &error))?)
    }
}
