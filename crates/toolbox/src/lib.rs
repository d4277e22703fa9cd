//! Everything that touches the machine: child processes, atomic files, archives, Git, the container engine, pinned
//! tools, the environment, and progress.
//!
//! Tools are verified before use. charts.toml pins their versions (Argo CD's release that of Helm), tools.lock their
//! checksums and sources. A workspace without a tools.lock uses the one that this tool was built with.

pub mod archive;
pub mod atomic_file;
pub mod cache;
pub mod cache_owner;
pub mod date;
pub mod engine;
pub mod environment;
pub mod export;
pub mod file_lock;
pub mod fingerprint;
pub mod git;
pub mod git_directory;
pub mod git_index;
pub mod git_object;
pub mod inputs;
pub mod limits;
pub mod links;
pub mod pack;
pub mod parallel;
pub mod path_match;
pub mod process;
pub mod progress;
pub mod regular_file;
pub mod results;
pub mod scratch;
pub mod source;
pub mod timings;
pub mod tools;
pub mod tools_lock;
pub mod watch;
pub mod worker;

pub use digests::hexadecimal;
