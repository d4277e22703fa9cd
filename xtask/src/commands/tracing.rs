//! Traces rendered manifests to their templates, for the commands that show where something comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use argocd::release::Release;
use diagnostics::{Diagnostics, Result};
use helm::dependencies::{self, Prepared};
use workspace::Workspace;
use workspace::provenance::Provenance;
use workspace::render::Renderer;

use super::Session;
use super::rendering::Rendering;

/// Traces targets. Costs at least one more render for each target, unless it is cached.
#[derive(Debug)]
pub struct Tracer<'s> {
    session: &'s Session<'s>,
    helm: PathBuf,
    /// The charts with their dependencies, by directory.
    prepared: Mutex<BTreeMap<PathBuf, Result<Prepared>>>,
}

impl<'s> Tracer<'s> {
    /// Needs Helm, with which it renders.
    pub fn new(session: &'s Session<'s>, workspace: &Workspace, argocd: Release) -> Result<Self> {
        let helm = session.tools(workspace).require("helm", argocd.helm)?.path;
        Ok(Self { session, helm, prepared: Mutex::default() })
    }

    /// Traces the current manifests of a target.
    pub fn trace(&self, one: &Rendering<'_>) -> Result<Provenance> {
        let manifests = one.manifests().ok_or_else(Diagnostics::default)?;
        let directory = self.directory(one)?;
        let renderer = Renderer { root: &self.session.root, cache: &self.session.environment.cache, helm: &self.helm };
        Provenance::trace(&renderer, &one.target, &directory, &manifests)
    }

    /// The directory in which Helm renders a target's chart.
    fn directory(&self, one: &Rendering<'_>) -> Result<PathBuf> {
        let chart = &one.target.deployment.chart;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = prepared.entry(chart.directory.clone()).or_insert_with(|| {
            let helm = || Ok(self.helm.clone());
            dependencies::prepare(chart, &one.target.inspected.dependencies, &self.session.context(&helm))
        });
        match prepared {
            Ok(prepared) => Ok(prepared.directory.clone()),
            Err(found) => Err(found.clone()),
        }
    }
}
