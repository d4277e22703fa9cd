//! Evaluates the alerts and the dashboard of charts/postfix with promtool. tests/alerts/CASE.yaml has the series and the
//! expected alerts; the rules and queries come from the goldens of the case, so they are what Argo CD applies.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use diagnostics::Source;
use document::{Node, yaml};
use golden::Golden;
use serde_json::{Value, json};
use workspace::target::TargetId;

use crate::support::{ci, repository};

/// The golden of a case that has this beginning.
fn golden(case: &str, file: &str) -> Node {
    let id = TargetId { app: "postfix".to_owned(), case: case.to_owned() };
    let golden = Golden::load(repository(), &id).expect("goldens");
    let mut found = golden.files.iter().filter(|(name, _)| name.starts_with(file));
    let (name, bytes) = found.next().unwrap_or_else(|| panic!("{case} has no {file}"));
    yaml::parse_one(&Source::new(name, String::from_utf8_lossy(bytes))).expect("YAML").root
}

fn parsed(node: &Node) -> Value {
    serde_json::from_str(&node.to_json()).expect("JSON")
}

/// The queries of a dashboard as recording rules, for the variables that select this relay.
fn queries(dashboard: &Value, namespace: &str, service: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title: String = panel["title"].as_str().expect("a title").to_lowercase().replace(' ', "_");
        for query in panel["targets"].as_array().expect("targets") {
            let text = |key: &str| query[key].as_str().expect("text").to_owned();
            let expr = text("expr").replace("$namespace", namespace).replace("$service", service);
            rules.push(json!({"record": format!("dashboard:{title}:{}", text("refId").to_lowercase()), "expr": expr}));
        }
    }
    rules
}

#[test]
fn alerts_fire_when_they_should_and_the_dashboard_shows_the_queue() {
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(!ci(), "CI requires promtool, of the Debian package prometheus");
        let _ = writeln!(std::io::stderr(), "skipped: promtool is not installed");
        return;
    }
    let case = "everything";
    let tests = repository().join("tests/alerts").join(format!("{case}.yaml"));
    let rule = parsed(&golden(case, "prometheusrule-"));
    let config = parsed(&golden(case, "configmap-mail-relay-dashboard"));
    let files = config["data"].as_object().expect("data");
    let dashboard: Value =
        serde_json::from_str(files.values().next().and_then(Value::as_str).expect("a file")).expect("JSON");
    let queries = queries(&dashboard, "postfix", "mail-relay-metrics");

    let folder = tempfile::tempdir().expect("temporary directory");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("rules.json", &json!({"groups": rule["spec"]["groups"]}).to_string());
    write("dashboard.json", &json!({"groups": [{"name": "dashboard", "rules": queries}]}).to_string());
    let text = fs::read_to_string(&tests).expect("tests");
    write("tests.yaml", &text);

    // Every alert and every query is expected to have a result at some time.
    let alerts = rule["spec"]["groups"].as_array().into_iter().flatten();
    let alerts = alerts.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let names =
        alerts.map(|alert| format!("alertname: {}\n        exp_alerts:", alert["alert"].as_str().expect("a name")));
    let names = names.chain(queries.iter().map(|query| query["record"].as_str().expect("a name").to_owned()));
    let mut untested = String::new();
    for name in names.filter(|name| !text.contains(name.as_str())) {
        let _ = writeln!(untested, "{name}");
    }
    assert!(untested.is_empty(), "{} has no test of:\n{untested}", tests.display());

    promtool(folder.path(), &["check", "rules", "rules.json", "dashboard.json"]);
    promtool(folder.path(), &["test", "rules", "tests.yaml"]);
}

#[track_caller]
fn promtool(folder: &Path, args: &[&str]) {
    let output = Command::new("promtool").args(args).current_dir(folder).output().expect("promtool runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
