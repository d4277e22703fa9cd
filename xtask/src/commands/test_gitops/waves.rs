//! The order in which the root Application created projects and Applications.

use cluster::api::List;
use cluster::kubectl::Kubectl;
use cluster::observer::Stop;
use cluster::scenario::gitops::NAMESPACE;
use cluster::verdict::Problem;
use serde_json::Value;

/// Whether no object was created before one of an earlier wave. Times have a resolution of a second.
pub(super) fn check(kubectl: &Kubectl) -> std::result::Result<(), Stop> {
    let mut created: Vec<(i64, String, String)> = Vec::new();
    for kind in ["appprojects", "applications"] {
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/{kind}");
        let list: List<Value> = kubectl.get(&path)?;
        for object in list.items {
            let metadata = &object["metadata"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let annotations = &metadata["annotations"];
            // Objects that were applied by hand have no wave.
            if annotations["argocd.argoproj.io/tracking-id"].is_null() {
                continue;
            }
            let wave = annotations["argocd.argoproj.io/sync-wave"].as_str().and_then(|wave| wave.parse().ok());
            let name = format!("{} {}", text(&object["kind"]), text(&metadata["name"]));
            created.push((wave.unwrap_or_default(), text(&metadata["creationTimestamp"]), name));
        }
    }
    created.sort();
    for (index, (wave, time, name)) in created.iter().enumerate() {
        if let Some((later, earlier, other)) = created[index..].iter().find(|(other, at, _)| other > wave && at < time)
        {
            let cause = format!("{other} of wave {later} was created at {earlier}, {name} of wave {wave} at {time}");
            return Err(Stop::Problem(Problem::new("the root Application", "does not keep the order of waves", cause)));
        }
    }
    Ok(())
}
