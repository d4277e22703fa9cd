//! Rules that the API server enforces beyond its schemas, as far as a single object shows a violation. One topic per file.
//!
//! Every rule was observed on a real API server: tests/agreement has an object for each, and a test compares the
//! server's verdict with ours. Rules skip values of the wrong type, since the schema check reports those.
//!
//! Does not check what depends on other objects, on the cluster, or on admission plugins.

mod access;
mod address;
mod autoscaler;
mod claim;
mod container;
mod definition;
mod ingress;
mod job;
mod look;
mod mount;
mod names;
mod network;
mod placement;
mod pod;
mod probe;
mod quantity;
mod resources;
mod secret;
mod security;
mod selector;
mod service;
mod size;
mod structural;
mod variable;
mod volume;
mod workload;

use diagnostics::Diagnostics;

use self::look::Look;
use super::subject::Subject;

const RULES: &[fn(&mut Look<'_>)] = &[
    access::check,
    autoscaler::check,
    claim::check,
    container::check,
    definition::check,
    ingress::check,
    job::check,
    names::check,
    network::check,
    pod::check,
    quantity::check,
    secret::check,
    selector::check,
    service::check,
    size::check,
    workload::check,
];

/// Applies every rule to an object.
#[must_use]
pub fn check(subject: &Subject) -> Diagnostics {
    let mut look = Look { subject, found: Vec::new() };
    for rule in RULES {
        rule(&mut look);
    }
    Diagnostics(look.found)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::super::subject::of_argocd;
    use super::*;

    #[test]
    fn every_kind_with_a_pod_template_is_checked() {
        let pod = "{spec: {containers: [{name: a}]}}";
        for text in [
            "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}".to_owned(),
            format!("apiVersion: v1\nkind: PodTemplate\ntemplate: {pod}"),
            format!("apiVersion: v1\nkind: ReplicationController\nspec: {{template: {pod}}}"),
            format!("apiVersion: apps/v1\nkind: DaemonSet\nspec: {{template: {pod}}}"),
            format!("apiVersion: batch/v1\nkind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {pod}}}}}}}"),
        ] {
            let documents = yaml::parse(&Source::new("x.yaml", text.as_str())).expect("YAML");
            let found = check(&of_argocd("x.yaml", &documents)[0]);
            assert!(found.0.iter().any(|found| found.message.ends_with("has no `image`")), "{text}\n{found:?}");
        }
    }
}
