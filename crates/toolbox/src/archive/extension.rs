//! Extended headers, which give the next entry a longer path: PAX records, and those of GNU tar.

use std::collections::BTreeSet;

use super::problem::printable;

/// The size limit of an extended header; Go's limit is the same.
pub(super) const MAX_EXTENSION: u64 = 1024 * 1024;

/// The PAX records that change neither the path, nor the type, nor the content of an entry. A name that ends in `.` is a
/// prefix.
const HARMLESS_RECORDS: &[&str] = &[
    "atime",
    "comment",
    "ctime",
    "gid",
    "gname",
    "mtime",
    "uid",
    "uname",
    "LIBARCHIVE.creationtime",
    "LIBARCHIVE.xattr.",
    "RHT.security.selinux",
    "SCHILY.acl.",
    "SCHILY.dev",
    "SCHILY.fflags",
    "SCHILY.ino",
    "SCHILY.nlink",
    "SCHILY.xattr.",
];

/// An extended header of the next entry.
#[derive(Default)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    /// A predicate of the entry, if the header has other records than a path and harmless ones.
    pub(super) problem: Option<String>,
}

impl Extension {
    /// Reads PAX records, each of which is `<length> <key>=<value>` and a line feed.
    pub(super) fn pax(mut rest: &[u8]) -> Self {
        let mut extension = Self::default();
        let mut keys = BTreeSet::new();
        while !rest.is_empty() {
            let Some((key, value, after)) = record(rest) else {
                extension.problem.get_or_insert_with(|| "has a malformed PAX record".to_owned());
                break;
            };
            rest = after;
            let known = printable(key);
            let harmless = HARMLESS_RECORDS
                .iter()
                .any(|harmless| known == *harmless || harmless.ends_with('.') && known.starts_with(harmless));
            if key == b"path" {
                extension.path = Some(value.to_vec());
            }
            if !keys.insert(key) {
                extension.problem.get_or_insert_with(|| format!("has the PAX record `{known}` twice"));
            } else if key != b"path" && !harmless {
                extension.problem.get_or_insert_with(|| format!("has the PAX record `{known}`"));
            }
        }
        extension
    }

    /// Reads the long path of a GNU header.
    pub(super) fn gnu(content: &[u8]) -> Self {
        Self { path: Some(content.strip_suffix(b"\0").unwrap_or(content).to_vec()), problem: None }
    }
}

/// Splits PAX records into the key and the value of the first one, and the rest.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(&records[..space]).ok()?;
    if !digits.starts_with(|first: char| ('1'..='9').contains(&first)) {
        return None;
    }
    let length: usize = digits.parse().ok()?;
    let (record, after) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], after))
}
