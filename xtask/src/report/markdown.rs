//! The Markdown report: one comment on a pull request, or several if it is too long for one.
//!
//! Each part begins with a hidden marker, by which a later run finds the comments that it replaces. docs/reports.md
//! describes it.

mod block;
mod content;
mod escape;

use self::block::Unit;
use super::model::{Report, Side, Validity};
use super::visible;

/// The largest comment that GitHub and Forgejo accept.
const COMMENT: usize = 65_536;

/// What the first line of a part begins with.
pub(crate) const MARKER: &str = "<!-- cargo-xtask:";

/// The parts of a report, each small enough for one comment.
#[must_use]
pub fn parts(report: &Report) -> Vec<String> {
    divided(report, Unit::Characters, COMMENT)
}

/// The report for a page that accepts this many bytes. If it has to be cut, it says so.
#[must_use]
pub fn page(report: &Report, bytes: usize) -> String {
    const CUT: &str = "This page is full. The whole report is in the files of `--markdown` and `--html`.\n";
    let mut parts = divided(report, Unit::Bytes, bytes.saturating_sub(CUT.len()));
    let cut = if parts.len() > 1 { CUT } else { "" };
    format!("{}{cut}", parts.swap_remove(0))
}

fn divided(report: &Report, unit: Unit, limit: usize) -> Vec<String> {
    // The number of parts is unknown until they are there.
    let many = 99_999;
    let reserved = unit.size(&head(report, many, many)) + unit.size(&foot(report, many, many));
    let blocks = content::blocks(report);
    let parts = block::divide(&blocks, unit, limit.saturating_sub(reserved).max(1000));
    let count = parts.len();
    let numbered = parts.into_iter().enumerate();
    numbered
        .map(|(index, text)| format!("{}{text}{}", head(report, index + 1, count), foot(report, index + 1, count)))
        .collect()
}

fn head(report: &Report, number: usize, count: usize) -> String {
    let title = match report.command {
        "diff" => "What Argo CD would change",
        _ => "What `cargo xtask ci` found",
    };
    let of = if count > 1 { format!(", part {number} of {count}") } else { String::new() };
    format!("{MARKER}{}:{number} -->\n## {title}{of}\n\n", report.command)
}

fn foot(report: &Report, number: usize, count: usize) -> String {
    let Report { base, head, elapsed, .. } = report;
    let mut facts = vec![format!("{} → {}", side(base), side(head))];
    let versions =
        |side: &Side| format!("Argo CD {} · Helm {}", visible::line(&side.argocd), visible::line(&side.helm));
    let (before, after) = (versions(base), versions(head));
    facts.push(if before == after { after } else { format!("{before} → {after}") });
    facts.push(format!("xtask {}", env!("CARGO_PKG_VERSION")));
    if let Validity::Unknown { .. } = &report.validity {
        facts.extend(report.validity.describe().map(|text| escape::message(&text)));
    }
    facts.push(format!("in {:.2}s", elapsed.as_secs_f64()));
    if count > 1 {
        facts.push(format!("part {number} of {count}"));
    }
    format!("<sub>{}</sub>\n", facts.join(" · "))
}

fn side(side: &Side) -> String {
    match &side.commit {
        Some(commit) if !commit.starts_with(&side.name) => {
            format!("{} ({})", escape::code(&side.name), escape::code(commit.get(..10).unwrap_or(commit)))
        }
        _ => escape::code(&side.name),
    }
}
