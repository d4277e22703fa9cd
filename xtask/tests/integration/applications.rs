//! The Helm command line for an Application. The fixtures `app-…` cover the output.

use crate::support::Bench;

const APPLICATION: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  namespace: argocd
spec:
  project: home
  source:
    repoURL: https://git.example.org/home.git
    targetRevision: main
    path: charts/web
    helm:
      skipSchemaValidation: true
      skipTests: true
      apiVersions: [b/v1, a/v1]
      kubeVersion: v1.30.2+k3s1
      namespace: other
      releaseName: front
      valuesObject: {b: 1}
      valueFiles: [two.yaml, one.yaml]
      fileParameters:
        - {name: motd, path: motd.txt}
      parameters:
        - {name: z, value: '1,2'}
        - {name: text, value: '3', forceString: true}
        - {name: a, value: '{x,y}'}
  destination:
    server: https://kubernetes.default.svc
    namespace: shop
";

/// A script that records its arguments, working directory, and environment.
const RECORDS: &str = r#"
for word in "$@"; do echo "$word"; done > "$HOME/args"
pwd > "$HOME/directory"
/usr/bin/env > "$HOME/environment"
"#;

#[test]
fn helm_gets_the_command_line_of_argo_cd() {
    let bench = Bench::of("accept");
    bench.write("argocd/applications/web.yaml", APPLICATION);
    for file in ["one.yaml", "two.yaml", "motd.txt"] {
        bench.write(&format!("charts/web/{file}"), "");
    }
    let helm = bench.stub(RECORDS);
    bench.xtask("render").env("KUBECONFIG", "/nowhere/kubeconfig").helm(&helm).run().says(0, &[]);
    let recorded = |name: &str| std::fs::read_to_string(bench.base().join("home").join(name)).expect("helm was run");

    let root = bench.root().canonicalize().expect("there");
    let args = recorded("args").replace(&bench.root().display().to_string(), "[ROOT]");
    let (before, rest) = args.split_once(&bench.cache().display().to_string()).expect("values of the Application");
    let (values, after) = rest.split_once('\n').expect("a line");
    assert!(values.starts_with("/values/"), "{values}");
    assert_eq!(
        before,
        "template\n.\n--name-template\nfront\n--namespace\nother\n--kube-version\n1.30.2\n--set\na={x,y}\n--set\nz=1\\,2\n\
         --set-string\ntext=3\n--set-file\nmotd=[ROOT]/charts/web/motd.txt\n--values\n[ROOT]/charts/web/two.yaml\n\
         --values\n[ROOT]/charts/web/one.yaml\n--values\n"
    );
    assert_eq!(
        after,
        "--api-versions\nb/v1\n--api-versions\na/v1\n--include-crds\n--skip-schema-validation\n--skip-tests\n"
    );
    assert_eq!(recorded("directory").trim_end(), root.join("charts/web").display().to_string());

    // Helm has its own home directories, and no access to the caller's cluster, plugins, and repositories.
    let environment = recorded("environment");
    for home in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "XDG_CACHE_HOME"] {
        let line = environment.lines().find(|line| line.starts_with(&format!("{home}="))).expect(home);
        assert!(line.contains(&bench.base().join("tmp").display().to_string()), "{line}");
    }
    for name in ["KUBECONFIG=", "XTASK_", "HELM_DRIVER=", "HELM_PLUGINS="] {
        assert!(!environment.lines().any(|line| line.starts_with(name)), "{name} is in\n{environment}");
    }
    assert!(bench.left_over().is_empty());
}

#[test]
fn links_out_of_the_repository_are_rejected() {
    let bench = Bench::of("app-value-files-link");
    std::fs::write(bench.base().join("outside.yaml"), "a: 1\n").expect("written");
    let link = bench.root().join("charts/web/link.yaml");
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(bench.base().join("outside.yaml"), &link).expect("linked");
    bench.xtask("render").run().says(1, &["symlink-outside", "`charts/web/link.yaml` is a symbolic link"]);
}
