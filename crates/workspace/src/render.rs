//! A target's manifests, by the Helm that Argo CD ships, told what Argo CD tells it, where Argo CD runs it.
//!
//! Helm sees homes of its own, no kubeconfig, UTC, and the chart's folder as working directory. Values that the
//! Application holds are written to the cache by their digest, so that the command can be repeated by hand.
//!
//! Deliberately absent: finding Helm, bringing dependencies, comparing.

pub mod failure;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::plan::Target;
use diagnostics::{Diagnostic, Place, Result};
use helm::command;
use kubernetes::manifest;
use kubernetes::manifest::Recorded;
use toolbox::archive::sha256;
use toolbox::process::Invocation;
use toolbox::whole;

/// No honest chart takes this long.
const DEADLINE: Duration = Duration::from_secs(120);

/// What rendering needs beside the target.
#[derive(Debug, Clone, Copy)]
pub struct Renderer<'a> {
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// The tool's cache.
    pub cache: &'a Path,
    /// The Helm to run.
    pub helm: &'a Path,
}

impl Renderer<'_> {
    /// Renders a target in a directory: the chart's own, or a staged copy of it.
    pub fn render(&self, target: &Target<'_>, directory: &Path) -> Result<Vec<Recorded>> {
        let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
        let invocation = self.invocation(target, directory, homes.path())?;
        let output = invocation.run()?;
        let command = self.by_hand(target, &invocation, directory);
        if !output.success() {
            return Err(failure::explain(self.root, target, output.code, &output.stderr, &command));
        }
        let manifests = manifest::read(&output.stdout, &target.recipe.namespace).map_err(|mut found| {
            for diagnostic in &mut found.0 {
                point_at_templates(target, diagnostic);
                diagnostic.helps.push(format!("repeat it by hand: {command}"));
            }
            found
        })?;
        let files = manifest::file_names(&manifests);
        Ok(files.into_iter().zip(manifests).map(|(file, manifest)| Recorded { file, manifest }).collect())
    }

    /// The command that renders a target in a directory, with Helm's homes in another.
    pub fn invocation(&self, target: &Target<'_>, directory: &Path, homes: &Path) -> Result<Invocation> {
        let inline = self.inline_values(target)?;
        let invocation = command::invocation(self.helm, directory, homes).args(target.recipe.args(inline.as_deref()));
        Ok(invocation.deadline(DEADLINE))
    }

    /// Where the Application's own values are, written if they are not there yet.
    fn inline_values(&self, target: &Target<'_>) -> Result<Option<PathBuf>> {
        let Some(text) = &target.recipe.inline_values else { return Ok(None) };
        let path = self.cache.join("values").join(format!("{}.yaml", sha256(text.as_bytes())));
        if !path.is_file() {
            whole::write(&path, text.as_bytes())?;
        }
        Ok(Some(path))
    }

    /// The command for a shell at the root of the workspace.
    fn by_hand(&self, target: &Target<'_>, invocation: &Invocation, directory: &Path) -> String {
        let chart = &target.deployment.chart.directory;
        let chart_name = toolbox::inputs::name(self.root, chart);
        let build = if directory == chart { "" } else { "helm dependency build && " };
        let line = invocation.command_line();
        let arguments = line.split_once(' ').map_or("", |(_, arguments)| arguments);
        format!("(cd {chart_name} && {build}{} {arguments})", self.helm.display())
    }
}

/// Replaces Helm's name of a template (`<chart>/templates/…`) by that of its file, where the chart itself has it.
fn point_at_templates(target: &Target<'_>, diagnostic: &mut Diagnostic) {
    for (place, _) in diagnostic.places.iter_mut().filter(|(place, _)| place.span.is_none()) {
        if let Some(file) = target.template_file(&place.source.name) {
            *place = Place::file(file);
        }
    }
}

/// Objects that a rendered target holds, the items of lists counted one by one.
#[must_use]
pub fn objects(rendered: &[Recorded]) -> usize {
    rendered.iter().map(|record| record.manifest.objects()).sum()
}
