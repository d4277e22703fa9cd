//! Attacks by the contents of a pull request: each is refused, or has no effect. docs/security.md states the counts.

mod list;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use toolbox::parallel::parallel;

use crate::hostile::{CONFIG_MAP, application, harmless, workspace};
use crate::support::{Bench, HELM_4, helm, kustomize, repository, tree};
use list::{ATTACKS, Attack, KUSTOMIZATION, PATH, SET, SOURCE};

/// Writes the files of an attack.
fn write(bench: &Bench, file: &str, text: &str) {
    match file {
        SOURCE => bench.write("argocd/web.yaml", &application("web", &format!("charts/web\n    helm:\n      {text}"))),
        PATH => bench.write("argocd/b.yaml", &application("b", text).replace("shop", "b")),
        SET => {
            let template = application("NAME", "charts/web").replace("NAME", &format!("'{text}'")).replace("shop", "b");
            let template: String = template.lines().skip(2).map(|line| format!("    {line}\n")).collect();
            let head = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\nspec:\n  goTemplate: true\n  generators: [{list: {elements: [{name: one}]}}]\n  template:\n";
            bench.write("argocd/set.yaml", &format!("{head}{template}"));
        }
        KUSTOMIZATION => {
            bench.write(file, text);
            bench.write("argocd/b.yaml", &application("b", "kustomized").replace("shop", "b"));
            let generator = "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./evil}\n";
            bench.write("kustomized/generator.yaml", generator);
            program(bench, "kustomized/evil");
        }
        _ => bench.write(file, text),
    }
}

/// A program that must not run.
fn program(bench: &Bench, path: &str) {
    bench.write(path, &format!("#!/bin/sh\ntouch {}\n", bench.base().join("ran").display()));
    fs::set_permissions(bench.root().join(path), fs::Permissions::from_mode(0o755)).expect("mode");
}

/// Makes an attack, and returns what is wrong with the answers.
fn attempt((attack, file, text, error): &Attack, helm: &Path, kustomize: &Path) -> String {
    let mut wrong = String::new();
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    fs::write(bench.base().join("outside"), "outside MARK").expect("written");
    for name in ["evil", "helm", "git", "kustomize", "kubeconform", "sh", "bin/helm", "charts/web/evil"] {
        program(&bench, name);
    }
    write(&bench, file, text);
    let before = tree(&bench.root());
    for args in ["render", "ci", "render --accept"] {
        let began = Instant::now();
        let run = bench.xtask(args).helm(helm).kustomize(kustomize).env("GITHUB_ACTIONS", "true");
        let run =
            run.env("PATH", ".:bin:/usr/bin:/bin").env("XTASK_LIMITS", "program-memory-mib=1024,program-seconds=20");
        let answer = run.run();
        let took = began.elapsed();
        let first = answer.stderr.lines().find(|line| line.starts_with("error[")).unwrap_or_default();
        let mut problems = Vec::new();
        let mut check = |sound: bool, problem: &str| {
            if !sound {
                problems.push(problem.to_owned());
            }
        };
        check(matches!(answer.code, Some(0..=3)), "the exit code");
        check(took < Duration::from_secs(60), "the time");
        check(answer.stdout.len() + answer.stderr.len() < 2_000_000, "the size of the output");
        check(
            !answer.stdout.contains("root:x:0:0") && !answer.stderr.contains("root:x:0:0"),
            "a file of the system is shown",
        );
        check(
            !answer.stdout.contains("outside MARK") && !answer.stderr.contains("outside MARK"),
            "a file outside is shown",
        );
        check(!bench.base().join("ran").exists() && !bench.root().join("ran").exists(), "a program ran");
        check(
            fs::read(bench.base().join("outside")).is_ok_and(|text| text == b"outside MARK"),
            "a file outside was changed",
        );
        harmless(&answer);
        let places = ["workspace/", "cache/", "outside"];
        let stray = tree(bench.base()).into_keys().find(|path| !places.iter().any(|place| path.starts_with(place)));
        check(stray.is_none(), &format!("a file outside: {stray:?}"));
        if args == "render" {
            let own = |path: &std::path::PathBuf| !path.starts_with("tests");
            let same = tree(&bench.root())
                .into_iter()
                .filter(|(path, _)| own(path))
                .eq(before.clone().into_iter().filter(|(path, _)| own(path)));
            check(same, "a file of the repository was changed");
            if error.is_empty() {
                check(first.is_empty() || first.contains("golden-missing"), "it has an effect");
            } else {
                check(first.starts_with(error), "the error");
            }
        }
        for problem in problems {
            wrong += &format!("{attack}, {args}: {problem}\t{first}\n");
        }
    }
    wrong
}

#[expect(clippy::print_stderr, reason = "the counts are the result")]
#[test]
fn attacks_are_refused_or_have_no_effect() {
    let (Some(helm), Some(kustomize)) = (helm(HELM_4), kustomize()) else { return };
    let attempted = parallel(4, ATTACKS, |attack| attempt(attack, &helm, &kustomize));
    let refused = ATTACKS.iter().filter(|(_, _, _, error)| !error.is_empty()).count();
    let wrong = attempted.concat();
    let counts = format!("{} attacks: {refused} refused, {} without effect", ATTACKS.len(), ATTACKS.len() - refused);
    eprintln!("{counts}");
    assert!(wrong.is_empty(), "{wrong}");
    let text = fs::read_to_string(repository().join("docs/security.md")).expect("readable");
    assert!(text.contains(&counts), "docs/security.md does not state: {counts}");
}
