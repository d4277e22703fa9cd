//! The results of `validate`, `lint`, and `ci`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::render::Render;
use super::test_kind::Step;

/// The result of `validate`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Validate {
    /// The validated targets.
    pub targets: Vec<String>,
    /// The number of objects that were validated against a schema.
    pub objects: usize,
    /// The number of objects without a schema, by kind.
    pub unchecked: BTreeMap<String, usize>,
    /// The number of Argo CD objects that only `lint` checks.
    pub linted: usize,
    /// The number of SealedSecrets that a controller can decrypt; absent without `--kubeconfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<usize>,
}

/// The result of `lint`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lint {
    /// The paths of the checked charts.
    pub charts: Vec<String>,
    /// The checked targets.
    pub targets: Vec<String>,
}

/// The result of `lint --images`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LintImages {
    /// The images of all rendered objects.
    pub images: Vec<UsedImage>,
}

/// An image and the targets that use it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UsedImage {
    /// The reference, as rendered.
    pub reference: String,
    /// The targets.
    pub targets: Vec<String>,
}

/// The result of `ci`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ci {
    /// The fields of `render`, unless the goldens could not be compared.
    #[serde(flatten)]
    pub render: Option<Render>,
    /// The steps of the end-to-end scenarios, with `--kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Step>")]
    pub steps: Option<Vec<Step>>,
}
