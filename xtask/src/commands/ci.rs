//! `ci`: everything that needs no cluster, in one pass and one report. Nothing that is recorded is trusted.
//!
//! A stage that finds something does not keep the next one from running: what could be rendered is validated and
//! linted whatever became of the rest.
//!
//! Deliberately absent: images and the tests of the tool itself, which `.ci/run` has.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Outcome, Session, lint, render, rendering};
use crate::diagnostic::{Class, Diagnostics, Result};
use crate::plan::{self, Inspections, Target};
use crate::report::junit::{self, Case, Failure, Suite};
use crate::report::{self, json, plural};
use crate::whole;
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// Where to write the report as JUnit XML.
    pub junit: Option<PathBuf>,
}

/// A stage that has run.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    time: Duration,
    /// What it looked at; each is a case, even if nothing is found in it.
    subjects: Vec<String>,
    found: Diagnostics,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let mut stages = Vec::new();
    let result = all(session, &mut stages);
    let mut diagnostics = Diagnostics::default();
    for stage in &stages {
        diagnostics.extend(stage.found.clone());
    }
    let fields = match result {
        Ok(fields) => fields,
        Err(found) => {
            diagnostics.extend(found.clone());
            stages.push(Stage { name: "workspace", time: Duration::ZERO, subjects: Vec::new(), found });
            Vec::new()
        }
    };
    if let Some(path) = &request.junit {
        let suites: Vec<Suite> = stages.iter().map(suite).collect();
        let written = whole::write(path, junit::document(&suites).as_bytes());
        diagnostics.extend(written.err().unwrap_or_default());
    }
    diagnostics.sort();
    let findings = diagnostics.0.len();
    let found = if findings == 0 { "nothing found".to_owned() } else { plural(findings, "finding") };
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    session.printer.finished(&format!("{}: {found}", names.join(", ")));
    Ok(Outcome { diagnostics, fields })
}

/// Runs the stages one after the other. `Err` only when there is nothing to run them on.
fn all(session: &Session<'_>, stages: &mut Vec<Stage>) -> Result<Vec<(&'static str, serde_json::Value)>> {
    let started = Instant::now();
    let (workspace, mut found) = Workspace::load(&session.root)?;
    let argocd = workspace.config.argocd;
    let (inspections, dependencies) = Inspections::new(&workspace);
    found.extend(dependencies);
    let (targets, planned) = plan::plan(&workspace, &inspections, argocd, &[]);
    found.extend(planned);
    let renderings = rendering::render(session, &workspace, argocd, targets, true, &mut found);
    let rendered = !found.has_errors() && renderings.iter().all(|one| matches!(one.rendered, Some(Ok(_))));
    let asked = render::Request { force: true, ..render::Request::default() };
    let judged = render::judge(session, &asked, &workspace, argocd, &renderings, &mut found);
    let report = found.take(judged);
    if let Some(report) = &report {
        session.printer.render(report);
    }
    let subjects: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
    stages.push(Stage { name: "render", time: started.elapsed(), subjects: subjects.clone(), found });

    let started = Instant::now();
    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let checked = lint::check(session, &lint::Request::default(), &workspace, &targets, &renderings, rendered);
    let subjects = subjects.into_iter().chain(checked.charts).collect();
    stages.push(Stage { name: "lint", time: started.elapsed(), subjects, found: checked.diagnostics });
    Ok(report.as_ref().map(json::render).unwrap_or_default())
}

/// A stage as JUnit has it: a case for each subject, and one for what concerns none of them.
fn suite(stage: &Stage) -> Suite {
    let mut suite = Suite { name: stage.name.to_owned(), cases: Vec::new() };
    let known: BTreeSet<&str> = stage.subjects.iter().map(String::as_str).collect();
    let others = Case { name: "workspace".to_owned(), time: Some(stage.time), ..Case::default() };
    suite.cases.push(others);
    suite.cases.extend(stage.subjects.iter().map(|name| Case { name: name.clone(), ..Case::default() }));
    for diagnostic in stage.found.0.iter().filter(|found| found.code.class() > Class::Warning) {
        let subject = diagnostic.target.as_deref().filter(|target| known.contains(target)).unwrap_or("workspace");
        if let Some(case) = suite.cases.iter_mut().find(|case| case.name == subject) {
            case.failures.push(Failure {
                kind: diagnostic.code.name().to_owned(),
                message: diagnostic.message.clone(),
                text: report::plain(diagnostic),
            });
        }
    }
    suite
}
