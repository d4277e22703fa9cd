//! The result of a row.

use super::amount::Amount;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    Amount(Amount),
    /// Nothing, for this reason.
    Skipped(String),
}
