//! `object`: waits until an object has certain values, or no longer exists.

use std::ops::ControlFlow;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Result};
use serde_json::Value;
use toolbox::process::Followed;
use toolbox::progress::waits_for;

use crate::api::WatchEvent;
use crate::kubectl::checked;
use crate::observer::Stop;
use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::{Check, Has, Subject};
use crate::scenario::run::{Deadline, Runner};
use crate::verdict::Problem;

pub(super) const KIND: Kind = Kind {
    key: "object",
    read: |fields, _, diagnostics| {
        let subject = Subject::read(fields, "object");
        let check = Check::read(fields, diagnostics);
        Some(Arc::new(Object { subject: subject?, check }))
    },
};

#[derive(Debug)]
struct Object {
    subject: Subject,
    check: Check,
}

impl Action for Object {
    /// Watches the object, which may be of any kind, with a watch of its own.
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let (namespace, argument) = runner.named(&self.subject)?;
        let check = self.filled(runner)?;
        let (kind, name) = argument.split_once('/').unwrap_or_default();
        let field = format!("metadata.name={name}");
        let watch = runner
            .kubectl
            .invocation()
            .args(["get", kind, "--namespace", &namespace, "--field-selector", &field])
            .args(["--watch", "--output-watch-events", "--output", "json"]);
        let get = ["get", &argument, "--namespace", &namespace, "--output", "json", "--ignore-not-found"];
        let output = checked(&runner.kubectl.invocation().args(get))?;
        let mut object: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let mut problem = check.problem(object.as_ref());
        let mut text = String::new();
        while problem.is_some() && !deadline.left().is_zero() {
            waits_for(problem.as_deref().unwrap_or_default());
            let followed = watch.clone().deadline(deadline.left()).follow(|line| {
                if let Some(problem) = runner.observer.lost() {
                    return ControlFlow::Break(Some(problem));
                }
                let Some(line) = line else { return ControlFlow::Continue(()) };
                // An event may span several lines.
                text.push_str(line);
                text.push('\n');
                if let Ok(event) = serde_json::from_str::<WatchEvent>(&text) {
                    text.clear();
                    object = (event.kind != "DELETED").then_some(event.object);
                    problem = check.problem(object.as_ref());
                    waits_for(problem.as_deref().unwrap_or_default());
                    if problem.is_none() {
                        return ControlFlow::Break(None);
                    }
                }
                ControlFlow::Continue(())
            })?;
            match followed {
                Followed::Broken(None) => return Ok(None),
                Followed::Broken(Some(problem)) => return Err(Stop::Problem(problem)),
                Followed::Late(_) => {}
                Followed::Ended(output) if output.success() => {}
                Followed::Ended(output) => {
                    return Err(Diagnostic::new(Code::ClusterFailed, format!("`{argument}` cannot be watched"))
                        .note(output.stderr.trim().to_owned())
                        .into());
                }
            }
        }
        match problem {
            None => Ok(None),
            Some(problem) => {
                let resource = format!("{argument} in {namespace}");
                Err(Stop::Problem(Problem::new(resource, "is not as expected", problem)))
            }
        }
    }

    fn awaits(&self) -> Vec<&str> {
        self.check.has.iter().map(|has| has.text.as_str()).collect()
    }
}

impl Object {
    fn filled(&self, runner: &Runner<'_>) -> Result<Check> {
        let fill = |has: &Has| Ok(Has { path: runner.fill(&has.path)?, text: runner.fill(&has.text)?, how: has.how });
        Ok(Check { gone: self.check.gone, has: self.check.has.iter().map(fill).collect::<Result<_>>()? })
    }
}
