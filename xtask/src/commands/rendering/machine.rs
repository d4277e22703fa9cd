//! Renders single targets, with charts that are in place and programs that were found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use argocd::release::Release;
use diagnostics::{Diagnostics, Reported, Result};
use helm::batch::Runner;
use helm::charts_lock::Pin;
use helm::dependencies;
use helm::dependencies::{Context, Prepared, remote};
use kubernetes::applied;
use kubernetes::manifest::Manifest;
use toolbox::parallel::parallel;
use toolbox::timings;
use workspace::render::copies::Copies;
use workspace::render::kustomize::Programs;
use workspace::render::{self, Renderer};
use workspace::target::{Part, RemoteChartPart, Target};
use workspace::{Workspace, remote_chart};

use super::needs::needs_helm;
use super::state::{RenderState, Rendering};

/// The directories of unpacked charts by the digest of their pins.
pub(super) type Unpacked = BTreeMap<String, std::result::Result<PathBuf, Reported>>;

/// The directories in which Helm can render charts, by the directories of the charts.
pub(super) type PreparedCharts = BTreeMap<PathBuf, std::result::Result<Prepared, Reported>>;

/// Puts the dependencies of charts in place.
pub(super) fn prepare_charts(
    stale: &[&mut Rendering<'_>],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> PreparedCharts {
    let mut prepared = PreparedCharts::new();
    for one in stale {
        let _about = timings::about(&one.target.id);
        for target in one.target.charts() {
            prepared.entry(target.chart.directory.clone()).or_insert_with(|| {
                let _phase = timings::phase("prepare");
                diagnostics.try_take(dependencies::prepare(target.chart, &target.inspected.dependencies, context))
            });
        }
        for target in one.target.charts_elsewhere() {
            prepared.entry(target.chart.directory.clone()).or_insert_with(|| {
                let _phase = timings::phase("prepare");
                diagnostics.try_take(dependencies::prepare_copy(target.chart, &target.inspected.dependencies, context))
            });
        }
    }
    prepared
}

/// Downloads and unpacks charts from Helm repositories.
pub(super) fn prepare_remote(
    jobs: usize,
    stale: &[&mut Rendering<'_>],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Unpacked {
    let mut pins: BTreeMap<&str, &Pin> = BTreeMap::new();
    for part in stale.iter().flat_map(|one| &one.target.parts) {
        let own: Vec<&Pin> = match part.inner() {
            Part::RemoteChart(part) => vec![&part.source.pin],
            Part::Kustomize(part) => part.source.charts.iter().map(|chart| &chart.pin).collect(),
            Part::Chart(_) | Part::Directory(_) | Part::Plugin(_) | Part::Elsewhere(..) => Vec::new(),
        };
        pins.extend(own.into_iter().map(|pin| (pin.digest.as_str(), pin)));
    }
    let pins: Vec<&Pin> = pins.into_values().collect();
    let prepared = parallel(jobs, &pins, |pin| {
        let _about = timings::about(&format!("chart {}", pin.name));
        let _phase = timings::phase("prepare");
        remote::prepare(pin, context)
    });
    let digests = pins.iter().map(|pin| pin.digest.clone());
    digests.zip(prepared).map(|(digest, prepared)| (digest, diagnostics.try_take(prepared))).collect()
}

/// The tools and downloads with which targets are rendered.
pub(super) struct Machine<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) offline: bool,
    pub(super) argocd: Release,
    pub(super) renderer: Renderer<'a>,
    pub(super) kustomize: &'a Path,
    pub(super) jsonnet: &'a Path,
    pub(super) prepared: PreparedCharts,
    pub(super) unpacked: Unpacked,
    pub(super) copies: Copies,
}

impl Machine<'_> {
    /// Renders the parts of a target in order.
    pub(super) fn render(&self, target: &Target<'_>, compares: bool) -> RenderState {
        let mut manifests = Vec::new();
        let mut failures = Diagnostics::default();
        for one in &target.parts {
            let result = match one {
                Part::Elsewhere(tree, part) => {
                    let own = &target.deployment.application.place.source;
                    self.render_part(target, part, &tree.root, compares)
                        .map(|found| found.map_err(|found| tree.named(found, own)))
                }
                part => self.render_part(target, part, self.renderer.root, compares),
            };
            match result {
                Ok(result) => manifests.extend(failures.take(result).unwrap_or_default()),
                Err(reported) => return RenderState::Blocked(reported),
            }
        }
        failures.extend(applied::repeated_items(&manifests));
        if failures.has_errors() {
            RenderState::Failed(failures.for_target(&target.id))
        } else {
            RenderState::Rendered(applied::recorded(manifests))
        }
    }

    /// Renders a part whose files are below a root. Fails if something that it shares with others is unavailable.
    fn render_part(
        &self,
        target: &Target<'_>,
        part: &Part<'_>,
        root: &Path,
        compares: bool,
    ) -> std::result::Result<Result<Vec<Manifest>>, Reported> {
        let runner = Runner { compares, ..self.renderer.runner };
        let renderer = Renderer { root, runner, ..self.renderer };
        Ok(match part {
            Part::Chart(chart) => match self.prepared.get(&chart.source.chart.directory) {
                Some(Ok(prepared)) => renderer.render(&target.chart_target(chart), &prepared.directory),
                Some(Err(reported)) => return Err(*reported),
                None => Ok(Vec::new()),
            },
            Part::RemoteChart(chart) => match self.unpacked.get(&chart.source.pin.digest) {
                Some(Ok(directory)) => self.render_remote(target, chart, directory),
                Some(Err(reported)) => return Err(*reported),
                None => Ok(Vec::new()),
            },
            Part::Kustomize(kustomize) => {
                let helm = needs_helm(part).then_some(renderer.helm);
                let programs = Programs { kustomize: self.kustomize, helm };
                let unpacked = kustomize.source.charts.iter().filter_map(|chart| self.unpacked.get(&chart.pin.digest));
                let charts: std::result::Result<Vec<&Path>, Reported> =
                    unpacked.map(|one| one.as_ref().map(PathBuf::as_path).map_err(|reported| *reported)).collect();
                render::kustomize::render(root, programs, kustomize, &charts?, &target.namespace)
            }
            Part::Directory(source) => render::plain::render(root, self.jsonnet, source, &target.namespace),
            Part::Plugin(source) if self.offline => Err(render::plugin::not_offline(source)),
            Part::Plugin(source) => {
                let tools: Vec<&Path> = [self.kustomize, renderer.helm].into_iter().filter_map(Path::parent).collect();
                render::plugin::render(root, &tools, &self.copies, source, &self.workspace.config, &target.namespace)
            }
            Part::Elsewhere(tree, part) => return self.render_part(target, part, &tree.root, compares),
        })
    }

    fn render_remote(
        &self,
        target: &Target<'_>,
        part: &RemoteChartPart<'_>,
        directory: &Path,
    ) -> Result<Vec<Manifest>> {
        let unpacked = remote_chart::unpacked(self.workspace, self.argocd, target.deployment, part, directory)?;
        self.renderer.render(&target.remote_target(part, &unpacked), directory)
    }
}
