//! `impact VALUE`: every rendered line that a value reaches.
//!
//! The templates say which lines may depend on the value. Where a line is computed from many values, such as all that a
//! named template uses, the target is rendered with other values, which shows whether the line changes.

mod trial;

use std::collections::BTreeSet;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Result, suggestion};
use helm::set_path;
use helm::template::flow::value::{Reads, affects};
use kubernetes::manifest::Recorded;
use toolbox::parallel::parallel;

use super::app_of_apps;
use super::rendering::{self, Rendering};
use super::tracing::{Traced, Tracer};
use super::{Outcome, Session};
pub use crate::cli::Impact as Request;
use crate::report::json::{self, Output};
use crate::report::trail;

/// A line that depends on more values than that is computed from them together.
const FEW: usize = 3;

/// How the path of a value is written.
const PATH_HELP: &str = "use the path from the values of the chart on, such as `service.port`";

/// The lines of a target that a value reaches.
#[derive(Default)]
struct Reached {
    /// Those that contain it, or are computed from it.
    lines: Vec<trail::Line>,
    /// Those that are rendered or left out because of it.
    conditional: Vec<trail::Line>,
    /// Those that are computed from many values, and did not change with other values.
    unchanged: Vec<trail::Line>,
    /// The names of all values that the target reads.
    known: BTreeSet<String>,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let Some(path) = set_path::read(&request.value) else {
        let message = format!("`{}` is not the path of a value", request.value.escape_debug());
        return Err(Diagnostic::new(Code::Usage, message).help(PATH_HELP).into());
    };
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(session, &workspace, argocd, &request.targets, &mut diagnostics);
    let tracer = Tracer::new(session, &workspace, argocd);
    let all = parallel(session.jobs, &renderings, |one| reached(&tracer, one, &path));
    let mut known = BTreeSet::new();
    let (mut count, mut others, mut reaching, mut output) = (0, 0, 0, Vec::new());
    for (one, reached) in renderings.iter().zip(all) {
        let Some(Reached { lines, conditional, unchanged, known: read }) = diagnostics.take(reached) else { continue };
        known.extend(read);
        if lines.is_empty() && conditional.is_empty() && unchanged.is_empty() {
            continue;
        }
        reaching += 1;
        count += lines.len() + conditional.len();
        others += unchanged.len();
        session.printer.result(&format!("{}\n", one.target.id));
        for (title, lines) in [("", &lines), ("rendered because of it:\n", &conditional)] {
            if !lines.is_empty() {
                session.printer.result(title);
                session.printer.result(&trail::reached(lines));
            }
        }
        if !unchanged.is_empty() {
            let lines = plural(unchanged.len(), "line");
            session.printer.result(&format!("  {lines} computed from many values did not change with other values\n"));
        }
        session.printer.result("\n");
        let json = |lines: &[trail::Line]| lines.iter().map(json::TracedLine::from).collect();
        output.push(json::ImpactTarget {
            target: one.target.id.to_string(),
            lines: json(&lines),
            conditional: json(&conditional),
            unchanged: json(&unchanged),
        });
    }
    if count + others == 0 && !diagnostics.has_errors() {
        let message = format!("no template reads the value `{}`", request.value.escape_debug());
        let found = Diagnostic::new(Code::Usage, message);
        return Err(match diagnostics::nearest(&request.value, known.iter().map(String::as_str)) {
            Some(_) => found.help(suggestion(&request.value, known.iter().map(String::as_str))),
            None => found.help(PATH_HELP),
        }
        .into());
    }
    session.printer.finished(&format!("{} in {}", plural(count, "line"), plural(reaching, "target")));
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::Impact(json::Impact { value: request.value.clone(), targets: output }) })
}

fn reached(tracer: &Tracer<'_>, one: &Rendering<'_>, path: &[String]) -> Result<Reached> {
    let origins = tracer.trace(one)?;
    let mut reached = Reached::default();
    let manifests = one.manifests().unwrap_or_default();
    let mut trials: Option<Option<BTreeSet<(String, usize)>>> = None;
    for recorded in &manifests {
        let secret = recorded.manifest.keys().any(|key| key.kind == "Secret");
        for (index, text) in recorded.manifest.text.lines().enumerate() {
            // Helm writes the first line.
            if index == 0 && text.starts_with("# Source: ") {
                continue;
            }
            let found = origins.dependence(&recorded.file, index + 1);
            let all = found.value.iter().chain(&found.control);
            reached.known.extend(all.map(|path| path.join(".")).filter(|path| !path.contains('*') && !path.is_empty()));
            let affected = |reads: &Reads| reads.iter().any(|read| affects(path, read));
            let (value, control) = (affected(&found.value), affected(&found.control));
            if !value && !control {
                continue;
            }
            let many = value && found.value.len() > FEW || !value && found.control.len() > FEW;
            let changes = !many || {
                let changed = trials.get_or_insert_with(|| changed_lines(tracer, one, &origins, &manifests, path));
                changed.as_ref().is_none_or(|changed| changed.contains(&(recorded.file.clone(), index + 1)))
            };
            let line = trail::Line {
                golden: format!("{}/{}", one.golden.folder, recorded.file),
                number: index + 1,
                text: if secret { String::new() } else { text.to_owned() },
                trail: origins.trail(&recorded.file, index + 1, None),
                secret,
            };
            match (changes, value) {
                (false, _) => reached.unchanged.push(line),
                (true, true) => reached.lines.push(line),
                (true, false) => reached.conditional.push(line),
            }
        }
    }
    Ok(reached)
}

/// The lines that change if a value does. Nothing if no other value can be tried.
fn changed_lines(
    tracer: &Tracer<'_>,
    one: &Rendering<'_>,
    origins: &Traced<'_>,
    manifests: &[Recorded],
    path: &[String],
) -> Option<BTreeSet<(String, usize)>> {
    let settings = origins.settings();
    if settings.is_parameter(path) {
        return None;
    }
    let mut changed: Option<BTreeSet<(String, usize)>> = None;
    for (below, value) in trial::other_values(settings.node(path)) {
        let name = set_path::write(&[path, &below].concat());
        if let Some(after) = tracer.render_with(one, &format!("{name}={value}")) {
            changed.get_or_insert_default().extend(trial::changed(manifests, &after));
        }
    }
    changed
}
