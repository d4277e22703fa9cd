//! Texts that the Go library of Kubernetes reads, and its limits.

use super::*;

fn json(text: &str) -> String {
    parse_one(&Source::new("x.yaml", text)).expect("YAML").root.to_json()
}

#[test]
fn scalars_are_interpreted_as_in_kubernetes() {
    let table = [
        ("0644", "420"),
        ("0o644", "420"),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("08", "8"),
        ("-0", "0"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1.10", "1.1"),
        (".5", "0.5"),
        ("1.", "1"),
        ("6.02e23", "6.02e23"),
        ("12345678901234567890", "12345678901234567890"),
        ("-12345678901234567890", "-12345678901234567000"),
        ("123456789012345678901234567890", "1.2345678901234568e29"),
        ("yes", "true"),
        ("y", "true"),
        ("Off", "false"),
        ("~", "null"),
        ("", "null"),
        ("'yes'", "\"yes\""),
        ("\"0644\"", "\"0644\""),
        ("!!str 0644", "\"0644\""),
        ("!!binary aGVsbG8=", "\"hello\""),
        ("yEs", "\"yEs\""),
        ("1:30", "\"1:30\""),
        ("2001-12-14", "\"2001-12-14\""),
        ("1.2.3", "\"1.2.3\""),
        ("0.0.0.0/0", "\"0.0.0.0/0\""),
        ("1e", "\"1e\""),
        ("-", "[null]"),
        ("_1", "\"_1\""),
        ("10.0.0.1", "\"10.0.0.1\""),
    ];
    for (text, expected) in table {
        assert_eq!(
            json(&format!("v: {}", if text == "-" { "\n- " } else { text })),
            format!("{{\"v\":{expected}}}"),
            "{text}"
        );
    }
}

#[test]
fn keys_are_strings() {
    assert_eq!(json("y: 1\n8: 2\n1.10: 3\n~: 4\n"), r#"{"true":1,"8":2,"1.1":3,"null":4}"#);
}

#[test]
fn a_merge_overrides_only_the_keys_before_it() {
    assert_eq!(json("b: &b {x: 1, y1: 2}\nm: {x: 0, <<: *b, y1: 9}\n"), r#"{"b":{"x":1,"y1":2},"m":{"x":1,"y1":9}}"#);
    assert_eq!(json("m: {<<: [{a: 1}, {a: 2, b: 3}]}"), r#"{"m":{"a":1,"b":3}}"#);
}

#[test]
fn the_last_of_duplicate_keys_wins_and_is_reported() {
    let document = parse_one(&Source::new("x.yaml", "a: 1\na: 2\n")).expect("YAML");
    assert_eq!(document.root.to_json(), r#"{"a":2}"#);
    assert_eq!(document.duplicates.len(), 1);
    assert_eq!(document.duplicates[0].span, 5..6);
    let merged = parse_one(&Source::new("x.yaml", "b: &b {a: 1}\nm: {<<: *b, a: 2}\n")).expect("YAML");
    assert!(merged.duplicates.is_empty(), "overriding a merged key is not a duplicate");
}

#[test]
fn places_are_right_after_multibyte_characters() {
    let source = Source::new("x.yaml", "é: ü\nkey: value\n");
    let document = parse_one(&source).expect("YAML");
    assert_eq!(document.root.get("key").expect("key").place().to_string(), "x.yaml:2:6");
}

#[test]
fn exponential_aliases_are_rejected() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    let error = parse(&Source::new("x.yaml", text)).expect_err("too large");
    assert!(error.0[0].message.contains("copy more than 1000000 values"));
}

#[test]
fn nested_anchors_of_a_large_document_are_rejected() {
    let text = format!("{}{}{}", "&a [".repeat(200), "x, ".repeat(10_000), "]".repeat(200));
    let error = parse(&Source::new("x.yaml", text)).expect_err("too large");
    assert_eq!(error.0[0].message, "cannot parse YAML: its anchors and aliases copy more than 1000000 values");
}

#[test]
fn parsing_takes_linear_time_and_has_a_size_limit() {
    let text = |keys: usize| (0..keys).map(|key| format!("k{key}: v{key}\n")).collect::<String>();
    let start = std::time::Instant::now();
    let document = parse_one(&Source::new("x.yaml", text(200_000))).expect("YAML");
    assert_eq!(document.root.entries().len(), 200_000);
    // Quadratic time would be minutes.
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    let error = parse(&Source::new("x.yaml", text(1_000_000))).expect_err("too large");
    assert_eq!(error.0[0].message, "cannot parse YAML: it is larger than 16 MiB");
    assert_eq!(error.0[0].places[0].0.to_string(), "x.yaml");
}

#[test]
fn brackets_have_a_limit_of_their_own() {
    let error = parse(&Source::new("x.yaml", "[".repeat(300))).expect_err("too deep");
    assert_eq!(error.0[0].message, "cannot parse YAML: `[` and `{` are nested more than 255 levels deep");
    assert_eq!(error.0[0].places[0].0.to_string(), "x.yaml:1:256");
}

#[test]
fn errors_have_a_place() {
    let error = parse(&Source::new("x.yaml", "a: 1\n b: 2\n")).expect_err("broken");
    assert_eq!(error.0[0].places[0].0.to_string().split(':').nth(1), Some("2"), "{error:?}");
}

#[test]
fn causes_before_the_error_are_named() {
    for (text, expected) in [
        ("a:\n  x: 0\n  b 1\n  # Next.\n  c: 2\n", "x.yaml:3:3 missing `:` after `b`"),
        ("a:\n  x: 0\n  b:1\n  # Next.\n  c: 2\n", "x.yaml:3:4 missing blank after `:`"),
        (
            "a:\n  x: 0\n  b:\u{a0}x\n  # Next.\n  c: 2\n",
            "x.yaml:3:5 no-break space (U+00A0) where YAML expects a space",
        ),
        ("a: [\n# Next.\nb: {}\n", "x.yaml:1:4 `[` is not closed"),
    ] {
        let error = parse(&Source::new("x.yaml", text)).expect_err("broken").0.remove(0);
        assert_eq!(format!("{} {}", error.places[0].0, error.message), expected);
    }
}

#[test]
fn conflict_markers_and_tabs_are_named() {
    for (text, expected) in [
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n", "x.yaml:2:1 merge conflict marker"),
        ("a: 1\nb: [\n>>>>>>> other\n", "x.yaml:3:1 merge conflict marker"),
        ("a:\n\tb: 1\n", "x.yaml:2:1 tab used for indentation"),
        ("a:\n  b:\n  \tc: 1\n", "x.yaml:3:3 tab used for indentation"),
        ("a:\n  - b\n\t- c\n", "x.yaml:3:1 tab used for indentation"),
    ] {
        let error = parse(&Source::new("x.yaml", text)).expect_err("broken").0.remove(0);
        assert_eq!(format!("{} {}", error.places[0].0, error.message), expected);
    }
    let error =
        parse(&Source::new("x.yaml", "a:\n  b: 1\n\u{a0} c:\u{a0}2\n  d: 3\n")).expect_err("broken").0.remove(0);
    assert_eq!(error.message, "no-break space (U+00A0) where YAML expects a space");
    // A tab in a block scalar is text.
    let error = parse(&Source::new("x.yaml", "a: |\n  \tb\nc: 1\nd: 1\ne: {\n")).expect_err("broken");
    assert!(error.0[0].message.starts_with("cannot parse YAML"), "{error:?}");
}

#[test]
fn json_escapes_are_read() {
    assert_eq!(json("s: \"a\\x7F\\u2028😀\\u0001\\\\\""), "{\"s\":\"a\\u007f\\u2028😀\\u0001\\\\\"}");
}

#[test]
fn indentation_within_quotes_is_ignored() {
    let text = "a:\n  b: 'one\n  two\n\nthree'\n  ä: \"x \\\n y\"\nc: d\n";
    let source = Source::new("a.yaml", text);
    let documents = parse(&source).expect("as Go's library reads it");
    let root = &documents[0].root;
    let get = |path: &[&str]| root.find(path).expect("exists");
    assert_eq!(get(&["a", "b"]).as_str(), Some("one two\nthree"));
    assert_eq!(get(&["a", "ä"]).as_str(), Some("x y"));
    assert_eq!(&text[get(&["a", "b"]).span.clone()], "'one\n  two\n\nthree'");
    assert_eq!(&text[get(&["c"]).span.clone()], "d");
    assert!(parse(&Source::new("a.yaml", "a:\n  b: 'one\n---\nc: d'\n")).is_err(), "a document ends within quotes");
}

#[test]
fn indentation_within_quotes_takes_bounded_time() {
    let scalars = |count: usize, lines: usize| -> String {
        (0..count).map(|number| format!("- k{number}:\n    b: 'x{}'\n", "\ny".repeat(lines))).collect()
    };
    let start = std::time::Instant::now();
    assert_eq!(parse_one(&Source::new("x.yaml", scalars(4, 100_000))).expect("YAML").root.items().len(), 4);
    assert_eq!(parse_one(&Source::new("x.yaml", scalars(400, 2))).expect("YAML").root.items().len(), 400);
    let error = parse_one(&Source::new("x.yaml", scalars(100_000, 2))).expect_err("too many");
    assert!(error.0[0].message.contains("indent"), "{}", error.0[0].message);
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}
