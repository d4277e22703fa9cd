//! The probes and the lifecycle hooks of a container: what each does, and how often.

use super::look::{At, Look};

/// What a probe can do.
const CHECKS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
/// What a hook can do.
const HOOKS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];
const PROBES: &[&str] = &["livenessProbe", "readinessProbe", "startupProbe"];
/// How long a pod has to end where it says nothing, in seconds.
const GRACE: i64 = 30;

/// `spec` is that of the pod; `passing` says that the container ends before others begin.
pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, spec: &At<'a>, passing: bool) {
    let all = [PROBES, &["lifecycle"]].concat();
    for at in container.present(&all).iter().filter(|_| passing) {
        look.refuse(at, "is not for an init container", "only one that stays may have this")
            .helps
            .push("delete it, or let the container stay beside the others with `restartPolicy: Always`".to_owned());
    }
    if passing {
        return;
    }
    for key in PROBES {
        if let Some(probe) = container.get(key) {
            self::probe(look, &probe, *key == "readinessProbe");
        }
    }
    let hooks = container.get("lifecycle").map(|all| all.present(&["postStart", "preStop"])).unwrap_or_default();
    for hook in hooks {
        handlers(look, &hook, HOOKS);
        let grace = spec.get("terminationGracePeriodSeconds").map_or(Some(GRACE), |at| at.number());
        let Some(at) = hook.walk(&["sleep", "seconds"]) else { continue };
        if let (Some(seconds), Some(grace)) = (at.number(), grace)
            && !(0..=grace).contains(&seconds)
        {
            look.refuse(&at, "is not within the time that the pod has to end", format!("expected 0 to {grace}"))
                .helps
                .push("sleep shorter, or give the pod more time with `terminationGracePeriodSeconds`".to_owned());
        }
    }
}

fn probe<'a>(look: &mut Look<'a>, probe: &At<'a>, readiness: bool) {
    handlers(look, probe, CHECKS);
    for key in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        look.within(probe.get(key), 0..=i64::from(i32::MAX));
    }
    let grace = probe.get("terminationGracePeriodSeconds");
    if let Some(at) = grace.as_ref().filter(|_| readiness) {
        look.refuse(at, "is not for a readiness probe", "nothing ends when a pod is not ready: delete this");
    } else {
        look.within(grace, 1..=i64::MAX);
    }
    // 0 stands for the default, which is 1. What is negative is told above.
    if let Some(at) = probe.get("successThreshold").filter(|_| !readiness)
        && at.number().is_some_and(|number| number > 1)
    {
        look.refuse(&at, "is more than 1", "expected 1: only a readiness probe may need several successes");
    }
}

fn handlers<'a>(look: &mut Look<'a>, owner: &At<'a>, known: &[&str]) {
    look.one_of(owner, known, "does nothing", "is a second thing to do");
    for handler in owner.present(known) {
        look.port(handler.get("port"));
        for name in handler.list("httpHeaders").iter().filter_map(|header| header.get("name")) {
            let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if name.text().is_some_and(|text| !plain(text)) {
                look.refuse(&name, "is no name of a header", "expected letters, digits, `-`");
            }
        }
    }
    if let Some(exec) = owner.get("exec").filter(|exec| exec.lacks("command")) {
        look.refuse(&exec, "has no `command`", "expected a command");
    }
}
