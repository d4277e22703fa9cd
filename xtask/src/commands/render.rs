//! `render`: renders targets as Argo CD would and compares them with their goldens.
//!
//! A fresh target costs reading and hashing its files. The others are rendered in parallel; a failure does not stop the
//! others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use argocd::release::Release;
use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place, Result};
use golden::lock::Lock;
use golden::store::Update;
use golden::{Golden, Orphans, diff, lock, store};
use toolbox::fingerprint::Fingerprints;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use toolbox::timings;
use workspace::shard::{self, Shard};
use workspace::target::TargetId;
use workspace::{Unrendered, Workspace, plan, render};

use super::app_of_apps;
use super::rendering::{self, Demand, RenderState, Rendering};
use super::tracing::Tracer;
use super::{Outcome, Session};
pub use crate::cli::Render as Request;
use crate::output;
use crate::report::json::Output;
use crate::report::rendered::{RenderReport, State, TargetReport, UnrenderedReport, total};

/// Runs the command.
#[must_use]
pub fn run(session: &Session<'_>, request: &Request) -> Outcome {
    let mut diagnostics = Diagnostics::default();
    let mut output = Output::default();
    match render(session, request, &mut diagnostics) {
        Ok(report) => {
            session.printer.render(&report);
            output = Output::Render((&report).into());
        }
        Err(found) => diagnostics.extend(found),
    }
    diagnostics.sort();
    Outcome { diagnostics, output }
}

pub(super) fn render(session: &Session<'_>, request: &Request, diagnostics: &mut Diagnostics) -> Result<RenderReport> {
    if request.accept && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`--accept` is not allowed when `CI=true`")
            .help("run `cargo xtask render --accept` on your machine, review the diff, and commit the goldens")
            .into());
    }
    store::recover(&session.root, session.printer)?;
    let (workspace, found) = app_of_apps::load(session)?;
    diagnostics.extend(found);
    let argocd = release(&workspace, request)?;
    let (targets, found) = shard::plan(&workspace, argocd, &request.targets, request.shard);
    diagnostics.extend(found);

    let jobs = if request.force {
        rendering::render(session, &workspace, argocd, targets, Demand::All, diagnostics)
    } else if request.output.is_some() {
        rendering::render(session, &workspace, argocd, targets, Demand::Stale, diagnostics)
    } else {
        rendering::render_without_fresh(session, &workspace, argocd, targets, diagnostics)
    };
    let report = judge(session, request, &workspace, argocd, &jobs, diagnostics)?;
    session.printer.finished(&total(&report));
    Ok(report)
}

/// Compares rendered targets with their goldens, and records them if requested.
pub fn judge(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    argocd: Release,
    jobs: &[Rendering<'_>],
    diagnostics: &mut Diagnostics,
) -> Result<RenderReport> {
    let whole = request.targets.is_empty() && request.shard.is_none_or(Shard::is_first);
    let orphans = if whole { orphans(session, workspace, &[])? } else { Orphans::default() };
    let renamed = orphans.renamed(&unrecorded(jobs));
    let mut report = compared(session, workspace, argocd, jobs, &orphans, diagnostics);
    if !request.targets.is_empty() {
        report.unrendered.clear();
    }
    report.unrendered.retain(|one| request.shard.is_none_or(|shard| shard.has(&one.application)));
    if !request.accept {
        for job in jobs {
            edited(job, diagnostics);
        }
    }
    if let Some(folder) = &request.output {
        diagnostics.extend(write_output(&session.root, folder, jobs).err().unwrap_or_default());
    }
    let mut update = Update::default();
    if argocd == workspace.config.argocd {
        update = locks(session, request, jobs, diagnostics);
    }
    if request.accept {
        update.remove = orphans.paths(&session.root);
        report.accepted = true;
    } else {
        diagnostics.extend(orphans.findings(&renamed));
        diagnostics.extend(moved(&renamed, jobs));
        let other = (argocd != workspace.config.argocd).then_some(workspace.config.argocd.version);
        differing(request, other, &report, jobs, diagnostics);
    }
    if !update.folders.is_empty() || !update.remove.is_empty() {
        store::apply(&session.root, &update, session.printer)?;
        if !request.accept {
            for folder in update.folders.keys() {
                session.printer.status("Recorded", &format!("{}/{folder}/{}", golden::FOLDER, lock::FILE));
            }
        }
    }
    Ok(report)
}

/// Compares rendered targets with their goldens, or with those of their former name. Writes nothing.
#[must_use]
pub fn compared(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    jobs: &[Rendering<'_>],
    orphans: &Orphans,
    diagnostics: &mut Diagnostics,
) -> RenderReport {
    let fingerprints = Fingerprints::new(&session.environment.cache);
    let renamed = orphans.renamed(&unrecorded(jobs));
    let targets = jobs.iter().map(|job| {
        let former = renamed.get(&job.target.id.app).map(|app| TargetId { app: app.clone(), ..job.target.id.clone() });
        compare(session, job, former, &fingerprints, diagnostics)
    });
    let mut report = RenderReport {
        argocd: argocd.version,
        helm: argocd.helm,
        targets: targets.collect(),
        unrendered: unrendered(workspace, jobs, diagnostics),
        accepted: false,
    };
    trace(session, workspace, argocd, jobs, &mut report);
    report
}

/// Finds out where the added lines of the diffs come from. A target that cannot be traced is shown without.
fn trace(
    session: &Session<'_>,
    workspace: &Workspace,
    argocd: Release,
    jobs: &[Rendering<'_>],
    report: &mut RenderReport,
) {
    let pairs = report.targets.iter_mut().zip(jobs);
    let changed = pairs.filter(|(target, _)| target.diffs.iter().any(|diff| !diff.added().is_empty()));
    let mut changed: Vec<(&mut TargetReport, &Rendering<'_>)> = changed.collect();
    if changed.is_empty() {
        return;
    }
    let tracer = Tracer::new(session, workspace, argocd);
    let renderings: Vec<&Rendering<'_>> = changed.iter().map(|(_, one)| *one).collect();
    let origins = parallel(session.jobs, &renderings, |one| {
        let _about = timings::about(&one.target.id);
        let _phase = timings::phase("trace");
        tracer.trace(one)
    });
    for ((target, _), origins) in changed.iter_mut().zip(origins) {
        let Ok(origins) = origins else { continue };
        for diff in &mut target.diffs {
            let numbers = diff.added().into_iter().flat_map(|(_, added)| added);
            diff.trails = numbers.map(|number| (number, origins.trail(&diff.object.file, number, None))).collect();
        }
    }
}

/// The Argo CD release to render for.
fn release(workspace: &Workspace, request: &Request) -> Result<Release> {
    let own = workspace.config.argocd;
    let Some(version) = &request.argocd else { return Ok(own) };
    let release = Release::parse(version).map_err(|message| Diagnostic::new(Code::Usage, message))?;
    if request.accept && release != own {
        return Err(Diagnostic::new(Code::Usage, "`--accept` requires the Argo CD release in charts.toml")
            .help(format!("remove `--argocd`, or set `argocd.version = \"{}\"` in charts.toml", release.version))
            .into());
    }
    Ok(release)
}

/// The report on one target.
fn compare(
    session: &Session<'_>,
    job: &Rendering<'_>,
    former: Option<TargetId>,
    fingerprints: &Fingerprints,
    diagnostics: &mut Diagnostics,
) -> TargetReport {
    let Rendering { target, reasons, state, .. } = job;
    let _about = timings::about(&target.id);
    let _phase = timings::phase("compare");
    let former_golden = former.as_ref().and_then(|id| diagnostics.take(Golden::load(&session.root, id)));
    let golden = former_golden.as_ref().unwrap_or(&*job.golden);
    let mut report = TargetReport {
        id: target.id.clone(),
        first: former.is_none() && job.unrecorded(),
        former,
        state: State::Fresh,
        reasons: reasons.clone(),
        objects: None,
        diffs: Vec::new(),
    };
    match state {
        RenderState::Fresh => {}
        RenderState::Failed(_) | RenderState::Blocked(_) => report.state = State::Failed,
        RenderState::Rendered(rendered) => {
            report.objects = Some(render::objects(rendered));
            let changes = golden.compare(rendered, &target.namespace);
            report.diffs = changes.iter().map(|change| diff::diff(change, &|value| fingerprints.of(value))).collect();
            let same_files =
                rendered.len() == golden.files.len() && rendered.iter().all(|new| golden.files.contains_key(&new.file));
            let unchanged = changes.is_empty() && same_files && report.former.is_none();
            report.state = if unchanged { State::Unchanged } else { State::Changed };
            let counts = report.counts();
            let what = if counts.is_empty() { report.state.word().to_owned() } else { counts };
            session.printer.status("Compared", &format!("{}: {what}", target.id));
        }
    }
    report
}

/// Reports goldens that were edited, deleted, or that nothing renders.
fn edited(job: &Rendering<'_>, diagnostics: &mut Diagnostics) {
    let Rendering { target, golden, .. } = job;
    let id = &target.id;
    let accept = format!("run `cargo xtask render --accept {id}` to record the current render");
    if job.unrecorded() {
        return;
    }
    let rendered = job.rendered();
    let known = rendered.is_some();
    let expected: BTreeMap<&str, &str> =
        rendered.unwrap_or_default().iter().map(|new| (new.file.as_str(), new.manifest.text.as_str())).collect();
    let mut edited: Vec<(String, &str)> = golden.edited().to_vec();
    if golden.lock.is_none() && known {
        let unknown = golden.files.keys().filter(|file| !expected.contains_key(file.as_str()));
        edited.extend(unknown.map(|file| (file.clone(), "unknown")));
    }
    for (file, what) in edited {
        let text = expected.get(file.as_str()).map(|text| text.as_bytes());
        let place = Place::file(format!("{}/{file}", golden.folder));
        let recorded = golden.lock.as_ref().and_then(|lock| lock.outputs.get(file.as_str()));
        let (code, message) = match what {
            // The edited golden equals the current render.
            "edited" if known && text == golden.files.get(&file).map(Vec::as_slice) => continue,
            "edited" => (Code::GoldenEdited, "this golden was edited"),
            "unknown" if text.is_some() => continue,
            "unknown" => (Code::GoldenFileOrphaned, "orphaned golden: no object is rendered to this file"),
            // The golden was deleted, and its object is no longer rendered.
            _ if known && text.is_none() => continue,
            _ if recorded.is_some() => (Code::GoldenMissing, "this golden was deleted"),
            _ => continue,
        };
        let help = match code {
            Code::GoldenFileOrphaned => format!("run `cargo xtask render --accept {id}` to remove it"),
            _ => accept.clone(),
        };
        diagnostics.push(Diagnostic::new(code, message).at(place, "").target(id).help(help));
    }
}

/// Whether the goldens of a target differ only because they were edited or deleted, which has its own finding.
fn only_edited(job: &Rendering<'_>) -> bool {
    let golden = &job.golden;
    golden.lock.as_ref().is_some_and(|lock| lock.inputs == job.target.inputs.all()) && !golden.edited().is_empty()
}

/// Reports all differing targets in one finding and all unrecorded ones in another. The diffs are on standard output.
///
/// With `--argocd`, `other` is the Argo CD release that the goldens were recorded for.
fn differing(
    request: &Request,
    other: Option<&str>,
    report: &RenderReport,
    jobs: &[Rendering<'_>],
    diagnostics: &mut Diagnostics,
) {
    let names = || report.targets.iter().filter(|target| target.state == State::Changed).map(|one| one.id.to_string());
    let selected = if request.shard.is_some() { names().collect() } else { request.targets.clone() };
    let selection: String = selected.iter().map(|name| format!(" {name}")).collect();
    let accept = format!("`cargo xtask render --accept{selection}`, and commit the goldens");
    let names = |unrecorded: bool| -> Vec<String> {
        let targets = report.targets.iter().zip(jobs);
        targets
            .filter(|(target, job)| target.state == State::Changed && job.unrecorded() == unrecorded)
            .filter(|(target, job)| target.former.is_none() && !only_edited(job))
            .map(|(target, _)| target.id.to_string())
            .collect()
    };
    let (changed, missing) = (names(false), names(true));
    if !changed.is_empty() {
        let (verb, whose) = if changed.len() == 1 { ("differs", "its") } else { ("differ", "their") };
        let message = format!("{} {verb} from {whose} goldens", plural(changed.len(), "target"));
        let help = match other {
            None => format!("if the change is intended, run {accept}"),
            Some(own) => {
                format!(
                    "the goldens were recorded for Argo CD {own}; change the templates to render the same with both"
                )
            }
        };
        diagnostics.push(Diagnostic::new(Code::GoldenDiffers, message).note(changed.join(", ")).help(help));
    }
    if !missing.is_empty() {
        let verb = if missing.len() == 1 { "has" } else { "have" };
        let message = format!("{} {verb} no goldens yet", plural(missing.len(), "target"));
        let help = format!("run {accept}");
        diagnostics.push(Diagnostic::new(Code::GoldenMissing, message).note(missing.join(", ")).help(help));
    }
}

/// The Applications without targets. `found` is what was found when they were planned.
fn unrendered(workspace: &Workspace, jobs: &[Rendering<'_>], found: &Diagnostics) -> Vec<UnrenderedReport> {
    let report = |one: &Unrendered| {
        let errors = one.reasons.0.iter().filter(|found| found.code.class() > Class::Warning);
        UnrenderedReport {
            application: one.instance.clone(),
            invalid: one.is_broken(),
            reason: errors.map(|found| found.message.as_str()).collect::<Vec<_>>().join("; "),
            accepted: workspace.acceptance(one).is_some(),
        }
    };
    let mut all: Vec<UnrenderedReport> = workspace.unrendered.iter().map(report).collect();
    // For example, because a value file does not exist.
    let planned: BTreeSet<&str> = jobs.iter().map(|job| job.target.id.app.as_str()).collect();
    let unplanned = workspace.deployments.iter().map(|one| &one.application.instance);
    all.extend(unplanned.filter(|app| !planned.contains(app.as_str())).map(|app| {
        let of_app = |one: &&Diagnostic| {
            one.code.class() > Class::Warning
                && one.target.as_deref().is_some_and(|target| target.split('/').next() == Some(app))
        };
        let reason = found.0.iter().find(of_app);
        UnrenderedReport {
            application: app.clone(),
            invalid: reason.is_none_or(|found| found.code.class() > Class::Finding),
            reason: reason
                .map_or_else(|| "its command line cannot be planned".to_owned(), |found| found.message.clone()),
            accepted: false,
        }
    }));
    all.sort_by(|left, right| left.application.cmp(&right.application));
    all
}

/// The goldens that belong to no target; none if targets are selected.
pub(super) fn orphans(session: &Session<'_>, workspace: &Workspace, selected: &[String]) -> Result<Orphans> {
    // An unreadable Application may own any of the goldens, so none are removed.
    if !selected.is_empty() || !workspace.sound {
        return Ok(Orphans::default());
    }
    let mut orphans = Orphans::find(&session.root, &plan::target_ids(workspace))?;
    // They may be rendered again.
    orphans.applications.retain(|app, _| workspace.unrendered.iter().all(|one| one.instance != *app));
    Ok(orphans)
}

/// The cases of each Application that has no goldens at all.
pub(super) fn unrecorded(jobs: &[Rendering<'_>]) -> BTreeMap<String, BTreeSet<String>> {
    let recorded: BTreeSet<&str> =
        jobs.iter().filter(|job| !job.unrecorded()).map(|job| job.target.id.app.as_str()).collect();
    let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for TargetId { app, case } in jobs.iter().map(|job| &job.target.id) {
        if !recorded.contains(app.as_str()) {
            cases.entry(app.clone()).or_default().insert(case.clone());
        }
    }
    cases
}

/// Reports the goldens of renamed Applications, which are recorded under the former name.
fn moved(renamed: &BTreeMap<String, String>, jobs: &[Rendering<'_>]) -> Diagnostics {
    let findings = renamed.iter().filter_map(|(app, former)| {
        let job = jobs.iter().find(|job| job.target.id.app == *app)?;
        let message = format!("the goldens of Application `{app}` are recorded under its former name `{former}`");
        let place = job.target.deployment.application.place.clone();
        let accept = "if the Application was renamed on purpose, run `cargo xtask render --accept` to move its goldens";
        Some(Diagnostic::new(Code::GoldenMissing, message).at(place, "").help(accept))
    });
    Diagnostics(findings.collect())
}

/// The files to write: with `--accept`, everything rendered; otherwise the render.lock of targets whose inputs changed but
/// whose output did not. In CI nothing is written, and an outdated render.lock is a finding.
pub(super) fn locks(
    session: &Session<'_>,
    request: &Request,
    jobs: &[Rendering<'_>],
    diagnostics: &mut Diagnostics,
) -> Update {
    let mut update = Update::default();
    for Rendering { target, golden, state, .. } in jobs {
        let RenderState::Rendered(rendered) = state else { continue };
        let mut files: BTreeMap<String, Vec<u8>> =
            rendered.iter().map(|new| (new.file.clone(), new.manifest.text.clone().into_bytes())).collect();
        let outputs =
            files.iter().map(|(name, bytes)| (name.as_str().into(), golden::digest_of(bytes).into())).collect();
        let lock = Lock::of(target.inputs.all(), outputs, rendered);
        let same_files = files == golden.files;
        let same_lock = golden.lock.as_ref() == Some(&lock);
        if same_files && same_lock || !same_files && !request.accept {
            continue;
        }
        if !request.accept && session.environment.ci {
            diagnostics.push(
                Diagnostic::new(Code::LockOutdated, "render.lock is outdated: inputs changed, the output did not")
                    .at(Place::file(format!("{}/{}", golden.folder, lock::FILE)), "")
                    .target(&target.id)
                    .help("run `cargo xtask render` and commit the updated render.lock"),
            );
            continue;
        }
        files.insert(lock::FILE.to_owned(), lock.to_text().into_bytes());
        update.folders.insert(format!("{}/{}", target.id.app, target.id.case), files);
    }
    update
}

/// Writes the rendered objects, or the goldens of fresh targets, in the layout of the goldens.
fn write_output(root: &Path, folder: &Path, jobs: &[Rendering<'_>]) -> Result<()> {
    let mut folders = BTreeMap::new();
    for job in jobs {
        let files: BTreeMap<String, Vec<u8>> = match &job.state {
            RenderState::Fresh => job.golden.files.clone(),
            RenderState::Rendered(rendered) => {
                rendered.iter().map(|new| (new.file.clone(), new.manifest.text.clone().into_bytes())).collect()
            }
            RenderState::Failed(_) | RenderState::Blocked(_) => continue,
        };
        folders.insert(format!("{}/{}", job.target.id.app, job.target.id.case), files);
    }
    output::write(root, folder, &folders)
}
