//! Tests of the uses of values.

use super::*;
use crate::template::parse::parse;

fn analyzed(text: &str, texts: &[&str]) -> Uses {
    let program = Program::new(vec![("templates/a.yaml".to_owned(), parse(text))]);
    let texts: Vec<Template> = texts.iter().map(|text| parse(text)).collect();
    uses(&program, &[Scope { files: vec![0], path: Vec::new() }], &texts)
}

fn dotted(reads: &Reads) -> String {
    reads.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" ")
}

#[test]
fn uses_are_whole_or_of_the_presence() {
    for (text, whole, present) in [
        ("{{ .Values.a.b }}", "a.b", ""),
        ("{{ with .Values.a }}{{ .b }}{{ end }}", "a.b", "a"),
        ("{{ if not .Values.a }}{{ end }}", "", "a"),
        ("{{ range .Values.a }}{{ .b }}{{ end }}", "a.*.b", "a"),
        ("{{ include \"x\" .Values.a }}{{ define \"x\" }}{{ .b }}{{ end }}", "a.b", ""),
        ("{{ toYaml .Values.a | nindent 2 }}", "a", ""),
        ("{{ $_ := set .Values \"a\" .Values.b }}", "b", ""),
        ("{{ include .Values.name . }}", " name", ""),
        ("{{ include \"missing\" . }}", "", ""),
        ("{{ printf \"%v\" . }}", "", ""),
    ] {
        let found = analyzed(text, &[]);
        assert_eq!((dotted(&found.whole).as_str(), dotted(&found.present).as_str()), (whole, present), "{text}");
    }
    // The empty path is everything.
    assert!(analyzed("{{ include \"missing\" . }}", &[]).whole.contains(&Vec::new()));
    assert!(analyzed("{{ printf \"%v\" . }}", &[]).whole.contains(&Vec::new()));
}

#[test]
fn texts_are_rendered_if_anything_renders_them() {
    let texts = ["{{ .Values.inner }}"];
    assert_eq!(dotted(&analyzed("{{ tpl .Values.text . }}", &texts).whole), "inner text");
    assert_eq!(dotted(&analyzed("{{ .Values.text }}", &texts).whole), "text");
}

#[test]
fn loops_in_loops_end() {
    let text = format!("{}{{{{ .x }}}}{}", "{{ range .Values.a }}".repeat(40), "{{ end }}".repeat(40));
    assert!(analyzed(&text, &[]).whole.contains(&Vec::new()));
}

#[test]
fn fields_know_whether_they_are_tested() {
    let found = analyzed("{{ if .Values.a }}{{ .Values.a.b }}{{ end }}{{ .Values.c | default 1 }}{{ .Values.d }}", &[]);
    let of = |name: &str| found.fields.values().find(|field| field.paths.iter().any(|path| path.join(".") == name));
    assert!(of("a.b").expect("a.b").conditional && !of("d").expect("d").conditional);
    assert_eq!(dotted(&found.guarded), "a c");
}
