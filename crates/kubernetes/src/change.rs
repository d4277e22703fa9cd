//! What the API server says to a change of an object that exists: fields that must not change, and what a change leaves
//! behind or deletes.
//!
//! Two renders of an object are compared as the API server would store them: a field that is written out with its default
//! value is not a change. Where that is not certain, two values count as equal, so that a harmless change is never reported.
//!
//! Each rule was seen at a real API server: tests/agreement/changes.yaml holds changes that it refuses or accepts.
//!
//! Pure.

pub mod action;
pub mod bump;
pub mod data;
pub mod delta;
pub mod difference;
pub mod effect;
pub mod effects;
mod entries;
pub mod field;
pub mod meaning;
pub mod refusal;
pub mod refusal_wording;
pub mod rules;
