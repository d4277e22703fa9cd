//! `review`: asks about each pending difference on a terminal, and records the targets whose differences are all
//! accepted.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::Style;
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use golden::store::{self, Update};
use golden::{FOLDER, Orphans};
use toolbox::inputs;

use super::differences::{self, Differences};
use super::rendering::Rendering;
use super::{Outcome, Session, render};
use crate::report::answers::Answers;
use crate::report::json::Output;
use crate::report::rendered::{self, RenderReport, State};
use crate::review::{self, Answer, Change, HELP, QUESTION, Verdict};

/// How the parts of the question stand out.
const BOLD: Style = Style::new().bold();

/// Runs the command.
pub fn run(session: &Session<'_>, selected: &[String]) -> Result<Outcome> {
    refuse(session)?;
    store::recover(&session.root, session.printer)?;
    differences::find(session, selected, |differences| decide(session, differences))
}

/// Asks, and records what is accepted.
fn decide(session: &Session<'_>, differences: Differences<'_>) -> Result<Outcome> {
    let Differences { jobs, orphans, report, found: mut diagnostics } = differences;
    let renamed = orphans.renamed(&render::unrecorded(&jobs));
    let changes = changes(session, &report, &orphans, &renamed);
    let decisions = ask(session, &changes)?;
    let verdicts = review::verdicts(&changes, &decisions);
    record(session, &report, jobs, &verdicts, &mut diagnostics)?;
    for (subject, verdict) in &verdicts {
        session.printer.result(&format!("{BOLD}{subject}{BOLD:#}: {}\n", verdict.describe()));
    }
    let left: Vec<&str> =
        verdicts.iter().filter(|(_, verdict)| !verdict.records()).map(|(subject, _)| subject.as_str()).collect();
    if !left.is_empty() {
        let verb = if left.len() == 1 { "differs from its" } else { "differ from their" };
        let message = format!("{} still {verb} goldens", plural(left.len(), "target"));
        diagnostics.push(
            Diagnostic::new(Code::GoldenDiffers, message)
                .note(left.join(", "))
                .help("change what they are rendered from, or run `cargo xtask review` again"),
        );
    }
    let recorded = verdicts.len() - left.len();
    session.printer.finished(&format!(
        "{}: {recorded} of {} recorded",
        plural(changes.len(), "change"),
        verdicts.len()
    ));
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::default() })
}

/// Refuses to accept anything in CI, and to ask where nobody answers.
fn refuse(session: &Session<'_>) -> Result<()> {
    if session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`review` is not allowed when `CI=true`")
            .help("run it on your machine, and commit the goldens")
            .into());
    }
    if !session.printer.can_ask() {
        return Err(Diagnostic::new(Code::Usage, "`review` requires a terminal, and text output")
            .help("`cargo xtask pending` lists the differences, and `cargo xtask render --accept TARGET` records them")
            .into());
    }
    Ok(())
}

/// Everything to decide about. The subjects are the names of targets, and the paths of goldens that belong to none.
fn changes(
    session: &Session<'_>,
    report: &RenderReport,
    orphans: &Orphans,
    renamed: &BTreeMap<String, String>,
) -> Vec<Change<String>> {
    let differences = rendered::changes(report)
        .into_iter()
        .map(|change| Change { text: change.text, subjects: change.targets.iter().map(ToString::to_string).collect() });
    let mut changes: Vec<Change<String>> = differences.collect();
    let of_one = |text: String, subject: String| Change { text, subjects: BTreeSet::from([subject]) };
    for target in report.targets.iter().filter(|target| target.state == State::Changed) {
        let id = target.id.to_string();
        match &target.former {
            Some(former) => changes.push(of_one(format!("{BOLD}{id}: renamed from {former}{BOLD:#}\n\n"), id)),
            // The objects are the same, but a file is missing, or belongs to none of them.
            None if target.diffs.is_empty() => {
                changes.push(of_one(format!("{BOLD}{id}: files are missing or left over{BOLD:#}\n\n"), id));
            }
            None => {}
        }
    }
    for path in orphans.paths(&session.root) {
        let name = inputs::name(&session.root, &path);
        let of_renamed = renamed.values().any(|former| name == format!("{FOLDER}/{former}"));
        if !of_renamed {
            changes.push(of_one(format!("{BOLD}{name}: no target renders these goldens{BOLD:#}\n\n"), name));
        }
    }
    changes
}

/// Shows each change and asks about it.
fn ask(session: &Session<'_>, changes: &[Change<String>]) -> Result<Vec<review::Decision>> {
    let answers = Answers::new();
    review::decide(changes.len(), &mut |index| {
        session.printer.result(&changes[index].text);
        loop {
            session.printer.result(&format!("{BOLD}({}/{}) {QUESTION}{BOLD:#}", index + 1, changes.len()));
            let Some(line) = answers.next_line()? else {
                session.printer.result("\n");
                return Ok(Answer::Quit);
            };
            match Answer::parse(&line) {
                Some(Answer::Help) | None => session.printer.result(HELP),
                Some(answer) => return Ok(answer),
            }
        }
    })
}

/// Records the targets that are accepted, and removes the goldens of their former names, and those that belong to no
/// target, all in one update.
fn record(
    session: &Session<'_>,
    report: &RenderReport,
    jobs: Vec<Rendering<'_>>,
    verdicts: &BTreeMap<String, Verdict>,
    diagnostics: &mut Diagnostics,
) -> Result<()> {
    let accepted = |subject: &str| verdicts.get(subject).is_some_and(|verdict| verdict.records());
    let chosen: Vec<Rendering<'_>> = jobs.into_iter().filter(|job| accepted(&job.target.id.to_string())).collect();
    let request = render::Request { accept: true, ..render::Request::default() };
    let mut update = render::locks(session, &request, &chosen, diagnostics);
    let golden = session.root.join(FOLDER);
    for target in report.targets.iter().filter(|target| accepted(&target.id.to_string())) {
        update.remove.extend(target.former.iter().map(|former| golden.join(&former.app).join(&former.case)));
    }
    let others = verdicts.keys().filter(|subject| subject.starts_with(FOLDER) && accepted(subject));
    update.remove.extend(others.map(|path| session.root.join(path)));
    let Update { folders, remove } = &update;
    if folders.is_empty() && remove.is_empty() { Ok(()) } else { store::apply(&session.root, &update, session.printer) }
}
