//! `explain TARGET OBJECT FIELD`: which template line wrote a field, and which values it depends on.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, suggestion};
use document::Node;
use golden::objects;
use kubernetes::object::Object;
use toolbox::parallel::parallel;
use workspace::plan::Inspections;
use workspace::provenance::Writer;
use workspace::{Workspace, plan};

use super::rendering::{self, Rendering};
use super::tracing::Tracer;
use super::{Outcome, Session};
use crate::report;
use crate::report::json::Output;

/// How many lines of goldens are traced.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    lines: usize,
    to_line: usize,
    to_file: usize,
}

/// Prints for every target how many lines of its manifests are traced.
pub fn coverage(session: &Session<'_>, targets: &[String]) -> Result<Outcome> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let argocd = workspace.config.argocd;
    let (inspections, found) = Inspections::new(&workspace);
    diagnostics.extend(found);
    let (targets, found) = plan::plan(&workspace, &inspections, argocd, targets);
    diagnostics.extend(found);
    let renderings = rendering::render(session, &workspace, argocd, targets, false, &mut diagnostics);
    let tracer = Tracer::new(session, &workspace, argocd)?;
    let mut rows = Vec::new();
    for (one, figures) in renderings.iter().zip(parallel(session.jobs, &renderings, |one| figures(&tracer, one))) {
        let Some(figures) = diagnostics.take(figures) else { continue };
        let share = |part: usize| format!("{:.1} %", 100.0 * part as f64 / figures.lines.max(1) as f64);
        rows.push(
            [one.target.id.to_string(), figures.lines.to_string(), share(figures.to_line), share(figures.to_file)]
                .to_vec(),
        );
    }
    session
        .printer
        .result(&report::table(&rows.iter().map(|row| [row[0].clone(), row[1..].join("  ")]).collect::<Vec<_>>()));
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::default() })
}

fn figures(tracer: &Tracer<'_>, one: &Rendering<'_>) -> Result<Figures> {
    let provenance = tracer.trace(one)?;
    let mut figures = Figures::default();
    for recorded in one.manifests().unwrap_or_default() {
        let file = provenance.file(&recorded.file).is_some();
        for (index, line) in recorded.manifest.text.lines().enumerate() {
            // The first line is Helm's own.
            if line.trim().is_empty() || index == 0 && line.starts_with("# Source: ") {
                continue;
            }
            figures.lines += 1;
            let writers = provenance.line(&recorded.file, index + 1);
            figures.to_line += usize::from(!writers.is_empty());
            figures.to_file += usize::from(file);
            if std::env::var("XTASK_TRACE").is_ok() {
                let show = |w: &Writer| {
                    format!("{}{}", w.place, w.callers.iter().map(|p| format!(" < {p}")).collect::<String>())
                };
                println!(
                    "{}:{}\t{line}\t{}",
                    recorded.file,
                    index + 1,
                    writers.iter().map(show).collect::<Vec<_>>().join(" | ")
                );
            }
        }
    }
    Ok(figures)
}
