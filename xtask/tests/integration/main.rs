//! The binary, driven as its users drive it.
//!
//! Most of the story is data: each folder in tests/fixtures is a test, and its README says how to read and write one.
//! The modules here hold what a folder cannot tell: kills, signals, several runs in a row, programs that misbehave.

mod accept;
mod agreement;
mod applications;
mod chart_version;
mod ci;
mod dependencies;
mod errors;
mod fixtures;
mod fuzz;
mod image;
mod kind;
mod lint;
mod new;
mod properties;
mod relay;
mod render;
mod structure;
mod support;
mod terminal;
mod tidy;
mod tools;
mod validate;
