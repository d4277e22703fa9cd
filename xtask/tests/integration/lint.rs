//! Runs `cargo xtask lint`, and checks what the schema of the postfix chart rejects.

use std::path::Path;

use crate::support::{Answer, Bench, HELM_4, copy, helm, repository};

const CONFIG: &str = "\
repository = \"https://git.example/x.git\"
[argocd]
version = \"3.5\"
[kubernetes]
version = \"1.34.1\"
";

const APPLICATION: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  namespace: argocd
spec:
  project: web
  source:
    repoURL: https://git.example/x.git
    targetRevision: HEAD
    path: charts/web
    helm:
      releaseName: web
  destination:
    server: https://kubernetes.default.svc
    namespace: web
";

const PROJECT: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: web
  namespace: argocd
spec:
  sourceRepos: [https://git.example/x.git]
  destinations: [{server: https://kubernetes.default.svc, namespace: web}]
";

/// Named templates whose output is compared, parsed, hashed, measured, and tested for emptiness: a marker in the output of
/// any of them would change the render or make it fail.
const HELPERS: &str = "\
{{- define \"web.mode\" -}}
{{- if .Values.secure }}tls{{- else }}plain{{- end }}
{{- end }}
{{- define \"web.nothing\" -}}
{{- end }}
{{- define \"web.map\" -}}
{{- range $key, $value := .Values.extra }}
{{ $key }}: {{ $value }}
{{- end }}
{{- end }}
{{- define \"web.refuse\" -}}
{{- if eq .Values.name \"forbidden\" }}
{{- fail \"no such name\" }}
{{- end }}
{{- end }}
";

const TEMPLATE: &str = "\
{{- include \"web.refuse\" . }}
{{- $map := include \"web.map\" . | fromYaml }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Values.name }}
data:
  {{- if eq (include \"web.mode\" .) \"tls\" }}
  mode: secure
  {{- else if include \"web.nothing\" . }}{{ fail \"it is not empty\" }}
  {{- end }}
  sum: {{ include \"web.mode\" . | sha256sum }}
  count: {{ len $map | quote }}
  {{- with .Values.note }}
  note: {{ . | quote }}
  {{- end }}
";

const VALUES: &str = "\
# -- Name of the object.
name: web
# -- Whether.
secure: false
# -- More.
extra: {}
# -- A remark.
note: \"\"
";

const README: &str = "\
# web

<!-- values:begin -->
| Key | Type | Default | Description |
|---|---|---|---|
| `name` | string | `\"web\"` | Name of the object. |
| `secure` | bool | `false` | Whether. |
| `extra` | object | `{}` | More. |
| `note` | string | `\"\"` | A remark. |
<!-- values:end -->
";

const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "name": {"type": "string"},
    "secure": {"type": "boolean"},
    "extra": {"type": "object"},
    "note": {"type": "string"}
  }
}
"#;

/// A workspace without findings.
pub(crate) fn sound() -> Bench {
    let bench = Bench::new();
    for (path, text) in [
        ("charts.toml", CONFIG),
        ("argocd/applications/web.yaml", APPLICATION),
        ("argocd/projects/web.yaml", PROJECT),
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
        ("charts/web/.helmignore", "ci/\n"),
        ("charts/web/values.yaml", VALUES),
        ("charts/web/values.schema.json", SCHEMA),
        ("charts/web/README.md", README),
        ("charts/web/templates/_helpers.tpl", HELPERS),
        ("charts/web/templates/map.yaml", TEMPLATE),
        ("charts/web/ci/all-values.yaml", "name: other\nsecure: true\nextra: {a: 1}\nnote: hello\n"),
    ] {
        bench.write(path, text);
    }
    bench
}

/// Accepts the goldens, so that `lint` does not need to render.
fn record(bench: &Bench, helm: &Path) {
    bench.xtask("render --accept").helm(helm).run().says(0, &[]);
}

fn lint(bench: &Bench, args: &str, helm: &Path) -> Answer {
    bench.xtask(&format!("lint {args}")).helm(helm).run()
}

#[test]
fn a_sound_chart_has_no_findings_and_is_cached() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    record(&bench, &helm);
    let answer = lint(&bench, "", &helm);
    answer.says(0, &["1 chart, 2 targets: nothing found"]);
    assert_eq!(answer.stdout, "");
    assert!(bench.left_over().is_empty(), "{:?}", bench.left_over());
    // Once everything is cached, only the version of Helm is asked for.
    let log = bench.base().join("helm.log");
    let stub = bench.stub(&format!("echo run >> {}; exec {} \"$@\"", log.display(), helm.display()));
    lint(&bench, "", &stub).says(0, &["nothing found"]);
    let runs = std::fs::read_to_string(&log).expect("runs");
    lint(&bench, "", &stub).says(0, &["nothing found"]);
    lint(&bench, "--format json", &stub).says(0, &["\"command\": \"lint\"", "\"charts/web\"", "\"web/all\""]);
    assert_eq!(std::fs::read_to_string(&log).expect("runs"), runs);
}

#[test]
fn a_changed_case_runs_helm_for_that_case_only() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    // One branch that no case reaches, and one that only a render without the record of the first pass reaches.
    bench.write(
        "charts/web/templates/more.yaml",
        "{{ define \"web.on\" }}{{ if .on }}on{{ end }}{{ end }}\
         {{ if eq .Values.name \"never\" }}{{ end }}# {{ include \"web.on\" (dict \"on\" .Values.secure) }}\n",
    );
    let case = |number: usize| format!("charts/web/ci/case{number}-values.yaml");
    for number in 0..4 {
        bench.write(&case(number), &format!("note: case {number}\n"));
    }
    let log = bench.base().join("helm.log");
    let stub = bench.stub(&format!("echo \"$@\" >> {}; exec {} \"$@\"", log.display(), helm.display()));
    let run = || {
        record(&bench, &stub);
        std::fs::write(&log, "").expect("written");
        let answer = lint(&bench, "", &stub);
        answer.says(1, &["error[branch-uncovered]", "never reached in 6 cases"]);
        assert_eq!(answer.stderr.matches("error[branch-uncovered]").count(), 1, "{answer}");
        let log = std::fs::read_to_string(&log).expect("runs");
        log.lines().filter(|line| !line.starts_with("version")).map(str::to_owned).collect::<Vec<_>>()
    };
    run();
    bench.write(&case(2), "note: another\n");
    let runs = run();
    assert!(!runs.is_empty() && runs.iter().all(|line| line.contains(&case(2))), "{runs:#?}");
    // What another case covers now is no longer reported, although nothing else changed.
    bench.write(&case(3), "name: never\n");
    record(&bench, &stub);
    lint(&bench, "", &stub).says(0, &["nothing found"]);
}

#[test]
fn an_uncovered_branch_is_reported_with_its_line() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    bench.replace("charts/web/ci/all-values.yaml", "secure: true\n", "secure: false\n");
    bench.replace("charts/web/ci/all-values.yaml", "extra: {a: 1}\n", "");
    record(&bench, &helm);
    let answer = lint(&bench, "", &helm);
    answer.says(
        1,
        &[
            "error[branch-uncovered]: no case renders this branch of `charts/web/templates/_helpers.tpl`",
            "charts/web/templates/_helpers.tpl:2:1",
            "{{- if .Values.secure }}",
            "charts/web/templates/_helpers.tpl:7:1",
            "{{- range $key, $value := .Values.extra }}",
            "charts/web/templates/map.yaml:8:3",
            "never reached in 2 cases",
            "error[value-uncovered]: no case changes `secure` from its default",
            "charts/web/values.yaml:4:9",
            "no case changes `extra` from its default",
            "add a case that reaches it (charts/web/ci/<case>-values.yaml), or remove it",
        ],
    );
    assert_eq!(answer.stderr.matches("error[").count(), 5, "{answer}");
    // The same from the cache, and for a selected target.
    let stub = bench.stub("exit 1");
    for args in ["", "web/default"] {
        assert_eq!(lint(&bench, args, &stub).stderr.matches("error[").count(), 5);
    }
}

#[test]
fn an_uncovered_branch_is_found_whatever_the_context_of_its_template() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    // Both are called with a different context than the root: a dictionary and a string.
    bench.write(
        "charts/web/templates/_given.tpl",
        "{{- define \"web.given\" -}}\n{{- if .on -}}\n\"on\"\n{{- else -}}\n\"off\"\n{{- end -}}\n{{- end -}}\n\
         {{- define \"web.text\" }}{{ with . }}{{ . }}{{ else }}none{{ end }}{{ end }}\n",
    );
    let given = "  given: {{ include \"web.given\" (dict \"on\" .Values.secure) }}\n  text: {{ include \"web.text\" .Values.note | quote }}\n";
    bench.write("charts/web/templates/map.yaml", &TEMPLATE.replacen("data:\n", &format!("data:\n{given}"), 1));
    record(&bench, &helm);
    lint(&bench, "", &helm).says(0, &["nothing found"]);
    bench.replace("charts/web/templates/map.yaml", "\"on\" .Values.secure", "\"on\" true");
    record(&bench, &helm);
    let answer = lint(&bench, "", &helm);
    answer.says(1, &["no case renders this branch", "charts/web/templates/_given.tpl:4:1", "{{- else -}}"]);
    assert_eq!(answer.stderr.matches("error[").count(), 1, "{answer}");
}

#[test]
fn a_branch_that_argo_cd_never_renders_is_explained() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    let given = "  {{- $old := lookup \"v1\" \"Secret\" .Release.Namespace \"web\" }}\n  {{- if $old }}\n  old: yes\n  {{- end }}\n  \
                 {{- if .Capabilities.APIVersions.Has \"monitoring.coreos.com/v1\" }}\n  monitored: yes\n  {{- end }}\n";
    bench.write("charts/web/templates/map.yaml", &TEMPLATE.replacen("data:\n", &format!("data:\n{given}"), 1));
    let answer = lint(&bench, "", &helm);
    answer.says(
        1,
        &[
            "note: `lookup` always returns an empty result under Argo CD",
            "help: remove the branch, or use a value instead of `lookup`",
            "note: no case passes the API version `monitoring.coreos.com/v1` to Helm",
            "set `kubernetes.api-versions` in charts.toml: `api-versions = [\"monitoring.coreos.com/v1\"]`",
        ],
    );
    assert!(!answer.stderr.contains("add a case"), "{answer}");
    let version = "version = \"1.34.1\"\n";
    bench.replace("charts.toml", version, &format!("{version}api-versions = [\"monitoring.coreos.com/v1\"]\n"));
    let answer = lint(&bench, "", &helm);
    assert_eq!(answer.stderr.matches("error[").count(), 1, "{answer}");
}

#[test]
fn a_named_template_that_is_defined_twice_is_reported_once() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    let copy = HELPERS.replace("tls", "none");
    let (copy, _) = copy.split_once("{{- define \"web.nothing\"").expect("a helper");
    bench.write("charts/web/templates/_more.tpl", copy);
    let answer = lint(&bench, "", &helm);
    answer.says(
        1,
        &[
            "error[template-duplicate]: named template `web.mode` is defined more than once",
            "charts/web/templates/_more.tpl:1:1",
            "this definition is not used",
            "charts/web/templates/_helpers.tpl:1:1",
        ],
    );
    assert_eq!(answer.stderr.matches("error[").count(), 1, "{answer}");
}

#[test]
fn placeholders_in_a_rendered_secret_are_not_plain_values() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    let secret =
        |value: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  a: {value}\n");
    bench.write("charts/web/templates/secret.yaml", &secret("<path:secret/data/web#a>"));
    lint(&bench, "", &helm).says(0, &["nothing found"]);
    bench.write("charts/web/templates/secret.yaml", &secret("hunter2"));
    let answer = lint(&bench, "", &helm);
    answer.says(1, &["error[secret-plain]", "contains plain values"]);
    assert!(!answer.stderr.contains("hunter2"), "{answer}");
}

#[test]
fn an_umbrella_chart_without_templates_is_told_what_to_add() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    let dependency = "dependencies: [{name: part, version: 0.1.0, repository: \"\"}]\n";
    bench.write("charts/web/Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: 0.1.0\n{dependency}"));
    for name in ["_helpers.tpl", "map.yaml"] {
        std::fs::rename(
            bench.root().join("charts/web/templates").join(name),
            bench.root().join("charts/web").join(name),
        )
        .expect("moved");
    }
    std::fs::remove_dir(bench.root().join("charts/web/templates")).expect("removed");
    let part = "\"part\": {\"type\": \"object\"},\n    \"name\":";
    bench.write("charts/web/values.schema.json", &SCHEMA.replace("\"name\":", part));
    bench.write("charts/web/charts/part/Chart.yaml", "apiVersion: v2\nname: part\nversion: 0.1.0\n");
    bench.write("charts/web/charts/part/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let answer = lint(&bench, "", &helm);
    answer.says(
        1,
        &[
            "error[helm-lint]: helm lint: the chart has no templates/ directory",
            "Helm and Argo CD render the chart all the same",
            "help: add charts/web/templates/NOTES.txt with a sentence about the chart; it renders no object",
        ],
    );
    bench.write("charts/web/templates/NOTES.txt", "A map.\n");
    assert!(!lint(&bench, "", &helm).stderr.contains("helm-lint"));
}

#[test]
fn a_template_that_renders_nothing_is_reported() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    bench.write("charts/web/templates/idle.yaml", "{{/* later */}}\n");
    let answer = lint(&bench, "", &helm);
    answer.says(1, &["no case renders an object from this template", "charts/web/templates/idle.yaml"]);
    assert_eq!(answer.stderr.matches("error[").count(), 1, "{answer}");
}

#[test]
fn a_failing_case_is_reported_instead_of_coverage() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    bench.write("charts/web/ci/bad-values.yaml", "name: forbidden\n");
    let answer = lint(&bench, "web", &helm);
    answer.says(2, &["error[helm-refused]", "no such name", "web/bad"]);
    assert!(!answer.stderr.contains("branch-uncovered"), "{answer}");
}

#[test]
fn a_code_is_explained_without_a_workspace() {
    let bench = Bench::new();
    let answer = bench.xtask("explain error[secret-plain]").run();
    answer.says(0, &[]);
    let first = "finding, exit code 1: the values of a Secret are readable in Git or in the rendered output\n";
    assert!(answer.stdout.starts_with(first) && answer.stdout.ends_with("```\n"), "{answer}");
    let answer = bench.xtask("explain").run();
    assert!(answer.stdout.contains("\nyaml-syntax") && answer.stdout.lines().count() > 90, "{answer}");
    let answer = bench.xtask("explain secret-plain --format json").run();
    answer.says(
        0,
        &["\"command\": \"explain\"", "\"class\": \"finding\"", "\"exitCode\": 1", "**Fix:** Seal the Secret"],
    );
    bench
        .xtask("explain secret-plane")
        .run()
        .says(2, &["error[usage]: there is no diagnostic code `secret-plane`", "did you mean `secret-plain`?"]);
}

#[test]
fn helm_lint_messages_are_reported() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    bench.replace("charts/web/ci/all-values.yaml", "name: other", "name: Not_A_Name");
    lint(&bench, "", &helm).says(1, &["error[helm-lint]: web/all: helm lint:", "charts/web/templates/map.yaml"]);
}

#[test]
fn a_values_table_is_fixed_on_request_but_not_in_ci() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    bench.replace("charts/web/README.md", "`false`", "`true`");
    lint(&bench, "", &helm).says(1, &["values-table-outdated", "charts/web/README.md:7:21", "cargo xtask lint --fix"]);
    let answer = bench.xtask("lint --fix").helm(&helm).env("CI", "true").run();
    answer.says(2, &["`--fix` is not allowed when `CI=true`"]);
    lint(&bench, "--fix", &helm).says(0, &["Wrote charts/web/README.md", "nothing found"]);
    assert_eq!(std::fs::read_to_string(bench.root().join("charts/web/README.md")).expect("readable"), README);
}

#[test]
fn the_postfix_chart_has_no_findings() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = repository_copy();
    // The other chart depends on an archive, which a fresh clone does not have; CI lints both.
    lint(&bench, "postfix --offline", &helm).says(0, &["nothing found"]);
}

/// Copies the charts and Applications of this repository.
fn repository_copy() -> Bench {
    let bench = Bench::new();
    for folder in ["charts", "argocd"] {
        copy(&repository().join(folder), &bench.root().join(folder));
    }
    for file in ["charts.toml", "charts.lock"] {
        std::fs::copy(repository().join(file), bench.root().join(file)).expect("copied");
    }
    bench
}

#[test]
fn invalid_values_of_the_relay_are_rejected_at_their_place() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = repository_copy();
    for (values, message, line) in [
        ("relay:\n  networks: [10.42.0.0/16, 0.0.0.0/0]\n", "`relay.networks[1]` is not valid", 2),
        ("relay:\n  networks: ['::/0']\n", "`relay.networks[0]` is not valid", 2),
        ("relay:\n  networks: [10.0.0.0/7]\n", "`relay.networks[0]` is not valid", 2),
        (
            "credentials:\n  existingSecret: smtp\nrelay:\n  relayhost: smtp.example.com:587\n",
            "`relay.relayhost` must match the pattern",
            4,
        ),
        ("relay:\n  messageSizeLimit: 10MB\n", "`relay.messageSizeLimit` must be an integer", 2),
        ("relay:\n  queueLifetime: 5y\n", "`relay.queueLifetime` is not valid", 2),
        ("persistence:\n  size: 1GB\n", "`persistence.size` is not valid", 2),
        ("relay:\n  netwroks: []\n", "unknown value `relay.netwroks`", 2),
        ("credentials:\n  password: hunter2\n", "unknown value `credentials.password`", 2),
        ("relay:\n  allowedSenderDomains: []\n", "`relay.allowedSenderDomains` must not be empty", 2),
        ("extraMainCf:\n  mynetworks: 0.0.0.0/0\n", "the key `mynetworks` is not allowed in `extraMainCf`", 2),
        (
            "relay:\n  senderRelayhosts:\n    example.com: '[sink.mail.svc]:25'\n",
            "`relay.senderRelayhosts.example.com` is not valid",
            3,
        ),
        (
            "credentials:\n  existingSecret: smtp\nrelay:\n  relayhost: '[a.example.com]:25'\n  senderRelayhosts:\n    example.com: b.example.com\n",
            "`relay.senderRelayhosts.example.com` must match the pattern",
            6,
        ),
        ("relay:\n  rewriteFrom:\n    '*': example.com\n", "`relay.rewriteFrom.*` is not valid", 3),
        ("relay:\n  rewriteFrom:\n    Lab: a@example.com\n", "the key `Lab` is not allowed in `relay.rewriteFrom`", 3),
        (
            "dkim:\n  domains:\n    example.com: relay\n",
            "`dkim` is not valid: expected either `dkim.existingSecret`",
            2,
        ),
        ("dkim:\n  existingSecret: keys\n", "`dkim.existingSecret` must be empty", 2),
        ("metrics:\n  serviceMonitor:\n    enabled: true\n", "`metrics.serviceMonitor.enabled` must be `false`", 3),
        ("milters:\n  sockets: ['milter:8891']\n", "`milters.sockets[0]` is not valid", 2),
        ("extraMainCf:\n  smtpd_milters: ''\n", "the key `smtpd_milters` is not allowed in `extraMainCf`", 2),
        ("image:\n  tag: latest\n", "`image.tag` is not valid: expected a fixed image tag", 2),
    ] {
        bench.write("charts/postfix/ci/bad-values.yaml", values);
        let answer = bench.xtask("render --offline postfix/bad").helm(&helm).run();
        answer.says(2, &["helm-refused", message, &format!("charts/postfix/ci/bad-values.yaml:{line}:")]);
    }
}
