//! The input of checks, and what they may return besides findings.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use ::helm::chart::Chart;
use argocd::sync_order::{self, Order};
use kubernetes::inventory::View;
use kubernetes::inventory::pods::Pods;
use kubernetes::manifest::Recorded;
use kubernetes::object::Object;
use workspace::target::{ChartTarget, Target};
use workspace::written::{self, Written};
use workspace::{Deployment, Workspace};

use super::base::Base;
use super::chart_sources::ChartSources;
use super::clusters::Clusters;
use super::helm::Helm;
use super::scenario_files::ScenarioFiles;

/// The input of the checks that do not run Helm.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The whole workspace: Applications, projects, charts.toml.
    pub workspace: &'a Workspace,
    /// The charts to check, deployed or not.
    pub charts: &'a [&'a Chart],
    /// The files of these charts.
    pub sources: &'a ChartSources,
    /// The scenarios of all Applications.
    pub scenarios: &'a ScenarioFiles,
    /// The targets to check.
    pub targets: &'a [&'a Target<'a>],
    /// The objects that these targets render.
    pub objects: &'a [Object],
    /// The same by target.
    pub by_target: &'a ByTarget<'a>,
    /// The names of the targets that render.
    pub rendered: &'a BTreeSet<String>,
    /// Whether all of them are fresh, so they render what is recorded.
    pub fresh: bool,
    /// The objects of all targets by cluster, selected or not. The selected ones decide what is reported.
    pub clusters: &'a Clusters<'a>,
    /// Whether the targets are all targets of the workspace, and all of them render.
    pub complete: bool,
    /// The revision to compare with.
    pub base: Option<&'a Base>,
    /// The current time since 1970.
    pub now: Duration,
}

impl<'a> Subject<'a> {
    /// Returns all Applications under argocd/, including those that this tool does not render.
    pub(crate) fn every_application(&self) -> impl Iterator<Item = Written<'a>> + use<'a> {
        written::applications(self.workspace)
    }

    /// Returns the Applications to check: those of the selected targets, and those without a chart.
    #[must_use]
    pub fn applications(&self) -> Vec<Written<'a>> {
        let selected: BTreeSet<&str> = self.targets.iter().map(|target| target.id.app.as_str()).collect();
        let is_selected = |one: &Deployment| selected.contains(one.application.instance.as_str());
        self.every_application().filter(|written| written.deployment.is_none_or(is_selected)).collect()
    }

    /// The pods of the workloads to check, with the objects around them.
    pub fn workloads(&self) -> impl Iterator<Item = (View<'a, 'a>, &'a Pods<'a>)> + use<'a> {
        let Self { objects, clusters, .. } = *self;
        objects.iter().filter_map(move |object| {
            let view = clusters.view(&object.target)?;
            Some((view, view.pods_of_object(object)?))
        })
    }

    /// The same workloads without those that Argo CD never applies, with their places in the order of a sync.
    pub(crate) fn synced_workloads(&self) -> impl Iterator<Item = (View<'a, 'a>, &'a Pods<'a>, Order)> + use<'a> {
        self.workloads().filter_map(|(view, pods)| Some((view, pods, sync_order::order(&pods.object.root)?)))
    }
}

/// Objects by the target that renders them.
#[derive(Debug, Default)]
pub struct ByTarget<'a>(HashMap<&'a str, &'a [Object]>);

impl<'a> ByTarget<'a> {
    /// Finds the objects of each target among those of all targets, which are sorted by target.
    #[must_use]
    pub fn new(objects: &'a [Object]) -> Self {
        let targets = objects.chunk_by(|one, next| one.target == next.target);
        Self(targets.filter_map(|own| Some((own.first()?.target.as_str(), own))).collect())
    }

    /// The objects of a target.
    #[must_use]
    pub fn of(&self, target: &str) -> &'a [Object] {
        self.0.get(target).copied().unwrap_or_default()
    }
}

/// The input of the checks that run Helm: a deployed chart whose dependencies are in place.
#[derive(Debug, Clone, Copy)]
pub struct ChartSubject<'a> {
    /// The whole workspace.
    pub workspace: &'a Workspace,
    /// The Helm to run.
    pub helm: Helm<'a>,
    /// The chart.
    pub chart: &'a Chart,
    /// The scenarios of all Applications.
    pub scenarios: &'a ScenarioFiles,
    /// Where Helm can render it.
    pub directory: &'a Path,
    /// All targets of the chart, selected or not.
    pub cases: &'a [&'a ChartTarget<'a>],
    /// The selected targets, except those that do not render.
    pub rendered: &'a [Rendered<'a>],
    /// Whether all selected targets of the chart render.
    pub complete: bool,
    /// The objects of all selected targets.
    pub by_target: &'a ByTarget<'a>,
}

/// A target that renders.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// The target.
    pub target: &'a ChartTarget<'a>,
    /// The manifests that the target renders.
    pub manifests: Manifests<'a>,
    /// Whether the target renders nothing but this chart.
    pub alone: bool,
    /// Whether the manifests are the recorded ones, so nothing was rendered in this run.
    pub fresh: bool,
}

/// The manifests of a target. Those of a fresh one are read when a check asks for them.
pub struct Manifests<'a> {
    read: &'a (dyn Fn() -> Vec<Recorded> + Sync),
    known: OnceLock<Vec<Recorded>>,
}

impl<'a> Manifests<'a> {
    /// Manifests that are read on demand.
    #[must_use]
    pub fn new(read: &'a (dyn Fn() -> Vec<Recorded> + Sync)) -> Self {
        Self { read, known: OnceLock::new() }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Recorded] {
        self.known.get_or_init(self.read)
    }
}

impl fmt::Debug for Manifests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Manifests").field(&self.known).finish()
    }
}

/// A file that `lint --fix` replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The file.
    pub path: PathBuf,
    /// Its new content.
    pub text: String,
}
