//! Rows about the checks.

use diagnostics::Result;
use kubernetes::schemas;

use super::amount::Amount;
use super::context::{COMPARES, Context};
use super::generated::{self, Edit, Shape};
use super::measure::{finish, median, ratio, timed};
use super::measured::Measured;

/// The number of targets of `validate` and `lint`.
const TARGETS: usize = 50;

pub(super) fn own_ci(context: &Context<'_>) -> Result<Measured> {
    let time = context.warm(&context.session.root, &["ci"], &COMPARES)?;
    Ok(Measured::Amount(Amount::Time(time)))
}

pub(super) fn ci(context: &Context<'_>) -> Result<Measured> {
    let root = context.generated(Shape::applications(500))?;
    finish(&context.command(&root, &["ci"]), &COMPARES)?;
    let _edits: Vec<Edit> = (0..3).map(|index| Edit::message(&root, index)).collect::<Result<_>>()?;
    Ok(Measured::Amount(Amount::Time(context.warm(&root, &["ci"], &COMPARES)?)))
}

/// One chart with a number of values.
pub(super) fn keys(context: &Context<'_>, count: usize) -> Result<Measured> {
    let root = context.generated(Shape { applications: 1, objects: 2, values: count, lines: 10 })?;
    Ok(Measured::Amount(Amount::Time(context.warm(&root, &["ci"], &COMPARES)?)))
}

pub(super) fn validate(context: &Context<'_>) -> Result<Measured> {
    beside_kubeconform(context, "validate")
}

pub(super) fn lint(context: &Context<'_>) -> Result<Measured> {
    beside_kubeconform(context, "lint")
}

/// The time of a command in proportion to that of kubeconform for the goldens.
fn beside_kubeconform(context: &Context<'_>, command: &str) -> Result<Measured> {
    let root = context.generated(Shape::applications(TARGETS))?;
    if !root.join("schemas").is_dir() {
        return Ok(Measured::Skipped("this workspace has no schemas/".to_owned()));
    }
    let command = context.command(&root, &[command]);
    finish(&command, &COMPARES)?;
    let schemas = format!("{}/schemas/{}", root.display(), schemas::LAYOUT);
    let kubeconform = toolbox::process::Invocation::new(&context.tool("kubeconform")?, &root)
        .args(["-strict", "-output", "json", "-verbose", "-n", "2", "-ignore-filename-pattern", "render[.]lock"])
        .args(["-schema-location", &schemas])
        .args((0..TARGETS).map(|index| format!("{}/{}/default", golden::FOLDER, generated::name(index))));
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..context.rounds {
        own.push(timed(|| finish(&command, &COMPARES))?);
        other.push(timed(|| finish(&kubeconform, &[0]))?);
    }
    Ok(Measured::Amount(Amount::Ratio(ratio(median(own), median(other)))))
}
