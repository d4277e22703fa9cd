//! What a container may do, told where an error says that it may not do something.
//!
//! Pure.

use serde_json::Value;

/// Words of an error that stands for a right that is missing.
const DENIED: &[&str] = &["not permitted", "permission denied"];
const READ_ONLY: &str = "read-only file system";

/// What the containers of a pod may do, if that is what an error is about.
pub(super) fn of(pod: &Value, error: &str) -> Vec<String> {
    let error = error.to_lowercase();
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let told = |container: &Value| {
        let name = container["name"].as_str().unwrap_or_default();
        if error.contains(READ_ONLY) && container["securityContext"]["readOnlyRootFilesystem"] == true {
            let mounts = container["volumeMounts"].as_array().into_iter().flatten();
            let paths: Vec<&str> = mounts
                .filter(|mount| mount["readOnly"] != true)
                .filter_map(|mount| mount["mountPath"].as_str())
                .filter(|path| !path.starts_with("/var/run/secrets/"))
                .collect();
            let paths = if paths.is_empty() { "nothing".to_owned() } else { paths.join(", ") };
            return Some(format!("container `{name}` has a read-only root file system; it may write to {paths}"));
        }
        DENIED.iter().any(|word| error.contains(word)).then(|| format!("container `{name}` {}", rights(pod, container)))
    };
    containers.filter_map(told).collect()
}

fn rights(pod: &Value, container: &Value) -> String {
    let own = &container["securityContext"];
    let capabilities = &own["capabilities"];
    let names = |key: &str| -> Vec<&str> {
        capabilities[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let (added, dropped) = (names("add"), names("drop"));
    let user =
        [&own["runAsUser"], &pod["spec"]["securityContext"]["runAsUser"]].into_iter().find(|user| !user.is_null());
    let user = user.map_or("the user of its image".to_owned(), |user| format!("user {user}"));
    let capabilities = match (dropped.contains(&"ALL"), added.is_empty()) {
        (true, true) => "without any capability".to_owned(),
        (true, false) => format!("with the capabilities {} alone", added.join(", ")),
        (false, _) if !dropped.is_empty() => format!("without the capabilities {}", dropped.join(", ")),
        (false, true) => "with the engine's own capabilities".to_owned(),
        (false, false) => format!("with the engine's own capabilities and {}", added.join(", ")),
    };
    format!("runs as {user}, {capabilities}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_right_that_is_missing_is_told_with_those_that_are_there() {
        let pod =
            |security: Value| json!({ "spec": { "containers": [{ "name": "web", "securityContext": security }] } });
        let denied = "fatal: setgid(525): Operation not permitted";
        let told = |security: Value| of(&pod(security), denied).join("");
        assert_eq!(
            told(json!({ "capabilities": { "drop": ["ALL"], "add": ["CHOWN", "SETUID"] } })),
            "container `web` runs as the user of its image, with the capabilities CHOWN, SETUID alone"
        );
        assert_eq!(
            told(json!({ "runAsUser": 1000, "capabilities": { "drop": ["ALL"] } })),
            "container `web` runs as user 1000, without any capability"
        );
        assert!(of(&pod(json!({})), "fatal: no such host").is_empty());
    }

    #[test]
    fn a_read_only_file_system_is_told_with_what_may_be_written() {
        let pod = json!({ "spec": { "containers": [{
            "name": "web",
            "securityContext": { "readOnlyRootFilesystem": true },
            "volumeMounts": [{ "mountPath": "/data" }, { "mountPath": "/etc/web", "readOnly": true }],
        }] } });
        assert_eq!(
            of(&pod, "mkdir /tmp/x: Read-only file system"),
            ["container `web` has a read-only root file system; it may write to /data"]
        );
    }
}
