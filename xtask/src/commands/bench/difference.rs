//! Rows about `diff`.

use diagnostics::Result;

use super::amount::Amount;
use super::context::{Context, program};
use super::generated::{self, Edit, Shape};
use super::measure::{finish, median, ratio, timed};
use super::measured::Measured;

/// The size of the goldens in each of the two revisions, in bytes.
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

/// A manifest of one object, in which one line changes.
pub(super) fn one_object(context: &Context<'_>) -> Result<Measured> {
    large(context, 1)
}

/// Manifests of a thousand objects, in one of which one line changes.
pub(super) fn many_objects(context: &Context<'_>) -> Result<Measured> {
    large(context, 1000)
}

/// Beside GNU diff and the start of this tool, for two revisions of as many ConfigMaps.
fn large(context: &Context<'_>, objects: usize) -> Result<Measured> {
    let shape = Shape { applications: 1, objects: objects + 1, values: 10, lines: LARGE / LINE / objects };
    let root = context.generated(shape)?;
    let Some(diff) = program("diff", &root) else {
        return Ok(Measured::Skipped("diff is not on PATH".to_owned()));
    };
    let goldens = format!("{}/{}/default", golden::FOLDER, generated::name(0));
    let before = context.scratch(&format!("before-{objects}"));
    generated::copy(&root.join(&goldens), &before)?;
    let _edits = Edit::one_line(&root, &context.scratch("cache"), 0)?;
    let ours = context.command(&root, &["diff", "--base", "HEAD"]);
    let start = context.command(&root, &["explain", "yaml-syntax"]);
    let diff = diff.args(["-ru".into(), before.into_os_string(), goldens.into()]);
    finish(&ours, &[0])?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..context.rounds {
        own.push(timed(|| finish(&ours, &[0]))?);
        other.push(timed(|| finish(&start, &[0]).and_then(|()| finish(&diff, &[1])))?);
    }
    Ok(Measured::Amount(Amount::Ratio(ratio(median(own), median(other)))))
}
