//! Running times of programs.

use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Result};
use toolbox::parallel::parallel;
use toolbox::process::Invocation;

/// How long a measured program may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(600);

/// The running time of some work.
pub(super) fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

/// The middle one of several times.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How often one time is contained in another.
pub(super) fn ratio(own: Duration, other: Duration) -> f64 {
    own.as_secs_f64() / other.as_secs_f64().max(f64::EPSILON)
}

/// Runs a program, which must end with one of some exit codes.
pub(super) fn finish(invocation: &Invocation, codes: &[i32]) -> Result<()> {
    let output = invocation.clone().deadline(DEADLINE).run()?;
    if output.code.is_some_and(|code| codes.contains(&code)) {
        return Ok(());
    }
    Err(Diagnostic::new(Code::Usage, "a measured command failed")
        .note(format!("`{}` exited with code {:?}", invocation.command_line(), output.code))
        .note(output.stderr)
        .help("run the command, and correct what it reports")
        .into())
}

/// Runs programs, several at a time.
pub(super) fn finish_all(jobs: usize, invocations: &[Invocation]) -> Result<()> {
    parallel(jobs, invocations, |invocation| finish(invocation, &[0])).into_iter().collect()
}
