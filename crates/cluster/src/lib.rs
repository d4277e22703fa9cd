//! The kind cluster of a test run, and the scenarios that run in it.

pub mod config;
pub mod diagnosis;
pub mod images;
pub mod kubectl;
pub mod lifecycle;
pub mod observer;
pub mod preflight;
pub mod scenario;
pub mod seen;
pub mod stuck;
pub mod verdict;

pub use lifecycle::{Cluster, Found, Maker, NETWORK, PREFIX, Wish, last_lines, name_of};
