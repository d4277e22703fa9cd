//! The charts of the repository.

use std::path::{Path, PathBuf};

use toolbox::inputs;

use crate::checkout::Checkout;
use crate::config::Config;
use crate::survey::Survey;

/// The folders with a Chart.yaml that Git does not ignore, sorted, including those of charts that no Application deploys.
/// Dependencies in the folder of another chart do not count, and neither do other workspaces inside of this one.
#[must_use]
pub fn chart_folders(root: &Path, config: &Config) -> Vec<PathBuf> {
    selected(root, Survey::of(root, &Checkout::new(root)).charts, config)
}

/// The folders that charts.toml does not exclude.
pub(crate) fn selected(root: &Path, folders: Vec<PathBuf>, config: &Config) -> Vec<PathBuf> {
    folders.into_iter().filter(|folder| config.selects_chart(&inputs::name(root, folder))).collect()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;

    use super::*;
    use crate::files::CONFIG_FILE;

    fn found(files: &[&str], more: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(root.path().join(".git")).expect("created");
        std::fs::write(root.path().join(".gitignore"), "/build\n").expect("written");
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("created");
            std::fs::write(path, "").expect("written");
        }
        let text = format!(
            "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n{more}"
        );
        let config = Config::parse(&Source::new(CONFIG_FILE, text)).expect("valid");
        chart_folders(root.path(), &config).iter().map(|folder| inputs::name(root.path(), folder)).collect()
    }

    #[test]
    fn charts_are_found_wherever_they_lie() {
        let files = [
            "Chart.yaml",
            "charts/dependency/Chart.yaml",
            "apps/web/Chart.yaml",
            "apps/web/charts/dependency/Chart.yaml",
            "apps/web/templates/Chart.yaml",
            "charts.d/media/web/Chart.yaml",
            ".hidden/Chart.yaml",
            ".git/Chart.yaml",
            "build/web/Chart.yaml",
            "other/charts.toml",
            "other/charts/web/Chart.yaml",
        ];
        assert_eq!(found(&files, ""), ["", ".hidden", "apps/web", "charts.d/media/web"]);
        assert_eq!(
            found(&files, "[charts]\nfolders = [\"apps/*\", \"charts.d/**\"]\n"),
            ["apps/web", "charts.d/media/web"]
        );
        assert_eq!(
            found(&["charts/media/web/Chart.yaml", "charts/web/Chart.yaml"], ""),
            ["charts/media/web", "charts/web"]
        );
    }
}
