//! The cache: what was rendered before starts no program, and nothing that is damaged or forged is believed for long.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use toolbox::archive::sha256;

use crate::support::{Answer, Bench, HELM_4, helm, tree};

const CONFIG: &str = "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";

/// A workspace with some Applications, each with its own chart.
fn workspace(names: &[&str]) -> Bench {
    let bench = Bench::new();
    bench.write("charts.toml", CONFIG);
    for name in names {
        bench.write(&format!("charts/{name}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"));
        bench.write(&format!("charts/{name}/values.yaml"), "size: 1\n");
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\ndata:\n  size: \"{{ .Values.size }}\"\n";
        bench.write(&format!("charts/{name}/templates/a.yaml"), template);
        bench.write(
            &format!("argocd/{name}.yaml"),
            &format!(
                "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
                 project: home\n  source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    \
                 path: charts/{name}\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
            ),
        );
    }
    bench
}

/// A program that stands in for helm: it counts its runs, and renders the values of the chart.
fn counting(bench: &Bench) -> PathBuf {
    let runs = bench.base().join("runs");
    bench.stub(&format!(
        "PATH=/usr/bin:/bin\necho run >> {}\nsize=$(sed -n 's/^size: //p' values.yaml)\nname=$(sed -n 's/^name: //p' Chart.yaml)\n\
         printf -- '---\\n# Source: %s/templates/a.yaml\\napiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: %s\\ndata:\\n  size: \"%s\"\\n' \
         \"$name\" \"$name\" \"$size\"",
        runs.display()
    ))
}

fn runs(bench: &Bench) -> usize {
    fs::read_to_string(bench.base().join("runs")).unwrap_or_default().lines().count()
}

/// The entries of a part of the results.
fn entries(cache: &Path, part: &str) -> Vec<PathBuf> {
    let folder = cache.join("results").join(part);
    tree(&folder).into_keys().map(|name| folder.join(name)).collect()
}

#[test]
fn what_was_rendered_before_starts_no_helm() {
    let bench = workspace(&["web"]);
    let helm = counting(&bench);
    let render = |args: &str| bench.xtask(args).helm(&helm).run();
    let values = "charts/web/values.yaml";
    render("render --accept").says(0, &[]);
    bench.write(values, "size: 2\n");
    render("render").says(1, &["+  size: \"2\""]);
    let before = runs(&bench);
    for size in ["1", "2", "1", "2"] {
        bench.write(values, &format!("size: {size}\n"));
        let answer = render("render");
        answer.says(i32::from(size == "2"), &[]);
        assert_eq!(answer.stderr.contains("Reused 1 render from the cache"), size == "2", "{answer}");
    }
    assert_eq!(runs(&bench), before, "nothing ran");
    render("render --force").says(1, &["Rendering web/default"]);
    assert!(runs(&bench) > before, "everything ran");

    // Another checkout, whose goldens are stale.
    let (before, other) = (runs(&bench), bench.base().join("other"));
    crate::support::copy(&bench.root(), &other);
    fs::remove_dir_all(other.join("tests")).expect("removed");
    let answer = bench.xtask("render").helm(&helm).root(&other).run();
    answer.says(1, &["Reused 1 render from the cache"]);
    assert_eq!(runs(&bench), before);

    // Another helm is another input.
    fs::write(&helm, fs::read_to_string(&helm).expect("readable") + "\n").expect("written");
    bench.xtask("render").helm(&helm).run().says(1, &["Rendering web/default"]);
}

#[test]
fn damaged_and_foreign_results_are_rendered_again() {
    let bench = workspace(&["web"]);
    let helm = counting(&bench);
    let render = || bench.xtask("render").helm(&helm).run();
    render().says(1, &["Rendering web/default"]);
    let damage: [fn(&Path); 3] = [
        |path| fs::write(path, "x").expect("written"),
        |path| {
            let text = fs::read_to_string(path).expect("readable");
            fs::write(path, text.replace("size: \"1\"", "size: \"9\"")).expect("written");
        },
        |path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("changed"),
    ];
    for damage in damage {
        for path in entries(&bench.cache(), "renders") {
            damage(&path);
        }
        let answer = render();
        answer.says(1, &["Rendering web/default", "+  size: \"1\""]);
        render().says(1, &["Reused 1 render from the cache"]);
    }
}

/// Replaces a text in all renders of a cache, as somebody would who knows the format.
fn forge(cache: &Path, old: &str, new: &str) {
    for path in entries(cache, "renders") {
        let text = fs::read_to_string(&path).expect("readable");
        let (head, content) = text.split_once('\n').expect("a first line");
        let content = content.replace(old, new);
        let words: Vec<&str> = head.split(' ').collect();
        let head = format!("{} {} {}", words[0], words[1], sha256(content.as_bytes()));
        fs::write(&path, format!("{head}\n{content}")).expect("written");
    }
}

#[test]
fn ci_proves_a_sample_of_the_cache() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&["mail", "web"]);
    let run = |args: &str| bench.xtask(args).helm(&helm).run();
    run("render --accept").says(0, &[]);
    let sound = run("ci");
    assert!(sound.stderr.contains("Reused 1 render from the cache"), "{sound}");
    assert_eq!(sound.stderr.matches("   Rendering ").count(), 1, "{sound}");
    assert!(!sound.stderr.contains("cache-differs"), "{sound}");

    forge(&bench.cache(), "size: \"1\"", "size: \"9\"");
    let forged = run("ci");
    forged.says(
        forged.code.unwrap_or_default(),
        &["error[cache-differs]: 1 render in the cache differs from a new render"],
    );
    assert_eq!(forged.stderr.matches("   Rendering ").count(), 2, "{forged}");
    assert!(!forged.stderr.contains("golden-differs"), "nothing forged is believed: {forged}");
    let again = run("ci");
    assert!(!again.stderr.contains("cache-differs"), "what was rendered again replaced it: {again}");
}

#[test]
fn runs_at_once_in_one_checkout_and_in_two_give_the_same() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let bench = workspace(&names);
    let helm = counting(&bench);
    let other = bench.base().join("other");
    crate::support::copy(&bench.root(), &other);
    let out = |number: usize| bench.base().join(format!("out-{number}"));
    let render = |number: usize| bench.xtask(&format!("render --output {}", out(number).display())).helm(&helm);
    render(9).env("XTASK_CACHE_DIR", bench.base().join("alone")).run();
    let expected = tree(&out(9));
    assert!(expected.len() >= names.len());
    for round in 0..3 {
        if round == 1 {
            let _ = fs::remove_dir_all(bench.cache().join("results"));
        }
        let roots = [bench.root(), bench.root(), other.clone(), other.clone()];
        let children: Vec<_> =
            roots.iter().enumerate().map(|(number, root)| render(number).root(root).spawn()).collect();
        for (number, mut child) in children.into_iter().enumerate() {
            assert_eq!(child.wait().expect("ended").code(), Some(1), "nothing is recorded");
            assert_eq!(tree(&out(number)), expected, "{number}");
        }
    }
    let left = entries(&bench.cache(), "").into_iter().filter(|path| path.to_string_lossy().contains("/.new-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_kill_at_any_time_leaves_whole_results() {
    let bench = workspace(&["a", "b", "c"]);
    let helm = counting(&bench);
    for delay in [20, 40, 60, 80, 120] {
        let mut child = bench.xtask("render --force").helm(&helm).spawn();
        std::thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        let _ = child.wait();
        let answer = bench.xtask("render").helm(&helm).run();
        answer.says(1, &["+  size: \"1\""]);
    }
}

#[test]
fn without_a_cache_that_can_be_written_it_only_takes_longer() {
    let bench = workspace(&["web"]);
    let helm = counting(&bench);
    // Root may write anywhere, so the cache is a file.
    let cache = bench.base().join("not-a-directory");
    fs::write(&cache, "").expect("written");
    for _ in 0..2 {
        let answer = bench.xtask("render").helm(&helm).env("XTASK_CACHE_DIR", &cache).run();
        answer.says(1, &["Rendering web/default", "+  size: \"1\""]);
        assert_eq!(answer.stderr.matches("Uncached").count(), 1, "{answer}");
    }
}

#[test]
fn a_full_disk_only_takes_longer() {
    let bench = workspace(&["web"]);
    let helm = counting(&bench);
    let full = bench.base().join("full");
    fs::create_dir(&full).expect("created");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8k,mode=0700", "none"]).arg(&full).output();
    // Only root may mount.
    if !mounted.is_ok_and(|output| output.status.success()) {
        return;
    }
    let _ = fs::write(full.join("filling"), vec![0; 16 * 1024]);
    let answer = bench.xtask("render").helm(&helm).env("XTASK_CACHE_DIR", &full).run();
    let unmounted = Command::new("umount").arg(&full).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    answer.says(1, &["Rendering web/default", "+  size: \"1\"", "Uncached"]);
}

#[test]
fn stats_and_gc_are_about_the_cache() {
    let bench = workspace(&["mail", "web"]);
    let helm = counting(&bench);
    bench.xtask("render").helm(&helm).run().says(1, &[]);
    let stats = |args: &str| -> (Answer, serde_json::Value) {
        let answer = bench.xtask(args).run();
        let value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        (answer, value)
    };
    let (_, value) = stats("cache stats --format json");
    let renders = value["parts"].as_array().expect("parts").iter().find(|part| part["name"] == "results/renders");
    assert_eq!(renders.expect("renders")["entries"], 2);
    let (answer, _) = stats("cache stats");
    answer.says(0, &["results/renders       2", "of at most 512 MiB"]);
    let (answer, value) = stats("cache gc --limit 0 --format json");
    answer.says(0, &[]);
    assert_eq!((&value["removed"]["entries"], &value["limit"]), (&2.into(), &0.into()), "{value}");
    assert!(entries(&bench.cache(), "renders").is_empty());
    bench.xtask("render").helm(&helm).run().says(1, &["Rendering web/default"]);
}
