//! The rows of the table. A new one is an entry in [`ROWS`].

use diagnostics::Result;

use super::amount::Amount;
use super::context::Context;
use super::measured::Measured;
use super::{build, difference, fresh, helm, mixed, stages};

/// A row: what is measured, and the highest amount that meets its goal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) goal: Amount,
    pub(super) measure: fn(&Context<'_>) -> Result<Measured>,
    /// Whether it takes minutes, so it is measured only where it is named.
    pub(super) slow: bool,
}

impl Row {
    const fn new(name: &'static str, goal: Amount, measure: fn(&Context<'_>) -> Result<Measured>) -> Self {
        Self { name, goal, measure, slow: false }
    }

    const fn slow(self) -> Self {
        Self { slow: true, ..self }
    }
}

/// All rows.
pub(super) const ROWS: &[Row] = &[
    Row::new("render, nothing changed, this repository", Amount::milliseconds(8), fresh::own),
    Row::new("render, nothing changed, 500 Applications", Amount::milliseconds(120), |bench| fresh::of(bench, 500)),
    Row::new("render, nothing changed, 5000 Applications", Amount::milliseconds(1200), |bench| fresh::of(bench, 5000)),
    Row::new("its memory", Amount::mebibytes(64), |bench| fresh::memory(bench, 5000)),
    Row::new("one value changed among 500, beyond the fresh case", Amount::milliseconds(100), fresh::one_value),
    Row::new("50 charts cold, helm command, beside bare helm", Amount::Ratio(1.05), helm::cold),
    Row::new("50 charts cold, batch engine, beside bare helm", Amount::Ratio(0.2), |bench| helm::batch(bench, 50)),
    Row::new("500 charts cold, batch engine, beside bare helm", Amount::Ratio(0.15), |bench| helm::batch(bench, 500)),
    Row::new("100 mixed Applications cold, beside bare helm and kustomize", Amount::Ratio(1.15), mixed::cold),
    Row::new("render, nothing changed, 100 mixed Applications", Amount::milliseconds(60), mixed::fresh),
    Row::new("50 charts, helmfile, beside bare helm", Amount::Ratio(1.05), helm::helmfile),
    Row::new("ci, this repository, warm", Amount::milliseconds(500), stages::own_ci),
    Row::new("ci, 500 Applications, 3 changed", Amount::milliseconds(1500), stages::ci),
    Row::new("ci, 1000 keys in values.yaml, warm", Amount::milliseconds(500), |bench| stages::keys(bench, 1000)),
    Row::new("ci, 16000 keys in values.yaml, warm", Amount::milliseconds(1000), |bench| stages::keys(bench, 16_000)),
    Row::new("ci, 64000 keys in values.yaml, warm", Amount::milliseconds(3000), |bench| stages::keys(bench, 64_000)),
    Row::new("ci, 500000 keys in values.yaml, warm", Amount::milliseconds(20_000), |bench| {
        stages::keys(bench, 500_000)
    })
    .slow(),
    Row::new("validate, 50 targets, warm, beside kubeconform", Amount::Ratio(1.1), stages::validate),
    Row::new("lint, 50 targets, warm, beside kubeconform", Amount::Ratio(1.1), stages::lint),
    Row::new("diff, this repository", Amount::milliseconds(100), difference::own),
    Row::new("diff, 500 Applications, 3 changed", Amount::milliseconds(300), difference::three),
    Row::new("diff, 10 MB in 1000 objects, beside diff -u and the start", Amount::Ratio(1.0), difference::many_objects),
    Row::new("diff, 10 MB in one object, beside diff -u and the start", Amount::Ratio(1.0), difference::one_object),
    Row::new("cargo build, cold", Amount::milliseconds(60_000), build::cold).slow(),
    Row::new("cargo build after an edit", Amount::milliseconds(5000), build::after_edit).slow(),
];
