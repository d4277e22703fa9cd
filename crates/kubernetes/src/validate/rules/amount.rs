//! The numeric value of a Kubernetes quantity.

use super::look::At;

/// The value of a quantity.
pub(super) fn quantity(at: &At<'_>) -> Option<f64> {
    crate::amount::quantity(at.node)
}
