//! The events of a YAML text.
//!
//! The parser of `saphyr-parser` is generic, so it is compiled into the crate that uses it, with that crate's settings.
//! This one contains nothing else: Cargo.toml optimizes it even in a development build, in which everything above stays
//! quick to compile.

pub use saphyr_parser::{Event, ScalarStyle, ScanError, Span, Tag};
use saphyr_parser::{Parser, StrInput};

/// The events of a text, up to the first syntax error.
pub struct Events<'a>(Parser<'a, StrInput<'a>>);

impl<'a> Events<'a> {
    /// The events of a text.
    #[must_use]
    #[inline(never)]
    pub fn of(text: &'a str) -> Self {
        Self(Parser::new_from_str(text))
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<(Event<'a>, Span), ScanError>;

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
