//! The results of a run's steps: as a table, as JUnit, and as JSON.
//!
//! Pure.

use std::time::Duration;

use diagnostics::{Class, Code, Diagnostics};

use crate::report::{json, junit};

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Result {
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
pub(crate) struct StepReport {
    /// The scenario, the application, or `cluster`.
    pub(crate) lane: String,
    pub(crate) name: String,
    pub(crate) result: Result,
    pub(crate) took: Duration,
    /// The line that it shows, the summary of its failure, or the reason why its condition does not hold.
    pub(crate) summary: Option<String>,
    /// The diagnosis of its failure.
    pub(crate) details: Vec<String>,
}

impl StepReport {
    pub(crate) fn passed(lane: &str, name: &str, took: Duration) -> Self {
        Self {
            lane: lane.to_owned(),
            name: name.to_owned(),
            result: Result::Passed,
            took,
            summary: None,
            details: Vec::new(),
        }
    }

    pub(crate) fn skipped(lane: &str, name: &str) -> Self {
        Self { result: Result::Skipped, ..Self::passed(lane, name, Duration::ZERO) }
    }

    pub(crate) fn json(&self) -> json::Step {
        json::Step {
            scenario: self.lane.clone(),
            step: self.name.clone(),
            result: match self.result {
                Result::Passed => json::StepResult::Passed,
                Result::Failed => json::StepResult::Failed,
                Result::Skipped => json::StepResult::Skipped,
            },
            seconds: (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            summary: self.summary.clone(),
        }
    }
}

/// The step that fails if images cannot be loaded.
pub(super) const LOADS: &str = "loads the remaining images";

/// The results of a part of a run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) steps: Vec<StepReport>,
    pub(crate) diagnostics: Diagnostics,
}

impl Results {
    /// The failure to load images during other work.
    pub(crate) fn not_loaded(diagnostics: Diagnostics) -> Self {
        let summary = diagnostics.0.first().map(|one| one.message.clone());
        let step = StepReport::passed("cluster", LOADS, Duration::ZERO);
        Self { steps: vec![StepReport { result: Result::Failed, summary, ..step }], diagnostics }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.diagnostics.extend(other.diagnostics);
    }

    pub(crate) fn failed(&self) -> bool {
        self.steps.iter().any(|step| step.result == Result::Failed)
    }
}

impl From<StepReport> for Results {
    fn from(step: StepReport) -> Self {
        Self { steps: vec![step], diagnostics: Diagnostics::default() }
    }
}

/// The closing table: step, result, and seconds.
pub(crate) fn table(reports: &[StepReport]) -> String {
    let name = |report: &StepReport| format!("{}: {}", report.lane, report.name);
    let width = reports.iter().map(|report| name(report).chars().count()).max().unwrap_or_default();
    let mut out = String::new();
    for report in reports {
        let summary = report.summary.as_ref().map(|summary| format!("  {summary}")).unwrap_or_default();
        let seconds = report.took.as_secs_f64();
        out.push_str(&format!("{:<width$}  {:<7} {seconds:>6.1} s{summary}\n", name(report), report.result.word()));
    }
    out
}

/// The JUnit suites: one per scenario.
pub(crate) fn suites(command: &str, reports: &[StepReport], diagnostics: &Diagnostics) -> Vec<junit::Suite> {
    let mut suites: Vec<junit::Suite> = Vec::new();
    for report in reports {
        let failure = || junit::Failure {
            kind: Code::ScenarioFailed.name().to_owned(),
            message: report.summary.clone().unwrap_or_default(),
            text: report.details.join("\n\n"),
        };
        let case = junit::Case {
            name: report.name.clone(),
            time: Some(report.took),
            failures: if report.result == Result::Failed { vec![failure()] } else { Vec::new() },
            skipped: (report.result == Result::Skipped)
                .then(|| report.summary.clone().unwrap_or_else(|| "an earlier step failed".to_owned())),
        };
        match suites.iter_mut().find(|suite| suite.name == report.lane) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(junit::Suite { name: report.lane.clone(), cases: vec![case] }),
        }
    }
    // Errors outside of steps, such as a cluster that cannot be created.
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
        suites.push(junit::Suite { name: command.to_owned(), cases: vec![case] });
    }
    suites
}
