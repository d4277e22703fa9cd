//! `xtask`: runs a command of this tool on the files of the last commit, such as `ci`, which should have refused it.

use std::sync::Arc;

use diagnostics::Result;

use crate::observer::Stop;
use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::expect::{Expect, Finished};
use crate::scenario::run::{Deadline, Runner};
use crate::verdict::Problem;

pub(super) const KIND: Kind = Kind {
    key: "xtask",
    read: |fields, folder, diagnostics| {
        let args: Vec<String> = fields.strings("xtask").into_iter().map(|(text, _)| text).collect();
        let expect = Expect::read(fields, folder, diagnostics);
        Some(Arc::new(Xtask { args, expect }))
    },
};

#[derive(Debug)]
struct Xtask {
    args: Vec<String>,
    expect: Expect,
}

impl Action for Xtask {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let args = self.args.iter().map(|text| runner.fill(text)).collect::<Result<Vec<_>>>()?;
        let (exit, output) = runner.gitops()?.check(&args, deadline.left())?;
        let finished = Finished { exit, stdout: output.clone().into_bytes(), stderr: String::new() };
        if let Some(cause) = self.expect.problem(&finished, None) {
            return Err(Stop::Problem(Problem::new(format!("`cargo xtask {}`", args.join(" ")), "failed", cause)));
        }
        let prefix = self.expect.show.as_ref();
        let shown = prefix.and_then(|prefix| output.lines().rfind(|line| line.starts_with(prefix.as_str())));
        Ok(shown.map(|line| line.trim().to_owned()))
    }

    fn awaits(&self) -> Vec<&str> {
        self.expect.awaits()
    }

    fn needs_git(&self) -> bool {
        true
    }
}
