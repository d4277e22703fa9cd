//! The process of the judge. It reads workspaces and answers in the order in which it finishes them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::verdict::Verdict;
use crate::workspace::Workspace;

/// How long one workspace may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// The running judge.
pub(crate) struct Judge {
    process: Mutex<Child>,
    input: Mutex<Option<ChildStdin>>,
    answers: Arc<Answers>,
}

/// The answers that nobody has taken yet, and whether no more will come.
#[derive(Default)]
struct Answers {
    waiting: Mutex<(BTreeMap<PathBuf, Verdict>, Option<String>)>,
    changed: Condvar,
}

impl Judge {
    /// Starts the program.
    pub(crate) fn start(program: &Path, helm: &Path, kustomize: Option<&Path>) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.arg("-helm").arg(helm);
        if let Some(kustomize) = kustomize {
            command.arg("-kustomize").arg(kustomize);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let answers = Arc::new(Answers::default());
        let shared = Arc::clone(&answers);
        let output = output.ok_or("the judge has no output")?;
        thread::spawn(move || {
            let mut end = "the judge ended".to_owned();
            for line in BufReader::new(output).lines() {
                let answer = line.map_err(|error| error.to_string());
                match answer.and_then(|line| Verdict::read(&line).map_err(|error| format!("{error}: {line}"))) {
                    Ok(verdict) => shared.change(|(answers, _)| {
                        answers.insert(verdict.root.clone(), verdict);
                    }),
                    Err(problem) => {
                        end = problem;
                        break;
                    }
                }
            }
            shared.change(|(_, ended)| *ended = Some(end));
        });
        Ok(Self { process: Mutex::new(process), input: Mutex::new(input), answers })
    }

    /// What Argo CD makes of a workspace. An error of the judge itself is an error of the test: what Argo CD rejects is an
    /// answer. Nothing may write into the workspace meanwhile.
    pub(crate) fn ask(&self, workspace: &Workspace) -> Result<Verdict, String> {
        let root = workspace.bench.root();
        let request = json!({ "root": root, "mirror": workspace.mirror(), "applied": workspace.applied });
        {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            let input = input.as_mut().ok_or("the judge has no input")?;
            writeln!(input, "{request}").and_then(|()| input.flush()).map_err(|error| format!("the judge: {error}"))?;
        }
        self.answers.wait(&root)
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.input.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.process.get_mut().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

impl Answers {
    fn change(&self, change: impl FnOnce(&mut (BTreeMap<PathBuf, Verdict>, Option<String>))) {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for the answer to the question about a workspace.
    fn wait(&self, root: &Path) -> Result<Verdict, String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let none = |(answers, end): &mut (BTreeMap<PathBuf, Verdict>, Option<String>)| {
            !answers.contains_key(root) && end.is_none()
        };
        let (mut waiting, late) =
            self.changed.wait_timeout_while(waiting, DEADLINE, none).unwrap_or_else(PoisonError::into_inner);
        let Some(verdict) = waiting.0.remove(root) else {
            let end = if late.timed_out() { "the judge does not answer" } else { "" };
            return Err(waiting.1.clone().unwrap_or_else(|| end.to_owned()));
        };
        match &verdict.error {
            Some(error) => Err(format!("the judge: {error}")),
            None => Ok(verdict),
        }
    }
}
