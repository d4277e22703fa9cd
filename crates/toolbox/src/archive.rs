//! Gzipped tar archives of charts and tools: a strict reader, and a digest of the files that they contain.
//!
//! Helm reads a chart archive again, with Go's `archive/tar`. If the two readers disagreed about an archive, the verified
//! files would not be the rendered ones. So this reader accepts only entries with one interpretation (regular files and
//! directories with plain, unique paths) and rejects all others instead of skipping them.
//!
//! Does not write archives.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

/// The size limit of an unpacked archive, in bytes.
const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The size limit of an unpacked chart; Helm's own limit is the same.
const MAX_CHART: u64 = 100 * 1024 * 1024;

/// The size limit of an extended header; Go's limit is the same.
const MAX_EXTENSION: u64 = 1024 * 1024;

/// The size limit of a path, in bytes, and in parts.
const MAX_PATH: usize = 4096;
const MAX_DEPTH: usize = 64;

/// The size of a tar block.
const BLOCK: usize = 512;

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

/// The files of an archive, by path with `/` between the parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Reads the files of a gzipped tar archive; `name` is its name in messages.
pub fn read(name: &str, bytes: &[u8]) -> Result<Tree> {
    files(bytes, MAX_UNPACKED)
        .map_err(|problem| problem.diagnostic(name, "do not use this archive; check where it came from"))
}

/// Reads the files of a chart archive, as [`read`] does. All files must be in one folder: Helm removes the first part of
/// each path, which would merge several folders.
pub fn read_chart(name: &str, bytes: &[u8]) -> Result<Tree> {
    files(bytes, MAX_CHART).and_then(in_one_folder).map_err(|problem| {
        let mut found =
            problem.diagnostic(name, "get the chart from its publisher again, or repack it with `helm package`");
        for diagnostic in found.0.iter_mut().filter(|diagnostic| diagnostic.code == Code::ArchiveUnsafe) {
            diagnostic.notes.push("Helm could load other files from this archive than the verified ones".to_owned());
        }
        found
    })
}

/// Why an archive is rejected.
#[derive(Debug)]
enum Problem {
    /// It is damaged, or not a gzipped tar archive.
    Unreadable(String),
    /// Readers could interpret it differently, or it contains what no chart or tool needs; a predicate of the archive.
    Unsafe(String),
}

impl Problem {
    /// A problem with one entry: a predicate of its path.
    fn entry(path: &[u8], problem: &str) -> Self {
        Self::Unsafe(format!("contains `{}`, which {problem}", printable(path)))
    }

    fn diagnostic(self, name: &str, help: &str) -> Diagnostics {
        let diagnostic = match self {
            Self::Unreadable(why) => {
                Diagnostic::new(Code::ArchiveTampered, format!("`{name}` is not a readable archive: {why}"))
                    .help("delete it; the next run downloads it again")
            }
            Self::Unsafe(what) => Diagnostic::new(Code::ArchiveUnsafe, format!("`{name}` {what}")).help(help),
        };
        diagnostic.at(Place::file(name), "").into()
    }
}

type Outcome<T> = std::result::Result<T, Problem>;

fn files(bytes: &[u8], limit: u64) -> Outcome<Tree> {
    let mut stream = Stream { decoder: GzDecoder::new(bytes), limit, unpacked: 0 };
    let mut tree = Tree::new();
    let mut directories = BTreeSet::new();
    let mut extension: Option<Extension> = None;
    while let Some(header) = stream.header()? {
        if matches!(header.kind, b'x' | b'g' | b'L') {
            let reject = |problem: &str| Err(Problem::entry(&header.path, problem));
            if let Some(problem) = header.problem {
                return reject(problem);
            }
            if extension.is_some() {
                return reject("is a second extended header for one entry");
            }
            if header.size > MAX_EXTENSION {
                return reject("is an extended header of more than 1 MiB");
            }
            let content = stream.content(header.size)?;
            match header.kind {
                b'x' => extension = Some(Extension::pax(&content)),
                b'L' => extension = Some(Extension::gnu(&content)),
                _ => match Extension::pax(&content) {
                    Extension { problem: Some(problem), .. } => return reject(&problem),
                    Extension { path: Some(_), .. } => return reject("has a global PAX record `path`"),
                    Extension { .. } => {}
                },
            }
            continue;
        }
        let Extension { path, problem } = extension.take().unwrap_or_default();
        let raw = path.unwrap_or(header.path);
        let directory = header.kind == b'5';
        if let Some(problem) = foreign_kind(header.kind).or(problem).or(header.problem.map(str::to_owned)) {
            return Err(Problem::entry(&raw, &problem));
        }
        let path = plain_path(&raw, directory).map_err(|problem| Problem::entry(&raw, problem))?;
        if directory {
            if header.size > 0 {
                return Err(Problem::entry(&raw, "is a directory with content"));
            }
            directories.insert(path);
        } else if tree.insert(path, stream.content(header.size)?).is_some() {
            return Err(Problem::Unsafe(format!("contains `{}` twice", printable(&raw))));
        }
    }
    if extension.is_some() {
        return Err(Problem::Unsafe("ends with an extended header that belongs to no entry".to_owned()));
    }
    stream.end()?;
    let ancestors = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    let parents = tree.keys().chain(&directories).flat_map(|path| ancestors(path)).find(|path| tree.contains_key(path));
    if let Some(both) = parents.or_else(|| directories.into_iter().find(|path| tree.contains_key(path))) {
        return Err(Problem::entry(both.as_bytes(), "is both a file and a directory"));
    }
    if tree.is_empty() {
        return Err(Problem::Unreadable("it contains no files".to_owned()));
    }
    Ok(tree)
}

fn in_one_folder(tree: Tree) -> Outcome<Tree> {
    let mut folder = None;
    for path in tree.keys() {
        match (path.split_once('/'), folder) {
            (None, _) => return Err(Problem::entry(path.as_bytes(), "is not in the chart's folder")),
            (Some((first, _)), None) => folder = Some(first),
            (Some((first, _)), Some(folder)) if first != folder => {
                return Err(Problem::entry(path.as_bytes(), &format!("is not in the chart's folder `{folder}`")));
            }
            _ => {}
        }
    }
    Ok(tree)
}

/// The blocks of an archive.
struct Stream<'a> {
    decoder: GzDecoder<&'a [u8]>,
    limit: u64,
    unpacked: u64,
}

impl Stream<'_> {
    /// The header of the next entry; `None` at the end of the archive.
    fn header(&mut self) -> Outcome<Option<Header>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(Problem::Unreadable("it ends within a header".to_owned())),
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        Header::parse(&block).map(Some)
    }

    /// The content of an entry, without its padding.
    fn content(&mut self, size: u64) -> Outcome<Vec<u8>> {
        self.count(size)?;
        let mut content = Vec::new();
        self.decoder.by_ref().take(size).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..content.len().next_multiple_of(BLOCK) - content.len()];
        if (content.len() as u64) < size || self.fill(padding)? < padding.len() {
            return Err(Problem::Unreadable("it ends within a file".to_owned()));
        }
        Ok(content)
    }

    /// Checks that only zeros follow the end of the archive, as `tar` writes them, and nothing follows the gzip member.
    fn end(mut self) -> Outcome<()> {
        let mut block = [0; BLOCK];
        loop {
            match self.fill(&mut block)? {
                0 => break,
                count if block[..count].iter().any(|byte| *byte != 0) => {
                    return Err(Problem::Unsafe("has data after its end-of-archive marker".to_owned()));
                }
                _ => {}
            }
        }
        match self.decoder.into_inner() {
            [] => Ok(()),
            [0x1f, 0x8b, ..] => Err(Problem::Unsafe("consists of several gzip members".to_owned())),
            _ => Err(Problem::Unsafe("has data after its gzip member".to_owned())),
        }
    }

    /// Reads until a buffer is full or the data ends, and returns the number of bytes.
    fn fill(&mut self, buffer: &mut [u8]) -> Outcome<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.decoder.read(&mut buffer[filled..]).map_err(|error| unreadable(&error))? {
                0 => break,
                count => filled += count,
            }
        }
        self.count(filled as u64)?;
        Ok(filled)
    }

    fn count(&mut self, size: u64) -> Outcome<()> {
        self.unpacked = self.unpacked.saturating_add(size);
        if self.unpacked > self.limit {
            return Err(Problem::Unsafe(format!("unpacks to more than {} MiB", self.limit / 1024 / 1024)));
        }
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::Unreadable(error.to_string())
}

/// The header of an entry, as far as it determines the path, the type, and the content.
struct Header {
    kind: u8,
    path: Vec<u8>,
    size: u64,
    /// A predicate of the entry, if its header is malformed or ambiguous.
    problem: Option<&'static str>,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> Outcome<Self> {
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

/// An extended header of the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    /// A predicate of the entry, if the header has other records than a path and harmless ones.
    problem: Option<String>,
}

impl Extension {
    /// Reads PAX records, each of which is `<length> <key>=<value>` and a line feed.
    fn pax(mut rest: &[u8]) -> Self {
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
    fn gnu(content: &[u8]) -> Self {
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

/// A predicate of an entry that is neither a regular file nor a directory. Helm loads most of these types as files.
fn foreign_kind(kind: u8) -> Option<String> {
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

/// The path of an entry, or a predicate of the entry if readers could interpret its path differently.
fn plain_path(raw: &[u8], directory: bool) -> std::result::Result<String, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "has a path that is not UTF-8")?;
    let path = if directory { path.strip_suffix('/').unwrap_or(path) } else { path };
    if path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..") {
        return Err("points outside the archive");
    }
    if path.contains('\\') {
        return Err("has a backslash in its path");
    }
    if path.contains(char::is_control) {
        return Err("has a control character in its path");
    }
    if !directory && path.ends_with('/') {
        return Err("ends in a slash, but is not a directory");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("has an empty part or `.` in its path");
    }
    if path.len() > MAX_PATH || path.split('/').count() > MAX_DEPTH {
        return Err("has a path that is too long");
    }
    Ok(path.to_owned())
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

/// A path in a message: shortened, and with control characters escaped.
fn printable(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut shown: String = text
        .chars()
        .take(160)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(160).is_some() {
        shown.push('…');
    }
    shown
}

/// A digest over paths and contents, free of what a packager adds (order, times, owners, compression).
///
/// It is the SHA-256 of what `find . -type f | LC_ALL=C sort | xargs sha256sum` prints, without the `./`:
/// a line `<sha256 of content>  <path>` for each file, in the order of their paths.
#[must_use]
pub fn tree_digest(tree: &Tree) -> String {
    let mut listing = String::new();
    for (path, content) in tree {
        listing.push_str(&format!("{}  {path}\n", sha256(content)));
    }
    format!("tree-sha256:{}", sha256(listing.as_bytes()))
}

/// SHA-256 in lowercase hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const BINDING: &[u8] = b"kind: ClusterRoleBinding\n";

    /// An entry with a USTAR header.
    fn entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
        edited(kind, path, content, |_| {})
    }

    /// An entry whose header is edited before its checksum is written.
    fn edited(kind: u8, path: &str, content: &[u8], edit: impl FnOnce(&mut [u8; BLOCK])) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        // `set_path` rejects some of the paths of these tests.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        edit(header.as_mut_bytes());
        header.set_cksum();
        let mut bytes = [header.as_bytes(), content].concat();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn record(key: &str, value: &str) -> String {
        let rest = format!(" {key}={value}\n");
        let mut lengths = rest.len()..rest.len() + 10;
        let length = lengths.find(|length| length.to_string().len() + rest.len() == *length);
        let length = length.expect("a length");
        format!("{length}{rest}")
    }

    /// An extended header with PAX records.
    fn pax(records: &[(&str, &str)]) -> Vec<u8> {
        let records: String = records.iter().map(|(key, value)| record(key, value)).collect();
        entry(b'x', "PaxHeaders/x", records.as_bytes())
    }

    /// Overwrites a part of an entry's header.
    fn with(kind: u8, path: &str, content: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
        edited(kind, path, content, |header| header[at..at + field.len()].copy_from_slice(field))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    /// A gzipped archive of some entries, with its end-of-archive marker.
    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        gzip(&[entries.concat(), vec![0; 2 * BLOCK]].concat())
    }

    fn chart(more: &[Vec<u8>]) -> Vec<u8> {
        archive(&[&[entry(b'0', "c/Chart.yaml", b"name: c\n")], more].concat())
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.keys().map(String::as_str).collect()
    }

    #[test]
    fn order_does_not_matter_to_the_digest() {
        let (a, b) = (entry(b'0', "c/a", b"1"), entry(b'0', "c/b", b"2"));
        let one = read("one", &archive(&[a.clone(), b.clone()])).expect("archive");
        let two = read("two", &archive(&[b, a.clone()])).expect("archive");
        assert_eq!(tree_digest(&one), tree_digest(&two));
        let other = read("other", &archive(&[a, entry(b'0', "c/b", b"3")])).expect("archive");
        assert_ne!(tree_digest(&one), tree_digest(&other));
    }

    /// Readers interpret these archives differently, or no chart needs what they contain. Helm loads most of them.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn unsafe_archives_are_rejected() {
        const EVIL: &str = "c/templates/evil.yaml";
        let evil = |kind| chart(&[entry(kind, EVIL, BINDING)]);
        let named = |path| chart(&[entry(b'0', path, BINDING)]);
        let records = |records: &[(&str, &str)]| chart(&[pax(records), entry(b'0', EVIL, BINDING)]);
        let field = |at, field: &[u8]| chart(&[with(b'0', EVIL, BINDING, at, field)]);
        let sound = [entry(b'0', "c/Chart.yaml", b"name: c\n"), entry(b'0', EVIL, BINDING)].concat();
        let end = vec![0; 2 * BLOCK];
        let which = |problem: &str| format!("contains `{EVIL}`, which {problem}");
        let path = |path: &str, problem: &str| format!("contains `{path}`, which {problem}");
        let table = [
            ("contiguous file", evil(b'7'), which("has the tar type `7`")),
            ("access control list", evil(b'A'), which("has the tar type `A`")),
            ("dump directory", evil(b'D'), which("has the tar type `D`")),
            ("continued file", evil(b'M'), which("has the tar type `M`")),
            ("volume label", evil(b'V'), which("has the tar type `V`")),
            ("unknown type", evil(b'Z'), which("has the tar type `Z`")),
            ("long link name", evil(b'K'), which("has the tar type `K`")),
            ("old extended header", evil(b'X'), which("has the tar type `X`")),
            ("type that is no text", evil(1), which("has the tar type `\\u{1}`")),
            ("sparse file", evil(b'S'), which("is a sparse file")),
            ("hard link", evil(b'1'), which("is a hard link")),
            ("symbolic link", evil(b'2'), which("is a symbolic link")),
            ("character device", evil(b'3'), which("is a device")),
            ("block device", evil(b'4'), which("is a device")),
            ("FIFO", evil(b'6'), which("is a FIFO")),
            // Go reads the content of a directory as the next headers.
            (
                "directory with content",
                chart(&[entry(b'5', "c/templates/", &entry(b'0', EVIL, BINDING))]),
                path("c/templates/", "is a directory with content"),
            ),
            (
                "old file that is a directory",
                chart(&[with(0, "c/templates/", &entry(b'0', EVIL, BINDING), 257, &[0; 8])]),
                path("c/templates/", "ends in a slash, but is not a directory"),
            ),
            // Helm skips a file whose mode is a directory's.
            ("mode of a directory", field(100, b"0040644\0"), which("has the mode of another file type")),
            ("mode of a FIFO", field(100, b"0010644\0"), which("has the mode of another file type")),
            ("mode in base 256", field(100, b"\x80\0\0\0\0\0\x40\0"), which("has a malformed mode")),
            ("size in base 256", field(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x19"), which("has a malformed size")),
            ("size with a sign", field(124, b"+0000000031\0"), which("has a malformed size")),
            ("size of another base", field(124, b"0000000003a\0"), which("has a malformed size")),
            ("size after spaces", field(124, b"         31\0"), which("has a malformed size")),
            ("size in two parts", field(124, b"0000031\x00031\0"), which("has a malformed size")),
            ("size without digits", field(124, &[0; 12]), which("has a malformed size")),
            (
                "path record twice",
                records(&[("path", "c/a"), ("path", EVIL)]),
                which("has the PAX record `path` twice"),
            ),
            ("size record", records(&[("size", "0")]), which("has the PAX record `size`")),
            ("link record", records(&[("linkpath", "c/a")]), which("has the PAX record `linkpath`")),
            ("sparse name", records(&[("GNU.sparse.name", "c/a")]), which("has the PAX record `GNU.sparse.name`")),
            ("sparse map", records(&[("GNU.sparse.map", "0,1")]), which("has the PAX record `GNU.sparse.map`")),
            ("real size", records(&[("SCHILY.realsize", "9")]), which("has the PAX record `SCHILY.realsize`")),
            ("file type", records(&[("SCHILY.filetype", "x")]), which("has the PAX record `SCHILY.filetype`")),
            ("character set", records(&[("hdrcharset", "BINARY")]), which("has the PAX record `hdrcharset`")),
            ("empty path record", records(&[("path", "")]), path("", "has an empty part or `.` in its path")),
            (
                "malformed record",
                chart(&[entry(b'x', "x", b"9 path=c/a\n"), entry(b'0', EVIL, BINDING)]),
                which("has a malformed PAX record"),
            ),
            (
                "record with a padded length",
                chart(&[entry(b'x', "x", b"013 path=c/a\n"), entry(b'0', EVIL, BINDING)]),
                which("has a malformed PAX record"),
            ),
            (
                "two extended headers",
                chart(&[pax(&[("path", "c/a")]), pax(&[("path", EVIL)]), entry(b'0', "c/b", BINDING)]),
                path("PaxHeaders/x", "is a second extended header for one entry"),
            ),
            (
                "extended headers of two formats",
                chart(&[pax(&[("path", "c/a")]), entry(b'L', "L", b"c/b\0"), entry(b'0', EVIL, BINDING)]),
                path("L", "is a second extended header for one entry"),
            ),
            (
                "global header after an extended one",
                chart(&[pax(&[("path", "c/a")]), entry(b'g', "g", b""), entry(b'0', EVIL, BINDING)]),
                path("g", "is a second extended header for one entry"),
            ),
            (
                "global path",
                chart(&[entry(b'g', "g", record("path", "c/a").as_bytes()), entry(b'0', EVIL, BINDING)]),
                path("g", "has a global PAX record `path`"),
            ),
            (
                "global size",
                chart(&[entry(b'g', "g", record("size", "0").as_bytes()), entry(b'0', EVIL, BINDING)]),
                path("g", "has the PAX record `size`"),
            ),
            (
                "extended header without an entry",
                chart(&[pax(&[("path", EVIL)])]),
                "ends with an extended header that belongs to no entry".to_owned(),
            ),
            (
                "huge extended header",
                chart(&[entry(b'L', "L", &vec![b'a'; 2 << 20]), entry(b'0', EVIL, BINDING)]),
                path("L", "is an extended header of more than 1 MiB"),
            ),
            (
                "NUL in a long path",
                chart(&[entry(b'L', "L", b"c/a\0b\0"), entry(b'0', EVIL, BINDING)]),
                path("c/a\\u{0}b", "has a control character in its path"),
            ),
            ("data after the path", field(EVIL.len() + 1, b"x"), which("has a header with data in unused fields")),
            ("data after the prefix", field(346, b"x"), which("has a header with data in unused fields")),
            ("header of star", field(508, b"tar\0"), which("has a header with data in unused fields")),
            // Go may take these fields of GNU's header for a part of the path.
            (
                "prefix in a header of GNU tar",
                chart(&[edited(b'0', EVIL, BINDING, |header| {
                    header[257..265].copy_from_slice(b"ustar  \0");
                    header[345] = b'p';
                })]),
                which("has a header with data in unused fields"),
            ),
            ("unknown format", field(257, b"ustar\x0001"), which("has a header of an unknown tar format")),
            (
                "path twice",
                chart(&[entry(b'0', EVIL, b"kind: Role\n"), entry(b'0', EVIL, BINDING)]),
                format!("contains `{EVIL}` twice"),
            ),
            (
                "file within a file",
                chart(&[entry(b'0', "c/a", BINDING), entry(b'0', "c/a/b", BINDING)]),
                path("c/a", "is both a file and a directory"),
            ),
            (
                "directory that is a file",
                chart(&[entry(b'0', "c/a", BINDING), entry(b'5', "c/a/", b"")]),
                path("c/a", "is both a file and a directory"),
            ),
            ("absolute path", named("/c/a"), path("/c/a", "points outside the archive")),
            ("parent folder", named("c/../../a"), path("c/../../a", "points outside the archive")),
            ("parent folder for Windows", named("c\\..\\a"), path("c\\..\\a", "points outside the archive")),
            ("backslash", named("c\\templates/a"), path("c\\templates/a", "has a backslash in its path")),
            ("line feed", named("c/a\n::error::"), path("c/a\\n::error::", "has a control character in its path")),
            ("slash at the end", named("c/a/"), path("c/a/", "ends in a slash, but is not a directory")),
            ("current folder", named("./c/a"), path("./c/a", "has an empty part or `.` in its path")),
            ("empty part", named("c//a"), path("c//a", "has an empty part or `.` in its path")),
            ("no path", named(""), path("", "has an empty part or `.` in its path")),
            (
                "path that is not UTF-8",
                chart(&[with(b'0', "c/a", BINDING, 2, b"\xff")]),
                path("c/\u{fffd}", "has a path that is not UTF-8"),
            ),
            (
                "deep path",
                chart(&[pax(&[("path", &format!("c{}", "/a".repeat(64)))]), entry(b'0', "c/a", BINDING)]),
                path(&format!("c{}", "/a".repeat(64)), "has a path that is too long"),
            ),
            ("file beside the chart", named("a"), path("a", "is not in the chart's folder")),
            ("another folder", named("d/Chart.yaml"), path("d/Chart.yaml", "is not in the chart's folder `c`")),
            (
                "entry after the end",
                gzip(&[end.clone(), sound.clone(), end.clone()].concat()),
                "has data after its end-of-archive marker".to_owned(),
            ),
            (
                "entry after one empty block",
                gzip(&[sound.clone(), vec![0; BLOCK], entry(b'0', "c/a", BINDING)].concat()),
                "has data after its end-of-archive marker".to_owned(),
            ),
            (
                "several gzip members",
                [gzip(&sound), gzip(&end)].concat(),
                "consists of several gzip members".to_owned(),
            ),
            (
                "data after the gzip member",
                [chart(&[]), b"more".to_vec()].concat(),
                "has data after its gzip member".to_owned(),
            ),
            (
                "more than Helm unpacks",
                chart(&[with(b'0', EVIL, BINDING, 124, b"00777777777\0")]),
                "unpacks to more than 100 MiB".to_owned(),
            ),
        ];
        for (case, bytes, message) in table {
            let found = read_chart("c-1.0.0.tgz", &bytes).expect_err(case);
            let expected = Diagnostic::new(Code::ArchiveUnsafe, format!("`c-1.0.0.tgz` {message}"))
                .at(Place::file("c-1.0.0.tgz"), "")
                .note("Helm could load other files from this archive than the verified ones")
                .help("get the chart from its publisher again, or repack it with `helm package`");
            assert_eq!(found.0, [expected], "{case}");
        }
    }

    #[test]
    fn unreadable_archives_are_reported() {
        let sound = gzip(&[entry(b'0', "c/a", b"content"), vec![0; 2 * BLOCK]].concat());
        let entry = entry(b'0', "c/a", b"content");
        let mut damaged = sound.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        let mut header = entry.clone();
        header[0] = b'd';
        let table = [
            (b"plain text".to_vec(), "invalid gzip header"),
            (sound[..20].to_vec(), "incomplete deflate stream"),
            (damaged, "corrupt gzip stream does not have a matching checksum"),
            (gzip(b"not tar"), "it ends within a header"),
            (gzip(&[b'x'; BLOCK]), "the checksum of a header is wrong"),
            (gzip(&header), "the checksum of a header is wrong"),
            (gzip(&entry[..BLOCK + 3]), "it ends within a file"),
            (gzip(&entry[..BLOCK + 9]), "it ends within a file"),
            (gzip(&[0; 2 * BLOCK]), "it contains no files"),
        ];
        for (bytes, why) in table {
            let found = read("x.tgz", &bytes).expect_err(why);
            let expected = Diagnostic::new(Code::ArchiveTampered, format!("`x.tgz` is not a readable archive: {why}"))
                .at(Place::file("x.tgz"), "")
                .help("delete it; the next run downloads it again");
            assert_eq!(found.0, [expected]);
        }
    }

    #[test]
    fn headers_of_all_common_formats_are_read() {
        let long = format!("c/{}.yaml", "a".repeat(120));
        let gnu = |header: &mut [u8; BLOCK]| header[257..265].copy_from_slice(b"ustar  \0");
        let entries = [
            entry(b'g', "pax_global_header", record("comment", "0123456789abcdef").as_bytes()),
            entry(b'5', "c/", b""),
            with(b'5', "c/templates", b"", 124, &[0; 12]),
            entry(b'0', "c/ustar", b"1"),
            with(b'0', "file", b"2", 345, b"c/prefix"),
            edited(b'0', "c/gnu", b"3", gnu),
            with(0, "c/v7", b"4", 257, &[0; 8]),
            with(b'0', "c/with-type-in-mode", b"5", 100, b"100644 \0"),
            pax(&[("path", &long), ("mtime", "1.5"), ("SCHILY.xattr.user.a", "=\n"), ("comment", "a"), ("uid", "1")]),
            entry(b'0', "c/cut", b"6"),
            edited(b'L', "././@LongLink", b"c/long\0", gnu),
            edited(b'0', "c/cut", b"7", gnu),
        ];
        let expected =
            [&long, "c/gnu", "c/long", "c/prefix/file", "c/ustar", "c/v7", "c/with-type-in-mode"].map(str::to_owned);
        let read_paths = |bytes: &[u8]| {
            let tree = read_chart("c.tgz", bytes).expect("archive");
            paths(&tree).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        // `tar` fills its last record with zeros, and some programs leave the marker out.
        for zeros in [0, 1, 2, 17] {
            assert_eq!(read_paths(&gzip(&[entries.concat(), vec![0; zeros * BLOCK]].concat())), expected);
        }
    }
}
