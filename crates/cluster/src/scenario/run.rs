//! The environment in which the steps of a scenario run: the cluster, the Application, and variables.
//!
//! Every wait watches, and ends early when the cluster shows that it cannot succeed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Result};
use kubernetes::manifest::ObjectKey;
use toolbox::atomic_file;

use super::apply::{Written, settle};
use super::gitops::GitOps;
use super::object::Subject;
use super::{expect, variables};
use crate::api::{Named, Pod};
use crate::kubectl::Kubectl;
use crate::observer::{Observer, Stop};
use crate::snapshot::{Object, Snapshot};
use crate::verdict;
use crate::verdict::{Problem, Verdict};

/// Deploys applications.
pub trait Deploy: Sync {
    /// Deploys an application with a further value file into a namespace, and waits until it is healthy.
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

/// The end of the time that a step has.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    time: Duration,
}

impl Deadline {
    /// A deadline from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { started: Instant::now(), time }
    }

    /// The remaining time.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.time.saturating_sub(self.started.elapsed())
    }
}

/// What the steps of a scenario run with.
pub struct Runner<'a> {
    /// kubectl for the cluster.
    pub kubectl: &'a Kubectl,
    /// The watches of the cluster.
    pub observer: &'a Observer,
    /// Deploys applications.
    pub deployer: &'a dyn Deploy,
    /// The repository that Argo CD reads, in `test-gitops`.
    pub gitops: Option<&'a dyn GitOps>,
    /// The name of the application.
    pub app: &'a str,
    /// The directory of the scenario.
    pub files: &'a Path,
    /// The namespace of the application.
    pub namespace: String,
    /// The objects of the application.
    pub objects: Vec<ObjectKey>,
    /// The variables that the run and earlier steps have set.
    pub values: BTreeMap<String, String>,
    /// The directory for files that steps write.
    pub folder: PathBuf,
}

impl Runner<'_> {
    /// A text with its variables replaced.
    pub(super) fn fill(&self, text: &str) -> Result<String> {
        variables::fill(text, &self.values)
    }

    /// The repository that Argo CD reads.
    pub(super) fn gitops(&self) -> Result<&dyn GitOps> {
        self.gitops.ok_or_else(|| {
            Diagnostic::new(Code::ScenarioInvalid, "the step needs Argo CD, which this command does not install").into()
        })
    }

    /// A file beside the scenario.
    pub(super) fn read(&self, file: &str) -> Result<String> {
        let path = self.files.join(file);
        Ok(toolbox::regular_file::read_to_string(&path).map_err(|error| Diagnostic::io("read", &path, &error))?)
    }

    /// The path of a copy of a file beside the scenario in which variables are replaced.
    pub(super) fn filled_file(&self, file: &str) -> Result<PathBuf> {
        let text = self.fill(&self.read(file)?)?;
        let path = self.folder.join(file.replace('/', "-"));
        atomic_file::write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The namespace of a subject, and `kind/name`.
    pub(super) fn named(&self, subject: &Subject) -> Result<(String, String)> {
        let namespace = subject.namespace.as_ref().map(|text| self.fill(text)).transpose()?;
        Ok((namespace.unwrap_or_else(|| self.namespace.clone()), self.fill(&subject.argument())?))
    }

    /// The object that a subject refers to.
    pub(super) fn key(&self, subject: &Subject) -> Result<ObjectKey> {
        let (namespace, argument) = self.named(subject)?;
        let (kind, name) = argument.split_once('/').unwrap_or_default();
        Ok(ObjectKey { group: String::new(), kind: kind_of(kind), namespace, name: name.to_owned() })
    }

    /// Runs kubectl. If it fails, `state` is the state of the resource.
    pub(super) fn run_kubectl(
        &self,
        args: &[&str],
        deadline: Deadline,
        resource: &str,
        state: &str,
    ) -> std::result::Result<(), Stop> {
        let invocation = self.kubectl.invocation().args(args.iter().copied()).deadline(deadline.left());
        let output = self.observer.run(&invocation)?;
        if output.success() {
            return Ok(());
        }
        Err(Stop::Problem(Problem::new(resource, state, expect::summary(&output.stderr))))
    }

    /// Waits until an object that was just changed is ready.
    pub(super) fn wait_for_change(
        &self,
        namespace: &str,
        argument: &str,
        deadline: Deadline,
    ) -> std::result::Result<(), Stop> {
        let get = ["get", argument, "--namespace", namespace, "--output", "json"];
        let object: Named = self.kubectl.json(&self.kubectl.invocation().args(get))?;
        settle(self.observer, &[Written::new(object)], deadline.left())
    }

    /// The name of a ready pod of a workload.
    pub(super) fn ready_pod(&self, key: &ObjectKey, deadline: Deadline) -> std::result::Result<String, Stop> {
        if key.kind == "Pod" {
            return Ok(key.name.clone());
        }
        let mut found = None;
        self.observer.wait(deadline.left(), |snapshot| {
            let Some(pods) = pods_of(snapshot, key) else { return verdict::of(snapshot, key) };
            let is_ready = |pod: &&Pod| !pod.metadata.is_terminating() && verdict::pod(snapshot, pod) == Verdict::Ready;
            if let Some(pod) = pods.into_iter().find(is_ready) {
                found = Some(pod.metadata.name.clone());
                return Verdict::Ready;
            }
            match verdict::of(snapshot, key) {
                Verdict::Ready => {
                    Verdict::Pending(Problem::new(key.to_string(), "is not ready", "it has no ready pod"))
                }
                other => other,
            }
        })?;
        Ok(found.unwrap_or_default())
    }
}

/// The pods of a workload; `None` if it does not exist.
pub(super) fn pods_of<'a>(snapshot: &'a Snapshot, key: &'a ObjectKey) -> Option<Vec<&'a Pod>> {
    let Object::Workload(workload) = snapshot.get(&key.kind, &key.namespace, &key.name)? else { return None };
    let sets = snapshot.replica_sets_of(&workload.metadata).map(|set| &set.metadata);
    Some(sets.chain([&workload.metadata]).flat_map(|owner| snapshot.pods_of(owner)).collect())
}

/// The kind that an abbreviation or a plural stands for.
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
