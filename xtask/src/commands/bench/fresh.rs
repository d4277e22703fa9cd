//! Rows about renders in which nothing changed, or one value.

use diagnostics::Result;

use super::amount::Amount;
use super::context::{COMPARES, Context, program};
use super::generated::{Edit, Shape};
use super::measure::finish;
use super::measured::Measured;

const RENDER: [&str; 1] = ["render"];

pub(super) fn own(context: &Context<'_>) -> Result<Measured> {
    let time = context.warm(&context.session.root, &RENDER, &[0])?;
    Ok(Measured::Amount(Amount::Time(time)))
}

pub(super) fn of(context: &Context<'_>, applications: usize) -> Result<Measured> {
    let root = context.generated(Shape::applications(applications))?;
    Ok(Measured::Amount(Amount::Time(context.warm(&root, &RENDER, &[0])?)))
}

pub(super) fn memory(context: &Context<'_>, applications: usize) -> Result<Measured> {
    let root = context.generated(Shape::applications(applications))?;
    let command = context.command(&root, &RENDER);
    let Some(mut time) = program("time", &root) else {
        return Ok(Measured::Skipped("GNU time is not on PATH".to_owned()));
    };
    time = time.args(["-f", "%M"]).args([command.program.clone().into_os_string()]).args(command.args.clone());
    time.environment = command.environment;
    let output = time.run()?;
    let amount = output.stderr.lines().last().and_then(|line| line.trim().parse().ok()).map(Amount::Memory);
    Ok(amount.map_or_else(|| Measured::Skipped("`time` is not GNU time".to_owned()), Measured::Amount))
}

pub(super) fn one_value(context: &Context<'_>) -> Result<Measured> {
    let root = context.generated(Shape::applications(500))?;
    let fresh = context.warm(&root, &RENDER, &[0])?;
    let _edit = Edit::message(&root, 0)?;
    finish(&context.command(&root, &RENDER), &COMPARES)?;
    let changed = context.time(&root, &RENDER, &COMPARES)?;
    Ok(Measured::Amount(Amount::Time(changed.saturating_sub(fresh))))
}
