//! The result of `test-kind` or `test-gitops`.

use schemars::JsonSchema;
use serde::Serialize;

/// The result of `test-kind` or `test-gitops`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TestKind {
    /// The steps of the end-to-end scenarios, in order.
    pub steps: Vec<Step>,
}

/// A step of an end-to-end scenario.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The scenario, the application, or `cluster`.
    pub scenario: String,
    /// The name of the step.
    pub step: String,
    /// The result of the step.
    pub result: StepResult,
    /// How long it took.
    pub seconds: f64,
    /// The line that the step prints, the summary of its failure, or the reason why its condition does not hold.
    pub summary: Option<String>,
}

/// The result of a step.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It did not run: an earlier step failed, or its condition does not hold.
    Skipped,
}
