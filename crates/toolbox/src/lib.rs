//! Child processes, atomic files, archives, Git, and pinned tools.

pub mod archive;
pub mod engine;
pub mod environment;
pub mod fingerprint;
pub mod git;
pub mod inputs;
pub mod process;
pub mod progress;
pub mod side_by_side;
pub mod source;
pub mod tools;
pub mod tools_lock;
pub mod whole;
