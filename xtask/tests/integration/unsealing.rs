//! `cargo xtask validate --kubeconfig FILE` with a stand-in for kubeseal. Scenarios in tests/gitops ask a real controller.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Answer, Bench};

/// Decrypts what begins with `AgGood`, like a controller with the right key. Records its arguments and what it is asked.
const KUBESEAL: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "kubeseal version: 0.40.0"; exit; fi
folder=$(dirname "$0")
printf '%s\n' "$*" >> "$folder/arguments"
object=$(cat)
printf '%s\n' "$object" >> "$folder/objects"
if [ -e "$folder/gone" ]; then
  echo 'error: cannot validate sealed secret: services "sealed-secrets-controller" not found' >&2; exit 1
fi
case $object in *AgBad*) echo "error: unable to decrypt sealed secret: login" >&2; exit 1 ;; esac
"#;

struct Cluster(Bench);

impl Cluster {
    fn new(values: &str) -> Self {
        let bench = Bench::new();
        bench.write(
            "charts.toml",
            "repository = \"https://git.example/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n\
             [tools]\nkubeseal = \"0.40.0\"\n[sealed-secrets]\ncontroller = \"vault/seals\"\n\
             [[validate.unchecked]]\nkind = \"bitnami.com/v1alpha1/SealedSecret\"\nreason = \"Tested.\"\n",
        );
        bench.write(
            "tools.lock",
            "version = 1\n[[tool]]\nname = \"kubeseal\"\nversion = \"0.40.0\"\nversion-args = [\"--version\"]\nurl = \"https://example.com/kubeseal\"\n",
        );
        bench.write(
            "apps/web.yaml",
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n\
             spec:\n  project: default\n  source: {repoURL: https://git.example/x.git, targetRevision: main, path: manifests}\n\
             \x20 destination: {server: https://kubernetes.default.svc, namespace: shop}\n",
        );
        bench.write(
            "manifests/login.yaml",
            &format!("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: login\nspec:\n  encryptedData:\n{values}"),
        );
        bench.write("schemas/kubernetes.toml", "kubernetes = \"1.34.1\"\n");
        bench.write("kubeconfig", "apiVersion: v1\nkind: Config\n");
        let kubeseal = bench.root().join("kubeseal");
        std::fs::write(&kubeseal, KUBESEAL).expect("written");
        std::fs::set_permissions(&kubeseal, std::fs::Permissions::from_mode(0o755)).expect("executable");
        Self(bench)
    }

    fn validate(&self, args: &str) -> Answer {
        let kubeseal = self.0.root().join("kubeseal").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        self.0.xtask(&format!("validate {args}")).env("PATH", path).env("XTASK_KUBESEAL", kubeseal).run()
    }

    fn recorded(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.root().join(name)).unwrap_or_default()
    }
}

#[test]
fn the_controller_is_asked_for_the_namespace_of_the_application() {
    let cluster = Cluster::new("    password: AgGood\n");
    cluster.validate("--kubeconfig kubeconfig").says(0, &["1 SealedSecret verified by the controller"]);
    let arguments = cluster.recorded("arguments");
    assert!(
        arguments.starts_with("--validate --controller-namespace vault --controller-name seals --kubeconfig /"),
        "{arguments}"
    );
    assert!(cluster.recorded("objects").contains(r#""namespace":"shop""#), "{}", cluster.recorded("objects"));

    // Without the option, nothing is asked.
    std::fs::remove_file(cluster.0.root().join("arguments")).expect("removed");
    let answer = cluster.validate("");
    answer.says(0, &[]);
    assert!(!answer.stderr.contains("verified"), "{answer}");
    assert_eq!(cluster.recorded("arguments"), "");
}

#[test]
fn the_ciphertext_that_the_controller_cannot_decrypt_is_marked() {
    let cluster = Cluster::new("    user: AgGood\n    password: AgBad\n    token: AgBadToo\n");
    let answer = cluster.validate("--kubeconfig kubeconfig");
    answer.says(
        1,
        &[
            "error[sealed-secret-undecryptable]: web/default: the controller cannot decrypt SealedSecret shop/login",
            "password: AgBad",
            "sealed for another name, namespace, or key",
            "this one, too",
            "token: AgBadToo",
            "0 SealedSecrets verified by the controller",
        ],
    );
    assert!(!answer.stderr.contains("AgGood"), "{answer}");
}

#[test]
fn a_controller_that_does_not_answer_is_reported_once() {
    let cluster = Cluster::new("    password: AgGood\n");
    cluster.0.write("gone", "");
    cluster.validate("--kubeconfig kubeconfig").says(
        3,
        &[
            "the Sealed Secrets controller did not answer",
            "services \"sealed-secrets-controller\" not found",
            "set `controller` in `[sealed-secrets]` of charts.toml to the controller's Service; it is now vault/seals",
        ],
    );
    cluster.validate("--kubeconfig missing").says(2, &["kubeconfig `", "/missing` not found"]);
}

#[test]
fn the_controller_must_be_a_namespace_and_a_name() {
    let cluster = Cluster::new("    password: AgGood\n");
    let config = cluster.recorded("charts.toml").replace("vault/seals", "seals");
    cluster.0.write("charts.toml", &config);
    cluster.validate("").says(
        2,
        &["`seals` is not the namespace and the name of a Service", "expected NAMESPACE/NAME", "charts.toml:9:14"],
    );
}
