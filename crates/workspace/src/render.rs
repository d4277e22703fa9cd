//! Renders a target with the Helm version, arguments, and working directory that Argo CD uses.
//!
//! Helm runs with private home directories, no kubeconfig, the UTC time zone, and the chart's directory as its working
//! directory. The Application's inline values are written to the cache under their digest, so that the command can be
//! run by hand.

pub mod copies;
mod dot;
pub mod failure;
mod jsonnet;
pub mod kustomize;
mod misreading;
pub mod plain;
pub mod plugin;
mod refused;
mod remotes;
mod schema;
mod schema_wording;
mod types;
mod unknown_name;
mod unset;
pub mod values;
mod violations;

use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result};
use helm::values_schema;
use kubernetes::applied;
use kubernetes::manifest;
use kubernetes::manifest::{Manifest, Recorded};
use toolbox::process::{Invocation, quoted};
use toolbox::scratch;
use toolbox::timings;

use crate::provenance::invalid_output;
pub use crate::renderer::Renderer;
use crate::target::ChartTarget;

impl Renderer<'_> {
    /// Renders a chart in a directory: its own or a staged copy.
    pub fn render(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<Vec<Manifest>> {
        if let Some(refused) = self.remote_schema(target) {
            return Err(refused);
        }
        let homes = scratch::directory()?;
        let invocation = self.invocation(target, directory, homes.path())?;
        let helm = timings::phase("helm");
        let output = self.runner.run(&invocation)?;
        drop(helm);
        let _phase = timings::phase("split");
        let command = self.by_hand(target, &invocation, directory);
        if !output.success() {
            let locate = |template: &str| invalid_output::syntax(self, target, directory, template);
            return Err(failure::explain(self.root, target, output.code, &output.stderr, &command, &locate));
        }
        let manifests = manifest::read(&output.stdout, &target.recipe.namespace);
        let manifests = manifests.and_then(|all| applied::repeated_items(&all).into_result(all));
        manifests.map_err(|mut found| {
            let alone = found.0.len() == 1;
            for diagnostic in &mut found.0 {
                // It is known which object of a template is meant if only one is wrong.
                if alone && diagnostic.code == Code::ManifestInvalid {
                    self.point_at_incomplete(target, directory, diagnostic);
                }
                point_at_templates(target, diagnostic);
                if diagnostic.helps.is_empty() {
                    diagnostic.helps.push(format!("to reproduce it, run: {command}"));
                }
            }
            found
        })
    }

    /// The error about a schema of a chart in the repository that Helm would have to fetch a part of.
    fn remote_schema(&self, target: &ChartTarget<'_>) -> Option<Diagnostics> {
        if !target.chart.directory.starts_with(self.root) {
            return None;
        }
        let mut refused = values_schema::refused(self.root, target.chart);
        refused.0.retain(|found| found.is(&Fact::Elsewhere));
        for found in &mut refused.0 {
            found.code = Code::HelmRefused;
            found.target = Some(target.id.to_string());
        }
        (!refused.is_empty()).then_some(refused)
    }

    /// Renders a target with another value, given as an argument of `--set-json`, whether its schema allows it or not.
    /// Nothing if that fails.
    #[must_use]
    pub fn render_with(&self, target: &ChartTarget<'_>, directory: &Path, value: &str) -> Option<Vec<Recorded>> {
        let homes = scratch::directory().ok()?;
        let invocation = self.invocation(target, directory, homes.path()).ok()?;
        let invocation = invocation.args(["--skip-schema-validation", "--set-json", value]);
        let output = self.runner.run(&invocation).ok()?;
        let manifests = manifest::read(&output.stdout, &target.recipe.namespace).ok().filter(|_| output.success())?;
        Some(applied::recorded(manifests))
    }

    /// Replaces the name of a template with the line that writes an object without a kind or a name.
    fn point_at_incomplete(&self, target: &ChartTarget<'_>, directory: &Path, diagnostic: &mut Diagnostic) {
        let [(place, _)] = diagnostic.places.as_slice() else { return };
        if place.span.is_none() {
            let located = invalid_output::incomplete(self, target, directory, &place.source.name);
            if !located.places.is_empty() {
                diagnostic.places = located.places;
                located.help.into_iter().for_each(|help| diagnostic.add_help(help));
            }
        }
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
