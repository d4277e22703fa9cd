//! `deploy`: deploys the application again, or another instance of it.

use std::sync::Arc;

use document::{Fields, Syntax};

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::files;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "deploy",
    read: |fields, folder, diagnostics| {
        let mut inner = Fields::new(fields.node("deploy")?, &fields.path_of("deploy"), Syntax::Scenario);
        let (values, namespace) = (files::optional(&mut inner, "values", folder), inner.string("namespace"));
        inner.finish(diagnostics);
        Some(Arc::new(Deploy { values, namespace }))
    },
};

#[derive(Debug)]
struct Deploy {
    /// A value file beside the scenario that overrides all others.
    values: Option<String>,
    /// The namespace; the application's when absent.
    namespace: Option<String>,
}

impl Action for Deploy {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let file = self.values.as_ref().map(|file| runner.filled_file(file)).transpose()?;
        let namespace = self.namespace.as_ref().map(|text| runner.fill(text)).transpose()?;
        runner.deployer.deploy(runner.app, file.as_deref(), namespace.as_deref(), deadline.left())?;
        Ok(None)
    }

    fn files(&self) -> Vec<&str> {
        self.values.as_deref().into_iter().collect()
    }

    fn deploys(&self) -> bool {
        true
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn values(&self) -> Option<&str> {
        self.values.as_deref()
    }
}
