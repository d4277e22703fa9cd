//! Renders the targets of a command: fresh targets are read from their goldens, the others are rendered in parallel.
//!
//! A failure does not stop the other targets; it is stored with its target.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use argocd::release::Release;
use diagnostics::{Diagnostics, Result};
use golden::{Golden, objects};
use helm::dependencies;
use helm::dependencies::Prepared;
use kubernetes::manifest::Recorded;
use kubernetes::object::Object;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use workspace::Workspace;
use workspace::plan::Target;
use workspace::render::Renderer;

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
    /// The result of rendering; `None` for a fresh target.
    pub rendered: Option<Result<Vec<Recorded>>>,
}

impl Rendering<'_> {
    /// Whether the target has no goldens at all.
    #[must_use]
    pub fn unrecorded(&self) -> bool {
        self.golden.lock.is_none() && self.golden.files.is_empty()
    }

    /// The target's current manifests; `None` if rendering failed.
    #[must_use]
    pub fn manifests(&self) -> Option<Vec<Recorded>> {
        match &self.rendered {
            None => Some(self.golden.recorded(&self.target.recipe.namespace)),
            Some(Ok(rendered)) => Some(rendered.clone()),
            Some(Err(_)) => None,
        }
    }

    /// The target's current objects with their places; empty if rendering failed.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        objects::read(&self.target, &self.golden, &self.manifests().unwrap_or_default())
    }
}

/// Renders targets; `force` includes fresh ones. Errors that affect all targets go to `diagnostics`; an error of one
/// target is stored in its [`Rendering`].
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
        if reasons.is_empty() {
            session.printer.status("Fresh", &target.id.to_string());
        }
        renderings.push(Rendering { target, golden, reasons, rendered: None });
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
    // Errors in the dependencies are already reported. Skip these targets before looking for Helm.
    for one in stale.extract_if(.., |one| one.target.inspected.refused) {
        one.rendered = Some(Err(Diagnostics::default()));
    }
    if stale.is_empty() {
        return;
    }
    for one in &stale {
        session.printer.status("Rendering", &format!("{} ({})", one.target.id, summary(&one.reasons)));
    }
    let cache = &session.environment.cache;
    let tools = session.tools(workspace);
    let helm = match tools.require("helm", argocd.helm) {
        Ok(tool) => tool.path,
        Err(found) => {
            diagnostics.extend(found);
            // Reported once, above, instead of for every target.
            for one in &mut stale {
                one.rendered = Some(Err(Diagnostics::default()));
            }
            return;
        }
    };
    diagnostics.extend(tools.warnings());
    let helm_path = || Ok(helm.clone());
    let context = session.context(&helm_path);
    let mut prepared: BTreeMap<PathBuf, Option<Prepared>> = BTreeMap::new();
    for one in &stale {
        let chart = &one.target.deployment.chart;
        prepared.entry(chart.directory.clone()).or_insert_with(|| {
            diagnostics.take(dependencies::prepare(chart, &one.target.inspected.dependencies, &context))
        });
    }

    let renderer = Renderer { root: &session.root, cache, helm: &helm };
    let slots: Vec<Mutex<&mut Rendering<'_>>> = stale.into_iter().map(Mutex::new).collect();
    parallel(session.jobs, &slots, |slot| {
        let Ok(mut one) = slot.lock() else { return };
        let directory = prepared.get(&one.target.deployment.chart.directory).and_then(Option::as_ref);
        // A failed preparation is reported once for all targets of the chart.
        let result = match directory {
            Some(prepared) => renderer.render(&one.target, &prepared.directory),
            None => Err(Diagnostics::default()),
        };
        one.rendered = Some(result);
    });
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
