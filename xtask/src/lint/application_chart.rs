//! Applications whose path is the chart of another Application, while nothing deploys the chart with their own name.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostics, did_you_mean};
use toolbox::inputs;
use workspace::written::Written;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationChart];

const PATH: [&str; 3] = ["spec", "source", "path"];

/// Checks the Applications in files.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let charts: Vec<String> =
        subject.workspace.chart_folders().iter().map(|folder| inputs::name(root, folder)).collect();
    let written: Vec<Written<'_>> = subject.every_application().filter(|one| one.made_by.is_none()).collect();
    let deployed: BTreeSet<&str> = written.iter().filter_map(path).collect();
    let found = subject.applications().into_iter().filter(|one| one.made_by.is_none()).filter_map(|application| {
        let path = path(&application)?;
        let owner = written.iter().find(|other| other.name == last(path) && self::path(other) == Some(path))?;
        let is_own = |chart: &&String| last(chart) == application.name && !deployed.contains(chart.as_str());
        let own = charts.iter().find(is_own).filter(|_| owner.name != application.name)?;
        let message = format!("`{path}` is the chart of Application `{}`", owner.name);
        let place = application.place(&PATH);
        let found = application.finding(Code::ApplicationChart, message, place, "");
        Some(found.at(owner.place(&PATH), "deploys it, too").help(did_you_mean(own)))
    });
    Diagnostics(found.collect())
}

/// The path of the only source, as it is without `./` and a `/` at the end.
fn path<'a>(application: &Written<'a>) -> Option<&'a str> {
    application.text(&PATH).map(|path| path.trim_start_matches("./").trim_end_matches('/'))
}

/// The last name in a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
