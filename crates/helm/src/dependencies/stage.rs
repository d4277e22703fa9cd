//! Stages a chart whose `file://` dependencies are not vendored.
//!
//! Argo CD runs `helm dependency build`, which packs them into charts/. Here they are packed into a copy of the chart:
//! an archive left in the work tree would count as vendored from then on.
//!
//! Files are copied, not linked, because Helm logs every symbolic link that it follows. Helm does the packing, so that
//! `.helmignore` and the rewritten Chart.yaml are handled by Helm itself.
//!
//! Does not download the dependencies of a `file://` dependency. Neither does Helm: it packs the source with whatever is
//! in its charts/.

use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result};

use super::context::Context;
use super::folder;
use super::helm::{self, Repositories};
use super::inspection::{Inspection, State};
use super::local::source_files;
use crate::chart::{Chart, Dependency};

/// A staged copy of a chart, removed on drop.
#[derive(Debug)]
pub struct Stage {
    directory: PathBuf,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// The directory to run Helm in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Copies a chart including its charts/, and packs its `file://` dependencies into the copy.
pub fn stage(chart: &Chart, inspection: &Inspection, context: &Context<'_>) -> Result<Stage> {
    let temporary = toolbox::scratch::directory()?;
    let packing = temporary.path().join("packing");
    let mut wanted: Vec<Dependency> = Vec::new();
    let mut packed = Vec::new();
    for (index, (dependency, declared)) in inspection.dependencies.iter().zip(&chart.dependencies).enumerate() {
        let State::Local { source, left_out, .. } = &dependency.state else { continue };
        // One archive is enough for a chart that is a dependency several times, under different aliases.
        let version = dependency.version.as_deref().unwrap_or(&declared.version);
        if packed.contains(&(source, version)) {
            continue;
        }
        packed.push((source, version));
        context.progress.status("Packing", &format!("{} for {}", dependency.name, chart.path));
        let copy = temporary.path().join("sources").join(index.to_string());
        for (path, content) in source_files(source, left_out)? {
            write(&copy.join(path), &content)?;
        }
        // `helm dependency build` requires the version in Chart.lock.
        let repository = format!("file://{}", copy.display());
        // Helm requires unique names, and one chart may be a dependency twice.
        wanted.push(Dependency {
            alias: format!("d{index}"),
            ..Dependency::exact(&declared.name, version, &repository, declared.place.clone())
        });
    }
    if !wanted.is_empty() {
        helm::update(&packing, &chart.name, &wanted, Repositories::Real, context)?;
    }

    let name = chart.directory.file_name().unwrap_or_else(|| chart.name.as_ref());
    let directory = temporary.path().join("chart").join(name);
    for (path, content) in folder::read(&chart.directory)? {
        write(&directory.join(path), &content)?;
    }
    for archive in folder::entries(&packing.join("charts"))? {
        let target = directory.join("charts").join(archive.file_name().unwrap_or_default());
        std::fs::create_dir_all(directory.join("charts"))
            .and_then(|()| std::fs::copy(&archive, &target))
            .map_err(|error| Diagnostic::io("write", &target, &error))?;
    }
    Ok(Stage { directory, _folder: temporary })
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Diagnostic::io("write", path, &error).into())
}
