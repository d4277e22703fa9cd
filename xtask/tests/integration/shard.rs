//! `--shard I/N` and `--timings`.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Bench;

/// A workspace with directories of manifests, for which no program runs; the goldens of all but one are recorded.
fn workspace(count: usize) -> Bench {
    let bench = Bench::new();
    bench.write(
        "charts.toml",
        "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n",
    );
    for number in 0..count {
        bench.write(
            &format!("argocd/app-{number}.yaml"),
            &format!(
                "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: app-{number}\n  namespace: argocd\nspec:\n  \
                 project: home\n  source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    \
                 path: apps/{number}\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
            ),
        );
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-{number}\n");
        bench.write(&format!("apps/{number}/a.yaml"), &text);
    }
    bench.xtask("render --accept").run().says(0, &[]);
    bench
}

fn json(bench: &Bench, args: &str) -> serde_json::Value {
    serde_json::from_str(&bench.xtask(args).run().stdout).expect("JSON")
}

fn targets(value: &serde_json::Value) -> BTreeSet<String> {
    let targets = value["targets"].as_array().expect("targets");
    targets.iter().map(|one| one["target"].as_str().or(one.as_str()).expect("a name").to_owned()).collect()
}

#[test]
fn shards_have_each_target_and_the_workspace_once() {
    let bench = workspace(12);
    bench.write("apps/3/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-3\ndata: {a: b}\n");
    bench.write(
        "tests/golden/gone/default/configmap-gone.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: gone\n",
    );
    for command in ["render", "lint"] {
        let all = targets(&json(&bench, &format!("{command} --format json")));
        assert_eq!(all.len(), 12);
        // With more shards than Applications, some are empty.
        for count in [1, 2, 5, 20] {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            let (mut orphans, mut changed) = (Vec::new(), 0);
            for index in 1..=count {
                let value = json(&bench, &format!("{command} --shard {index}/{count} --format json"));
                for target in targets(&value) {
                    *seen.entry(target).or_default() += 1;
                }
                let codes = value["diagnostics"].to_string();
                orphans.extend(codes.contains("golden-file-orphaned").then_some(index));
                orphans.extend(codes.contains("golden-directory-orphaned").then_some(index));
                changed += usize::from(codes.contains("golden-differs"));
            }
            assert_eq!(seen, all.iter().map(|name| (name.clone(), 1)).collect(), "{command} {count}");
            if command == "render" {
                assert_eq!((orphans, changed), (vec![1], 1), "{count}");
            }
        }
    }
    for (shard, message) in
        [("0/2", "the first shard is 1"), ("3/2", "there is no shard 3 of 2"), ("x", "expected I/N")]
    {
        bench.xtask(&format!("render --shard {shard}")).run().says(2, &[message]);
    }
    bench.xtask("render --shard 1/2 --accept").run().says(2, &["cannot be used with"]);
}

#[test]
fn timings_say_where_the_time_went() {
    let bench = workspace(3);
    bench.write("apps/1/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-1\ndata: {a: b}\n");
    let folder = bench.base().join("timings");
    let run = |file: &str| {
        let answer = bench.xtask(&format!("render --timings={}", folder.join(file).display())).run();
        answer.says(1, &["       Timed [TEMP]/timings/"]);
        std::fs::read_to_string(folder.join(file)).expect("written")
    };
    let value: serde_json::Value = serde_json::from_str(&run("a.json")).expect("JSON");
    assert_eq!((&value["command"], &value["version"]), (&"render".into(), &1.into()));
    let phases = |name: &str| -> Vec<String> {
        let subjects = value["subjects"].as_array().expect("subjects");
        let subject = subjects.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {value}"));
        let phases = subject["phases"].as_array().expect("phases");
        assert!(phases.iter().all(|phase| phase["begin"].as_f64() <= phase["end"].as_f64()), "{subject}");
        phases.iter().map(|phase| phase["name"].as_str().expect("a name").to_owned()).collect()
    };
    for phase in ["load", "plan", "read"] {
        assert!(phases("(run)").contains(&phase.to_owned()), "{phase}: {value}");
    }
    assert_eq!(phases("app-1/default")[..2], ["wait", "render"]);
    assert!(phases("app-1/default").contains(&"compare".to_owned()));

    let page = run("a.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>Timings of render</title>"), "{page}");
    assert!(page.contains("app-1/default: render, "), "{page}");

    bench.xtask("render --timings").run().says(1, &["[CACHE]/timings/timings.html"]);
    assert!(bench.cache().join("timings/timings.html").is_file());
}
