//! Determines the pod security level that rendered pods meet.
//!
//! Image properties, such as the user, are not checked.

use kubernetes::object::Object;
use kubernetes::pod_security;
use kubernetes::pod_security::policy::{Level, Policy, Version};
use kubernetes::workload;

/// The strictest level that all pods meet in a version of Kubernetes, and why they do not meet a stricter one.
#[must_use]
pub fn level<'a>(objects: impl IntoIterator<Item = &'a Object>, kubernetes: &str) -> (Level, Option<String>) {
    let mut worst = (Level::Restricted, None);
    for object in objects {
        let (level, why) = of_object(object, kubernetes);
        if level > worst.0 {
            worst = (level, why.map(|why| format!("{} {} violates {why}", object.key.kind, object.key.name)));
        }
    }
    worst
}

/// The strictest level that the pods of an object meet, and the first violation of the next stricter one.
fn of_object(object: &Object, kubernetes: &str) -> (Level, Option<String>) {
    // Argo CD does not run test hooks.
    let hook = object.find(&["metadata", "annotations", "helm.sh/hook"]).and_then(document::Node::as_str);
    let template = workload::template(object).filter(|_| !hook.is_some_and(|hook| hook.starts_with("test")));
    let Some((path, template)) = template else { return (Level::Restricted, None) };
    let mut why = None;
    for level in Level::ALL {
        let violations = pod_security::check(template, path, &Policy::new(*level, Version::Latest, kubernetes));
        match violations.first() {
            None => return (*level, why),
            Some(first) => why = Some(format!("{level}: {first}")),
        }
    }
    (Level::Privileged, why)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;
    use kubernetes::manifest::ObjectKey;

    use super::*;

    const SAFE: &str = "{name: c, securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL]}}}";

    fn object(annotations: &str, spec: &str) -> Object {
        let text =
            format!("metadata: {{annotations: {{{annotations}}}}}\nspec:\n  {{{}}}\n", spec.replace("SAFE", SAFE));
        let key = |text: &str| text.to_owned();
        Object {
            target: "web/default".to_owned(),
            key: ObjectKey { group: key(""), kind: key("Pod"), namespace: key("web"), name: key("web") },
            explicit_namespace: false,
            template: String::new(),
            template_file: None,
            golden: String::new(),
            root: yaml::parse_one(&Source::new("x", text)).expect("YAML").root,
            secret_digest: None,
            duplicates: Vec::new(),
            replaced: Vec::new(),
        }
    }

    #[test]
    fn the_least_strict_pod_decides_with_a_reason() {
        let safe = object("", "containers: [SAFE]");
        let baseline = object("", "containers: [SAFE], volumes: [{name: v, nfs: {}}]");
        let privileged = object("", "containers: [SAFE], hostNetwork: true");
        let test = object("helm.sh/hook: test", "containers: [SAFE], hostNetwork: true");
        let level = |objects: &[&Object]| super::level(objects.iter().copied(), "1.34.0");
        assert_eq!(level(&[&safe, &test]), (Level::Restricted, None));
        let why = "Pod web violates restricted: `spec.volumes[0].nfs`".to_owned();
        assert_eq!(level(&[&safe, &baseline]), (Level::Baseline, Some(why)));
        let why = "Pod web violates baseline: `spec.hostNetwork: true`".to_owned();
        assert_eq!(level(&[&baseline, &privileged, &safe]), (Level::Privileged, Some(why)));
    }
}
