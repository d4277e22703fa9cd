//! One test per workspace in tests/judge/workspaces, which the README there documents: what the binary renders must be what
//! Argo CD's own code renders, object by object and value by value.
//!
//! The judge is a program that links Argo CD (tests/judge). Where it is not built, nothing runs; with `CI=true`, that is a
//! failure. `UPDATE_JUDGE=1` removes the workspaces that pass from tests/judge/pending.txt; `JUDGE_PENDING=1` shows what
//! differs in the others.

#[path = "../fixtures/case.rs"]
mod case;
mod compare;
mod judge;
mod lists;
mod ours;
#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod support;
mod verdict;
mod workspace;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use judge::Judge;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use lists::Lists;
use ours::Programs;
use support::{HELM_4, ci, helm, repository};
use workspace::Workspace;

fn main() -> ExitCode {
    run().unwrap_or_else(|problem| {
        print(&format!("error: {problem}"));
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let names = workspace::names()?;
    let Some(program) = program()? else {
        print(
            "skipped: tests/judge/workspaces, because the judge is not built: run `.ci/check judge`, or set XTASK_JUDGE",
        );
        return Ok(ExitCode::SUCCESS);
    };
    let Some(helm) = helm(HELM_4) else { return Ok(ExitCode::SUCCESS) };
    let kustomize = support::tool("kustomize");
    let court = Arc::new(Court {
        judge: Judge::start(&program, &helm, kustomize.as_deref())?,
        kustomize,
        helm,
        lists: Lists::read(&names)?,
        memory: tempfile::tempdir().map_err(|error| error.to_string())?,
        counts: Mutex::default(),
    });
    let trials = names.into_iter().map(|name| {
        let court = Arc::clone(&court);
        Trial::ignorable_test(name.clone(), move || court.hear(&name))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let complete = conclusion.num_filtered_out == 0 && !arguments.list;
    court.report(complete)?;
    Ok(conclusion.exit_code())
}

/// The judge: `XTASK_JUDGE`, or where `.ci/check judge` builds it.
fn program() -> Result<Option<PathBuf>, String> {
    if let Some(path) = std::env::var_os("XTASK_JUDGE").map(PathBuf::from) {
        return if path.is_file() {
            Ok(Some(path))
        } else {
            Err(format!("XTASK_JUDGE: {} is not a file", path.display()))
        };
    }
    let built = repository().join("target/judge/judge");
    match built.is_file() {
        true => Ok(Some(built)),
        false if ci() => Err("CI requires the judge: `.ci/check judge` builds it".to_owned()),
        false => Ok(None),
    }
}

fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How much was compared, and with which result.
#[derive(Default)]
struct Counts {
    workspaces: usize,
    applications: usize,
    objects: usize,
    meant: usize,
    pending: usize,
    /// The pending workspaces that pass.
    passed: BTreeSet<String>,
}

/// What the tests share.
struct Court {
    judge: Judge,
    helm: PathBuf,
    kustomize: Option<PathBuf>,
    lists: Lists,
    /// What the binary remembers of its helm, by digests of everything that it depends on.
    memory: tempfile::TempDir,
    counts: Mutex<Counts>,
}

impl Court {
    /// Compares what the binary and Argo CD make of a workspace.
    fn hear(&self, name: &str) -> Result<Completion, Failed> {
        let workspace = Workspace::lay(name, &self.helm, self.memory.path())?;
        // One after the other: what the binary writes would be directories of a Git generator.
        let theirs = self.judge.ask(&workspace)?;
        let jsonnet = workspace.evaluates().then(|| support::tool("jsonnet"));
        if jsonnet == Some(None) {
            return Ok(Completion::ignored_with("jsonnet is unavailable"));
        }
        let programs = Programs { helm: &self.helm, kustomize: self.kustomize.as_deref(), jsonnet: jsonnet.flatten() };
        let ours = ours::run(&workspace, &programs)?;
        if self.kustomize.is_none() && theirs.lacks("kustomize") {
            return Ok(Completion::ignored_with("kustomize is unavailable"));
        }
        let findings = compare::compare(&ours, &theirs);
        let (meant, findings) = self.lists.divide(name, findings);

        let pending = self.lists.pending(name);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.workspaces += 1;
        if pending.is_some() && !findings.is_empty() && !lists::shown() {
            counts.pending += 1;
            return Ok(Completion::Completed);
        }
        if pending.is_some() && findings.is_empty() {
            counts.passed.insert(name.to_owned());
        }
        if findings.is_empty() {
            counts.applications += theirs.applications.len();
            for application in &theirs.applications {
                let differs: BTreeSet<&str> = meant
                    .iter()
                    .filter(|finding| finding.application == application.instance)
                    .map(|finding| finding.object.as_str())
                    .collect();
                // A difference outside of its objects is one of all of them.
                let objects = application.objects.len();
                counts.objects += objects;
                counts.meant += if differs.contains("") { objects } else { differs.len() };
            }
        }
        drop(counts);
        if pending.is_some() && findings.is_empty() && !lists::update() {
            return Err(
                "it passes: delete its line in tests/judge/pending.txt, or run the test with UPDATE_JUDGE=1".into()
            );
        }
        if findings.is_empty() {
            return Ok(Completion::Completed);
        }
        let findings: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        Err(format!("{findings}{ours}").into())
    }

    /// Prints the figures. In a complete run, nothing in the lists may be unnecessary.
    fn report(&self, complete: bool) -> Result<(), String> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { workspaces, applications, objects, meant, pending, passed } = &*counts;
        let equal = objects - meant;
        print(&format!(
            "{workspaces} workspaces: {} judged, with {applications} Applications and {objects} objects, of which {equal} are equal \
             and {meant} different as meant; {pending} pending",
            workspaces - pending,
        ));
        if lists::update() {
            Lists::remove(passed)?;
        }
        if complete { self.lists.unnecessary() } else { Ok(()) }
    }
}
