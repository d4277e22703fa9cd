//! `exec`: runs a command or a script in a pod.

use std::sync::Arc;

use document::{Fields, Syntax};

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::expect::Expect;
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "exec",
    read: |fields, folder, diagnostics| {
        let mut inner = Fields::new(fields.node("exec")?, &fields.path_of("exec"), Syntax::Scenario);
        let subject = Subject::read(&mut inner, "in");
        let mut command: Vec<String> = inner.strings("command").into_iter().map(|(text, _)| text).collect();
        if let Some(script) = inner.string("script") {
            command.extend(["/bin/sh".to_owned(), "-euc".to_owned(), script]);
        }
        if command.is_empty() {
            inner.required("command");
        }
        inner.finish(diagnostics);
        let (input, expect) = (fields.string("input"), Expect::read(fields, folder, diagnostics));
        Some(Arc::new(Exec { subject: subject?, command, input, expect }))
    },
};

#[derive(Debug)]
struct Exec {
    /// The pod, or the workload whose pod is used.
    subject: Subject,
    command: Vec<String>,
    /// Its standard input.
    input: Option<String>,
    expect: Expect,
}

impl Action for Exec {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let (namespace, _) = runner.named(&self.subject)?;
        let pod = runner.ready_pod(&runner.key(&self.subject)?, deadline)?;
        let mut args = vec!["exec".to_owned(), pod.clone(), "--namespace".to_owned(), namespace.clone()];
        if self.input.is_some() {
            args.push("--stdin".to_owned());
        }
        args.push("--".to_owned());
        for word in &self.command {
            args.push(runner.fill(word)?);
        }
        let mut invocation = runner.kubectl.invocation().args(args);
        if let Some(input) = &self.input {
            invocation = invocation.input(runner.fill(input)?);
        }
        let resource = format!("the command in Pod {namespace}/{pod}");
        runner.run_command(&invocation.deadline(deadline.left()), &self.expect, &resource)
    }

    fn awaits(&self) -> Vec<&str> {
        self.expect.awaits()
    }

    fn saves(&self) -> Option<&str> {
        self.expect.save.as_deref()
    }
}
