//! YAML and TOML trees with source spans, read as Kubernetes reads them.

pub mod edit;
pub mod toml;
pub mod tree;
pub mod yaml;

pub use tree::{Fields, Key, Node, Syntax, Value};
