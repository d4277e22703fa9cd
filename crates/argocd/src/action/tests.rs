//! Tests of what Argo CD does with changed objects.

use diagnostics::Source;
use document::yaml;
use kubernetes::manifest;
use kubernetes::object::{self, Home};

use super::*;

fn node(text: &str) -> Node {
    yaml::parse_one(&Source::new("x.yaml", text)).expect("YAML").root
}

fn object(text: &str) -> Object {
    let manifest = manifest::read_golden(&format!("{text}\n"), "web").unwrap_or_else(|| panic!("no object: {text}"));
    let home = Home { target: "web/default", source: "x.yaml", golden: "x.yaml", template_file: None };
    object::of_manifest(&home, &manifest).remove(0)
}

/// An object of a kind with annotations and other fields.
fn with(kind: &str, annotations: &str, rest: &str) -> Object {
    let api = match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "EndpointSlice" => "discovery.k8s.io/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        _ => "v1",
    };
    object(&format!(
        "{{apiVersion: {api}, kind: {kind}, metadata: {{name: a, annotations: {{{annotations}}}}}, {rest}}}"
    ))
}

fn application(spec: &str) -> Node {
    node(&format!("spec: {{{spec}}}"))
}

/// The action and the beginning of the reason.
fn plan(spec: &str, before: Option<&Object>, after: Option<&Object>) -> String {
    let plan = plans(&application(spec), &[(before, after)], true).remove(0);
    match plan.reason {
        Some(reason) => format!("{}: {reason}", plan.action),
        None => plan.action.to_string(),
    }
}

const PRUNE: &str = "syncPolicy: {automated: {prune: true}}";
const SYNC: &str = "argocd.argoproj.io/sync-options";
const HOOK: &str = "argocd.argoproj.io/hook";

#[test]
fn new_objects_are_created_unless_argo_cd_does_not_apply_them() {
    for (kind, annotations, expected) in [
        ("ConfigMap", "", "create"),
        ("ConfigMap", "helm.sh/hook: crd-install", "create"),
        ("ConfigMap", "helm.sh/hook: test", "nothing: Argo CD never applies objects with `helm.sh/hook: test`"),
        ("ConfigMap", "helm.sh/hook: pre-rollback", "nothing: Argo CD never applies"),
        (
            "ConfigMap",
            &format!("{HOOK}: Skip"),
            "nothing: Argo CD never applies objects with `argocd.argoproj.io/hook: Skip`",
        ),
        ("Job", "helm.sh/hook: pre-upgrade", "nothing: a hook that changes starts no sync"),
        ("Endpoints", "", "nothing: Argo CD excludes"),
        ("EndpointSlice", "", "nothing: Argo CD excludes"),
    ] {
        let found = plan("", None, Some(&with(kind, annotations, "data: {a: b}")));
        assert!(found.starts_with(expected) && (expected.contains(':') || found == expected), "{annotations}: {found}");
    }
}

#[test]
fn removed_objects_are_pruned_or_left() {
    for (spec, annotations, expected) in [
        (PRUNE, "", "prune"),
        ("", "", "leave: the Application does not prune"),
        ("syncPolicy: {automated: {}}", "", "leave: the Application does not prune"),
        (PRUNE, &format!("{SYNC}: Prune=false"), "leave: `Prune=false`"),
        (PRUNE, &format!("{SYNC}: Delete=false"), "prune"),
        (PRUNE, &format!("{SYNC}: Prune=confirm"), "prune: `Prune=confirm`"),
        ("syncPolicy: {automated: {prune: true}, syncOptions: [Prune=false]}", "", "leave: `Prune=false`"),
        (PRUNE, "helm.sh/resource-policy: keep", "prune"),
        (PRUNE, "argocd.argoproj.io/compare-options: IgnoreExtraneous", "nothing: `IgnoreExtraneous`"),
        (PRUNE, &format!("{HOOK}: PreSync"), "nothing: Argo CD does not prune hooks"),
        (
            PRUNE,
            &format!("{HOOK}: PreSync, {HOOK}-delete-policy: HookSucceeded"),
            "nothing: each sync deletes the hook",
        ),
        (PRUNE, "helm.sh/hook: test", "nothing: Argo CD never applies"),
    ] {
        let found = plan(spec, Some(&with("Job", annotations, "spec: {}")), None);
        assert!(found.starts_with(expected) && (expected.contains(':') || found == expected), "{annotations}: {found}");
    }
    // Argo CD does not delete everything.
    let job = with("Job", "", "spec: {}");
    let all = |spec: &str, remains| plans(&application(spec), &[(Some(&job), None)], remains).remove(0).action;
    assert_eq!(all(PRUNE, true), Action::Prune);
    assert_eq!(all(PRUNE, false), Action::Leave);
    assert_eq!(all("syncPolicy: {automated: {prune: true, allowEmpty: true}}", false), Action::Prune);
}

#[test]
fn objects_of_an_application_that_is_gone_are_deleted_with_it_or_stay() {
    let finalizer = "metadata: {finalizers: [resources-finalizer.argocd.argoproj.io]}";
    let (job, kept) = (with("Job", "", "spec: {}"), with("Job", "helm.sh/resource-policy: keep", "spec: {}"));
    let test = with("Job", "helm.sh/hook: test", "spec: {}");
    let actions = |text: &str, deleted| {
        let plans = plans_without(&node(text), [&job, &kept, &test], deleted);
        plans.into_iter().map(|plan| plan.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(finalizer, true), [Action::Prune, Action::Leave, Action::Nothing]);
    assert_eq!(actions(finalizer, false), [Action::Leave; 3]);
    assert_eq!(actions("metadata: {}", true), [Action::Leave; 3]);
}

#[test]
fn options_decide_how_an_object_is_updated() {
    use refusal::Update::{ClientSideApply, Replace, ServerSideApply};
    for (spec, kind, annotations, action, update) in [
        ("", "Job", "", Action::Update, Some(ClientSideApply)),
        ("syncPolicy: {syncOptions: [ServerSideApply=true]}", "Job", "", Action::Update, Some(ServerSideApply)),
        ("syncPolicy: {syncOptions: [Replace=true]}", "Job", "", Action::Replace, Some(Replace)),
        ("", "Job", "Replace=true", Action::Replace, Some(Replace)),
        ("", "Job", "Force=true,Replace=true", Action::Replace, None),
        ("", "CustomResourceDefinition", "Force=true,Replace=true", Action::Replace, Some(Replace)),
    ] {
        let side = |value: u32| with(kind, &format!("{SYNC}: '{annotations}'"), &format!("spec: {{a: {value}}}"));
        let plan = plans(&application(spec), &[(Some(&side(1)), Some(&side(2)))], true).remove(0);
        assert_eq!((plan.action, plan.update), (action, update), "{spec} {annotations}");
    }
}

#[test]
fn changes_without_a_meaning_start_no_sync() {
    let ignore = |entry: &str, options: &str| {
        format!(
            "ignoreDifferences: [{{group: apps, kind: Deployment, {entry}}}], syncPolicy: {{syncOptions: [{options}]}}"
        )
    };
    let pointer = ignore("jsonPointers: [/spec/replicas]", "");
    for (spec, before, after, expected) in [
        ("", "replicas: 1", "replicas: 2", "update"),
        ("", "replicas: 1", "replicas: 1 # again", "nothing: the API server stores the same"),
        ("", "replicas: 1, paused: false", "replicas: 1", "nothing: the API server stores the same"),
        ("", "list: [{name: a}, {name: b}]", "list: [{name: b}, {name: a}]", "update"),
        (&pointer, "replicas: 1", "replicas: 2", "nothing: `ignoreDifferences`"),
        (&pointer, "replicas: 1", "replicas: 2, paused: true", "update"),
        (
            &ignore("jqPathExpressions: ['.spec.replicas']", ""),
            "replicas: 1",
            "replicas: 2",
            "nothing: `ignoreDifferences`",
        ),
        (
            &ignore("jqPathExpressions: ['.spec | to_entries']", ""),
            "replicas: 1",
            "replicas: 2",
            "update: unless `ignoreDifferences`",
        ),
        (
            &ignore("managedFieldsManagers: [hpa]", ""),
            "replicas: 1",
            "replicas: 2",
            "update: unless `ignoreDifferences`",
        ),
        (&ignore("name: other, jsonPointers: [/spec/replicas]", ""), "replicas: 1", "replicas: 2", "update"),
    ] {
        let side = |spec: &str| with("Deployment", "", &format!("spec: {{{}}}", spec.trim_end_matches(" # again")));
        let found = plan(spec, Some(&side(before)), Some(&side(after)));
        assert!(
            found.starts_with(expected) && (expected.contains(':') || found == expected),
            "{spec} {after}: {found}"
        );
    }
    // Another object starts a sync, which applies the ignored field, too.
    let side = |kind: &str, value: u32| with(kind, "", &format!("spec: {{replicas: {value}}}"));
    let both = [side("Deployment", 1), side("Deployment", 2), side("StatefulSet", 1), side("StatefulSet", 2)];
    let actions = |spec: &str| {
        let changes = [(Some(&both[0]), Some(&both[1])), (Some(&both[2]), Some(&both[3]))];
        plans(&application(spec), &changes, true).into_iter().map(|plan| plan.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(&pointer), [Action::Update, Action::Update]);
    for option in ["RespectIgnoreDifferences=true", "ApplyOutOfSyncOnly=true"] {
        let spec = ignore("jsonPointers: [/spec/replicas]", option);
        assert_eq!(actions(&spec), [Action::Nothing, Action::Update], "{option}");
    }
}

#[test]
fn a_changed_value_of_a_secret_is_a_change() {
    let secret = |value: &str| with("Secret", "", &format!("stringData: {{a: {value}}}"));
    assert_eq!(plan("", Some(&secret("x")), Some(&secret("z"))), "update");
    assert!(plan("", Some(&secret("x")), Some(&secret("x"))).starts_with("nothing"));
    let spec = "ignoreDifferences: [{kind: Secret, jsonPointers: [/stringData]}]";
    assert!(plan(spec, Some(&secret("x")), Some(&secret("z"))).starts_with("nothing"));
}

#[test]
fn hooks_run_when_a_sync_starts() {
    let hook = |image: &str| with("Job", "helm.sh/hook: pre-upgrade", &format!("spec: {{image: {image}}}"));
    let config = |value: &str| with("ConfigMap", "", &format!("data: {{a: {value}}}"));
    let (hooks_before, hooks_after) = (hook("a"), hook("b"));
    let (before, after) = (config("a"), config("b"));
    let alone = plans(&application(""), &[(Some(&hooks_before), Some(&hooks_after))], true);
    assert_eq!(alone[0].action, Action::Nothing);
    let changes = [(Some(&hooks_before), Some(&hooks_after)), (Some(&before), Some(&after))];
    let together = plans(&application(""), &changes, true);
    assert_eq!(together[0].action, Action::Hook);
    let post = with("Job", "argocd.argoproj.io/hook: PostSync", "spec: {}");
    let failed = with("Job", "argocd.argoproj.io/hook: SyncFail", "spec: {}");
    assert_eq!(hooks([&post, &failed, &hooks_after, &after]), ["Job/a", "Job/a"]);
}

#[test]
fn status_and_values_that_only_move_are_the_same() {
    let same = "nothing: the API server stores the same";
    for (kind, before, after, expected) in [
        ("ConfigMap", "data: {a: b}", "data: {a: b}, status: {a: b}", same),
        ("ConfigMap", "data: {a: b}", "data: {a: c}, status: {a: b}", "update"),
        ("Secret", "stringData: {a: hunter2}", "data: {a: aHVudGVyMg==}", same),
        ("Secret", "stringData: {a: hunter2}", "data: {a: aHVudGVyMw==}", "update"),
        ("Secret", "stringData: {a: hunter2}, type: x", "data: {a: aHVudGVyMg==}, type: y", "update"),
        (
            "Deployment",
            "spec: {a: b}",
            "spec: {a: b, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}}",
            same,
        ),
        ("Deployment", "spec: {a: b}", "spec: {a: b, strategy: {rollingUpdate: {maxUnavailable: 1}}}", "update"),
        ("StatefulSet", "spec: {a: b}", "spec: {a: b, updateStrategy: {rollingUpdate: {maxUnavailable: 1}}}", same),
    ] {
        assert_eq!(plan("", Some(&with(kind, "", before)), Some(&with(kind, "", after))), expected, "{kind} {after}");
    }
}
