//! The HTML report: one file that needs nothing else, with search, filters, and three views of each change.
//!
//! Everything is readable without its script, which only adds the controls, and colors the diffs when they come into view.
//! The policy in its head allows that script and nothing else.

mod page;
mod section;

use super::document::Document;
use super::model::Report;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The document.
#[must_use]
pub fn document(report: &Report) -> String {
    let title = page::title(report);
    let body = page::body(report);
    Document { title, style: STYLE, script: SCRIPT, view: Some("unified"), body }.into_text()
}
