use super::case::{all, change, check, container, of_kind, updated, workload};
use diagnostics::Severity;

use crate::change::action::Action;
use crate::change::bump::Bump;
use crate::change::effects::of_charts;

#[test]
fn versions_decide_how_severe_an_update_is() {
    let image = |image: &str| workload(&format!("containers: [{{name: c, image: '{image}'}}]"));
    for (before, after, expected) in [
        (
            "r/i:1.2.3",
            "r/i:2.0.0",
            "caution change-version: image `r/i` is updated from `1.2.3` to `2.0.0`, a different major version",
        ),
        ("r/i:2.0.0", "r/i:1.2.3", "caution change-version: image `r/i` is downgraded from"),
        ("r/i:1.2.3", "r/i:1.3.0", "notice change-version: image `r/i` is updated from `1.2.3` to `1.3.0`"),
        ("r/i:1.2.3", "q/i:1.2.3", "notice change-version: image `r/i:1.2.3` is replaced with `q/i:1.2.3`"),
        ("r/i:main", "r/i:edge", "notice change-version"),
        ("r/i:1.2.3", "r/i:1.2.4", ""),
        ("r/i:1.2.3", &format!("r/i:1.2.3@sha256:{}", "0".repeat(64)), ""),
    ] {
        check(&updated("Deployment", &image(before), &image(after)), expected, after);
    }
    let found = updated("Deployment", &image("r/i:1.2.3"), &image("r/i:1.2.4"));
    assert_eq!(
        found,
        [
            "routine change-restart: the pods of Deployment `a` are replaced one after another: `image` of container `c` changes",
            "routine change-version: image `r/i` is updated from `1.2.3` to `1.2.4`",
        ]
    );
    let charts =
        [("1.2.3", "2.0.0"), ("1.2.3", "1.2.4"), ("1.2.3", "1.3.0")].map(|(from, to)| Bump::new(true, "c", from, to));
    let severities: Vec<Severity> = of_charts(&charts).iter().map(|effect| effect.severity).collect();
    assert_eq!(severities, [Severity::Caution, Severity::Notice, Severity::Routine]);
    assert!(of_charts(&charts)[0].message.starts_with("chart `c` is updated from `1.2.3` to `2.0.0`"));
}

#[test]
fn images_versions_and_metadata_are_routine() {
    let labeled = |version: &str, image: &str| {
        format!(
            "metadata: {{name: a, labels: {{helm.sh/chart: c-{version}}}, annotations: {{a: '{version}'}}}}, spec: {{template: {{metadata: {{labels: {{helm.sh/chart: c-{version}, app.kubernetes.io/version: {version}}}}}, spec: {{containers: [{{name: c, image: 'r/i:{image}'}}]}}}}}}"
        )
    };
    check(&updated("Deployment", &labeled("1.0.0", "1.2.3"), &labeled("1.0.1", "1.2.4")), "", "images and versions");
    let config =
        |label: &str, data: &str| format!("metadata: {{name: a, labels: {{a: {label}}}}}, data: {{a: {data}}}");
    check(&updated("ConfigMap", &config("x", "x"), &config("z", "x")), "", "labels");
    check(
        &updated("ConfigMap", &config("x", "x"), &config("x", "z")),
        "notice change-resources: ConfigMap `a` changes `data.a`",
        "data",
    );
    let resources = |cpu: &str| container(&format!("resources: {{requests: {{cpu: {cpu}}}}}"));
    let found = updated("Deployment", &resources("1"), &resources("2"));
    check(
        &found,
        "notice change-resources: Deployment `a` changes `spec.template.spec.containers[name=c].resources.requests.cpu`",
        "requests",
    );
    check(&updated("Deployment", &resources("1"), &resources("1000m")), "", "the same quantity");
    check(&updated("Gadget", "spec: {a: 1}", "spec: {a: 2}"), "notice change-resources", "custom");
    let (one, other) = (of_kind("ConfigMap", "data: {a: b}"), of_kind("ConfigMap", "data: {a: c}"));
    assert_eq!(all(&change(Some(&one), Some(&other), Action::Nothing), &[], &[]), [""; 0]);
}
