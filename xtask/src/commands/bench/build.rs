//! Rows about compiling this tool.

use std::time::Duration;

use diagnostics::Result;
use toolbox::process::Invocation;

use super::amount::Amount;
use super::context::{Context, program};
use super::measure::{DEADLINE, finish, timed};
use super::measured::Measured;

/// A file of the crate on top.
const EDITED: &str = "xtask/src/main.rs";

pub(super) fn cold(context: &Context<'_>) -> Result<Measured> {
    let Some(cargo) = cargo(context) else { return Ok(none()) };
    time(|| finish(&cargo, &[0]))
}

pub(super) fn after_edit(context: &Context<'_>) -> Result<Measured> {
    let Some(cargo) = cargo(context) else { return Ok(none()) };
    finish(&cargo, &[0])?;
    // Cargo compares times.
    let file = std::fs::File::open(context.session.root.join(EDITED));
    let touched = file.and_then(|file| file.set_modified(std::time::SystemTime::now() + Duration::from_secs(1)));
    touched.map_err(|error| diagnostics::Diagnostic::io("change", EDITED.as_ref(), &error))?;
    time(|| finish(&cargo, &[0]))
}

fn time(work: impl FnOnce() -> Result<()>) -> Result<Measured> {
    Ok(Measured::Amount(Amount::Time(timed(work)?)))
}

fn none() -> Measured {
    Measured::Skipped("this workspace does not contain the tool, or cargo is not on PATH".to_owned())
}

/// The build of the alias, in a directory of its own. The crates are downloaded already.
fn cargo(context: &Context<'_>) -> Option<Invocation> {
    let root = &context.session.root;
    root.join(EDITED).is_file().then_some(())?;
    let cargo = program("cargo", root)?.args(["build", "--quiet", "--offline", "--package", "xtask"]);
    Some(cargo.env("CARGO_TARGET_DIR", context.scratch("target")).deadline(DEADLINE))
}
