//! The header of a tar entry.

use super::problem::{Outcome, Problem, printable};

/// The size of a tar block.
pub(super) const BLOCK: usize = 512;

/// The header of an entry, as far as it determines the path, the type, and the content.
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) path: Vec<u8>,
    pub(super) size: u64,
    /// A predicate of the entry, if its header is malformed or ambiguous.
    pub(super) problem: Option<&'static str>,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Outcome<Self> {
        let sum: u64 =
            block.iter().enumerate().map(|(at, byte)| u64::from(*byte) * u64::from(!(148..156).contains(&at))).sum();
        if octal(block[148..156].trim_ascii_start()) != Some(sum + 8 * u64::from(b' ')) {
            return Err(Problem::Unreadable("the checksum of a header is wrong".to_owned()));
        }
        let kind = block[156];
        let directory = kind == b'5';
        // USTAR and PAX split a long path in two. GNU has other fields there, which some readers interpret as a path, too.
        let (known, prefix, unused) = match &block[257..265] {
            b"ustar\x0000" => (true, &block[345..500], &block[500..]),
            b"ustar  \0" | b"\0\0\0\0\0\0\0\0" => (true, &[][..], &block[345..]),
            _ => (false, &[][..], &[][..]),
        };
        let (name, name_rest) = text(&block[..100]);
        let (prefix, prefix_rest) = text(prefix);
        let path = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        let mode = if blank(&block[100..108]) { Some(0) } else { octal(&block[100..108]) };
        let size = if directory && blank(&block[124..136]) { Some(0) } else { octal(&block[124..136]) };
        let own_type = if directory { 0o040_000 } else { 0o100_000 };
        let problem = if !known {
            Some("has a header of an unknown tar format")
        } else if !blank(unused) || !blank(name_rest) || !blank(prefix_rest) {
            Some("has a header with data in unused fields")
        } else if size.is_none() {
            Some("has a malformed size")
        } else {
            match mode {
                None => Some("has a malformed mode"),
                Some(mode) if ![0, own_type].contains(&(mode & !0o7777)) => Some("has the mode of another file type"),
                Some(_) => None,
            }
        };
        Ok(Self { kind, path, size: size.unwrap_or_default(), problem })
    }
}

/// A predicate of an entry that is neither a regular file nor a directory. Helm loads most of these types as files.
pub(super) fn foreign_kind(kind: u8) -> Option<String> {
    let what = match kind {
        b'0' | b'5' | 0 => return None,
        b'1' => "is a hard link",
        b'2' => "is a symbolic link",
        b'3' | b'4' => "is a device",
        b'6' => "is a FIFO",
        b'S' => "is a sparse file",
        _ => return Some(format!("has the tar type `{}`", printable(&[kind]))),
    };
    Some(what.to_owned())
}

/// Splits a field at its first NUL.
fn text(field: &[u8]) -> (&[u8], &[u8]) {
    field.split_at(field.iter().position(|byte| *byte == 0).unwrap_or(field.len()))
}

fn blank(field: &[u8]) -> bool {
    field.iter().all(|byte| *byte == 0)
}

/// Parses a number: octal digits, followed only by spaces and NULs.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    if digits.is_empty() || !rest.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |number, digit| (b'0'..=b'7').contains(digit).then(|| number * 8 + u64::from(digit - b'0')))
}
