//! Builds with the pinned kustomize, found by the tool's own lookup. Without it, the tests are skipped, and fail in CI.

use std::path::PathBuf;
use std::sync::OnceLock;

use argocd::release::RELEASES;
use diagnostics::Source;
use document::yaml;
use kustomize::command::Builder;
use kustomize::errors::{self, Failure};
use kustomize::inspect::inspect;
use kustomize::options::options;
use kustomize::recipe::Recipe;
use kustomize::stage::Stage;
use toolbox::environment::Environment;
use toolbox::progress::Silent;
use toolbox::tools::Tools;
use toolbox::tools_lock::ToolsLock;

#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
fn tool(name: &str, version: &str) -> Option<PathBuf> {
    static LOCK: OnceLock<ToolsLock> = OnceLock::new();
    let lock = LOCK.get_or_init(|| {
        let source = Source::new("tools.lock", include_str!("../../../tools.lock"));
        ToolsLock::parse(&source).expect("this repository's own lock")
    });
    let environment = Environment::from_process();
    match Tools::new(lock, &environment.cache, false, &Silent).require(name, version) {
        Ok(tool) => Some(tool.path),
        Err(why) => {
            assert!(!environment.ci, "{name} is required in CI:\n{why:#?}");
            eprintln!("skipped: {name} is unavailable:\n{why:#?}");
            None
        }
    }
}

/// What a build of the directory `app` writes, or the first message; `None` if a tool is unavailable.
fn build(files: &[(&str, &str)], source: &str, build_options: &str) -> Option<Result<String, String>> {
    let kustomize = tool("kustomize", RELEASES[0].kustomize)?;
    let helm = if build_options.contains("--enable-helm") { Some(tool("helm", RELEASES[0].helm)?) } else { None };
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path().canonicalize().expect("resolved");
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
        std::fs::write(path, text).expect("file");
    }
    let source = yaml::parse_one(&Source::new("web.yaml", source)).expect("valid").root;
    let options = options(&source, "spec.source").expect("valid options");
    let app = root.join("app");
    let inspection = inspect(&root, &app, &options.components, &options.patch_files, &|_| false);
    let recipe = Recipe {
        steps: Recipe::steps(&options, &|text| text.replace("$NAME", "web")),
        build_options: build_options.split_whitespace().map(str::to_owned).collect(),
        kube_version: "1.34.0".to_owned(),
        api_versions: vec!["example.com/v1".to_owned()],
    };
    let stage = Stage::new(&root, &app, &inspection).expect("copied");
    let directory = stage.path(&root, &app);
    let homes = stage.homes();
    let builder = Builder {
        kustomize: &kustomize,
        helm: helm.as_deref(),
        root: &stage.root,
        directory: &directory,
        homes: &homes,
    };
    let built = builder.build(&recipe);
    let built = match built {
        Ok(built) => built,
        Err(found) => return Some(Err(found.0[0].message.clone())),
    };
    if built.output.success() {
        return Some(Ok(String::from_utf8(built.output.stdout).expect("UTF-8")));
    }
    let failure = Failure {
        root: &root,
        seen_root: &stage.root,
        directory: &app,
        inspection: &inspection,
        code: built.output.code,
        stderr: &built.output.stderr,
        by_hand: "kustomize build app",
    };
    let mut found = errors::explain(&failure);
    let first = found.0.remove(0);
    Some(Err(format!("{} @ {} {}", first.message, first.places[0].0, first.notes.join(" "))))
}

const APP: (&str, &str) = ("app/kustomization.yaml", "resources: [../base]\n");
const BASE: (&str, &str) = ("base/kustomization.yaml", "resources: [web.yaml]\n");
const WEB: (&str, &str) = (
    "base/web.yaml",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    \
     metadata: {labels: {app: web}}\n    spec:\n      containers: [{name: web, image: example.com/web:1}]\n",
);

#[test]
fn all_options_are_applied() {
    let source = "\
kustomize:
  namePrefix: a-
  nameSuffix: -b
  images: ['example.com/web=example.org/$NAME:2']
  replicas: [{name: web, count: 3}]
  commonLabels: {team: $NAME}
  labelWithoutSelector: true
  labelIncludeTemplates: true
  commonAnnotations: {note: $NAME}
  namespace: apps
  patches:
    - patch: |
        - op: add
          path: /spec/paused
          value: true
      target: {kind: Deployment}
  components: [../comp, ../missing]
  ignoreMissingComponents: true
";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nconfigMapGenerator:\n- name: c\n  envs: [c.env]\n";
    let files = [APP, BASE, WEB, ("comp/kustomization.yaml", component), ("comp/c.env", "ARGOCD_APP_NAME\nA=b\n")];
    let Some(built) = build(&files, source, "") else { return };
    let text = built.expect("builds");
    for part in [
        "  name: a-web-b\n",
        "  namespace: apps\n",
        "image: example.org/web:2\n",
        "  replicas: 3\n",
        "    team: web\n",
        "    note: $NAME\n",
        "  paused: true\n",
        "  A: b\n",
        "  ARGOCD_APP_NAME: \"\"\n",
        "  name: a-c-b-",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Not in the selector.
    assert_eq!(text.matches("team: web").count(), 3, "{text}");
}

#[test]
fn charts_in_the_repository_are_inflated_without_a_network() {
    let files = [
        ("app/kustomization.yaml", "helmCharts:\n- name: c\n  releaseName: r\n  valuesInline: {a: x}\n"),
        ("app/charts/c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("app/charts/c/values.yaml", "a: y\nb: z\n"),
        (
            "app/charts/c/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata:\n  a: {{ .Values.a }}-{{ .Values.b }}\n  \
             v: {{ .Capabilities.KubeVersion }}\n  h: {{ .Capabilities.APIVersions.Has \"example.com/v1\" | quote }}\n",
        ),
    ];
    let Some(built) = build(&files, "path: app", "--enable-helm") else { return };
    let text = built.expect("builds");
    for part in ["  a: x-z\n", "  v: v1.34.0\n", "  h: \"true\"\n", "  name: r\n"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let remote = "helmCharts:\n- name: c\n  repo: https://charts.example.com\n  version: 1.0.0\n";
    let Some(refused) = build(&[("app/kustomization.yaml", remote)], "path: app", "--enable-helm") else { return };
    let refused = refused.expect_err("not downloaded");
    assert!(refused.contains("helm pull: not allowed without a network"), "{refused}");
}

#[test]
fn real_errors_are_explained() {
    for (files, source, expected) in [
        (
            vec![("app/kustomization.yaml", "resources: [../base, gone.yaml]\n"), BASE, WEB],
            "path: app",
            "`gone.yaml` does not exist @ app/kustomization.yaml:1:22 ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base]\ncommonLabel: {a: b}\n"), BASE, WEB],
            "path: app",
            "unknown field `commonLabel` in a kustomization @ app/kustomization.yaml:2:1 ",
        ),
        (
            vec![
                ("app/kustomization.yaml", "resources: [../base]\npatches:\n- path: p.yaml\n"),
                ("app/p.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: wbe\n"),
                BASE,
                WEB,
            ],
            "path: app",
            "no resource matches a patch for Deployment `wbe` @ app/p.yaml:4:3 ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base/web.yaml]\n"), WEB],
            "path: app",
            "`base/web.yaml` is outside of the directory of the kustomization @ app/kustomization.yaml:1:13 ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base, ../base]\n"), BASE, WEB],
            "path: app",
            "Deployment `web` is defined twice @ app/kustomization.yaml:1:13 ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../app]\n")],
            "path: app",
            "`app` refers to itself @ app/kustomization.yaml:1:13 ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base]\npatches: {}\n"), BASE, WEB],
            "kustomize: {patches: [{path: p.yaml}]}",
            "`patches` in `app/kustomization.yaml` must be a list",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base]\ncommonLabels: {team: a}\n"), BASE, WEB],
            "kustomize: {commonLabels: {team: b}}",
            "kustomize cannot build `app` @ app/kustomization.yaml label team already in kustomization file. Use --force to override.",
        ),
        (
            vec![APP, BASE, WEB],
            "kustomize: {components: [../missing]}",
            "`missing` does not exist @ app/kustomization.yaml ",
        ),
        (
            vec![("app/kustomization.yaml", "resources: [../base]\nhelmCharts: [{name: c}]\n"), BASE, WEB],
            "path: app",
            "the chart `c` requires the build option `--enable-helm` @ app/kustomization.yaml:2:21 ",
        ),
    ] {
        let Some(built) = build(&files, source, "") else { return };
        assert_eq!(built.expect_err("fails"), expected);
    }
}
