//! Renders the targets of a command: fresh targets are read from their goldens, the others are rendered in parallel.
//!
//! A failure does not stop the other targets; it is stored with its target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use argocd::release::Release;
use diagnostics::{Diagnostics, Reported};
use golden::{Golden, objects};
use helm::dependencies;
use helm::dependencies::Prepared;
use kubernetes::manifest;
use kubernetes::manifest::Recorded;
use kubernetes::object::Object;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use workspace::Workspace;
use workspace::render::kustomize::Programs;
use workspace::render::{self, Renderer};
use workspace::target::{Part, Target};

use super::Session;

/// A target and its render.
#[derive(Debug)]
pub struct Rendering<'a> {
    /// The target.
    pub target: Target<'a>,
    /// Its goldens.
    pub golden: Golden,
    /// The reasons for rendering it; empty if it is fresh.
    pub reasons: Vec<String>,
    /// What became of it.
    pub state: RenderState,
}

/// What became of a target.
#[derive(Debug)]
pub enum RenderState {
    /// None of its inputs changed, so its goldens are its render.
    Fresh,
    /// It was rendered.
    Rendered(Vec<Recorded>),
    /// It could not be rendered, for these reasons.
    Failed(Diagnostics),
    /// It was not rendered, because something that it shares with other targets is broken or unavailable.
    Blocked(Reported),
}

impl Rendering<'_> {
    /// Whether the target has no goldens at all.
    #[must_use]
    pub fn unrecorded(&self) -> bool {
        self.golden.lock.is_none() && self.golden.files.is_empty()
    }

    /// What this run rendered; `None` if the target is fresh, or if rendering failed.
    #[must_use]
    pub fn rendered(&self) -> Option<&[Recorded]> {
        if let RenderState::Rendered(rendered) = &self.state { Some(rendered) } else { None }
    }

    /// Whether the target could not be rendered.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.state, RenderState::Failed(_) | RenderState::Blocked(_))
    }

    /// The target's current manifests; `None` if rendering failed.
    #[must_use]
    pub fn manifests(&self) -> Option<Vec<Recorded>> {
        match &self.state {
            RenderState::Fresh => Some(self.golden.recorded(&self.target.namespace)),
            RenderState::Rendered(rendered) => Some(rendered.clone()),
            RenderState::Failed(_) | RenderState::Blocked(_) => None,
        }
    }

    /// The target's current objects with their places; empty if rendering failed.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        objects::read(&self.target, &self.golden, &self.manifests().unwrap_or_default())
    }
}

/// Renders targets; `force` includes fresh ones. All errors go to `diagnostics`.
pub fn render<'a>(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    targets: Vec<Target<'a>>,
    force: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    let mut renderings = Vec::new();
    for target in targets {
        let Some(golden) = diagnostics.take(Golden::load(&session.root, &target.id)) else { continue };
        let mut reasons = golden.stale(&target.inputs);
        if force && reasons.is_empty() {
            reasons.push("forced".to_owned());
        }
        renderings.push(Rendering { target, golden, reasons, state: RenderState::Fresh });
    }
    render_stale(session, workspace, argocd, &mut renderings, diagnostics);
    renderings
}

/// Renders the targets that are not fresh: prepares their charts first, then renders in parallel.
fn render_stale(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    renderings: &mut [Rendering<'_>],
    diagnostics: &mut Diagnostics,
) {
    let mut stale: Vec<&mut Rendering<'_>> = renderings.iter_mut().filter(|one| !one.reasons.is_empty()).collect();
    // Before looking for Helm, which no command needs for these targets.
    stale.retain_mut(|one| match one.target.refused() {
        Some(reported) => {
            one.state = RenderState::Blocked(reported);
            false
        }
        None => true,
    });
    if stale.is_empty() {
        return;
    }
    for one in &stale {
        session.printer.status("Rendering", &format!("{} ({})", one.target.id, summary(&one.reasons)));
    }
    let cache = &session.environment.cache;
    let tools = session.tools(workspace);
    let mut require = |needed: bool, name: &str, version: &str| {
        let tool = needed.then(|| diagnostics.try_take(tools.require(name, version))).transpose()?;
        Ok(tool.map(|tool| tool.path).unwrap_or_default())
    };
    let needs_helm = stale.iter().any(|one| one.target.parts.iter().any(needs_helm));
    let needs_kustomize = |part: &Part<'_>| matches!(part, Part::Kustomize(_));
    let needs_kustomize = stale.iter().any(|one| one.target.parts.iter().any(needs_kustomize));
    let helm = require(needs_helm, "helm", argocd.helm);
    let kustomize = require(needs_kustomize, "kustomize", argocd.kustomize);
    let (helm, kustomize) = match helm.and_then(|helm| Ok((helm, kustomize?))) {
        Ok(tools) => tools,
        Err(reported) => {
            for one in &mut stale {
                one.state = RenderState::Blocked(reported);
            }
            return;
        }
    };
    diagnostics.extend(tools.warnings());
    let helm_path = || Ok(helm.clone());
    let context = session.context(&helm_path);
    let mut prepared: BTreeMap<PathBuf, std::result::Result<Prepared, Reported>> = BTreeMap::new();
    for one in &stale {
        for target in one.target.charts() {
            prepared.entry(target.chart.directory.clone()).or_insert_with(|| {
                diagnostics.try_take(dependencies::prepare(target.chart, &target.inspected.dependencies, &context))
            });
        }
    }

    let renderer = Renderer { root: &session.root, cache, helm: &helm };
    let slots: Vec<Mutex<&mut Rendering<'_>>> = stale.into_iter().map(Mutex::new).collect();
    parallel(session.jobs, &slots, |slot| {
        let Ok(mut one) = slot.lock() else { return };
        one.state = render_target(&renderer, &kustomize, &one.target, &prepared);
    });
    for slot in slots {
        let one = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let RenderState::Failed(found) = &one.state {
            diagnostics.extend(found.clone());
        }
    }
}

/// Whether a part is rendered with Helm.
fn needs_helm(part: &Part<'_>) -> bool {
    match part {
        Part::Chart(_) => true,
        Part::Kustomize(part) => part.source.inflates(&part.recipe),
        Part::Directory(_) => false,
    }
}

/// Renders the parts of a target in order.
fn render_target(
    renderer: &Renderer<'_>,
    kustomize: &Path,
    target: &Target<'_>,
    prepared: &BTreeMap<PathBuf, std::result::Result<Prepared, Reported>>,
) -> RenderState {
    let mut manifests = Vec::new();
    let mut failures = Diagnostics::default();
    for one in &target.parts {
        let result = match one {
            Part::Chart(chart) => match prepared.get(&chart.source.chart.directory) {
                Some(Ok(prepared)) => renderer.render(&target.chart_target(chart), &prepared.directory),
                Some(Err(reported)) => return RenderState::Blocked(*reported),
                None => continue,
            },
            Part::Kustomize(part) => {
                let programs = Programs { kustomize, helm: needs_helm(one).then_some(renderer.helm) };
                render::kustomize::render(renderer.root, programs, part.source, &part.recipe, &target.namespace)
            }
            Part::Directory(source) => render::plain::render(source, &target.namespace),
        };
        manifests.extend(failures.take(result).unwrap_or_default());
    }
    if failures.has_errors() {
        RenderState::Failed(failures.for_target(&target.id))
    } else {
        RenderState::Rendered(manifest::recorded(manifests))
    }
}

/// The first few reasons, as one line.
fn summary(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if reasons.len() > SHOWN {
        text.push_str(&format!(" and {} more", reasons.len() - SHOWN));
    }
    text
}
