//! Each line of answers.jsonl is what Argo CD 3.5.7 renders for a template, or its error.

use serde_json::Value as Json;

use super::{MissingKey, Options, Problem, Value, render};

/// The answers: sets of parameters, and templates with their results.
fn answers() -> (Vec<Json>, Vec<Json>) {
    let lines = include_str!("answers.jsonl").lines();
    let all: Vec<Json> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    all.into_iter().partition(|line| line.get("template").is_none())
}

#[test]
fn templates_render_like_in_argo_cd() {
    let (parameters, cases) = answers();
    let mut wrong = Vec::new();
    let mut unsupported = Vec::new();
    for case in cases.iter().filter(|case| case.get("fast").is_none()) {
        let template = case["template"].as_str().expect("a string");
        let set = case.get("parameters").and_then(Json::as_u64).unwrap_or_default();
        let dot = Value::of_json(&parameters[usize::try_from(set).expect("an index")]["parameters"]);
        let missing_key = match case.get("missingkey").and_then(Json::as_str) {
            Some("error") => MissingKey::Error,
            Some("zero") => MissingKey::Zero,
            _ => MissingKey::Default,
        };
        let found = render(template, &dot, Options { missing_key });
        match (case.get("output").and_then(Json::as_str), found) {
            (Some(expected), Ok(found)) if expected == found => {}
            (None, Err(error)) if !matches!(error.problem, Problem::Unsupported(_)) => {}
            (_, Err(error)) if matches!(error.problem, Problem::Unsupported(_)) => unsupported.push(template),
            (expected, found) => {
                let expected = expected.map_or_else(|| format!("error {}", case["error"]), |text| format!("{text:?}"));
                wrong.push(format!("{template}\n  expected {expected}\n  found    {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(unsupported.len() < 5, "{unsupported:?}");
}

#[test]
fn functions_that_cannot_be_computed_are_named() {
    let found = render("{{ now | date \"2006\" }}", &Value::Nil, Options::default());
    assert_eq!(found.expect_err("unsupported").problem, Problem::Unsupported("now".to_owned()));
}

#[test]
fn large_results_are_refused() {
    for template in [
        "{{ repeat 1000000000 \"x\" }}",
        "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}",
        "{{ range 10000000000 }}x{{ end }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ define \"t\" }}{{ template \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d }}{{ fail \"end\" }}",
    ] {
        assert!(render(template, &Value::Nil, Options::default()).is_err(), "{template}");
    }
    let deep = format!("{}x{}", "{{ if true }}".repeat(5000), "{{ end }}".repeat(5000));
    assert!(render(&deep, &Value::Nil, Options::default()).is_err());
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(render(&deep, &Value::Nil, Options::default()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\{\\{|\\}\\}|[-$.|(),:='`\"a-z0-9é /*\\\\%]|if |end|range |else |printf |index |define |template |trunc |substr |slugify |nil| -){0,40}") {
        let json = serde_json::json!({"a": {"b": [1, "x", null]}, "c": "é", "d": 3});
        let _ = render(&text, &Value::of_json(&json), Options::default());
        let _ = render(&format!("{{{{ {text} }}}}"), &Value::of_json(&json), Options { missing_key: MissingKey::Error });
    }
}
