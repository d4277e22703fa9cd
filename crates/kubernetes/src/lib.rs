//! Kubernetes objects: splitting manifests, identity, schemas, kubeconform, and object rules.
//!
//! Schemas come from the cluster: `cargo xtask schemas` derives them from an API server's OpenAPI document, closed and
//! without descriptions, one file per kind. Those of custom kinds come from the CustomResourceDefinitions that are rendered
//! in the same run. They belong to the minor version of Kubernetes in charts.toml; patch releases do not change an API.
//! [`discovery`] lists the resources and verbs of the same API server, which RBAC rules name.
//!
//! kubeconform decides whether an object is valid; [`validate::explain`] words its answer, with the path, the line of the
//! golden, the template, and a suggestion. [`validate::rules`] are what the API server rejects although its schema allows
//! it. Each was seen at a real API server: tests/agreement holds objects that it rejects or accepts, and compares them
//! with this crate. `validate` is stricter in a few ways, which tests/agreement lists.

pub mod amount;
pub mod applied;
pub mod change;
pub mod discovery;
pub mod disruption;
pub mod forms;
pub mod golden_file;
pub mod image;
pub mod inventory;
pub mod manifest;
pub mod network_policy;
pub mod object;
pub mod pod_security;
pub mod rbac;
pub mod redaction;
pub mod references;
pub mod removed_api;
pub mod schedule;
pub mod schemas;
pub mod scope;
pub mod secret_values;
pub mod setting;
pub mod shell;
pub mod time_zone;
pub mod validate;
pub mod workload;
