//! Diagnostics with codes, places in source text, and suggestions.

pub mod diagnostic;
pub mod fold;
pub mod origin;
pub mod wording;

pub use diagnostic::{Class, Code, Diagnostic, Diagnostics, Place, Result, Source, nearest, suggestion};
pub use origin::Origin;
