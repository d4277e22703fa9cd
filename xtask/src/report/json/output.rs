//! The results of all commands.

use schemars::JsonSchema;
use serde::Serialize;

use super::application::{ArgocdList, ArgocdSetRepository, Init, New, NewCompleted};
use super::check::{Ci, Lint, LintImages, Validate};
use super::diff::Diff;
use super::machine::{Cache, Doctor, Script};
use super::pin::{Deps, DepsUpdate, Outdated};
use super::render::{Pending, Render};
use super::test_kind::TestKind;
use super::tool::{Bench, Explain, Images, Schemas, Seal, Tools};
use super::trace::{ExplainCoverage, ExplainField, Impact};

/// The fields that depend on the command.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Output {
    /// Any command that failed before it had a result.
    #[schemars(extend("maxProperties" = 4))]
    Nothing {},
    /// `render`
    #[schemars(extend("properties" = {"command": {"const": "render"}}))]
    Render(Render),
    /// `diff`
    #[schemars(extend("properties" = {"command": {"const": "diff"}}))]
    Diff(Diff),
    /// `pending`
    #[schemars(extend("properties" = {"command": {"const": "pending"}}))]
    Pending(Pending),
    /// `validate`
    #[schemars(extend("properties" = {"command": {"const": "validate"}}))]
    Validate(Validate),
    /// `lint`
    #[schemars(extend("properties" = {"command": {"const": "lint"}}))]
    Lint(Lint),
    /// `lint --images`
    #[schemars(extend("properties" = {"command": {"const": "lint"}}))]
    LintImages(LintImages),
    /// `ci`
    #[schemars(extend("properties" = {"command": {"const": "ci"}}))]
    Ci(Ci),
    /// `explain`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    Explain(Explain),
    /// `explain TARGET OBJECT`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    ExplainField(ExplainField),
    /// `explain --coverage`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    ExplainCoverage(ExplainCoverage),
    /// `impact`
    #[schemars(extend("properties" = {"command": {"const": "impact"}}))]
    Impact(Impact),
    /// `schemas`
    #[schemars(extend("properties" = {"command": {"const": "schemas"}}))]
    Schemas(Schemas),
    /// `test-kind`
    #[schemars(extend("properties" = {"command": {"const": "test-kind"}}))]
    TestKind(TestKind),
    /// `test-gitops`
    #[schemars(extend("properties" = {"command": {"const": "test-gitops"}}))]
    TestGitops(TestKind),
    /// `image`
    #[schemars(extend("properties" = {"command": {"const": "image"}}))]
    Image(Images),
    /// `seal`
    #[schemars(extend("properties" = {"command": {"const": "seal"}}))]
    Seal(Seal),
    /// `init`
    #[schemars(extend("properties" = {"command": {"const": "init"}}))]
    Init(Init),
    /// `new`
    #[schemars(extend("properties" = {"command": {"const": "new"}}))]
    New(New),
    /// `new` that completed an interrupted run
    #[schemars(extend("properties" = {"command": {"const": "new"}}))]
    NewCompleted(NewCompleted),
    /// `argocd list`
    #[schemars(extend("properties" = {"command": {"const": "argocd"}}))]
    ArgocdList(ArgocdList),
    /// `argocd set-repository`
    #[schemars(extend("properties" = {"command": {"const": "argocd"}}))]
    ArgocdSetRepository(ArgocdSetRepository),
    /// `deps`
    #[schemars(extend("properties" = {"command": {"const": "deps"}}))]
    Deps(Deps),
    /// `deps --update`
    #[schemars(extend("properties" = {"command": {"const": "deps"}}))]
    DepsUpdate(DepsUpdate),
    /// `outdated`
    #[schemars(extend("properties" = {"command": {"const": "outdated"}}))]
    Outdated(Outdated),
    /// `tools`
    #[schemars(extend("properties" = {"command": {"const": "tools"}}))]
    Tools(Tools),
    /// `cache`
    #[schemars(extend("properties" = {"command": {"const": "cache"}}))]
    Cache(Cache),
    /// `bench`
    #[schemars(extend("properties" = {"command": {"const": "bench"}}))]
    Bench(Bench),
    /// `doctor`
    #[schemars(extend("properties" = {"command": {"const": "doctor"}}))]
    Doctor(Doctor),
    /// `completions`
    #[schemars(extend("properties" = {"command": {"const": "completions"}}))]
    Completions(Script),
    /// `man`
    #[schemars(extend("properties" = {"command": {"const": "man"}}))]
    Man(Script),
}

impl Default for Output {
    fn default() -> Self {
        Self::Nothing {}
    }
}
