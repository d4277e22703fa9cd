//! YAML and TOML trees with source spans, read as Kubernetes reads them.
//!
//! `saphyr-parser` supplies the YAML events. The meaning of a scalar is decided in [`yaml`], because no Rust library
//! implements exactly the YAML 1.1 rules of the Go library that Kubernetes, Helm, and Argo CD share.

pub mod block;
pub mod edit;
pub mod go_integer;
pub mod json;
pub mod lookalike;
pub mod mapping;
pub mod toml;
pub mod tree;
pub mod yaml;

pub use mapping::{Key, Mapping};
pub use tree::{Fields, Node, Syntax, Value};
