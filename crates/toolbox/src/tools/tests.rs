//! Tests that find, download, and build tools, with scripts as tools and a server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use diagnostics::Source;

use crate::archive::sha256;
use crate::progress::Silent;
use crate::tools::testing::*;
use crate::tools::*;

#[test]
fn the_search_order_is_variable_path_cache() {
    let mut bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("served").origin, Origin::Downloaded);
    let cached = bench.tools(&lock).require("demo", "1.2.3").expect("cached");
    assert_eq!((cached.path, cached.origin), (bench.program(), Origin::Cache));

    let on_path = bench.script("bin/demo", DEMO);
    let found = bench.tools(&lock).require("demo", "1.2.3").expect("on PATH");
    assert_eq!((found.path, found.origin), (on_path, Origin::Path));

    let own = bench.script("own/my-demo", DEMO);
    bench.machine.variables.insert("demo".to_owned(), own.clone());
    let found = bench.tools(&lock).require("demo", "1.2.3").expect("set by variable");
    assert_eq!((found.path, found.origin), (own, Origin::Variable));
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_variable_with_another_version_is_an_error() {
    let mut bench = Bench::new();
    let own = bench.script("own", "echo v4.3.1");
    bench.script("bin/demo", DEMO);
    bench.machine.variables.insert("demo".to_owned(), own.clone());
    let lock = demo("");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("another version"));
    let expected = format!("`XTASK_DEMO` is set to `{}`, which is 4.3.1; the pinned version is 1.2.3", own.display());
    assert_eq!((error.code, error.message), (Code::ToolUnavailable, expected));

    bench.machine.variables.insert("demo".to_owned(), bench.path("nowhere"));
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("nothing there"));
    assert!(error.message.ends_with("nowhere`, which is not an executable file"), "{error:?}");
    assert_eq!(error.helps, ["set `XTASK_DEMO` to the path of demo 1.2.3, or unset it"]);
}

#[test]
fn another_version_on_path_is_reported_once() {
    let mut bench = Bench::new();
    // Only the first program counts, as in a shell.
    bench.machine.search_path = vec![bench.path("first"), bench.path("second")];
    bench.script("first/demo", "echo v4.3.1");
    bench.script("second/demo", DEMO);
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    for _ in ["downloaded", "cached"] {
        let tools = bench.tools(&lock);
        for _ in 0..2 {
            assert_eq!(tools.require("demo", "1.2.3").expect("served").path, bench.program());
        }
        let expected = Diagnostic::new(Code::ToolVersion, "`demo` on PATH is 4.3.1; the pinned version is 1.2.3")
            .note(format!("path: {}", bench.path("first/demo").display()))
            .help("no action is needed: demo 1.2.3 from the cache is used instead");
        assert_eq!(tools.warnings().0, [expected]);
        assert!(!tools.warnings().has_errors());
    }
}

#[test]
fn another_version_on_path_and_none_in_the_cache_is_one_statement() {
    let bench = Bench::new();
    bench.script("bin/demo", "echo v4.3.1");
    let missing = |lock: &ToolsLock| {
        let tools = bench.tools(lock);
        let State::Missing { tried, help } = tools.list(&[("demo", "1.2.3")]).remove(0).state else { panic!("found") };
        assert_eq!(
            tried,
            [
                "`XTASK_DEMO` is not set".to_owned(),
                format!("`{}` on PATH is 4.3.1", bench.path("bin/demo").display()),
                format!("`{}` is not in the cache", bench.program().display()),
            ]
        );
        assert_eq!(tools.warnings().0, []);
        help
    };
    // Without a checksum and a Go package, it cannot be installed automatically.
    let url = "https://example.com/demo-{version}";
    assert_eq!(
        missing(&demo(&format!("url = \"{url}\"\nminor-skew = 1"))),
        [
            "download https://example.com/demo-1.2.3 and verify its checksum, which tools.lock does not have",
            "then put it on PATH, or set `XTASK_DEMO` to its path",
        ]
    );
    assert_eq!(
        missing(&demo("minor-skew = 1")),
        ["put demo 1.2.3 (± 1 minor version) on PATH, or set `XTASK_DEMO` to its path"]
    );
    let sum = sha256(b"x");
    let install = ["run `cargo xtask tools install demo`"];
    assert_eq!(missing(&demo(&format!("url = \"{url}\"\n[tool.sha256]\nlinux-amd64 = \"{sum}\""))), install);
    // A Go package is of use only where Go is.
    let go = "go = \"example.org/demo@v1.2.3\"";
    assert_eq!(
        missing(&demo(go)),
        [
            "build it with Go: `CGO_ENABLED=0 go install -trimpath example.org/demo@v1.2.3`",
            "then put it on PATH, or set `XTASK_DEMO` to its path",
        ]
    );
    bench.script("bin/go", "exit 1");
    assert_eq!(missing(&demo(go)), install);
}

#[test]
fn a_download_with_another_checksum_is_rejected() {
    let bench = Bench::new();
    let server = Server::ok(shell("echo evil"));
    let lock = served(&server, &sha256(b"what was pinned"), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("tampered"));
    assert_eq!(error.code, Code::ArchiveTampered);
    assert_eq!(error.message, "the checksum of the download of demo 1.2.3 does not match tools.lock");
    assert_eq!(error.places[0].0.to_string(), "tools.lock:4:11");
    assert_eq!(error.notes[1], format!("expected: sha256 {}", sha256(b"what was pinned")));
    assert!(error.notes[2].starts_with(&format!("found: sha256 {}", sha256(shell("echo evil").as_bytes()))));
    assert_eq!((server.requests(), bench.cached()), (1, vec![]));
}

#[test]
fn an_archive_is_unpacked_and_its_program_verified() {
    let bench = Bench::new();
    let body = archive(&[("linux-amd64/LICENSE", "free"), ("linux-amd64/demo", &shell(DEMO))]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "{platform}/demo");
    let tool = bench.tools(&lock).require("demo", "1.2.3").expect("served");
    assert_eq!((tool.path, tool.origin), (bench.program(), Origin::Downloaded));
    assert_eq!(fs::metadata(bench.program()).expect("there").permissions().mode() & 0o777, 0o755);
    assert_eq!(bench.progress.verbs(), ["Downloading", "Installed"]);
    assert_eq!(bench.cached(), ["demo"]);
}

#[test]
fn an_archive_without_the_program_is_an_error() {
    let bench = Bench::new();
    let body = archive(&[("demo-1/demo", "x")]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "{platform}/demo");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no member"));
    assert_eq!(error.message, "`demo-v1.2.3-linux-amd64` does not contain `linux-amd64/demo`");
    assert_eq!((error.code, error.notes), (Code::ConfigInvalid, vec!["it contains `demo-1/demo`".to_owned()]));
    assert!(bench.cached().is_empty());
}

#[test]
fn an_archive_with_an_unsafe_path_is_rejected() {
    let bench = Bench::new();
    let body = archive(&[("demo", &shell(DEMO)), ("../../../bin/demo", "evil")]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "demo");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("hostile"));
    assert_eq!(error.code, Code::ArchiveUnsafe);
    let name = "demo-v1.2.3-linux-amd64";
    let message = format!("`{name}` contains `../../../bin/demo`, which points outside the archive");
    assert_eq!((error.message, error.places[0].0.to_string()), (message, "tools.lock:4:11".to_owned()));
    assert!(bench.cached().is_empty() && !bench.path("bin").exists());
}

#[test]
fn a_download_of_another_version_is_discarded() {
    let bench = Bench::new();
    let server = Server::ok(shell("echo v9.9.9"));
    let lock = served(&server, &sha256(shell("echo v9.9.9").as_bytes()), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("another version"));
    assert_eq!(error.message, "the download of demo 1.2.3 is 9.9.9");
    assert!(bench.cached().is_empty());
}

#[test]
fn a_server_error_is_retried_and_a_missing_page_is_not() {
    let bench = Bench::new();
    let server = Server::new(vec![("503 Busy", Vec::new()), ("200 OK", shell(DEMO).into_bytes())]);
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    bench.tools(&lock).require("demo", "1.2.3").expect("served the second time");
    assert_eq!(server.requests(), 2);

    let bench = Bench::new();
    let server = Server::new(vec![("404 Not Found", Vec::new())]);
    let lock = served(&server, &sha256(b"x"), "");
    bench.tools(&lock).require("demo", "1.2.3").expect_err("no page");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_connection_that_is_closed_early_is_not_a_wrong_checksum() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/demo", listener.local_addr().expect("address"));
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.expect("socket");
            let mut lines = BufReader::new(stream.try_clone().expect("socket")).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").expect("written");
        }
    });
    let lock = demo(&format!("url = \"{url}\"\n[tool.sha256]\nlinux-amd64 = \"{}\"", sha256(b"x")));
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("closed early"));
    serving.join().expect("two requests");
    assert_eq!(error.code, Code::ToolUnavailable);
    assert!(error.notes[3].starts_with("download: ") && error.notes[3].ends_with("(tried twice)"), "{error:?}");
    assert!(bench.cached().is_empty());
}

#[test]
fn the_error_of_an_unavailable_tool_lists_attempts_and_help() {
    let bench = Bench::new();
    bench.script("bin/demo", "echo development");
    let sum = sha256(b"x");
    // Nothing listens on port 1.
    let lock = demo(&format!(
        "url = \"http://127.0.0.1:1/demo\"\ngo = \"example.org/demo@v1.2.3\"\ngo-ldflags = \"-X a=b\"\n\
         [tool.sha256]\nlinux-amd64 = \"{sum}\""
    ));
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no way"));
    assert_eq!(error.code, Code::ToolUnavailable);
    assert_eq!(error.message, "`demo` 1.2.3 is unavailable for linux-amd64");
    let [variable, path, cache, download, go] = &error.notes[..] else { panic!("{:?}", error.notes) };
    assert_eq!(variable, "`XTASK_DEMO` is not set");
    assert!(path.ends_with("bin/demo` on PATH does not report a version: it prints \"development\""), "{path}");
    assert_eq!(*cache, format!("`{}` is not in the cache", bench.program().display()));
    assert!(download.starts_with("download: http://127.0.0.1:1/demo: ") && download.contains("refused"), "{download}");
    assert_eq!(go, "go install: `go` is not on PATH");
    assert_eq!(
        error.helps,
        [
            &format!("download http://127.0.0.1:1/demo by other means (sha256 {sum})"),
            "or build it with Go: `CGO_ENABLED=0 go install -trimpath -ldflags '-X a=b' example.org/demo@v1.2.3`",
            "then put it on PATH, or set `XTASK_DEMO` to its path",
        ]
    );
}

#[test]
fn a_platform_without_a_checksum_is_not_downloaded() {
    let mut bench = Bench::new();
    bench.machine.platform = "linux-riscv64".to_owned();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no sum"));
    assert!(error.notes[3].ends_with("skipped because tools.lock has no `sha256` for linux-riscv64"), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn offline_makes_no_requests() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let tools = Tools::on(bench.machine.clone(), &lock, &bench.path("cache"), true, &Silent);
    let error = first(tools.require("demo", "1.2.3").expect_err("offline"));
    assert!(error.notes.contains(&"download: skipped because of `--offline`".to_owned()), "{error:?}");
    assert_eq!(error.helps[0], "with network access, run `cargo xtask tools install demo`");
    // Without a checksum or a Go package, network access would not help.
    let lock = demo(&format!("url = \"{}\"", server.url));
    let tools = Tools::on(bench.machine.clone(), &lock, &bench.path("cache"), true, &Silent);
    let error = first(tools.require("demo", "1.2.3").expect_err("offline"));
    assert!(error.helps.iter().all(|help| !help.contains("tools install")), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn concurrent_requests_install_once() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    // The threads of a run share one search; two runs share only the cache.
    let (one, other) = (bench.tools(&lock), bench.tools(&lock));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            for tools in [&one, &other] {
                scope.spawn(|| tools.require("demo", "1.2.3").expect("served"));
            }
        }
    });
    assert_eq!((server.requests(), bench.cached()), (1, vec!["demo".to_owned()]));
}

#[test]
fn a_run_waits_for_another_and_cleans_up_after_a_killed_one() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let root = bench.path("cache/tools");
    fs::create_dir_all(root.join(".staging-demo-1.2.3_killed/bin")).expect("directory");
    fs::create_dir_all(root.join(".staging-demo-1.2.3-rc1_other")).expect("directory");
    let held = fs::File::create(root.join(".lock-demo-1.2.3")).expect("lock file");
    held.lock().expect("locked");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.tools(&lock).require("demo", "1.2.3").expect("served"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while bench.progress.verbs() != ["Waiting"] && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((bench.progress.verbs(), server.requests()), (vec!["Waiting".to_owned()], 0));
        held.unlock().expect("unlocked");
        assert_eq!(waiting.join().expect("no panic").origin, Origin::Downloaded);
    });
    assert_eq!(bench.cached(), [".staging-demo-1.2.3-rc1_other", "demo"]);
}

#[test]
fn cached_programs_are_run_only_to_verify_them() {
    let bench = Bench::new();
    let count = bench.path("count");
    let script = shell(&format!("echo run >> {}\n{DEMO}", count.display()));
    let server = Server::ok(script.clone());
    let lock = served(&server, &sha256(script.as_bytes()), "");
    let runs = || fs::read_to_string(&count).expect("count").lines().count();
    bench.tools(&lock).require("demo", "1.2.3").expect("served");
    assert_eq!(runs(), 1);
    bench.tools(&lock).require("demo", "1.2.3").expect("cached");
    assert!(matches!(bench.tools(&lock).list(&[("demo", "1.2.3")])[0].state, State::Found(_)));
    assert_eq!(runs(), 1);
    let verified = bench.tools(&lock).verify(&[("demo", "1.2.3")]).remove(0);
    assert_eq!((verified.sha256, runs()), (Some(sha256(script.as_bytes())), 2));
    assert!(verified.problems.is_empty() && verified.unpinned.is_empty());
}

#[test]
fn damaged_programs_are_reported_and_replaced() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let wanted = [("demo", "1.2.3")];
    bench.tools(&lock).require("demo", "1.2.3").expect("served");

    // The size is the same, and so is the modification time, which any program can set.
    let fresh = fs::metadata(bench.program()).and_then(|facts| facts.modified()).expect("time");
    fs::write(bench.program(), shell("echo v1.2.4")).expect("written");
    fs::File::options().write(true).open(bench.program()).and_then(|file| file.set_modified(fresh)).expect("time set");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("replaced").origin, Origin::Downloaded);
    assert!(bench.progress.verbs().contains(&"Replacing".to_owned()));
    assert_eq!(fs::read_to_string(bench.program()).expect("there"), shell(DEMO));

    fs::write(bench.program(), shell("echo v1.2.4")).expect("written");
    let problem = first(bench.tools(&lock).verify(&wanted).remove(0).problems);
    assert!(problem.message.starts_with("`demo` 1.2.3 in the cache is damaged: it has sha256 "));
    assert_eq!(problem.helps, ["run `cargo xtask tools install demo`"]);
    let (tools, problems) = bench.tools(&lock).install(&wanted);
    assert_eq!((tools[0].origin, problems.is_empty()), (Origin::Downloaded, true));
    assert!(bench.tools(&lock).verify(&wanted)[0].problems.is_empty());
    assert_eq!((server.requests(), bench.cached()), (3, vec!["demo".to_owned()]));
}

#[test]
fn a_restored_cache_is_valid() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    bench.tools(&lock).require("demo", "1.2.3").expect("served");
    let file = fs::File::options().write(true).open(bench.program()).expect("opened");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("time set");
    drop(file);
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("cached").origin, Origin::Cache);
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_program_that_another_user_could_have_written_is_replaced() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    bench.tools(&lock).require("demo", "1.2.3").expect("served");
    // With a record that matches: another user who can write the program can write that, too.
    fs::set_permissions(bench.program(), fs::Permissions::from_mode(0o777)).expect("mode");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("replaced").origin, Origin::Downloaded);
    if rustix::process::geteuid().is_root() {
        for name in ["demo", "installed", ""] {
            std::os::unix::fs::chown(bench.path("cache/tools/demo/1.2.3").join(name), Some(12345), None)
                .expect("owner");
            assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("replaced").origin, Origin::Downloaded);
        }
    }
    // Nothing can be installed where another user can replace it.
    fs::set_permissions(bench.path("cache/tools"), fs::Permissions::from_mode(0o777)).expect("mode");
    let refused = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("refused"));
    assert!(refused.message.contains("other users can write to"), "{}", refused.message);
}

#[test]
fn another_checksum_in_the_lock_file_replaces_the_program() {
    let bench = Bench::new();
    let (old, new) = (shell(DEMO), shell("echo v1.2.3 # rebuilt"));
    let server = Server::ok(old.clone());
    bench.tools(&served(&server, &sha256(old.as_bytes()), "")).require("demo", "1.2.3").expect("served");
    let server = Server::ok(new.clone());
    let lock = served(&server, &sha256(new.as_bytes()), "");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("served").origin, Origin::Downloaded);
    assert_eq!(fs::read_to_string(bench.program()).expect("there"), new);
}

#[test]
fn list_reports_missing_tools_and_verify_missing_checksums() {
    let bench = Bench::new();
    let text = format!(
        "version = 1\n[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = []\n[[tool]]\nname = \"more\"\n\
         version = \"1.0\"\nversion-args = []\nurl = \"https://x/\"\n[tool.sha256]\nlinux-arm64 = \"{}\"\n",
        sha256(b"x")
    );
    let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
    let tools = bench.tools(&lock);
    let listed = tools.list(&[("demo", "1.2.3"), ("demo", "2.0.0")]);
    assert!(
        matches!(&listed[0].state, State::Missing { tried, .. } if tried.len() == 3 && tried[1] == "`demo` is not on PATH")
    );
    assert!(matches!(&listed[1].state, State::Wrong(why) if why.0[0].code == Code::ConfigInvalid));
    let verified = tools.verify(&[("demo", "1.2.3")]).remove(0);
    assert_eq!(verified.unpinned, ["linux-arm64"]);
    assert_eq!(first(verified.problems).message, "`demo` 1.2.3 is not installed");
    assert!(bench.cached().is_empty());
}

#[test]
fn go_builds_with_the_flags_of_the_lock_file() {
    let bench = Bench::new();
    let log = bench.path("log");
    // A script as `go`, which records its arguments and "builds" a program with the name of the package.
    bench.script(
        "bin/go",
        &format!(
            "printf '%s\\n' \"$@\" \"GOFLAGS=$GOFLAGS\" \"CGO_ENABLED=$CGO_ENABLED\" > {}\n\
             printf '#!/bin/sh\\necho v1.2.3\\n' > \"$GOBIN/package\"; chmod 755 \"$GOBIN/package\"",
            log.display()
        ),
    );
    let lock = demo("go = \"example.org/package@v1.2.3\"\ngo-ldflags = \"-X a=b -X c=\"\ngo-takes = \"a blink\"");
    let tool = bench.tools(&lock).require("demo", "1.2.3").expect("built");
    assert_eq!((tool.path, tool.origin), (bench.program(), Origin::Built));
    assert_eq!(
        fs::read_to_string(log).expect("log"),
        "install\n-trimpath\n-ldflags\n-X a=b -X c=\nexample.org/package@v1.2.3\nGOFLAGS=-trimpath -mod=readonly -buildvcs=false\nCGO_ENABLED=0\n"
    );
    assert_eq!(locked(&bench.progress.0)[0], "Building demo 1.2.3 with go (a blink)");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("cached").origin, Origin::Cache);
}

#[test]
fn a_failed_build_is_reported_with_the_output_of_go() {
    let bench = Bench::new();
    bench.script("bin/go", "echo 'go: downloading x v1' >&2; echo 'go: no such module' >&2; exit 1");
    let lock = demo("go = \"example.org/package@v1.2.3\"");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no module"));
    let expected =
        "go install: `go install -trimpath example.org/package@v1.2.3` failed: go: no such module".to_owned();
    assert_eq!(error.notes.last(), Some(&expected));
    assert!(bench.cached().is_empty());
}

/// Builds kubeconform from its source, without downloads of binaries.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test prints why")]
fn go_builds_the_real_kubeconform() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools.lock");
    let text = fs::read_to_string(path).expect("tools.lock").replace("https://github.com/", "http://127.0.0.1:1/");
    let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
    let mut bench = Bench::new();
    let real = Machine::of_process(&lock);
    // Only Go is on PATH: a kubeconform in the same directory would be found.
    let go = real.on_path("go");
    if let Some(go) = &go {
        fs::create_dir_all(bench.path("bin")).expect("directory");
        std::os::unix::fs::symlink(go, bench.path("bin/go")).expect("linked");
    }
    bench.machine.platform = real.platform;
    match bench.tools(&lock).require("kubeconform", "0.8.0") {
        Ok(tool) => {
            assert_eq!(tool.origin, Origin::Built);
            assert!(bench.tools(&lock).verify(&[("kubeconform", "0.8.0")])[0].problems.is_empty());
        }
        Err(error) => {
            let reasons = first(error).notes.join("\n");
            eprintln!("skipped, since kubeconform could not be built with Go:\n{reasons}");
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "CI requires Go and its modules:\n{reasons}");
        }
    }
}
