//! The order of a run: the Git server, Argo CD, its bootstrap, comparisons with the goldens, and scenarios.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argocd::application::split_instance;
use cluster::observer::{Observer, Stop};
use cluster::scenario::gitops::{GitOps, KIND, NAMESPACE, refreshing, wait_synced};
use cluster::scenario::run::Deadline;
use cluster::scenario::{Scenario, Step, apply};
use cluster::verdict::Problem;
use diagnostics::{Code, Diagnostic, Place, Result, Source};
use document::{Node, yaml};
use kubernetes::schemas::json;
use serde_json::Value;
use toolbox::source;
use workspace::gitops::GitOps as Config;
use workspace::{Workspace, written};

use super::agreement::{self, Expected};
use super::charts::{self, Served};
use super::release::Manifest;
use super::repository::Repository;
use super::server::{Reached, Server};
use super::tree::Files;
use super::{location, tree, waves};
use crate::cli::TestGitops as Request;
use crate::commands::Session;
use crate::commands::end_to_end::create::{self, Later};
use crate::commands::end_to_end::lane::{Run, each};
use crate::commands::end_to_end::loading::Loading;
use crate::commands::end_to_end::prepare::Prepared;
use crate::commands::end_to_end::reports::Results;
use crate::commands::end_to_end::stage::{App, Stage};

/// The deadline for the Git server.
const SERVER: Duration = Duration::from_secs(120);

/// The deadline for Argo CD to become ready.
const INSTALL: Duration = Duration::from_secs(300);

/// The deadline for Applications to become Synced and Healthy.
pub(super) const SYNC: Duration = Duration::from_secs(240);

/// How long the state that Argo CD keeps may be older than what is live.
const STALE: Duration = Duration::from_secs(30);

/// How many differences of an Application are shown.
const SHOWN: usize = 4;

/// The batch of images that Argo CD needs.
const ARGOCD: usize = 0;

/// The batch of images that its Applications need.
const APPLICATIONS: usize = 1;

/// A run with Argo CD.
#[derive(Clone, Copy)]
pub(super) struct Stages<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) config: &'a Config,
    pub(super) manifest: &'a Manifest,
    /// The manifest of the Argo CD that is upgraded.
    pub(super) earlier: Option<&'a Manifest>,
    /// The images in the order in which they are needed.
    pub(super) batches: &'a [BTreeSet<String>],
    pub(super) request: &'a Request,
}

/// The result of a bootstrap.
pub(super) struct Bootstrapped {
    pub(super) results: Results,
    /// The Git server.
    pub(super) reached: Option<Reached>,
    /// The hosts that it stands in for.
    pub(super) hosts: Vec<String>,
    /// The Applications that are applied by hand.
    roots: Vec<String>,
    /// When they were applied.
    at: Instant,
}

impl Stages<'_> {
    /// Runs everything, or one step of a scenario in a kept cluster.
    pub(super) fn run(&self, step: Option<(&Scenario, &Step)>) -> Results {
        let server = Server { kubectl: self.run.stage.kubectl, observer: self.run.stage.observer };
        let (repository, hosted) = match self.repository(&server) {
            Ok(both) => both,
            Err(found) => return self.run.timed("git-server", "serves the work tree", || Err(Stop::Other(found))),
        };
        let run = Run { gitops: Some(&repository), ..self.run.clone() };
        if let Some((scenario, step)) = step {
            let mut results = run.timed("git-server", "serves the work tree", || {
                self.watch();
                repository.publish()?;
                Ok(repository.refresh()?)
            });
            if !run.stopped(&results) {
                results.extend(refreshing(&repository, || run.single_step(scenario, step)));
            }
            return results;
        }
        let mut results = refreshing(&repository, || {
            let mut bootstrapped = self.bootstrap(&repository, &hosted);
            if !run.stopped(&bootstrapped.results) {
                let synced = self.sync(&repository, &bootstrapped);
                bootstrapped.results.extend(synced);
            }
            if self.earlier.is_some() && !run.stopped(&bootstrapped.results) {
                let upgraded = self.upgrade_argocd(&repository, &bootstrapped);
                bootstrapped.results.extend(upgraded);
            }
            bootstrapped.results
        });
        if self.request.recovery {
            if !run.stopped(&results) {
                results.extend(self.recover(&run, &repository, &hosted));
            }
            return results;
        }
        if run.stopped(&results) {
            return results;
        }
        if self.request.argocd_upgrade {
            results.extend(self.compare());
        } else {
            results.extend(refreshing(&repository, || self.scenarios(&run, &repository)));
        }
        results
    }

    /// The repository, and the Helm repositories that are hosted beside it.
    fn repository<'s>(&'s self, server: &'s Server<'s>) -> Result<(Repository<'s>, Vec<Served>)> {
        let Prepared { session, workspace, .. } = *self.prepared;
        let url = &workspace.config.repository;
        let Some((_, path)) = location::split(url) else {
            return Err(Diagnostic::new(Code::ConfigInvalid, format!("`{url}` cannot be hosted by `test-gitops`"))
                .at(Place::file(workspace::CONFIG_FILE), "`repository`")
                .note("the Git server of the run speaks HTTP at the default ports")
                .help("use an `https://` URL in charts.toml, Applications, and projects: `cargo xtask argocd set-repository URL`")
                .into());
        };
        let all = charts::download(session, workspace)?;
        let mut files = tree::read(&session.root)?;
        let mut hosted = Vec::new();
        if self.request.helm_repositories {
            hosted = charts::repositories(session, workspace, &all)?;
        } else {
            files.extend(tree::archives(&session.root, workspace)?);
        }
        let mut branches = BTreeSet::from(["main".to_owned()]);
        for application in written::applications(workspace) {
            let spec = application.root.get("spec");
            let source = spec.and_then(|spec| spec.get("source"));
            let sources = spec.map(|spec| spec.items_at(&["sources"])).unwrap_or_default();
            for source in source.into_iter().chain(sources) {
                branches.extend(
                    source
                        .get("targetRevision")
                        .and_then(Node::as_str)
                        .filter(|name| is_branch(name))
                        .map(str::to_owned),
                );
            }
        }
        let branches = branches.into_iter().collect();
        let apps = self.prepared.apps.keys().cloned().collect();
        Ok((Repository::new(session, server, path, branches, files, apps), hosted))
    }

    /// The files of the revision to upgrade from.
    pub(super) fn before(&self) -> Result<Option<Files>> {
        let Some(root) = self.prepared.revision() else { return Ok(None) };
        let session = Session {
            root: root.to_owned(),
            rendered: Arc::clone(&self.prepared.session.rendered),
            results: Arc::clone(&self.prepared.session.results),
            goldens: Arc::default(),
            revision: None,
            configuration: self.prepared.session.configuration.clone(),
            ..*self.prepared.session
        };
        let (workspace, found) = Workspace::load(root, &session.environment.cache)?;
        found.into_result(())?;
        charts::download(&session, &workspace)?;
        let mut files = tree::read(root)?;
        files.extend(tree::archives(root, &workspace)?);
        Ok(Some(files))
    }

    /// Watches Applications.
    fn watch(&self) {
        self.run.stage.observer.watch_once(KIND, "/apis/argoproj.io/v1alpha1/applications");
    }

    /// Everything up to the first sync of what is applied by hand.
    fn bootstrap(&self, repository: &Repository<'_>, hosted: &[Served]) -> Bootstrapped {
        let run = self.run;
        let mut hosts: BTreeSet<String> = hosted.iter().map(|one| one.host.clone()).collect();
        hosts.extend(location::split(&self.prepared.workspace.config.repository).map(|(host, _)| host));
        let hosts: Vec<String> = hosts.into_iter().collect();
        let mut done =
            Bootstrapped { results: Results::default(), reached: None, hosts, roots: Vec::new(), at: Instant::now() };
        done.results = self.components(repository, hosted, &mut done);
        if run.stopped(&done.results) {
            return done;
        }
        done.at = Instant::now();
        let mut roots = Vec::new();
        done.results.extend(run.timed("argocd", "is bootstrapped", || {
            self.watch();
            run.loading.wait(APPLICATIONS)?;
            roots = self.apply_roots()?;
            // In a kept cluster, Argo CD knows an earlier commit.
            Ok(repository.refresh()?)
        }));
        done.roots = roots;
        if !run.stopped(&done.results) {
            let roots: Vec<&String> = done.roots.iter().collect();
            let synced = self.synced(repository, &roots, done.at);
            done.results.extend(synced);
        }
        done
    }

    /// Deploys the Git server and Argo CD.
    fn components(&self, repository: &Repository<'_>, hosted: &[Served], done: &mut Bootstrapped) -> Results {
        let run = self.run;
        let mut results = run.timed("git-server", "serves the work tree", || {
            let deadline = Deadline::after(SERVER);
            run.stage.network(deadline.left())?;
            done.reached = Some(repository.server.deploy(&done.hosts, deadline)?);
            for one in hosted {
                repository.server.write(&one.host, &one.path, one.content.clone())?;
            }
            match self.before()? {
                Some(before) => Ok(repository.publish_files(&before)?),
                None => Ok(repository.publish()?),
            }
        });
        if !run.stopped(&results) {
            let manifest = self.earlier.unwrap_or(self.manifest);
            results.extend(run.timed("argocd", "is installed", || {
                run.loading.wait(ARGOCD)?;
                self.install(manifest, done)
            }));
        }
        results
    }

    /// Installs Argo CD, or upgrades it.
    pub(super) fn install(&self, manifest: &Manifest, bootstrapped: &Bootstrapped) -> std::result::Result<(), Stop> {
        let run = self.run;
        let Some(reached) = &bootstrapped.reached else { return Ok(()) };
        let namespace =
            serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        // Argo CD generates this password while it starts, and pods that need it fail until then.
        let password = toolbox::archive::sha256(run.cluster.provisioner.name.as_bytes());
        let secret = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "argocd-redis", "namespace": NAMESPACE },
            "stringData": { "auth": password },
        });
        let text = manifest.text(&reached.address, &bootstrapped.hosts, &reached.certificate);
        let text = format!("{namespace}\n---\n{secret}\n---\n{text}");
        apply::apply(run.stage.kubectl, run.stage.observer, NAMESPACE, &text, INSTALL)
    }

    /// Waits until Applications are synced, and measures the time since the bootstrap.
    fn synced(&self, repository: &Repository<'_>, apps: &[&String], since: Instant) -> Results {
        each(apps, |app: &String| {
            self.run.measured(app, "becomes Synced and Healthy", || {
                let deadline = SYNC.saturating_sub(since.elapsed());
                wait_synced(self.run.stage.observer, repository, std::slice::from_ref(app), deadline)?;
                Ok(Some(format!("{:.1} s after the bootstrap", since.elapsed().as_secs_f64())))
            })
        })
    }

    /// The first sync of all other Applications, which do not exist before what is applied by hand is synced.
    fn sync(&self, repository: &Repository<'_>, bootstrapped: &Bootstrapped) -> Results {
        let run = self.run;
        let is_root = |app: &str| bootstrapped.roots.iter().any(|root| root == split_instance(app).0);
        let others = self.prepared.apps.keys().filter(|app| !is_root(app));
        let mut results = self.synced(repository, &others.collect::<Vec<_>>(), bootstrapped.at);
        if let Some(revision) = self.request.common.upgrade_from.as_ref().filter(|_| !run.stopped(&results)) {
            results.extend(self.upgrade_applications(repository, revision));
        }
        if !run.stopped(&results) && !run.cluster.reused {
            results.extend(run.timed("argocd", "created projects and Applications in wave order", || {
                waves::check(run.stage.kubectl)
            }));
        }
        results
    }

    /// Runs the scenarios whose cluster is lost: the steps after that run in a new cluster, which is bootstrapped from Git.
    fn recover(&self, run: &Run<'_>, repository: &Repository<'_>, hosted: &[Served]) -> Results {
        let mut results = run.loaded();
        let mut later = Vec::new();
        for scenario in run.scenarios {
            let Some((before, after)) = scenario.recovery() else { continue };
            results.extend(refreshing(repository, || run.scenario(&before)));
            if run.stopped(&results) {
                return results;
            }
            // The variables are deleted with the cluster.
            later.push((after, run.saved(scenario)));
        }
        let mut remaining = Later::new();
        results.extend(run.timed("cluster", "is lost, and a new one is ready", || {
            remaining = create::replace(self.prepared, run.cluster, run.images, self.batches)?;
            Ok(())
        }));
        if toolbox::process::interrupted() || results.failed() {
            return results;
        }
        let observer = Observer::start(run.stage.kubectl);
        let stage = Stage { observer: &observer, ..*run.stage };
        let server = Server { kubectl: stage.kubectl, observer: &observer };
        let repository = repository.moved_to(&server);
        let ((), loaded) = Loading::during(remaining, run.cluster, stage.session.printer, |loading| {
            let run = Run { stage: &stage, gitops: Some(&repository), loading, ..run.clone() };
            if let Some(manifest) = &self.prepared.manifest {
                results.extend(run.apply(manifest));
            }
            if run.stopped(&results) {
                return;
            }
            refreshing(&repository, || {
                results.extend(Stages { run: &run, ..*self }.bootstrap(&repository, hosted).results);
                results.extend(run.loaded());
                for (after, values) in later {
                    if !run.stopped(&results) {
                        results.extend(run.scenario_with(&after, values));
                    }
                }
            });
        });
        results.extend(loaded.err().map(Results::not_loaded).unwrap_or_default());
        results
    }

    /// Applies what is applied by hand. Returns the names of the Applications in it.
    fn apply_roots(&self) -> std::result::Result<Vec<String>, Stop> {
        let run = self.run;
        let root = &self.prepared.session.root;
        let (mut texts, mut names) = (Vec::new(), Vec::new());
        for (file, place) in &self.config.apply {
            let path = root.join(file);
            if !path.is_file() {
                return Err(Diagnostic::new(Code::ConfigInvalid, format!("`{file}` does not exist"))
                    .at(place.clone(), "a manifest in `gitops.apply`")
                    .into());
            }
            let source = source::read(root, &path)?;
            for document in yaml::parse(&source)? {
                let text = |path: &[&str]| document.root.find(path).and_then(Node::as_str).unwrap_or_default();
                if text(&["kind"]) == KIND {
                    names.push(text(&["metadata", "name"]).to_owned());
                }
            }
            texts.push(source.text.clone());
        }
        apply::apply(run.stage.kubectl, run.stage.observer, NAMESPACE, &texts.join("\n---\n"), INSTALL)?;
        Ok(names)
    }

    /// Compares what Argo CD generated, and what is live, with the goldens.
    pub(super) fn compare(&self) -> Results {
        let run = self.run;
        let mut results = Results::default();
        for app in &run.order {
            let mut managed = Vec::new();
            let expected = expected(app);
            results.extend(run.measured(&app.name, "was generated as recorded in the goldens", || {
                managed = agreement::managed(run.stage.kubectl, &app.name)?;
                agree(app, "was generated differently", &agreement::generated(&managed, &expected))?;
                Ok(Some(format!("{} objects", expected.len())))
            }));
            if run.stopped(&results) {
                return results;
            }
            results.extend(run.timed(&app.name, "is live as recorded in the goldens", || {
                let deadline = Deadline::after(STALE);
                loop {
                    let differences = agreement::live(&managed, &expected);
                    if differences.is_empty() || deadline.left().is_zero() {
                        return agree(app, "is live differently", &differences);
                    }
                    toolbox::process::check_interrupted()?;
                    std::thread::sleep(Duration::from_secs(1));
                    managed = agreement::managed(run.stage.kubectl, &app.name)?;
                }
            }));
        }
        results
    }
}

/// Whether a revision names a branch, and not a commit or the head.
fn is_branch(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
    let commit = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    !name.is_empty() && name != "HEAD" && !commit && name.chars().all(plain)
}

/// The goldens of an application; hooks are not among the objects that Argo CD keeps.
fn expected(app: &App) -> Vec<Expected> {
    let mut expected = Vec::new();
    for wave in &app.waves {
        let documents = yaml::parse(&Source::new("", wave.text.clone())).unwrap_or_default();
        for document in documents {
            let object = json(&document.root);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            if !object["metadata"]["annotations"]["argocd.argoproj.io/hook"].is_null() {
                continue;
            }
            let version = text(&object["apiVersion"]);
            let group = version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
            let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
            if !kind.is_empty() {
                expected.push(Expected { group, kind, name, object });
            }
        }
    }
    expected
}

fn agree(app: &App, state: &str, differences: &[String]) -> std::result::Result<(), Stop> {
    if differences.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<String> = differences.iter().take(SHOWN).cloned().collect();
    if differences.len() > SHOWN {
        shown.push(format!("{} more differences", differences.len() - SHOWN));
    }
    Err(Stop::Problem(Problem::new(format!("Application {}", app.name), state, shown.join("; "))))
}
