//! Renders, checks, and proves the charts of a repository exactly as Argo CD would deploy them.
//!
//! ARCHITECTURE.md draws the house; each module says what it is for and what it deliberately does not do.

pub mod cli;
pub mod commands;
pub mod image;
pub mod lint;
pub mod new;
pub mod output;
pub mod report;
pub mod repository;
