//! Quoted scalars whose further lines are indented less than the YAML library demands.
//!
//! The Go library that Kubernetes and Helm use ignores the indentation within quotes. Generated CustomResourceDefinitions
//! depend on that. Spaces at the beginning of such a line are no part of the value, so the library is given more of them.

use std::collections::BTreeMap;

use yaml_events::ScanError;

/// The message of the YAML library.
const MESSAGE: &str = "invalid indentation in quoted scalar";

/// How many scalars of a text are padded. The text is parsed again for each, so a hostile one could take forever.
const MOST: usize = 500;

/// How many bytes are parsed again, so that a large text has fewer such scalars.
const MOST_BYTES: usize = 64 << 20;

/// Spaces that are inserted into a text.
#[derive(Debug, Default)]
pub(super) struct Padding {
    /// How many, by the byte of the text before which they are inserted.
    spaces: BTreeMap<usize, usize>,
    /// Where each of these insertions ends in the padded text, with its byte in the text. Sorted.
    ends: Vec<(usize, usize)>,
    /// The padded scalars: where each ends in the text, where it begins, and the error without more spaces.
    scalars: Vec<(usize, usize, ScanError)>,
}

impl Padding {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Pads the scalar that begins at a byte of the text, if that can help against an error.
    pub(super) fn add(&mut self, text: &str, start: usize, error: &ScanError) -> bool {
        let count = self.scalars.len();
        if !error.info().contains(MESSAGE) || count >= MOST || count * text.len() >= MOST_BYTES {
            return false;
        }
        let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
        let width = text[line..start].chars().count() + 1;
        let (lines, end) = further_lines(text, start);
        if lines.is_empty() || lines.iter().any(|at| self.spaces.contains_key(at)) {
            return false;
        }
        self.spaces.extend(lines.into_iter().map(|at| (at, width)));
        self.scalars.push((end, start, error.clone()));
        let mut inserted = 0;
        self.ends = self
            .spaces
            .iter()
            .map(|(at, count)| {
                inserted += count;
                (at + inserted, *at)
            })
            .collect();
        true
    }

    /// The error of a scalar that ends in the line of another error, which follows from a quote that is not closed: it is
    /// where the next quote opens.
    pub(super) fn cause(&self, text: &str, at: usize) -> Option<(ScanError, usize)> {
        let line = |at: usize| text[..at].bytes().filter(|byte| *byte == b'\n').count();
        let (_, start, error) = self.scalars.iter().find(|(end, ..)| line(*end) == line(at))?;
        Some((error.clone(), *start))
    }

    /// The padded text.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut padded = String::new();
        let mut position = 0;
        for (&at, &count) in &self.spaces {
            padded.push_str(&text[position..at]);
            padded.push_str(&" ".repeat(count));
            position = at;
        }
        padded.push_str(&text[position..]);
        padded
    }

    /// The byte of the text that is at a byte of the padded text; in inserted spaces, the byte behind them.
    pub(super) fn original(&self, byte: usize) -> usize {
        let after = self.ends.partition_point(|(end, _)| *end <= byte);
        let before = after.checked_sub(1).map_or(0, |last| self.ends[last].0 - self.ends[last].1);
        let next = self.ends.get(after).map_or(usize::MAX, |(_, at)| *at);
        (byte - before).min(next)
    }
}

/// The beginnings of the further lines of the quoted scalar that begins at a byte, and its end.
fn further_lines(text: &str, start: usize) -> (Vec<usize>, usize) {
    let mut lines = Vec::new();
    let bytes = text.as_bytes();
    let Some(&quote) = bytes.get(start).filter(|byte| matches!(byte, b'\'' | b'"')) else { return (lines, start) };
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' && bytes.get(at + 1) != Some(&b'\n') => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            _ if byte == quote => break,
            // The end of a document ends the scalar, too.
            b'\n' if !["---", "..."].iter().any(|mark| text[at + 1..].starts_with(mark)) => lines.push(at + 1),
            _ => {}
        }
        at += 1;
    }
    (lines, at.min(bytes.len()))
}
