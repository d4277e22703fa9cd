//! Value flow: which values of a chart each part of a template depends on.
//!
//! Follows the context through `include`, `with`, `range`, variables, and functions, without rendering anything. Where the
//! outcome is not known, all possible ones count: the result may contain values without effect, but none is missing.

mod functions;
pub mod program;
pub mod uses;
pub mod value;
mod variables;
pub mod walk;
