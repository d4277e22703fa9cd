//! `cargo xtask seal` with a stand-in for kubeseal, which records how it is called.

use std::os::unix::fs::PermissionsExt;

use crate::support::Bench;

/// Within the validity of the certificate.
const NOW: &str = "2079720190";

const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIC4TCCAcmgAwIBAgIUahY6EhossD+2aIVIQz59B2SyvkIwDQYJKoZIhvcNAQEL
BQAwADAeFw0yNjExMjgyMDAzMTBaFw0zNjExMjUyMDAzMTBaMAAwggEiMA0GCSqG
SIb3DQEBAQUAA4IBDwAwggEKAoIBAQC6ogFe0PvaY/DzBznuBtR0MThIPXDNgoMl
1vuGAVrF7+G7chGRqxtmMCvHKKmYwgsDWcjM1nAtH/gtZ6p/7h7XkS/ubTn2NAlT
NsSBJqKVklCZsRubP+5sy+92jd/S+n4vcqphxvMqNow3VQNOu9o9PqeUtfLc9D0B
Y4Ua5uofZ/+jQTP/kXp7g2fZuv4sFQI0h+nGWiEEAy1s7O3SoFiAt/BXE+7PQwIw
6s8sdne3RdhTgYi6892/4uvM2+DU6NgOx31rVDMgtXblN2M6yg4f8RaH7cfiYyaT
IJe8KutcVUQtRDdTRiurlxGkYsGDF4ASDGv0nCw00tKXlnLWoKyxAgMBAAGjUzBR
MB0GA1UdDgQWBBTJ4kfNq4tlWBYVu+xAAmwXkPvOfTAfBgNVHSMEGDAWgBTJ4kfN
q4tlWBYVu+xAAmwXkPvOfTAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUA
A4IBAQBM52rgOIi0Y89caGi24dP7Ue1aoZqZWSDI1VHi8iz02NTdQtfgoiH7QkEy
IbYRF78Yqvq41jzen0kWnSE5OacXZ8gmnrxCNX9X15cPS5ZL1MBSsG2AUkW5RrVt
utowkOu9SsHT4qXNbxxMGlLWBJV7yRgHWNOR8bZxA5N6y21y7bXPSlq5vI/f3eqt
eLHmvXdvRPgoLLe0eUEr+5OMJjKwp45s2gUUEOIZXaA7iF7kBtlHr6CVr428k7Y4
ibe+4uHGcL5zfZIXUxa02YV1om+PCbjiXaIOa3+v8Xbbs01Ykd4XlVW0JV7bORxz
S15ApOzaWEiSqoN7R7paO10qHA+J
-----END CERTIFICATE-----
";

const KUBESEAL: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "kubeseal version: 0.40.0"; exit; fi
folder=$(dirname "$0")
printf '%s\n' "$@" >> "$folder/arguments"
printf 'Ag%s\n' "$(base64 -w0)"
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write(
        "charts.toml",
        "repository = \"https://git.example/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n\
         [tools]\nkubeseal = \"0.40.0\"\n[sealed-secrets]\ncertificate = \"sealed-secrets.pem\"\n",
    );
    bench.write("tools.lock", "version = 1\n[[tool]]\nname = \"kubeseal\"\nversion = \"0.40.0\"\nversion-args = [\"--version\"]\nurl = \"https://example.com/kubeseal\"\n");
    bench.write("sealed-secrets.pem", CERTIFICATE);
    bench.write(
        "apps/web.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n\
         spec:\n  project: default\n  source: {repoURL: https://git.example/x.git, targetRevision: main, path: charts/web}\n\
         \x20 destination: {server: https://kubernetes.default.svc, namespace: shop}\n",
    );
    bench.write("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    bench.write("charts/web/values.yaml", "login: {encryptedData: {}}\n");
    bench
}

#[test]
fn values_reach_kubeseal_only_through_its_standard_input() {
    let bench = bench();
    let kubeseal = bench.root().join("kubeseal");
    std::fs::write(&kubeseal, KUBESEAL).expect("written");
    std::fs::set_permissions(&kubeseal, std::fs::Permissions::from_mode(0o755)).expect("executable");
    bench.write("password", "hunter2\n");
    let seal = |args: &str| {
        let path = std::env::var("PATH").unwrap_or_default();
        let program = kubeseal.display().to_string();
        let run = bench.xtask(args).env("PATH", path).env("XTASK_KUBESEAL", program);
        run.env("XTASK_NOW", NOW).run()
    };

    let file = bench.root().join("password");
    let answer = seal(&format!("seal web --name login password={}", file.display()));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    // "hunter2" and a line break in base64: files are sealed byte by byte.
    let expected = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: login\n  namespace: shop\n\
                    spec:\n  encryptedData:\n    password: AgaHVudGVyMgo=\n  template:\n    metadata:\n      name: login\n\
                    \x20     namespace: shop\n";
    assert_eq!(answer.stdout, expected);
    let arguments = std::fs::read_to_string(bench.root().join("arguments")).expect("it was called");
    assert!(!arguments.contains("hunter2") && !arguments.contains("password"), "{arguments}");
    for expected in ["--raw\n--scope\nstrict\n", "--namespace\nshop\n", "--name\nlogin\n", "sealed-secrets.pem\n"] {
        assert!(arguments.contains(expected), "{arguments}");
    }

    // What the Application renders provides the name, and the place in its values.
    bench.write("charts/web/values.yaml", "login: {encryptedData: {password: AgOld}}\n");
    bench.write(
        "tests/golden/web/default/sealedsecret-login.yaml",
        "# Source: web/templates/login.yaml\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n\
         metadata: {name: login, namespace: shop}\nspec: {encryptedData: {password: AgOld}}\n",
    );
    let answer = seal(&format!("seal web password={}", file.display()));
    assert_eq!(answer.stdout, "login:\n  encryptedData:\n    password: AgaHVudGVyMgo=\n", "{}", answer.stderr);

    // Within 60 days of its end, the certificate is used, with a warning.
    let path = std::env::var("PATH").unwrap_or_default();
    let program = kubeseal.display().to_string();
    let run = bench.xtask(&format!("seal web password={}", file.display())).env("PATH", path);
    let answer = run.env("XTASK_KUBESEAL", program).env("XTASK_NOW", "2106072190").run();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(answer.stdout, "login:\n  encryptedData:\n    password: AgaHVudGVyMgo=\n");
    assert!(answer.stderr.contains("warning[sealing-certificate-expiring]"), "{}", answer.stderr);
    assert!(answer.stderr.contains("charts.toml"), "{}", answer.stderr);
}

#[test]
fn a_name_that_looks_like_another_type_is_quoted() {
    let bench = bench();
    let kubeseal = bench.root().join("kubeseal");
    std::fs::write(&kubeseal, KUBESEAL).expect("written");
    std::fs::set_permissions(&kubeseal, std::fs::Permissions::from_mode(0o755)).expect("executable");
    bench.write("password", "hunter2\n");
    let path = std::env::var("PATH").unwrap_or_default();
    let file = bench.root().join("password");
    let run = bench.xtask(&format!("seal web --name 2026 2026={}", file.display())).env("PATH", path);
    let answer = run.env("XTASK_KUBESEAL", kubeseal.display().to_string()).env("XTASK_NOW", NOW).run();
    assert!(answer.stdout.contains("metadata:\n  name: \"2026\"\n  namespace: shop\n"), "{}", answer.stdout);
    assert!(answer.stdout.contains("    \"2026\": Ag"), "{}", answer.stdout);
}
