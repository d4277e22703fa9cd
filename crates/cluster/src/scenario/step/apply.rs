//! `apply`: applies manifests, and waits until they are ready.

use std::sync::Arc;

use diagnostics::Result;
use document::{Fields, Syntax, Value};

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::apply::{settle, write};
use crate::scenario::files;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "apply",
    read: |fields, folder, diagnostics| {
        let node = fields.node("apply")?;
        if !matches!(node.value, Value::Mapping(_)) {
            let files = files::list(fields, "apply", folder);
            return Some(Arc::new(Apply { files, namespace: None, wait: true }));
        }
        let mut inner = Fields::new(node, &fields.path_of("apply"), Syntax::Scenario);
        inner.required("files");
        let (files, namespace) = (files::list(&mut inner, "files", folder), inner.string("namespace"));
        let wait = inner.flag("wait").unwrap_or(true);
        inner.finish(diagnostics);
        Some(Arc::new(Apply { files, namespace, wait }))
    },
};

#[derive(Debug)]
struct Apply {
    /// The files, beside the scenario.
    files: Vec<String>,
    /// The namespace of objects that name none; the application's when absent.
    namespace: Option<String>,
    /// Whether to wait; otherwise a later `ready` step does.
    wait: bool,
}

impl Action for Apply {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let namespace = self.namespace.as_ref().map(|text| runner.fill(text)).transpose()?;
        let namespace = namespace.as_ref().unwrap_or(&runner.namespace);
        let texts = self.files.iter().map(|file| runner.fill(&runner.read(file)?)).collect::<Result<Vec<_>>>()?;
        let written = write(runner.kubectl, runner.observer, namespace, &texts.join("\n---\n"), deadline.left())?;
        if self.wait {
            settle(runner.observer, &written, deadline.left())?;
        }
        Ok(None)
    }

    fn files(&self) -> Vec<&str> {
        self.files.iter().map(String::as_str).collect()
    }

    fn applied(&self) -> &[String] {
        &self.files
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}
