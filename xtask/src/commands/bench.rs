//! `bench`: measures this tool beside bare tools, in this workspace and in generated ones, and compares the results with
//! the goals.
//!
//! Times are medians. Where a goal is a ratio, both programs run alternately, so that a slow phase of the machine affects
//! both. The absolute times depend on the machine, which is printed with them.

mod amount;
mod build;
mod context;
mod difference;
mod fresh;
mod generated;
mod helm;
mod machine;
mod measure;
mod measured;
mod mixed;
mod plot;
mod row;
mod scaling;
mod stages;

use diagnostics::{Code, Diagnostic, Result};
use toolbox::atomic_file;
use toolbox::progress::Progress;

use self::context::Context;
use self::measured::Measured;
use self::row::{ROWS, Row};
use super::app_of_apps;
use super::{Outcome, Session};
pub use crate::cli::Bench as Request;
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let rows = selected(&request.rows)?;
    let context = Context::new(session, &workspace, request.rounds)?;
    let machine = machine::describe();
    if let Some(path) = &request.plot {
        let series = scaling::measure(&context)?;
        atomic_file::write(path, plot::svg(&machine, &series).as_bytes())?;
        session.printer.status("Wrote", &path.display().to_string());
    }
    let plot_only = request.plot.is_some() && request.rows.is_empty();
    let mut results = Vec::new();
    for row in rows.iter().filter(|_| !plot_only) {
        session.printer.status("Measuring", row.name);
        // A row that fails does not lose the others.
        let measured = diagnostics.take((row.measure)(&context));
        results.push((*row, measured.unwrap_or_else(|| Measured::Skipped("it failed".to_owned()))));
    }
    if !plot_only {
        session.printer.result(&table(&machine, context.rounds, &results));
    }
    let rows = results.iter().map(|(row, measured)| json_row(row, measured)).collect();
    Ok(Outcome { diagnostics, output: Output::Bench(json::Bench { machine, rows }) })
}

/// The rows whose names contain some texts.
fn selected(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().filter(|row| !row.slow).collect());
    }
    if let Some(unknown) = names.iter().find(|name| !ROWS.iter().any(|row| row.name.contains(name.as_str()))) {
        let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(Diagnostic::new(Code::Usage, format!("no row is called `{unknown}`"))
            .note(format!("rows: {}", known.join("; ")))
            .help("name a part of one of them")
            .into());
    }
    Ok(ROWS.iter().filter(|row| names.iter().any(|name| row.name.contains(name.as_str()))).collect())
}

/// The results as a table of Markdown.
fn table(machine: &str, rounds: usize, results: &[(&Row, Measured)]) -> String {
    let mut text = format!("{machine}; medians of {rounds} rounds\n\n| what | goal | measured |\n|---|---|---|\n");
    for (row, measured) in results {
        let measured = match measured {
            Measured::Amount(amount) if amount.meets(row.goal) => amount.to_string(),
            Measured::Amount(amount) => format!("**{amount}**"),
            Measured::Skipped(reason) => format!("skipped: {reason}"),
        };
        text.push_str(&format!("| {} | ≤ {} | {measured} |\n", row.name, row.goal));
    }
    text
}

fn json_row(row: &Row, measured: &Measured) -> json::BenchRow {
    let (amount, skipped) = match measured {
        Measured::Amount(amount) => (Some(*amount), None),
        Measured::Skipped(reason) => (None, Some(reason.clone())),
    };
    json::BenchRow {
        name: row.name,
        unit: row.goal.unit(),
        goal: row.goal.number(),
        measured: amount.map(amount::Amount::number),
        met: amount.map(|amount| amount.meets(row.goal)),
        skipped,
    }
}
