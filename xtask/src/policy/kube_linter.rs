//! The JSON output of kube-linter, `kube-linter lint --format json`.

use serde_json::Value;

use super::violation::{Folder, Violation};

/// Whether a document is of kube-linter.
pub(super) fn is(document: &Value) -> bool {
    document["Summary"]["ChecksStatus"].is_string()
}

/// Reads the reports.
pub(super) fn read(document: &Value, folder: Folder<'_>) -> Result<Vec<Violation>, String> {
    let reports = document["Reports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if reports.is_empty() && document["Summary"]["ChecksStatus"] != "Passed" {
        return Err("failed, and lists no reports".to_owned());
    }
    let violation = |report: &Value| {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let object = &report["Object"]["K8sObject"];
        let kind = text(&object["GroupVersionKind"]["Kind"]).unwrap_or_default();
        let name = text(&object["Name"]).unwrap_or_default();
        let namespace = text(&object["Namespace"]).map_or_else(String::new, |namespace| format!("{namespace}/"));
        let message = text(&report["Diagnostic"]["Message"]);
        Some(Violation {
            rule: text(&report["Check"])?,
            object: Some(format!("{kind} {namespace}{name}")),
            file: text(&report["Object"]["Metadata"]["FilePath"]).map(|path| folder.file(&path)),
            line: None,
            message: folder.text(&message?),
            help: text(&report["Remediation"]),
        })
    };
    let violations: Option<Vec<Violation>> = reports.iter().map(violation).collect();
    violations.ok_or_else(|| "printed reports that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn base() -> Folder<'static> {
        Folder { root: Path::new("/t"), path: Path::new("/t/base") }
    }

    fn document(reports: &str, status: &str) -> Value {
        let text = format!(r#"{{"Checks": [], "Reports": {reports}, "Summary": {{"ChecksStatus": "{status}"}}}}"#);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn reports_become_violations() {
        let report = r#"[{"Check": "latest-tag", "Diagnostic": {"Message": "uses latest"}, "Remediation": "Use a tag.",
            "Object": {"Metadata": {"FilePath": "/t/base/web/default/pod-web.yaml"},
                       "K8sObject": {"Namespace": "shop", "Name": "web", "GroupVersionKind": {"Kind": "Pod"}}}}]"#;
        let violations = read(&document(report, "Failed"), base()).expect("readable");
        let [Violation { rule, object, file, message, help, .. }] = violations.as_slice() else { panic!("one") };
        assert_eq!((rule.as_str(), object.as_deref()), ("latest-tag", Some("Pod shop/web")));
        assert_eq!((file.as_deref(), message.as_str()), (Some("web/default/pod-web.yaml"), "uses latest"));
        assert_eq!(help.as_deref(), Some("Use a tag."));
    }

    #[test]
    fn a_failure_without_reports_is_an_error() {
        assert!(read(&document("null", "Failed"), base()).is_err());
        assert!(read(&document("[{}]", "Failed"), base()).is_err());
        assert_eq!(read(&document("null", "Passed"), base()), Ok(Vec::new()));
    }
}
