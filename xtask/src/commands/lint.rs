//! `lint`: runs all checks that need no cluster.
//!
//! Chart checks run for each chart that a selected target uses, with all cases of that chart. Without a selection, the
//! checks that do not need Helm run for every chart under charts/, deployed or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use argocd::application::HelmOptions;
use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place, Result};
use golden::objects;
use helm::batch::Runner;
use helm::chart::Chart;
use helm::command::time_zone;
use helm::dependencies::{self, Prepared};
use kubernetes::object::Object;
use tempfile::NamedTempFile;
use toolbox::parallel::{Slots, announced, parallel};
use toolbox::progress::Progress;
use toolbox::{atomic_file, inputs, links, timings};
use workspace::shard::Shard;
use workspace::target::{ChartTarget, DEFAULT_CASE, Target, TargetId};
use workspace::{Workspace, suppression};

use super::app_of_apps;
use super::changed;
use super::consequences;
use super::placing::Placer;
use super::rendering::{self, RenderState, Rendering, Selected};
use super::{Outcome, Session};
pub use crate::cli::Lint as Request;
use crate::lint;
use crate::lint::base::Base;
use crate::lint::cached_findings::CachedFindings;
use crate::lint::chart_sources::ChartSources;
use crate::lint::clusters::Clusters;
use crate::lint::helm::Helm;
use crate::lint::scenario_files::ScenarioFiles;
use crate::lint::scenario_values;
use crate::lint::second_render::SHIFT;
use crate::lint::subject::{ByTarget, ChartSubject, Fix, Manifests, Rendered, Subject};
use crate::lint::value_shared::Shared;
use crate::lint::{CHECKS, Check, Run, clusters, images};
use crate::report;
use crate::report::json::{self, Output};
use crate::report::timings::LINT;

impl Request {
    /// Whether all targets are checked.
    fn all(&self) -> bool {
        self.targets.is_empty() && self.shard.is_none()
    }

    /// Whether charts that no target uses are checked, too.
    fn whole(&self) -> bool {
        self.targets.is_empty() && self.shard.is_none_or(Shard::is_first)
    }
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if request.fix && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`--fix` is not allowed when `CI=true`")
            .help("run `cargo xtask lint --fix` locally, review the diff, and commit it")
            .into());
    }
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let Selected { all, renderings } =
        rendering::render_selected(session, &workspace, &request.targets, request.shard, &mut diagnostics);
    if request.images {
        return Ok(list_images(session, &renderings, diagnostics));
    }
    let sound = workspace.sound && !diagnostics.has_errors();
    let all: Vec<&Target<'_>> = all.iter().collect();
    let mut checked = check(session, request, &workspace, &all, &renderings, sound);
    diagnostics.extend(std::mem::take(&mut checked.diagnostics));
    Placer::new(session, &workspace, &renderings).place(&mut diagnostics);

    consequences::remove(&mut diagnostics);
    changed::blame(&mut diagnostics, &session.root, request.base.as_deref());
    diagnostics.sort();
    let counts = format!("{}, {}", plural(checked.charts.len(), "chart"), plural(renderings.len(), "target"));
    session.printer.finished(&format!("{counts}: {}", report::count(&diagnostics)));
    let targets: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
    Ok(Outcome { diagnostics, output: Output::Lint(json::Lint { charts: checked.charts, targets }) })
}

/// Lists the images of all rendered objects, one per line, with the targets that use it.
fn list_images(session: &Session<'_>, renderings: &[Rendering<'_>], mut diagnostics: Diagnostics) -> Outcome {
    diagnostics.sort();
    let objects: Vec<Object> = renderings.iter().flat_map(Rendering::objects).collect();
    let images = images::list(&objects);
    let width = images.keys().map(|reference| reference.chars().count()).max().unwrap_or_default();
    for (reference, targets) in &images {
        let targets = targets.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        session.printer.result(&format!("{reference:width$}  {targets}\n"));
    }
    session.printer.finished(&plural(images.len(), "image"));
    let used = |(reference, targets): (String, BTreeSet<String>)| json::UsedImage {
        reference,
        targets: targets.into_iter().collect(),
    };
    let images = images.into_iter().map(used).collect();
    Outcome { diagnostics, output: Output::LintImages(json::LintImages { images }) }
}

/// The result of all checks.
#[derive(Debug)]
pub struct Checked {
    /// The findings that are not suppressed.
    pub diagnostics: Diagnostics,
    /// The paths of the checked charts from the root.
    pub charts: Vec<String>,
}

/// Runs every check on rendered targets. `all` are all targets of the workspace; `sound` says whether all of them could be
/// read and rendered.
#[must_use]
pub fn check(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    all: &[&Target<'_>],
    renderings: &[Rendering<'_>],
    sound: bool,
) -> Checked {
    let _phase = timings::phase("lint");
    let mut diagnostics = Diagnostics::default();
    let mut charts: BTreeMap<PathBuf, Chart> = BTreeMap::new();
    for one in renderings {
        for target in one.target.charts() {
            charts.entry(target.chart.directory.clone()).or_insert_with(|| target.chart.as_ref().clone());
        }
    }
    let deployed: Vec<PathBuf> = charts.keys().cloned().collect();
    if request.whole() {
        for folder in &workspace.charts {
            if !charts.contains_key(folder)
                && let Some(chart) = diagnostics.take(Chart::load(&session.root, folder))
            {
                charts.insert(folder.clone(), chart);
            }
        }
    }
    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let (mut objects, mut ranges) = (Vec::new(), Vec::new());
    for own in parallel(session.jobs, renderings, Rendering::objects) {
        let start = objects.len();
        objects.extend(own);
        ranges.push(start..objects.len());
    }
    let (unselected, manifests) = (unselected(session, all, renderings), clusters::manifests(workspace));
    let known = |id, objects| clusters::Rendered { target: TargetId::to_string(id), id, objects };
    let current = renderings
        .iter()
        .zip(ranges)
        .map(|(one, range)| known(&one.target.id, (!one.failed()).then(|| &objects[range])));
    let recorded = unselected.iter().map(|(target, objects)| known(&target.id, objects.as_deref()));
    let everything: Vec<clusters::Rendered<'_>> = current.chain(recorded).collect();
    let clusters = Clusters::new(workspace, &everything, &manifests);
    let every: Vec<&Chart> = charts.values().collect();
    let rendered: BTreeSet<String> =
        renderings.iter().filter(|one| !one.failed()).map(|one| one.target.id.to_string()).collect();
    // A different revision than the checkout is itself what the checkout is compared with.
    let base = match &session.revision {
        Some(_) => None,
        None => diagnostics.take(Base::find(&session.root, request.base.as_deref())).flatten(),
    };
    let subject = Subject {
        workspace,
        charts: &every,
        sources: &ChartSources::read(&session.root, &every, session.jobs),
        scenarios: &ScenarioFiles::default(),
        targets: &targets,
        objects: &objects,
        by_target: &ByTarget::new(&objects),
        rendered: &rendered,
        fresh: renderings.iter().all(|one| matches!(one.state, RenderState::Fresh)),
        clusters: &clusters,
        complete: sound && request.all(),
        base: base.as_ref(),
        now: session.environment.now,
    };
    if request.fix {
        diagnostics.extend(fix(session, &subject));
    }
    // Those that start Git first: they wait.
    let mut own: Vec<(usize, &Check)> = checks(workspace).enumerate().collect();
    own.sort_by_key(|(_, check)| !matches!(check.run, Run::Git(_)));
    let mut found = parallel(session.jobs, &own, |(index, check)| {
        let (Run::Files(run) | Run::Objects(run) | Run::Git(run)) = check.run else {
            return (*index, Diagnostics::default());
        };
        let _about = timings::about(&LINT);
        let _phase = timings::phase(check.name());
        (*index, run(&subject))
    });
    found.sort_by_key(|(index, _)| *index);
    for (_, found) in found {
        diagnostics.extend(found);
    }
    remove_causes(&mut diagnostics, renderings);
    let deployed: Vec<&Chart> = deployed.iter().filter_map(|folder| charts.get(folder)).collect();
    diagnostics.extend(with_helm(session, &subject, &deployed, renderings, all));
    diagnostics.0.retain(|found| workspace.config.conventions || found.code.class() != Class::Convention);
    let complete = sound && request.all() && diagnostics.worst() <= Class::Finding;
    let suppressions = lint::change::suppressions(&workspace.config.suppressions, subject.base);
    let diagnostics = suppression::apply(diagnostics, &suppressions, session.today, &lint::codes(), complete);
    Checked { diagnostics, charts: charts.values().map(|chart| chart.path.clone()).collect() }
}

/// The checks of a workspace: without conventions, those that find faults.
fn checks(workspace: &Workspace) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(|check| workspace.config.conventions || check.finds_faults())
}

/// The recorded objects of deployed targets that are not selected; `None` without goldens.
fn unselected<'a>(
    session: &Session<'_>,
    all: &[&'a Target<'a>],
    renderings: &[Rendering<'_>],
) -> Vec<(&'a Target<'a>, Option<Vec<Object>>)> {
    let selected: BTreeSet<&TargetId> = renderings.iter().map(|one| &one.target.id).collect();
    let others = all.iter().filter(|target| target.id.case == DEFAULT_CASE && !selected.contains(&target.id));
    let recorded = |target: &&'a Target<'a>| {
        // A golden that cannot be read is reported where its target is selected.
        let golden = session.goldens.of(&session.root, &target.id).ok().filter(|golden| !golden.files.is_empty());
        let objects = golden.map(|golden| objects::read(target, &golden, &golden.recorded(&target.namespace)));
        (*target, objects)
    };
    others.map(recorded).collect()
}

/// Removes findings about a schema or values for which Helm rejected a chart at the same place: they have one cause.
fn remove_causes(diagnostics: &mut Diagnostics, renderings: &[Rendering<'_>]) {
    let failed = renderings.iter().filter_map(|one| match &one.state {
        RenderState::Failed(found) => Some(found),
        _ => None,
    });
    let refused = failed.flat_map(|found| &found.0).filter(|found| found.code == Code::HelmRefused);
    let places: Vec<_> = refused.filter_map(|found| found.places.first()).map(|(place, _)| place).collect();
    diagnostics.0.retain(|found| {
        let Some((place, _)) = found.places.first() else { return true };
        match found.code {
            Code::ValuesSchemaInvalid | Code::YamlSyntax | Code::ConflictMarker => !places.contains(&place),
            // Helm rejects the key or the value that contains the character.
            Code::CharacterMisleading => !places.iter().any(|other| begins_in(place, other)),
            _ => true,
        }
    });
}

/// Whether a place begins inside another one.
fn begins_in(place: &Place, other: &Place) -> bool {
    let inside = |at: &Range<usize>, around: &Range<usize>| around.start <= at.start && at.start < around.end;
    place.source.name == other.source.name
        && place.span.as_ref().zip(other.span.as_ref()).is_some_and(|(at, around)| inside(at, around))
}

/// Writes what the checks can fix.
fn fix(session: &Session<'_>, subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for Fix { path, text } in CHECKS.iter().filter_map(|check| check.fix).flat_map(|fix| fix(subject)) {
        let inside = links::refuse_outside(&session.root, &path);
        if diagnostics.take(inside.and_then(|()| atomic_file::write(&path, text.as_bytes()))).is_some() {
            session.printer.status("Wrote", &inputs::name(&session.root, &path));
        }
    }
    diagnostics
}

/// Runs the checks that need Helm on every chart of which a target renders.
fn with_helm(
    session: &Session<'_>,
    subject: &Subject<'_>,
    charts: &[&Chart],
    renderings: &[Rendering<'_>],
    all: &[&Target<'_>],
) -> Diagnostics {
    let workspace = subject.workspace;
    let mut diagnostics = Diagnostics::default();
    let mut cases: HashMap<&Path, Vec<ChartTarget<'_>>> = HashMap::new();
    for target in all.iter().flat_map(|target| target.charts()) {
        cases.entry(&target.chart.directory).or_default().push(target);
    }
    let mut selected: HashMap<&Path, Vec<(&Rendering<'_>, ChartTarget<'_>)>> = HashMap::new();
    for (one, target) in renderings.iter().flat_map(|one| one.target.charts().map(move |target| (one, target))) {
        selected.entry(&target.chart.directory).or_default().push((one, target));
    }
    let renders = |chart: &&&Chart| {
        selected.get(&*chart.directory).is_some_and(|targets| targets.iter().any(|(one, _)| !one.failed()))
    };
    let charts: Vec<&Chart> = charts.iter().filter(renders).copied().collect();
    if charts.is_empty() {
        return diagnostics;
    }
    let tools = session.tools(subject.workspace);
    let Some(tool) = diagnostics.take(tools.require("helm", subject.workspace.config.argocd.helm)) else {
        return diagnostics;
    };
    diagnostics.extend(tools.warnings());
    let helm_path = || Ok(tool.path.clone());
    let context = session.context(&helm_path);
    let results = &session.results;
    let version = subject.workspace.config.argocd.helm;
    let engine = diagnostics.take(session.engines.get(&tools, &tool.path, version)).flatten();
    let runner = Runner { engine: engine.as_deref(), compares: false };
    let slots = Slots::new(session.jobs);
    let Some(zone) = diagnostics.take(shifted_zone()) else { return diagnostics };
    let (root, jobs, fails) = (&session.root, session.jobs, AtomicBool::new(false));
    let helm =
        Helm { runner, program: &tool.path, root, results, fails: &fails, zone: zone.path(), jobs, slots: &slots };
    let mut ready = Vec::new();
    for chart in charts {
        let cases: Vec<&ChartTarget<'_>> = cases.get(&*chart.directory).into_iter().flatten().collect();
        let Some(first) = cases.first().filter(|target| target.inspected.refused.is_none()) else { continue };
        let prepared = dependencies::prepare(first.chart, &first.inspected.dependencies, &context);
        let Some(prepared) = diagnostics.take(prepared) else { continue };
        ready.push((chart, cases, prepared));
    }
    let revision = session.revision.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
    let announce = |(chart, cases, _): &(&Chart, Vec<&ChartTarget<'_>>, Prepared)| {
        session.printer.status("Checking", &format!("{}{revision} ({})", chart.path, plural(cases.len(), "case")));
    };
    // Charts have few cases, and each check starts few processes: one chart at a time would leave cores idle.
    let found = announced(session.jobs, &ready, announce, |(chart, cases, prepared)| {
        let selected = selected.get(&*chart.directory).map(Vec::as_slice).unwrap_or_default();
        let rendering: Vec<_> = selected.iter().filter(|(one, _)| !one.failed()).collect();
        let read: Vec<_> = rendering.iter().map(|(one, _)| || one.manifests().unwrap_or_default()).collect();
        let rendered = rendering.iter().zip(&read).map(|((one, target), read)| Rendered {
            target,
            manifests: Manifests::new(read),
            alone: one.target.parts.len() == 1,
            fresh: matches!(one.state, RenderState::Fresh),
        });
        let rendered: Vec<Rendered<'_>> = rendered.collect();
        let fails = AtomicBool::new(false);
        of_chart(&ChartSubject {
            workspace,
            helm: Helm { fails: &fails, ..helm },
            chart,
            scenarios: subject.scenarios,
            directory: &prepared.directory,
            cases,
            rendered: &rendered,
            complete: rendered.len() == selected.len(),
            by_target: subject.by_target,
        })
    });
    let mut shared = Shared::default();
    for target in ready.iter().flat_map(|(_, cases, _)| cases) {
        shared.add(root, target);
    }
    let found = ready.iter().map(|(chart, ..)| chart.path.as_str()).zip(found);
    diagnostics.extend(shared.without_read(found.collect()));
    diagnostics
}

/// The findings in a chart of the checks that need Helm: from the cache, if all of its cases were checked before.
fn of_chart(subject: &ChartSubject<'_>) -> Diagnostics {
    let ChartSubject { workspace, helm, cases, rendered, complete, .. } = subject;
    let conventions = workspace.config.conventions;
    let ids: Vec<String> = rendered.iter().map(|one| one.target.id.to_string()).collect();
    // Values that YAML reads alike may be written differently.
    let written = cases.iter().filter_map(|target| Some(inputs::digest(written(target.options)?.as_bytes())));
    let written: Vec<String> = written.collect();
    let scenarios = scenario_values::inputs(subject);
    let about = format!("findings {complete} {conventions} {} {} {scenarios}", ids.join(" "), written.join(" "));
    let key = helm.key(&about, cases);
    let known = helm.find::<CachedFindings>(&key).and_then(|kept| kept.read(helm.root));
    if let Some(found) = known {
        return found;
    }
    let mut diagnostics = Diagnostics::default();
    let mut codes: Vec<Code> = Vec::new();
    for check in checks(workspace) {
        if let Run::Helm(run) = check.run {
            let _about = timings::about(&LINT);
            let _phase = timings::phase(check.name());
            diagnostics.extend(run(subject));
            codes.extend(check.codes);
        }
    }
    // A run that failed may succeed the next time.
    let complete = !helm.fails.load(Ordering::Relaxed) && diagnostics.0.iter().all(|found| codes.contains(&found.code));
    if let Some(kept) = complete.then(|| CachedFindings::of(helm.root, &diagnostics)).flatten() {
        helm.keep(&key, &kept);
    }
    diagnostics
}

/// The time zone of second renders. All of them have the same file, so that the engine needs few workers.
fn shifted_zone() -> Result<NamedTempFile> {
    let write = || {
        let mut file = NamedTempFile::new()?;
        file.write_all(&time_zone(SHIFT))?;
        Ok(file)
    };
    write().map_err(|error| Diagnostic::io("write a file in", &std::env::temp_dir(), &error).into())
}

/// The text that contains the inline values of an Application.
fn written(options: &HelmOptions) -> Option<&str> {
    let object = options.values_object.as_ref().map(|object| object.source.text.as_str());
    object.or_else(|| options.values.as_ref().map(|(text, _)| text.as_str()))
}
