//! Probes and lifecycle hooks of a container.

use super::look::{At, Look};

/// The handlers of a probe.
const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
/// The handlers of a lifecycle hook.
const HOOK_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];
const PROBES: &[&str] = &["livenessProbe", "readinessProbe", "startupProbe"];
/// The default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE: i64 = 30;

/// `spec` is the pod spec; `init` is whether this is an init container that is not a sidecar.
pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, spec: &At<'a>, init: bool) {
    let all = [PROBES, &["lifecycle"]].concat();
    for at in container.present(&all).iter().filter(|_| init) {
        look.reject(at, "is not allowed in an init container", "only allowed in sidecar containers")
            .helps
            .push("remove it, or make the container a sidecar with `restartPolicy: Always`".to_owned());
    }
    if init {
        return;
    }
    for key in PROBES {
        if let Some(probe) = container.get(key) {
            self::probe(look, &probe, *key == "readinessProbe");
        }
    }
    let hooks = container.get("lifecycle").map(|all| all.present(&["postStart", "preStop"])).unwrap_or_default();
    for hook in hooks {
        handlers(look, &hook, HOOK_HANDLERS);
        let grace = spec.get("terminationGracePeriodSeconds").map_or(Some(DEFAULT_GRACE), |at| at.number());
        let Some(at) = hook.walk(&["sleep", "seconds"]) else { continue };
        if let (Some(seconds), Some(grace)) = (at.number(), grace)
            && !(0..=grace).contains(&seconds)
        {
            let label = format!("must be between 0 and {grace}");
            look.reject(&at, "exceeds `terminationGracePeriodSeconds`", label)
                .helps
                .push("lower it, or raise `terminationGracePeriodSeconds` of the pod".to_owned());
        }
    }
}

fn probe<'a>(look: &mut Look<'a>, probe: &At<'a>, readiness: bool) {
    handlers(look, probe, PROBE_HANDLERS);
    for key in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        look.in_range(probe.get(key), 0..=i64::from(i32::MAX));
    }
    let grace = probe.get("terminationGracePeriodSeconds");
    if let Some(at) = grace.as_ref().filter(|_| readiness) {
        let label = "a failed readiness probe does not terminate the container: remove it";
        look.reject(at, "is not allowed in a readiness probe", label);
    } else {
        look.in_range(grace, 1..=i64::MAX);
    }
    // 0 means the default, which is 1. Negative values are reported above.
    if let Some(at) = probe.get("successThreshold").filter(|_| !readiness)
        && at.number().is_some_and(|number| number > 1)
    {
        look.reject(&at, "must be 1", "only a readiness probe may require more");
    }
}

fn handlers<'a>(look: &mut Look<'a>, owner: &At<'a>, known: &[&str]) {
    look.exactly_one(owner, known, "has no handler");
    for handler in owner.present(known) {
        look.port(handler.get("port"));
        for name in handler.list("httpHeaders").iter().filter_map(|header| header.get("name")) {
            let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if name.text().is_some_and(|text| !plain(text)) {
                look.reject(&name, "is not a valid HTTP header name", "expected letters, digits, and `-`");
            }
        }
    }
    if let Some(exec) = owner.get("exec").filter(|exec| exec.lacks("command")) {
        look.requires(&exec, "command", "a command is required");
    }
}
