//! `cargo xtask image` with this machine's container engine.
//!
//! The images are built from scratch, so no base image is needed. Each run uses unique names and removes its images.

use std::io::Write;
use std::path::Path;

use toolbox::engine::Engine;

use crate::support::{Answer, Bench, ci};

/// The container engine. Without one, the test is skipped with a message, or fails in CI.
#[track_caller]
pub(crate) fn engine() -> Option<Engine> {
    match Engine::find() {
        Ok(engine) => Some(engine),
        Err(found) => {
            assert!(!ci(), "a container engine is required in CI: {found:?}");
            let _ = writeln!(std::io::stderr(), "skipped: {}: {}", found.0[0].message, found.0[0].notes.join("; "));
            None
        }
    }
}

/// A name that is unique across tests and runs.
pub(crate) fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_nanos();
    format!("xtask-test-{}-{now}", std::process::id())
}

/// A workspace with one chart and its image.
fn workspace(tag: &str, dockerfile: &str) -> Bench {
    let bench = Bench::new();
    let config =
        "repository = \"https://git.example/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n";
    bench.write("charts.toml", config);
    bench.write("charts/thing/Chart.yaml", "apiVersion: v2\nname: thing\nversion: 0.1.0\n");
    bench.write("charts/thing/values.yaml", &format!("image:\n  repository: localhost/xtask-test\n  tag: {tag}\n"));
    bench.write("images/thing/Dockerfile", dockerfile);
    bench.write("images/thing/file", "one\n");
    bench
}

/// Runs `image` with an engine that records what it is asked to do, and returns the answer and the record.
fn with_stub(args: &str, script: &str) -> (Answer, String) {
    use std::os::unix::fs::PermissionsExt;
    let bench = workspace("v1", "FROM scratch\n");
    let (docker, log) = (bench.base().join("docker"), bench.base().join("log"));
    let text = format!(
        "#!/bin/sh\ncase \"$1 $2\" in\n'version '*) echo 28.0; exit ;;\n'image '*) \
         echo '[{{\"Id\": \"sha256:1\", \"Size\": 1, \"Config\": {{\"Labels\": {{}}}}}}]'; exit ;;\n{script}\nesac\n\
         echo \"$*\" >> {}\n",
        log.display()
    );
    std::fs::write(&docker, text).expect("written");
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let answer = bench.xtask(&format!("image {args}")).env("XTASK_DOCKER", &docker).run();
    (answer, std::fs::read_to_string(log).unwrap_or_default())
}

#[test]
fn an_image_is_pushed_under_the_name_in_the_registry() {
    let (answer, log) = with_stub("--push --registry localhost:5000/lab --format json", "");
    assert_eq!(answer.code, Some(0), "{answer}");
    let commands: Vec<&str> = log.lines().collect();
    assert!(commands[0].starts_with("build --tag localhost/xtask-test:v1 "), "{log}");
    let target = "localhost:5000/lab/xtask-test:v1";
    assert_eq!(commands[1..], [format!("tag localhost/xtask-test:v1 {target}"), format!("push {target}")]);
    answer.says(0, &[&format!("\"pushed\": \"{target}\"")]);
}

#[test]
fn images_for_several_platforms_have_provenance_and_an_sbom() {
    let args = "--push --registry localhost:5000 --platform linux/amd64,linux/arm64";
    let (answer, log) = with_stub(args, "'buildx version') exit ;;");
    assert_eq!(answer.code, Some(0), "{answer}");
    let expected = "buildx build --push --provenance=mode=max --sbom=true --platform linux/amd64,linux/arm64 \
                    --tag localhost:5000/xtask-test:v1 ";
    assert!(log.starts_with(expected) && log.lines().count() == 1, "{log}");
}

#[test]
fn several_platforms_require_buildx_and_a_failed_push_has_its_reason() {
    let args = "--push --platform linux/amd64,linux/arm64";
    let (answer, log) = with_stub(args, "'buildx '*) echo \"'buildx' is not a docker command\" >&2; exit 1 ;;");
    answer.says(3, &["`--platform` requires docker with buildx", "'buildx' is not a docker command"]);
    assert_eq!(log, "");
    let (answer, _) = with_stub("--push", "'push '*) echo denied >&2; exit 1 ;;");
    answer.says(3, &["`localhost/xtask-test:v1` could not be pushed", "denied", "docker login"]);
    let (answer, _) = with_stub("--registry localhost:5000", "");
    assert_eq!(answer.code, Some(2), "{answer}");
}

/// A workspace, and the engine. Removes the image on drop.
struct Shop {
    bench: Bench,
    engine: Engine,
    tag: String,
}

impl Shop {
    fn new(engine: Engine, dockerfile: &str) -> Self {
        let tag = unique();
        Self { bench: workspace(&tag, dockerfile), engine, tag }
    }

    fn reference(&self) -> String {
        format!("localhost/xtask-test:{}", self.tag)
    }

    fn image(&self, args: &str) -> Answer {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut run = self.bench.xtask(&format!("image {args}")).env("PATH", path);
        for name in ["DOCKER_HOST", "XDG_RUNTIME_DIR", "XTASK_DOCKER", "XTASK_PODMAN"] {
            if let Some(value) = std::env::var_os(name) {
                run = run.env(name, value);
            }
        }
        run.run()
    }

    fn id(&self) -> Option<String> {
        self.engine.inspect(&self.reference()).expect("inspected").map(|found| found.id)
    }

    /// All images of this run, including untagged ones.
    fn images(&self) -> Vec<String> {
        let label = format!("label=org.opencontainers.image.version={}", self.tag);
        let list = self.engine.invocation(Path::new("/")).args(["image", "ls", "-q", "--no-trunc", "--filter", &label]);
        let output = list.run().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).lines().map(str::to_owned).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for id in self.images() {
            let _ = self.engine.invocation(Path::new("/")).args(["image", "rm", "--force", &id]).run();
        }
        let leftover = self.images();
        assert!(std::thread::panicking() || leftover.is_empty(), "leftover images: {leftover:?}");
    }
}

const SCRATCH: &str = "ARG WHAT=file\nFROM scratch\nARG WHAT\nCOPY ${WHAT} /file\nCMD [\"/file\"]\n";

#[test]
fn an_image_is_rebuilt_only_when_an_input_changes() {
    let Some(engine) = engine() else { return };
    let shop = Shop::new(engine, SCRATCH);
    let reference = shop.reference();
    shop.image("").says(0, &[&format!("Building {reference}"), &format!("Built {reference}"), "1 built, 0 fresh"]);
    let first = shop.id().expect("built");
    let found = shop.engine.inspect(&reference).expect("inspected").expect("built");
    assert_eq!(found.labels["org.opencontainers.image.source"], "https://git.example/x.git");

    let answer = shop.image("thing");
    answer.says(0, &[&format!("Fresh {reference}"), "0 built, 1 fresh"]);
    assert!(!answer.stderr.contains("Building"), "{answer}");
    assert_eq!(shop.id().as_ref(), Some(&first));

    // A comment in the Dockerfile and a file in the same directory are inputs.
    for (path, text) in
        [("images/thing/Dockerfile", format!("{SCRATCH}# more\n")), ("images/thing/file", "two\n".into())]
    {
        shop.bench.write(path, &text);
        shop.image("").says(0, &["1 built, 0 fresh"]);
        shop.image("").says(0, &["0 built, 1 fresh"]);
    }
    shop.image("--force").says(0, &["1 built, 0 fresh"]);

    // A build argument is an input too, and a removed image is built again.
    shop.bench.write("images/thing/other", "three\n");
    shop.image("--build-arg WHAT=other").says(0, &["1 built, 0 fresh"]);
    shop.image("--build-arg WHAT=other").says(0, &["0 built, 1 fresh"]);
    let removed =
        shop.engine.invocation(Path::new("/")).args(["image", "rm", "--force", &reference]).run().expect("runs");
    assert!(removed.success(), "{}", removed.stderr);
    let answer = shop.image("--build-arg WHAT=other --format json");
    answer.says(0, &["\"state\": \"built\"", &format!("\"reference\": \"{reference}\"")]);
}

#[test]
fn a_failed_build_names_the_step() {
    let Some(engine) = engine() else { return };
    let shop = Shop::new(engine, "FROM scratch\n\nCOPY missing /\n");
    let answer = shop.image("");
    answer.says(
        3,
        &["image-failed", "images/thing/Dockerfile:3:1", "this step failed", "missing", "to reproduce it, run: "],
    );
    assert_eq!(shop.id(), None);
}

#[test]
fn invalid_arguments_are_rejected_before_anything_is_built() {
    let Some(engine) = engine() else { return };
    let shop = Shop::new(engine, SCRATCH);
    shop.image("thign").says(2, &["usage", "unknown image `thign`", "did you mean `thing`?"]);
    shop.image("--build-arg WHTA=x").says(2, &["`WHTA` is not declared in the Dockerfile", "did you mean `WHAT`?"]);
    shop.image("--build-arg x").says(2, &["is not of the form `NAME=VALUE`"]);
    assert_eq!(shop.id(), None);
}

#[test]
fn the_error_for_a_missing_engine_has_a_fix() {
    let bench = Bench::new();
    bench.write(
        "charts.toml",
        "repository = \"https://git.example/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n",
    );
    bench.write("charts/thing/Chart.yaml", "apiVersion: v2\nname: thing\nversion: 0.1.0\nappVersion: \"1\"\n");
    bench.write("charts/thing/values.yaml", "image: {repository: localhost/xtask-test}\n");
    bench.write("images/thing/Dockerfile", SCRATCH);
    let answer = bench.xtask("image").env("PATH", "/nowhere").run();
    answer.says(3, &["tool-unavailable", "no running container engine found", "install docker or podman"]);
    // A client whose engine is not running.
    let Some(engine) = engine().filter(|engine| engine.name == "docker") else { return };
    let folder = engine.program.parent().expect("a directory");
    let answer = bench.xtask("image").env("PATH", folder).env("DOCKER_HOST", "unix:///nowhere/docker.sock").run();
    answer.says(
        3,
        &["tool-unavailable", "no running container engine found", "unix:///nowhere/docker.sock", "start docker"],
    );
}
