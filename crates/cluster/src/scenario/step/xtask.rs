//! `xtask`: runs a command of this tool on the files of the last commit, such as `ci`, which should have refused it.

use std::sync::Arc;

use diagnostics::Result;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::expect::Expect;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "xtask",
    read: |fields, folder, diagnostics| {
        let args: Vec<String> = fields.strings("xtask").into_iter().map(|(text, _)| text).collect();
        let (input, expect) = (fields.string("input"), Expect::read(fields, folder, diagnostics));
        Some(Arc::new(Xtask { args, input, expect }))
    },
};

#[derive(Debug)]
struct Xtask {
    args: Vec<String>,
    /// Its standard input.
    input: Option<String>,
    expect: Expect,
}

impl Action for Xtask {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let args = self.args.iter().map(|text| runner.fill(text)).collect::<Result<Vec<_>>>()?;
        let input = self.input.as_ref().map(|text| runner.fill(text)).transpose()?;
        let expect = runner.filled(&self.expect)?;
        let finished = runner.gitops()?.check(&args, input, deadline.left())?;
        runner.concluded(&finished, &expect, &format!("`cargo xtask {}`", args.join(" ")))
    }

    fn awaits(&self) -> Vec<&str> {
        self.expect.awaits()
    }

    fn saves(&self) -> Option<&str> {
        self.expect.save.as_deref()
    }

    fn needs_git(&self) -> bool {
        true
    }
}
