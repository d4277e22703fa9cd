use super::case::{all, change, check, container, object, of_kind, removed, updated, updated_with, workload};
use crate::change::action::Action;
use crate::change::effects::{Surroundings, of};
use crate::object::Object;

#[test]
fn stopped_workloads_are_cautions() {
    for (before, after, expected) in [
        (
            "replicas: 2",
            "replicas: 0",
            "caution change-disruptive: Deployment `a` is scaled to 0 replicas, which stops its pods",
        ),
        ("a: b", "replicas: 0", "caution change-disruptive"),
        ("replicas: 0", "replicas: 2", "notice change-resources"),
        ("replicas: 3", "replicas: 2", "notice change-resources: Deployment `a` changes `spec.replicas`"),
        ("replicas: 0, a: b", "replicas: 0, a: c", "notice change-resources"),
        ("replicas: 3", "a: b", "caution change-disruptive: Deployment `a` is scaled from 3 replicas to 1"),
        ("replicas: 1", "a: b", "notice change-resources"),
    ] {
        let spec = |text: &str| format!("spec: {{{text}}}");
        check(&updated("Deployment", &spec(before), &spec(after)), expected, after);
    }
    let scaler = object(
        "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: a}}}",
    );
    let found = updated_with("Deployment", "spec: {replicas: 2}", "spec: {replicas: 0}", std::slice::from_ref(&scaler));
    check(
        &found,
        "caution change-disruptive: Deployment `a` is scaled to 0 replicas, which stops its pods, and HorizontalPodAutoscaler `h` no longer",
        "scaler",
    );
    let found = updated_with("Deployment", "spec: {replicas: 2}", "spec: {a: b}", &[scaler]);
    check(
        &found,
        "caution change-disruptive: Deployment `a` is scaled from 2 replicas to 1, because `replicas` is no longer set, until",
        "scaler",
    );
    check(
        &updated("CronJob", "spec: {suspend: false}", "spec: {suspend: true}"),
        "caution change-disruptive: CronJob `a` is suspended",
        "suspend",
    );
    check(&updated("CronJob", "spec: {suspend: true}", "spec: {suspend: false}"), "notice change-resources", "resumed");
    check(
        &removed("Deployment", "spec: {replicas: 1}", Action::Prune),
        "caution change-disruptive: Deployment `a` is deleted, which stops",
        "deleted",
    );
    check(
        &removed("Deployment", "spec: {replicas: 0}", Action::Prune),
        "notice change-resources",
        "deleted without pods",
    );
    check(
        &removed("Deployment", "spec: {replicas: 1}", Action::Leave),
        "notice change-resources: Deployment `a` stays in the cluster",
        "left",
    );
}

#[test]
fn services_that_lose_something_are_cautions() {
    for (before, after, expected) in [
        ("ports: [{port: 25}]", "ports: [{port: 25, protocol: TCP, targetPort: 25}]", ""),
        ("ports: [{port: 25}]", "ports: [{port: 25}, {port: 587}]", "notice change-resources"),
        (
            "ports: [{port: 25}, {port: 587}]",
            "ports: [{port: 25}]",
            "caution change-disruptive: Service `a` no longer has port `587`",
        ),
        (
            "ports: [{port: 53, protocol: UDP}]",
            "ports: [{port: 53}]",
            "caution change-disruptive: Service `a` no longer has port `53/UDP`",
        ),
        ("ports: [{port: 25, targetPort: a}]", "ports: [{port: 25, targetPort: b}]", "notice change-resources"),
        (
            "type: LoadBalancer",
            "type: ClusterIP",
            "caution change-disruptive: the type of Service `a` changes from `LoadBalancer` to `ClusterIP`",
        ),
        ("a: b", "type: ClusterIP", "notice change-resources"),
        ("type: ClusterIP", "externalTrafficPolicy: Cluster", ""),
        ("selector: {app: a}", "selector: {app: b}", "caution change-disruptive: the selector of Service `a` changes"),
        ("selector: {app: a, b: c}", "selector: {b: c, app: a}", ""),
    ] {
        let spec = |text: &str| format!("spec: {{{text}}}");
        check(&updated("Service", &spec(before), &spec(after)), expected, after);
    }
    check(
        &removed("Service", "spec: {}", Action::Prune),
        "caution change-disruptive: Service `a` is deleted",
        "deleted",
    );
    check(&removed("Service", "spec: {}", Action::Leave), "notice change-resources", "left");
    check(
        &removed("Secret", "stringData: {a: b}", Action::Prune),
        "caution change-disruptive: Secret `a` is deleted",
        "deleted",
    );
    check(&removed("Secret", "stringData: {a: b}", Action::Leave), "notice change-resources", "left");
    check(
        &updated("Secret", "stringData: {a: b}", "stringData: {a: c}"),
        "notice change-resources: Secret `a` has other values",
        "values",
    );
    let versions = |rest: &str| format!("spec: {{versions: [{{name: v1, served: true, storage: true}}, {rest}]}}");
    let (beta, served) = (versions("{name: v1beta1, served: false}"), versions("{name: v1beta1, served: true}"));
    check(
        &updated("CustomResourceDefinition", &served, &beta),
        "caution change-disruptive: CustomResourceDefinition `a` no longer serves version `v1beta1`",
        "unserved",
    );
    check(
        &updated("CustomResourceDefinition", &served, &versions("")),
        "caution change-disruptive: CustomResourceDefinition `a` no longer has version `v1beta1`",
        "gone",
    );
    check(&updated("CustomResourceDefinition", &beta, &versions("")), "notice change-resources", "was not served");
}

#[test]
fn selectors_and_labels_that_part_are_cautions() {
    let service = object("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {app: a}}}");
    let labels = |labels: &str| {
        format!("spec: {{template: {{metadata: {{labels: {{{labels}}}}}, spec: {{containers: [{{name: c}}]}}}}}}")
    };
    let found = updated_with("Deployment", &labels("app: a"), &labels("app: b"), std::slice::from_ref(&service));
    check(
        &found,
        "caution change-disruptive: the pods of Deployment `a` no longer match the selector of Service `s`",
        "label",
    );
    let found = updated_with("Deployment", &labels("app: a"), &labels("app: a, more: b"), &[service]);
    check(&found, "notice change-restart", "more labels");
    for (kind, field) in [("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")] {
        let spec = |value: &str| format!("spec: {{{field}: {{matchLabels: {{app: {value}}}}}}}");
        check(
            &updated(kind, &spec("a"), &spec("b")),
            &format!("caution change-disruptive: the selector of {kind} `a` changes"),
            kind,
        );
    }
}

#[test]
fn restarts_have_reasons() {
    let restart = |text: &str| {
        format!("notice change-restart: the pods of Deployment `a` are replaced one after another: {text}")
    };
    let annotated = |value: &str| {
        format!(
            "spec: {{template: {{metadata: {{annotations: {{checksum/config: {value}}}}}, spec: {{containers: [{{name: c, envFrom: [{{configMapRef: {{name: conf}}}}]}}]}}}}}}"
        )
    };
    for (before, after, expected) in [
        (container(""), container("env: [{name: A, value: b}]"), restart("`env` of container `c` changes")),
        (
            container("env: [{name: A, value: x}]"),
            container("env: [{name: A, value: z}]"),
            restart("`env[name=A].value` of container `c` changes"),
        ),
        (
            container("args: [a]"),
            container("args: [b], tty: true"),
            restart("`args` of container `c` and `tty` of container `c` change"),
        ),
        (
            container(""),
            workload("containers: [{name: c, image: 'r/i:1.2.3'}], dnsPolicy: Default"),
            restart("`dnsPolicy` changes"),
        ),
        (annotated("one"), annotated("two"), "routine change-restart: the pods of Deployment `a` are replaced one after another: annotation `checksum/config` changes".to_owned()),
        (
            container("env: [{name: A}, {name: B}]"),
            container("env: [{name: B}, {name: A}]"),
            restart("the order around"),
        ),
    ] {
        check(&updated("Deployment", &before, &after), &expected, &after);
    }
    // A checksum stands for the ConfigMap that changes.
    let config = |value: &str| {
        object(&format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: conf}}, data: {{a: {value}}}}}"))
    };
    let (before, after) = (of_kind("Deployment", &annotated("one")), of_kind("Deployment", &annotated("two")));
    let found = all(
        &change(Some(&before), Some(&after), Action::Update),
        &[before.clone(), config("x")],
        &[after.clone(), config("z")],
    );
    check(&found, &restart("ConfigMap `conf` changes"), "checksum");
    // How pods are replaced.
    let tty = "template: {spec: {containers: [{name: c, tty: true}]}}";
    let plain = "template: {spec: {containers: [{name: c}]}}";
    for (kind, spec, expected) in [
        ("Deployment", "strategy: {type: Recreate}", "are stopped before new ones start"),
        ("Deployment", "strategy: {type: RollingUpdate}", "are replaced one after another"),
        ("StatefulSet", "replicas: 3", "are replaced one after another"),
        (
            "StatefulSet",
            "replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}",
            "from number 2 on are replaced",
        ),
        (
            "StatefulSet",
            "replicas: 3, updateStrategy: {rollingUpdate: {partition: 3}}",
            "stay, because of the `partition`",
        ),
        ("StatefulSet", "updateStrategy: {type: OnDelete}", "are replaced when somebody deletes them"),
        ("DaemonSet", "updateStrategy: {type: OnDelete}", "are replaced when somebody deletes them"),
        ("DaemonSet", "minReadySeconds: 0", "are replaced one node after another"),
    ] {
        let found = updated(kind, &format!("spec: {{{spec}, {plain}}}"), &format!("spec: {{{spec}, {tty}}}"));
        let expected = format!("notice change-restart: the pods of {kind} `a` {expected}");
        check(&found, &expected, spec);
    }
    for spec in ["replicas: 0", "paused: true"] {
        let found = updated("Deployment", &format!("spec: {{{spec}, {plain}}}"), &format!("spec: {{{spec}, {tty}}}"));
        check(&found, "notice change-resources", spec);
    }
    let jobs = |template: &str| format!("spec: {{jobTemplate: {{spec: {{{template}}}}}}}");
    check(&updated("CronJob", &jobs(plain), &jobs(tty)), "notice change-resources", "the next job has the new pods");
}

#[test]
fn budgets_that_begin_to_block_are_cautions() {
    let budget = |field: &str| format!("spec: {{selector: {{matchLabels: {{app: a}}}}, {field}}}");
    let pods =
        |replicas: u32| of_kind("Deployment", &container("").replace("replicas: 2", &format!("replicas: {replicas}")));
    let blocked = "caution disruption-blocked";
    for (before, after, expected) in [
        ("minAvailable: 1", "minAvailable: 2", blocked),
        ("maxUnavailable: 1", "maxUnavailable: 0", blocked),
        ("minAvailable: 2", "minAvailable: 3", "notice change-resources"),
        ("minAvailable: 2", "minAvailable: 1", "notice change-resources"),
    ] {
        let found = updated_with("PodDisruptionBudget", &budget(before), &budget(after), &[pods(2)]);
        check(&found, expected, after);
    }
    let (budget, one, two) = (of_kind("PodDisruptionBudget", &budget("minAvailable: 1")), pods(1), pods(2));
    let scaled = change(Some(&two), Some(&one), Action::Update);
    check(&all(&scaled, &[budget.clone(), two.clone()], &[budget.clone(), one.clone()]), blocked, "scaled");
    let created = change(None, Some(&budget), Action::Create);
    check(&all(&created, std::slice::from_ref(&one), &[budget.clone(), one.clone()]), blocked, "created");
    check(&all(&created, &[], &[budget.clone(), two.clone()]), "notice change-resources", "created");
}

#[test]
fn renamed_objects_are_one_change() {
    let renamed = |kind: &str, name: &str, action| {
        let object = |name: &str| object(&format!("{{apiVersion: v1, kind: {kind}, metadata: {{{name}}}}}"));
        let (before, after) = (object("name: a"), object(name));
        all(&change(Some(&before), Some(&after), action), &[], &[])
    };
    for (kind, name, action, expected) in [
        (
            "Service",
            "name: b",
            Action::Replace,
            "caution change-disruptive: Service `a` is renamed to `b`, and its clients",
        ),
        (
            "Service",
            "name: a, namespace: mail",
            Action::Replace,
            "caution change-disruptive: Service `a` moves to namespace `mail`",
        ),
        (
            "Service",
            "name: b",
            Action::Create,
            "notice change-resources: Service `a` is renamed to `b`; the former object stays",
        ),
        ("Secret", "name: b", Action::Replace, "notice change-resources: Secret `a` is renamed to `b`"),
        ("ConfigMap", "name: b", Action::Replace, "notice change-resources: ConfigMap `a` is renamed to `b`"),
    ] {
        check(&renamed(kind, name, action), expected, name);
    }
}

#[test]
fn what_others_use_is_not_deleted_silently() {
    let pods = |optional: &str| {
        let env = format!("envFrom: [{{secretRef: {{name: a, optional: {optional}}}}}]");
        object(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: user}}, spec: {{containers: [{{name: main, {env}}}]}}}}"
        ))
    };
    let secret = of_kind("Secret", "stringData: {key: x}");
    let gone = change(Some(&secret), None, Action::Prune);
    let after = |others: &[Object]| {
        let effects = of(&gone, &Surroundings::new(std::slice::from_ref(&secret), &[]).among(&[], others));
        effects.into_iter().map(|effect| effect.message).collect::<Vec<_>>()
    };
    let used = "Secret `a` is no longer rendered, but Pod `user` still uses it";
    assert_eq!(after(&[pods("false")]), [used]);
    let lost = "Secret `a` is deleted, and nothing restores its values";
    assert_eq!(after(&[pods("true")]), [lost], "optional");
    assert_eq!(after(&[]), [lost]);
    let elsewhere = object("{apiVersion: v1, kind: Secret, metadata: {name: a}}");
    assert_eq!(after(&[pods("false"), elsewhere]), ["Secret `a` is deleted"], "another Application renders it");
    let left = change(Some(&secret), None, Action::Leave);
    let effects = of(&left, &Surroundings::new(std::slice::from_ref(&secret), &[pods("false")]));
    assert!(effects.iter().all(|effect| effect.severity < diagnostics::Severity::Caution), "{effects:?}");
}

#[test]
fn pods_that_keep_former_values_are_notices() {
    let reads = |from: &str| workload(&format!("containers: [{{name: a, {from}}}]"));
    let map = |value: &str| of_kind("ConfigMap", &format!("data: {{a: '{value}'}}"));
    let found = |before: &str, after: &str| {
        let (old, new) = (map("1"), map("2"));
        let before = [of_kind("Deployment", before), old.clone()];
        let after = [of_kind("Deployment", after), new.clone()];
        all(&change(Some(&old), Some(&new), Action::Update), &before, &after)
    };
    let kept =
        "notice change-restart: the pods of Deployment `a` keep the former values of ConfigMap `a` until they restart";
    for from in
        ["envFrom: [{configMapRef: {name: a}}]", "env: [{name: A, valueFrom: {configMapKeyRef: {name: a, key: a}}}]"]
    {
        check(&found(&reads(from), &reads(from)), kept, from);
    }
    let restarted = reads("envFrom: [{configMapRef: {name: a}}], image: 'a:2'");
    check(&found(&reads("envFrom: [{configMapRef: {name: a}}]"), &restarted), "notice change-resources", "restarted");
    let other = reads("envFrom: [{configMapRef: {name: b}}]");
    check(&found(&other, &other), "notice change-resources", "another one");
    let mounted = |mount: &str| {
        workload(&format!(
            "volumes: [{{name: v, configMap: {{name: a}}}}], containers: [{{name: a, volumeMounts: [{{name: v, {mount}}}]}}]"
        ))
    };
    check(
        &found(&mounted("mountPath: /a"), &mounted("mountPath: /a")),
        "notice change-resources",
        "a volume is updated",
    );
    check(&found(&mounted("subPath: a"), &mounted("subPath: a")), kept, "a single file is not");
    let reloaded = format!(
        "metadata: {{name: a, annotations: {{reloader.stakater.com/auto: 'true'}}}}, {}",
        reads("envFrom: [{configMapRef: {name: a}}]")
    );
    check(&found(&reloaded, &reloaded), "notice change-resources", "reloaded");
}

#[test]
fn replicas_that_fight_with_an_autoscaler_are_cautions() {
    let scaler = object(
        "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: a}}}",
    );
    check(
        &updated_with("Deployment", "spec: {a: b}", "spec: {replicas: 2}", std::slice::from_ref(&scaler)),
        "caution change-disruptive: each sync scales Deployment `a` to 2, although HorizontalPodAutoscaler `h` scales it",
        "set",
    );
    check(
        &updated_with("Deployment", "spec: {replicas: 1}", "spec: {replicas: 2}", &[scaler]),
        "caution change-disruptive: each sync scales Deployment `a` to 2, although HorizontalPodAutoscaler `h` scales it",
        "changed",
    );
}
