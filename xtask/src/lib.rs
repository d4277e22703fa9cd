//! The command `cargo xtask`: its command line, commands, lint checks, and reports.

pub mod cli;
pub mod commands;
pub mod image;
pub mod init;
pub mod lint;
pub mod new;
pub mod output;
pub mod pinned;
pub mod policy;
pub mod report;
pub mod repository;
pub mod review;
