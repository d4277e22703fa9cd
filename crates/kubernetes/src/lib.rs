//! Kubernetes objects, their identities, schemas, and validation rules.

pub mod forms;
pub mod manifest;
pub mod object;
pub mod schedule;
pub mod schemas;
pub mod scope;
pub mod validate;
