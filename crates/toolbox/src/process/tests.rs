//! Tests of running programs.

use super::*;

fn sh(script: &str) -> Invocation {
    Invocation::new(Path::new("/bin/sh"), Path::new("/")).args(["-c", script])
}

#[test]
fn both_streams_and_the_exit_code_are_captured() {
    let output = sh("echo out; echo err >&2; exit 3").run().expect("sh runs");
    assert_eq!((output.code, output.stdout.as_slice(), output.stderr.as_str()), (Some(3), &b"out\n"[..], "err\n"));
    assert!(!output.success());
}

#[test]
fn what_go_prints_without_memory_is_recognized() {
    let lines =
        ["fatal error: runtime: out of memory", "runtime: cannot allocate memory", "SIGSEGV: segmentation violation"];
    for line in lines {
        let failed = sh(&format!("echo '{line}' >&2; exit 2"));
        let error = failed.clone().limit(Limit::PluginTime).run().expect_err("no memory");
        assert!(error.0[0].message.contains("exceeded its memory limit"), "{error:?}");
        assert_eq!(failed.run().expect("without a limit, the program decides").code, Some(2));
    }
    let panic = "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1]";
    let output = sh(&format!("printf '{panic}' >&2; exit 2")).limit(Limit::PluginTime).run().expect("its own error");
    assert_eq!(output.code, Some(2));
}

#[test]
fn a_deadline_ends_child_processes_too() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let pid_file = directory.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
    let error = sh(&script).deadline(Duration::from_millis(300)).run().expect_err("exceeds the deadline");
    assert!(error.0[0].message.contains("exceeded its time limit of 0 s"), "{error:?}");
    let pid = std::fs::read_to_string(pid_file).expect("pid");
    // A process that has ended but was not waited for is a zombie, `Z`.
    let state = || sh(&format!("ps -o stat= -p {}", pid.trim())).run().expect("ps runs").stdout;
    let gone = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        matches!(state().first(), None | Some(b'Z'))
    });
    assert!(gone, "the child of the shell is still running");
}

#[test]
fn follow_passes_lines_until_the_caller_breaks() {
    let script = sh("cat; echo two; sleep 60").input("one\n").deadline(Duration::from_secs(20));
    let mut seen = Vec::new();
    let followed = script.follow(|line| {
        seen.extend(line.map(str::to_owned));
        if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(followed, Ok(Followed::Broken(()))), "{followed:?}");
    assert_eq!(seen, ["one", "two"]);
}

#[test]
fn follow_returns_the_exit_code_or_reports_the_deadline() {
    let never = |_: Option<&str>| ControlFlow::<()>::Continue(());
    let ended = sh("echo out; echo err >&2; exit 3").follow(never);
    assert!(matches!(&ended, Ok(Followed::Ended(output)) if output.code == Some(3) && output.stderr == "err\n"));
    let late = sh("echo why >&2; sleep 60").deadline(Duration::from_millis(500)).follow(never);
    assert!(matches!(&late, Ok(Followed::Late(stderr)) if stderr == "why\n"), "{late:?}");
}

#[test]
fn run_unless_ends_the_program_for_a_reason() {
    let ended = sh("sleep 60").run_unless(|| Some("gone"));
    assert!(matches!(ended, Ok(Err("gone"))), "{ended:?}");
    let whole = sh("echo done").run_unless(|| None::<()>);
    assert!(matches!(&whole, Ok(Ok(output)) if output.stdout == b"done\n"), "{whole:?}");
}

#[test]
fn the_environment_is_explicit() {
    let output = sh("env").env("GIVEN", "yes").run().expect("sh runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("GIVEN=yes"));
    assert!(!text.contains("CARGO_PKG_NAME="), "{text}");
}

#[test]
fn the_error_names_a_missing_program() {
    let error = Invocation::new(Path::new("/nowhere/helm"), Path::new("/")).run().expect_err("missing");
    assert!(error.0[0].message.contains("/nowhere/helm"), "{error:?}");
}

#[test]
fn command_lines_are_quoted() {
    let line = sh("echo 'a b'").command_line();
    assert_eq!(line, r"sh -c 'echo '\''a b'\'''");
}
