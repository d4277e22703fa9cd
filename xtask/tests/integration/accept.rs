//! `render --accept`: the goldens it writes, and that it writes them atomically.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::support::{Bench, HELM_4, helm};

/// A stub for Helm that prints a file, so that most of a run is spent writing goldens.
const PRINTS: &str = "exec /bin/cat ../../rendered";

/// Many objects that contain the same text.
fn objects(age: &str) -> String {
    let object = |number: usize| {
        format!(
            "---\n# Source: web/templates/all.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: object-{number}\ndata:\n  age: {age}\n"
        )
    };
    (0..300).map(object).collect()
}

#[test]
fn accepted_targets_are_fresh() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::of("accept");
    bench.xtask("render").helm(&helm).run().says(1, &["web/default: 2 added"]);
    assert!(bench.goldens().is_empty(), "nothing must be written without `--accept`");
    bench.xtask("render --accept").helm(&helm).run().says(0, &["1 target: 1 recorded"]);
    // Now no helm is needed, independent of the location of the workspace and the current directory.
    bench.xtask("render").run().says(0, &["web/default: fresh", "1 target: 1 fresh"]);
    let goldens = bench.goldens();
    let moved = Bench::new();
    crate::support::copy(&bench.root(), &moved.root().join("deeper"));
    moved.xtask("render --root deeper/charts/web").run().says(0, &["1 target: 1 fresh"]);
    // Accepting the same render again changes nothing.
    bench.xtask("render --accept --force").helm(&helm).run().says(0, &["1 target: 1 unchanged"]);
    assert_eq!(bench.goldens(), goldens);
    assert!(bench.left_over().is_empty());
}

#[test]
fn a_kill_at_any_time_leaves_the_old_or_the_new_goldens() {
    let bench = Bench::of("accept");
    let helm = bench.stub(PRINTS);
    let accept = |age: &str| {
        bench.write("rendered", &objects(age));
        bench.xtask("render --accept --force").helm(&helm)
    };
    accept("old").run().says(0, &[]);
    let old = bench.goldens();
    let started = Instant::now();
    accept("new").run().says(0, &[]);
    let whole = started.elapsed();
    let new = bench.goldens();
    assert_eq!((old.len(), new.len()), (301, 301));

    let (mut kept, mut replaced) = (0, 0);
    for round in 0..50_u32 {
        accept("old").run().says(0, &[]);
        assert!(bench.goldens() == old, "a run after a kill must succeed");
        let mut child = accept("new").spawn();
        // Moments from the start to a little past the end, in pseudorandom order.
        let moment = whole.mul_f64(f64::from(round * 37 % 50) / 46.0);
        std::thread::sleep(moment);
        let _ = child.kill();
        let status = child.wait().expect("ended");
        let now = bench.goldens();
        assert!(now == old || now == new, "killed after {moment:?} ({status}): the goldens are mixed");
        let outcome = if now == new { &mut replaced } else { &mut kept };
        *outcome += u32::from(status.signal().is_some());
        // The next run removes the leftovers of the killed one.
        bench.xtask("render").helm(&helm).run();
        assert!(!bench.root().join("tests/.golden-staging").exists(), "a killed run left its staging directory");
        assert!(bench.goldens() == now, "the cleanup changed the goldens");
    }
    let counts = format!("of 50 kills within {whole:?}, {kept} came before the exchange and {replaced} after it");
    assert!(kept >= 10, "most kills came too late to be meaningful: {counts}");
}

#[test]
fn a_signal_while_helm_runs_leaves_nothing_behind() {
    let bench = Bench::of("accept");
    let started = bench.base().join("started");
    let helm = bench.stub(&format!("echo $$ > {0}.new; /bin/mv {0}.new {0}; exec /bin/sleep 60", started.display()));
    for signal in ["INT", "TERM"] {
        let _ = std::fs::remove_file(&started);
        let child = bench.xtask("render --accept").helm(&helm).spawn();
        let pid = until("helm to start", || std::fs::read_to_string(&started).ok());
        send(signal, &child.id().to_string());
        let status = wait(child);
        assert_eq!(status.code(), Some(130), "{signal}: {status}");
        until("helm to exit", || (!alive(pid.trim())).then_some(()));
        assert!(bench.left_over().is_empty(), "{signal}: {:?}", bench.left_over());
        assert!(bench.goldens().is_empty(), "{signal}");
        assert!(!bench.root().join("tests").exists(), "{signal}: the staging directory was left behind");
    }
}

fn send(signal: &str, pid: &str) {
    let status = std::process::Command::new("/bin/sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
    assert!(status.expect("sh runs").success());
}

/// Whether a process is running. A zombie is not.
fn alive(pid: &str) -> bool {
    let script = format!("kill -0 {pid} 2>/dev/null && ! ps -o stat= -p {pid} | grep -q '^Z'");
    std::process::Command::new("/bin/sh").args(["-c", &script]).status().expect("sh runs").success()
}

fn wait(mut child: std::process::Child) -> std::process::ExitStatus {
    until("xtask to exit", || child.try_wait().expect("a child"))
}

fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
