//! Applications on their way into the cluster and out of it.
//!
//! What is applied is what `render` has: the goldens of a fresh target, what Helm writes of another. Instances with
//! further values are rendered by the same recipe, with these on top.
//!
//! Deliberately absent: scenarios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{applied, changed};
use crate::cluster::NETWORK;
use crate::cluster::kubectl::{Kubectl, checked};
use crate::cluster::observer::{Observer, Stop};
use crate::cluster::verdict::{self, Trouble, Verdict};
use crate::commands::Session;
use crate::commands::rendering::{self, Rendering};
use crate::deploy::{self, Phase, Wave};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result};
use crate::lint::images;
use crate::manifest::ObjectKey;
use crate::plan::{self, Inspections};
use crate::scenario::apply;
use crate::scenario::run::Deploy;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Pods of what is removed have nothing left to finish; their own grace would only make everyone wait.
const GRACE: &str = "--grace-period=1";

/// How long a removal may take.
const REMOVAL: Duration = Duration::from_secs(90);

/// An application, ready to be applied.
#[derive(Debug, Clone)]
pub(super) struct App {
    /// Its name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its release.
    pub(super) release: String,
    /// Its objects in the order in which they are applied.
    pub(super) waves: Vec<Wave>,
    /// How they differ from what is recorded.
    pub(super) changed: Vec<String>,
    /// The images that they name, each with a place where that is.
    pub(super) images: BTreeMap<String, Place>,
}

/// The applications of a run, and the cluster that they go to.
pub(super) struct Stage<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) inspections: &'a Inspections,
    pub(super) tools: &'a Tools<'a>,
    pub(super) apps: &'a BTreeMap<String, App>,
    pub(super) kubectl: &'a Kubectl,
    pub(super) observer: &'a Observer,
}

/// The application of a target that is rendered.
pub(super) fn app(rendering: &Rendering<'_>) -> Option<App> {
    let manifests = rendering.manifests()?;
    let recipe = &rendering.target.recipe;
    let objects = rendering.objects();
    Some(App {
        name: rendering.target.id.app.clone(),
        namespace: recipe.namespace.clone(),
        release: recipe.release.clone(),
        waves: deploy::waves(&manifests),
        changed: changed::since_recorded(rendering),
        images: objects.iter().flat_map(images::references).map(|(image, place)| (image.to_owned(), place)).collect(),
    })
}

impl App {
    /// Its objects.
    pub(super) fn keys(&self) -> Vec<ObjectKey> {
        self.waves.iter().flat_map(|wave| wave.keys.clone()).collect()
    }

    /// Those that may be pruned once they are its no more.
    pub(super) fn prunable(&self) -> impl Iterator<Item = &ObjectKey> {
        self.waves.iter().flat_map(|wave| wave.keys.iter().filter(|key| !wave.spared.contains(key)))
    }
}

impl Stage<'_> {
    /// Applies an application wave by wave, each once the one before is healthy, and prunes what is its no more.
    pub(super) fn put(&self, app: &App, deadline: Duration) -> std::result::Result<(), Stop> {
        let started = Instant::now();
        let left = || deadline.saturating_sub(started.elapsed());
        applied::begin(&self.kubectl.home, app)?;
        let mut before = deploy::namespace(self.workspace, &app.name, &app.namespace) + "\n";
        for wave in &app.waves {
            if wave.phase != Phase::Definitions {
                self.network(left())?;
            }
            // The namespace goes with the first wave, ahead of it.
            let text = std::mem::take(&mut before) + &wave.text;
            apply::apply(self.kubectl, self.observer, &app.namespace, &text, left())?;
            if wave.phase == Phase::Definitions {
                self.established(&wave.keys, left())?;
            }
        }
        self.prune(app, left())
    }

    /// Waits until a pod that starts now finds the API server. In a new cluster that comes seconds after all else, and
    /// definitions of kinds need not wait for it.
    pub(super) fn network(&self, deadline: Duration) -> std::result::Result<(), Stop> {
        let (namespace, name) = NETWORK;
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let key = ObjectKey { group: "apps".to_owned(), kind: "DaemonSet".to_owned(), namespace, name };
        self.observer.wait(deadline, |seen| match seen.get(&key.kind, &key.namespace, &key.name) {
            // Nodes of another make have something else for it.
            None if seen.knows(&key.kind) => Verdict::Ready,
            _ => verdict::of(seen, &key),
        })
    }

    /// Removes what was applied before, by another revision or by an earlier run in a kept cluster, and is not part of it
    /// any more: in the reverse order, as Argo CD does.
    fn prune(&self, app: &App, deadline: Duration) -> std::result::Result<(), Stop> {
        let folder = &self.kubectl.home;
        if !deploy::prunes(self.workspace, &app.name) {
            return Ok(());
        }
        let now = app.keys();
        for key in applied::load(folder, app).iter().rev().filter(|key| !now.contains(key)) {
            let kind = if key.group.is_empty() { key.kind.clone() } else { format!("{}.{}", key.kind, key.group) };
            let mut args = vec!["delete".to_owned(), kind, key.name.clone(), "--ignore-not-found".to_owned()];
            if !key.namespace.is_empty() {
                args.extend(["--namespace".to_owned(), key.namespace.clone()]);
            }
            let output = self.kubectl.invocation().args(args).deadline(deadline).run()?;
            if !output.success() {
                let cause = crate::scenario::expect::said(&output.stderr);
                return Err(Stop::Trouble(Trouble::new(key.to_string(), "not pruned", cause)));
            }
        }
        Ok(applied::end(folder, app)?)
    }

    /// Waits until the API server serves what definitions define. `kubectl wait` fails on one that has no status yet.
    fn established(&self, definitions: &[ObjectKey], deadline: Duration) -> std::result::Result<(), Stop> {
        const KIND: &str = "CustomResourceDefinition";
        self.observer.watch_once(KIND, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
        self.observer.wait(deadline, |seen| {
            let established = |key: &&ObjectKey| {
                let conditions =
                    seen.get(KIND, "", &key.name).and_then(|found| found["status"]["conditions"].as_array());
                conditions
                    .into_iter()
                    .flatten()
                    .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
            };
            match definitions.iter().find(|key| !established(key)) {
                None => Verdict::Ready,
                Some(late) => {
                    let cause = "the API server does not serve it yet";
                    Verdict::Pending(Trouble::new(late.to_string(), "not established", cause))
                }
            }
        })
    }

    /// Makes namespaces anew: of an earlier run some may still be there, or on their way out.
    pub(super) fn make_namespaces(&self, names: &[&str], deadline: Duration) -> std::result::Result<(), Stop> {
        let Some(first) = names.first() else { return Ok(()) };
        let started = Instant::now();
        let left = || deadline.saturating_sub(started.elapsed());
        let get = ["get", "namespaces", "--output", "jsonpath={range .items[*]}{.metadata.name}={.status.phase} {end}"];
        let output = checked(&self.kubectl.invocation().args(get))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let phases: BTreeMap<&str, &str> = text.split(' ').filter_map(|one| one.split_once('=')).collect();
        let there: Vec<&str> = names.iter().copied().filter(|name| phases.contains_key(name)).collect();
        if !there.is_empty() {
            // What a failed run left to be looked at would be taken for what this one does.
            self.leave(&there.iter().copied().filter(|name| phases[name] != "Terminating").collect::<Vec<_>>());
            let timeout = format!("--timeout={}s", left().as_secs().max(1));
            let wait = self.kubectl.invocation().args(["wait", "--for=delete", &timeout]);
            let wait = wait.args(there.iter().map(|name| format!("namespace/{name}")));
            checked(&wait.deadline(left() + Duration::from_secs(2)))?;
        }
        let objects: Vec<String> = names.iter().map(|name| deploy::bare_namespace(name)).collect();
        apply::apply(self.kubectl, self.observer, first, &objects.join("\n---\n"), left())
    }

    /// Removes an application: its objects in the reverse order, with what they own. As after Argo CD, its namespace
    /// stays, and so do definitions of kinds: with them, every object of their kind would go, whoever owns it.
    pub(super) fn remove(&self, app: &App) -> std::result::Result<(), Stop> {
        let waves = || app.waves.iter().rev().filter(|wave| wave.phase != Phase::Definitions);
        let text: String = waves().map(|wave| wave.text.as_str()).collect();
        let kubectl = self.kubectl.within(&app.namespace)?;
        let delete = |flags: &[&str]| {
            let args = ["delete", "--ignore-not-found", "--filename", "-"].into_iter().chain(flags.iter().copied());
            let output = kubectl.invocation().args(args).input(text.as_str()).deadline(REMOVAL).run()?;
            if output.success() {
                return Ok(());
            }
            let cause = crate::scenario::expect::said(&output.stderr);
            Err(Stop::Trouble(Trouble::new(&app.name, "not removed", cause)))
        };
        // Owners go before what they own, and leave it to be removed with a short grace.
        delete(&["--cascade=orphan", "--wait=false"])?;
        self.end_pods(&app.namespace)?;
        // Whatever still has a finalizer is waited for.
        delete(&["--wait=true"])?;
        self.observer.wait(REMOVAL, |seen| match seen.all("Pod", &app.namespace).next() {
            None => Verdict::Ready,
            Some(pod) => {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                Verdict::Pending(Trouble::new(format!("Pod {}/{name}", app.namespace), "not gone", "it still ends"))
            }
        })
    }

    /// Removes namespaces with all that is in them, and does not wait for that. What goes wrong shows when they are
    /// wanted again.
    pub(super) fn leave(&self, names: &[&str]) {
        for name in names {
            let _ = self.end_pods(name);
        }
        let delete = ["delete", "namespace", "--wait=false", "--ignore-not-found"];
        let invocation = self.kubectl.invocation().args(delete).args(names.iter().copied());
        if !names.is_empty() {
            let _ = invocation.deadline(REMOVAL).run();
        }
    }

    /// Ends all pods of a namespace soon, and what would replace them first.
    fn end_pods(&self, namespace: &str) -> Result<()> {
        let kinds = "deployments,statefulsets,daemonsets,jobs,replicasets,pods";
        let delete = ["delete", kinds, "--all", "--namespace", namespace, "--cascade=orphan", "--wait=false"];
        let invocation = self.kubectl.invocation().args(delete).args([GRACE, "--ignore-not-found"]);
        invocation.deadline(REMOVAL).run().map(|_| ())
    }

    /// All that an application is in the cluster, without what the cluster itself writes: object → content.
    pub(super) fn picture(&self, app: &App) -> Result<BTreeMap<String, Value>> {
        let mut picture = BTreeMap::new();
        let text: String = app.waves.iter().map(|wave| wave.text.as_str()).collect();
        let get = ["get", "--ignore-not-found", "--output", "json", "--filename", "-"];
        let rendered = checked(&self.kubectl.within(&app.namespace)?.invocation().args(get).input(text))?;
        let get = ["get", "secrets,configmaps,pods", "--output", "json", "--namespace", &app.namespace];
        let others = checked(&self.kubectl.invocation().args(get))?;
        for output in [rendered, others] {
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let items = answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
            for mut object in items.into_iter().filter(|object| object["kind"].is_string()) {
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
                picture.insert(key, object);
            }
        }
        Ok(picture)
    }
}

/// What differs between two pictures of an application; nothing when it was left alone.
pub(super) fn touched(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Option<String> {
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| format!("{key} is gone"));
    let new = after.keys().filter(|key| !before.contains_key(*key)).map(|key| format!("{key} is new"));
    let other = before.iter().filter(|(key, object)| after.get(*key).is_some_and(|now| now != *object));
    let other = other.map(|(key, _)| format!("{key} has changed"));
    let all: Vec<String> = gone.chain(new).chain(other).collect();
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
            Diagnostic::new(Code::TargetUnknown, format!("`{app}` is not among the applications of this run"))
        })?;
        if values.is_none() && namespace.is_none() {
            return self.put(own, deadline);
        }
        let argocd = self.workspace.config.argocd;
        let name = [format!("{app}/{}", plan::DEFAULT_CASE)];
        let (mut targets, _) = plan::plan(self.workspace, self.inspections, argocd, &name);
        for target in &mut targets {
            target.recipe.case_file = values.map(Path::to_path_buf);
            if let Some(namespace) = namespace {
                namespace.clone_into(&mut target.recipe.namespace);
            }
        }
        let mut diagnostics = Diagnostics::default();
        let renderings = rendering::render(self.session, self.workspace, argocd, targets, true, &mut diagnostics);
        for one in &renderings {
            if let Some(Err(found)) = &one.rendered {
                diagnostics.extend(found.clone().for_target(&one.target.id));
            }
        }
        if diagnostics.has_errors() {
            return Err(diagnostics.into());
        }
        let instance = renderings.iter().find_map(self::app).ok_or_else(|| {
            Diagnostic::new(Code::TargetUnknown, format!("`{app}` renders nothing with these values"))
        })?;
        self.put(&instance, deadline)
    }

    fn tool(&self, name: &str) -> Result<PathBuf> {
        tool(self.workspace, self.tools, name)
    }
}

/// A pinned tool of charts.toml.
pub(super) fn tool(workspace: &Workspace, tools: &Tools<'_>, name: &str) -> Result<PathBuf> {
    tools.require(name, workspace.config.tool(name)?).map(|tool| tool.path)
}
