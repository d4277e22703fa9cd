//! The binary, driven as its users drive it.
//!
//! Most tests are data: each file in tests/fixtures is a case, which the test target `fixtures` runs. The modules here
//! test what a case cannot describe: kills, signals, several runs in a row, and programs that misbehave.

mod accept;
mod agreement;
mod alerts;
mod applications;
mod attacks;
mod cache;
#[path = "../fixtures/case.rs"]
mod case;
mod case_format;
mod changes;
mod chart_version;
mod ci;
mod dependencies;
mod diff;
mod disposable;
mod doctor;
mod engines;
mod errors;
mod fuzz;
mod git;
mod gitops;
mod helm_errors;
mod hostile;
mod hostile_files;
mod image;
mod keys;
mod kind;
mod lab;
mod limits;
mod lint;
mod lint_cached;
mod machines;
mod new;
mod other_repository;
mod pipelines;
mod pod_security_agreement;
mod policy;
mod properties;
mod provenance;
mod readme;
mod relay;
mod render;
mod reports;
mod review;
mod seal;
mod shard;
mod shell;
mod staleness;
mod structure;
#[expect(dead_code, reason = "the fixtures use the rest")]
mod support;
mod terminal;
mod tidy;
mod tools;
mod unsealing;
mod validate;
mod watch;
