//! Bytes in lowercase hexadecimal. Digests are written so often that a `format!` for each byte takes as long as hashing.

/// The text of bytes.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Whether a text consists of a number of lowercase hexadecimal digits.
#[must_use]
pub fn is(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(text(&[0x00, 0x0a, 0x9f, 0xff]), "000a9fff");
        assert_eq!(["0a", "0A", "0", "0g", "é"].map(|text| is(text, 2)), [true, false, false, false, false]);
    }
}
