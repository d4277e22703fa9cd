//! After any edits, a run that believes goldens and the cache renders the same as one that believes nothing.
//!
//! `EDITS=2000` sets the number of edits; `.ci/check test` sets 200. The program in place of helm renders the digests of
//! everything that it is given, which takes a fraction of the time, and differs whenever helm's output could.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use toolbox::archive;

use crate::support::{Bench, kustomize, pack, tree};

/// The number of edits without `EDITS`.
const FEW: usize = 25;

/// Prints the digests of the chart, the arguments, and the files among them, without the places where they are.
const HELM: &str = r#"
PATH=/usr/bin:/bin
sum() { sha256sum | cut -c 1-24; }
previous= words= files=
for word in "$@"; do
  case "$previous" in
    --values) files="$files $(sum < "$word")";;
    --name-template) release=$word; words="$words $word";;
    *) words="$words $word";;
  esac
  previous=$word
done
chart=$(find . -type f | LC_ALL=C sort | while read -r file; do echo "$file $(sum < "$file")"; done | sum)
printf -- '---\n# Source: x/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  chart: "%s"\n  words: "%s"\n  files: "%s"\n' \
  "$release" "$chart" "$(echo "$words" | sum)" "$files"
"#;

/// The header of an Application.
fn application(name: &str, source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  project: home\n{source}  \
         destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
    )
}

/// A source of this repository.
fn source(path: &str, rest: &str) -> String {
    format!(
        "  source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    path: {path}\n{rest}"
    )
}

/// A workspace with all kinds of sources.
fn workspace(bench: &Bench) {
    bench.write(
        "charts.toml",
        "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n",
    );
    for name in ["web", "lib", "mail", "set"] {
        bench.write(&format!("charts/{name}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"));
        bench.write(&format!("charts/{name}/values.yaml"), "n: 0\n");
        bench.write(&format!("charts/{name}/templates/a.yaml"), "a: 0\n");
        bench.write(&format!("charts/{name}/files/a.txt"), "0\n");
    }
    bench.write("charts/web/ci/case-values.yaml", "n: 1\n");
    bench.write("charts/web/.helmignore", "*.swp\n");
    let umbrella = "apiVersion: v2\nname: mail\nversion: 0.1.0\ndependencies:\n- name: lib\n  version: 0.1.0\n  repository: file://../lib\n";
    bench.write("charts/mail/Chart.yaml", umbrella);
    bench.write("shared/values.yaml", "shared: 0\n");
    let web = "    helm:\n      valueFiles: [../../shared/values.yaml]\n      valuesObject:\n        inline: 0\n      parameters:\n      - name: p\n        value: \"0\"\n";
    bench.write("argocd/web.yaml", &application("web", &source("charts/web", web)));
    bench.write("argocd/mail.yaml", &application("mail", &source("charts/mail", "")));
    bench.write("argocd/kust.yaml", &application("kust", &source("apps/kust", "")));
    bench.write("argocd/plain.yaml", &application("plain", &source("apps/plain", "")));
    bench.write("argocd/apps.yaml", &application("apps", &source("apps/more", "")));
    bench.write(
        "apps/more/nested.yaml",
        &application("nested", &source("charts/set", "    helm:\n      releaseName: nested\n")),
    );
    let sources = "  sources:\n  - repoURL: https://git.example.org/home.git\n    targetRevision: main\n    ref: values\n  \
                   - repoURL: https://git.example.org/home.git\n    targetRevision: main\n    path: charts/set\n    \
                   helm:\n      releaseName: multi\n      valueFiles: [$values/shared/values.yaml]\n  \
                   - repoURL: https://git.example.org/home.git\n    targetRevision: main\n    path: apps/plain\n";
    bench.write("argocd/multi.yaml", &application("multi", sources));
    bench.write("apps/kust/kustomization.yaml", "resources: [a.yaml]\nnamePrefix: k0-\n");
    bench.write("apps/kust/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: \"0\"}\n");
    bench.write("apps/plain/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {n: \"0\"}\n");
    bench.write("argocd/set.yaml", &application_set(&[0, 1]));
    remote(bench, 0);
}

fn application_set(numbers: &[usize]) -> String {
    let elements: String =
        numbers.iter().map(|number| format!("      - name: s{number}\n        size: \"{number}\"\n")).collect();
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata:\n  name: set\n  namespace: argocd\nspec:\n  generators:\n  - list:\n      \
         elements:\n{elements}  template:\n    metadata:\n      name: '{{{{name}}}}'\n    spec:\n      project: home\n      source:\n        \
         repoURL: https://git.example.org/home.git\n        targetRevision: main\n        path: charts/set\n        helm:\n          \
         parameters:\n          - name: size\n            value: '{{{{size}}}}'\n      destination:\n        \
         server: https://kubernetes.default.svc\n        namespace: shop\n"
    )
}

/// A chart from a Helm repository, its pin, and the Application that uses it. The mirror keeps the other versions.
fn remote(bench: &Bench, patch: usize) {
    let files: BTreeMap<PathBuf, Vec<u8>> = [
        ("far/Chart.yaml", format!("apiVersion: v2\nname: far\nversion: 1.0.{patch}\n")),
        ("far/templates/a.yaml", format!("a: {patch}\n")),
    ]
    .into_iter()
    .map(|(path, text)| (PathBuf::from(path), text.into_bytes()))
    .collect();
    let archive = pack(files);
    let digest = archive::tree_digest(&archive::read("far.tgz", &archive).expect("an archive"));
    let mirror = bench.base().join("mirror");
    fs::create_dir_all(&mirror).expect("created");
    fs::write(mirror.join(format!("far-1.0.{patch}.tgz")), archive).expect("written");
    bench.write(
        "charts.lock",
        &format!(
            "version = 1\n\n[[chart]]\nname = \"far\"\nversion = \"1.0.{patch}\"\nrepository = \"https://charts.example.com\"\n\
             digest = \"{digest}\"\n"
        ),
    );
    let source = format!(
        "  source:\n    repoURL: https://charts.example.com\n    chart: far\n    targetRevision: 1.0.{patch}\n"
    );
    bench.write("argocd/remote.yaml", &application("remote", &source));
}

/// What a person does next.
struct Editor<'b> {
    bench: &'b Bench,
    random: fastrand::Rng,
    /// Earlier states of the workspace, to return to.
    states: Vec<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Editor<'_> {
    fn file(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let names = tree(&self.bench.root()).into_keys().map(|path| path.to_string_lossy().into_owned());
        let names: Vec<String> = names.filter(|name| !name.starts_with("tests/") && wanted(name)).collect();
        self.random.choice(names)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.bench.root().join(name)).expect("readable")
    }

    /// Makes an edit, and says which.
    #[expect(clippy::too_many_lines, reason = "one short arm for each kind of edit")]
    fn edit(&mut self) -> String {
        let number = self.random.usize(..4);
        let digits = |text: &str, number: usize| text.replace(|c: char| matches!(c, '0'..='3'), &number.to_string());
        match self.random.usize(..17) {
            0 | 1 => {
                let name = self.file(|name| name.ends_with("values.yaml")).expect("values");
                let text = format!("{}k{number}: {number}\n", digits(&self.text(&name), number));
                let text: Vec<&str> = text.lines().take(4).collect();
                self.bench.write(&name, &(text.join("\n") + "\n"));
                format!("values {name}")
            }
            2 | 3 => {
                let name = self.file(|name| name.contains("/templates/") || name.contains("/files/")).expect("a file");
                self.bench.write(&name, &format!("a: {number}\n"));
                format!("template {name}")
            }
            4 => {
                let chart = self.random.choice(["web", "lib", "mail", "set"]).expect("a chart");
                let folder = self.random.choice(["templates", "files", "crds", "ci"]).expect("a folder");
                let end = if folder == "ci" { "-values" } else { "" };
                let name = format!("charts/{chart}/{folder}/new{number}{end}.yaml");
                if self.bench.root().join("charts").join(chart).is_dir() {
                    self.bench.write(&name, &format!("n: {number}\n"));
                }
                format!("add {name}")
            }
            5 => {
                let Some(name) = self.file(|name| name.contains("/new") || name.ends_with("a.txt")) else {
                    return "nothing".to_owned();
                };
                fs::remove_file(self.bench.root().join(&name)).expect("removed");
                format!("remove {name}")
            }
            6 => {
                let (old, new) =
                    if self.bench.root().join("charts/web").is_dir() { ("web", "shop") } else { ("shop", "web") };
                let folder = |name: &str| self.bench.root().join("charts").join(name);
                fs::rename(folder(old), folder(new)).expect("renamed");
                self.bench.replace("argocd/web.yaml", &format!("path: charts/{old}"), &format!("path: charts/{new}"));
                format!("rename {old} to {new}")
            }
            7 => {
                let text = self.text("charts.toml");
                let at = text.find("1.34.").expect("a version") + 5;
                self.bench.write("charts.toml", &format!("{}{number}\"\n", &text[..at]));
                "kubernetes".to_owned()
            }
            8 => {
                let numbers: Vec<usize> = (0..4).filter(|_| self.random.bool()).collect();
                self.bench.write("argocd/set.yaml", &application_set(&numbers));
                format!("elements {numbers:?}")
            }
            9 => {
                let name = self
                    .random
                    .choice(["argocd/web.yaml", "argocd/multi.yaml", "apps/more/nested.yaml"])
                    .expect("a name");
                let text = self.text(name);
                let text = text
                    .replace("inline: ", &format!("inline: {number}"))
                    .replace("value: \"", &format!("value: \"{number}"));
                let text = text.replace("releaseName: ", &format!("releaseName: r{number}"));
                if text.len() < 2_000 {
                    self.bench.write(name, &text);
                }
                format!("parameters {name}")
            }
            10 => {
                // A dependency with another version, in one of the two places or in both.
                let both = self.random.bool();
                let text = format!("apiVersion: v2\nname: lib\nversion: 0.{number}.0\n");
                self.bench.write("charts/lib/Chart.yaml", &text);
                if both {
                    let text = self.text("charts/mail/Chart.yaml");
                    let at = text.find("  version: 0.").expect("a version") + 13;
                    self.bench.write("charts/mail/Chart.yaml", &format!("{}{number}{}", &text[..at], &text[at + 1..]));
                }
                format!("lib 0.{number}.0, both: {both}")
            }
            11 => {
                let name = self.file(|name| name.strip_suffix(".toml").is_none()).expect("a file");
                let path = self.bench.root().join(&name);
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.random.u64(..3_000_000_000));
                fs::File::options().append(true).open(path).and_then(|file| file.set_modified(time)).expect("touched");
                format!("touch {name}")
            }
            12 => {
                // The same size and the same time as before.
                let name = self.file(|name| name.starts_with("charts/") && name.ends_with("a.yaml")).expect("a file");
                let path = self.bench.root().join(&name);
                let time = fs::metadata(&path).and_then(|facts| facts.modified()).expect("a time");
                let text = digits(&self.text(&name), number);
                fs::write(&path, text).expect("written");
                fs::File::options().append(true).open(path).and_then(|file| file.set_modified(time)).expect("touched");
                format!("same size and time {name}")
            }
            13 => {
                let name = self
                    .random
                    .choice(["apps/kust/a.yaml", "apps/kust/kustomization.yaml", "apps/plain/a.yaml"])
                    .expect("a name");
                let text = self.text(name);
                self.bench.write(
                    name,
                    &text
                        .replace("k0-", "k-")
                        .replace("k-", &format!("k{number}-"))
                        .replace("\"0\"", &format!("\"{number}\"")),
                );
                format!("manifests {name}")
            }
            14 => {
                let folder = self.bench.root().join("tests/golden");
                let Some(name) = self.random.choice(tree(&folder).into_keys()) else { return "nothing".to_owned() };
                let path = folder.join(&name);
                if self.random.bool() {
                    fs::remove_file(path).expect("removed");
                } else {
                    let text = fs::read_to_string(&path).expect("readable");
                    fs::write(path, text + "# edited\n").expect("written");
                }
                format!("golden {}", name.display())
            }
            15 => {
                remote(self.bench, number);
                format!("pin {number}")
            }
            _ => {
                let Some(state) = self.random.choice(&self.states).cloned() else { return "nothing".to_owned() };
                for folder in fs::read_dir(self.bench.root()).expect("readable") {
                    let path = folder.expect("readable").path();
                    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("removed");
                }
                for (name, bytes) in state {
                    let path = self.bench.root().join(name);
                    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
                    fs::write(path, bytes).expect("written");
                }
                "an earlier state".to_owned()
            }
        }
    }
}

/// The exit code of a run, and what it renders, or else what it prints.
fn outcome(
    bench: &Bench,
    args: &str,
    programs: (&Path, &Path),
    cache: &Path,
    now: u64,
) -> (Option<i32>, BTreeMap<PathBuf, Vec<u8>>) {
    let folder = bench.base().join("out");
    let _ = fs::remove_dir_all(&folder);
    let answer = bench
        .xtask(&format!("render {args} --output {}", folder.display()))
        .helm(programs.0)
        .kustomize(programs.1)
        .env("XTASK_CACHE_DIR", cache)
        .env("XTASK_CHART_MIRROR", bench.base().join("mirror"))
        .env("XTASK_NOW", now.to_string())
        .run();
    assert!(answer.code.is_some_and(|code| code < 100), "{answer}");
    (answer.code, tree(&folder))
}

#[test]
fn no_edit_leaves_anything_stale() {
    let Some(kustomize) = kustomize() else { return };
    let edits = std::env::var("EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(18);
    let bench = Bench::new();
    let helm = bench.stub(HELM);
    let programs = (helm.as_path(), kustomize.as_path());
    workspace(&bench);
    let mirror = bench.base().join("mirror");
    let first =
        bench.xtask("render --accept").helm(&helm).kustomize(&kustomize).env("XTASK_CHART_MIRROR", &mirror).run();
    first.says(0, &["web/case", "kust/default", "multi/default", "nested/default", "remote/default", "s1/default"]);
    let mut editor = Editor { bench: &bench, random: fastrand::Rng::with_seed(seed), states: Vec::new() };
    let (mut fresh, mut reused) = (0, 0);
    let mut log = Vec::new();
    for number in 0..edits {
        if number % 7 == 0 {
            editor.states.push(tree(&bench.root()));
        }
        let count = if editor.random.u8(..4) == 0 { 3 } else { 1 };
        log.extend((0..count).map(|_| editor.edit()));
        let now = editor.random.u64(1_500_000_000..2_500_000_000);
        let trusting = outcome(&bench, "", programs, &bench.cache(), now);
        let alone = bench.base().join("alone");
        let _ = fs::remove_dir_all(&alone);
        let distrusting = outcome(&bench, "--force", programs, &alone, now);
        let last = &log[log.len().saturating_sub(12)..];
        assert!(
            trusting == distrusting,
            "seed {seed}, edit {number}, after {last:#?}: {}",
            difference(&trusting.1, &distrusting.1)
        );
        if editor.random.u8(..3) == 0 {
            bench.xtask("render --accept").helm(&helm).kustomize(&kustomize).env("XTASK_CHART_MIRROR", &mirror).run();
            log.push("accept".to_owned());
        }
        let answer = bench.xtask("render").helm(&helm).kustomize(&kustomize).env("XTASK_CHART_MIRROR", &mirror).run();
        fresh += answer.stdout.matches(": fresh").count();
        reused += answer.stderr.matches("Reused").count();
    }
    assert!(fresh > edits && reused > edits / 8, "{fresh} fresh, {reused} reused: the edits show nothing");
}

/// The first file that differs.
fn difference(left: &BTreeMap<PathBuf, Vec<u8>>, right: &BTreeMap<PathBuf, Vec<u8>>) -> String {
    let names = left.keys().chain(right.keys());
    let text = |files: &BTreeMap<PathBuf, Vec<u8>>, name: &PathBuf| {
        files.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let mut differing = names.filter(|name| left.get(*name) != right.get(*name));
    differing.next().map_or_else(
        || "only the exit code".to_owned(),
        |name| format!("{}: {:?} instead of {:?}", name.display(), text(left, name), text(right, name)),
    )
}
