//! The health of Argo CD's Applications.

use std::time::Duration;

use serde_json::{Map, Value};

use super::outcome::Verdict;
use super::problem::Problem;
use crate::api::{Application, Condition, Resource, Sources};

/// How long an error has to last. While Argo CD starts, its components do not reach each other for some seconds.
const LASTING: Duration = Duration::from_secs(45);

/// The health of an Application: ready if it is Synced and Healthy at one of some commits, or at any if none are given.
#[must_use]
pub fn application(found: &Application, accepted: Option<&[String]>) -> Verdict {
    let status = &found.status;
    let revisions = std::iter::once(&status.sync.revision).chain(&status.sync.revisions);
    let mut commits = revisions.filter(|revision| is_commit(revision)).peekable();
    // The revision of a chart from a Helm repository is its version.
    let current = accepted.is_none_or(|accepted| commits.peek().is_none() || commits.any(|one| accepted.contains(one)));
    let compared = status.sync.compared_to.as_ref().is_none_or(|compared| same_sources(compared, &found.spec));
    let running = status.operation_state.as_ref().is_some_and(|operation| operation.phase == "Running");
    if status.sync.status == "Synced" && status.health.status == "Healthy" && current && compared && !running {
        return Verdict::Ready;
    }
    let or_unknown = |text: &str| if text.is_empty() { "Unknown".to_owned() } else { text.to_owned() };
    let (sync, health) = (or_unknown(&status.sync.status), or_unknown(&status.health.status));
    let state = match (sync.as_str(), current) {
        ("Synced", false) => format!("is Synced with an earlier commit and {health}"),
        ("Synced", true) if !compared => format!("is Synced with earlier sources and {health}"),
        _ => format!("is {sync} and {health}"),
    };
    let cause = cause(found);
    let problem = Problem::new(
        format!("Application {}", found.metadata.name),
        state,
        cause.clone().unwrap_or_else(|| "Argo CD has not reported a reason yet".to_owned()),
    );
    let invalid = status.conditions.iter().any(|condition| condition.kind.ends_with("Error"));
    if invalid && !running { Verdict::Failed(problem, LASTING) } else { Verdict::Pending(problem) }
}

/// Whether sources are the same. The status of an Application lacks fields without a value.
fn same_sources(one: &Sources, other: &Sources) -> bool {
    let both = |sources: &Sources| (filled(&sources.source), filled(&sources.sources));
    both(one) == both(other)
}

/// A value without fields that have none.
fn filled(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), filled(value)));
            let entries: Map<String, Value> = entries.filter(|(_, value)| !value.is_null()).collect();
            if entries.is_empty() { Value::Null } else { Value::Object(entries) }
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => Value::Array(items.iter().map(filled).collect()),
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Bool(false) => Value::Null,
        other => other.clone(),
    }
}

/// Whether a revision is a commit, and not the version of a chart.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What Argo CD reports about an Application that is not Synced or not Healthy.
#[must_use]
pub fn cause(found: &Application) -> Option<String> {
    let status = &found.status;
    // The result of the sync says more than the condition about it.
    let about_sync = |condition: &&Condition| condition.kind == "SyncError";
    let text = |condition: &Condition| format!("{}: {}", condition.kind, condition.text());
    let mut errors = status.conditions.iter().filter(|condition| condition.kind.ends_with("Error"));
    let error = errors.clone().find(|condition| !about_sync(condition)).map(text);
    let title = |object: &Resource| {
        let namespace = if object.namespace.is_empty() { String::new() } else { format!("{}/", object.namespace) };
        format!("{} {namespace}{}", object.kind, object.name)
    };
    let operation = || {
        let operation = status.operation_state.as_ref()?;
        let failed = |object: &&Resource| object.status == "SyncFailed" && !object.message.is_empty();
        let failed = operation.sync_result.resources.iter().find(failed);
        let failed = failed.map(|object| format!("the sync failed: {}: {}", title(object), object.message));
        match operation.phase.as_str() {
            "Succeeded" => None,
            "Running" => failed.or_else(|| Some(format!("a sync is running: {}", operation.message))),
            _ => failed.or_else(|| Some(format!("the sync failed: {}", operation.message))),
        }
    };
    let unhealthy = || {
        let ill = |object: &&Resource| !["", "Healthy", "Suspended"].contains(&object.health.status.as_str());
        let object = status.resources.iter().find(ill)?;
        let why = if object.health.message.is_empty() { String::new() } else { format!(": {}", object.health.message) };
        Some(format!("{} is {}{why}", title(object), object.health.status))
    };
    let different = || {
        let object = status.resources.iter().find(|object| object.status == "OutOfSync")?;
        Some(format!("{} is OutOfSync", title(object)))
    };
    error.or_else(operation).or_else(|| errors.find(about_sync).map(text)).or_else(unhealthy).or_else(different)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[expect(clippy::needless_pass_by_value, reason = "the tests read better without references")]
    fn judged(status: Value) -> Verdict {
        let found =
            serde_json::from_value(json!({ "metadata": { "name": "web" }, "status": status })).expect("readable");
        application(&found, Some(&[COMMIT.to_owned()]))
    }

    fn shown(verdict: Verdict) -> String {
        match verdict {
            Verdict::Ready => "ready".to_owned(),
            Verdict::Pending(problem) => problem.to_string(),
            Verdict::Failed(problem, _) => format!("failed: {problem}"),
        }
    }

    #[test]
    fn an_application_is_ready_when_it_is_synced_and_healthy_at_the_commit() {
        let status = |revision: &str| json!({ "sync": { "status": "Synced", "revision": revision }, "health": { "status": "Healthy" } });
        assert_eq!(judged(status(COMMIT)), Verdict::Ready);
        // The version of a chart from a Helm repository.
        assert_eq!(judged(status("1.2.3")), Verdict::Ready);
        assert_eq!(
            shown(judged(status(&"a".repeat(40)))),
            "Application web is Synced with an earlier commit and Healthy: Argo CD has not reported a reason yet"
        );
        assert_eq!(
            shown(judged(json!(null))),
            "Application web is Unknown and Unknown: Argo CD has not reported a reason yet"
        );
    }

    #[test]
    fn a_status_about_earlier_sources_does_not_count() {
        let of = |path: &str| {
            let source =
                json!({ "repoURL": "https://git.example.com/web.git", "path": path, "helm": { "skipTests": false } });
            let compared = json!({ "source": { "repoURL": "https://git.example.com/web.git", "path": "charts/web" } });
            let sync = json!({ "status": "Synced", "revision": COMMIT, "comparedTo": compared });
            let status = json!({ "sync": sync, "health": { "status": "Healthy" } });
            let found = json!({ "metadata": { "name": "web" }, "spec": { "source": source }, "status": status });
            application(&serde_json::from_value(found).expect("readable"), Some(&[COMMIT.to_owned()]))
        };
        assert_eq!(of("charts/web"), Verdict::Ready);
        assert_eq!(
            shown(of("charts/other")),
            "Application web is Synced with earlier sources and Healthy: Argo CD has not reported a reason yet"
        );
    }

    #[test]
    fn the_cause_is_what_argo_cd_reports_first() {
        let condition = json!([{ "type": "ComparisonError", "message": "no such path" }]);
        let failed = json!({ "phase": "Failed", "message": "one or more objects failed", "syncResult": { "resources": [
            { "kind": "Service", "namespace": "web", "name": "web", "status": "SyncFailed", "message": "is immutable" },
        ] } });
        let resources = json!([
            { "kind": "Deployment", "namespace": "web", "name": "web", "status": "OutOfSync",
              "health": { "status": "Degraded", "message": "too slow" } },
        ]);
        assert_eq!(
            shown(judged(json!({ "conditions": condition, "operationState": failed }))),
            "failed: Application web is Unknown and Unknown: ComparisonError: no such path"
        );
        let sync = json!({ "status": "OutOfSync" });
        assert_eq!(
            shown(judged(json!({ "sync": sync, "operationState": failed, "resources": resources }))),
            "Application web is OutOfSync and Unknown: the sync failed: Service web/web: is immutable"
        );
        assert_eq!(
            shown(judged(json!({ "sync": sync, "resources": resources }))),
            "Application web is OutOfSync and Unknown: Deployment web/web is Degraded: too slow"
        );
    }

    /// What Argo CD 3.5.7 reported in a cluster with these faults.
    #[test]
    fn faults_are_shown_with_their_cause() {
        let error = |kind: &str, message: &str| json!({ "conditions": [{ "type": kind, "message": message }] });
        let load = "Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = ";
        let refused = "Get \"https://github.com/example/web.git/info/refs?service=git-upload-pack\": dial tcp 10.96.208.210:443: \
                       connect: connection refused";
        let failed = |kind: &str, message: &str| {
            json!({
                "conditions": [{ "type": "SyncError", "message": "Failed last sync attempt" }],
                "operationState": { "phase": "Failed", "message": "one or more objects failed", "syncResult": { "resources": [
                    { "kind": "Service", "name": "web", "status": "Synced", "message": "service/web created" },
                    { "kind": kind, "name": "web", "namespace": "web", "status": "SyncFailed", "message": message },
                ] } },
            })
        };
        let webhook = "Internal error occurred: failed calling webhook \"refuses.example.com\": failed to call webhook: \
                       service \"nobody\" not found";
        let missing = "The Kubernetes API could not find example.com/Gadget for requested resource web/web. Make sure the \
                       \"Gadget\" CRD is installed on the destination cluster.";
        for (status, cause) in [
            (error("ComparisonError", &format!("{load}failed to list refs: {refused}")), "connect: connection refused"),
            (
                error("ComparisonError", &format!("{load}failed to list refs: repository not found: ")),
                "repository not found:",
            ),
            (
                error("ComparisonError", &format!("{load}charts/web: app path does not exist")),
                "app path does not exist",
            ),
            (
                // The repo server is gone.
                error("ComparisonError", &load.replace("Unknown desc = ", "Unavailable desc = connection error")),
                "code = Unavailable",
            ),
            (
                error("InvalidSpecError", "Application referencing project nobody which does not exist"),
                "InvalidSpecError: Application referencing project nobody which does not exist",
            ),
            (
                failed("Deployment", webhook),
                "the sync failed: Deployment web/web: Internal error occurred: failed calling webhook",
            ),
            (
                failed("Gadget", missing),
                "the sync failed: Gadget web/web: The Kubernetes API could not find example.com/Gadget",
            ),
        ] {
            let found: Application = serde_json::from_value(json!({ "status": status })).expect("readable");
            let shown = super::cause(&found).unwrap_or_default();
            assert!(shown.contains(cause), "{shown}");
        }
    }
}
