//! The format of the cases in tests/fixtures: exact bytes, escapes, and mistakes.

use crate::case::Case;

fn section(text: &str) -> Vec<u8> {
    let case = Case::parse(&format!("about: a test\n\n{text}")).expect("valid");
    case.sections["workspace/a"].clone()
}

#[test]
fn sections_are_exact() {
    assert_eq!(section("-- workspace/a --\n"), b"");
    assert_eq!(section("-- workspace/a --\n\n  b\n\n-- workspace/b --\nc\n"), b"\n  b\n\n");
    assert_eq!(section("-- workspace/a --\n--- \\r --\n"), b"--- \\r --\n");
}

#[test]
fn escapes_produce_any_bytes() {
    assert_eq!(section("-- workspace/a (escaped) --\na\\r\nb\\x20\n"), b"a\r\nb \n");
    assert_eq!(section("-- workspace/a (escaped) --\n\\\\ \\xff\\x00\\\n"), b"\\ \xff\0");
    assert_eq!(section("-- workspace/a (escaped) --\n\\x2d- b --\n"), b"-- b --\n");
}

#[test]
fn mistakes_are_reported() {
    for (text, problem) in [
        ("base: web\n", "the header has no `about`"),
        ("about: a\nabout: b\n", "line 2: duplicate key `about`"),
        ("about: a\nbases: web\n", "line 2: unknown key `bases`"),
        ("about: a\nweb\n", "line 2: expected `key: value`"),
        ("about: a\ngoldens: none\n", "line 2: unknown value `none`, expected `recorded`"),
        ("about: a", "line 1: missing newline at the end of the file"),
        ("about: a\n-- a --\n", "line 2: unknown section `a`"),
        ("about: a\n-- workspace/../a --\n", "line 2: unknown section `workspace/../a`"),
        ("about: a\n-- workspace/a --\n-- workspace/a (escaped) --\n", "line 3: duplicate section `workspace/a`"),
        (
            "about: a\n-- expected.code --\n1\n-- workspace/a --\n",
            "line 4: `workspace/a` must come before the `expected` sections",
        ),
        (
            "about: a\n-- workspace/a --\nb \n",
            "line 3: trailing whitespace or a control character in a section that is not escaped",
        ),
        ("about: a\n-- workspace/a (escaped) --\n\\n\n", "line 3: unknown escape `\\n`"),
    ] {
        assert_eq!(Case::parse(text).err().as_deref(), Some(problem), "{text:?}");
    }
}
