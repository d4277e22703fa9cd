//! Traces rendered manifests to their templates, for the commands that show where something comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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

/// Traces targets. Costs at least one more render for each target with a chart, unless it is cached.
#[derive(Debug)]
pub struct Tracer<'s> {
    session: &'s Session<'s>,
    workspace: &'s Workspace,
    argocd: Release,
    program: OnceLock<Result<Program>>,
    /// The charts with their dependencies, by directory.
    prepared: Mutex<BTreeMap<PathBuf, Result<Prepared>>>,
}

/// What renders charts.
#[derive(Debug)]
struct Program {
    helm: PathBuf,
    engine: Option<Arc<Batch>>,
}

impl<'s> Tracer<'s> {
    /// Looks for Helm only when a chart is traced.
    #[must_use]
    pub fn new(session: &'s Session<'s>, workspace: &'s Workspace, argocd: Release) -> Self {
        Self { session, workspace, argocd, program: OnceLock::new(), prepared: Mutex::default() }
    }

    fn program(&self) -> Result<&Program> {
        let find = || {
            let tools = self.session.tools(self.workspace);
            let helm = tools.require("helm", self.argocd.helm)?.path;
            let engine = self.session.engines.get(&tools, &helm, self.argocd.helm)?;
            Ok(Program { helm, engine })
        };
        self.program.get_or_init(find).as_ref().map_err(Clone::clone)
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
        let program = self.program()?;
        let tree = ChartTree::read(root, &chart.chart.directory, &self.directory(program, &chart)?)?;
        let provenance = Provenance::trace(&self.renderer(program), &chart, &tree, &manifests)?;
        Ok(Traced { provenance, settings: Settings::read(root, &chart, &tree) })
    }

    /// Renders a target with another value, given as an argument of `--set-json`. Nothing if that fails.
    #[must_use]
    pub fn render_with(&self, one: &Rendering<'_>, value: &str) -> Option<Vec<Recorded>> {
        let chart = one.target.charts().next()?;
        let program = self.program().ok()?;
        let directory = self.directory(program, &chart).ok()?;
        self.renderer(program).render_with(&chart, &directory, value)
    }

    fn renderer<'p>(&'p self, program: &'p Program) -> Renderer<'p> {
        let Session { root, environment, results, .. } = self.session;
        let runner = Runner { engine: program.engine.as_deref(), compares: false };
        Renderer { root, cache: &environment.cache, results, helm: &program.helm, runner }
    }

    /// The directory in which Helm renders a target's chart.
    fn directory(&self, program: &Program, target: &ChartTarget<'_>) -> Result<PathBuf> {
        let chart = target.chart;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = prepared.entry(chart.directory.clone()).or_insert_with(|| {
            let helm = || Ok(program.helm.clone());
            dependencies::prepare(chart, &target.inspected.dependencies, &self.session.context(&helm))
        });
        match prepared {
            Ok(prepared) => Ok(prepared.directory.clone()),
            Err(found) => Err(found.clone()),
        }
    }
}
