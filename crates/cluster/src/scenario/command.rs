//! Commands of a scenario, and their results.

use std::ops::ControlFlow;

use diagnostics::Result;
use toolbox::atomic_file;
use toolbox::process::{Followed, Invocation};
use toolbox::progress::waits_for;

use super::action::Outcome;
use super::expect::{self, Expect, Finished};
use super::run::Runner;
use crate::observer::Stop;
use crate::verdict::{Evidence, Problem};

impl Runner<'_> {
    /// Runs a command and compares its result with the expected one. `resource` names the command in messages.
    pub(super) fn run_command(&mut self, invocation: &Invocation, expect: &Expect, resource: &str) -> Outcome {
        let failed = |cause: String| Problem::new(resource, "failed", cause);
        let expect = self.filled(expect)?;
        let mut stdout = Vec::new();
        if let Some(text) = &expect.until {
            waits_for(&format!("`{text}` has not appeared yet"));
        }
        let followed = invocation.follow(|line| {
            if let Some(problem) = self.observer.lost() {
                return ControlFlow::Break(Some(problem));
            }
            let Some(line) = line else { return ControlFlow::Continue(()) };
            stdout.extend_from_slice(line.as_bytes());
            stdout.push(b'\n');
            match &expect.until {
                Some(text) if line.contains(text.as_str()) => ControlFlow::Break(None),
                _ => ControlFlow::Continue(()),
            }
        })?;
        let mut finished = Finished { exit: Some(0), stdout, stderr: String::new() };
        match followed {
            Followed::Broken(None) => {}
            Followed::Broken(Some(problem)) => return Err(Stop::Problem(problem)),
            Followed::Ended(output) => {
                finished.exit = output.code;
                finished.stderr = output.stderr;
                if let (Some(text), Some(0)) = (&expect.until, finished.exit) {
                    let output = expect::output(&String::from_utf8_lossy(&finished.stdout));
                    return Err(Stop::Problem(failed(format!("it exited before `{text}` appeared; {output}"))));
                }
            }
            Followed::Late(stderr) => {
                let output = expect::output(&format!("{}{stderr}", String::from_utf8_lossy(&finished.stdout)));
                let event = expect
                    .until
                    .as_ref()
                    .map_or("it did not exit".to_owned(), |text| format!("`{text}` did not appear"));
                let seconds = (invocation.deadline.as_millis() + 500) / 1000;
                let problem = failed(format!("{event} within {seconds} s; {output}"));
                return Err(Stop::Problem(problem.evidence(Evidence::Timeout)));
            }
        }
        self.concluded(&finished, &expect, resource)
    }

    /// Compares the result of a command with the expected one, whose variables are filled, and saves its output.
    pub(super) fn concluded(&mut self, finished: &Finished, expect: &Expect, resource: &str) -> Outcome {
        let file = expect.file.as_ref().map(|file| self.read(file)).transpose()?;
        if let Some(cause) = expect.problem(finished, file.as_ref().map(String::as_bytes)) {
            return Err(Stop::Problem(Problem::new(resource, "failed", cause)));
        }
        let text = String::from_utf8_lossy(&finished.stdout);
        if let Some(name) = &expect.save {
            let text = text.trim_end_matches('\n').to_owned();
            let path = self.folder.join(format!("saved-{name}"));
            atomic_file::write(&path, text.as_bytes())?;
            self.values.insert(format!("file:{name}"), path.display().to_string());
            self.values.insert(name.clone(), text);
        }
        let prefix = expect.show.as_ref();
        let shown = prefix.and_then(|prefix| text.lines().rfind(|line| line.starts_with(prefix.as_str())));
        Ok(shown.map(|line| line.trim().to_owned()))
    }

    /// The expected result with the values of its variables.
    pub(super) fn filled(&self, expect: &Expect) -> Result<Expect> {
        let fill = |texts: &[String]| texts.iter().map(|text| self.fill(text)).collect::<Result<Vec<_>>>();
        let option = |text: &Option<String>| text.as_ref().map(|text| self.fill(text)).transpose();
        Ok(Expect {
            contains: fill(&expect.contains)?,
            lacks: fill(&expect.lacks)?,
            equals: option(&expect.equals)?,
            until: option(&expect.until)?,
            ..expect.clone()
        })
    }
}
