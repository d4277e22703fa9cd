//! Rows about `diff`.

use diagnostics::{Diagnostic, Result};

use super::amount::Amount;
use super::context::{Context, program};
use super::generated::{Edit, Shape};
use super::measure::{finish, median, ratio, timed};
use super::measured::Measured;

/// The size of each of the two large manifests, in bytes.
const LARGE: usize = 10_000_000;

/// The length of a line of data in a generated object.
const LINE: usize = 35;

pub(super) fn own(context: &Context<'_>) -> Result<Measured> {
    let time = context.warm(&context.session.root, &["diff"], &[0])?;
    Ok(Measured::Amount(Amount::Time(time)))
}

pub(super) fn three(context: &Context<'_>) -> Result<Measured> {
    let shape = Shape::applications(500);
    let root = context.generated(shape)?;
    let _edits = Edit::accepted(&root, &context.scratch("cache"), &[0, 100, 400], shape)?;
    let time = context.warm(&root, &["diff", "--base", "HEAD"], &[0])?;
    Ok(Measured::Amount(Amount::Time(time)))
}

pub(super) fn large(context: &Context<'_>) -> Result<Measured> {
    let shape = Shape { applications: 1, objects: 2, values: 10, lines: LARGE / LINE };
    let root = context.generated(shape)?;
    let Some(diff) = program("diff", &root) else {
        return Ok(Measured::Skipped("diff is not on PATH".to_owned()));
    };
    let golden = format!("{}/app-00000/default/configmap-app-00000-1.yaml", golden::FOLDER);
    let before = context.scratch("before.yaml");
    std::fs::copy(root.join(&golden), &before).map_err(|error| Diagnostic::io("copy", &before, &error))?;
    let _edits = Edit::accepted(&root, &context.scratch("cache"), &[0], shape)?;
    let ours = context.command(&root, &["diff", "--base", "HEAD"]);
    let start = context.command(&root, &["explain", "yaml-syntax"]);
    let diff = diff.args(["-u".into(), before.into_os_string(), golden.into()]);
    finish(&ours, &[0])?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..context.rounds {
        own.push(timed(|| finish(&ours, &[0]))?);
        other.push(timed(|| finish(&start, &[0]).and_then(|()| finish(&diff, &[1])))?);
    }
    Ok(Measured::Amount(Amount::Ratio(ratio(median(own), median(other)))))
}
