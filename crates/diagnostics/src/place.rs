//! Places in source texts.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text that diagnostics point into, usually a file of the workspace.
#[derive(Debug)]
pub struct Source {
    /// The path, relative to the workspace root if it is inside, else absolute.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// The offsets at which its lines begin, computed for the first place that asks for its position.
    lines: OnceLock<Vec<usize>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.text) == (&other.name, &other.text)
    }
}

impl Eq for Source {}

impl Source {
    /// A source from its name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), lines: OnceLock::new() })
    }

    /// The number of the line in which a span begins, counted from 1, and the bytes of all its lines.
    #[must_use]
    pub fn lines_of(&self, span: &Range<usize>) -> (usize, Range<usize>) {
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= span.start.min(self.text.len()));
        let next = starts.partition_point(|start| *start <= span.end.max(span.start));
        (line, starts[line - 1]..starts.get(next).copied().unwrap_or(self.text.len()))
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        })
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of the text; `None` for the whole file.
    pub span: Option<Range<usize>>,
}

impl Place {
    /// A part of a file.
    #[must_use]
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span: Some(span) }
    }

    /// A whole file, of which no text is shown (binary, missing).
    #[must_use]
    pub fn file(name: impl Into<String>) -> Self {
        Self { source: Source::new(name, ""), span: None }
    }

    /// A line of a file without the white space around it; `line` counts from 1. The whole file if it has no such line.
    #[must_use]
    pub fn line(source: &Arc<Source>, line: usize) -> Self {
        let starts = source.line_starts();
        let bounds = line.checked_sub(1).and_then(|index| {
            let start = *starts.get(index).filter(|start| **start < source.text.len())?;
            Some(start..starts.get(index + 1).copied().unwrap_or(source.text.len()))
        });
        let Some(bounds) = bounds else { return Self { source: Arc::clone(source), span: None } };
        let text = &source.text[bounds.clone()];
        let indent = text.len() - text.trim_start().len();
        let end = bounds.start + text.trim_end().len();
        Self::new(source, (bounds.start + indent).min(end)..end)
    }

    /// The line and the column, both counted from 1, the column in characters.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        let text = &self.source.text;
        let start = self.span.as_ref()?.start.min(text.len());
        let (line, lines) = self.source.lines_of(&(start..start));
        let column = text.get(lines.start..start)?.chars().count() + 1;
        Some((line, column))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.source.name),
            None => f.write_str(&self.source.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_lines_and_columns() {
        let source = Source::new("charts.toml", "a = 1\nbé = 2\n");
        assert_eq!(Place::new(&source, 6..8).to_string(), "charts.toml:2:1");
        assert_eq!(Place::new(&source, 12..13).to_string(), "charts.toml:2:6");
        assert_eq!(Place::line(&source, 2).span, Some(6..13));
        assert_eq!(Place::line(&source, 9).to_string(), "charts.toml");
        assert_eq!(Place::line(&source, 3).to_string(), "charts.toml");
        assert_eq!(Place::new(&source, 14..14).to_string(), "charts.toml:3:1");
    }

    #[test]
    fn positions_take_linear_time() {
        let source = Source::new("values.yaml", "k: v\n".repeat(200_000));
        let start = std::time::Instant::now();
        for line in 0..200_000 {
            assert_eq!(Place::new(&source, 5 * line..5 * line + 1).position(), Some((line + 1, 1)));
        }
        // Quadratic time would be minutes.
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    }
}
