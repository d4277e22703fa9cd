//! `explain TARGET OBJECT FIELD`: which template line wrote a field, and which values it depends on.

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Result, suggestion};
use document::Node;
use kubernetes::object::Object;
use toolbox::parallel::parallel;

use super::app_of_apps;
use super::rendering::{self, Rendering};
use super::tracing::{Traced, Tracer};
use super::{Outcome, Session};
use crate::report;
use crate::report::json::{self, Output};
use crate::report::trail;

/// The target, the object, and the field to explain.
#[derive(Debug, Default)]
pub struct Request {
    /// The name of a target.
    pub target: String,
    /// An object, `<kind>/<name>` or `<kind>/<namespace>/<name>`; without it, the objects are listed.
    pub object: Option<String>,
    /// The path of a field; without it, every line of the object is explained.
    pub field: Option<String>,
}

/// Explains an object, or one of its fields.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(
        session,
        &workspace,
        argocd,
        std::slice::from_ref(&request.target),
        &mut diagnostics,
    );
    let [one] = renderings.as_slice() else {
        if !renderings.is_empty() {
            let names: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
            let message = format!("`{}` is not one target", request.target.escape_debug());
            return Err(Diagnostic::new(Code::Usage, message).help(format!("use one of {}", names.join(", "))).into());
        }
        diagnostics.sort();
        return Ok(Outcome { diagnostics, output: Output::default() });
    };
    if one.failed() {
        diagnostics.sort();
        return Ok(Outcome { diagnostics, output: Output::default() });
    }
    let objects = one.objects();
    let Some(name) = &request.object else {
        let list: Vec<[String; 2]> = objects.iter().map(|object| [title(object), golden(one, object)]).collect();
        session.printer.result(&report::table(&list));
        diagnostics.sort();
        return Ok(Outcome { diagnostics, output: Output::default() });
    };
    let object = find_object(&objects, name)?;
    let field = match &request.field {
        Some(path) => Some(find_field(object, path)?),
        None => None,
    };
    let origins = Tracer::new(session, &workspace, argocd).trace(one)?;
    let lines = lines(&origins, object, field.as_ref(), &golden(one, object));
    session.printer.result(&match lines.as_slice() {
        [line] if request.field.is_some() => trail::detailed(line),
        lines => trail::listed(lines),
    });
    diagnostics.sort();
    let lines = lines.iter().map(json::TracedLine::from).collect();
    Ok(Outcome { diagnostics, output: Output::ExplainField(json::ExplainField { lines }) })
}

/// The lines of an object or of a field, with what they come from.
fn lines(
    origins: &Traced<'_>,
    object: &Object,
    field: Option<&(Vec<String>, &Node)>,
    golden: &str,
) -> Vec<trail::Line> {
    let source = &object.root.source;
    let secret = object.key.kind == "Secret";
    let span = field.map_or(&object.root.span, |(_, node)| &node.span);
    // The last line break of a block scalar is followed by the next field.
    let written = source.text.get(span.clone()).unwrap_or_default().trim_end();
    let (first, bounds) = source.lines_of(&(span.start..span.start + written.len().max(1)));
    let text = source.text[bounds.clone()].trim_end();
    let single = text.lines().count() == 1;
    let numbered = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
    numbered
        .map(|(index, text)| {
            let number = first + index;
            let trail = match field {
                Some((path, node)) if single => {
                    origins.trail_of_field(&object.golden, number, node.span.start - bounds.start, written, path)
                }
                _ => origins.trail(&object.golden, number, None),
            };
            trail::Line { golden: golden.to_owned(), number, text: text.to_owned(), trail, secret }
        })
        .collect()
}

fn golden(one: &Rendering<'_>, object: &Object) -> String {
    format!("{}/{}", one.golden.folder, object.golden)
}

fn title(object: &Object) -> String {
    format!("{}/{}", object.key.kind, object.key.name)
}

/// Finds an object by its kind and name, also with its namespace in between. The kind may be in lowercase.
fn find_object<'o>(objects: &'o [Object], name: &str) -> Result<&'o Object> {
    let same = |object: &&Object| {
        let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
        let full = format!("{}/{}", object.key.namespace, object.key.name);
        kind.eq_ignore_ascii_case(&object.key.kind) && (rest == object.key.name || rest == full)
    };
    objects.iter().find(same).ok_or_else(|| {
        let names: Vec<String> = objects.iter().map(title).collect();
        let message = format!("the target has no object `{}`", name.escape_debug());
        Diagnostic::new(Code::Usage, message).help(suggestion(name, names.iter().map(String::as_str))).into()
    })
}

/// Finds a field, such as `spec.ports.0.port`, `spec.ports[0].port`, or `metadata.labels.app.kubernetes.io/name`.
fn find_field<'o>(object: &'o Object, path: &str) -> Result<(Vec<String>, &'o Node)> {
    let path = path.replace('[', ".").replace(']', "");
    let mut node = &object.root;
    let mut rest = path.trim_start_matches('.');
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let step = rest.split('.').next().unwrap_or_default();
        // A key may contain dots. The longest one that fits is meant.
        let mut keys = node.entries().iter().filter_map(|(key, value)| {
            let after = rest.strip_prefix(key.name.as_str())?;
            let after = if after.is_empty() { Some("") } else { after.strip_prefix('.') }?;
            Some((key.name.len(), value, after))
        });
        let mut best = keys.next();
        for key in keys {
            best = best.filter(|best| best.0 >= key.0).or(Some(key));
        }
        let item = || {
            let item = node.items().get(step.parse::<usize>().ok()?)?;
            Some((step.len(), item, rest[step.len()..].trim_start_matches('.')))
        };
        let Some((length, value, after)) = best.or_else(item) else {
            let parent = path.strip_suffix(rest).unwrap_or_default().trim_end_matches('.');
            let parent = if parent.is_empty() { String::new() } else { format!(" in `{parent}`") };
            let message = format!("{} has no field `{}`{parent}", title(object), step.escape_debug());
            let found = Diagnostic::new(Code::Usage, message);
            return Err(match node.items().len() {
                0 => found.help(suggestion(step, node.entries().iter().map(|(key, _)| key.name.as_str()))),
                count => found.help(format!("it is a list of {}, whose numbers begin with 0", plural(count, "item"))),
            }
            .into());
        };
        steps.push(rest[..length].to_owned());
        (node, rest) = (value, after);
    }
    Ok((steps, node))
}

/// How many lines of a target's manifests are traced.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    lines: usize,
    to_line: usize,
    to_file: usize,
}

/// Prints for every target how many lines of its manifests are traced.
pub fn coverage(session: &Session<'_>, targets: &[String]) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(session, &workspace, argocd, targets, &mut diagnostics);
    let tracer = Tracer::new(session, &workspace, argocd);
    let mut rows = vec![["target", "lines", "traced to a line", "to a file"].map(str::to_owned)];
    let mut targets = Vec::new();
    for (one, figures) in renderings.iter().zip(parallel(session.jobs, &renderings, |one| figures(&tracer, one))) {
        let Some(Figures { lines, to_line, to_file }) = diagnostics.take(figures) else { continue };
        let target = one.target.id.to_string();
        rows.push([target.clone(), lines.to_string(), share(to_line, lines), share(to_file, lines)]);
        targets.push(json::TracedTarget { target, lines, to_line, to_file });
    }
    session.printer.result(&report::table(&rows));
    session.printer.finished(&plural(targets.len(), "target"));
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::ExplainCoverage(json::ExplainCoverage { targets }) })
}

/// A share in percent, rounded down.
fn share(part: usize, whole: usize) -> String {
    let tenths = part * 1000 / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn figures(tracer: &Tracer<'_>, one: &Rendering<'_>) -> Result<Figures> {
    let origins = tracer.trace(one)?;
    let mut figures = Figures::default();
    for recorded in one.manifests().unwrap_or_default() {
        let file = origins.provenance().file(&recorded.file).is_some();
        for (index, line) in recorded.manifest.text.lines().enumerate() {
            // Helm writes the first line.
            if line.trim().is_empty() || index == 0 && line.starts_with("# Source: ") {
                continue;
            }
            figures.lines += 1;
            figures.to_line += usize::from(!origins.provenance().line(&recorded.file, index + 1).is_empty());
            figures.to_file += usize::from(file);
        }
    }
    Ok(figures)
}
