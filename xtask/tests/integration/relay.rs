//! Runs the relay of charts/postfix in a container: accepted mail, rejected mail, and no lost mail.
//!
//! Image, security context, mounts, probes, and configuration are read from the golden of the default case, so the tests
//! run what Argo CD applies. The container is attached to one network inside `relay.networks` and one outside.
//!
//! Services, PersistentVolumeClaims, and NetworkPolicies are tested in a cluster, not here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use diagnostics::Source;
use document::{Node, yaml};
use golden::Golden;
use kubernetes::manifest;
use toolbox::engine::Engine;
use toolbox::process::Output;
use workspace::target::TargetId;

use crate::image::{engine, unique};
use crate::support::repository;

/// An allowed sender, according to the golden.
const SENDER: &str = "app@example.com";

/// The label of everything that a test creates. Its value is unique to the test.
const LABEL: &str = "xtask-test";

/// The relevant parts of the golden of the default case.
struct Rendered {
    pod: Node,
    container: Node,
    config: BTreeMap<String, String>,
    /// The script of `helm test`.
    test: String,
}

impl Rendered {
    fn load() -> Self {
        let id = TargetId { app: "postfix".to_owned(), case: "default".to_owned() };
        let golden = Golden::load(repository(), &id).expect("goldens");
        let object = |kind: &str| -> Node {
            let texts = golden.files.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let mut found = texts.filter(|text| {
                manifest::read_golden(text, "postfix").is_some_and(|manifest| manifest.key.kind == kind)
            });
            let text = found.next().unwrap_or_else(|| panic!("no golden of a {kind}"));
            yaml::parse_one(&Source::new(kind, text)).expect("YAML").root
        };
        let pod = at(&object("Deployment"), "spec.template.spec").clone();
        let [container] = at(&pod, "containers").items() else { panic!("one container is expected") };
        let config = at(&object("ConfigMap"), "data")
            .entries()
            .iter()
            .map(|(key, value)| (key.name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let test = object("Pod");
        let [test] = at(&test, "spec.containers").items() else { panic!("one container is expected") };
        let Some(test) = at(test, "command").items().last().and_then(Node::as_str) else { panic!("no script") };
        Self { container: container.clone(), pod, config, test: test.to_owned() }
    }

    fn image(&self) -> &str {
        text(&self.container, "image")
    }

    fn port(&self) -> u16 {
        let ports = at(&self.container, "ports").items().iter();
        let mut smtp =
            ports.filter(|port| text(port, "name") == "smtp").map(|port| at(port, "containerPort").to_json());
        smtp.next_back().expect("a port for SMTP").parse().expect("a port")
    }

    /// The container's security context as flags. Fails on unknown fields, because they would not be tested.
    fn security(&self) -> Vec<String> {
        for (key, value) in at(&self.pod, "securityContext").entries() {
            // RuntimeDefault is the engine's default profile.
            assert!(key.name == "seccompProfile" && text(value, "type") == "RuntimeDefault", "{}", key.name);
        }
        let mut flags = Vec::new();
        for (key, value) in at(&self.container, "securityContext").entries() {
            match (key.name.as_str(), value.to_json().as_str()) {
                ("allowPrivilegeEscalation", "false") => flags.push("--security-opt=no-new-privileges".to_owned()),
                ("readOnlyRootFilesystem", "true") => flags.push("--read-only".to_owned()),
                ("capabilities", _) => {
                    for (change, names) in value.entries() {
                        let flag = if change.name == "drop" { "--cap-drop" } else { "--cap-add" };
                        flags.extend(
                            names.items().iter().map(|name| format!("{flag}={}", name.as_str().expect("text"))),
                        );
                    }
                }
                (key, value) => panic!("no flag for {key}: {value}"),
            }
        }
        flags
    }

    /// The mounts as flags. The files of the `ConfigMap` are in a directory, the queue is in a volume.
    fn mounts(&self, folder: &Path, queue: &str) -> Vec<String> {
        let volumes = at(&self.pod, "volumes").items();
        let mount = |mount: &Node| {
            let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
            let volume = volumes.iter().find(|volume| text(volume, "name") == name).expect("a volume");
            let kind = volume.entries().iter().map(|(key, _)| key.name.as_str()).find(|key| *key != "name");
            match kind {
                Some("configMap") => {
                    let inside = mount.get("subPath").map_or("", |path| path.as_str().expect("text"));
                    assert_eq!(at(mount, "readOnly").to_json(), "true");
                    format!("--mount=type=bind,src={},dst={path},readonly", folder.join(inside).display())
                }
                // Like a PersistentVolumeClaim, the volume starts empty.
                Some("persistentVolumeClaim") => format!("--mount=type=volume,src={queue},dst={path},volume-nocopy"),
                Some("emptyDir") => format!("--tmpfs={path}:mode=0777"),
                other => panic!("no flag for a volume of type {other:?}"),
            }
        };
        at(&self.container, "volumeMounts").items().iter().map(mount).collect()
    }

    fn probe(&self, name: &str) -> Vec<String> {
        let command = at(&self.container, &format!("{name}.exec.command"));
        command.items().iter().map(|word| word.as_str().expect("text").to_owned()).collect()
    }
}

#[track_caller]
fn at<'a>(node: &'a Node, path: &str) -> &'a Node {
    path.split('.').fold(node, |node, key| node.get(key).unwrap_or_else(|| panic!("no {path}")))
}

#[track_caller]
fn text<'a>(node: &'a Node, path: &str) -> &'a str {
    at(node, path).as_str().unwrap_or_else(|| panic!("{path} is not a string"))
}

/// The containers, networks, and volumes of one test. All are removed on drop.
struct Lab {
    engine: Engine,
    id: String,
    image: String,
    folder: tempfile::TempDir,
}

impl Lab {
    fn run<S: AsRef<str>>(&self, args: &[S]) -> Output {
        let args = args.iter().map(|arg| arg.as_ref().to_owned());
        self.engine
            .invocation(Path::new("/"))
            .args(args)
            .deadline(Duration::from_secs(30))
            .run()
            .expect("the engine runs")
    }

    #[track_caller]
    fn ok<S: AsRef<str>>(&self, args: &[S]) -> String {
        let output = self.run(args);
        let line: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        assert!(output.success(), "{}: {}", line.join(" "), output.stderr);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.id)
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// Creates a network in 10.244.0.0/16, whose clients may relay, and returns its prefix. Skips subnets in use.
    fn inside(&self) -> String {
        let first = u8::try_from(std::process::id() % 200).expect("small");
        for number in (0..50).map(|step| first.wrapping_add(step)) {
            let prefix = format!("10.244.{number}");
            let subnet = format!("--subnet={prefix}.0/24");
            let label = self.label();
            let output =
                self.run(&["network", "create", "--internal", "--label", &label, &subnet, &self.named("inside")]);
            if output.success() {
                return prefix;
            }
        }
        panic!("no free network in 10.244.0.0/16");
    }

    /// Sends mail with smtp-source from a network.
    fn source(&self, network: &str, args: &[&str]) -> Output {
        let (label, network) = (self.label(), self.named(network));
        let mut all =
            vec!["run", "--rm", "--label", &label, "--network", &network, "--entrypoint", "smtp-source", &self.image];
        all.extend(args);
        self.run(&all)
    }

    /// The recipients of all messages that the sink received.
    fn arrived(&self) -> BTreeSet<String> {
        let dump = self.ok(&["exec", &self.named("sink"), "sh", "-c", "cat /dump/* 2>/dev/null || true"]);
        let recipients = dump.lines().filter_map(|line| line.strip_prefix("X-Rcpt-Args: <"));
        recipients.filter_map(|rest| Some(rest.split_once('@')?.0.to_owned())).collect()
    }

    fn logs(&self) -> String {
        let output = self.run(&["logs", &self.named("relay")]);
        format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr)
    }

    /// The existing containers, networks, and volumes of this test.
    fn resources(&self) -> Vec<String> {
        let filter = format!("label={}", self.label());
        let mut resources = Vec::new();
        for (kind, list) in [("container", "-aq"), ("network", "-q"), ("volume", "-q")] {
            let output = self.run(&[kind, "ls", list, "--filter", &filter]);
            let ids = String::from_utf8_lossy(&output.stdout).into_owned();
            resources.extend(ids.lines().map(|id| format!("{kind} {id}")));
        }
        resources
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Containers first: they use the networks and volumes.
        for resource in self.resources() {
            let (kind, id) = resource.split_once(' ').expect("two words");
            let mut args = vec![kind, "rm", id];
            if kind == "container" {
                args.insert(2, "--force");
            }
            let _ = self.run(&args);
        }
        let leftover = self.resources();
        assert!(std::thread::panicking() || leftover.is_empty(), "leftover resources: {leftover:?}");
    }
}

/// Waits until a condition holds.
#[track_caller]
fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

/// An SMTP connection. A command without a reply within seconds is an error.
struct Smtp(BufReader<TcpStream>);

impl Smtp {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut smtp = Self(BufReader::new(stream));
        smtp.reply("220")?;
        Ok(smtp)
    }

    fn reply(&mut self, expected: &str) -> std::io::Result<()> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if !line.starts_with(expected) {
                return Err(std::io::Error::other(line));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    fn command(&mut self, line: &str, expected: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply(expected)
    }

    /// Sends a message. `Ok` means that the relay accepted it.
    fn send(&mut self, recipient: &str) -> std::io::Result<()> {
        self.command(&format!("MAIL FROM:<{SENDER}>"), "250")?;
        self.command(&format!("RCPT TO:<{recipient}>"), "250")?;
        self.command("DATA", "354")?;
        self.command(&format!("From: {SENDER}\r\nSubject: load\r\n\r\nA line.\r\n."), "250")
    }
}

/// Sends mail over several connections until they break. Returns the recipients of all accepted messages.
fn load(address: SocketAddr, sink: &str, enough: usize, break_off: impl FnOnce()) -> BTreeSet<String> {
    let accepted = Mutex::new(BTreeSet::new());
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let Ok(mut smtp) = Smtp::connect(address) else { return };
                if smtp.command("EHLO load.example.com", "250").is_err() {
                    return;
                }
                while !over.load(Ordering::Relaxed) {
                    let name = format!("load{}", next.fetch_add(1, Ordering::Relaxed));
                    if smtp.send(&format!("{name}@[{sink}]")).is_err() {
                        return;
                    }
                    accepted.lock().expect("no panic").insert(name);
                }
            });
        }
        let started = Instant::now();
        while accepted.lock().expect("no panic").len() < enough && started.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(5));
        }
        break_off();
        // Stops the senders if their connections do not break.
        std::thread::sleep(Duration::from_secs(1));
        over.store(true, Ordering::Relaxed);
    });
    accepted.into_inner().expect("no panic")
}

/// Writes the files of the `ConfigMap`. They are backdated, because Postfix waits until main.cf is two seconds old.
fn write_config(folder: &Path, config: &BTreeMap<String, String>) -> PathBuf {
    let folder = folder.join("config");
    std::fs::create_dir(&folder).expect("created");
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    for (name, text) in config {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        File::options().write(true).open(&path).expect("opened").set_modified(minute_ago).expect("backdated");
    }
    folder
}

/// Creates a lab with a stopped relay and a running sink. Returns it with the addresses of both.
fn lab(engine: Engine, rendered: &Rendered) -> (Lab, SocketAddr, String) {
    let folder = tempfile::tempdir().expect("temporary directory");
    let lab = Lab { engine, id: unique(), image: rendered.image().to_owned(), folder };
    let label = lab.label();
    let prefix = lab.inside();
    lab.ok(&["network", "create", "--internal", "--label", &label, &lab.named("outside")]);
    lab.ok(&["volume", "create", "--label", &label, &lab.named("queue")]);

    let sink = format!("{prefix}.20");
    let (inside, named) = (lab.named("inside"), lab.named("sink"));
    // One second per message, so that a queue builds up.
    let sink_args = ["-u", "postfix", "-w", "1", "-d", "/dump/%s.", "0.0.0.0:25", "1000"];
    let mut args = vec!["run", "--detach", "--name", &named, "--label", &label, "--network", &inside, "--ip", &sink];
    args.extend(["--tmpfs=/dump:mode=0777", "--entrypoint", "smtp-sink", lab.image.as_str()]);
    args.extend(sink_args);
    lab.ok(&args);

    let config = write_config(lab.folder.path(), &rendered.config);
    let relay = format!("{prefix}.10");
    let name = lab.named("relay");
    let mut args: Vec<String> = ["create", "--name", &name, "--label", &label, "--network", &inside, "--ip", &relay]
        .map(str::to_owned)
        .to_vec();
    args.extend(rendered.security());
    args.extend(rendered.mounts(&config, &lab.named("queue")));
    args.push(lab.image.clone());
    lab.ok(&args);
    lab.ok(&["network", "connect", &lab.named("outside"), &name]);
    let address = format!("{relay}:{}", rendered.port()).parse().expect("an address");
    (lab, address, sink)
}

/// Starts the relay and waits for its greeting. The generous limit is for slow machines.
fn start(lab: &Lab, address: SocketAddr) {
    lab.ok(&["start", &lab.named("relay")]);
    within(Duration::from_secs(60), "the relay greets", || Smtp::connect(address).is_ok());
}

#[test]
fn the_relay_accepts_allowed_mail_and_loses_none() {
    let Some(engine) = engine() else { return };
    let rendered = Rendered::load();
    assert_eq!(rendered.image(), xtask::image::reference(repository(), "postfix").expect("a reference"));
    // Build the image with the tool, so that the test uses the current Dockerfile.
    let built = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["image", "postfix", "--root"])
        .arg(repository())
        .output()
        .expect("xtask runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let (lab, address, sink) = lab(engine, &rendered);
    start(&lab, address);

    probes_log_nothing(&lab, &rendered);
    accepts_and_rejects(&lab, &rendered, address, &sink);
    helm_test_fails_for_another_relay(&lab, &rendered, address, &sink);
    survives_sigterm(&lab, address, &sink);
}

fn probes_log_nothing(lab: &Lab, rendered: &Rendered) {
    let mut before = lab.logs();
    within(Duration::from_secs(5), "the log is quiet", || {
        std::thread::sleep(Duration::from_millis(400));
        let now = lab.logs();
        std::mem::replace(&mut before, now) == before
    });
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        for _ in 0..3 {
            let mut args = vec!["exec".to_owned(), lab.named("relay")];
            args.extend(rendered.probe(probe));
            lab.ok(&args);
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(lab.logs(), before, "a probe must log nothing");
}

fn accepts_and_rejects(lab: &Lab, rendered: &Rendered, address: SocketAddr, sink: &str) {
    let (inside, recipient) = (address.to_string(), format!("box@[{sink}]"));
    let sent = lab.source("inside", &["-f", SENDER, "-t", &recipient, "-N", "-m", "5", "-s", "2", &inside]);
    assert!(sent.success(), "{}\n{}", sent.stderr, lab.logs());
    within(Duration::from_secs(20), "five messages arrive", || lab.arrived().len() == 5);

    let foreign = lab.source("inside", &["-f", "stranger@sender.invalid", "-t", &recipient, &inside]);
    assert!(!foreign.success());
    assert!(
        foreign.stderr.contains("554 5.7.1 <stranger@sender.invalid>: Sender address rejected"),
        "{}",
        foreign.stderr
    );

    let network = lab.named("outside");
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    let door = lab.ok(&["inspect", "--format", &format, &lab.named("relay")]);
    let door = format!("{door}:{}", rendered.port());
    let outside = lab.source("outside", &["-f", SENDER, "-t", &recipient, &door]);
    assert!(!outside.success());
    let refused = outside.stderr.contains("554 5.7.1") && outside.stderr.contains("Client host rejected");
    assert!(refused, "{}", outside.stderr);
    assert_eq!(lab.arrived().len(), 5, "a rejected message must not arrive");
}

fn helm_test_fails_for_another_relay(lab: &Lab, rendered: &Rendered, address: SocketAddr, sink: &str) {
    let (label, network) = (lab.label(), lab.named("inside"));
    let run = |relay: &str, script: &str| {
        let variables = [format!("RELAY={relay}"), format!("SENDER={SENDER}"), format!("RECIPIENT=helm@[{sink}]")];
        let mut args = vec!["run", "--rm", "--label", &label, "--network", &network, "--entrypoint", "/bin/sh"];
        args.extend(variables.iter().flat_map(|variable| ["--env", variable]));
        args.extend([lab.image.as_str(), "-euc", script]);
        let output = lab.run(&args);
        (output.code, format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr))
    };
    let (code, text) = run(&address.to_string(), &rendered.test);
    assert!(code == Some(0) && text.contains("accepted: ") && text.contains("rejected a sender"), "{text}");

    let (code, text) = run(&format!("{sink}:25"), &rendered.test);
    assert!(code == Some(1) && text.contains("a sender from another domain was accepted"), "{text}");

    let later = r#"mkdir /tmp/fake
        printf '#!/bin/sh\ncase "$*" in *stranger@*) echo "421 4.7.0 later"; exit 1 ;; esac\n' > /tmp/fake/smtp-source
        chmod +x /tmp/fake/smtp-source
        PATH=/tmp/fake:$PATH"#;
    let (code, text) = run("nowhere:25", &format!("{later}\n{}", rendered.test));
    assert!(code == Some(1) && text.contains("expected code 554, got: 421 4.7.0 later"), "{text}");
}

fn survives_sigterm(lab: &Lab, address: SocketAddr, sink: &str) {
    let relay = lab.named("relay");
    let accepted = load(address, sink, 60, || {
        lab.ok(&["kill", "--signal", "TERM", &relay]);
    });
    assert!(accepted.len() >= 60, "only {} were accepted:\n{}", accepted.len(), lab.logs());
    within(Duration::from_secs(10), "the relay exits", || {
        lab.ok(&["inspect", "--format", "{{.State.Running}}", &relay]) == "false"
    });
    assert_eq!(lab.ok(&["inspect", "--format", "{{.State.ExitCode}}", &relay]), "0");
    let before = lab.arrived();
    let waiting = accepted.difference(&before).count();
    assert!(waiting > 0, "the queue was empty, so the test is meaningless");

    start(lab, address);
    let started = Instant::now();
    let mut missing = waiting;
    while missing > 0 && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(300));
        missing = accepted.difference(&lab.arrived()).count();
    }
    assert_eq!(
        missing,
        0,
        "of {} accepted messages, {waiting} waited, {missing} are lost:\n{}",
        accepted.len(),
        lab.logs()
    );
}
