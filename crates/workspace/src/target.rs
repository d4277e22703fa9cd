//! The targets to render: what each consists of, and the inputs of its render.
//!
//! A target is `<app>/<case>`: `default` is the Application itself, and each `ci/<case>-values.yaml` of its chart is
//! another case.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use argocd::application::{Application, HelmOptions, Source};
use diagnostics::{Diagnostics, Reported};
use helm::chart::Chart;
use helm::dependencies::Inspection;
use helm::recipe::Recipe;

use crate::chart_contents::ChartContents;
use crate::deployment::{ChartSource, Deployment, RemoteChart};
use crate::kustomized::KustomizeSource;
use crate::plain::DirectorySource;
use crate::plugin::PluginSource;
use crate::target_inputs::TargetInputs;
use crate::tree::Tree;

/// The name of a target, `<app>/<case>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// The Application's instance name.
    pub app: String,
    /// `default`, or the name of a value file in the chart's ci/.
    pub case: String,
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.case)
    }
}

/// The case of the Application itself.
pub const DEFAULT_CASE: &str = "default";

/// A target to render.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its name.
    pub id: TargetId,
    /// The Application and its sources.
    pub deployment: &'a Deployment,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Its parts, in the order of the sources.
    pub parts: Vec<Part<'a>>,
    /// The digests of everything that the render depends on.
    pub inputs: TargetInputs,
}

/// The part of a target that one source renders.
#[derive(Debug)]
pub enum Part<'a> {
    /// A chart in the checkout.
    Chart(ChartPart<'a>),
    /// A chart from a Helm repository.
    RemoteChart(RemoteChartPart<'a>),
    /// A kustomization.
    Kustomize(KustomizePart<'a>),
    /// A directory of manifests.
    Directory(&'a DirectorySource),
    /// The output of a config management plugin.
    Plugin(&'a PluginSource),
    /// A part whose files are not in the checkout: where they are, and the part itself.
    Elsewhere(&'a Tree, Box<Part<'a>>),
}

/// A kustomization, and how a source of an Application builds it.
#[derive(Debug)]
pub struct KustomizePart<'a> {
    /// The kustomization and its options.
    pub source: &'a KustomizeSource,
    /// The commands that build it.
    pub recipe: kustomize::recipe::Recipe,
}

/// A chart in the checkout, and how a source of an Application renders it.
#[derive(Debug)]
pub struct ChartPart<'a> {
    /// The chart and its Helm options.
    pub source: &'a ChartSource,
    /// The Helm command line.
    pub recipe: Recipe,
    /// The dependencies and files of the chart.
    pub inspected: &'a Inspected,
}

/// A chart from a Helm repository, and how a source of an Application renders it.
#[derive(Debug)]
pub struct RemoteChartPart<'a> {
    /// The chart and its Helm options.
    pub source: &'a RemoteChart,
    /// The Helm command line, without the value files in the chart: they are only known when it is unpacked.
    pub recipe: Recipe,
    /// No dependencies and no files, since the pin of the chart covers all of them.
    pub inspected: Inspected,
}

/// A chart as a target renders it.
#[derive(Debug, Clone, Copy)]
pub struct ChartTarget<'a> {
    /// The name of the target.
    pub id: &'a TargetId,
    /// The Application.
    pub application: &'a Application,
    /// The source that renders it.
    pub source: &'a Source,
    /// The chart.
    pub chart: &'a Arc<Chart>,
    /// Its Helm options.
    pub options: &'a HelmOptions,
    /// The Helm command line.
    pub recipe: &'a Recipe,
    /// The dependencies and files of the chart.
    pub inspected: &'a Inspected,
    /// The digests of everything that the render of the target depends on.
    pub inputs: &'a TargetInputs,
}

impl Target<'_> {
    /// The charts in the checkout that it renders.
    pub fn charts(&self) -> impl Iterator<Item = ChartTarget<'_>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Chart(part) => Some(self.chart_target(part)),
            _ => None,
        })
    }

    /// The charts that it renders from other revisions and other repositories.
    pub fn charts_elsewhere(&self) -> impl Iterator<Item = ChartTarget<'_>> {
        self.parts.iter().filter_map(|part| match (part, part.inner()) {
            (Part::Elsewhere(..), Part::Chart(part)) => Some(self.chart_target(part)),
            _ => None,
        })
    }

    /// The charts from Helm repositories that it renders.
    pub fn remote_charts(&self) -> impl Iterator<Item = &RemoteChartPart<'_>> {
        self.parts.iter().filter_map(|part| match part {
            Part::RemoteChart(part) => Some(part),
            _ => None,
        })
    }

    /// A chart from a Helm repository as this target renders it.
    #[must_use]
    pub fn remote_target<'s>(&'s self, part: &'s RemoteChartPart<'s>, unpacked: &'s Unpacked) -> ChartTarget<'s> {
        ChartTarget {
            id: &self.id,
            application: &self.deployment.application,
            source: &part.source.source,
            chart: &unpacked.chart,
            options: &part.source.options,
            recipe: &unpacked.recipe,
            inspected: &part.inspected,
            inputs: &self.inputs,
        }
    }

    /// The release name of its first chart.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.parts.iter().filter_map(Part::recipe).map(|recipe| recipe.release.as_str()).next()
    }

    /// A chart as this target renders it.
    #[must_use]
    pub fn chart_target<'s>(&'s self, part: &'s ChartPart<'s>) -> ChartTarget<'s> {
        ChartTarget {
            id: &self.id,
            application: &self.deployment.application,
            source: &part.source.source,
            chart: &part.source.chart,
            options: &part.source.options,
            recipe: &part.recipe,
            inspected: part.inspected,
            inputs: &self.inputs,
        }
    }

    /// Why none of its parts can be rendered, if something that it shares with other targets is too broken.
    #[must_use]
    pub fn refused(&self) -> Option<Reported> {
        self.charts().chain(self.charts_elsewhere()).find_map(|chart| chart.inspected.refused)
    }

    /// The file of a template relative to the repository root, unless it belongs to a dependency. A manifest in a
    /// directory is its own template; an object without a template is that of a kustomization.
    #[must_use]
    pub fn template_file(&self, template: &str) -> Option<String> {
        self.parts.iter().find_map(|part| match part {
            Part::Chart(part) => self.chart_target(part).template_file(template),
            Part::Directory(source) => source.contents.inputs.contains_key(template).then(|| template.to_owned()),
            Part::RemoteChart(_) | Part::Plugin(_) | Part::Elsewhere(..) => None,
            Part::Kustomize(part) => template.is_empty().then(|| part.source.name().to_owned()),
        })
    }
}

impl ChartTarget<'_> {
    /// The file of a template relative to the repository root, unless it belongs to a dependency.
    #[must_use]
    pub fn template_file(&self, template: &str) -> Option<String> {
        let inside = template.strip_prefix(&self.chart.name)?.strip_prefix('/')?;
        self.chart.directory.join(inside).is_file().then(|| format!("{}/{inside}", self.chart.path))
    }
}

impl<'a> Part<'a> {
    /// The part itself, wherever its files are.
    #[must_use]
    pub fn inner(&self) -> &Part<'a> {
        if let Part::Elsewhere(_, part) = self { part } else { self }
    }

    /// The Helm command line of a chart.
    #[must_use]
    pub fn recipe(&self) -> Option<&Recipe> {
        match self {
            Part::Chart(part) => Some(&part.recipe),
            Part::RemoteChart(part) => Some(&part.recipe),
            Part::Elsewhere(_, part) => part.recipe(),
            Part::Kustomize(_) | Part::Directory(_) | Part::Plugin(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn recipe_mut(&mut self) -> Option<&mut Recipe> {
        match self {
            Part::Chart(part) => Some(&mut part.recipe),
            Part::RemoteChart(part) => Some(&mut part.recipe),
            Part::Elsewhere(_, part) => part.recipe_mut(),
            Part::Kustomize(_) | Part::Directory(_) | Part::Plugin(_) => None,
        }
    }
}

/// A chart from a Helm repository that is unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The chart.
    pub chart: Arc<Chart>,
    /// The Helm command line with all value files.
    pub recipe: Recipe,
}

/// The dependencies and files of a chart.
#[derive(Debug)]
pub struct Inspected {
    /// Its dependencies.
    pub dependencies: Inspection,
    /// Set if the dependencies are too broken to render.
    pub refused: Option<Reported>,
    /// Its own files.
    pub(crate) contents: Arc<ChartContents>,
}

/// The inspections of all deployed charts.
#[derive(Debug)]
pub struct Inspections {
    /// By the directory of the chart.
    pub(crate) charts: BTreeMap<PathBuf, Inspected>,
    /// The diagnostics about their dependencies.
    pub found: Diagnostics,
}
