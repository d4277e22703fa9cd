//! What the rules of Roles and ClusterRoles grant, compared with what the API server serves.
//!
//! Kubernetes accepts any name in a rule. A misspelled one grants nothing, and the program that needs the permission fails
//! when it uses it.

pub mod create;
pub mod known;
pub mod rules;
pub mod view;
