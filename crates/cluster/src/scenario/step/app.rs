//! `app`: waits until an Application has a state that Argo CD reports.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic};

use crate::api;
use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::gitops::of_application;
use crate::scenario::run::{Deadline, Runner};
use crate::verdict::{self, Problem, Verdict};

pub(super) const KIND: Kind = Kind {
    key: "app",
    read: |fields, _, _| {
        let name = fields.required_string("app")?;
        let (sync, health) = (fields.string("sync"), fields.string("health"));
        let (operation, message) = (fields.string("operation"), fields.string("message"));
        if sync.is_none()
            && health.is_none()
            && operation.is_none()
            && message.is_none()
            && let Some(node) = fields.node("app")
        {
            fields.report(
                Diagnostic::new(Code::ScenarioInvalid, "`app` requires an expected state")
                    .at(node.place(), "expected `sync`, `health`, `operation`, or `message` beside it"),
            );
        }
        Some(Arc::new(App { name, sync, health, operation, message }))
    },
};

#[derive(Debug)]
struct App {
    name: String,
    /// Its sync status.
    sync: Option<String>,
    /// Its health.
    health: Option<String>,
    /// The phase of its last sync.
    operation: Option<String>,
    /// A part of what Argo CD reports about it.
    message: Option<String>,
}

impl Action for App {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let name = runner.fill(&self.name)?;
        let message = self.message.as_ref().map(|text| runner.fill(text)).transpose()?;
        let resource = format!("Application {name}");
        runner.observer.wait(deadline.left(), |snapshot| {
            of_application(snapshot, &name, |found| match self.lacks(found, message.as_deref()) {
                None => Verdict::Ready,
                Some((state, cause)) => Verdict::Pending(Problem::new(resource.clone(), state, cause)),
            })
        })?;
        let found = runner.observer.snapshot();
        let mut shown = None;
        of_application(&found, &name, |found| {
            shown = verdict::cause(found);
            Verdict::Ready
        });
        Ok(shown.filter(|_| message.is_some()).map(|text| diagnostics::excerpt::excerpt(&text)))
    }

    fn needs_git(&self) -> bool {
        true
    }

    fn breaks(&self) -> Option<&str> {
        (self.sync.as_deref() == Some("Unknown")).then_some(&self.name)
    }

    fn awaits(&self) -> Vec<&str> {
        self.message.as_deref().into_iter().collect()
    }
}

impl App {
    /// How the state differs from the expected one: the state, and more about it.
    fn lacks(&self, found: &api::Application, message: Option<&str>) -> Option<(String, String)> {
        let status = &found.status;
        let phase = status.operation_state.as_ref().map_or("", |operation| operation.phase.as_str());
        let reported = verdict::cause(found);
        let details = || reported.clone().unwrap_or_else(|| "Argo CD reports no problem".to_owned());
        for (what, expected, actual) in [
            ("sync status", &self.sync, status.sync.status.as_str()),
            ("health", &self.health, status.health.status.as_str()),
            ("operation", &self.operation, phase),
        ] {
            if let Some(expected) = expected.as_ref().filter(|expected| *expected != actual) {
                return Some((format!("has the {what} `{actual}`, expected `{expected}`"), details()));
            }
        }
        let texts = status.conditions.iter().map(|condition| condition.message.as_str());
        let operation = status.operation_state.as_ref();
        let texts = texts.chain(operation.map(|operation| operation.message.as_str()));
        let objects = operation.into_iter().flat_map(|operation| &operation.sync_result.resources);
        let mut texts = texts.chain(objects.map(|object| object.message.as_str()));
        let message = message.filter(|message| !texts.any(|text| text.contains(message)))?;
        Some((format!("does not report `{message}`"), details()))
    }
}
