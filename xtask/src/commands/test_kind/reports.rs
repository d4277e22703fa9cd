//! What became of the steps of a run, and how that is told: a table, JUnit, JSON.
//!
//! Pure. Deliberately absent: running them (lane.rs).

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Class, Code, Diagnostics};
use crate::report::junit;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    Passed,
    Failed,
    Skipped,
}

impl Result {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the closing table.
#[derive(Debug, Clone)]
pub(super) struct StepReport {
    /// The scenario, or the stage of the run.
    pub(super) lane: String,
    pub(super) name: String,
    pub(super) result: Result,
    pub(super) took: Duration,
    /// What it had to tell, or the one line of its failure.
    pub(super) told: Option<String>,
    /// What the cluster showed of a failure.
    pub(super) details: Vec<String>,
}

impl StepReport {
    pub(super) fn passed(lane: &str, name: &str, took: Duration) -> Self {
        Self {
            lane: lane.to_owned(),
            name: name.to_owned(),
            result: Result::Passed,
            took,
            told: None,
            details: Vec::new(),
        }
    }

    pub(super) fn skipped(lane: &str, name: &str) -> Self {
        Self { result: Result::Skipped, ..Self::passed(lane, name, Duration::ZERO) }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "scenario": self.lane,
            "step": self.name,
            "result": self.result.word(),
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "told": self.told,
        })
    }
}

/// What a part of a run has to tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) steps: Vec<StepReport>,
    pub(super) found: Diagnostics,
}

impl Told {
    pub(super) fn extend(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.found.extend(other.found);
    }

    pub(super) fn failed(&self) -> bool {
        self.steps.iter().any(|step| step.result == Result::Failed)
    }
}

impl From<StepReport> for Told {
    fn from(step: StepReport) -> Self {
        Self { steps: vec![step], found: Diagnostics::default() }
    }
}

/// The table that a run closes with: step, result, seconds.
pub(super) fn table(reports: &[StepReport]) -> String {
    let name = |report: &StepReport| format!("{}: {}", report.lane, report.name);
    let width = reports.iter().map(|report| name(report).chars().count()).max().unwrap_or_default();
    let mut out = String::new();
    for report in reports {
        let told = report.told.as_ref().map(|told| format!("  {told}")).unwrap_or_default();
        let seconds = report.took.as_secs_f64();
        out.push_str(&format!("{:<width$}  {:<7} {seconds:>6.1} s{told}\n", name(report), report.result.word()));
    }
    out
}

/// The same as JUnit has it: a suite for each scenario.
pub(super) fn suites(reports: &[StepReport], diagnostics: &Diagnostics) -> Vec<junit::Suite> {
    let mut suites: Vec<junit::Suite> = Vec::new();
    for report in reports {
        let failure = || junit::Failure {
            kind: Code::ScenarioFailed.name().to_owned(),
            message: report.told.clone().unwrap_or_default(),
            text: report.details.join("\n\n"),
        };
        let case = junit::Case {
            name: report.name.clone(),
            time: Some(report.took),
            failures: if report.result == Result::Failed { vec![failure()] } else { Vec::new() },
            skipped: (report.result == Result::Skipped)
                .then(|| report.told.clone().unwrap_or_else(|| "a step before it failed".to_owned())),
        };
        match suites.iter_mut().find(|suite| suite.name == report.lane) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(junit::Suite { name: report.lane.clone(), cases: vec![case] }),
        }
    }
    // What kept the run from its steps belongs to it as well.
    let others: Vec<junit::Failure> = diagnostics
        .0
        .iter()
        .filter(|found| found.code != Code::ScenarioFailed && found.code.class() > Class::Warning)
        .map(|found| junit::Failure {
            kind: found.code.name().to_owned(),
            message: found.message.clone(),
            text: found.notes.iter().chain(&found.helps).cloned().collect::<Vec<_>>().join("\n"),
        })
        .collect();
    if !others.is_empty() {
        let case = junit::Case { name: "the run".to_owned(), failures: others, ..junit::Case::default() };
        suites.push(junit::Suite { name: "test-kind".to_owned(), cases: vec![case] });
    }
    suites
}
