//! Each limit ends in one error that names it, and `XTASK_LIMITS`, which raises it.

use std::fs;

use diagnostics::Limit;

use crate::hostile::{CONFIG_MAP, application, workspace};
use crate::support::{Bench, HELM_4, helm, kustomize, repository};

/// A workspace that exceeds a limit once it is lowered, the command, its exit code, and the error.
struct Entry {
    limit: Limit,
    lowered: usize,
    write: fn(&Bench),
    args: &'static str,
    code: i32,
    error: &'static str,
}

const TABLE: &[Entry] = &[
    Entry {
        limit: Limit::FileSize,
        lowered: 1,
        write: |bench| bench.write("charts/web/values.yaml", &"# 3456789\n".repeat(120_000)),
        args: "render",
        code: 3,
        error: "charts/web/values.yaml`: it is larger than 1 MiB",
    },
    Entry {
        limit: Limit::YamlSize,
        lowered: 1,
        write: |bench| bench.write("argocd/more.yaml", &"# 3456789\n".repeat(120_000)),
        args: "lint",
        code: 2,
        error: "cannot parse YAML: it is larger than 1 MiB",
    },
    Entry {
        limit: Limit::YamlDepth,
        lowered: 30,
        write: |bench| bench.write("argocd/more.yaml", &format!("a:\n{}x\n", "- ".repeat(31))),
        args: "lint",
        code: 2,
        error: "cannot parse YAML: it is nested more than 30 levels deep",
    },
    Entry {
        limit: Limit::YamlCopies,
        lowered: 10,
        write: |bench| bench.write("argocd/more.yaml", "a: &a [1, 2, 3, 4, 5]\nb: [*a, *a]\n"),
        args: "lint",
        code: 2,
        error: "cannot parse YAML: its anchors and aliases copy more than 10 values",
    },
    Entry {
        limit: Limit::DirectorySize,
        lowered: 1,
        write: |bench| {
            bench.write("argocd/plain.yaml", &application("plain", "plain"));
            bench.write("plain/a.yaml", &format!("{CONFIG_MAP}{}", "# 3456789\n".repeat(120_000)));
        },
        args: "render",
        code: 2,
        error: "the manifests in `plain` are larger than 1 MB together",
    },
    Entry {
        limit: Limit::DirectoryDepth,
        lowered: 1,
        write: |bench| {
            let recursive = application("plain", "plain\n    directory: {recurse: true}");
            bench.write("argocd/plain.yaml", &recursive);
            bench.write("plain/a/b/a.yaml", CONFIG_MAP);
        },
        args: "render",
        code: 2,
        error: "`plain/a/b` is nested more than 1 levels deep",
    },
    Entry {
        limit: Limit::Kustomizations,
        lowered: 1,
        write: |bench| kustomization(bench, "resources: [a.yaml, base]\n"),
        args: "render",
        code: 2,
        error: "kustomize reads more than 1 kustomizations",
    },
    Entry {
        limit: Limit::Directories,
        lowered: 1,
        write: |bench| {
            bench.write("kustomized/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 0.1.0\n");
            bench.write("kustomized/charts/inner/templates/a.yaml", CONFIG_MAP);
            kustomization(bench, "resources: [a.yaml]\nhelmCharts: [{name: inner}]\n");
        },
        args: "render",
        code: 2,
        error: "kustomize reads more than 1 directories",
    },
    Entry {
        limit: Limit::Applications,
        lowered: 1,
        write: |bench| set(bench, "{{ .name }}"),
        args: "render",
        code: 1,
        error: "the generator makes more than 1 Applications",
    },
    Entry {
        limit: Limit::TemplateSteps,
        lowered: 10,
        write: |bench| set(bench, "{{ .name }}{{ range until 50 }}{{ end }}"),
        args: "render",
        code: 2,
        error: "the template cannot be rendered: it takes more than 10 steps",
    },
    Entry {
        limit: Limit::TemplateSize,
        lowered: 1,
        write: |bench| set(bench, "{{ repeat 1200000 .name }}{{ .name }}{{ .name }}"),
        args: "render",
        code: 2,
        error: "the template cannot be rendered: it takes more than 1 MiB",
    },
    Entry {
        limit: Limit::ProgramTime,
        lowered: 1,
        write: |bench| bench.write("charts/web/templates/b.yaml", ENDLESS),
        args: "render",
        code: 3,
        error: "`helm` failed: it exceeded its time limit of 1 s",
    },
    Entry {
        limit: Limit::PluginTime,
        lowered: 1,
        write: |bench| {
            let config = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
            let plugin = "[[plugin]]\nname = \"slow\"\ncommand = [\"/bin/sleep\", \"30\"]\n";
            bench.write("charts.toml", &(config + plugin));
            bench.write("argocd/slow.yaml", &application("slow", "plain\n    plugin: {name: slow}"));
            bench.write("plain/a.yaml", CONFIG_MAP);
        },
        args: "render",
        code: 3,
        error: "`sleep` failed: it exceeded its time limit of 1 s",
    },
];

/// A template that Helm renders for minutes.
const ENDLESS: &str = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}\n";

fn kustomization(bench: &Bench, text: &str) {
    bench.write("argocd/kustomized.yaml", &application("kustomized", "kustomized"));
    bench.write("kustomized/kustomization.yaml", text);
    bench.write("kustomized/a.yaml", CONFIG_MAP);
    bench.write("kustomized/base/kustomization.yaml", "resources: []\n");
}

/// An ApplicationSet with two Applications whose names are the results of a template.
fn set(bench: &Bench, name: &str) {
    let template = application("NAME", "charts/web").replace("NAME", &format!("'{name}'"));
    let template = template.lines().skip(2).map(|line| format!("    {line}\n")).collect::<String>();
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\nspec:\n  \
               goTemplate: true\n  generators: [{list: {elements: [{name: one}, {name: two}]}}]\n  template:\n";
    bench.write("argocd/set.yaml", &format!("{set}{template}"));
}

#[test]
fn a_limit_ends_in_one_error_that_names_it() {
    let (Some(helm), Some(kustomize)) = (helm(HELM_4), kustomize()) else { return };
    let mut wrong = String::new();
    for Entry { limit, lowered, write, args, code, error } in TABLE {
        let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
        write(&bench);
        let name = limit.name();
        let run = bench.xtask(args).helm(&helm).kustomize(&kustomize);
        let answer = run.env("XTASK_LIMITS", format!("{name}={lowered}")).run();
        let advice = format!("raise the limit with `XTASK_LIMITS={name}={}`", lowered * 2);
        let errors = answer.stderr.lines().filter(|line| line.starts_with("error")).count();
        let named = answer.stderr.matches(error).count() == 1 && answer.stderr.contains(&advice);
        if answer.code != Some(*code) || !named || errors > 2 {
            wrong += &format!("{name}: {answer}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Only Linux limits the memory of programs.
#[cfg(target_os = "linux")]
#[test]
fn a_template_that_takes_all_memory_is_ended() {
    let Some(helm) = helm(HELM_4) else { return };
    // Each function doubles the backslashes.
    let bench = workspace(&[("a.yaml", &format!("a: {{{{ 1 {}}}}}\n", "| quote ".repeat(60)))]);
    let answer = bench.xtask("render").helm(&helm).env("XTASK_LIMITS", "program-memory-mib=512").run();
    answer.says(3, &["it exceeded its memory limit of 512 MiB", "XTASK_LIMITS=program-memory-mib=1024"]);
}

/// Threads have a smaller stack than the main one.
#[test]
fn the_deepest_yaml_is_read_on_the_stack_of_a_thread() {
    let Some(helm) = helm(HELM_4) else { return };
    let deep = |levels: usize| format!("deep:\n{}x\n", "- ".repeat(levels - 2));
    let most = Limit::YamlDepth.most();
    let limits = format!("yaml-levels={most}");
    let bench = workspace(&[("a.yaml", &format!("{CONFIG_MAP}{}", deep(most)))]);
    bench.write("charts/web/values.yaml", &deep(most));
    bench.write("charts/web/ci/deep-values.yaml", &deep(most));
    for name in ["one", "two", "three"] {
        bench.write(&format!("argocd/{name}.yaml"), &application(name, "charts/web").replace("shop", name));
    }
    let accept = bench.xtask("render --accept --jobs 4").helm(&helm).env("XTASK_LIMITS", &limits).run();
    assert_eq!(accept.code, Some(0), "{accept}");
    for args in ["ci --jobs 4", "lint --jobs 4", "render --force --jobs 4", "explain web/default ConfigMap/web"] {
        let answer = bench.xtask(args).helm(&helm).env("XTASK_LIMITS", &limits).run();
        assert!(matches!(answer.code, Some(0..=2)), "{args}: {answer}");
        assert!(!answer.stderr.contains("yaml-syntax"), "{args}: {answer}");
    }
}

#[test]
fn limits_are_read_before_anything_else() {
    let bench = workspace(&[]);
    for (limits, problem) in [
        ("yaml-mb=1", "`XTASK_LIMITS` contains the unknown limit `yaml-mb`"),
        ("yaml-mib=0", "`XTASK_LIMITS` sets `yaml-mib` to `0`"),
    ] {
        bench.xtask("doctor").env("XTASK_LIMITS", limits).run().says(2, &[problem]);
    }
}

/// A file of the repository cannot raise what protects the machine from the repository.
#[test]
fn no_file_of_the_repository_changes_a_limit() {
    let bench = workspace(&[]);
    let config = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
    bench.write("charts.toml", &format!("{config}[limits]\nyaml-mib = 1000\n"));
    bench.xtask("argocd list").run().says(2, &["unknown key `limits`"]);
}

#[test]
fn the_documentation_lists_each_limit() {
    let text = fs::read_to_string(repository().join("docs/security.md")).expect("readable");
    let table = text.split("\n## Limits\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = Limit::ALL
        .iter()
        .map(|limit| format!("| `{}` | {} | {} | {} |", limit.name(), limit.about(), limit.default(), limit.most()))
        .collect();
    assert_eq!(rows, expected, "{}", expected.join("\n"));
}
