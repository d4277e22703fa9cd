//! Renders the targets of a command: fresh targets are read from their goldens, the others are rendered in parallel.
//!
//! A failure does not stop the other targets; it is stored with its target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use argocd::release::Release;
use diagnostics::{Diagnostics, Reported, Result};
use golden::{Golden, objects};
use helm::charts_lock::Pin;
use helm::dependencies;
use helm::dependencies::{Context, Prepared, remote};
use kubernetes::manifest;
use kubernetes::manifest::{Manifest, Recorded};
use kubernetes::object::Object;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use workspace::render::kustomize::Programs;
use workspace::render::{self, Renderer};
use workspace::target::{Part, RemoteChartPart, Target};
use workspace::{Workspace, jsonnet, remote_chart};

use super::Session;
use super::memory::Memory;

/// A target and its render.
#[derive(Debug)]
pub struct Rendering<'a> {
    /// The target.
    pub target: Target<'a>,
    /// Its goldens.
    pub golden: Arc<Golden>,
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

    /// The manifests in some of the target's files; none if rendering failed. Only these are parsed.
    #[must_use]
    pub fn manifests_in(&self, wanted: &dyn Fn(&str, &[u8]) -> bool) -> Vec<Recorded> {
        match &self.state {
            RenderState::Rendered(rendered) => {
                let rendered = rendered.iter().filter(|one| wanted(&one.file, one.manifest.text.as_bytes()));
                rendered.cloned().collect()
            }
            RenderState::Fresh => {
                let files = self.golden.files.iter().filter(|(file, text)| wanted(file, text));
                let files: BTreeMap<String, Vec<u8>> = files.map(|(file, text)| (file.clone(), text.clone())).collect();
                if files.is_empty() {
                    return Vec::new();
                }
                Golden { files, ..Golden::default() }.recorded(&self.target.namespace)
            }
            RenderState::Failed(_) | RenderState::Blocked(_) => Vec::new(),
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
    let mut renderings = read(session, targets, diagnostics);
    if force {
        let fresh = renderings.iter_mut().filter(|one| one.reasons.is_empty());
        fresh.for_each(|one| one.reasons.push("forced".to_owned()));
    }
    // A caller that forces a render may have changed its command lines.
    let memory = (!force).then_some(&*session.rendered);
    render_stale(session, workspace, argocd, memory, &mut renderings, diagnostics);
    renderings
}

/// Reads the goldens of targets, and finds out which of them are fresh. Renders nothing.
pub fn read<'a>(session: &Session<'_>, targets: Vec<Target<'a>>, diagnostics: &mut Diagnostics) -> Vec<Rendering<'a>> {
    let mut renderings = Vec::new();
    for target in targets {
        let Some(golden) = diagnostics.take(session.goldens.of(&session.root, &target.id)) else { continue };
        let reasons = golden.stale(&target.inputs);
        renderings.push(Rendering { target, golden, reasons, state: RenderState::Fresh });
    }
    renderings
}

/// Renders the targets that are not fresh: prepares their charts first, then renders in parallel.
pub fn render_stale(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    memory: Option<&Memory>,
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
    stale.retain_mut(|one| match memory.and_then(|memory| memory.find(&one.target)) {
        Some(rendered) => {
            one.state = RenderState::Rendered(rendered);
            false
        }
        None => true,
    });
    if stale.is_empty() {
        return;
    }
    for one in &stale {
        let revision = session.revision.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
        session.printer.status("Rendering", &format!("{}{revision} ({})", one.target.id, summary(&one.reasons)));
    }
    let cache = &session.environment.cache;
    let tools = session.tools(workspace);
    let mut require = |needed: bool, name: &str, version: &str| {
        let tool = needed.then(|| diagnostics.try_take(tools.require(name, version))).transpose()?;
        Ok(tool.map(|tool| tool.path).unwrap_or_default())
    };
    let any_helm = stale.iter().any(|one| one.target.parts.iter().any(needs_helm));
    let any_kustomize = stale.iter().any(|one| one.target.parts.iter().any(needs_kustomize));
    let helm = require(any_helm, "helm", argocd.helm);
    let kustomize = require(any_kustomize, "kustomize", argocd.kustomize);
    let evaluates = |part: &Part<'_>| match part.inner() {
        Part::Directory(source) => source.evaluation.is_some(),
        _ => false,
    };
    let any_jsonnet = stale.iter().any(|one| one.target.parts.iter().any(evaluates));
    // Without a version, no directory with Jsonnet files is planned.
    let version = workspace.config.tool(jsonnet::TOOL).unwrap_or_default();
    let jsonnet = require(any_jsonnet, jsonnet::TOOL, version);
    // A missing tool concerns only the targets that need it.
    stale.retain_mut(|one| {
        let parts = &one.target.parts;
        let lacks_helm = helm.as_ref().err().filter(|_| parts.iter().any(needs_helm));
        let lacks_kustomize = kustomize.as_ref().err().filter(|_| parts.iter().any(needs_kustomize));
        let lacks_jsonnet = jsonnet.as_ref().err().filter(|_| parts.iter().any(evaluates));
        let Some(reported) = lacks_helm.or(lacks_kustomize).or(lacks_jsonnet) else { return true };
        one.state = RenderState::Blocked(*reported);
        false
    });
    let (helm, kustomize) = (helm.unwrap_or_default(), kustomize.unwrap_or_default());
    let jsonnet = jsonnet.unwrap_or_default();
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
        for target in one.target.charts_elsewhere() {
            prepared.entry(target.chart.directory.clone()).or_insert_with(|| {
                diagnostics.try_take(dependencies::prepare_copy(target.chart, &target.inspected.dependencies, &context))
            });
        }
    }

    let mut pins: Vec<&Pin> = Vec::new();
    for part in stale.iter().flat_map(|one| &one.target.parts) {
        match part.inner() {
            Part::RemoteChart(part) => pins.push(&part.source.pin),
            Part::Kustomize(part) => pins.extend(part.source.charts.iter().map(|chart| &chart.pin)),
            Part::Chart(_) | Part::Directory(_) | Part::Plugin(_) | Part::Elsewhere(..) => {}
        }
    }
    let unpacked = prepare_remote(session.jobs, &pins, &context, diagnostics);

    let renderer = Renderer { root: &session.root, cache, helm: &helm };
    let offline = session.offline;
    let machine =
        Machine { workspace, offline, argocd, renderer, kustomize: &kustomize, jsonnet: &jsonnet, prepared, unpacked };
    let slots: Vec<Mutex<&mut Rendering<'_>>> = stale.into_iter().map(Mutex::new).collect();
    parallel(session.jobs, &slots, |slot| {
        let Ok(mut one) = slot.lock() else { return };
        one.state = machine.render(&one.target);
    });
    for slot in slots {
        let one = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        match &one.state {
            RenderState::Failed(found) => diagnostics.extend(found.clone()),
            RenderState::Rendered(manifests) => {
                if let Some(memory) = memory {
                    memory.keep(&one.target, manifests);
                }
            }
            RenderState::Fresh | RenderState::Blocked(_) => {}
        }
    }
}

/// Whether a part is rendered with Kustomize.
#[must_use]
pub fn needs_kustomize(part: &Part<'_>) -> bool {
    match part.inner() {
        Part::Kustomize(_) => true,
        Part::Plugin(source) => source.plugin.mentions("kustomize"),
        Part::Chart(_) | Part::RemoteChart(_) | Part::Directory(_) | Part::Elsewhere(..) => false,
    }
}

/// Whether a part is rendered with Helm.
#[must_use]
pub fn needs_helm(part: &Part<'_>) -> bool {
    match part.inner() {
        Part::Chart(_) | Part::RemoteChart(_) => true,
        Part::Plugin(source) => source.plugin.mentions("helm") || source.plugin.mentions("kustomize"),
        Part::Kustomize(part) => part.source.inflates(&part.recipe),
        Part::Directory(_) | Part::Elsewhere(..) => false,
    }
}

/// The directories of unpacked charts by the digest of their pins.
type Unpacked = BTreeMap<String, std::result::Result<PathBuf, Reported>>;

/// Downloads and unpacks charts from Helm repositories.
fn prepare_remote(jobs: usize, pins: &[&Pin], context: &Context<'_>, diagnostics: &mut Diagnostics) -> Unpacked {
    let pins: BTreeMap<&str, &Pin> = pins.iter().map(|pin| (pin.digest.as_str(), *pin)).collect();
    let pins: Vec<&Pin> = pins.into_values().collect();
    let prepared = parallel(jobs, &pins, |pin| remote::prepare(pin, context));
    let digests = pins.iter().map(|pin| pin.digest.clone());
    digests.zip(prepared).map(|(digest, prepared)| (digest, diagnostics.try_take(prepared))).collect()
}

/// What rendering a target needs.
struct Machine<'a> {
    workspace: &'a Workspace,
    offline: bool,
    argocd: Release,
    renderer: Renderer<'a>,
    kustomize: &'a Path,
    jsonnet: &'a Path,
    prepared: BTreeMap<PathBuf, std::result::Result<Prepared, Reported>>,
    unpacked: Unpacked,
}

impl Machine<'_> {
    /// Renders the parts of a target in order.
    fn render(&self, target: &Target<'_>) -> RenderState {
        let mut manifests = Vec::new();
        let mut failures = Diagnostics::default();
        for one in &target.parts {
            let result = match one {
                Part::Elsewhere(tree, part) => {
                    let own = &target.deployment.application.place.source;
                    self.render_part(target, part, &tree.root)
                        .map(|found| found.map_err(|found| tree.named(found, own)))
                }
                part => self.render_part(target, part, self.renderer.root),
            };
            match result {
                Ok(result) => manifests.extend(failures.take(result).unwrap_or_default()),
                Err(reported) => return RenderState::Blocked(reported),
            }
        }
        if failures.has_errors() {
            RenderState::Failed(failures.for_target(&target.id))
        } else {
            RenderState::Rendered(manifest::recorded(manifests))
        }
    }

    /// Renders a part whose files are below a root. Fails if something that it shares with others is unavailable.
    fn render_part(
        &self,
        target: &Target<'_>,
        part: &Part<'_>,
        root: &Path,
    ) -> std::result::Result<Result<Vec<Manifest>>, Reported> {
        let renderer = Renderer { root, ..self.renderer };
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
                let version = &self.workspace.config.kubernetes;
                render::plugin::render(root, &tools, source, version, &target.namespace)
            }
            Part::Elsewhere(tree, part) => return self.render_part(target, part, &tree.root),
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

/// The first few reasons, as one line.
fn summary(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if reasons.len() > SHOWN {
        text.push_str(&format!(" and {} more", reasons.len() - SHOWN));
    }
    text
}
