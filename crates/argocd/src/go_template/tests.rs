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
