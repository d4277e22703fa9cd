//! Changed fields of an object, compared by meaning.

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The path of the field. Items of lists that Kubernetes merges by a key are named by it:
    /// `spec.template.spec.containers[name=relay].image`.
    pub path: String,
    /// The value before, on one line where possible; `None` if the field was not set.
    pub before: Option<String>,
    /// The value after; `None` if the field is no longer set.
    pub after: Option<String>,
}
