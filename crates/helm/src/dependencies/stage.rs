//! Rendering a chart whose `file://` dependencies are not vendored.
//!
//! Argo CD would run `helm dependency build`, which packs them into charts/. The same is done here in a copy, because a
//! render does not write the work tree: a copy left in charts/ would be taken for a vendored one from then on.
//!
//! Files are copied and not linked, since Helm writes a line about each link that it follows. Real Helm does the
//! packing, so that what `.helmignore` leaves out and how Chart.yaml is rewritten are Helm's own doing.
//!
//! Deliberately absent: the dependencies of the dependencies. Helm packs a source with what lies in its charts/, and
//! brings nothing there.

use std::path::{Path, PathBuf};

use super::folder;
use super::helm::{self, Repositories};
use super::inspect::{Inspection, State, source_files};
use crate::chart::{Chart, Dependency};
use crate::dependencies::Context;
use diagnostics::{Diagnostic, Result};

/// A staged copy of a chart, removed when dropped.
#[derive(Debug)]
pub struct Stage {
    directory: PathBuf,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// The folder to run helm in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Copies a chart, with what lies in its charts/, and packs its `file://` dependencies into the copy.
pub fn stage(chart: &Chart, inspection: &Inspection, context: &Context<'_>) -> Result<Stage> {
    let temporary = super::temporary()?;
    let packing = temporary.path().join("packing");
    let mut wanted: Vec<Dependency> = Vec::new();
    for (index, (dependency, asked)) in inspection.dependencies.iter().zip(&chart.dependencies).enumerate() {
        let State::Local { source, left_out, .. } = &dependency.state else { continue };
        context.progress.status("Packing", &format!("{} for {}", dependency.name, chart.path));
        let copy = temporary.path().join("sources").join(index.to_string());
        for (path, content) in source_files(source, left_out)? {
            write(&copy.join(path), &content)?;
        }
        // The version that Chart.lock settled on is what `helm dependency build` insists on.
        let version = dependency.version.as_deref().unwrap_or(&asked.version);
        let repository = format!("file://{}", copy.display());
        // Two dependencies may be one chart under two names, and Helm wants names to be unique.
        wanted.push(Dependency {
            alias: format!("d{index}"),
            ..Dependency::exact(&asked.name, version, &repository, asked.place.clone())
        });
    }
    helm::update(&packing, &chart.name, &wanted, Repositories::Real, context)?;

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
