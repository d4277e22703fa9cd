//! Archives that readers interpret differently, and those that all of them read alike.

use std::io::Write;

use diagnostics::{Diagnostic, Place};

use super::header::BLOCK;
use super::*;

const BINDING: &[u8] = b"kind: ClusterRoleBinding\n";

const EVIL: &str = "c/templates/evil.yaml";

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
        ("type that is not text", evil(1), which("has the tar type `\\u{1}`")),
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
        ("path record twice", records(&[("path", "c/a"), ("path", EVIL)]), which("has the PAX record `path` twice")),
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
        ("parent directory", named("c/../../a"), path("c/../../a", "points outside the archive")),
        ("parent directory for Windows", named("c\\..\\a"), path("c\\..\\a", "points outside the archive")),
        ("backslash", named("c\\templates/a"), path("c\\templates/a", "has a backslash in its path")),
        ("line feed", named("c/a\n::error::"), path("c/a\\n::error::", "has a control character in its path")),
        ("slash at the end", named("c/a/"), path("c/a/", "ends in a slash, but is not a directory")),
        ("current directory", named("./c/a"), path("./c/a", "has an empty part or `.` in its path")),
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
        ("file beside the chart", named("a"), path("a", "is not in the chart's directory")),
        ("another directory", named("d/Chart.yaml"), path("d/Chart.yaml", "is not in the chart's directory `c`")),
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
        ("several gzip members", [gzip(&sound), gzip(&end)].concat(), "consists of several gzip members".to_owned()),
        (
            "data after the gzip member",
            [chart(&[]), b"more".to_vec()].concat(),
            "has data after its gzip member".to_owned(),
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
fn large_archives_are_refused() {
    let bytes = chart(&[with(b'0', EVIL, BINDING, 124, b"00777777777\0")]);
    let found = read_chart("c-1.0.0.tgz", &bytes).expect_err("more than Helm unpacks");
    assert_eq!(found.0[0].message, "`c-1.0.0.tgz` unpacks to more than 100 MiB");
    assert_eq!(found.0[0].helps, ["use a smaller chart: Helm rejects larger ones, and no setting changes that"]);
    let bytes = chart(&[with(b'0', EVIL, BINDING, 124, b"07777777777\0")]);
    let found = read("tool.tar.gz", &bytes).expect_err("more than a tool unpacks to");
    assert_eq!(found.0[0].message, "`tool.tar.gz` unpacks to more than 512 MiB");
    assert_eq!(found.0[0].helps, ["if this is intended, raise the limit with `XTASK_LIMITS=archive-mib=1024`"]);
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
