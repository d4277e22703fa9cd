//! Renders the targets of a command: fresh targets are read from their goldens, the others are rendered in parallel.
//!
//! A failure does not stop the other targets; it is stored with its target.

mod machine;
mod needs;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use argocd::release::Release;
use diagnostics::wording::{and_more, plural};
use diagnostics::{Code, Diagnostic, Diagnostics};
use golden::{Golden, renders};
use helm::batch::Runner;
use kubernetes::manifest::Recorded;
use toolbox::archive::sha256;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use toolbox::results::Results;
use toolbox::timings;
use workspace::render::Renderer;
use workspace::render::copies::Copies;
use workspace::shard::{self, Shard};
use workspace::target::{Part, Target, TargetId};
use workspace::{Workspace, jsonnet, plan};

use self::machine::{Machine, prepare_charts, prepare_remote};
use self::needs::{is_chart, needs_jsonnet};
pub use self::needs::{needs_helm, needs_kustomize};
pub use self::state::{RenderState, Rendering};
use super::{Session, cache_sample};

/// The number of targets whose renders `ci` compares with the helm command.
const SAMPLE: usize = 2;

/// Which targets are rendered, and what is known about them without that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Those that are not fresh, unless this or another run rendered the same inputs.
    Stale,
    /// All. Goldens are not believed, but results in the cache are, except for a sample of them, which is rendered again.
    Proven,
    /// All, even if another run rendered the same inputs.
    All,
    /// All, with command lines that the caller changed, so that their inputs say nothing.
    Altered,
}

/// The targets that a command checks among all others.
#[derive(Debug)]
pub struct Selected<'a> {
    /// All targets of the workspace, selected or not.
    pub all: Vec<Target<'a>>,
    /// The selected ones, rendered.
    pub renderings: Vec<Rendering<'a>>,
}

/// Plans all targets, and renders those of the selected ones that are in a shard and not fresh.
pub(crate) fn render_selected<'a>(
    session: &Session<'_>,
    workspace: &'a Workspace,
    selection: &[String],
    shard: Option<Shard>,
    diagnostics: &mut Diagnostics,
) -> Selected<'a> {
    let argocd = workspace.config.argocd;
    let (all, found) = plan::plan(workspace, argocd, &[]);
    let (selected, mut own) = shard::plan(workspace, argocd, selection, shard);
    if shard.is_none() {
        // The plan of a selection also finds what the plan of everything found.
        own.remove(&found);
        diagnostics.extend(found);
    }
    diagnostics.extend(own);
    Selected { all, renderings: render(session, workspace, argocd, selected, Demand::Stale, diagnostics) }
}

/// Plans the selected targets, and renders those that are not fresh.
pub(crate) fn plan_and_render<'a>(
    session: &Session<'_>,
    workspace: &'a Workspace,
    argocd: Release,
    selection: &[String],
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    let (targets, found) = plan::plan(workspace, argocd, selection);
    diagnostics.extend(found);
    render(session, workspace, argocd, targets, Demand::Stale, diagnostics)
}

/// Renders targets. All errors go to `diagnostics`.
pub fn render<'a>(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    targets: Vec<Target<'a>>,
    demand: Demand,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    let renderings = read(session, targets, diagnostics);
    render_read(session, workspace, argocd, renderings, demand, diagnostics)
}

/// The same, for a caller that needs no golden of a fresh target: those of many targets are large.
pub(crate) fn render_without_fresh<'a>(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    targets: Vec<Target<'a>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    let renderings = read_and(session, targets, forget, diagnostics);
    render_read(session, workspace, argocd, renderings, Demand::Stale, diagnostics)
}

fn render_read<'a>(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    mut renderings: Vec<Rendering<'a>>,
    demand: Demand,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    if demand != Demand::Stale {
        let fresh = renderings.iter_mut().filter(|one| one.reasons.is_empty());
        fresh.for_each(|one| one.reasons.push("forced".to_owned()));
    }
    render_stale(session, workspace, argocd, demand, &mut renderings, diagnostics);
    renderings
}

/// Reads the goldens of targets, and finds out which of them are fresh. Renders nothing.
pub fn read<'a>(session: &Session<'_>, targets: Vec<Target<'a>>, diagnostics: &mut Diagnostics) -> Vec<Rendering<'a>> {
    read_and(session, targets, |_| {}, diagnostics)
}

/// Drops what is read of a fresh target, unless somebody else has it, too.
fn forget(golden: &mut Arc<Golden>) {
    if let Some(golden) = Arc::get_mut(golden) {
        golden.forget();
    }
}

/// The same. `fresh` gets the goldens of each fresh target.
fn read_and<'a>(
    session: &Session<'_>,
    targets: Vec<Target<'a>>,
    fresh: impl Fn(&mut Arc<Golden>) + Sync,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendering<'a>> {
    let _phase = timings::phase("read");
    let read = parallel(session.jobs, &targets, |target| {
        let mut golden = session.goldens.of(&session.root, &target.id)?;
        let reasons = golden.stale(&target.inputs.all());
        if reasons.is_empty() {
            fresh(&mut golden);
        }
        Ok((golden, reasons))
    });
    let mut renderings = Vec::new();
    for (target, read) in targets.into_iter().zip(read) {
        let Some((golden, reasons)) = diagnostics.take(read) else { continue };
        renderings.push(Rendering { target, golden, reasons, state: RenderState::Fresh });
    }
    renderings
}

/// Renders the targets that are not fresh, as far as their renders are not known.
pub(crate) fn render_stale(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    demand: Demand,
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
    let own = |target: &Target<'_>| (demand == Demand::Stale).then(|| session.rendered.find(target)).flatten();
    stale.retain_mut(|one| match own(&one.target) {
        Some(rendered) => {
            one.state = RenderState::Rendered(rendered);
            false
        }
        None => true,
    });
    let results = &session.results;
    let mut known = Vec::new();
    if matches!(demand, Demand::Stale | Demand::Proven) {
        stale = take_known(results, stale, &mut known);
    }
    let mut proven: BTreeMap<TargetId, Vec<Recorded>> = BTreeMap::new();
    if demand == Demand::Proven {
        let names: Vec<(String, &str)> =
            known.iter().map(|one| (one.target.id.to_string(), renderer_of(&one.target))).collect();
        // From the last one, so that the other indices stay.
        for index in cache_sample::choose(&names, session.today).into_iter().rev() {
            let one = known.swap_remove(index);
            proven.extend(one.rendered().map(|rendered| (one.target.id.clone(), rendered.to_vec())));
            stale.push(one);
        }
        stale.sort_by(|left, right| left.target.id.cmp(&right.target.id));
    }
    render_all(session, workspace, argocd, demand, again(&mut stale), diagnostics);
    let contradicts = |one: &Rendering<'_>, before: &[Recorded]| match &one.state {
        RenderState::Rendered(now) => now != before,
        RenderState::Failed(_) => true,
        RenderState::Fresh | RenderState::Blocked(_) => false,
    };
    let is_wrong = |one: &&Rendering<'_>| proven.get(&one.target.id).is_some_and(|before| contradicts(one, before));
    let wrong: Vec<&Rendering<'_>> = stale.iter().map(|one| &**one).filter(is_wrong).collect();
    if !wrong.is_empty() {
        // A render that fails is reported already.
        let differing: Vec<&Rendering<'_>> = wrong.into_iter().filter(|one| !one.failed()).collect();
        diagnostics.0.extend((!differing.is_empty()).then(|| differs(&differing)));
        results.distrust();
        render_all(session, workspace, argocd, demand, again(&mut known), diagnostics);
        return;
    }
    for one in &known {
        if let (Demand::Stale, Some(rendered)) = (demand, one.rendered()) {
            session.rendered.keep(&one.target, rendered);
        }
    }
    if !known.is_empty() {
        session.printer.status("Reused", &format!("{} from the cache", plural(known.len(), "render")));
    }
}

/// Moves the targets whose renders are in the cache, and returns the others.
fn take_known<'r, 'a>(
    results: &Results,
    stale: Vec<&'r mut Rendering<'a>>,
    known: &mut Vec<&'r mut Rendering<'a>>,
) -> Vec<&'r mut Rendering<'a>> {
    let mut unknown = Vec::new();
    let _phase = timings::phase("cache");
    for one in stale {
        match renders::find(results, &one.target) {
            Some(rendered) => {
                one.state = RenderState::Rendered(rendered);
                known.push(one);
            }
            None => unknown.push(one),
        }
    }
    unknown
}

/// Borrows targets once more.
fn again<'s, 'a>(targets: &'s mut [&mut Rendering<'a>]) -> Vec<&'s mut Rendering<'a>> {
    targets.iter_mut().map(|one| &mut **one).collect()
}

/// The name of the renderer of a target, or of its first source.
fn renderer_of(target: &Target<'_>) -> &'static str {
    match target.parts.first().map(Part::inner) {
        Some(Part::Chart(_)) => "chart",
        Some(Part::RemoteChart(_)) => "remote chart",
        Some(Part::Kustomize(_)) => "kustomize",
        _ => "directory",
    }
}

/// The finding about renders in the cache that a new render contradicts.
fn differs(renderings: &[&Rendering<'_>]) -> Diagnostic {
    let names: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
    let verb = if names.len() == 1 { "differs" } else { "differ" };
    let message = format!("{} in the cache {verb} from a new render", plural(names.len(), "render"));
    Diagnostic::new(Code::CacheDiffers, message)
        .note(names.join(", "))
        .note("everything was rendered again")
        .help("remove what renders differently each time from the templates, such as `now` and `rand…`")
        .help("if there is nothing of that kind, run `cargo xtask cache gc --limit 0`, and report a bug")
}

/// Renders targets: prepares their charts first, then renders in parallel.
fn render_all(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    demand: Demand,
    mut stale: Vec<&mut Rendering<'_>>,
    diagnostics: &mut Diagnostics,
) {
    if stale.is_empty() {
        return;
    }
    for one in &stale {
        let revision = session.revision.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
        session.printer.status("Rendering", &format!("{}{revision} ({})", one.target.id, summary(&one.reasons)));
    }
    let begun = Instant::now();
    let cache = &session.environment.cache;
    let tools = session.tools(workspace);
    let finding_tools = timings::phase("tools");
    let mut require = |needed: bool, name: &str, version: &str| {
        let tool = needed.then(|| diagnostics.try_take(tools.require(name, version))).transpose()?;
        Ok(tool.map(|tool| tool.path).unwrap_or_default())
    };
    let any_helm = stale.iter().any(|one| one.target.parts.iter().any(needs_helm));
    let any_kustomize = stale.iter().any(|one| one.target.parts.iter().any(needs_kustomize));
    let helm = require(any_helm, "helm", argocd.helm);
    let kustomize = require(any_kustomize, "kustomize", argocd.kustomize);
    let any_jsonnet = stale.iter().any(|one| one.target.parts.iter().any(needs_jsonnet));
    // Without a version, no directory with Jsonnet files is planned.
    let version = workspace.config.tool(jsonnet::TOOL).unwrap_or_default();
    let jsonnet = require(any_jsonnet, jsonnet::TOOL, version);
    // A missing tool concerns only the targets that need it.
    stale.retain_mut(|one| {
        let parts = &one.target.parts;
        let lacks_helm = helm.as_ref().err().filter(|_| parts.iter().any(needs_helm));
        let lacks_kustomize = kustomize.as_ref().err().filter(|_| parts.iter().any(needs_kustomize));
        let lacks_jsonnet = jsonnet.as_ref().err().filter(|_| parts.iter().any(needs_jsonnet));
        let Some(reported) = lacks_helm.or(lacks_kustomize).or(lacks_jsonnet) else { return true };
        one.state = RenderState::Blocked(*reported);
        false
    });
    drop(finding_tools);
    let (helm, kustomize) = (helm.unwrap_or_default(), kustomize.unwrap_or_default());
    let jsonnet = jsonnet.unwrap_or_default();
    diagnostics.extend(tools.warnings());
    let helm_path = || Ok(helm.clone());
    let context = session.context(&helm_path);
    let prepared = prepare_charts(&stale, &context, diagnostics);

    let unpacked = prepare_remote(session.jobs, &stale, &context, diagnostics);

    let any_chart = stale.iter().any(|one| one.target.parts.iter().any(is_chart));
    let engine = if any_chart && !helm.as_os_str().is_empty() {
        diagnostics.take(session.engines.get(&tools, &helm, argocd.helm)).flatten()
    } else {
        None
    };
    let compared = if engine.is_some() && session.engines.compares() { sample(&stale) } else { BTreeSet::new() };
    let runner = Runner { engine: engine.as_deref(), compares: false };
    let renderer = Renderer { root: &session.root, cache, results: &session.results, helm: &helm, runner };
    let offline = session.offline;
    let (kustomize, jsonnet, copies) = (&*kustomize, &*jsonnet, Copies::default());
    let machine = Machine { workspace, offline, argocd, renderer, kustomize, jsonnet, prepared, unpacked, copies };
    let slots: Vec<Mutex<&mut Rendering<'_>>> = stale.into_iter().map(Mutex::new).collect();
    parallel(session.jobs, &slots, |slot| {
        let Ok(mut one) = slot.lock() else { return };
        let _about = timings::about(&one.target.id);
        drop(timings::phase_since("wait", begun));
        let _phase = timings::phase("render");
        one.state = machine.render(&one.target, compared.contains(&one.target.id.to_string()));
    });
    for slot in slots {
        let one = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        match &one.state {
            RenderState::Failed(found) => diagnostics.extend(found.clone()),
            RenderState::Rendered(manifests) => {
                if demand != Demand::Altered {
                    renders::keep(&session.results, &one.target, manifests);
                }
                if demand == Demand::Stale {
                    session.rendered.keep(&one.target, manifests);
                }
            }
            RenderState::Fresh | RenderState::Blocked(_) => {}
        }
    }
}

/// The targets whose renders by the engine are compared with the helm command: other ones when inputs change.
fn sample(stale: &[&mut Rendering<'_>]) -> BTreeSet<String> {
    let charts = stale.iter().filter(|one| one.target.parts.iter().any(is_chart));
    let mut keyed: Vec<(String, String)> = charts
        .map(|one| {
            let id = one.target.id.to_string();
            let inputs: String =
                one.target.inputs.all().iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
            (sha256(format!("{id}\n{inputs}").as_bytes()), id)
        })
        .collect();
    keyed.sort();
    keyed.into_iter().take(SAMPLE).map(|(_, id)| id).collect()
}

/// The first few reasons, as one line.
fn summary(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    format!("{shown}{}", and_more(reasons.len().saturating_sub(SHOWN)))
}
