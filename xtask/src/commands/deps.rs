//! `deps`: downloads the pinned chart dependencies, and updates the locks with `--update`.

mod remotes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source, suggestion};
use document::edit;
use document::edit::Edit;
use helm::chart::{Chart, is_exact};
use helm::dependencies;
use helm::dependencies::remote::Wanted;
use helm::dependencies::{Context, PinChange, Request};
use toolbox::progress::Progress;
use toolbox::{atomic_file, inputs, links};
use workspace::{Unrendered, Workspace};

use super::{Outcome, Session};
use crate::report::json::{self, Output};

/// The limit of rounds, each of which finds what the charts of the last one render.
const ROUNDS: usize = 8;

/// The charts that the Applications and charts of a workspace need: why, and by which name `--update` selects each.
type Needs = BTreeSet<(String, String)>;

/// Runs the command. `update` resolves versions again: all, or those of the listed names. `NAME@VERSION` also sets a
/// version.
///
/// A chart that can be rendered now may render Applications that need further charts.
pub fn run(session: &Session<'_>, update: Option<&[String]>) -> Result<Outcome> {
    let (mut outcome, mut known) = once(session, update)?;
    for _ in 0..ROUNDS {
        if !has_changed(&outcome.output) || update.is_some_and(|names| !names.is_empty()) {
            break;
        }
        let (workspace, _) = super::app_of_apps::load(session)?;
        let needed = needs(&workspace);
        let new: BTreeSet<String> = needed.difference(&known).map(|(_, name)| name.clone()).collect();
        if new.is_empty() {
            break;
        }
        known.extend(needed);
        let new: Vec<String> = new.into_iter().collect();
        let (further, _) = once(session, update.map(|_| new.as_slice()))?;
        outcome.diagnostics.extend(further.diagnostics);
        add(&mut outcome.output, further.output);
    }
    outcome.diagnostics.sort();
    Ok(outcome)
}

/// The charts and repositories that a workspace needs, as far as its Applications are known.
fn needs(workspace: &Workspace) -> Needs {
    let wanted = workspace.wanted.iter().map(|one| (format!("{} {}", one.repository, one.version), one.name.clone()));
    let repositories = workspace.remotes.repositories.keys().map(|(url, revision)| (revision.clone(), url.clone()));
    let files = workspace.remotes.files.keys().map(|url| (String::new(), url.clone()));
    let charts = workspace.chart_folders().into_iter().filter_map(|folder| Chart::load(&workspace.root, &folder).ok());
    let dependencies = charts.flat_map(|chart| {
        let path = chart.path.clone();
        chart.dependencies.into_iter().map(move |one| (path.clone(), one.name))
    });
    wanted.chain(repositories).chain(files).chain(dependencies).collect()
}

/// Whether a round wrote or downloaded something.
fn has_changed(output: &Output) -> bool {
    match output {
        Output::DepsUpdate(update) => !update.written.is_empty() || !update.changes.is_empty(),
        Output::Deps(deps) => !deps.downloaded.is_empty(),
        _ => false,
    }
}

/// Adds the result of a further round.
fn add(output: &mut Output, further: Output) {
    match (output, further) {
        (Output::DepsUpdate(all), Output::DepsUpdate(further)) => {
            all.changes.extend(further.changes);
            let new = further.written.into_iter().filter(|name| !all.written.contains(name)).collect::<Vec<_>>();
            all.written.extend(new);
        }
        (Output::Deps(all), Output::Deps(further)) => all.downloaded.extend(further.downloaded),
        _ => {}
    }
}

/// A round of the command, and what it knew of.
fn once(session: &Session<'_>, update: Option<&[String]>) -> Result<(Outcome, Needs)> {
    // First, because they may contain Applications, and charts with dependencies.
    let mut found = Diagnostics::default();
    let mut downloaded = remotes::download(session, &mut found);
    let (workspace, mut diagnostics, pinned) = if let Some(names) = update {
        remotes::update(session, names, &mut found)?
    } else {
        let (workspace, diagnostics) = super::app_of_apps::load(session)?;
        (workspace, diagnostics, Vec::new())
    };
    diagnostics.extend(found);
    let folders = workspace.chart_folders();
    let mut charts: Vec<Chart> =
        folders.iter().filter_map(|folder| diagnostics.take(Chart::load(&session.root, folder))).collect();
    let mut wanted = workspace.wanted.clone();
    let mut edits = Edits::default();
    let selected: Vec<String> = update.unwrap_or_default().to_vec();
    let of_charts: Vec<String> =
        selected.iter().filter(|name| !remotes::are_named(&workspace, name)).cloned().collect();
    let mut names = edits.select(&session.root, &mut charts, &mut wanted, &of_charts)?;
    if names.is_empty() {
        // None of the charts, and not all of them.
        names.extend(selected);
    }
    let charts: Vec<&Chart> = charts.iter().collect();
    // A file that cannot be read may need any of the pins.
    let complete = folders.len() == charts.len()
        && workspace.argocd_complete
        && !workspace.unrendered.iter().any(Unrendered::is_broken);
    let request = Request { charts: &charts, wanted: &wanted, names: &names, complete };
    let tools = session.tools(&workspace);
    let helm = || Ok(tools.require("helm", workspace.config.argocd.helm)?.path);
    let context = session.context(&helm);
    let result = if update.is_some() {
        self::update(session, &request, &edits, pinned, &context, &mut diagnostics)
    } else {
        ensure(session, &workspace, &request, std::mem::take(&mut downloaded), &context, &mut diagnostics)
    };
    diagnostics.extend(tools.warnings());
    let output = diagnostics.take(result).unwrap_or_default();
    Ok((Outcome { diagnostics, output }, needs(&workspace)))
}

/// The files that change because versions are set, and their new versions. Nothing is written yet.
#[derive(Default)]
struct Edits(BTreeMap<PathBuf, (Arc<Source>, Vec<Edit>)>);

impl Edits {
    /// Sets the versions of `NAME@VERSION`, and returns the names of what is resolved again.
    fn select(
        &mut self,
        root: &Path,
        charts: &mut [Chart],
        wanted: &mut [Wanted],
        selected: &[String],
    ) -> Result<Vec<String>> {
        let mut diagnostics = Diagnostics::default();
        let declared = charts.iter().flat_map(|chart| &chart.dependencies).map(|one| one.name.clone());
        let known: Vec<String> = declared.chain(wanted.iter().map(|one| one.name.clone())).collect();
        let mut names = Vec::new();
        for text in selected {
            let (name, version) = text.split_once('@').map_or((text.as_str(), None), |(name, to)| (name, Some(to)));
            if version.is_some_and(|version| !is_exact(version)) {
                let message = format!("`{text}` does not name a dependency and an exact version");
                diagnostics.push(Diagnostic::new(Code::Usage, message).help("write it as `NAME@1.2.3`"));
                continue;
            }
            if !known.iter().any(|one| one == name) {
                diagnostics.push(
                    Diagnostic::new(Code::Usage, format!("no chart has a dependency `{name}`"))
                        .help(suggestion(name, known.iter().map(String::as_str))),
                );
            }
            names.push(name.to_owned());
            let Some(version) = version else { continue };
            let dependencies = charts.iter_mut().flat_map(|chart| &mut chart.dependencies);
            for dependency in dependencies.filter(|one| one.name == name && one.version != version) {
                let place = (dependency.version_place != dependency.place).then_some(&dependency.version_place);
                diagnostics.take(self.set(root, name, version, place, &dependency.place, "version"));
                version.clone_into(&mut dependency.version);
            }
            for one in wanted.iter_mut().filter(|one| one.name == name && one.version != version) {
                diagnostics.take(self.set(root, name, version, Some(&one.place), &one.place, "targetRevision"));
                version.clone_into(&mut one.version);
            }
        }
        diagnostics.into_result(names)
    }

    /// Sets a version at a place.
    fn set(
        &mut self,
        root: &Path,
        name: &str,
        version: &str,
        place: Option<&Place>,
        owner: &Place,
        key: &str,
    ) -> Result<()> {
        let written = place.and_then(|place| {
            let span = edit::written(&place.source.text, place.span.clone()?);
            Some((place, span.clone(), place.source.text.get(span)?))
        });
        let old = |text: &str| text.trim_matches(['"', '\'']).to_owned();
        // A version that an ApplicationSet or a chart wrote has its place elsewhere.
        let is_here = |place: &Place| root.join(&place.source.name).is_file();
        let plain = |text: &str| !text.is_empty() && !text.contains(['{', '\n', '*', '&']) && !old(text).is_empty();
        let Some((place, span, text)) = written.filter(|(place, _, text)| plain(text) && is_here(place)) else {
            return Err(Diagnostic::new(Code::EditRefused, format!("`{name}` has no `{key}` to set"))
                .at(owner.clone(), "")
                .help(format!("set `{key}: {version}`, and run `cargo xtask deps --update {name}`"))
                .into());
        };
        let edit = Edit::new(span, edit::scalar_like(text, version));
        let (_, edits) = self.0.entry(root.join(&place.source.name)).or_insert((Arc::clone(&place.source), Vec::new()));
        if !edits.contains(&edit) {
            edits.push(edit);
        }
        Ok(())
    }

    /// The new texts.
    fn texts(&self) -> impl Iterator<Item = (&PathBuf, String)> {
        self.0.iter().filter_map(|(path, (source, edits))| Some((path, edit::apply(&source.text, edits)?)))
    }
}

fn update(
    session: &Session<'_>,
    request: &Request<'_>,
    edits: &Edits,
    pinned: Vec<String>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Output> {
    let mut updated = dependencies::update(&session.root, request, context)?;
    let failed = |path: &Path| {
        updated.failed.iter().any(|chart| path.starts_with(chart))
            || updated.failed_sources.iter().any(|one| session.root.join(&one.place.source.name) == *path)
    };
    let texts: Vec<_> = edits.texts().filter(|(path, _)| !failed(path)).collect();
    for (path, text) in texts {
        links::refuse_outside(&session.root, path)?;
        atomic_file::write(path, text.as_bytes())?;
        updated.written.push(path.clone());
    }
    let mut changes = pinned;
    for change in &updated.pins {
        let line = match change {
            PinChange::Added(pin) => format!("added {} {} from {}", pin.name, pin.version, pin.repository),
            PinChange::Changed { from, to } if from.version != to.version => {
                format!("{} {} → {}", to.name, from.version, to.version)
            }
            PinChange::Changed { to, .. } => format!("{} {} now from {}", to.name, to.version, to.repository),
            PinChange::Dropped(pin) => format!("dropped {} {}", pin.name, pin.version),
        };
        session.printer.result(&format!("{line}\n"));
        changes.push(line);
    }
    let written: Vec<String> = updated.written.iter().map(|path| inputs::name(&session.root, path)).collect();
    for name in &written {
        session.printer.status("Wrote", name);
    }
    removed(session, &updated.removed);
    let what =
        if updated.written.is_empty() && changes.is_empty() { "locks already up to date" } else { "locks updated" };
    let failed = match updated.failed.len() + updated.failed_sources.len() {
        0 => String::new(),
        count => format!(", {count} failed"),
    };
    session.printer.finished(&format!("{}: {what}{failed}", number(request)));
    diagnostics.extend(updated.errors);
    Ok(Output::DepsUpdate(json::DepsUpdate { changes, written }))
}

/// The number of charts in the repository, and of charts from Helm repositories.
fn number(request: &Request<'_>) -> String {
    let own = plural(request.charts.len(), "chart");
    let wanted: BTreeSet<_> = request.wanted.iter().map(Wanted::subject).collect();
    match (request.charts.len(), wanted.len()) {
        (_, 0) => own,
        (0, count) => format!("{} from Helm repositories", plural(count, "chart")),
        (_, count) => format!("{own} and {count} from Helm repositories"),
    }
}

fn ensure(
    session: &Session<'_>,
    workspace: &Workspace,
    request: &Request<'_>,
    mut downloaded: Vec<json::Dependency>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Output> {
    let Request { charts, wanted, .. } = *request;
    let ensured = dependencies::ensure_all(&session.root, charts, wanted, &workspace.charts_lock, context)?;
    for (chart, pin) in &ensured.downloaded {
        session.printer.status("Installed", &format!("{} {} for {chart}", pin.name, pin.version));
        let (name, version) = (pin.name.clone(), pin.version.clone());
        downloaded.push(json::Dependency { chart: chart.clone(), name, version });
    }
    for pin in &ensured.charts {
        session.printer.status("Installed", &format!("{} {} from {}", pin.name, pin.version, pin.repository));
        let (name, version) = (pin.name.clone(), pin.version.clone());
        downloaded.push(json::Dependency { chart: pin.repository.clone(), name, version });
    }
    removed(session, &ensured.removed);
    diagnostics.extend(ensured.findings);
    session.printer.finished(&format!("{}: dependencies are up to date", number(request)));
    Ok(Output::Deps(json::Deps { downloaded }))
}

fn removed(session: &Session<'_>, paths: &[PathBuf]) {
    for path in paths {
        session.printer.status("Removed", &inputs::name(&session.root, path));
    }
}
