//! Renders a target with the Helm version, arguments, and working directory that Argo CD uses.
//!
//! Helm runs with private home directories, no kubeconfig, the UTC time zone, and the chart's directory as its working
//! directory. The Application's inline values are written to the cache under their digest, so that the command can be
//! run by hand.

pub mod failure;
pub mod kustomize;
pub mod plain;
pub mod plugin;
mod schema;
mod unknown_name;
mod unset;
pub mod values;
mod violations;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Diagnostic, Place, Result};
use helm::command;
use kubernetes::manifest;
use kubernetes::manifest::{Manifest, Recorded};
use toolbox::archive::sha256;
use toolbox::atomic_file;
use toolbox::process::{Invocation, quoted};

use crate::target::ChartTarget;

/// The time limit of one render.
const DEADLINE: Duration = Duration::from_secs(120);

/// The environment of a render.
#[derive(Debug, Clone, Copy)]
pub struct Renderer<'a> {
    /// The absolute root of the workspace.
    pub root: &'a Path,
    /// The tool's cache directory.
    pub cache: &'a Path,
    /// The Helm executable.
    pub helm: &'a Path,
}

impl Renderer<'_> {
    /// Renders a chart in a directory: its own or a staged copy.
    pub fn render(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<Vec<Manifest>> {
        let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
        let invocation = self.invocation(target, directory, homes.path())?;
        let output = invocation.run()?;
        let command = self.by_hand(target, &invocation, directory);
        if !output.success() {
            return Err(failure::explain(self.root, target, output.code, &output.stderr, &command));
        }
        manifest::read(&output.stdout, &target.recipe.namespace).map_err(|mut found| {
            for diagnostic in &mut found.0 {
                point_at_templates(target, diagnostic);
                diagnostic.helps.push(format!("to reproduce it, run: {command}"));
            }
            found
        })
    }

    /// Renders a target with another value, given as an argument of `--set-json`, whether its schema allows it or not.
    /// Nothing if that fails.
    #[must_use]
    pub fn render_with(&self, target: &ChartTarget<'_>, directory: &Path, value: &str) -> Option<Vec<Recorded>> {
        let homes = tempfile::tempdir().ok()?;
        let invocation = self.invocation(target, directory, homes.path()).ok()?;
        let output = invocation.args(["--skip-schema-validation", "--set-json", value]).run().ok()?;
        let manifests = manifest::read(&output.stdout, &target.recipe.namespace).ok().filter(|_| output.success())?;
        Some(manifest::recorded(manifests))
    }

    /// The command that renders a target in a directory, with Helm's home directories below `homes`.
    pub fn invocation(&self, target: &ChartTarget<'_>, directory: &Path, homes: &Path) -> Result<Invocation> {
        let inline = self.inline_values(target)?;
        let invocation = command::invocation(self.helm, directory, homes).args(target.recipe.args(inline.as_deref()));
        Ok(invocation.deadline(DEADLINE))
    }

    /// The file with the Application's inline values, written to the cache if necessary.
    fn inline_values(&self, target: &ChartTarget<'_>) -> Result<Option<PathBuf>> {
        let Some(text) = &target.recipe.inline_values else { return Ok(None) };
        let path = self.cache.join("values").join(format!("{}.yaml", sha256(text.as_bytes())));
        // The content is not trusted because of the name, and the values may be confidential.
        let private = |facts: std::fs::Metadata| facts.is_file() && facts.permissions().mode() & 0o777 == 0o600;
        let sound = std::fs::symlink_metadata(&path).is_ok_and(private)
            && toolbox::regular_file::read(&path).is_ok_and(|bytes| bytes == text.as_bytes());
        if !sound {
            atomic_file::write_private(&path, text.as_bytes())?;
        }
        Ok(Some(path))
    }

    /// The command, for a shell in the root of the workspace.
    fn by_hand(&self, target: &ChartTarget<'_>, invocation: &Invocation, directory: &Path) -> String {
        let chart = &target.chart.directory;
        let chart_name = toolbox::inputs::name(self.root, chart);
        let build = if directory == chart { "" } else { "helm dependency build && " };
        let line = invocation.command_line();
        let arguments = line.split_once(' ').map_or("", |(_, arguments)| arguments);
        format!("(cd {} && {build}{} {arguments})", quoted(&chart_name), quoted(&self.helm.to_string_lossy()))
    }
}

/// Replaces template names as Helm prints them (`<chart>/templates/…`) with file paths, for templates of the chart itself.
fn point_at_templates(target: &ChartTarget<'_>, diagnostic: &mut Diagnostic) {
    for (place, _) in diagnostic.places.iter_mut().filter(|(place, _)| place.span.is_none()) {
        if let Some(file) = target.template_file(&place.source.name) {
            *place = Place::file(file);
        }
    }
}

/// The number of rendered objects. Items of lists count individually.
#[must_use]
pub fn objects(rendered: &[Recorded]) -> usize {
    rendered.iter().map(|record| record.manifest.objects()).sum()
}
