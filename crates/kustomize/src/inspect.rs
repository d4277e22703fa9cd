//! Lists the files that a build reads, and the remote files and bases that it would download.
//!
//! The walk follows resources, bases, components, patches, generators, charts, and plugins like kustomize. A file too many
//! costs only an unnecessary build, but a missing one would make a stale golden look fresh. References to nothing are left
//! to kustomize, whose error names them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Limit, Place, Result, Source};
use document::yaml;
use toolbox::inputs::{self, Inputs};

use crate::chart::HelmChart;
use crate::ksops;
use crate::kustomization::{self, Kustomization, Reference, Role};
use crate::remote;

/// What a build reads.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The files, by their paths below the root; a link is not resolved.
    pub files: BTreeSet<PathBuf>,
    /// The kustomizations, the one of the Application first.
    pub kustomizations: Vec<Kustomization>,
    /// What kustomize would download, except charts.
    pub remotes: Vec<Remote>,
    /// The charts that it inflates.
    pub charts: Vec<HelmChart>,
    /// Files that exist, but are not part of the repository, with the places of their references.
    pub ignored: Vec<(PathBuf, Place)>,
    /// Files in which KSOPS is a function.
    pub functions: Vec<PathBuf>,
    /// Functions that are other programs.
    pub programs: Vec<Place>,
    /// A limit at which the search ended.
    pub exceeded: Option<Limit>,
}

/// A file or a base that kustomize would download.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its address.
    pub address: String,
    /// The place where it is referred to.
    pub place: Place,
}

impl Inspection {
    /// The digests of all files. Files that cannot be read are left to kustomize.
    pub fn inputs(&self, root: &Path) -> Result<Inputs> {
        if let Some(limit) = self.exceeded {
            let message = format!("kustomize reads more than {} {}", limit.value(), limit.name());
            let place = self.kustomizations.first().map(|first| Place::file(first.source.name.clone()));
            let mut found = Diagnostic::new(Code::KustomizeRefused, message).help(limit.help());
            found.places.extend(place.map(|place| (place, String::new())));
            return Err(found.into());
        }
        let mut inputs = Inputs::new();
        for file in &self.files {
            inputs.insert(inputs::name(root, file).into(), inputs::file_digest(file)?.into());
        }
        Ok(inputs)
    }
}

/// Finds what the build of a directory below `root` reads. `components` are those of the Application; files for which
/// `ignored` returns true are not there.
#[must_use]
pub fn inspect(
    root: &Path,
    directory: &Path,
    components: &[(String, Place)],
    patches: &[(String, Place)],
    ignored: &dyn Fn(&Path) -> bool,
) -> Inspection {
    let mut walk =
        Walk { root, ignored, visited: BTreeSet::new(), found: Inspection::default(), pending: Vec::new(), folders: 0 };
    walk.kustomization(directory);
    let refer = |role, (text, place): &(String, Place)| Reference { role, text: text.clone(), place: place.clone() };
    for component in components {
        walk.follow(directory, &refer(Role::Component, component));
    }
    for patch in patches {
        walk.follow(directory, &refer(Role::File, patch));
    }
    while let Some((folder, reference)) = walk.pending.pop() {
        walk.follow(&folder, &reference);
    }
    walk.found
}

struct Walk<'a> {
    root: &'a Path,
    ignored: &'a dyn Fn(&Path) -> bool,
    visited: BTreeSet<PathBuf>,
    pending: Vec<(PathBuf, Reference)>,
    /// The directories of charts that were read.
    folders: usize,
    found: Inspection,
}

impl Walk<'_> {
    fn follow(&mut self, folder: &Path, reference: &Reference) {
        let Reference { role, text, place } = reference;
        let path = clean(&folder.join(text));
        // What is outside of the repository cannot be read there; kustomize or Argo CD rejects it.
        let inside = path.starts_with(self.root) && !Path::new(text).is_absolute();
        let loadable = *role != Role::Component;
        if loadable && remote::is_url(text) {
            return self.remote(reference);
        }
        if loadable && inside && path.is_file() {
            if (self.ignored)(&path) {
                return self.found.ignored.push((path, place.clone()));
            }
            if *role == Role::Plugin {
                self.plugin(folder, &path);
            }
            self.found.files.insert(path);
            return;
        }
        if *role == Role::File {
            return;
        }
        if remote::is_repository(text) {
            self.remote(reference);
        } else if inside && path.is_dir() {
            self.kustomization(&path);
        }
    }

    fn remote(&mut self, reference: &Reference) {
        let (address, place) = (reference.text.clone(), reference.place.clone());
        self.found.remotes.push(Remote { address, place });
    }

    /// Reads the kustomization of a directory, and remembers what it refers to.
    fn kustomization(&mut self, folder: &Path) {
        if self.visited.len() >= Limit::Kustomizations.value() {
            self.found.exceeded = Some(Limit::Kustomizations);
            return;
        }
        if !self.visited.insert(folder.to_path_buf()) {
            return;
        }
        for name in kustomization::NAMES {
            let path = folder.join(name);
            if !path.is_file() || (self.ignored)(&path) {
                continue;
            }
            let text = toolbox::regular_file::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let source = Source::new(inputs::name(self.root, &path), text.unwrap_or_default());
            let one = Kustomization::new(folder, &source);
            let references = one.references();
            // The stack returns them in the order of the file.
            self.pending.extend(references.into_iter().rev().map(|reference| (folder.to_path_buf(), reference)));
            for chart in one.charts() {
                self.chart(folder, chart);
            }
            self.found.files.insert(path);
            self.found.kustomizations.push(one);
        }
    }

    fn chart(&mut self, folder: &Path, inflated: kustomization::Inflated) {
        let (root, ignored) = (self.root, self.ignored);
        let present =
            |path: &Path| path.is_dir() && clean(path).starts_with(root) && !within_ignored(root, path, ignored);
        let mut chart = HelmChart::new(folder, inflated, &present);
        chart.directory = clean(&chart.directory);
        if chart.present {
            self.all_files(&chart.directory.clone());
        }
        self.found.charts.push(chart);
    }

    /// The files of a directory and its subdirectories.
    fn all_files(&mut self, folder: &Path) {
        // Links may lead to the same directories again and again, until the system refuses the path.
        self.folders += 1;
        if self.folders > Limit::Directories.value() {
            self.found.exceeded = Some(Limit::Directories);
            return;
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if (self.ignored)(&path) {
                continue;
            }
            if path.is_dir() {
                self.all_files(&path);
            } else if path.is_file() {
                self.found.files.insert(path);
            }
        }
    }

    /// Reads the configurations of plugins in a file.
    fn plugin(&mut self, folder: &Path, path: &Path) {
        let Ok(text) = toolbox::regular_file::read_to_string(path) else { return };
        let source = Source::new(inputs::name(self.root, path), text);
        if ksops::as_plugin(&source).is_some() {
            self.found.functions.push(path.to_path_buf());
        }
        for document in yaml::parse(&source).unwrap_or_default() {
            self.found.programs.extend(ksops::other_program(&document.root));
            let references = kustomization::of_plugin(&document.root);
            self.pending.extend(references.into_iter().map(|reference| (folder.to_path_buf(), reference)));
            if let Some(chart) = kustomization::chart_of_plugin(&document.root) {
                self.chart(folder, chart);
            }
        }
    }
}

/// Whether a path or one of its parents below the root is ignored.
fn within_ignored(root: &Path, path: &Path, ignored: &dyn Fn(&Path) -> bool) -> bool {
    path.ancestors().take_while(|part| *part != root).any(ignored)
}

/// A path without `.` and `..`, lexically.
#[must_use]
pub fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            component => out.push(component),
        }
    }
    out
}

/// The error for a file that exists, but is not part of the repository.
#[must_use]
pub fn report_ignored(root: &Path, ignored: &[(PathBuf, Place)]) -> Vec<Diagnostic> {
    let report = |(path, place): &(PathBuf, Place)| {
        let name = inputs::name(root, path);
        Diagnostic::new(diagnostics::Code::KustomizeRefused, format!("`{name}` is ignored by Git"))
            .at(place.clone(), "Argo CD does not find this file in its clone")
            .help("commit the file, or remove it from the kustomization")
    };
    ignored.iter().map(report).collect()
}

/// The errors for functions that are programs of the repository, which kustomize would leave out.
#[must_use]
pub fn report_programs(programs: &[Place]) -> Vec<Diagnostic> {
    let report = |place: &Place| {
        Diagnostic::new(diagnostics::Code::KustomizeRefused, "a function of kustomize is a program, which is not run")
            .at(place.clone(), "")
            .note("only `ksops` is known, and runs without its keys")
            .help("declare a `[[plugin]]` in charts.toml that runs kustomize, or commit what the function generates")
    };
    programs.iter().map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
            std::fs::write(path, text).expect("file");
        }
    }

    fn names(root: &Path, found: &Inspection) -> Vec<String> {
        found.files.iter().map(|file| inputs::name(root, file)).collect()
    }

    #[test]
    fn the_walk_follows_bases_components_and_plugins() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        write(
            root,
            &[
                (
                    "app/kustomization.yaml",
                    "resources: [../base, a.yaml, gone.yaml]\npatches: [{path: p.yaml}]\ngenerators: [g.yaml]\n",
                ),
                ("app/a.yaml", ""),
                ("app/p.yaml", ""),
                ("app/unused.yaml", ""),
                (
                    "app/g.yaml",
                    "kind: ConfigMapGenerator\nfiles: [x.txt]\n---\nkind: HelmChartInflationGenerator\nname: c\n",
                ),
                ("app/x.txt", ""),
                ("app/charts/c/Chart.yaml", ""),
                ("app/charts/c/templates/a.yaml", ""),
                (
                    "base/Kustomization",
                    "resources: [deep, ../app]\nconfigMapGenerator: [{name: a, files: [k=b.txt]}]\n",
                ),
                ("base/b.txt", ""),
                ("base/deep/kustomization.yml", "resources: [d.yaml]\n"),
                ("base/deep/d.yaml", ""),
                ("comp/kustomization.yaml", "kind: Component\npatches: [{path: q.yaml}]\n"),
                ("comp/q.yaml", ""),
            ],
        );
        let place = Place::file("web.yaml");
        let found = inspect(root, &root.join("app"), &[("../comp".to_owned(), place)], &[], &|_| false);
        assert_eq!(
            names(root, &found),
            [
                "app/a.yaml",
                "app/charts/c/Chart.yaml",
                "app/charts/c/templates/a.yaml",
                "app/g.yaml",
                "app/kustomization.yaml",
                "app/p.yaml",
                "app/x.txt",
                "base/Kustomization",
                "base/b.txt",
                "base/deep/d.yaml",
                "base/deep/kustomization.yml",
                "comp/kustomization.yaml",
                "comp/q.yaml"
            ]
        );
        assert_eq!(found.kustomizations.len(), 4);
        assert!(found.remotes.is_empty() && !found.charts[0].is_remote());
        assert_eq!(found.inputs(root).expect("readable").len(), 13);
    }

    #[test]
    fn what_would_be_downloaded_is_found_with_its_place() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        let text = "\
resources:
  - github.com/org/repo//config?ref=v1
  - https://example.com/install.yaml
  - gitlab.com/org/repo
components:
  - git@example.com:org/repo.git
configMapGenerator:
  - name: a
    files: [https://example.com/a.txt]
helmCharts:
  - name: c
    repo: https://charts.example.com
    version: 1.2.3
  - name: d
    repo: oci://charts.example.com
  - name: e
";
        write(root, &[("app/kustomization.yaml", text), ("app/charts/c-1.2.3/c/Chart.yaml", "")]);
        let found = inspect(root, &root.join("app"), &[], &[], &|_| false);
        let remotes: Vec<_> = found.remotes.iter().map(|one| format!("{} {}", one.place, one.address)).collect();
        assert_eq!(
            remotes,
            [
                "app/kustomization.yaml:2:5 github.com/org/repo//config?ref=v1",
                "app/kustomization.yaml:3:5 https://example.com/install.yaml",
                "app/kustomization.yaml:6:5 git@example.com:org/repo.git",
                "app/kustomization.yaml:9:13 https://example.com/a.txt",
            ]
        );
        let charts: Vec<_> =
            found.charts.iter().map(|one| (inputs::name(root, &one.directory), one.present, one.is_remote())).collect();
        assert_eq!(
            charts,
            [
                ("app/charts/c-1.2.3/c".to_owned(), true, false),
                ("app/charts/d".to_owned(), false, true),
                ("app/charts/e".to_owned(), false, false)
            ]
        );
        // A chart that an earlier run of kustomize left behind is not in a clone.
        let clone = inspect(root, &root.join("app"), &[], &[], &|path| path.ends_with("app/charts"));
        assert!(clone.charts[0].is_remote());
    }

    #[test]
    fn files_that_git_ignores_and_files_outside_are_not_inputs() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        write(
            root,
            &[
                ("r/app/kustomization.yaml", "resources: [a.yaml, ../../out.yaml, /etc/hosts]\n"),
                ("r/app/a.yaml", ""),
                ("out.yaml", ""),
            ],
        );
        let top = root.join("r");
        let found = inspect(&top, &top.join("app"), &[], &[], &|path| path.ends_with("a.yaml"));
        assert_eq!(names(&top, &found), ["app/kustomization.yaml"]);
        assert_eq!(found.ignored.len(), 1);
        assert_eq!(report_ignored(&top, &found.ignored)[0].message, "`app/a.yaml` is ignored by Git");
    }
}
