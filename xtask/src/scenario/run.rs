//! Steps, done: each waits by watching, and ends at once where the cluster shows that it cannot succeed.
//!
//! Deliberately absent: rendering and applying an application, which the run lends as [`Deploy`].

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::apply::{Written, settle, write};
use super::expect::{Expect, Left};
use super::object::{Check, Subject};
use super::step::Action;
use super::{Scenario, Step, variables};
use crate::cluster::kubectl::{Kubectl, checked};
use crate::cluster::observer::{Observer, Stop, gone};
use crate::cluster::verdict::{self, Trouble, Verdict};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::manifest::ObjectKey;
use crate::process::{Followed, Invocation};
use crate::progress::waits_for;
use crate::whole;

/// Deploys an application.
pub trait Deploy: Sync {
    /// Deploys it with further values, in a namespace, and waits until it is healthy.
    fn deploy(
        &self,
        app: &str,
        values: Option<&Path>,
        namespace: Option<&str>,
        deadline: Duration,
    ) -> std::result::Result<(), Stop>;

    /// The path of a pinned tool.
    fn tool(&self, name: &str) -> Result<PathBuf>;
}

/// What runs the steps of a scenario.
pub struct Runner<'a> {
    /// kubectl toward the cluster.
    pub kubectl: &'a Kubectl,
    /// The look at it.
    pub observer: &'a Observer,
    /// What deploys.
    pub deployer: &'a dyn Deploy,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The namespace of the application.
    pub namespace: String,
    /// The objects of the application.
    pub objects: Vec<ObjectKey>,
    /// What the run and the steps before have set.
    pub values: BTreeMap<String, String>,
    /// Where files of this scenario may be written.
    pub folder: PathBuf,
}

impl Runner<'_> {
    /// Does a step; what it has to tell is returned.
    pub fn step(&mut self, step: &Step) -> std::result::Result<Option<String>, Stop> {
        let started = Instant::now();
        let left = || step.deadline.saturating_sub(started.elapsed());
        match &step.action {
            Action::Ready(subjects) => self.ready(subjects, step.deadline).map(|()| None),
            Action::Deploy { values, namespace } => {
                let file = values.as_ref().map(|file| self.filled_file(file)).transpose()?;
                let namespace = namespace.as_ref().map(|text| self.fill(text)).transpose()?;
                let app = &self.scenario.app;
                self.deployer.deploy(app, file.as_deref(), namespace.as_deref(), left())?;
                Ok(None)
            }
            Action::Apply { files, namespace, wait } => {
                let namespace = namespace.as_ref().map(|text| self.fill(text)).transpose()?;
                let texts = files.iter().map(|file| self.fill(&self.read(file)?)).collect::<Result<Vec<_>>>()?;
                let namespace = namespace.as_ref().unwrap_or(&self.namespace);
                let text = texts.join("\n---\n");
                let written = write(self.kubectl, self.observer, namespace, &text, left())?;
                if *wait {
                    settle(self.observer, &written, left())?;
                }
                Ok(None)
            }
            Action::Delete(subjects) => {
                for subject in subjects {
                    let (namespace, argument) = self.named(subject)?;
                    let delete = ["delete", &argument, "--namespace", &namespace, "--wait=true", "--ignore-not-found"];
                    self.kubectl_run(&delete, left(), &argument, "not deleted")?;
                }
                Ok(None)
            }
            Action::Restart(subject) => {
                let (namespace, argument) = self.named(subject)?;
                self.kubectl_run(
                    &["rollout", "restart", &argument, "--namespace", &namespace],
                    left(),
                    &argument,
                    "not restarted",
                )?;
                self.written(&namespace, &argument, left())
            }
            Action::Scale { subject, replicas } => {
                let (namespace, argument) = self.named(subject)?;
                let count = format!("--replicas={replicas}");
                self.kubectl_run(
                    &["scale", &argument, &count, "--namespace", &namespace],
                    left(),
                    &argument,
                    "not scaled",
                )?;
                self.written(&namespace, &argument, left())?;
                // What is on its way out still answers.
                let key = self.key(subject)?;
                self.observer.wait(left(), |seen| {
                    let Some(workload) = seen.get(&key.kind, &key.namespace, &key.name) else {
                        return verdict::of(seen, &key);
                    };
                    let sets: Vec<&Value> = seen.owned("ReplicaSet", workload).chain([workload]).collect();
                    let pods = sets.iter().flat_map(|owner| seen.owned("Pod", owner)).count();
                    if pods as u64 <= *replicas {
                        return Verdict::Ready;
                    }
                    let cause = format!("{pods} pods are there, {replicas} are wanted");
                    Verdict::Pending(Trouble::new(key.to_string(), "not scaled", cause))
                })?;
                Ok(None)
            }
            Action::Exec { subject, command, input, expect } => {
                let (namespace, _) = self.named(subject)?;
                let pod = self.pod(&self.key(subject)?, left())?;
                let mut args = vec!["exec".to_owned(), pod.clone(), "--namespace".to_owned(), namespace.clone()];
                if input.is_some() {
                    args.push("--stdin".to_owned());
                }
                args.push("--".to_owned());
                for word in command {
                    args.push(self.fill(word)?);
                }
                let mut invocation = self.kubectl.invocation().args(args);
                if let Some(input) = input {
                    invocation = invocation.input(self.fill(input)?);
                }
                self.command(&invocation.deadline(left()), expect, &format!("Pod {namespace}/{pod}"))
            }
            Action::Tool { tool, args, input, expect } => {
                let args: Vec<String> =
                    args.iter().map(|text| self.fill(text)).collect::<std::result::Result<_, _>>()?;
                let mut invocation = if tool == "kubectl" {
                    self.kubectl.invocation()
                } else {
                    self.kubectl.aimed(Invocation::new(&self.deployer.tool(tool)?, &self.kubectl.home))
                };
                invocation = invocation.args(args).deadline(left());
                if let Some(input) = input {
                    invocation = invocation.input(self.fill(input)?);
                }
                self.command(&invocation, expect, &format!("the tool {tool}"))
            }
            Action::Object { subject, check } => self.object(subject, check, left()).map(|()| None),
        }
    }

    /// Why a step is skipped; `None` for a step that runs.
    pub fn skips(&self, step: &Step) -> Result<Option<String>> {
        let Some(when) = &step.when else { return Ok(None) };
        Ok((self.fill(&when.value)? != self.fill(&when.is)?).then(|| when.otherwise.clone()))
    }

    fn fill(&self, text: &str) -> Result<String> {
        variables::fill(text, &self.values)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.scenario.folder.join(file);
        Ok(std::fs::read_to_string(&path).map_err(|error| Diagnostic::io("read", &path, &error))?)
    }

    /// A file beside the scenario with its variables filled in, written where it can be named.
    fn filled_file(&self, file: &str) -> Result<PathBuf> {
        let text = self.fill(&self.read(file)?)?;
        let path = self.folder.join(file.replace('/', "-"));
        whole::write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The namespace of a subject, and `kind/name`.
    fn named(&self, subject: &Subject) -> Result<(String, String)> {
        let namespace = subject.namespace.as_ref().map(|text| self.fill(text)).transpose()?;
        Ok((namespace.unwrap_or_else(|| self.namespace.clone()), self.fill(&subject.argument())?))
    }

    fn kubectl_run(
        &self,
        args: &[&str],
        deadline: Duration,
        resource: &str,
        phase: &str,
    ) -> std::result::Result<(), Stop> {
        let output = self.observer.run(&self.kubectl.invocation().args(args.iter().copied()).deadline(deadline))?;
        if output.success() {
            return Ok(());
        }
        Err(Stop::Trouble(Trouble::new(resource, phase, super::expect::said(&output.stderr))))
    }

    /// Waits until an object that was just changed is in order.
    fn written(
        &self,
        namespace: &str,
        argument: &str,
        deadline: Duration,
    ) -> std::result::Result<Option<String>, Stop> {
        let get = ["get", argument, "--namespace", namespace, "--output", "json"];
        let output = checked(&self.kubectl.invocation().args(get))?;
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        settle(self.observer, &[Written::of(&object)], deadline)?;
        Ok(None)
    }

    fn ready(&self, subjects: &[Subject], deadline: Duration) -> std::result::Result<(), Stop> {
        let mut keys = self.objects.clone();
        if !subjects.is_empty() {
            keys = subjects.iter().map(|subject| self.key(subject)).collect::<Result<_>>()?;
        }
        self.observer.wait(deadline, |seen| verdict::of_all(seen, &keys))
    }

    fn key(&self, subject: &Subject) -> Result<ObjectKey> {
        let (namespace, argument) = self.named(subject)?;
        let (kind, name) = argument.split_once('/').unwrap_or_default();
        Ok(ObjectKey { group: String::new(), kind: kind_of(kind), namespace, name: name.to_owned() })
    }

    /// A pod of a workload that can be spoken to.
    fn pod(&self, key: &ObjectKey, deadline: Duration) -> std::result::Result<String, Stop> {
        if key.kind == "Pod" {
            return Ok(key.name.clone());
        }
        let mut found = None;
        self.observer.wait(deadline, |seen| {
            let Some(workload) = seen.get(&key.kind, &key.namespace, &key.name) else {
                return verdict::of(seen, key);
            };
            let owners: Vec<&Value> = match key.kind.as_str() {
                "Deployment" => seen.owned("ReplicaSet", workload).collect(),
                _ => vec![workload],
            };
            let mut pods = owners.iter().flat_map(|owner| seen.owned("Pod", owner));
            let pod = pods.find(|pod| {
                pod["metadata"]["deletionTimestamp"].is_null() && verdict::pod(seen, pod) == Verdict::Ready
            });
            match pod.and_then(|pod| pod["metadata"]["name"].as_str()) {
                Some(name) => {
                    found = Some(name.to_owned());
                    Verdict::Ready
                }
                None => match verdict::of(seen, key) {
                    Verdict::Ready => {
                        Verdict::Pending(Trouble::new(key.to_string(), "no pod", "it has no pod that is ready"))
                    }
                    other => other,
                },
            }
        })?;
        Ok(found.unwrap_or_default())
    }

    fn command(
        &mut self,
        invocation: &Invocation,
        expect: &Expect,
        resource: &str,
    ) -> std::result::Result<Option<String>, Stop> {
        let failed = |cause: String| Err(Stop::Trouble(Trouble::new(resource, "not as expected", cause)));
        let filled = self.filled(expect)?;
        let started = Instant::now();
        let mut stdout = Vec::new();
        if let Some(text) = &filled.until {
            waits_for(&format!("`{text}` has not come"));
        }
        let followed = invocation.follow(|line| {
            if let Some(why) = self.observer.lost() {
                return ControlFlow::Break(Some(why));
            }
            let Some(line) = line else { return ControlFlow::Continue(()) };
            stdout.extend_from_slice(line.as_bytes());
            stdout.push(b'\n');
            match &filled.until {
                Some(text) if line.contains(text.as_str()) => ControlFlow::Break(None),
                _ => ControlFlow::Continue(()),
            }
        })?;
        let mut left = Left { exit: Some(0), stdout, stderr: String::new() };
        match followed {
            Followed::Broken(None) => {}
            Followed::Broken(Some(why)) => return Err(gone(why)),
            Followed::Ended(output) => {
                left.exit = output.code;
                left.stderr = output.stderr;
                if let (Some(text), Some(0)) = (&filled.until, left.exit) {
                    let said = super::expect::words(&String::from_utf8_lossy(&left.stdout));
                    return failed(format!("it ended before `{text}` came; {said}"));
                }
            }
            Followed::Late(stderr) => {
                let said = super::expect::words(&format!("{}{stderr}", String::from_utf8_lossy(&left.stdout)));
                let what =
                    filled.until.as_ref().map_or("it did not end".to_owned(), |text| format!("`{text}` did not come"));
                let seconds = started.elapsed().as_secs();
                return failed(format!("{what} within {seconds} s; {said}"));
            }
        }
        let file = filled.file.as_ref().map(|file| self.read(file)).transpose()?;
        if let Some(cause) = filled.judge(&left, file.as_ref().map(String::as_bytes)) {
            return failed(cause);
        }
        if let Some(name) = &filled.save {
            let text = String::from_utf8_lossy(&left.stdout).trim_end_matches('\n').to_owned();
            let path = self.folder.join(format!("saved-{name}"));
            whole::write(&path, text.as_bytes())?;
            self.values.insert(format!("file:{name}"), path.display().to_string());
            self.values.insert(name.clone(), text);
        }
        let text = String::from_utf8_lossy(&left.stdout).into_owned();
        let told = filled.tell.as_ref().and_then(|tell| text.lines().rfind(|line| line.starts_with(tell.as_str())));
        Ok(told.map(|line| line.trim().to_owned()))
    }

    fn filled(&self, expect: &Expect) -> Result<Expect> {
        let fill = |texts: &[String]| texts.iter().map(|text| self.fill(text)).collect::<Result<Vec<_>>>();
        let option = |text: &Option<String>| text.as_ref().map(|text| self.fill(text)).transpose();
        Ok(Expect {
            contains: fill(&expect.contains)?,
            lacks: fill(&expect.lacks)?,
            equals: option(&expect.equals)?,
            until: option(&expect.until)?,
            ..expect.clone()
        })
    }

    /// Waits, by a watch of its own, until an object is as it should be.
    fn object(&self, subject: &Subject, check: &Check, deadline: Duration) -> std::result::Result<(), Stop> {
        let started = Instant::now();
        let (namespace, argument) = self.named(subject)?;
        let has = check.has.iter().map(|has| {
            Ok(super::object::Has { path: self.fill(&has.path)?, text: self.fill(&has.text)?, ..has.clone() })
        });
        let check = Check { gone: check.gone, has: has.collect::<Result<_>>()? };
        let (kind, name) = argument.split_once('/').unwrap_or_default();
        let field = format!("metadata.name={name}");
        let watch = self
            .kubectl
            .invocation()
            .args(["get", kind, "--namespace", &namespace, "--field-selector", &field])
            .args(["--watch", "--output-watch-events", "--output", "json"]);
        let get = ["get", &argument, "--namespace", &namespace, "--output", "json", "--ignore-not-found"];
        let output = checked(&self.kubectl.invocation().args(get))?;
        let mut object: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let mut lacks = check.lacks(object.as_ref());
        let mut text = String::new();
        while lacks.is_some() && started.elapsed() < deadline {
            waits_for(lacks.as_deref().unwrap_or_default());
            let left = deadline.saturating_sub(started.elapsed());
            let followed = watch.clone().deadline(left).follow(|line| {
                if let Some(why) = self.observer.lost() {
                    return ControlFlow::Break(Some(why));
                }
                let Some(line) = line else { return ControlFlow::Continue(()) };
                // An event may come on one line, or over several.
                text.push_str(line);
                text.push('\n');
                if let Ok(event) = serde_json::from_str::<Value>(&text) {
                    text.clear();
                    object = (event["type"] != "DELETED").then(|| event["object"].clone());
                    lacks = check.lacks(object.as_ref());
                    waits_for(lacks.as_deref().unwrap_or_default());
                    if lacks.is_none() {
                        return ControlFlow::Break(None);
                    }
                }
                ControlFlow::Continue(())
            })?;
            match followed {
                Followed::Broken(None) => return Ok(()),
                Followed::Broken(Some(why)) => {
                    return Err(gone(why));
                }
                Followed::Late(_) => {}
                Followed::Ended(output) if output.success() => {}
                Followed::Ended(output) => {
                    return Err(Diagnostic::new(Code::ClusterFailed, format!("`{argument}` could not be watched"))
                        .note(output.stderr.trim().to_owned())
                        .into());
                }
            }
        }
        match lacks {
            None => Ok(()),
            Some(lacks) => {
                Err(Stop::Trouble(Trouble::new(format!("{argument} in {namespace}"), "not as expected", lacks)))
            }
        }
    }
}

/// A kind as the API names it, of what people write.
fn kind_of(text: &str) -> String {
    match text.to_lowercase().trim_end_matches('s') {
        "deployment" | "deploy" => "Deployment".to_owned(),
        "statefulset" | "st" => "StatefulSet".to_owned(),
        "daemonset" | "d" => "DaemonSet".to_owned(),
        "job" => "Job".to_owned(),
        "pod" | "po" => "Pod".to_owned(),
        "persistentvolumeclaim" | "pvc" => "PersistentVolumeClaim".to_owned(),
        "sealedsecret" => "SealedSecret".to_owned(),
        _ => text.to_owned(),
    }
}
