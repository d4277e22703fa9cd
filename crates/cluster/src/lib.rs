//! The kind cluster of a run, and the scenarios that run in it.
//!
//! A wait watches: one watch per kind feeds every wait, and only a heartbeat polls the API server. A pod that cannot become
//! ready ends the wait with the reason that the cluster reports. The operating system releases the lock of a cluster
//! however the run ends; a cluster without a lock that was not to be kept belongs to a killed run and is deleted.

pub mod api;
pub mod config;
pub mod diagnosis;
pub mod images;
pub mod kubectl;
pub mod lifecycle;
pub mod observer;
pub mod preflight;
pub mod scenario;
pub mod snapshot;
pub mod stuck;
pub mod verdict;

pub use lifecycle::{Cluster, Existing, NETWORK, Options, PREFIX, Provisioner, name_of};
