//! Hostile names and kinds of files: links, pipes, and names that leave their directory or cannot be shown.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::hostile::{CONFIG_MAP, application, harmless, workspace};
use crate::support::{HELM_4, helm, tree};

#[test]
fn nothing_is_written_through_a_link_out_of_the_repository() {
    let Some(helm) = helm(HELM_4) else { return };
    for (link, args) in [
        ("tests", "render --accept"),
        ("tests/golden", "render --accept"),
        ("tests/golden/web", "render --accept"),
        ("tests/golden/web/default", "render --accept"),
        ("charts.lock", "deps --update"),
        ("charts/web/charts", "deps"),
        ("charts/web/README.md", "lint --fix"),
        ("argocd/linked.yaml", "argocd set-repository https://git.example.net/home.git"),
        ("out/web", "render --output out"),
        ("images", "new shop"),
        ("argocd/projects", "new shop"),
        ("argocd/applications", "new shop"),
    ] {
        let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
        // Without this setting, nothing is rendered as soon as there is such a link.
        let config = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
        let config = config.replace("version = \"3.5\"\n", "version = \"3.5\"\nallow-out-of-bounds-symlinks = true\n");
        bench.write("charts.toml", &config);
        let file = Path::new(link).extension().is_some();
        let outside = bench.base().join("outside");
        if file {
            fs::write(&outside, application("linked", "charts/web")).expect("written");
        } else {
            fs::create_dir_all(outside.join("default")).expect("created");
            fs::write(outside.join("default/mine.yaml"), "mine").expect("written");
        }
        let path = bench.root().join(link);
        fs::create_dir_all(path.parent().expect("a directory")).expect("created");
        symlink(&outside, &path).expect("linked");
        let content =
            || if file { [(outside.clone(), fs::read(&outside).expect("there"))].into() } else { tree(&outside) };
        let before = content();
        let answer = bench.xtask(args).helm(&helm).run();
        assert_eq!(content(), before, "{link}, {args}: {answer}");
        assert!(path.is_symlink() || !outside.exists() || file, "{link}, {args}: {answer}");
    }
}

#[test]
fn output_into_something_else_is_refused() {
    let Some(helm) = helm(HELM_4) else { return };
    for (output, problem) in [
        ("charts/web", "belongs to a chart"),
        ("charts/web/templates", "belongs to a chart"),
        ("charts/web/none/../crds", "belongs to a chart"),
        ("tests/golden", "contains the goldens"),
        ("tests/golden/../golden/x", "contains the goldens"),
        ("tests/golden/web/default", "contains the goldens"),
        (".git", "belongs to Git"),
        (".git/hooks", "belongs to Git"),
        ("x/../.GIT/x", "belongs to Git"),
        ("link", "`link` is a symbolic link"),
        ("link/inner", "`link` is a symbolic link"),
        ("loop", "`loop` is a symbolic link"),
        ("dangling", "`dangling` is a symbolic link"),
        ("folder", "`web` is a symbolic link"),
        ("outer/tests/golden/..", "belongs to a chart"),
    ] {
        let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
        bench.xtask("render --accept").helm(&helm).run().says(0, &[]);
        let config = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
        let config = config.replace("version = \"3.5\"\n", "version = \"3.5\"\nallow-out-of-bounds-symlinks = true\n");
        bench.write("charts.toml", &config);
        bench.write(".git/HEAD", "ref: refs/heads/main\n");
        bench.write("folder/x", "");
        bench.write("outer/Chart.yaml", "");
        let outside = bench.base().join("outside");
        fs::create_dir(&outside).expect("created");
        for (name, target) in [
            ("link", outside.as_path()),
            ("loop", Path::new("loop")),
            ("dangling", Path::new("none")),
            ("folder/web", &outside),
        ] {
            symlink(target, bench.root().join(name)).expect("linked");
        }
        let before = tree(bench.base());
        let answer = bench.xtask("render --output").arg(output).helm(&helm).run();
        assert_eq!(answer.code, Some(2), "{output}: {answer}");
        assert!(answer.stderr.contains(problem), "{output}: {answer}");
        let after = tree(bench.base());
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{output}");
    }
}

#[test]
fn pipes_and_devices_are_not_read() {
    let Some(helm) = helm(HELM_4) else { return };
    for name in [
        "charts.toml",
        "charts.lock",
        "tools.lock",
        "argocd/web.yaml",
        "argocd/more.yaml",
        "charts/web/Chart.yaml",
        "charts/web/values.yaml",
        "charts/web/values.schema.json",
        "charts/web/.helmignore",
        "charts/web/.argocd-source.yaml",
        "charts/web/templates/b.yaml",
        "charts/web/ci/b-values.yaml",
        "charts/web/charts/b.tgz",
        "charts/web/charts/b",
        "tests/golden/web/default/configmap-web.yaml",
        "tests/golden/web/default/render.lock",
        ".gitignore",
        "schemas/kubernetes.toml",
        "advisories.toml",
    ] {
        for pipe in [true, false] {
            let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
            let path = bench.root().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("created");
            let _ = fs::remove_file(&path);
            if pipe {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
            } else {
                symlink("/dev/zero", &path).expect("linked");
            }
            for args in ["render", "ci"] {
                let began = Instant::now();
                let answer = bench.xtask(args).helm(&helm).run();
                assert!(began.elapsed() < Duration::from_secs(30), "{name}, {args}: {answer}");
                assert!(matches!(answer.code, Some(0..=3)), "{name}, {args}: {answer}");
            }
        }
    }
}

/// Other systems do not allow such names.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let Some(helm) = helm(HELM_4) else { return };
    for folder in ["charts/web/templates", "charts/web/files", "charts/web/charts/inner/templates"] {
        let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
        bench.write("charts/web/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 0.1.0\n");
        let folder = bench.root().join(folder);
        fs::create_dir_all(&folder).expect("created");
        let name = std::ffi::OsString::from_vec(b"a\xff.yaml".to_vec());
        fs::write(folder.join(name), CONFIG_MAP.replace("web", "other")).expect("written");
        let answer = bench.xtask("render --accept").helm(&helm).run();
        answer.says(2, &["is not valid UTF-8", "rename the file"]);
        assert!(bench.goldens().is_empty(), "{answer}");
    }
}

#[test]
fn cases_and_names_stay_in_their_directories() {
    let Some(helm) = helm(HELM_4) else { return };
    for (name, namespace) in [("../../x", "shop"), ("..", "shop"), ("a/../../../b", "shop"), ("x", "../../y")] {
        let object = format!("apiVersion: v1\nkind: ../K\nmetadata:\n  name: {name}\n  namespace: {namespace}\n");
        let bench = workspace(&[("a.yaml", &object)]);
        bench.write("charts/web/ci/..-values.yaml", "a: 1\n");
        bench.xtask("render --accept").helm(&helm).run();
        bench.xtask("render --output out").helm(&helm).run();
        let files = tree(bench.base());
        let places = ["workspace/", "cache/", "helm"];
        let stray: Vec<_> = files.keys().filter(|path| !places.iter().any(|place| path.starts_with(place))).collect();
        assert!(stray.is_empty(), "{name}: {stray:?}");
        let inside = |path: &&std::path::PathBuf| {
            let path = path.to_string_lossy();
            let own =
                ["workspace/charts", "workspace/argocd", "workspace/out/web", "workspace/tests/golden/web", "cache/"];
            !own.iter().any(|own| path.starts_with(own)) && !path.starts_with("workspace/charts.toml")
        };
        let stray: Vec<_> = files.keys().filter(inside).collect();
        assert!(stray.is_empty(), "{name}: {stray:?}");
    }
}

/// Other systems have only one of the two files.
#[cfg(target_os = "linux")]
#[test]
fn cases_whose_names_differ_only_in_case_are_refused() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    for case in ["Small", "small", "Default", "default-values"] {
        bench.write(&format!("charts/web/ci/{case}-values.yaml"), "a: 1\n");
    }
    let answer = bench.xtask("render").helm(&helm).run();
    answer.says(2, &["cases `Small` and `small` differ only in case", "two files define the case `default-values`"]);
}

#[test]
fn names_of_files_are_shown_harmlessly() {
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    bench.write("argocd/\u{1b}]0;MARK\u{7}\r.yaml", "kind: [\n");
    bench.write("argocd/x\n::error::MARK.yaml", "kind: [\n");
    for args in ["argocd list --color always", "lint --color always", "argocd list --color always --format json"] {
        let answer = bench.xtask(args).env("GITHUB_ACTIONS", "true").run();
        assert!(answer.stderr.contains("MARK") || answer.stdout.contains("MARK"), "{answer}");
        harmless(&answer);
    }
}
