//! How stages say what they are doing, without printing.

/// Receives what is under way: a verb in Cargo's manner (`Rendering`, `Downloading`) and what it is done to.
pub trait Progress: Sync {
    /// One line of progress.
    fn status(&self, verb: &str, what: &str);
}

/// Says nothing: for tests, and for `--format json`.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn status(&self, _verb: &str, _what: &str) {}
}
