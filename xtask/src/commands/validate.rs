//! `validate`: checks whether the API server would accept what Argo CD would apply.
//!
//! Objects come from the goldens of fresh targets and from rendering the others; schemas come from schemas/ and from the
//! `CustomResourceDefinitions` that any target renders or `--crds` contains. Targets that are not selected are not
//! rendered: their `CustomResourceDefinitions` are taken from their goldens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::yaml::Document;
use document::{Node, yaml};
use golden::objects;
use kubernetes::schemas::{Kind, Version, crd, files};
pub use kubernetes::validate::CODES;
use kubernetes::validate::subject::Subject;
use kubernetes::validate::{Checked, Input, Unrendered, subject};
use kubernetes::{schemas, validate};
use serde_json::{Value, json};
use toolbox::inputs;
use toolbox::parallel::parallel;
use toolbox::progress::Progress;
use toolbox::timings;
use workspace::shard::Shard;
use workspace::target::{DEFAULT_CASE, Target, TargetId};
use workspace::{Workspace, suppression};

use super::app_of_apps;
use super::placing::Placer;
use super::rendering::{self, Rendering, Selected};
use super::scenario_validation;
use super::unsealing;
use super::{Outcome, Session};
use crate::report;
use crate::report::json::{self, Output};

/// The prefix of the names of goldens of `CustomResourceDefinitions`.
const DEFINITION: &str = "customresourcedefinition-";

/// The arguments of the command.
#[derive(Debug, Default)]
pub struct Request {
    /// Names of targets; all targets if empty.
    pub targets: Vec<String>,
    /// A directory with more `CustomResourceDefinitions`.
    pub crds: Option<std::path::PathBuf>,
    /// The part of the targets.
    pub shard: Option<Shard>,
    /// The kubeconfig of a cluster whose Sealed Secrets controller verifies the SealedSecrets.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Validate only objects in these goldens, and nothing under argocd/; `None` for all.
    pub only: Option<BTreeSet<(TargetId, String)>>,
}

impl Request {
    /// Whether the manifests in argocd/ are validated, too.
    fn whole(&self) -> bool {
        self.targets.is_empty() && self.only.is_none() && self.shard.is_none_or(Shard::is_first)
    }
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let Selected { all, renderings } =
        rendering::render_selected(session, &workspace, &request.targets, request.shard, &mut diagnostics);
    let sound = workspace.sound && !diagnostics.has_errors();
    let complete = sound && request.targets.is_empty() && request.shard.is_none();
    let all: Vec<&Target<'_>> = all.iter().collect();
    let mut checked = check(session, request, &workspace, &all, &renderings, complete);
    let mut verified = None;
    if let Some(kubeconfig) = &request.kubeconfig {
        let (count, found) =
            unsealing::verify(session, &workspace, kubeconfig, &sealed(request, &workspace, &renderings));
        checked.diagnostics.extend(found);
        verified = Some(count);
    }
    Placer::new(session, &workspace, &renderings).place(&mut checked.diagnostics);
    diagnostics.extend(checked.diagnostics.clone());
    diagnostics.sort();

    print_skipped(session, &checked);
    let mut counts = format!("{}, {}", plural(renderings.len(), "target"), plural(checked.validated, "object"));
    if let Some(count) = verified {
        counts.push_str(&format!(", {} verified by the controller", plural(count, "SealedSecret")));
    }
    session.printer.finished(&format!("{counts}: {}", report::count(&diagnostics)));
    let targets: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
    let output = Output::Validate(json::Validate {
        targets,
        objects: checked.validated,
        unchecked: checked
            .unchecked
            .iter()
            .chain(&checked.unknown)
            .map(|(kind, count)| (kind.to_string(), *count))
            .collect(),
        linted: checked.linted,
        verified,
    });
    Ok(Outcome { diagnostics, output })
}

/// The SealedSecrets that Argo CD applies. Those of cases are not deployed, unless the Application is the case itself.
fn sealed(request: &Request, workspace: &Workspace, renderings: &[Rendering<'_>]) -> Vec<Subject> {
    let mut subjects = Vec::new();
    if request.whole() {
        subjects.extend(workspace.argocd.iter().flat_map(|file| subject::of_argocd(&file.name, &file.documents)));
    }
    for one in renderings.iter().filter(|one| one.target.id.case == DEFAULT_CASE) {
        let manifests = one.manifests().unwrap_or_default();
        subjects.extend(objects::subjects(&one.target, &one.golden, &manifests));
    }
    subjects.retain(|subject| subject.object.key.kind == "SealedSecret" && subject.object.key.group == "bitnami.com");
    subjects
}

/// Prints which objects were not validated, and why.
pub(crate) fn print_skipped(session: &Session<'_>, checked: &Checked) {
    for (kind, count) in &checked.unchecked {
        session.printer.status(
            "Skipped",
            &format!("{} of {kind}: unchecked in {}", plural(*count, "object"), workspace::CONFIG_FILE),
        );
    }
    for (kind, count) in &checked.unknown {
        let objects = plural(*count, "object");
        session.printer.status("Skipped", &format!("{objects} of {kind}: no schema; see `cargo xtask schemas --help`"));
    }
    if checked.linted > 0 {
        let objects = plural(checked.linted, "object");
        session.printer.status(
            "Skipped",
            &format!("{objects} of argoproj.io: checked by `cargo xtask lint`; to validate them, pass `--crds DIR`"),
        );
    }
}

/// Validates rendered targets, and also argocd/ unless targets are selected. `all` are all targets of the workspace;
/// `complete` is whether every object is included.
#[must_use]
pub fn check(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    all: &[&Target<'_>],
    renderings: &[Rendering<'_>],
    complete: bool,
) -> Checked {
    let _phase = timings::phase("validate");
    let mut checked = Checked::default();
    if let Err(found) = prerequisites(session, workspace) {
        checked.diagnostics = found;
        return checked;
    }
    // Definitions among them are needed, even if they are not validated.
    let is_read = |document: &Document| request.whole() || document.root.source.text.contains(crd::KIND);
    let read = workspace.argocd.iter().filter(|file| file.documents.iter().any(is_read));
    let mut subjects: Vec<Subject> = read.flat_map(|file| subject::of_argocd(&file.name, &file.documents)).collect();
    let server_side_applied = server_side_applied(workspace);
    let is_wanted = |target: &TargetId, file: &str| {
        request.only.as_ref().is_none_or(|only| only.contains(&(target.clone(), file.to_owned())))
    };
    subjects.extend(
        parallel(session.jobs, renderings, |one| {
            let id = &one.target.id;
            let manifests = match &request.only {
                Some(_) => one.manifests_in(&|file, _| is_wanted(id, file) || file.starts_with(DEFINITION)),
                None => one.manifests().unwrap_or_default(),
            };
            let mut subjects = objects::subjects(&one.target, &one.golden, &manifests);
            let server_side = server_side_applied.contains(id.app.as_str());
            for subject in &mut subjects {
                subject.set_server_side_apply(server_side);
            }
            subjects
        })
        .into_iter()
        .flatten(),
    );
    let mut diagnostics = Diagnostics::default();
    let definitions = definitions(session, workspace, request, all, renderings, &subjects, &mut diagnostics);
    let derived = derived(&session.root, &definitions);
    // Manifests under argocd/ do not belong to a target.
    subjects.retain(|subject| request.whole() || !subject.argocd);
    if let Some(only) = &request.only {
        subjects.retain(|subject| {
            let object = &subject.object;
            only.iter().any(|(target, file)| target.to_string() == object.target && *file == object.golden)
        });
    }
    let tools = session.tools(workspace);
    let kubeconform = || Ok(tools.require("kubeconform", workspace.config.tool("kubeconform")?)?.path);
    let failed = renderings.iter().filter(|one| one.failed());
    let failed: Vec<String> = failed.map(|one| one.target.id.to_string()).collect();
    let input = Input {
        root: &session.root,
        kubernetes: &workspace.config.kubernetes,
        locations: &workspace.config.validate.locations,
        unchecked: &workspace.config.validate.unchecked,
        subjects: &subjects,
        derived: &derived,
        complete: complete && request.crds.is_none(),
        failed: &failed,
        unrendered: &|kind| unrendered(all, renderings, kind),
        kubeconform: &kubeconform,
        version: workspace.config.tool("kubeconform").unwrap_or_default(),
        results: &session.results,
    };
    let checked = validate::check(&input);
    diagnostics.extend(tools.warnings());
    diagnostics.extend(checked.diagnostics);
    if request.whole() {
        diagnostics.extend(scenario_validation::check(&session.root, &input));
    }
    let all_validated = diagnostics.0.iter().all(|found| found.code != Code::KubeconformFailed);
    let (suppressions, complete) = (&workspace.config.suppressions, complete && all_validated);
    let diagnostics = suppression::apply(diagnostics, suppressions, session.today, CODES, complete);
    Checked { diagnostics, ..checked }
}

/// The Applications with the sync option `ServerSideApply=true`.
fn server_side_applied(workspace: &Workspace) -> BTreeSet<&str> {
    let applications = workspace::written::applications(workspace);
    applications.filter(|one| one.has_sync_option("ServerSideApply=true")).map(|one| one.name).collect()
}

/// Checks the prerequisites of a validation.
pub(crate) fn prerequisites(session: &Session<'_>, workspace: &Workspace) -> Result<()> {
    let locations = &workspace.config.validate.locations;
    if session.offline && !locations.is_empty() {
        return Err(Diagnostic::new(
            Code::Usage,
            "`validate.schema-locations` in charts.toml is not allowed with `--offline`",
        )
        .note(format!("schema locations: {}", locations.join(", ")))
        .help("remove `--offline`, or add the schemas to schemas/")
        .into());
    }
    if !files::generated(&session.root) {
        return Ok(());
    }
    let version = Version::load(&session.root)?;
    if schemas::minor(&version.kubernetes) == schemas::minor(&workspace.config.kubernetes) {
        return Ok(());
    }
    let message = format!(
        "schemas/ is for Kubernetes {}, but charts.toml has {}",
        version.kubernetes, workspace.config.kubernetes
    );
    let written = document::toml::parse(&workspace.config.source).ok();
    let written = written.as_ref().and_then(|root| root.find(&["kubernetes", "version"]));
    let found = Diagnostic::new(Code::SchemasOutdated, message).at(version.place, "a different minor version");
    let found = match written {
        Some(node) => found.at(node.place(), "the version of the cluster"),
        None => found,
    };
    Err(found
        .help("regenerate it from a cluster of that version: `cargo xtask schemas --from-cluster --kubeconfig FILE`")
        .into())
}

/// The `CustomResourceDefinitions` that are rendered, recorded in goldens, or passed with `--crds`.
fn definitions(
    session: &Session<'_>,
    workspace: &Workspace,
    request: &Request,
    all: &[&Target<'_>],
    renderings: &[Rendering<'_>],
    subjects: &[Subject],
    diagnostics: &mut Diagnostics,
) -> Vec<Value> {
    let of_subjects = |subjects: &[Subject]| -> Vec<Value> {
        let definitions = subjects.iter().filter(|subject| subject.kind.kind == crd::KIND);
        definitions.map(|subject| schemas::json(&subject.object.root)).collect()
    };
    let mut found = of_subjects(subjects);
    let selected: BTreeSet<_> = renderings.iter().map(|one| &one.target.id).collect();
    for target in all.iter().filter(|target| !selected.contains(&target.id)) {
        if let Ok(golden) = session.goldens.of(&session.root, &target.id) {
            let recorded = golden.recorded(&target.namespace);
            found.extend(of_subjects(&objects::subjects(target, &golden, &recorded)));
        }
    }
    // Those of an Application that is not rendered are in the cluster, too.
    for one in &workspace.unrendered {
        let id = TargetId { app: one.instance.clone(), case: DEFAULT_CASE.to_owned() };
        let Ok(golden) = session.goldens.of(&session.root, &id) else { continue };
        let recorded = golden.recorded("").into_iter().filter(|one| one.manifest.key.kind == crd::KIND);
        found.extend(recorded.flat_map(|one| documents(&one.manifest.text)));
    }
    if let Some(folder) = &request.crds {
        found.extend(diagnostics.take(load_definitions(&session.root, folder)).unwrap_or_default());
    }
    found
}

/// Finds the definition of a kind in a target that skips it, or in the goldens of one that no longer renders it.
fn unrendered(all: &[&Target<'_>], renderings: &[Rendering<'_>], kind: &Kind) -> Option<Unrendered> {
    let defines = |definition: &Value| crd::served(definition).iter().any(|(served, _)| served == kind);
    let recorded = renderings.iter().find_map(|one| {
        let rendered = one.manifests()?;
        let removed = one.golden.recorded(&one.target.namespace).into_iter().find(|recorded| {
            let manifest = &recorded.manifest;
            manifest.key.kind == crd::KIND
                && !rendered.iter().any(|one| one.manifest.key == manifest.key)
                && documents(&manifest.text).iter().any(defines)
        });
        Some((&one.target.id.app, format!("{}/{}", one.golden.folder, removed?.file)))
    });
    let skips = all
        .iter()
        .flat_map(|target| target.charts())
        .find(|target| !target.recipe.include_crds && chart_definitions(&target.chart.directory).iter().any(defines));
    if let Some(target) = skips {
        let application = target.application;
        let option = target.source.node.find(&["helm", "skipCrds"]).map(Node::place);
        return Some(Unrendered {
            app: application.name.clone(),
            place: option.unwrap_or_else(|| application.place.clone()),
            skipped: true,
            recorded: recorded.is_some_and(|(app, _)| *app == application.name),
        });
    }
    let (app, file) = recorded?;
    Some(Unrendered { app: app.clone(), place: Place::file(file), skipped: false, recorded: true })
}

/// The `CustomResourceDefinitions` in the crds/ directories of a chart and of its dependencies in charts/.
fn chart_definitions(chart: &Path) -> Vec<Value> {
    let mut texts = Vec::new();
    let is_definition = |path: &Path| path.iter().any(|part| part == "crds");
    for path in workspace::find::files(chart) {
        if path.strip_prefix(chart).is_ok_and(is_definition) {
            texts.extend(toolbox::regular_file::read_to_string(&path).ok());
        }
    }
    for entry in std::fs::read_dir(chart.join("charts")).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|end| end != "tgz") {
            continue;
        }
        let tree = toolbox::regular_file::read(&path)
            .ok()
            .and_then(|bytes| toolbox::archive::read(&path.to_string_lossy(), &bytes).ok());
        let files = tree.unwrap_or_default().into_iter().filter(|(name, _)| is_definition(Path::new(name)));
        texts.extend(files.filter_map(|(_, bytes)| String::from_utf8(bytes).ok()));
    }
    texts.iter().flat_map(|text| documents(text)).collect()
}

/// The documents of a YAML text as JSON; none if it cannot be parsed.
fn documents(text: &str) -> Vec<Value> {
    let documents = yaml::parse(&Source::new("", text)).unwrap_or_default();
    documents.iter().map(|document| schemas::json(&document.root)).collect()
}

/// The `CustomResourceDefinitions` in a directory, which must have at least one.
fn load_definitions(root: &Path, folder: &Path) -> Result<Vec<Value>> {
    let mut definitions = Vec::new();
    for path in workspace::find::files(folder) {
        let documents = toolbox::source::read(root, &path).and_then(|source| yaml::parse(&source))?;
        // `kubectl get` prints a List.
        let roots = documents.iter().flat_map(|document| {
            let items = document.root.get("items").map(Node::items).unwrap_or_default();
            std::iter::once(&document.root).chain(items).map(schemas::json)
        });
        definitions.extend(roots.filter(|root| !crd::served(root).is_empty()));
    }
    if definitions.is_empty() {
        let name = inputs::name(root, &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        return Err(Diagnostic::new(Code::Usage, format!("no CustomResourceDefinitions in `{name}`"))
            .help("pass a directory with the output of `kubectl get crds -o yaml`")
            .into());
    }
    Ok(definitions)
}

/// The schemas derived from definitions. If two define the same kind, the first one wins.
#[must_use]
pub fn derived(root: &Path, definitions: &[Value]) -> BTreeMap<Kind, Value> {
    if definitions.is_empty() {
        return BTreeMap::new();
    }
    // Every generated schema includes the definition of `metadata`.
    let metadata = files::present(root)
        .into_iter()
        .find_map(|file| schemas::metadata(&serde_json::from_str(&files::read(root, &file).ok()?).ok()?));
    let metadata = metadata.unwrap_or_else(|| {
        let open = json!({ "type": "object" });
        [(schemas::shape::OBJECT_META.to_owned(), open)].into_iter().collect()
    });
    let mut derived = BTreeMap::new();
    for definition in definitions {
        for (kind, schema) in crd::derive(definition, &metadata) {
            derived.entry(kind).or_insert(schema);
        }
    }
    derived
}
