//! One walk through a repository that finds all files that later stages look for.
//!
//! What Git ignores and does not track is left out, since Argo CD has a clone. The rules of Git are applied only to
//! directories and to what the walk looks for: most files of a repository are neither.

use std::ffi::OsString;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use argocd::symbolic_links;
use toolbox::parallel::{cores, parallel};

use crate::checkout::{Checkout, Folder};
use crate::files::{CONFIG_FILE, GOLDENS};

/// The directories of a chart that contain no manifests as Kubernetes reads them.
const OF_CHART: [&str; 4] = ["templates", "charts", "crds", "ci"];

/// The result of a walk.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The YAML and JSON files, except those that are not manifests, sorted by path.
    pub(crate) manifests: Vec<PathBuf>,
    /// The symbolic links that lead out of the Git repository, sorted by path.
    pub(crate) links: Vec<PathBuf>,
    /// The directories with a Chart.yaml, sorted, without those in another chart and in another workspace.
    pub(crate) charts: Vec<PathBuf>,
}

impl Survey {
    /// Of a workspace, and of the Git repository that contains it.
    pub(crate) fn of(root: &Path, checkout: &Checkout) -> Self {
        let walk = Walk { root, top: checkout.top(), goldens: root.join(GOLDENS) };
        let path = root.to_path_buf();
        let mut open = vec![Open { folder: checkout.folder(root), path, of_workspace: true, has_charts: true }];
        if walk.top != root {
            let path = walk.top.to_path_buf();
            open.push(Open { folder: checkout.folder(walk.top), path, of_workspace: false, has_charts: false });
        }
        let mut found = walk.all(open);
        found.manifests.sort();
        found.links.sort();
        found.charts.sort();
        found
    }
}

/// The number of directories from which on they are walked through at the same time.
const MANY: usize = 16;

struct Walk<'w> {
    root: &'w Path,
    top: &'w Path,
    goldens: PathBuf,
}

/// A directory whose entries are not known yet.
struct Open<'c> {
    folder: Folder<'c>,
    path: PathBuf,
    /// Whether its manifests belong to the workspace.
    of_workspace: bool,
    /// Whether its charts do. Another workspace in this one has charts of its own.
    has_charts: bool,
}

impl Walk<'_> {
    /// Walks through directories on all cores.
    fn all(&self, mut open: Vec<Open<'_>>) -> Survey {
        let mut found = Survey::default();
        while !open.is_empty() && open.len() < MANY {
            open = open.iter().flat_map(|one| self.entries(one, &mut found)).collect();
        }
        for Survey { manifests, links, charts } in parallel(cores(), &open, |one| self.below(one)) {
            found.manifests.extend(manifests);
            found.links.extend(links);
            found.charts.extend(charts);
        }
        found
    }

    /// Walks through a directory.
    fn below(&self, open: &Open<'_>) -> Survey {
        let mut found = Survey::default();
        let mut open = self.entries(open, &mut found);
        while let Some(one) = open.pop() {
            open.extend(self.entries(&one, &mut found));
        }
        found
    }

    /// Looks at the entries of a directory, and returns the directories among them.
    fn entries<'c>(&self, open: &Open<'c>, found: &mut Survey) -> Vec<Open<'c>> {
        let Open { folder, path, of_workspace, has_charts } = open;
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let entries: Vec<(OsString, FileType)> =
            entries.filter_map(|entry| entry.file_type().ok().map(|kind| (entry.file_name(), kind))).collect();
        let named = |name: &str| entries.iter().any(|(entry, _)| entry == name);
        let with_rules = named(".gitignore").then(|| folder.with_rules(path));
        let folder = with_rules.as_ref().unwrap_or(folder);
        let is_chart = named("Chart.yaml") && path.join("Chart.yaml").is_file();
        let has_charts = *has_charts && (path == self.root || !named(CONFIG_FILE));
        if has_charts && is_chart && !folder.lacks(&path.join("Chart.yaml"), false) {
            found.charts.push(path.clone());
        }
        let mut inner = Vec::new();
        for (name, kind) in &entries {
            let is_manifest = *of_workspace && !kind.is_dir() && is_manifest(Path::new(name));
            if !kind.is_dir() && !kind.is_symlink() && !is_manifest {
                continue;
            }
            let inside = path.join(name);
            let is_git = name == ".git";
            if is_git && path == self.top || inside == self.root || folder.lacks(&inside, kind.is_dir()) {
                continue;
            }
            if kind.is_dir() {
                let of_chart = is_chart && OF_CHART.iter().any(|one| name == one);
                let of_workspace = *of_workspace && !is_git && !of_chart && inside != self.goldens;
                let has_charts = has_charts && of_workspace;
                inner.push(Open { folder: folder.enter(&inside), path: inside, of_workspace, has_charts });
                continue;
            }
            let is_file = kind.is_file() || kind.is_symlink() && inside.is_file();
            if kind.is_symlink() {
                let leads_out = |target: PathBuf| symbolic_links::leads_out(self.top, &inside, &target);
                found.links.extend(std::fs::read_link(&inside).is_ok_and(leads_out).then(|| inside.clone()));
            }
            if is_manifest && is_file && !is_configuration(&inside) {
                found.manifests.push(inside);
            }
        }
        inner
    }
}

/// Whether a file is YAML or JSON by its name.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
}

/// Whether a file configures Helm or Kustomize.
fn is_configuration(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let of_chart = name.starts_with("values") && path.with_file_name("Chart.yaml").is_file();
    of_chart || ["kustomization.yaml", "kustomization.yml", "Chart.yaml"].contains(&&*name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use toolbox::inputs;
    use toolbox::process::{Invocation, on_path};

    use super::*;

    fn survey(root: &Path, workspace: &Path) -> [Vec<String>; 2] {
        let Survey { manifests, links, .. } = Survey::of(workspace, &Checkout::new(workspace));
        [manifests, links].map(|paths| paths.iter().map(|path| inputs::name(root, path)).collect())
    }

    #[test]
    fn a_clone_and_its_manifests_are_walked_through_once() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        for (name, text) in [
            (".git/config.yaml", ""),
            (".gitignore", "/build/\n*.local.yaml\n"),
            ("above.yaml", ""),
            ("build/a.yaml", ""),
            ("w/app.yaml", ""),
            ("w/app.local.yaml", ""),
            ("w/sub/.gitignore", "!kept.local.yaml\n/no.json\n"),
            ("w/sub/kept.local.yaml", ""),
            ("w/sub/no.json", ""),
            ("w/sub/yes.json", ""),
            ("w/sub/note.txt", ""),
            ("w/chart/Chart.yaml", ""),
            ("w/chart/values.yaml", ""),
            ("w/chart/templates/a.yaml", ""),
            ("w/chart/files/a.yml", ""),
            ("w/templates/a.yaml", ""),
            ("w/tests/golden/a/default/a.yaml", ""),
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
            std::fs::write(path, text).expect("file");
        }
        for (link, target) in [
            ("w/linked.yaml", "app.yaml"),
            ("w/chart/templates/out.tpl", "/etc/hosts"),
            ("w/tests/golden/out", "/etc/hosts"),
            ("build/out", "/etc/hosts"),
            ("out", "/etc/hosts"),
        ] {
            symlink(target, root.join(link)).expect("link");
        }
        let manifests = [
            "w/app.yaml",
            "w/chart/files/a.yml",
            "w/linked.yaml",
            "w/sub/kept.local.yaml",
            "w/sub/yes.json",
            "w/templates/a.yaml",
        ];
        let links = ["out", "w/chart/templates/out.tpl", "w/tests/golden/out"];
        assert_eq!(survey(root, &root.join("w")), [&manifests[..], &links[..]]);
        std::fs::remove_dir_all(root.join(".git")).expect("removed");
        let [manifests, links] = survey(root, &root.join("w"));
        assert!(manifests.contains(&"w/app.local.yaml".to_owned()), "without Git, nothing is ignored: {manifests:?}");
        assert_eq!(links, ["w/chart/templates/out.tpl", "w/tests/golden/out"]);
    }

    #[test]
    fn what_git_tracks_is_in_a_clone_even_if_it_is_ignored() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        std::fs::create_dir(root.join("apps")).expect("directory");
        for (name, text) in [(".gitignore", "apps/\n"), ("apps/tracked.yaml", ""), ("apps/other.yaml", "")] {
            std::fs::write(root.join(name), text).expect("file");
        }
        let Some(git) = on_path("git") else { return };
        for args in [&["init", "--quiet", "."][..], &["add", "--force", "apps/tracked.yaml"]] {
            let output = Invocation::new(&git, root).args(args.iter().copied()).run().expect("git runs");
            assert!(output.success(), "{output:?}");
        }
        assert_eq!(survey(root, root), [&["apps/tracked.yaml"][..], &[]]);
    }
}
