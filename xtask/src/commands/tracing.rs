//! Traces rendered manifests to their templates, for the commands that show where something comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use argocd::release::Release;
use diagnostics::{Diagnostics, Result};
use helm::batch::{Batch, Runner};
use helm::dependencies::{self, ChartTree, Prepared};
use kubernetes::manifest::Recorded;
use workspace::Workspace;
use workspace::provenance::settings::Settings;
use workspace::provenance::trail::Trail;
use workspace::provenance::{Dependence, Provenance};
use workspace::render::Renderer;
use workspace::target::{ChartTarget, Part};

use super::Session;
use super::rendering::Rendering;

/// The origins of the manifests of a target.
#[derive(Debug)]
pub struct Traced<'r> {
    provenance: Provenance,
    settings: Settings<'r>,
}

impl Traced<'_> {
    /// Where the values of the target are set.
    #[must_use]
    pub fn settings(&self) -> &Settings<'_> {
        &self.settings
    }

    /// The templates that wrote the manifests.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Where a field comes from whose text begins at a byte of a line.
    #[must_use]
    pub(crate) fn trail_of_field(&self, golden: &str, line: usize, byte: usize, text: &str, path: &[String]) -> Trail {
        let length = text.lines().next().unwrap_or_default().len();
        let mut trail = self.trail(golden, line, Some((byte, length)));
        // A template that the action includes may have written what is in the quotation marks.
        if length > 2 && text.starts_with(['"', '\'']) {
            let inner = self.trail(golden, line, Some((byte + 1, length - 2)));
            let depth = |trail: &Trail| trail.writer().map(|writer| writer.callers.len());
            if depth(&inner) > depth(&trail) {
                trail = inner;
            }
        }
        trail.narrowed(&self.settings, path, text)
    }

    /// The values on which a line of a golden depends.
    #[must_use]
    pub fn dependence(&self, golden: &str, line: usize) -> Dependence {
        self.provenance.dependence(&self.settings, golden, line, None)
    }

    /// Where a line of a golden comes from, or only the text of some length from a byte of it on.
    #[must_use]
    pub fn trail(&self, golden: &str, line: usize, part: Option<(usize, usize)>) -> Trail {
        Trail::new(&self.provenance, &self.settings, golden, line, part)
    }
}

/// Traces targets. Costs at least one more render for each target, unless it is cached.
#[derive(Debug)]
pub struct Tracer<'s> {
    session: &'s Session<'s>,
    helm: PathBuf,
    engine: Option<Arc<Batch>>,
    /// The charts with their dependencies, by directory.
    prepared: Mutex<BTreeMap<PathBuf, Result<Prepared>>>,
}

impl<'s> Tracer<'s> {
    /// Needs Helm, with which it renders.
    pub fn new(session: &'s Session<'s>, workspace: &Workspace, argocd: Release) -> Result<Self> {
        let tools = session.tools(workspace);
        let helm = tools.require("helm", argocd.helm)?.path;
        let engine = session.engines.get(&tools, &helm, argocd.helm)?;
        Ok(Self { session, helm, engine, prepared: Mutex::default() })
    }

    /// Traces the current manifests of a target.
    pub fn trace<'r>(&self, one: &'r Rendering<'r>) -> Result<Traced<'r>> {
        let manifests = one.manifests().ok_or_else(Diagnostics::default)?;
        let root = &self.session.root;
        let Some(chart) = one.target.charts().next() else {
            // Manifests of a directory are in its files as they are. Nothing is known about the lines of kustomizations.
            let files = one.target.parts.iter().filter_map(|part| match part {
                Part::Directory(source) => Some(source.contents.files.as_slice()),
                _ => None,
            });
            let files: Vec<_> = files.flatten().cloned().collect();
            return Ok(Traced { provenance: Provenance::verbatim(&files, &manifests), settings: Settings::none() });
        };
        let tree = ChartTree::read(root, &chart.chart.directory, &self.directory(&chart)?)?;
        let provenance = Provenance::trace(&self.renderer(), &chart, &tree, &manifests)?;
        Ok(Traced { provenance, settings: Settings::read(root, &chart, &tree) })
    }

    /// Renders a target with another value, given as an argument of `--set-json`. Nothing if that fails.
    #[must_use]
    pub fn render_with(&self, one: &Rendering<'_>, value: &str) -> Option<Vec<Recorded>> {
        let chart = one.target.charts().next()?;
        let directory = self.directory(&chart).ok()?;
        self.renderer().render_with(&chart, &directory, value)
    }

    fn renderer(&self) -> Renderer<'_> {
        let Session { root, environment, results, .. } = self.session;
        let runner = Runner { engine: self.engine.as_deref(), compares: false };
        Renderer { root, cache: &environment.cache, results, helm: &self.helm, runner }
    }

    /// The directory in which Helm renders a target's chart.
    fn directory(&self, target: &ChartTarget<'_>) -> Result<PathBuf> {
        let chart = target.chart;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = prepared.entry(chart.directory.clone()).or_insert_with(|| {
            let helm = || Ok(self.helm.clone());
            dependencies::prepare(chart, &target.inspected.dependencies, &self.session.context(&helm))
        });
        match prepared {
            Ok(prepared) => Ok(prepared.directory.clone()),
            Err(found) => Err(found.clone()),
        }
    }
}
