//! Tests of the comparison by meaning.

use diagnostics::Source;
use document::{Key, Node, Value, yaml};
use proptest::prelude::*;

use super::*;
use crate::manifest::read_golden;

fn node(text: &str) -> Node {
    yaml::parse_one(&Source::new("x", text)).unwrap_or_else(|_| panic!("YAML: {text}")).root
}

/// The changes as `path: before → after`.
fn between(before: &str, after: &str) -> Vec<String> {
    changes(&node(before), &node(after)).into_iter().map(shown).collect()
}

fn shown(change: FieldChange) -> String {
    let text = |value: Option<String>| value.unwrap_or_else(|| "∅".to_owned());
    format!("{}: {} → {}", change.path, text(change.before), text(change.after))
}

fn deployment(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nspec: {{template: {{spec: {{containers: [{{name: web, {container}}}]}}}}}}"
    )
}

const CONTAINER: &str = "spec.template.spec.containers[name=web]";

#[test]
fn equal_meanings_are_no_change() {
    for (before, after) in [
        ("image: 'a:1'", "imagePullPolicy: IfNotPresent, image: 'a:1'"),
        ("image: a", "image: a, imagePullPolicy: Always"),
        ("ports: [{containerPort: 80}]", "ports: [{containerPort: 80, protocol: TCP}]"),
        ("ports: [{containerPort: 80}]", "ports: [{containerPort: '80'}]"),
        ("ports: [{containerPort: 80}, {containerPort: 81}]", "ports: [{containerPort: 81}, {containerPort: 80}]"),
        (
            "ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]",
            "ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]",
        ),
        ("env: [{name: a, value: '1'}, {name: b}]", "env: [{name: b, value: ''}, {value: '1', name: a}]"),
        ("resources: {limits: {cpu: 1, memory: 1Gi}}", "resources: {limits: {memory: 1024Mi, cpu: 1000m}}"),
        ("resources: {limits: {cpu: 0.3}}", "resources: {limits: {cpu: 300m}}"),
        ("resources: {}", "image: null"),
        ("livenessProbe: {tcpSocket: {port: 25}}", "livenessProbe: {tcpSocket: {port: 25}, periodSeconds: 10}"),
        ("tty: false", "stdin: false"),
        (
            "securityContext: {capabilities: {drop: [ALL, KILL]}}",
            "securityContext: {capabilities: {drop: [KILL, ALL]}}",
        ),
        (
            "volumeMounts: [{mountPath: /a, name: x}, {mountPath: /b, name: x}]",
            "volumeMounts: [{mountPath: /b, name: x, readOnly: false}, {mountPath: /a, name: x}]",
        ),
    ] {
        assert_eq!(between(&deployment(before), &deployment(after)), [""; 0], "{before} → {after}");
        assert_eq!(between(&deployment(after), &deployment(before)), [""; 0], "{after} → {before}");
    }
}

#[test]
fn fields_of_containers_are_named() {
    for (before, after, expected) in [
        ("image: 'a:1'", "image: 'a:2'", ".image: a:1 → a:2"),
        ("args: [a, --b=1, c]", "args: [a, --b=2, c]", ".args: [a, --b=1, c] → [a, --b=2, c]"),
        ("env: [{name: a, value: x}]", "env: [{name: a, value: z}]", ".env[name=a].value: x → z"),
        ("env: [{name: a, value: x}]", "env: []", ".env[name=a]: {name: a, value: x} → ∅"),
        ("env: [{name: a, value: x}, {name: b}]", "env: [{name: b}]", ".env[name=a]: {name: a, value: x} → ∅"),
        ("ports: [{containerPort: 25}]", "ports: [{containerPort: 26}]", ".ports"),
        ("resources: {limits: {cpu: 1}}", "resources: {limits: {cpu: 2}}", ".resources.limits.cpu: 1 → 2"),
        ("resources: {}", "resources: {limits: {cpu: 2}}", ".resources.limits: ∅ → {cpu: 2}"),
        ("tty: false", "tty: true", ".tty: false → true"),
        (
            "tty: false",
            "securityContext: {allowPrivilegeEscalation: false}",
            ".securityContext: ∅ → {allowPrivilegeEscalation: false}",
        ),
        ("readinessProbe: {periodSeconds: 5}", "tty: false", ".readinessProbe: {periodSeconds: 5} → ∅"),
        ("command: [a, b]", "command: [b, a]", ".command: [a, b] → [b, a]"),
        ("securityContext: {runAsNonRoot: true}", "securityContext: {}", ".securityContext.runAsNonRoot: true → ∅"),
    ] {
        let found = between(&deployment(before), &deployment(after));
        assert!(found[0].starts_with(&format!("{CONTAINER}{expected}")), "{before} → {after}: {found:?}");
    }
}

#[test]
fn false_is_not_the_default_of_every_boolean() {
    let pod = |field: &str| format!("apiVersion: v1\nkind: Pod\nspec: {{nodeName: a{field}}}");
    for name in ["automountServiceAccountToken", "enableServiceLinks", "hostUsers"] {
        let found = between(&pod(""), &pod(&format!(", {name}: false")));
        assert_eq!(found, [format!("spec.{name}: ∅ → false")]);
    }
    assert_eq!(between(&pod(""), &pod(", hostNetwork: false")), [""; 0]);
}

#[test]
fn lists_are_matched_by_their_keys() {
    let service = |ports: &str| format!("apiVersion: v1\nkind: Service\nspec: {{ports: [{ports}]}}");
    assert_eq!(
        between(&service("{port: 25, targetPort: smtp}"), &service("{port: 25, targetPort: 2525}, {port: 587}")),
        ["spec.ports[port=25].targetPort: smtp → 2525", "spec.ports[port=587]: ∅ → {port: 587}"]
    );
    // A port with the same name has another number.
    assert_eq!(
        between(&service("{name: smtp, port: 25}"), &service("{name: smtp, port: 26}")),
        ["spec.ports[port=26].port: 25 → 26"]
    );
    assert_eq!(
        between(&service("{port: 53, protocol: UDP}"), &service("{port: 53}")),
        ["spec.ports[port=53,protocol=UDP]: {port: 53, protocol: UDP} → ∅", "spec.ports[port=53]: ∅ → {port: 53}"]
    );
    let role = |rules: &str| format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules: [{rules}]");
    let pods = "{apiGroups: [''], resources: [pods], verbs: [get, list]}";
    let jobs = "{apiGroups: [batch], resources: [jobs], verbs: [get]}";
    assert_eq!(between(&role(&format!("{pods}, {jobs}")), &role(&format!("{jobs}, {pods}"))), [""; 0]);
    assert_eq!(
        between(&role(&format!("{pods}, {jobs}")), &role(&format!("{jobs}, {}", pods.replace("list", "watch")))),
        ["rules[1].verbs: [get, list] → [get, watch]"]
    );
    assert_eq!(between(&role(pods), &role(&format!("{jobs}, {pods}"))), [format!("rules[0]: ∅ → {jobs}")]);
}

#[test]
fn an_order_with_a_meaning_is_a_change() {
    let pod = |list: &str, names: &str| format!("apiVersion: v1\nkind: Pod\nspec: {{{list}: [{names}]}}");
    let (one, other) = ("{name: a}, {name: b}", "{name: b}, {name: a}");
    assert_eq!(between(&pod("containers", one), &pod("containers", other)), [""; 0]);
    assert_eq!(
        between(&pod("initContainers", one), &pod("initContainers", other)),
        ["spec.initContainers (order): a, b → b, a"]
    );
    let custom = |steps: &str| format!("apiVersion: example.com/v1\nkind: A\nspec: {{relabelings: [{steps}]}}");
    assert_eq!(between(&custom("{action: keep}, {action: drop}"), &custom("{action: drop}, {action: keep}")).len(), 1);
}

#[test]
fn kinds_of_others_have_no_defaults() {
    let custom = |spec: &str| format!("apiVersion: example.com/v1\nkind: A\nspec: {{{spec}}}");
    assert_eq!(between(&custom("enabled: false"), &custom("")), ["spec.enabled: false → ∅"]);
    assert_eq!(between(&custom("protocol: TCP"), &custom("")), ["spec.protocol: TCP → ∅"]);
    assert_eq!(between(&custom("size: 1"), &custom("size: 1.0")), [""; 0]);
    // An empty selector selects everything.
    let policy = |peer: &str| {
        format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {{ingress: [{{from: [{{{peer}}}]}}]}}")
    };
    assert_eq!(
        between(&policy("podSelector: {}"), &policy("podSelector: {}, namespaceSelector: {}")),
        ["spec.ingress[0].from[0].namespaceSelector: ∅ → {}"]
    );
}

#[test]
fn added_and_removed_subtrees_are_shown_by_their_fields() {
    let long = "name: sidecar, image: 'registry.example.com/sidecar:1.0.0', args: [--verbose, --config=/etc/sidecar/config.yaml], env: [{name: A, value: b}]";
    let found = between(&deployment(""), &deployment(&format!("image: a}}, {{{long}")));
    assert_eq!(
        found,
        [
            format!("{CONTAINER}.image: ∅ → a"),
            "spec.template.spec.containers[name=sidecar].image: ∅ → registry.example.com/sidecar:1.0.0".to_owned(),
            "spec.template.spec.containers[name=sidecar].args: ∅ → [--verbose, --config=/etc/sidecar/config.yaml]"
                .to_owned(),
            "spec.template.spec.containers[name=sidecar].env: ∅ → [{name: A, value: b}]".to_owned(),
        ]
    );
}

fn config(key: &str, text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  {key}: |\n{lines}")
}

#[test]
fn files_in_texts_are_compared_by_their_fields() {
    for (key, before, after, expected) in [
        (
            "main.cf",
            "# relay\nrelayhost = [a]:25\nmynetworks = 10.0.0.0/8\n  172.16.0.0/12\n",
            "mynetworks = 10.0.0.0/8 172.16.0.0/12\n# other\nrelayhost = [b]:25\nsize = 0\n",
            vec!["[\"main.cf\"].relayhost: [a]:25 → [b]:25", "[\"main.cf\"].size: ∅ → 0"],
        ),
        (
            "a.yaml",
            "a: {b: 1, c: [x]}\n---\nd: 1\n",
            "a: {c: [x], b: 2}\n---\nd: 1\n",
            vec!["[\"a.yaml\"][0].a.b: 1 → 2"],
        ),
        ("a.json", "{\"a\": {\"b\": 1}}\n", "{\"a\":\n {\"b\": 2}}\n", vec!["[\"a.json\"].a.b: 1 → 2"]),
        ("a.ini", "[x]\na=1\n[y]\na=1\n", "[x]\na=1\n[y]\na=2\n", vec!["[\"a.ini\"].y.a: 1 → 2"]),
        (
            "run",
            "set -e\nif x; then\ny\nfi\n",
            "set -e\nif z; then\ny\nfi\n",
            vec![".run (line 2): if x; then → if z; then"],
        ),
        ("run", "a b\nc d\n", "a b\n", vec![".run (former line 2): c d → ∅"]),
        ("run", "a b\n", "a b\nc d\ne f\n", vec![".run (lines 2 to 3): ∅ → c d\ne f"]),
        ("x", "- a\n- b\n", "- a\n- c\n", vec![".x: [a, b] → [a, c]"]),
    ] {
        let expected: Vec<String> = expected
            .iter()
            .map(|text| format!("data{text}").replace("\"[a]:25\"", "[a]:25").replace("\"[b]:25\"", "[b]:25"))
            .collect();
        assert_eq!(between(&config(key, before), &config(key, after)), expected, "{key}");
    }
    let line = |text: &str| format!("apiVersion: v1\nkind: ConfigMap\ndata: {{a: '{text}'}}");
    assert_eq!(between(&line("{\"b\": 1}"), &line("{\"b\": 2}")), ["data.a.b: 1 → 2"]);
    assert_eq!(between(&line("one"), &line("two")), ["data.a: one → two"]);
}

#[test]
fn nulls_in_files_are_values() {
    let changed = between(&config("a.json", "{\"x\": null, \"y\": 1}"), &config("a.json", "{\"y\": 1}"));
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(
        between(&config("a.json", "{\"x\": null, \"y\": 1}"), &config("a.json", "{\"y\": 1, \"x\": null}")).is_empty()
    );
}

#[test]
fn long_values_are_shortened() {
    let line = |text: &str| format!("apiVersion: v1\nkind: ConfigMap\ndata: {{a: '{text}'}}");
    let (start, end) = ("x".repeat(500), "z".repeat(500));
    let found = changes(&node(&line(&format!("{start}1{end}"))), &node(&line(&format!("{start}2{end}"))));
    let expected = |middle: &str| Some(format!("…{}{middle}{}…", "x".repeat(30), "z".repeat(30)));
    assert_eq!((&found[0].before, &found[0].after), (&expected("1"), &expected("2")));
    let script: String = (0..100).map(|line| format!("do {line};\n")).collect();
    let found = changes(&node(&line("a")), &node(&config("a", &script)));
    assert!(found[0].after.as_ref().is_some_and(|text| text.ends_with("… 80 more lines")), "{found:?}");
    // Texts that differ in thousands of lines are one change.
    let many = |word: &str| config("a", &(0..5000).map(|line| format!("do {word}{line};\n")).collect::<String>());
    assert_eq!(changes(&node(&many("x")), &node(&many("y"))).len(), 1);
}

#[test]
fn lists_with_many_items_are_compared_by_item() {
    let args = |level: &str, more: &str| {
        let flags: String = (0..20).map(|index| format!("--flag-{index}=value, ")).collect();
        deployment(&format!("args: [{flags}--level={level}{more}]"))
    };
    assert_eq!(
        between(&args("info", ""), &args("debug", ", --more")),
        [format!("{CONTAINER}.args[20]: --level=info → --level=debug"), format!("{CONTAINER}.args[21]: ∅ → --more")]
    );
}

#[test]
fn values_of_secrets_are_fingerprints() {
    let secret = |body: &str| {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{body}");
        read_golden(&text, "ns").expect("an object")
    };
    let fingerprint = |value: &str| format!("<{}>", value.bytes().map(u32::from).sum::<u32>());
    for (before, after, changed) in [
        ("data: {a: aHVudGVyMg==}", "data: {a: aHVudGVyMw==}", "data.a"),
        ("stringData: {a: hunter2}", "stringData: {a: hunter3}", "stringData.a"),
        ("stringData:\n  a: |\n    user: hunter2\n", "stringData:\n  a: |\n    user: hunter3\n", "stringData.a"),
        ("stringData: {a: &x hunter2, b: *x}", "stringData: {a: &x hunter3, b: *x}", ""),
    ] {
        let found = of_manifests(&secret(before), &secret(after), &fingerprint);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, changed);
        let text = shown(found[0].clone());
        assert!(text.contains('<') && !text.contains("hunter") && !text.contains("aHVud"), "{text}");
        assert_eq!(of_manifests(&secret(before), &secret(before), &fingerprint), []);
    }
}

#[test]
fn odd_trees_do_no_harm() {
    let odd = [
        "null",
        "a",
        "[]",
        "{}",
        "apiVersion: 1",
        "{apiVersion: v1, spec: null, ports: {}}",
        "{apiVersion: v1, spec: {ports: [null, 1, {port: {}}, [1]]}}",
        "{apiVersion: v1, spec: {containers: [{name: a}, {name: a}, {name: null}]}}",
        "{apiVersion: apps/v1, spec: {replicas: 99999999999999999999999999, template: [{}]}}",
        "{data: {a: \"[x\\n]]\", b: \"=\\n\", c: \"{\"}}",
        "{data: {a: \"  = 1\\n\", b: \"\\\\\\n\\\\\\n\", c: \"[]\\n\"}}",
    ];
    for before in odd {
        for after in odd {
            let found = between(before, after);
            assert!(found.is_empty() || before != after, "{before}: {found:?}");
        }
    }
}

#[test]
fn large_objects_take_linear_time() {
    let large = |word: &str| {
        let mut text = "apiVersion: v1\nkind: ConfigMap\ndata:\n".to_owned();
        for index in 0..20_000 {
            text.push_str(&format!("  key-{index}: {word}\n"));
        }
        text.push_str("rules:\n");
        for index in 0..10_000 {
            text.push_str(&format!("- {{verbs: [{word}-{index}]}}\n"));
        }
        node(&text)
    };
    let (before, after) = (large("a"), large("b"));
    let start = std::time::Instant::now();
    assert_eq!(changes(&before, &after).len(), 30_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// A tree with unique names in lists, as Kubernetes requires.
fn tree() -> impl Strategy<Value = Node> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (0..1000_u32).prop_map(|number| Value::Number(number.to_string())),
        "[a-z]{1,8}".prop_map(Value::String),
    ];
    let leaf = scalar.prop_map(plain);
    leaf.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-z]{3,5}", inner.clone(), 1..5).prop_map(|entries| plain(Value::Mapping(
                entries.into_iter().map(|(name, value)| (Key { name, span: 0..0 }, value)).collect()
            ))),
            prop::collection::btree_map("[a-z]{3,5}", inner, 1..4).prop_map(|items| plain(Value::Sequence(
                items
                    .into_iter()
                    .map(|(name, value)| plain(Value::Mapping(
                        vec![
                            (Key { name: "name".to_owned(), span: 0..0 }, Node::string(&name)),
                            (Key { name: "value".to_owned(), span: 0..0 }, value),
                        ]
                        .into()
                    )))
                    .collect()
            ))),
        ]
    })
}

fn plain(value: Value) -> Node {
    Node { value, span: 0..0, source: Source::new("", "") }
}

/// The tree with all mappings and lists in the other order.
fn reversed(node: &Node) -> Node {
    plain(match &node.value {
        Value::Mapping(entries) => {
            Value::Mapping(entries.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().rev().map(reversed).collect()),
        value => value.clone(),
    })
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Mapping(entries) => {
            entries.iter().map(|(key, value)| if key.name == "name" { 0 } else { count(value) }).sum()
        }
        Value::Sequence(items) => items.iter().map(count).sum(),
        _ => 1,
    }
}

/// Replaces the scalar with an index, except for names.
fn replace(node: &Node, index: &mut usize) -> Node {
    plain(match &node.value {
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| {
                    (key.clone(), if key.name == "name" { value.clone() } else { replace(value, index) })
                })
                .collect(),
        ),
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| replace(item, index)).collect()),
        value => {
            let chosen = *index == 0;
            *index = index.wrapping_sub(1);
            if chosen { Value::String("CHANGED".to_owned()) } else { value.clone() }
        }
    })
}

proptest! {
    #[test]
    fn the_same_tree_has_no_changes(tree in tree()) {
        prop_assert_eq!(changes(&tree, &tree), []);
    }

    #[test]
    fn the_order_of_mappings_and_of_lists_with_names_is_no_change(tree in tree()) {
        prop_assert_eq!(changes(&tree, &reversed(&tree)), []);
    }

    #[test]
    fn each_changed_scalar_is_found((tree, index) in tree().prop_flat_map(|tree| {
        let count = count(&tree).max(1);
        (Just(tree), 0..count)
    })) {
        let changed = replace(&tree, &mut index.clone());
        if count(&tree) > 0 {
            let found = changes(&tree, &reversed(&changed));
            prop_assert_eq!(found.len(), 1, "{:?}", found);
            prop_assert_eq!(found[0].after.as_deref(), Some("CHANGED"));
        }
    }

    #[test]
    fn values_of_secrets_are_never_shown(key in "[a-z]{1,6}", before in "[A-Z]{12,20}", after in "[A-Z]{12,20}") {
        let secret = |value: &str| {
            let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  {key}: |\n    {value}: {value}\n");
            read_golden(&text, "ns").expect("an object")
        };
        let found = of_manifests(&secret(&before), &secret(&after), &|value| format!("{}", value.len()));
        let text = format!("{found:?}");
        prop_assert!(!text.contains(&before) && !text.contains(&after), "{}", text);
    }
}
