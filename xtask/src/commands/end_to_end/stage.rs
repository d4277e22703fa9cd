//! Deploys applications to the cluster and removes them.
//!
//! The applied manifests are those of `render`: the goldens of a fresh target, Helm's output otherwise. Instances with
//! further values are rendered by the same recipe, with these values last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use argocd::waves;
use argocd::waves::{Phase, Wave};
use cluster::api::{Condition, List, Namespace, OneOrMany, condition};
use cluster::kubectl::{Kubectl, checked, parse};
use cluster::observer::{Observer, Stop};
use cluster::scenario::run::Deploy;
use cluster::scenario::{apply, expect};
use cluster::snapshot::{Object, Snapshot};
use cluster::verdict::{Problem, Verdict};
use cluster::{NETWORK, verdict};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use kubernetes::manifest::ObjectKey;
use serde_json::Value;
use toolbox::tools::Tools;
use workspace::target::DEFAULT_CASE;
use workspace::{Workspace, plan, sync_policy};

use super::changed;
use super::object_record::ObjectRecord;
use crate::commands::rendering::Rendering;
use crate::commands::{Session, rendering};
use crate::image;
use crate::lint::images;

/// Pods of a removed application have no work to finish, so nothing is gained by their own grace period.
const GRACE: &str = "--grace-period=1";

/// How soon a wait notices a signal.
pub(super) const PULSE: Duration = Duration::from_millis(100);

/// The deadline for removing an application.
const REMOVAL: Duration = Duration::from_secs(90);

/// A rendered application.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its release.
    pub(crate) release: String,
    /// Its objects in the order in which they are applied.
    pub(crate) waves: Vec<Wave>,
    /// How they differ from the goldens.
    pub(crate) changed: Vec<String>,
    /// The images that they use, each with a place.
    pub(crate) images: BTreeMap<String, Place>,
}

/// An image that this repository, or another revision of it, builds.
pub(crate) struct Own {
    pub(crate) image: image::Image,
    /// The root of the workspace that contains it.
    pub(crate) root: PathBuf,
}

/// The applications of a run, and the cluster that they are deployed to.
pub(crate) struct Stage<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) workspace: &'a Workspace,
    pub(crate) tools: &'a Tools<'a>,
    pub(crate) apps: &'a BTreeMap<String, App>,
    pub(crate) kubectl: &'a Kubectl,
    pub(crate) observer: &'a Observer,
}

/// The applications of a workspace, rendered from their default cases.
pub(crate) fn render(
    session: &Session<'_>,
    workspace: &Workspace,
    wanted: &[&str],
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, App> {
    let names: Vec<String> = wanted.iter().map(|app| format!("{app}/{DEFAULT_CASE}")).collect();
    let renderings = rendering::plan_and_render(session, workspace, workspace.config.argocd, &names, diagnostics);
    renderings.iter().filter_map(app).map(|app| (app.name.clone(), app)).collect()
}

/// The application of a rendered target.
fn app(rendering: &Rendering<'_>) -> Option<App> {
    let manifests = rendering.manifests()?;
    let target = &rendering.target;
    let release = target.release().map(str::to_owned);
    let objects = rendering.objects();
    Some(App {
        name: target.id.app.clone(),
        namespace: target.namespace.clone(),
        release: release.unwrap_or_else(|| target.deployment.application.name.clone()),
        waves: waves::waves(&manifests),
        changed: changed::since_recorded(rendering),
        images: objects.iter().flat_map(images::references).map(|(image, place)| (image.to_owned(), place)).collect(),
    })
}

impl App {
    /// Its objects.
    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.waves.iter().flat_map(|wave| wave.keys.clone()).collect()
    }

    /// Its objects that may be pruned when it no longer renders them.
    pub(crate) fn prunable(&self) -> impl Iterator<Item = &ObjectKey> {
        self.waves.iter().flat_map(|wave| wave.keys.iter().filter(|key| !wave.unprunable.contains(key)))
    }

    /// The record of its objects in a cluster.
    fn applied(&self, folder: &Path) -> ObjectRecord {
        ObjectRecord::new(folder, &self.namespace, &self.name)
    }
}

impl Stage<'_> {
    /// Applies an application wave by wave, each when the previous one is healthy, and prunes what it no longer renders.
    pub(crate) fn put(&self, app: &App, deadline: Duration) -> std::result::Result<(), Stop> {
        let started = Instant::now();
        let left = || deadline.saturating_sub(started.elapsed());
        app.applied(&self.kubectl.home).begin(&app.keys(), app.prunable())?;
        let mut before = sync_policy::namespace(self.workspace, &app.name, &app.namespace) + "\n";
        for wave in &app.waves {
            if wave.phase != Phase::Definitions {
                self.network(left())?;
            }
            // The namespace is applied with the first wave, before its objects.
            let text = std::mem::take(&mut before) + &wave.text;
            apply::apply(self.kubectl, self.observer, &app.namespace, &text, left())?;
            if wave.phase == Phase::Definitions {
                self.established(&wave.keys, left())?;
            }
        }
        self.prune(app, left())
    }

    /// Waits until pods can reach the API server. In a new cluster, this takes seconds longer than everything else. Custom
    /// resource definitions need not wait for it.
    pub(crate) fn network(&self, deadline: Duration) -> std::result::Result<(), Stop> {
        let (namespace, name) = NETWORK;
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let key = ObjectKey { group: "apps".to_owned(), kind: "DaemonSet".to_owned(), namespace, name };
        self.observer.wait(deadline, |snapshot| match snapshot.get(&key.kind, &key.namespace, &key.name) {
            // Some node images have another component in place of kube-proxy.
            None if snapshot.knows(&key.kind) => Verdict::Ready,
            _ => verdict::of(snapshot, &key),
        })
    }

    /// Deletes the objects that another revision, or an earlier run in a kept cluster, applied and that are no longer
    /// rendered: in reverse order, as Argo CD does.
    fn prune(&self, app: &App, deadline: Duration) -> std::result::Result<(), Stop> {
        let applied = app.applied(&self.kubectl.home);
        if !sync_policy::prunes(self.workspace, &app.name) {
            return Ok(());
        }
        let now = app.keys();
        for key in applied.load().iter().rev().filter(|key| !now.contains(key)) {
            let kind = if key.group.is_empty() { key.kind.clone() } else { format!("{}.{}", key.kind, key.group) };
            let mut args = vec!["delete".to_owned(), kind, key.name.clone(), "--ignore-not-found".to_owned()];
            if !key.namespace.is_empty() {
                args.extend(["--namespace".to_owned(), key.namespace.clone()]);
            }
            let output = self.kubectl.invocation().args(args).deadline(deadline).run()?;
            if !output.success() {
                let cause = expect::summary(&output.stderr);
                return Err(Stop::Problem(Problem::new(key.to_string(), "is not pruned", cause)));
            }
        }
        Ok(applied.end(app.prunable())?)
    }

    /// Waits until the API server serves the kinds of definitions. `kubectl wait` fails for one without a status.
    fn established(&self, definitions: &[ObjectKey], deadline: Duration) -> std::result::Result<(), Stop> {
        const KIND: &str = "CustomResourceDefinition";
        self.observer.watch_once(KIND, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
        let is_established = |snapshot: &Snapshot, key: &ObjectKey| match snapshot.get(KIND, "", &key.name) {
            Some(Object::Custom(found)) => {
                condition(&found.status.conditions, "Established").is_some_and(Condition::is_true)
            }
            _ => false,
        };
        self.observer.wait(deadline, |snapshot| match definitions.iter().find(|key| !is_established(snapshot, key)) {
            None => Verdict::Ready,
            Some(late) => {
                let cause = "the API server does not serve it yet";
                Verdict::Pending(Problem::new(late.to_string(), "is not established", cause))
            }
        })
    }

    /// Creates namespaces. Those that an earlier run left, or that are terminating, are recreated.
    pub(crate) fn make_namespaces(&self, names: &[&str], deadline: Duration) -> std::result::Result<(), Stop> {
        let Some(first) = names.first() else { return Ok(()) };
        let started = Instant::now();
        let left = || deadline.saturating_sub(started.elapsed());
        let list: List<Namespace> =
            self.kubectl.json(&self.kubectl.invocation().args(["get", "namespaces", "--output", "json"]))?;
        let mut existing = list.items;
        existing.retain(|namespace| names.contains(&namespace.metadata.name.as_str()));
        if !existing.is_empty() {
            // The objects that a failed run left must not affect this one.
            let remaining = existing.iter().filter(|namespace| !namespace.metadata.is_terminating());
            self.leave(&remaining.map(|namespace| namespace.metadata.name.as_str()).collect::<Vec<_>>());
            let timeout = format!("--timeout={}s", left().as_secs().max(1));
            let wait = self.kubectl.invocation().args(["wait", "--for=delete", &timeout]);
            let wait = wait.args(existing.iter().map(|namespace| format!("namespace/{}", namespace.metadata.name)));
            checked(&wait.deadline(left() + Duration::from_secs(2)))?;
        }
        let objects: Vec<String> = names.iter().map(|name| sync_policy::bare_namespace(name)).collect();
        apply::apply(self.kubectl, self.observer, first, &objects.join("\n---\n"), left())
    }

    /// Removes an application: its objects in reverse order, and the objects that they own. As with Argo CD, its namespace
    /// stays. Custom resource definitions stay, too: deleting one deletes all objects of its kind.
    pub(crate) fn remove(&self, app: &App) -> std::result::Result<(), Stop> {
        let waves = || app.waves.iter().rev().filter(|wave| wave.phase != Phase::Definitions);
        let text: String = waves().map(|wave| wave.text.as_str()).collect();
        let kubectl = self.kubectl.within(&app.namespace)?;
        let delete = |flags: &[&str]| {
            let args = ["delete", "--ignore-not-found", "--filename", "-"].into_iter().chain(flags.iter().copied());
            let output = kubectl.invocation().args(args).input(text.as_str()).deadline(REMOVAL).run()?;
            if output.success() {
                return Ok(());
            }
            let cause = expect::summary(&output.stderr);
            Err(Stop::Problem(Problem::new(format!("Application {}", app.name), "is not removed", cause)))
        };
        // Owners are deleted first, without their pods, which are then deleted with a short grace period.
        delete(&["--cascade=orphan", "--wait=false"])?;
        self.end_pods(&app.namespace)?;
        // Waits for objects with finalizers.
        delete(&["--wait=true"])?;
        self.observer.wait(REMOVAL, |snapshot| match snapshot.pods(&app.namespace).next() {
            None => Verdict::Ready,
            Some(pod) => {
                let cause = "it is terminating";
                Verdict::Pending(Problem::new(format!("Pod {}", pod.metadata), "is not deleted", cause))
            }
        })
    }

    /// Deletes all pods of namespaces without waiting, and the workloads that would replace them.
    pub(crate) fn empty(&self, names: &[&str]) {
        for name in names {
            let _ = self.end_pods(name);
        }
    }

    /// Deletes namespaces without waiting. Errors show when the namespaces are created again.
    pub(crate) fn leave(&self, names: &[&str]) {
        self.empty(names);
        let delete = ["delete", "namespace", "--wait=false", "--ignore-not-found"];
        let invocation = self.kubectl.invocation().args(delete).args(names.iter().copied());
        if !names.is_empty() {
            let _ = invocation.deadline(REMOVAL).run();
        }
    }

    /// Deletes all pods of a namespace with a short grace period, after the workloads that would replace them.
    fn end_pods(&self, namespace: &str) -> Result<()> {
        let kinds = "deployments,statefulsets,daemonsets,jobs,replicasets,pods";
        let delete = ["delete", kinds, "--all", "--namespace", namespace, "--cascade=orphan", "--wait=false"];
        let invocation = self.kubectl.invocation().args(delete).args([GRACE, "--ignore-not-found"]);
        invocation.deadline(REMOVAL).run().map(|_| ())
    }

    /// The objects of an application in the cluster, without the fields that the cluster itself writes.
    pub(crate) fn state(&self, app: &App) -> Result<BTreeMap<String, Value>> {
        let mut state = BTreeMap::new();
        let text: String = app.waves.iter().map(|wave| wave.text.as_str()).collect();
        let get = ["get", "--ignore-not-found", "--output", "json", "--filename", "-"];
        let rendered = self.kubectl.within(&app.namespace)?.invocation().args(get).input(text);
        let get = ["get", "secrets,configmaps,pods", "--output", "json", "--namespace", &app.namespace];
        let others = self.kubectl.invocation().args(get);
        for invocation in [rendered, others] {
            let output = checked(&invocation)?;
            if output.stdout.trim_ascii().is_empty() {
                continue;
            }
            let objects: OneOrMany<Value> = parse(&invocation, &output)?;
            for mut object in objects.into_vec() {
                let metadata = &object["metadata"];
                let text = |key: &str| metadata[key].as_str().unwrap_or_default();
                let key =
                    format!("{} {}/{}", object["kind"].as_str().unwrap_or_default(), text("namespace"), text("name"));
                let restarts: i64 = object["status"]["containerStatuses"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|container| container["restartCount"].as_i64())
                    .sum();
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove("resourceVersion");
                    metadata.remove("managedFields");
                }
                object["status"] = serde_json::json!({ "restarts": restarts });
                state.insert(key, object);
            }
        }
        Ok(state)
    }
}

/// The differences between two states of an application, if there are any.
pub(crate) fn differences(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Option<String> {
    let deleted = before.keys().filter(|key| !after.contains_key(*key)).map(|key| format!("{key} was deleted"));
    let created = after.keys().filter(|key| !before.contains_key(*key)).map(|key| format!("{key} was created"));
    let modified = before.iter().filter(|(key, object)| after.get(*key).is_some_and(|now| now != *object));
    let modified = modified.map(|(key, _)| format!("{key} was modified"));
    let all: Vec<String> = deleted.chain(created).chain(modified).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

impl Deploy for Stage<'_> {
    fn deploy(
        &self,
        app: &str,
        values: Option<&Path>,
        namespace: Option<&str>,
        deadline: Duration,
    ) -> std::result::Result<(), Stop> {
        let own = self.apps.get(app).ok_or_else(|| {
            Diagnostic::new(Code::TargetUnknown, format!("Application `{app}` is not part of this run"))
        })?;
        if values.is_none() && namespace.is_none() {
            return self.put(own, deadline);
        }
        let argocd = self.workspace.config.argocd;
        let name = [format!("{app}/{DEFAULT_CASE}")];
        let (mut targets, _) = plan::plan(self.workspace, argocd, &name);
        for target in &mut targets {
            for part in &mut target.parts {
                let Some(recipe) = part.recipe_mut() else { continue };
                recipe.case_file = values.map(Path::to_path_buf);
                if let Some(namespace) = namespace {
                    namespace.clone_into(&mut recipe.namespace);
                }
            }
            if let Some(namespace) = namespace {
                namespace.clone_into(&mut target.namespace);
            }
        }
        let mut diagnostics = Diagnostics::default();
        let renderings = rendering::render(
            self.session,
            self.workspace,
            argocd,
            targets,
            rendering::Demand::Altered,
            &mut diagnostics,
        );
        if diagnostics.has_errors() {
            return Err(diagnostics.into());
        }
        let instance = renderings.iter().find_map(self::app).ok_or_else(|| {
            Diagnostic::new(Code::TargetUnknown, format!("Application `{app}` renders no objects with these values"))
        })?;
        self.put(&instance, deadline)
    }

    fn tool(&self, name: &str) -> Result<PathBuf> {
        tool(self.workspace, self.tools, name)
    }
}

/// The path of a tool that charts.toml pins.
pub(crate) fn tool(workspace: &Workspace, tools: &Tools<'_>, name: &str) -> Result<PathBuf> {
    tools.require(name, workspace.config.tool(name)?).map(|tool| tool.path)
}
