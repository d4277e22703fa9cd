//! The results of `image`, `schemas`, `seal`, `tools`, `bench`, and `explain`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::image;

/// The result of `image`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Images {
    /// The selected images of this repository.
    pub images: Vec<Image>,
}

/// An image of this repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Image {
    /// The name of its directory below images/.
    pub name: String,
    /// The reference that it is tagged with.
    pub reference: String,
    /// Whether it was built.
    pub state: image::State,
    /// The image ID; empty if it was built for several platforms, and only pushed.
    pub id: String,
    /// The size in bytes; 0 if it was only pushed.
    pub size: u64,
    /// The digest of its inputs.
    pub inputs: String,
    /// The reference that it was pushed as; null if it was not pushed.
    pub pushed: Option<String>,
}

/// The result of `schemas`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schemas {
    /// The kinds that need a schema.
    pub kinds: Vec<String>,
    /// The files written to schemas/.
    pub written: Vec<String>,
    /// The files removed from schemas/.
    pub removed: Vec<String>,
}

/// The result of `seal`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// The namespace that the values are sealed for.
    pub namespace: String,
    /// The name of the Secret that they are sealed for.
    pub name: String,
    /// The ciphertexts by key.
    pub encrypted_data: BTreeMap<String, String>,
    /// The path of the ciphertexts in the values of the chart; null if no case renders the SealedSecret.
    pub path: Option<Vec<String>>,
}

/// The result of `tools list`, `tools install`, and `tools verify`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tools {
    /// The selected tools.
    pub tools: Vec<Tool>,
}

/// A pinned tool.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// The name of the tool.
    pub name: String,
    /// The version of the tool that was found; otherwise the pinned version.
    pub version: String,
    /// The path; null if it was not found.
    pub path: Option<String>,
    /// How it was found; null if it was not found.
    pub origin: Option<&'static str>,
}

/// The result of `bench`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Bench {
    /// The machine.
    pub machine: String,
    /// What was measured; empty if only a plot was written.
    pub rows: Vec<BenchRow>,
}

/// A row of the table.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BenchRow {
    /// What is measured.
    pub name: &'static str,
    /// The unit of `goal` and `measured`: `ms`, `KiB`, or `ratio`.
    pub unit: &'static str,
    /// The highest number that meets the goal.
    pub goal: f64,
    /// The measured number; null if the row was skipped.
    pub measured: Option<f64>,
    /// Whether the goal is met; null if the row was skipped.
    pub met: Option<bool>,
    /// Why the row was skipped; null if it was measured.
    pub skipped: Option<String>,
}

/// The result of `explain`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explain {
    /// The given diagnostic code, or all codes.
    pub codes: Vec<Code>,
}

/// A diagnostic code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// The class: `warning`, `finding`, `configuration error`, or `failure`.
    pub class: &'static str,
    /// The exit code of a command that reports nothing worse.
    pub exit_code: u8,
    /// The meaning in one line.
    pub about: &'static str,
    /// The entry in docs/checks.md.
    pub text: &'static str,
}
