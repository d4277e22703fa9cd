//! The result of a row.

use super::amount::Amount;

/// The result of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    Amount(Amount),
    /// Nothing, for this reason.
    Skipped(String),
}
