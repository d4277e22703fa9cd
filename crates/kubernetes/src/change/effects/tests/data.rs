use super::case::{all, change, check, object, of_kind, removed, updated, updated_with};
use crate::change::action::Action;
use crate::change::effects::Change;
use crate::change::refusal::Update;

#[test]
fn refused_changes_are_blockers() {
    for (kind, before, after, expected) in [
        (
            "Deployment",
            "spec: {selector: {matchLabels: {a: b}}}",
            "spec: {selector: {matchLabels: {a: c}}}",
            "blocker change-refused: `spec.selector.matchLabels.a` of Deployment `a` is immutable, but changes from `b` to `c`",
        ),
        (
            "PersistentVolumeClaim",
            "spec: {resources: {requests: {storage: 2Gi}}}",
            "spec: {resources: {requests: {storage: 1Gi}}}",
            "blocker change-refused: PersistentVolumeClaim `a` shrinks from `2Gi` to `1Gi`",
        ),
        ("StatefulSet", "spec: {serviceName: a}", "spec: {serviceName: b}", "blocker change-refused"),
        (
            "StatefulSet",
            "spec: {volumeClaimTemplates: [{metadata: {name: x}}, {metadata: {name: z}}]}",
            "spec: {volumeClaimTemplates: [{metadata: {name: x}}]}",
            "blocker change-refused",
        ),
        (
            "Job",
            "spec: {template: {spec: {containers: [{name: a, image: b}]}}}",
            "spec: {template: {spec: {containers: [{name: a, image: c}]}}}",
            "blocker change-refused",
        ),
        ("ConfigMap", "immutable: true, data: {a: b}", "immutable: true, data: {a: c}", "blocker change-refused"),
        (
            "CustomResourceDefinition",
            "spec: {versions: [{name: v1, served: true, storage: true}, {name: v2, served: true}]}",
            "spec: {versions: [{name: v2, served: true, storage: true}]}",
            "blocker change-refused",
        ),
    ] {
        check(&updated(kind, before, after), expected, kind);
    }
    // Where the object is recreated or ignored, nothing is refused.
    let (before, after) =
        (of_kind("Service", "spec: {clusterIP: 10.0.0.1}"), of_kind("Service", "spec: {clusterIP: 10.0.0.2}"));
    let refused = |change: &Change<'_>| all(change, &[], &[]).iter().any(|effect| effect.contains("change-refused"));
    let update = change(Some(&before), Some(&after), Action::Update);
    assert!(refused(&update));
    assert!(!refused(&Change { ignored: &|path| path == ["spec", "clusterIP"], ..update }));
    assert!(!refused(&change(Some(&before), Some(&after), Action::Replace)));
    assert!(!refused(&change(Some(&before), Some(&after), Action::Hook)));
    assert!(refused(&Change { update: Some(Update::Replace), action: Action::Replace, ..update }));
    let class = of_kind("StorageClass", "provisioner: x");
    let claim = |size: u32| format!("spec: {{storageClassName: a, resources: {{requests: {{storage: {size}Gi}}}}}}");
    let grown = updated_with("PersistentVolumeClaim", &claim(1), &claim(2), &[class]);
    check(&grown, "blocker change-refused: PersistentVolumeClaim `a` grows", "growth");
    check(&updated("PersistentVolumeClaim", &claim(1), &claim(2)), "notice change-resources", "unknown class");
}

#[test]
fn deleted_data_is_a_blocker() {
    let claims = "spec: {volumeClaimTemplates: [{metadata: {name: data}}]";
    for (kind, rest, action, expected) in [
        (
            "PersistentVolumeClaim",
            "spec: {}",
            Action::Prune,
            "blocker change-data-loss: PersistentVolumeClaim `a` is no longer rendered, which deletes its data",
        ),
        ("PersistentVolumeClaim", "spec: {}", Action::Leave, "caution change-data-abandoned"),
        (
            "Namespace",
            "spec: {}",
            Action::Prune,
            "blocker change-data-loss: Namespace `a` is no longer rendered, which deletes everything in it",
        ),
        ("Namespace", "spec: {}", Action::Leave, "notice change-resources"),
        ("CustomResourceDefinition", "spec: {}", Action::Prune, "blocker change-data-loss"),
        ("CustomResourceDefinition", "spec: {}", Action::Leave, "notice change-resources"),
        (
            "StatefulSet",
            &format!("{claims}, persistentVolumeClaimRetentionPolicy: {{whenDeleted: Delete}}}}"),
            Action::Prune,
            "blocker change-data-loss",
        ),
        (
            "StatefulSet",
            &format!("{claims}}}"),
            Action::Prune,
            "blocker change-data-abandoned: StatefulSet `a` is no longer rendered, and its claims stay with their data, such as `data-a-0`",
        ),
        ("StatefulSet", &format!("{claims}}}"), Action::Leave, "caution change-data-abandoned"),
        ("StatefulSet", "spec: {}", Action::Prune, "caution change-disruptive"),
        ("ConfigMap", "data: {a: b}", Action::Prune, "notice change-resources: ConfigMap `a` is deleted"),
        ("ConfigMap", "data: {a: b}", Action::Nothing, ""),
    ] {
        check(&removed(kind, rest, action), expected, &format!("{kind} {action}"));
    }
    // A retained volume outlives its claim.
    let (claim, class) = (
        of_kind("PersistentVolumeClaim", "spec: {storageClassName: a}"),
        of_kind("StorageClass", "reclaimPolicy: Retain"),
    );
    let found = all(&change(Some(&claim), None, Action::Prune), &[claim.clone(), class.clone()], &[class]);
    check(
        &found,
        "caution change-data-abandoned: PersistentVolumeClaim `a` is no longer rendered, and its volume stays",
        "retained",
    );
    // A renamed claim is deleted under its former name.
    let other =
        object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: b}, spec: {storageClassName: a}}");
    let found = all(&change(Some(&claim), Some(&other), Action::Replace), &[], &[]);
    check(
        &found,
        "blocker change-data-loss: PersistentVolumeClaim `a` is renamed to `b`, which deletes its data",
        "renamed",
    );
    let found = all(&change(Some(&claim), Some(&other), Action::Create), &[], &[]);
    check(
        &found,
        "caution change-data-abandoned: PersistentVolumeClaim `a` is renamed to `b`, and stays",
        "renamed and left",
    );
    // A claim that is recreated is empty.
    let (before, after) =
        (of_kind("PersistentVolumeClaim", "spec: {}"), of_kind("PersistentVolumeClaim", "spec: {volumeMode: Block}"));
    let found = all(&change(Some(&before), Some(&after), Action::Replace), &[], &[]);
    check(&found, "blocker change-data-loss: PersistentVolumeClaim `a` changes, and is recreated", "recreated");
}

#[test]
fn hardly_anything_of_a_bare_pod_may_change() {
    let pod = |image: &str, rest: &str| format!("spec: {{containers: [{{name: c, image: 'a:{image}', {rest}}}]}}");
    let before = pod("1.0.0", "tty: false");
    check(
        &updated("Pod", &before, &pod("1.0.0", "tty: true")),
        "blocker change-refused: `spec.containers[0].tty`",
        "tty",
    );
    check(&updated("Pod", &before, &pod("1.0.1", "tty: false")), "routine change-version", "image");
}

#[test]
fn claims_that_scaling_deletes_are_blockers() {
    let set = |replicas: u8, policy: &str| {
        format!(
            "spec: {{replicas: {replicas}, volumeClaimTemplates: [{{metadata: {{name: d}}}}], persistentVolumeClaimRetentionPolicy: {{{policy}}}}}"
        )
    };
    let lost = "blocker change-data-loss: StatefulSet `a` is scaled from 3 to 2 replicas, which deletes the claims of the other pods with \
                their data, such as `d-a-2`";
    let deletes = "whenScaled: Delete";
    check(&updated("StatefulSet", &set(3, deletes), &set(2, deletes)), lost, "fewer");
    check(&updated("StatefulSet", &set(2, deletes), &set(3, deletes)), "notice change-resources", "more");
    check(&updated("StatefulSet", &set(3, ""), &set(2, "")), "notice change-resources", "kept");
    check(
        &updated("StatefulSet", &set(3, deletes), &set(2, "whenScaled: Retain")),
        "notice change-resources",
        "no longer deleted",
    );
}

#[test]
fn an_external_secret_is_used_like_the_secret_that_it_makes() {
    let reads =
        of_kind("Deployment", "spec: {template: {spec: {containers: [{name: a, envFrom: [{secretRef: {name: b}}]}]}}}");
    let gone = |target: &str| {
        let before = of_kind("ExternalSecret", &format!("spec: {{target: {{{target}}}}}"));
        let old = [before.clone(), reads.clone()];
        all(&change(Some(&before), None, Action::Prune), &old, &old[1..])
    };
    check(
        &gone("name: b"),
        "caution change-disruptive: ExternalSecret `a` is no longer rendered, but Deployment `a` still uses it",
        "used",
    );
    check(&gone("name: c"), "notice change-resources", "another one");
    check(&gone("name: b, creationPolicy: Orphan"), "notice change-resources", "stays");
}

#[test]
fn a_project_is_used_by_its_applications() {
    let app = of_kind("Application", "spec: {project: a}");
    let before = of_kind("AppProject", "spec: {}");
    let old = [before.clone(), app];
    check(
        &all(&change(Some(&before), None, Action::Prune), &old, &old[1..]),
        "caution change-disruptive: AppProject `a` is no longer rendered, but Application `a` still uses it",
        "used",
    );
}

#[test]
fn the_completions_of_a_job_are_immutable_also_by_default() {
    let job = |spec: &str| format!("spec: {{backoffLimit: 1, {spec}}}");
    let refused = "blocker change-refused: `spec.completions` of Job `a` is immutable";
    for (before, after, expected) in [
        ("a: b", "completions: 3", refused),
        ("a: b", "completions: 1", "notice change-resources"),
        ("parallelism: 2", "parallelism: 2, completions: 3", "notice change-resources"),
        ("completions: 2", "completions: 3", refused),
    ] {
        check(&updated("Job", &job(before), &job(after)), expected, after);
    }
}
