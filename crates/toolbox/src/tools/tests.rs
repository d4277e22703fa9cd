//! The ways to a tool, driven with scripts that stand in for tools and a server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::archive::sha256;
use crate::progress::Silent;
use crate::tools::*;
use diagnostics::Source;

/// Writes a program for the shell.
pub(super) fn write_script(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    fs::write(path, shell(script)).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
}

fn shell(script: &str) -> String {
    format!("#!/bin/sh\n{script}\n")
}

/// A gzipped tar archive, with paths that an honest packager would not write, too.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("in memory");
    }
    builder.into_inner().expect("in memory").finish().expect("in memory")
}

/// Serves answers, a connection each, in order; the last one again and again. Counts the requests.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn new(answers: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let url = format!("http://{}/demo-v{{version}}-{{platform}}", listener.local_addr().expect("address"));
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("socket"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                    line.clear();
                }
                let (status, body) = &answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Self { url, requests }
    }

    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(vec![("200 OK", body.into())])
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Keeps what a run says.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn status(&self, verb: &str, what: &str) {
        locked(&self.0).push(format!("{verb} {what}"));
    }
}

impl Told {
    fn verbs(&self) -> Vec<String> {
        locked(&self.0).iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    }
}

/// A machine of its own: an empty PATH, no variables, an empty cache.
struct Bench {
    directory: tempfile::TempDir,
    machine: Machine,
    told: Told,
}

const DEMO: &str = "echo v1.2.3";

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary folder");
        let machine = Machine {
            platform: "linux-amd64".to_owned(),
            search_path: vec![directory.path().join("bin")],
            variables: BTreeMap::new(),
        };
        Self { directory, machine, told: Told::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn script(&self, name: &str, script: &str) -> PathBuf {
        write_script(&self.path(name), script);
        self.path(name)
    }

    fn tools<'a>(&'a self, lock: &'a ToolsLock) -> Tools<'a> {
        Tools::on(self.machine.clone(), lock, &self.path("cache"), false, &self.told)
    }

    fn program(&self) -> PathBuf {
        self.path("cache/tools/demo/1.2.3/demo")
    }

    /// Everything in the cache of tools, without the locks.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("cache/tools")).into_iter().flatten().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with(".lock-") && name != "probed");
        names.sort();
        names
    }
}

/// A lock file with one tool, `demo` 1.2.3.
fn demo(more: &str) -> ToolsLock {
    let text = format!("version = 1\n[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = []\n{more}\n");
    ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound")
}

fn served(server: &Server, sum: &str, member: &str) -> ToolsLock {
    let member = if member.is_empty() { String::new() } else { format!("member = \"{member}\"\n") };
    demo(&format!("url = \"{}\"\n{member}[tool.sha256]\nlinux-amd64 = \"{sum}\"", server.url))
}

fn first(error: Diagnostics) -> Diagnostic {
    error.0.into_iter().next().expect("a diagnostic")
}

#[test]
fn the_order_is_variable_then_path_then_cache() {
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
    let found = bench.tools(&lock).require("demo", "1.2.3").expect("by variable");
    assert_eq!((found.path, found.origin), (own, Origin::Variable));
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_variable_that_names_another_version_is_an_error() {
    let mut bench = Bench::new();
    let own = bench.script("own", "echo v4.3.1");
    bench.script("bin/demo", DEMO);
    bench.machine.variables.insert("demo".to_owned(), own.clone());
    let lock = demo("");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("another version"));
    let expected = format!("`XTASK_DEMO` names `{}`, which is 4.3.1; demo 1.2.3 is pinned", own.display());
    assert_eq!((error.code, error.message), (Code::ToolUnavailable, expected));

    bench.machine.variables.insert("demo".to_owned(), bench.path("nowhere"));
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("nothing there"));
    assert!(error.message.ends_with("nowhere`, which is no program"), "{error:?}");
    assert_eq!(error.helps, ["let `XTASK_DEMO` name demo 1.2.3, or unset it"]);
}

#[test]
fn another_version_on_path_is_passed_over_and_told_once() {
    let mut bench = Bench::new();
    // Only the first of its name counts, as it does for a shell.
    bench.machine.search_path = vec![bench.path("first"), bench.path("second")];
    bench.script("first/demo", "echo v4.3.1");
    bench.script("second/demo", DEMO);
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let tools = bench.tools(&lock);
    for _ in 0..2 {
        assert_eq!(tools.require("demo", "1.2.3").expect("served").path, bench.program());
    }
    let warnings = tools.warnings();
    let messages: Vec<_> = warnings.0.iter().map(|warning| (warning.code, warning.message.as_str())).collect();
    let expected = "`demo` on PATH is 4.3.1, the pinned one is 1.2.3; it is not used";
    assert_eq!(messages, [(Code::ToolVersion, expected)]);
    assert!(!warnings.has_errors());
}

#[test]
fn a_download_with_another_sum_is_refused() {
    let bench = Bench::new();
    let server = Server::ok(shell("echo evil"));
    let lock = served(&server, &sha256(b"what was pinned"), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("tampered"));
    assert_eq!(error.code, Code::ArchiveTampered);
    assert_eq!(error.message, "the download of demo 1.2.3 is not what tools.lock pins");
    assert_eq!(error.places[0].0.to_string(), "tools.lock:4:11");
    assert_eq!(error.notes[1], format!("expected: sha256 {}", sha256(b"what was pinned")));
    assert!(error.notes[2].starts_with(&format!("found: sha256 {}", sha256(shell("echo evil").as_bytes()))));
    assert_eq!((server.requests(), bench.left()), (1, vec![]));
}

#[test]
fn an_archive_is_unpacked_and_its_program_proven() {
    let bench = Bench::new();
    let body = archive(&[("linux-amd64/LICENSE", "free"), ("linux-amd64/demo", &shell(DEMO))]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "{platform}/demo");
    let tool = bench.tools(&lock).require("demo", "1.2.3").expect("served");
    assert_eq!((tool.path, tool.origin), (bench.program(), Origin::Downloaded));
    assert_eq!(fs::metadata(bench.program()).expect("there").permissions().mode() & 0o777, 0o755);
    assert_eq!(bench.told.verbs(), ["Downloading", "Installed"]);
    assert_eq!(bench.left(), ["demo"]);
}

#[test]
fn an_archive_without_the_program_says_what_it_holds() {
    let bench = Bench::new();
    let body = archive(&[("demo-1/demo", "x")]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "{platform}/demo");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no member"));
    assert_eq!(error.message, "`demo-v1.2.3-linux-amd64` holds no `linux-amd64/demo`");
    assert_eq!((error.code, error.notes), (Code::ConfigInvalid, vec!["it holds `demo-1/demo`".to_owned()]));
    assert!(bench.left().is_empty());
}

#[test]
fn an_archive_that_would_leave_its_folder_is_refused() {
    let bench = Bench::new();
    let body = archive(&[("demo", &shell(DEMO)), ("../../../bin/demo", "evil")]);
    let server = Server::ok(body.clone());
    let lock = served(&server, &sha256(&body), "demo");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("hostile"));
    assert_eq!(error.code, Code::ArchiveUnsafe);
    let name = "demo-v1.2.3-linux-amd64";
    let message = format!("`{name}` contains `../../../bin/demo`, which is outside of the archive's folder");
    assert_eq!((error.message, error.places[0].0.to_string()), (message, "tools.lock:4:11".to_owned()));
    assert!(bench.left().is_empty() && !bench.path("bin").exists());
}

#[test]
fn a_download_of_another_version_is_not_kept() {
    let bench = Bench::new();
    let server = Server::ok(shell("echo v9.9.9"));
    let lock = served(&server, &sha256(shell("echo v9.9.9").as_bytes()), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("another version"));
    assert_eq!(error.message, "the download of demo 1.2.3 is 9.9.9");
    assert!(bench.left().is_empty());
}

#[test]
fn a_server_in_trouble_is_asked_twice_and_a_missing_page_once() {
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
fn a_cut_connection_is_no_tampering() {
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
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("cut"));
    serving.join().expect("two requests");
    assert_eq!(error.code, Code::ToolUnavailable);
    assert!(error.notes[3].starts_with("download: ") && error.notes[3].ends_with("(tried twice)"), "{error:?}");
    assert!(bench.left().is_empty());
}

#[test]
fn what_cannot_be_had_says_what_was_tried_and_what_would_help() {
    let bench = Bench::new();
    bench.script("bin/demo", "echo development");
    let sum = sha256(b"x");
    // No one listens on port 1.
    let lock = demo(&format!(
        "url = \"http://127.0.0.1:1/demo\"\ngo = \"example.org/demo@v1.2.3\"\ngo-ldflags = \"-X a=b\"\n\
         [tool.sha256]\nlinux-amd64 = \"{sum}\""
    ));
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no way"));
    assert_eq!(error.code, Code::ToolUnavailable);
    assert_eq!(error.message, "`demo` 1.2.3 could not be had on linux-amd64");
    let [variable, path, cache, download, go] = &error.notes[..] else { panic!("{:?}", error.notes) };
    assert_eq!(variable, "`XTASK_DEMO` is not set");
    assert!(path.ends_with("bin/demo`, which tells no version: it says \"development\""), "{path}");
    assert_eq!(*cache, format!("the cache has no `{}`", bench.program().display()));
    assert!(download.starts_with("download: http://127.0.0.1:1/demo: ") && download.contains("refused"), "{download}");
    assert_eq!(go, "go install: there is no `go` on PATH");
    assert_eq!(
        error.helps,
        [
            &format!("bring http://127.0.0.1:1/demo from elsewhere (sha256 {sum})"),
            "where Go is: `CGO_ENABLED=0 go install -trimpath -ldflags '-X a=b' example.org/demo@v1.2.3`",
            "then put the program on PATH, or set `XTASK_DEMO` to its path",
        ]
    );
}

#[test]
fn a_platform_without_a_sum_is_never_downloaded() {
    let mut bench = Bench::new();
    bench.machine.platform = "linux-riscv64".to_owned();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no sum"));
    assert!(error.notes[3].ends_with("skipped: tools.lock has no sha256 of it for linux-riscv64"), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn offline_asks_no_server() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let tools = Tools::on(bench.machine.clone(), &lock, &bench.path("cache"), true, &Silent);
    let error = first(tools.require("demo", "1.2.3").expect_err("offline"));
    assert!(error.notes.contains(&"download: not tried, `--offline` was given".to_owned()), "{error:?}");
    assert_eq!(error.helps[0], "with a network, run `cargo xtask tools install demo`");
    // What no network brings is not promised.
    let lock = demo(&format!("url = \"{}\"", server.url));
    let tools = Tools::on(bench.machine.clone(), &lock, &bench.path("cache"), true, &Silent);
    let error = first(tools.require("demo", "1.2.3").expect_err("offline"));
    assert!(error.helps.iter().all(|help| !help.contains("tools install")), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn threads_that_ask_at_once_install_once() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    // Threads of one run share a memory; two runs share only the cache.
    let (one, other) = (bench.tools(&lock), bench.tools(&lock));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            for tools in [&one, &other] {
                scope.spawn(|| tools.require("demo", "1.2.3").expect("served"));
            }
        }
    });
    assert_eq!((server.requests(), bench.left()), (1, vec!["demo".to_owned()]));
}

#[test]
fn a_run_waits_for_another_and_clears_what_a_killed_one_left() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let root = bench.path("cache/tools");
    fs::create_dir_all(root.join(".staging-demo-1.2.3_killed/bin")).expect("folder");
    fs::create_dir_all(root.join(".staging-demo-1.2.3-rc1_other")).expect("folder");
    let held = fs::File::create(root.join(".lock-demo-1.2.3")).expect("lock file");
    held.lock().expect("locked");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.tools(&lock).require("demo", "1.2.3").expect("served"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while bench.told.verbs() != ["Waiting"] && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((bench.told.verbs(), server.requests()), (vec!["Waiting".to_owned()], 0));
        held.unlock().expect("unlocked");
        assert_eq!(waiting.join().expect("no panic").origin, Origin::Downloaded);
    });
    assert_eq!(bench.left(), [".staging-demo-1.2.3-rc1_other", "demo"]);
}

#[test]
fn what_is_in_the_cache_runs_nothing_until_it_is_verified() {
    let bench = Bench::new();
    let count = bench.path("count");
    let script = shell(&format!("echo asked >> {}\n{DEMO}", count.display()));
    let server = Server::ok(script.clone());
    let lock = served(&server, &sha256(script.as_bytes()), "");
    let asked = || fs::read_to_string(&count).expect("count").lines().count();
    bench.tools(&lock).require("demo", "1.2.3").expect("served");
    assert_eq!(asked(), 1);
    bench.tools(&lock).require("demo", "1.2.3").expect("cached");
    assert!(matches!(bench.tools(&lock).list(&[("demo", "1.2.3")])[0].state, State::Found(_)));
    assert_eq!(asked(), 1);
    let verified = bench.tools(&lock).verify(&[("demo", "1.2.3")]).remove(0);
    assert_eq!((verified.sha256, asked()), (Some(sha256(script.as_bytes())), 2));
    assert!(verified.problems.is_empty() && verified.unpinned.is_empty());
}

#[test]
fn what_is_damaged_is_told_by_verify_and_mended() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    let wanted = [("demo", "1.2.3")];
    bench.tools(&lock).require("demo", "1.2.3").expect("served");

    // A run notices by the time of change; the length is the same.
    fs::write(bench.program(), shell("echo v1.2.4")).expect("written");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("mended").origin, Origin::Downloaded);
    assert!(bench.told.verbs().contains(&"Replacing".to_owned()));
    assert_eq!(fs::read_to_string(bench.program()).expect("there"), shell(DEMO));

    // Where even the time is as it was, only the content tells.
    let fresh = fs::metadata(bench.program()).and_then(|facts| facts.modified()).expect("time");
    fs::write(bench.program(), shell("echo v1.2.4")).expect("written");
    fs::File::options().write(true).open(bench.program()).and_then(|file| file.set_modified(fresh)).expect("time set");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("not noticed").origin, Origin::Cache);
    let problem = first(bench.tools(&lock).verify(&wanted).remove(0).problems);
    assert!(problem.message.starts_with("`demo` 1.2.3 in the cache is not what was installed: it has sha256 "));
    assert_eq!(problem.helps, ["run `cargo xtask tools install demo`"]);
    let (tools, problems) = bench.tools(&lock).install(&wanted);
    assert_eq!((tools[0].origin, problems.is_empty()), (Origin::Downloaded, true));
    assert!(bench.tools(&lock).verify(&wanted)[0].problems.is_empty());
    assert_eq!((server.requests(), bench.left()), (3, vec!["demo".to_owned()]));
}

#[test]
fn a_cache_that_was_carried_elsewhere_is_still_sound() {
    let bench = Bench::new();
    let server = Server::ok(shell(DEMO));
    let lock = served(&server, &sha256(shell(DEMO).as_bytes()), "");
    bench.tools(&lock).require("demo", "1.2.3").expect("served");
    let file = fs::File::options().write(true).open(bench.program()).expect("opened");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("time set");
    drop(file);
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("cached").origin, Origin::Cache);
    assert!(fs::read_to_string(bench.path("cache/tools/demo/1.2.3/installed")).expect("record").contains("changed 0."));
    assert_eq!(server.requests(), 1);
}

#[test]
fn another_sum_in_the_lock_file_brings_it_anew() {
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
fn a_list_says_what_is_missing_and_verify_what_is_not_pinned() {
    let bench = Bench::new();
    let text = format!(
        "version = 1\n[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = []\n[[tool]]\nname = \"more\"\n\
         version = \"1.0\"\nversion-args = []\nurl = \"https://x/\"\n[tool.sha256]\nlinux-arm64 = \"{}\"\n",
        sha256(b"x")
    );
    let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
    let tools = bench.tools(&lock);
    let listed = tools.list(&[("demo", "1.2.3"), ("demo", "2.0.0")]);
    assert!(matches!(&listed[0].state, State::Missing(tried) if tried.len() == 3 && tried[1] == "PATH has no `demo`"));
    assert!(matches!(&listed[1].state, State::Wrong(why) if why.0[0].code == Code::ConfigInvalid));
    let verified = tools.verify(&[("demo", "1.2.3")]).remove(0);
    assert_eq!(verified.unpinned, ["linux-arm64"]);
    assert_eq!(first(verified.problems).message, "`demo` 1.2.3 is not installed");
    assert!(bench.left().is_empty());
}

#[test]
fn go_builds_into_the_cache_with_the_flags_of_the_lock_file() {
    let bench = Bench::new();
    let log = bench.path("log");
    // A stand-in for Go that writes down how it was called, and "builds" a program named after the package.
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
        "install\n-trimpath\n-ldflags\n-X a=b -X c=\nexample.org/package@v1.2.3\nGOFLAGS=-trimpath\nCGO_ENABLED=0\n"
    );
    assert_eq!(locked(&bench.told.0)[0], "Building demo 1.2.3 with go (a blink)");
    assert_eq!(bench.tools(&lock).require("demo", "1.2.3").expect("cached").origin, Origin::Cache);
}

#[test]
fn a_build_that_fails_is_told_with_go_s_own_words() {
    let bench = Bench::new();
    bench.script("bin/go", "echo 'go: downloading x v1' >&2; echo 'go: no such module' >&2; exit 1");
    let lock = demo("go = \"example.org/package@v1.2.3\"");
    let error = first(bench.tools(&lock).require("demo", "1.2.3").expect_err("no module"));
    let expected =
        "go install: `go install -trimpath example.org/package@v1.2.3` failed: go: no such module".to_owned();
    assert_eq!(error.notes.last(), Some(&expected));
    assert!(bench.left().is_empty());
}

/// The real thing: kubeconform from its source, as tools.lock names it, by a machine that can download nothing.
#[test]
#[expect(clippy::print_stderr, reason = "a test that could not be made says why")]
fn go_builds_the_real_kubeconform() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools.lock");
    let text = fs::read_to_string(path).expect("tools.lock").replace("https://github.com/", "http://127.0.0.1:1/");
    let lock = ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound");
    let mut bench = Bench::new();
    let real = Machine::of_process(&lock);
    // Only Go itself comes from this machine: a kubeconform beside it would be found before anything is built.
    let go = real.on_path("go");
    if let Some(go) = &go {
        fs::create_dir_all(bench.path("bin")).expect("folder");
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
            eprintln!("not tested, kubeconform could not be built with Go:\n{reasons}");
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "CI needs Go and its modules:\n{reasons}");
        }
    }
}
