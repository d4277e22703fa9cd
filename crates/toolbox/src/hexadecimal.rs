//! Bytes in lowercase hexadecimal. Digests are written so often that a `format!` for each byte takes as long as hashing.

/// The text of bytes.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(text(&[0x00, 0x0a, 0x9f, 0xff]), "000a9fff");
    }
}
