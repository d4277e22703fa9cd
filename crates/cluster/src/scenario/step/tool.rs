//! `tool`: runs a pinned tool on the cluster.

use std::sync::Arc;

use diagnostics::Result;
use toolbox::process::Invocation;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::expect::Expect;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "tool",
    read: |fields, folder, diagnostics| {
        let name = fields.required_string("tool");
        let args = fields.strings("args").into_iter().map(|(text, _)| text).collect();
        let (input, expect) = (fields.string("input"), Expect::read(fields, folder, diagnostics));
        Some(Arc::new(Tool { name: name?, args, input, expect }))
    },
};

#[derive(Debug)]
struct Tool {
    name: String,
    args: Vec<String>,
    /// Its standard input.
    input: Option<String>,
    expect: Expect,
}

impl Action for Tool {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let args = self.args.iter().map(|text| runner.fill(text)).collect::<Result<Vec<_>>>()?;
        let mut invocation = if self.name == "kubectl" {
            runner.kubectl.invocation()
        } else {
            runner.kubectl.aimed(Invocation::new(&runner.deployer.tool(&self.name)?, &runner.kubectl.home))
        };
        if let Some(input) = &self.input {
            invocation = invocation.input(runner.fill(input)?);
        }
        runner.run_command(&invocation.args(args).deadline(deadline.left()), &self.expect, &self.name)
    }

    fn awaits(&self) -> Vec<&str> {
        self.expect.awaits()
    }

    fn saves(&self) -> Option<&str> {
        self.expect.save.as_deref()
    }

    fn tool(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn arguments(&self) -> &[String] {
        &self.args
    }
}
