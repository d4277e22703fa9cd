//! Applications and what their sources consist of, or why an Application is not rendered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use argocd::application::{Application, HelmOptions, Source};
use diagnostics::{Class, Code, Diagnostics, Fact, Place};
use helm::chart::Chart;
use helm::charts_lock::Pin;

use crate::kustomized::KustomizeSource;
use crate::plain::DirectorySource;
use crate::plugin::PluginSource;
use crate::tree::{Shared, Tree};

/// An Application that can be rendered.
#[derive(Debug)]
pub struct Deployment {
    /// The Application.
    pub application: Application,
    /// Its sources with their renderers, in their order.
    pub sources: Vec<Rendered>,
    /// The sources with a `ref` whose files are not in the checkout, by the `ref`.
    pub references: BTreeMap<String, Shared>,
    /// Its cases besides the default one: names and absolute paths of their value files.
    pub cases: BTreeMap<String, PathBuf>,
}

/// A source, by the way in which it is rendered.
#[derive(Debug)]
pub enum Rendered {
    /// A chart in the checkout.
    Chart(ChartSource),
    /// A chart from a Helm repository.
    RemoteChart(RemoteChart),
    /// A kustomization.
    Kustomize(KustomizeSource),
    /// A directory of manifests.
    Directory(DirectorySource),
    /// A source that a config management plugin renders.
    Plugin(PluginSource),
    /// A source that is not in the checkout: at another revision, or in another repository.
    Elsewhere(Box<Elsewhere>),
}

/// A source whose files are not in the checkout.
#[derive(Debug)]
pub struct Elsewhere {
    /// Where its files are.
    pub tree: Shared,
    /// The source itself; not `Elsewhere`.
    pub rendered: Rendered,
}

/// A chart in the checkout that a source renders.
#[derive(Debug)]
pub struct ChartSource {
    /// The source.
    pub source: Source,
    /// The chart, which several Applications may share.
    pub chart: Arc<Chart>,
    /// Its Helm options, with overrides applied.
    pub options: HelmOptions,
}

/// A chart from a Helm repository that a source renders.
#[derive(Debug)]
pub struct RemoteChart {
    /// The source.
    pub source: Source,
    /// Its Helm options.
    pub options: HelmOptions,
    /// The pin of the chart.
    pub pin: Pin,
}

impl Deployment {
    /// The charts in the checkout that it renders.
    pub fn charts(&self) -> impl Iterator<Item = &ChartSource> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::Chart(chart) => Some(chart),
            _ => None,
        })
    }

    /// The charts in other revisions and other repositories that it renders.
    pub fn charts_elsewhere(&self) -> impl Iterator<Item = (&Tree, &ChartSource)> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::Elsewhere(source) => match &source.rendered {
                Rendered::Chart(chart) => Some((&*source.tree, chart)),
                _ => None,
            },
            _ => None,
        })
    }

    /// The charts from Helm repositories that it renders.
    pub fn remote_charts(&self) -> impl Iterator<Item = &RemoteChart> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::RemoteChart(chart) => Some(chart),
            _ => None,
        })
    }

    /// The Helm options of the charts that it renders.
    pub fn helm_options(&self) -> impl Iterator<Item = &HelmOptions> {
        self.sources.iter().filter_map(Rendered::helm_options)
    }
}

impl Rendered {
    fn helm_options(&self) -> Option<&HelmOptions> {
        match self {
            Self::Chart(chart) => Some(&chart.options),
            Self::RemoteChart(chart) => Some(&chart.options),
            Self::Elsewhere(source) => source.rendered.helm_options(),
            Self::Kustomize(_) | Self::Directory(_) | Self::Plugin(_) => None,
        }
    }
}

/// An Application that is not rendered.
#[derive(Debug, Clone)]
pub struct Unrendered {
    /// Its instance name; empty if it has no name.
    pub instance: String,
    /// The place of its name.
    pub place: Place,
    /// The reasons, of which at least one is an error.
    pub reasons: Diagnostics,
}

impl Unrendered {
    /// Whether it is invalid, so nobody can render it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.reasons.worst() > Class::Finding
    }

    /// Whether another one of the same name is not rendered for the same reasons, whatever their places.
    pub(crate) fn has_same_reasons(&self, other: &Self) -> bool {
        self.instance == other.instance && self.causes().eq(other.causes())
    }

    /// The reasons without their texts and places.
    fn causes(&self) -> impl Iterator<Item = (Code, &[Fact])> {
        self.reasons.0.iter().map(|found| (found.code, found.facts.as_slice()))
    }
}
