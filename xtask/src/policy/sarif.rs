//! SARIF, the format of many checkers.

use serde_json::Value;

use super::violation::{Folder, Violation};

/// Whether a document is SARIF.
pub(super) fn is(document: &Value) -> bool {
    document.get("runs").is_some()
}

/// Reads the results of all runs.
pub(super) fn read(document: &Value, folder: Folder<'_>) -> Result<Vec<Violation>, String> {
    let wrong = |what: &str| format!("printed SARIF that cannot be read: {what}");
    let mut violations = Vec::new();
    for run in document["runs"].as_array().ok_or_else(|| wrong("`runs` is not a list"))? {
        let results = run["results"].as_array().ok_or_else(|| wrong("a run has no `results`"))?;
        if failed(run, results) {
            return Err("reports in its SARIF that it failed".to_owned());
        }
        for result in results.iter().filter(|result| counts(result)) {
            let rule = rule(run, result).unwrap_or_default();
            let message = &result["message"];
            let message = message["text"].as_str().or_else(|| message["markdown"].as_str());
            let message = message.ok_or_else(|| wrong("a result has no `message`"))?;
            let location = &result["locations"][0]["physicalLocation"];
            let file = location["artifactLocation"]["uri"].as_str();
            violations.push(Violation {
                rule: rule.to_owned(),
                object: None,
                file: file.map(|uri| folder.file(uri)),
                line: location["region"]["startLine"].as_u64().and_then(|line| usize::try_from(line).ok()),
                message: folder.text(message),
                help: None,
            });
        }
    }
    Ok(violations)
}

/// Whether a run reports that it failed. Some checkers, such as kube-linter, also call it a failure if they find something.
fn failed(run: &Value, results: &[Value]) -> bool {
    let mut invocations = run["invocations"].as_array().into_iter().flatten();
    invocations.any(|invocation| {
        let mut notifications = invocation["toolExecutionNotifications"].as_array().into_iter().flatten();
        let error = notifications.any(|notification| notification["level"] == "error");
        error || invocation["executionSuccessful"] == false && results.is_empty()
    })
}

/// The rule of a result, which may name it only by its index.
fn rule<'a>(run: &'a Value, result: &'a Value) -> Option<&'a str> {
    let own = result["ruleId"].as_str().or_else(|| result["rule"]["id"].as_str());
    let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok());
    own.or_else(|| run["tool"]["driver"]["rules"][index?]["id"].as_str())
}

/// Whether a result is a violation that is not suppressed.
fn counts(result: &Value) -> bool {
    let kind = result["kind"].as_str().unwrap_or("fail");
    let suppressed = result["suppressions"].as_array().is_some_and(|all| !all.is_empty());
    matches!(kind, "fail" | "open" | "review") && result["level"] != "none" && !suppressed
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn head() -> Folder<'static> {
        Folder { root: Path::new("/t"), path: Path::new("/t/head") }
    }

    #[test]
    fn results_become_violations() {
        let text = r#"{"runs": [{"tool": {"driver": {"rules": [{"id": "KSV001"}]}}, "results": [
            {"ruleIndex": 0, "message": {"text": "/t/head/web/default/pod.yaml: escalates"},
             "locations": [{"physicalLocation": {"artifactLocation": {"uri": "file:///t/head/web/default/pod.yaml"},
                            "region": {"startLine": 7}}}]},
            {"ruleId": "passed", "kind": "pass", "message": {"text": "m"}},
            {"ruleId": "waived", "suppressions": [{"kind": "external"}], "message": {"text": "m"}}]}]}"#;
        let violations = read(&serde_json::from_str(text).expect("JSON"), head()).expect("SARIF");
        assert_eq!(violations.len(), 1);
        let Violation { rule, file, line, message, .. } = &violations[0];
        assert_eq!((rule.as_str(), file.as_deref(), *line), ("KSV001", Some("web/default/pod.yaml"), Some(7)));
        assert_eq!(message, "web/default/pod.yaml: escalates");
    }

    #[test]
    fn a_failed_run_is_an_error() {
        let read = |text: &str| read(&serde_json::from_str(text).expect("JSON"), head());
        assert!(read(r#"{"runs": [{"results": [], "invocations": [{"executionSuccessful": false}]}]}"#).is_err());
        let notification = r#"{"executionSuccessful": true, "toolExecutionNotifications": [{"level": "error"}]}"#;
        let result = r#"{"ruleId": "x", "message": {"text": "m"}}"#;
        assert!(read(&format!(r#"{{"runs": [{{"results": [{result}], "invocations": [{notification}]}}]}}"#)).is_err());
        let found =
            format!(r#"{{"runs": [{{"results": [{result}], "invocations": [{{"executionSuccessful": false}}]}}]}}"#);
        assert_eq!(read(&found).expect("kube-linter").len(), 1);
        assert!(read(r#"{"runs": [{"results": null}]}"#).is_err(), "it did not run");
        assert!(read(r#"{"runs": [{"results": [{"ruleId": "x"}]}]}"#).is_err());
        assert_eq!(read(r#"{"runs": []}"#), Ok(Vec::new()));
    }
}
