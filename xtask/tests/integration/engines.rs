//! The render engine: it renders as the helm command does, and a wrong or broken one is noticed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Bench, HELM_3, HELM_4, engines, helm, repository, tree};

/// The exit code, the standard output, and the files with their contents.
type Rendered = (Option<i32>, String, Vec<(PathBuf, Vec<u8>)>);

/// What `render --force` prints and writes for this repository.
fn rendered(bench: &Bench, helm: &Path, engine: &str, more: &str) -> Rendered {
    let output = bench.base().join(engine);
    let args = format!("render --force --engine {engine} {more} --output {} --root", output.display());
    let run = bench.xtask(&format!("{args} {}", repository().display())).helm(helm).env("CI", "true");
    let answer = run.run();
    (answer.code, answer.stdout, tree(&output).into_iter().collect())
}

#[test]
fn this_repository_renders_the_same() {
    if engines().is_none() {
        return;
    }
    for (version, more) in [(HELM_4, ""), (HELM_3, "--argocd 3.4")] {
        let Some(helm) = helm(version) else { continue };
        let bench = Bench::new();
        let (expected, found) = (rendered(&bench, &helm, "helm", more), rendered(&bench, &helm, "batch", more));
        assert!(!expected.2.is_empty(), "{}", expected.1);
        assert_eq!(found, expected, "helm {version}");
    }
}

/// A workspace with two charts.
fn workspace() -> Bench {
    let bench = Bench::new();
    let config = "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";
    bench.write("charts.toml", config);
    for name in ["one", "two"] {
        bench.write(&format!("charts/{name}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"));
        let object = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
        bench.write(&format!("charts/{name}/templates/map.yaml"), &object);
        let application = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
             project: home\n  source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    \
             path: charts/{name}\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
        );
        bench.write(&format!("argocd/{name}.yaml"), &application);
    }
    bench
}

/// A program in the place of the engine: it greets, and then answers each request with a script.
fn stand_in(bench: &Bench, answer: &str) -> PathBuf {
    let path = bench.base().join("helm-engine");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = version ]; then echo v{HELM_4}; exit; fi\n\
         echo '{{\"protocol\":1,\"go\":\"x.1.0\",\"commandGo\":\"x.1.1\"}}'\n\
         while read -r request; do {answer}; done\n"
    );
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    path
}

#[test]
fn an_engine_that_lies_is_reported() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace();
    let lie = "kind: ConfigMap\\napiVersion: v1\\nmetadata: {name: lie}\\n";
    let length = lie.replace("\\n", "\n").len();
    let engine = stand_in(&bench, &format!("printf '{{\"code\":0,\"stdout\":{length},\"stderr\":0}}\\n{lie}'"));
    let run = bench.xtask("ci --offline").helm(&helm).env("XTASK_HELM_ENGINE", &engine);
    let answer = run.run();
    assert!(answer.stderr.contains("error[engine-differs]"), "{answer}");
    assert!(answer.stderr.contains("standard output differs first in line 1 of"), "{answer}");
    assert_ne!(answer.code, Some(0));
}

#[test]
fn a_broken_engine_is_replaced_by_the_command() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace();
    let engine = stand_in(&bench, "exit 2");
    let render = "render --accept";
    let answer = bench.xtask(render).helm(&helm).env("XTASK_HELM_ENGINE", &engine).run();
    assert_eq!(answer.code, Some(0), "{answer}");
    assert_eq!(answer.stderr.matches("warning[engine-failed]").count(), 1, "{answer}");
    assert_eq!(bench.goldens().keys().filter(|path| path.ends_with("configmap-one.yaml")).count(), 1, "{answer}");
    // What an engine refuses is not its failure.
    let refuses = stand_in(&bench, r#"echo '{"code":0,"stdout":0,"stderr":0,"refused":"too hard"}'"#);
    let answer = bench.xtask("render --force").helm(&helm).env("XTASK_HELM_ENGINE", &refuses).run();
    assert_eq!((answer.code, answer.stderr.contains("engine-failed")), (Some(0), false), "{answer}");
}

#[test]
fn an_engine_that_is_demanded_has_to_be_there() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace();
    let _ = fs::remove_file(bench.cache().join("tools/helm-engine"));
    let answer = bench.xtask("render --force --engine batch").helm(&helm).run();
    assert_eq!(answer.code, Some(3), "{answer}");
    assert!(answer.stderr.contains("the render engine for Helm 4.2.1 is not available"), "{answer}");
    // One for another build of Go renders only what is demanded: nothing.
    let engine = stand_in(&bench, "exit 2");
    let text = fs::read_to_string(&engine).expect("readable").replace("x.1.1", "x.2.0");
    fs::write(&engine, text).expect("written");
    let answer = bench.xtask("render --force --engine batch").helm(&helm).env("XTASK_HELM_ENGINE", &engine).run();
    assert!(answer.stderr.contains("it was built with x.1.0, and the helm command with x.2.0"), "{answer}");
    let answer = bench.xtask("render --accept").helm(&helm).env("XTASK_HELM_ENGINE", &engine).run();
    assert_eq!((answer.code, answer.stderr.contains("engine")), (Some(0), false), "{answer}");
}

/// The processes of a program whose parent is a process.
#[cfg(target_os = "linux")]
fn children(parent: u32, program: &str) -> Vec<u32> {
    let ids = fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = text.split_once(&format!("({program}) ")).map(|(_, fields)| fields.to_owned());
        fields.is_some_and(|fields| fields.split(' ').nth(1) == Some(parent.to_string().as_str()))
    };
    ids.filter(is_child).collect()
}

/// A worker does not outlive the run that it renders for, not even during a render that takes minutes.
#[cfg(target_os = "linux")]
#[test]
fn a_worker_ends_with_its_run() {
    let (Some(helm), Some(_)) = (helm(HELM_4), engines()) else { return };
    let bench = workspace();
    let endless = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}\n";
    bench.write("charts/one/templates/endless.yaml", endless);
    let mut run = bench.xtask("render --engine batch").helm(&helm).spawn();
    let until = |done: &dyn Fn() -> bool| {
        let began = std::time::Instant::now();
        while !done() {
            assert!(began.elapsed() < std::time::Duration::from_secs(60), "waited in vain");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    until(&|| !children(run.id(), "helm-engine").is_empty());
    let workers = children(run.id(), "helm-engine");
    run.kill().expect("killed");
    run.wait().expect("ended");
    until(&|| workers.iter().all(|worker| !Path::new(&format!("/proc/{worker}")).exists()));
}
