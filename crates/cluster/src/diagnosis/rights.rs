//! The permissions of a container, shown when an error is about a missing one.
//!
//! Pure.

use crate::api::{Container, Pod};

/// Words of an error about a missing permission, as the C library writes them.
const DENIED: &[&str] = &["not permitted", "permission denied"];
const READ_ONLY: &str = "read-only file system";

/// The permissions of a pod's containers, if an error is about them.
pub(super) fn of(pod: &Pod, error: &str) -> Vec<String> {
    let error = error.to_lowercase();
    let describe = |container: &Container| {
        let name = &container.name;
        if error.contains(READ_ONLY) && container.security_context.read_only_root_filesystem == Some(true) {
            let writable = container.volume_mounts.iter().filter(|mount| !mount.read_only);
            let paths: Vec<&str> = writable.map(|mount| mount.mount_path.as_str()).collect();
            let paths = if paths.is_empty() { "none".to_owned() } else { paths.join(", ") };
            return Some(format!("container `{name}` has a read-only root file system; writable mounts: {paths}"));
        }
        let denied = DENIED.iter().any(|words| error.contains(words));
        denied.then(|| format!("container `{name}` {}", rights(pod, container)))
    };
    pod.spec.containers.iter().filter_map(describe).collect()
}

fn rights(pod: &Pod, container: &Container) -> String {
    let own = &container.security_context;
    let user = own.run_as_user.or(pod.spec.security_context.run_as_user);
    let user = user.map_or("the image's user".to_owned(), |user| format!("user {user}"));
    let (added, dropped) = (&own.capabilities.add, &own.capabilities.drop);
    let all_dropped = dropped.iter().any(|name| name == "ALL");
    let capabilities = match (all_dropped, added.is_empty()) {
        (true, true) => "without capabilities".to_owned(),
        (true, false) => format!("with only the capabilities {}", added.join(", ")),
        (false, _) if !dropped.is_empty() => format!("without the capabilities {}", dropped.join(", ")),
        (false, true) => "with the container runtime's default capabilities".to_owned(),
        (false, false) => format!("with the container runtime's default capabilities and {}", added.join(", ")),
    };
    format!("runs as {user}, {capabilities}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(container: &Value) -> Pod {
        serde_json::from_value(json!({ "spec": { "containers": [container] } })).expect("a pod")
    }

    #[test]
    fn a_denied_operation_shows_the_container_permissions() {
        let denied = "fatal: setgid(525): Operation not permitted";
        let with = |security: Value| pod(&json!({ "name": "web", "securityContext": security }));
        let shown = |security: Value| of(&with(security), denied).join("");
        assert_eq!(
            shown(json!({ "capabilities": { "drop": ["ALL"], "add": ["CHOWN", "SETUID"] } })),
            "container `web` runs as the image's user, with only the capabilities CHOWN, SETUID"
        );
        assert_eq!(
            shown(json!({ "runAsUser": 1000, "capabilities": { "drop": ["ALL"] } })),
            "container `web` runs as user 1000, without capabilities"
        );
        assert!(of(&with(json!({})), "fatal: no such host").is_empty());
    }

    #[test]
    fn a_read_only_file_system_is_shown_with_its_writable_mounts() {
        let pod = pod(&json!({
            "name": "web",
            "securityContext": { "readOnlyRootFilesystem": true },
            "volumeMounts": [{ "mountPath": "/data" }, { "mountPath": "/etc/web", "readOnly": true }],
        }));
        assert_eq!(
            of(&pod, "mkdir /tmp/x: Read-only file system"),
            ["container `web` has a read-only root file system; writable mounts: /data"]
        );
    }
}
