//! Renders, checks, and proves the charts of a repository exactly as Argo CD would deploy them.
//!
//! ARCHITECTURE.md draws the house; each module says what it is for and what it deliberately does not do.

pub mod archive;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod dependencies;
pub mod deploy;
pub mod diagnostic;
pub mod diff;
pub mod document;
pub mod environment;
pub mod fingerprint;
pub mod forms;
pub mod git;
pub mod golden;
pub mod helm;
pub mod image;
pub mod inputs;
pub mod lint;
pub mod manifest;
pub mod new;
pub mod objects;
pub mod output;
pub mod pinned;
pub mod plan;
pub mod process;
pub mod progress;
pub mod recipe;
pub mod render;
pub mod report;
pub mod repository;
pub mod scenario;
pub mod schedule;
pub mod schemas;
pub mod side_by_side;
pub mod silence;
pub mod tools;
pub mod validate;
pub mod versions;
pub mod whole;
pub mod wording;
pub mod workspace;
