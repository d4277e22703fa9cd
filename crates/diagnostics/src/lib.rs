//! Diagnostics: a code, a message, places in source text, notes, help, and facts.
//!
//! Every problem, in any stage, is a [`Diagnostic`]. A stage collects them and continues where it can; only
//! `xtask::report` prints them. The [`Code`] of a diagnostic has a class, which decides the exit code.

pub mod code;
pub mod diagnostic;
pub mod excerpt;
pub mod fact;
pub mod fold;
pub mod known;
pub mod limit;
mod nearest;
pub mod origin;
pub mod place;
pub mod severity;
pub mod wording;

pub use code::{Class, Code};
pub use diagnostic::{Diagnostic, Diagnostics, Reported, Result};
pub use fact::{Fact, Help, did_you_mean};
pub use limit::Limit;
pub use nearest::{edit_distance, is_series, nearest, nearest_within, suggestion};
pub use origin::Origin;
pub use place::{Place, Source};
pub use severity::Severity;
