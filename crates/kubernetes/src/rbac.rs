//! RBAC rules of Roles and ClusterRoles, compared with the resources that the API server serves.
//!
//! Kubernetes accepts any name in a rule. A misspelled one grants nothing, and the program that needs the permission fails
//! when it uses it.

pub mod create;
pub mod known;
pub mod rules;
pub mod view;
