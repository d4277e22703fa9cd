//! `cache`: shows the size of the cache, and deletes the entries that were not used for the longest time.

use diagnostics::{Diagnostics, Result};
use toolbox::cache::{self, Collected, LIMIT};
use toolbox::environment::Environment;
use toolbox::progress::Progress;

use super::Outcome;
use crate::report::Printer;
use crate::report::json::{self, Output};

/// Lists the parts of the cache.
pub fn stats(environment: &Environment, printer: &Printer) -> Result<Outcome> {
    environment.check_cache()?;
    Ok(outcome(environment, printer, LIMIT, Collected::default()))
}

/// Deletes results, inline values, and exports, until the others are within a limit in MiB.
pub fn gc(environment: &Environment, printer: &Printer, limit: Option<u64>) -> Result<Outcome> {
    environment.check_cache()?;
    let limit = limit.map_or(LIMIT, |limit| limit.saturating_mul(1024 * 1024));
    let collected = cache::collect(&environment.cache, limit);
    let entries = if collected.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", collected.entries) };
    printer.status("Removed", &format!("{entries}, {}", size(collected.bytes)));
    Ok(outcome(environment, printer, limit, collected))
}

fn outcome(environment: &Environment, printer: &Printer, limit: u64, collected: Collected) -> Outcome {
    let parts = cache::parts(&environment.cache);
    let width = parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for part in &parts {
        let kept = if part.limited { "" } else { "  not limited" };
        text.push_str(&format!("{:width$}  {:>6}  {:>10}{kept}\n", part.name, part.entries, size(part.bytes)));
    }
    printer.result(&text);
    let limited: u64 = parts.iter().filter(|part| part.limited).map(|part| part.bytes).sum();
    let directory = environment.cache.display().to_string();
    printer.finished(&format!("{directory}: {} of at most {}", size(limited), size(limit)));
    let parts = parts.into_iter().map(|part| json::CachePart {
        name: part.name,
        entries: part.entries,
        bytes: part.bytes,
        limited: part.limited,
    });
    let removed = json::Removed { entries: collected.entries, bytes: collected.bytes };
    let output = Output::Cache(json::Cache { directory, limit, parts: parts.collect(), removed });
    Outcome { diagnostics: Diagnostics::default(), output }
}

/// A size for people.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "rounded anyway")]
    let mib = bytes as f64 / (1024.0 * 1024.0);
    if bytes.is_multiple_of(1024 * 1024) && bytes > 0 { format!("{mib:.0} MiB") } else { format!("{mib:.1} MiB") }
}
