//! The files of a chart that Helm loads.
//!
//! For a chart, these are the files that Helm loads: all files in its folder that .helmignore does not exclude. A file too
//! many costs only an unnecessary render, but a missing one would make a stale golden look fresh. So in doubt a file
//! counts.
//!
//! Does not include `charts/`, which `dependencies` inspects.

use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result};
use toolbox::inputs::{self, Files};
use toolbox::regular_file;

use crate::helmignore::Rules;

/// The files of a chart that Helm loads, without `charts/`.
pub fn chart_files(root: &Path, chart: &Path) -> Result<Files> {
    read(root, chart, &mut |_, _| {})
}

/// The same; each file is read once, and passed to `visit` with its name.
pub fn read(root: &Path, chart: &Path, visit: &mut dyn FnMut(&str, &[u8])) -> Result<Files> {
    let rules = Rules::parse(&regular_file::read_to_string(chart.join(".helmignore")).unwrap_or_default());
    let mut walk = Walk { root, chart, rules, open: Vec::new(), files: Vec::new(), visit };
    walk.folder(chart, "", false)?;
    Ok(walk.files.into_iter().collect())
}

struct Walk<'a> {
    root: &'a Path,
    chart: &'a Path,
    rules: Rules,
    /// The current folder and its parents: a link to one of them is a loop.
    open: Vec<PathBuf>,
    files: Vec<(String, [u8; 32])>,
    visit: &'a mut dyn FnMut(&str, &[u8]),
}

impl Walk<'_> {
    /// Reads a folder. `linked` is whether a link led to it, or to one of its parents: without links, there are no loops.
    fn folder(&mut self, folder: &Path, relative: &str, linked: bool) -> Result<()> {
        let failed = |error: &std::io::Error| Diagnostic::io("read", folder, error);
        if linked {
            let real = folder.canonicalize().map_err(|error| failed(&error))?;
            if self.open.iter().any(|parent| parent.canonicalize().is_ok_and(|parent| parent == real)) {
                return Ok(());
            }
        }
        self.open.push(folder.to_path_buf());
        for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let path = entry.path();
            let name = inputs::file_name(&path)?;
            let relative = if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
            // Links are followed; whatever else it is, the directory knows already.
            let kind = entry.file_type().map_err(|error| failed(&error))?;
            let is_folder = kind.is_dir() || kind.is_symlink() && path.is_dir();
            if is_folder && path == self.chart.join("charts") {
                continue;
            }
            // .helmignore determines what is loaded, so it counts even if it excludes itself.
            if relative != ".helmignore" && self.rules.decide(&relative, is_folder) {
                continue;
            }
            if is_folder {
                self.folder(&path, &relative, linked || kind.is_symlink())?;
            } else if kind.is_file() || kind.is_symlink() && path.is_file() {
                let bytes = regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
                let name = inputs::name(self.root, &path);
                (self.visit)(&name, &bytes);
                self.files.push((name, inputs::sha256_bytes(&bytes)));
            }
        }
        self.open.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files_and_dependencies_are_not_inputs() {
        let root = tempfile::tempdir().expect("temporary directory");
        let chart = root.path().join("charts/web");
        for file in [".helmignore", "Chart.yaml", "templates/a.yaml", "ci/x-values.yaml", "charts/dep/Chart.yaml"] {
            let path = chart.join(file);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
            std::fs::write(path, if file == ".helmignore" { "ci/\n" } else { file }).expect("file");
        }
        std::os::unix::fs::symlink(&chart, chart.join("templates/loop")).expect("link");
        let files = chart_files(root.path(), &chart).expect("readable");
        let names: Vec<_> = files.names().collect();
        assert_eq!(names, ["charts/web/.helmignore", "charts/web/Chart.yaml", "charts/web/templates/a.yaml"]);
    }
}
