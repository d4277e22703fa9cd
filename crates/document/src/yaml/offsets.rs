//! Offsets of characters.

/// Byte offsets of characters: the parser counts in characters, everything else in bytes.
pub(super) struct Offsets(Option<Vec<usize>>);

impl Offsets {
    pub(super) fn new(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect()))
    }

    pub(super) fn byte(&self, index: usize) -> usize {
        match &self.0 {
            None => index,
            Some(offsets) => offsets.get(index).or(offsets.last()).copied().unwrap_or_default(),
        }
    }
}
