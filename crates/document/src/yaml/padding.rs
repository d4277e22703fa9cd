//! Quoted scalars whose further lines are indented less than the YAML library demands.
//!
//! The Go library that Kubernetes and Helm use ignores the indentation within quotes. Generated CustomResourceDefinitions
//! depend on that. Spaces at the beginning of such a line are no part of the value, so the library is given more of them.

/// The message of the YAML library.
const MESSAGE: &str = "invalid indentation in quoted scalar";

/// How many scalars of a text are padded, so that a hostile text does not take forever.
const MOST: usize = 500;

/// Spaces that are inserted into a text: at which byte, and how many. Sorted.
#[derive(Debug, Default)]
pub(super) struct Padding {
    spaces: Vec<(usize, usize)>,
    scalars: usize,
}

impl Padding {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Pads the scalar that begins at a byte of the text, if that can help against an error with a message.
    pub(super) fn add(&mut self, text: &str, start: usize, message: &str) -> bool {
        if !message.contains(MESSAGE) || self.scalars >= MOST {
            return false;
        }
        let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
        let width = text[line..start].chars().count() + 1;
        let lines = further_lines(text, start);
        let known = |at: &usize| self.spaces.iter().any(|(one, _)| one == at);
        if lines.is_empty() || lines.iter().any(known) {
            return false;
        }
        self.spaces.extend(lines.into_iter().map(|at| (at, width)));
        self.spaces.sort_unstable();
        self.scalars += 1;
        true
    }

    /// The padded text.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut padded = String::new();
        let mut position = 0;
        for &(at, count) in &self.spaces {
            padded.push_str(&text[position..at]);
            padded.push_str(&" ".repeat(count));
            position = at;
        }
        padded.push_str(&text[position..]);
        padded
    }

    /// The byte of the text that is at a byte of the padded text.
    pub(super) fn original(&self, byte: usize) -> usize {
        let mut before = 0;
        for &(at, count) in &self.spaces {
            if byte < at + before + count {
                return if byte < at + before { byte - before } else { at };
            }
            before += count;
        }
        byte - before
    }
}

/// The beginnings of the further lines of the quoted scalar that begins at a byte.
fn further_lines(text: &str, start: usize) -> Vec<usize> {
    let mut lines = Vec::new();
    let bytes = text.as_bytes();
    let Some(&quote) = bytes.get(start).filter(|byte| matches!(byte, b'\'' | b'"')) else { return lines };
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
    lines
}
