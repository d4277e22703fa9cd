//! The wording of Helm's errors, which `helm::errors` parses: the pinned Helm renders charts and values that are broken
//! in one way each.

use std::path::{Path, PathBuf};
use std::process::Command;

use helm::errors::{self, Kind, Rule, Violation};

use crate::support::{Bench, HELM_3, HELM_4, helm};

/// What Helm reports for a chart with some files, and with values.
fn error(helm: &Path, files: &[(&str, &str)], values: &str) -> (String, Kind) {
    let bench = Bench::new();
    bench.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    bench.write("web/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n");
    bench.write("values.yaml", values);
    for (path, text) in files {
        bench.write(&format!("web/{path}"), text);
    }
    let mut command = Command::new(helm);
    command.args(["template", "release", "web", "--values", "values.yaml"]).current_dir(bench.root());
    command.env_clear().env("HOME", bench.base().join("home"));
    let output = command.output().expect("helm runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{files:?} {values}");
    let error = errors::parse(&stderr).unwrap_or_else(|| panic!("no error in {stderr}"));
    (error.message, error.kind)
}

fn each_helm(check: impl Fn(&Path)) {
    for helm in [helm(HELM_4), helm(HELM_3)].into_iter().flatten() {
        check(&helm);
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn violations_of_a_schema_are_parsed() {
    let kind = |got: &str, want: &[&str]| Rule::Type { got: got.to_owned(), want: texts(want) };
    let limit = |keyword: &str, want: &str| Rule::Limit { keyword: keyword.to_owned(), want: want.to_owned() };
    let table = [
        (r#"{"type": "string"}"#, "a: 1", kind("number", &["string"])),
        (r#"{"type": ["string", "null"]}"#, "a: []", kind("array", &["null", "string"])),
        (r#"{"additionalProperties": false}"#, "a: {it's: 1, b: 2}", Rule::Unknown(texts(&["b", "it's"]))),
        (r#"{"required": ["b"]}"#, "a: {}", Rule::Missing(texts(&["b"]))),
        (r#"{"required": ["b", "c"]}"#, "a: {}", Rule::Missing(texts(&["b", "c"]))),
        (r#"{"dependentRequired": {"b": ["c"]}}"#, "a: {b: 1}", Rule::MissingWith(texts(&["c"]), "b".to_owned())),
        (r#"{"enum": ["x", 1, null]}"#, "a: y", Rule::OneOf(texts(&["'x'", "1", "<nil>"]))),
        (r#"{"const": "x"}"#, "a: y", Rule::OneOf(texts(&["'x'"]))),
        (r#"{"minimum": 1024}"#, "a: 5", limit("minimum", "1024")),
        (r#"{"exclusiveMaximum": 5}"#, "a: 5", limit("exclusiveMaximum", "5")),
        (r#"{"multipleOf": 2}"#, "a: 5", limit("multipleOf", "2")),
        (r#"{"minLength": 1}"#, "a: ''", limit("minLength", "1")),
        (r#"{"maxItems": 0}"#, "a: [1]", limit("maxItems", "0")),
        (r#"{"minProperties": 1}"#, "a: {}", limit("minProperties", "1")),
        (r#"{"pattern": "^a'b\\d$"}"#, "a: it's", Rule::Pattern("^a'b\\d$".to_owned())),
        (r#"{"uniqueItems": true}"#, "a: [1, 2, 1]", Rule::Equal(0, 2)),
        (r#"{"not": {"const": 1}}"#, "a: 1", Rule::Not),
        ("false", "a: 1", Rule::False),
        (r#"{"contains": {"const": 1}}"#, "a: [2]", Rule::Contains),
        (r#"{"anyOf": [{"type": "string"}, {"type": "integer"}]}"#, "a: []", Rule::Any),
        (r#"{"oneOf": [{"type": "string"}, {"type": "integer"}]}"#, "a: []", Rule::Any),
        (r#"{"oneOf": [{"type": "number"}, {"type": "integer"}]}"#, "a: 1", Rule::Several),
        (r#"{"allOf": [{"type": "string"}, {"not": {"const": 1}}]}"#, "a: 1", Rule::All),
    ];
    each_helm(|helm| {
        for (schema, values, rule) in &table {
            let schema = format!("{{\"properties\": {{\"a\": {schema}}}}}");
            let (message, kind) = error(helm, &[("values.schema.json", &schema)], values);
            let Kind::Values(found) = kind else { panic!("{message}") };
            let found: Vec<(&str, String, &Rule)> =
                found.iter().map(|one| (one.chart.as_str(), one.pointer.join("/"), &one.rule)).collect();
            let (chart, pointer, mut actual) = (found[0].0, found[0].1.clone(), found[0].2.clone());
            if let Rule::Unknown(keys) = &mut actual {
                keys.sort();
            }
            assert_eq!((found.len(), chart, pointer.as_str(), &actual), (1, "web", "a", rule), "{message}");
        }
    });
}

#[test]
fn causes_keys_and_dependencies_are_parsed() {
    each_helm(|helm| {
        let schema = r#"{"properties": {"a": {"anyOf": [{"pattern": "^x"}, {"type": "integer"}]}, "b/c": {"items": {"type": "string"}}, "d": {"propertyNames": {"maxLength": 1}}}}"#;
        let (message, kind) = error(helm, &[("values.schema.json", schema)], "a: z\nb/c: ['', 1]\nd: {xx: 1}\n");
        let violation = |pointer: &[&str], rule| Violation {
            chart: "web".to_owned(),
            pointer: texts(pointer),
            rule,
            causes: Vec::new(),
        };
        let integer = Rule::Type { got: "string".to_owned(), want: texts(&["integer"]) };
        let string = Rule::Type { got: "number".to_owned(), want: texts(&["string"]) };
        let length = Rule::Limit { keyword: "maxLength".to_owned(), want: "1".to_owned() };
        let expected = vec![
            // Helm does not print the path of the mapping.
            Violation { causes: vec![violation(&[], length)], ..violation(&[], Rule::Key("xx".to_owned())) },
            Violation {
                causes: vec![violation(&["a"], integer), violation(&["a"], Rule::Pattern("^x".to_owned()))],
                ..violation(&["a"], Rule::Any)
            },
            violation(&["b/c", "1"], string),
        ];
        assert_eq!(kind, Kind::Values(expected), "{message}");

        let dependency =
            "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: lib, version: 1.0.0, alias: other}]\n";
        let files = [
            ("Chart.yaml", dependency),
            ("charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\n"),
            ("charts/lib/values.schema.json", r#"{"properties": {"a": {"type": "string"}}}"#),
        ];
        let (message, kind) = error(helm, &files, "other: {a: 1}");
        let Kind::Values(found) = kind else { panic!("{message}") };
        assert_eq!((found[0].chart.as_str(), found[0].pointer.join("/")), ("other", "a".to_owned()), "{message}");
        let (message, kind) = error(helm, &files, "other: 5");
        assert_eq!(kind, Kind::DependencyValues("other".to_owned()), "{message}");
    });
}

#[test]
fn unreadable_files_and_output_are_parsed() {
    each_helm(|helm| {
        let (message, kind) = error(helm, &[], "a:\n\tb: 1\n");
        let Kind::Unreadable { file, in_chart: false, line: Some(2), reason } = kind else { panic!("{message}") };
        assert_eq!(
            (file, reason.as_str()),
            (PathBuf::from("values.yaml"), "found character that cannot start any token")
        );

        let (message, kind) = error(helm, &[("values.yaml", "a: [\n")], "");
        let Kind::Unreadable { file, in_chart: true, .. } = kind else { panic!("{message}") };
        assert_eq!(file, PathBuf::from("values.yaml"));

        let (message, kind) = error(helm, &[("templates/a.yaml", "kind: A\n  b: c\n")], "");
        let Kind::Output { template, line: Some(_), reason } = kind else { panic!("{message}") };
        assert_eq!(
            (template.as_str(), reason.as_str()),
            ("web/templates/a.yaml", "mapping values are not allowed in this context")
        );

        let (message, kind) = error(helm, &[("values.schema.json", "{\"type\": \n")], "");
        let Kind::Schema { chart, reason } = kind else { panic!("{message}") };
        // The words are those of Go's JSON package.
        assert!(chart == "web" && !reason.is_empty() && message.ends_with(&reason), "{message}");
    });
}

#[test]
fn failing_templates_are_parsed() {
    let table = [
        ("{{ fail \"no\" }}", 1, Some(3), "error calling fail: no", "no"),
        ("a: b\n{{ required \"name\" .Values.name }}", 2, Some(3), "error calling required: name", "name"),
        (
            "{{ .Values.a.b.c }}",
            1,
            Some(10),
            "nil pointer evaluating interface {}.c",
            "nil pointer evaluating interface {}.c",
        ),
        ("{{ nosuch }}", 1, None, "function \"nosuch\" not defined", "function \"nosuch\" not defined"),
    ];
    each_helm(|helm| {
        for (text, line, column, long, short) in table {
            let (message, kind) = error(helm, &[("templates/a.yaml", text)], "a: {}");
            let Kind::Template { template, line: at, column: offset, reason, .. } = kind else { panic!("{message}") };
            assert_eq!((template.as_str(), at, offset), ("web/templates/a.yaml", line, column), "{message}");
            assert!(reason.ends_with(long) || reason.ends_with(short), "{reason}\n{message}");
        }
    });
}

#[test]
fn errors_in_chart_files_are_parsed() {
    let chart = |text: &str| format!("apiVersion: v2\nname: web\n{text}");
    let library = chart("version: 0.1.0\ntype: library\n");
    let kube_version = chart("version: 0.1.0\nkubeVersion: '>=99'\n");
    let version = chart("version: x\n");
    let kind_of_chart = chart("version: 0.1.0\ntype: x\n");
    let name = "apiVersion: v2\nname: a/b\nversion: 0.1.0\n";
    let table: [(&str, &str, Kind); 8] = [
        ("Chart.yaml", &library, Kind::ChartField("type")),
        ("Chart.yaml", &kube_version, Kind::ChartField("kubeVersion")),
        ("Chart.yaml", &version, Kind::ChartField("version")),
        ("Chart.yaml", &kind_of_chart, Kind::ChartField("type")),
        ("Chart.yaml", name, Kind::ChartField("name")),
        (".helmignore", "files/\n!files/keep.txt\n", Kind::ChartMissing),
        (".helmignore", "a/**\n", Kind::Helmignore),
        (".helmignore", "[a\n", Kind::Helmignore),
    ];
    each_helm(|helm| {
        for (file, text, expected) in &table {
            let (message, kind) = error(helm, &[(*file, *text)], "");
            assert_eq!(kind, *expected, "{message}");
        }
    });
}

#[test]
fn messages_of_helm_lint_are_parsed() {
    each_helm(|helm| {
        let bench = Bench::new();
        bench.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\nappVersion: 1.0\n");
        let output = Command::new(helm).args(["lint", "web"]).current_dir(bench.root()).output().expect("helm runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fields: Vec<&str> =
            text.lines().filter_map(|line| errors::not_a_string(line.strip_prefix("[ERROR] ")?)).collect();
        assert_eq!(fields, ["appVersion"], "{text}");
    });
}
