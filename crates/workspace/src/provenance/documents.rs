//! The documents in the output of a template, found by their text.

use std::collections::{HashMap, VecDeque};

/// The documents that are not taken yet: their lines, by their text.
#[derive(Debug)]
pub(super) struct Documents(HashMap<String, VecDeque<usize>>);

impl Documents {
    /// Splits a text as Helm does.
    pub(super) fn new(text: &str) -> Self {
        let mut found: HashMap<String, VecDeque<usize>> = HashMap::new();
        let mut add = |start: usize, end: usize, line: usize| {
            let document = &text[start..end];
            let blank = document.len() - document.trim_start().len();
            let first = line + document[..blank].matches('\n').count();
            found.entry(document.trim().to_owned()).or_default().push_back(first);
        };
        let (mut start, mut first, mut position) = (0, 0, 0);
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if line.starts_with("---") {
                add(start, position, first);
                (start, first) = (position + "---".len(), number);
            }
            position += line.len();
        }
        add(start, text.len(), first);
        Self(found)
    }

    /// The line, counted from 0, where the next document with a text begins.
    pub(super) fn take(&mut self, text: &str) -> Option<usize> {
        self.0.get_mut(text)?.pop_front()
    }
}

/// The text of a manifest without the line that Helm adds, and the number of lines before it.
pub(super) fn body(manifest: &str) -> (usize, &str) {
    let start = match manifest.strip_prefix("# Source: ") {
        Some(rest) => rest.find('\n').map_or(manifest.len(), |end| manifest.len() - rest.len() + end + 1),
        None => 0,
    };
    let below = &manifest[start..];
    let trimmed = below.trim_start();
    let skipped = manifest[..manifest.len() - trimmed.len()].matches('\n').count();
    (skipped, trimmed.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_by_their_text() {
        let mut documents = Documents::new("\na: 1\n--- # x\nb: 2\n\n---\na: 1\n");
        assert_eq!(documents.take("a: 1"), Some(1));
        assert_eq!(documents.take("# x\nb: 2"), Some(2));
        assert_eq!(documents.take("a: 1"), Some(6));
        assert_eq!(documents.take("a: 1"), None);
    }

    #[test]
    fn the_line_of_helm_is_not_part_of_a_manifest() {
        assert_eq!(body("# Source: a/b.yaml\n\na: 1\nb: 2\n"), (2, "a: 1\nb: 2"));
        assert_eq!(body("a: 1\n"), (0, "a: 1"));
        assert_eq!(body("# Source: a"), (0, ""));
    }
}
