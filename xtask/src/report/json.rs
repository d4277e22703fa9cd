//! The documents of `--format json`.
//!
//! docs/json.schema.json is generated from these types and their documentation.

use std::collections::BTreeMap;

use diagnostics::{Class, Diagnostics};
use golden::diff::{Kind, ObjectDiff};
use kubernetes::manifest::Recorded;
use schemars::JsonSchema;
use serde::Serialize;

use super::exit_code;
use super::rendered::{RenderReport, State, TargetReport};
use super::trail;
use crate::image;

/// The version of the format.
const VERSION: u32 = 1;

/// What `cargo xtask` writes to standard output with `--format json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "cargo xtask --format json")]
pub struct Document<'a> {
    /// The version of this format. It increases when a field is removed or changes its meaning.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// The command, without its subcommand.
    command: &'a str,
    /// The exit code of the process.
    exit_code: u8,
    #[serde(flatten)]
    output: &'a Output,
    /// The errors and warnings, in the order of the text output.
    diagnostics: Vec<Diagnostic>,
}

/// The fields that depend on the command.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Output {
    /// Any command that failed before it had a result.
    #[schemars(extend("maxProperties" = 4))]
    Nothing {},
    /// `render`
    #[schemars(extend("properties" = {"command": {"const": "render"}}))]
    Render(Render),
    /// `validate`
    #[schemars(extend("properties" = {"command": {"const": "validate"}}))]
    Validate(Validate),
    /// `lint`
    #[schemars(extend("properties" = {"command": {"const": "lint"}}))]
    Lint(Lint),
    /// `lint --images`
    #[schemars(extend("properties" = {"command": {"const": "lint"}}))]
    LintImages(LintImages),
    /// `ci`
    #[schemars(extend("properties" = {"command": {"const": "ci"}}))]
    Ci(Ci),
    /// `explain`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    Explain(Explain),
    /// `explain TARGET OBJECT`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    ExplainField(ExplainField),
    /// `explain --coverage`
    #[schemars(extend("properties" = {"command": {"const": "explain"}}))]
    ExplainCoverage(ExplainCoverage),
    /// `impact`
    #[schemars(extend("properties" = {"command": {"const": "impact"}}))]
    Impact(Impact),
    /// `schemas`
    #[schemars(extend("properties" = {"command": {"const": "schemas"}}))]
    Schemas(Schemas),
    /// `test-kind`
    #[schemars(extend("properties" = {"command": {"const": "test-kind"}}))]
    TestKind(TestKind),
    /// `image`
    #[schemars(extend("properties" = {"command": {"const": "image"}}))]
    Image(Images),
    /// `new`
    #[schemars(extend("properties" = {"command": {"const": "new"}}))]
    New(New),
    /// `new` that completed an interrupted run
    #[schemars(extend("properties" = {"command": {"const": "new"}}))]
    NewCompleted(NewCompleted),
    /// `argocd list`
    #[schemars(extend("properties" = {"command": {"const": "argocd"}}))]
    ArgocdList(ArgocdList),
    /// `argocd set-repository`
    #[schemars(extend("properties" = {"command": {"const": "argocd"}}))]
    ArgocdSetRepository(ArgocdSetRepository),
    /// `deps`
    #[schemars(extend("properties" = {"command": {"const": "deps"}}))]
    Deps(Deps),
    /// `deps --update`
    #[schemars(extend("properties" = {"command": {"const": "deps"}}))]
    DepsUpdate(DepsUpdate),
    /// `outdated`
    #[schemars(extend("properties" = {"command": {"const": "outdated"}}))]
    Outdated(Outdated),
    /// `tools`
    #[schemars(extend("properties" = {"command": {"const": "tools"}}))]
    Tools(Tools),
    /// `bench`
    #[schemars(extend("properties" = {"command": {"const": "bench"}}))]
    Bench(Bench),
}

impl Default for Output {
    fn default() -> Self {
        Self::Nothing {}
    }
}

/// An error or a warning.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// The code, such as `values-file-missing`; docs/checks.md describes all codes.
    code: &'static str,
    severity: Severity,
    /// The message, one sentence.
    message: String,
    /// The target, `<app>/<case>`, followed by ` and N more` if several targets share the diagnostic.
    target: Option<String>,
    /// The places in files; the first is the main one.
    places: Vec<Place>,
    /// Related facts.
    notes: Vec<String>,
    /// Suggested fixes.
    helps: Vec<String>,
}

/// Whether a diagnostic affects the exit code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// A place in a file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Place {
    /// The path from the root of the workspace, or the name of another text.
    pub file: String,
    /// The line, from 1; null for the whole file.
    pub line: Option<usize>,
    /// The column, from 1; null for the whole file.
    pub column: Option<usize>,
    /// What is wrong at this place; may be empty.
    pub label: String,
}

/// The result of `render`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Render {
    /// The Argo CD release that was reproduced.
    argocd: &'static str,
    /// The Helm version of that release.
    helm: &'static str,
    /// Whether the render was recorded as goldens.
    accepted: bool,
    /// The selected targets, ordered by name.
    targets: Vec<Target>,
}

/// A target and its changes.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the field is part of the JSON format")]
pub struct Target {
    /// The name: `<app>/<case>`.
    target: String,
    state: State,
    /// The reasons for rendering it; empty if it is fresh.
    reasons: Vec<String>,
    /// The number of rendered objects, including the items of lists; null if it was not rendered.
    objects: Option<usize>,
    /// The differences from its goldens.
    changes: Vec<Change>,
}

/// The change of an object.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the field is part of the JSON format")]
pub struct Change {
    change: ChangeKind,
    /// The rendered object; for a removed one, its golden.
    object: Object,
    /// The golden of a modified or renamed object.
    previous: Option<Object>,
    /// The lines of the unified diff. Values of Secrets are replaced with fingerprints.
    diff: Vec<String>,
    /// Where the added lines of a modified object come from.
    sources: Vec<LineSource>,
}

/// Where an added line comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LineSource {
    /// The number of the line in the rendered object, from 1.
    line: usize,
    /// The parts of templates that wrote it, in its order.
    templates: Vec<Writer>,
    /// The values that it contains, or is computed from.
    values: Vec<UsedValue>,
    /// The values that decide whether it is rendered.
    conditions: Vec<UsedValue>,
}

/// The kind of a change.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Rendered but not recorded.
    Added,
    /// Recorded but no longer rendered.
    Removed,
    /// Rendered with a different text.
    Modified,
    /// Rendered under another name.
    Renamed,
}

/// An object.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Object {
    /// The API group; empty for the core group.
    group: String,
    kind: String,
    /// The namespace, also if the manifest does not set it; empty for a cluster-scoped object.
    namespace: String,
    name: String,
    /// The template that renders it, as Helm names it.
    template: String,
    /// The file name of its golden in the directory of the target.
    golden: String,
}

/// The result of `validate`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Validate {
    /// The validated targets.
    pub targets: Vec<String>,
    /// The number of objects that were validated against a schema.
    pub objects: usize,
    /// The number of objects without a schema, by kind.
    pub unchecked: BTreeMap<String, usize>,
    /// The number of Argo CD objects that only `lint` checks.
    pub linted: usize,
}

/// The result of `lint`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lint {
    /// The paths of the checked charts.
    pub charts: Vec<String>,
    /// The checked targets.
    pub targets: Vec<String>,
}

/// The result of `lint --images`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LintImages {
    /// The images of all rendered objects.
    pub images: Vec<UsedImage>,
}

/// An image and the targets that use it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UsedImage {
    /// The reference, as rendered.
    pub reference: String,
    /// The targets.
    pub targets: Vec<String>,
}

/// The result of `ci`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ci {
    /// The fields of `render`, unless the goldens could not be compared.
    #[serde(flatten)]
    pub render: Option<Render>,
    /// The steps of the end-to-end scenarios, with `--kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Step>")]
    pub steps: Option<Vec<Step>>,
}

/// The result of `explain`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explain {
    /// The given diagnostic code, or all codes.
    pub codes: Vec<Code>,
}

/// A diagnostic code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// The class: `warning`, `finding`, `configuration error`, or `failure`.
    pub class: &'static str,
    /// The exit code of a command that reports nothing worse.
    pub exit_code: u8,
    /// The meaning in one line.
    pub about: &'static str,
    /// The entry in docs/checks.md.
    pub text: &'static str,
}

/// The result of `explain` for an object or a field.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainField {
    /// The rendered lines of the object or field.
    pub lines: Vec<TracedLine>,
}

/// A rendered line and where it comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TracedLine {
    /// The golden.
    golden: String,
    /// The number of the line, from 1.
    line: usize,
    /// The line; without its value if it belongs to a Secret.
    text: String,
    /// The parts of templates that wrote it, in its order.
    templates: Vec<Writer>,
    /// The values that it contains, or is computed from.
    values: Vec<UsedValue>,
    /// The values that decide whether it is rendered.
    conditions: Vec<UsedValue>,
}

/// A part of a template that wrote a part of a line.
#[derive(Debug, Serialize, JsonSchema)]
struct Writer {
    /// The text or action.
    place: Place,
    /// The actions that included it, innermost first.
    callers: Vec<Place>,
}

/// A value that a rendered line depends on.
#[derive(Debug, Serialize, JsonSchema)]
struct UsedValue {
    /// The path from the values of the target's chart on; `*` is any key or index. Empty if any value may be used.
    path: String,
    /// Where it is set; null if it is not.
    place: Option<Place>,
}

impl LineSource {
    fn new(line: usize, trail: &trail::Trail) -> Self {
        let used = |values: &[trail::Used]| values.iter().map(UsedValue::from).collect();
        Self {
            line,
            templates: trail.writers.iter().map(Writer::from).collect(),
            values: used(&trail.values),
            conditions: used(&trail.conditions),
        }
    }
}

impl From<&trail::Line> for TracedLine {
    fn from(line: &trail::Line) -> Self {
        let used = |values: &[trail::Used]| values.iter().map(UsedValue::from).collect();
        Self {
            golden: line.golden.clone(),
            line: line.number,
            text: line.text.clone(),
            templates: line.trail.writers.iter().map(Writer::from).collect(),
            values: used(&line.trail.values),
            conditions: used(&line.trail.conditions),
        }
    }
}

impl From<&trail::Used> for UsedValue {
    fn from(used: &trail::Used) -> Self {
        Self { path: used.path.clone(), place: used.setting.as_ref().map(|setting| Place::bare(&setting.place)) }
    }
}

impl From<&trail::Writer> for Writer {
    fn from(writer: &trail::Writer) -> Self {
        Self { place: Place::bare(&writer.place), callers: writer.callers.iter().map(Place::bare).collect() }
    }
}

impl Place {
    /// A place without a label.
    fn bare(place: &diagnostics::Place) -> Self {
        let (line, column) = place.position().unzip();
        Self { file: place.source.name.clone(), line, column, label: String::new() }
    }
}

/// The result of `explain --coverage`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainCoverage {
    /// The targets.
    pub targets: Vec<TracedTarget>,
}

/// How many rendered lines of a target are traced.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TracedTarget {
    /// Its name.
    pub target: String,
    /// The number of its lines that are not blank.
    pub lines: usize,
    /// How many of them are traced to a line of a template.
    pub to_line: usize,
    /// How many of them are traced to a template.
    pub to_file: usize,
}

/// The result of `impact`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Impact {
    /// The path of the value.
    pub value: String,
    /// The targets with lines that it reaches.
    pub targets: Vec<ImpactTarget>,
}

/// The rendered lines of a target that a value reaches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImpactTarget {
    /// Its name.
    pub target: String,
    /// The lines that contain the value, or are computed from it.
    pub lines: Vec<TracedLine>,
    /// The lines that are rendered or left out because of it.
    pub conditional: Vec<TracedLine>,
}

/// The result of `schemas`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schemas {
    /// The kinds that need a schema.
    pub kinds: Vec<String>,
    /// The files written to schemas/.
    pub written: Vec<String>,
    /// The files removed from schemas/.
    pub removed: Vec<String>,
}

/// The result of `test-kind`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TestKind {
    /// The steps of the end-to-end scenarios, in order.
    pub steps: Vec<Step>,
}

/// A step of an end-to-end scenario.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The scenario, the application, or `cluster`.
    pub scenario: String,
    /// The name of the step.
    pub step: String,
    /// The result of the step.
    pub result: StepResult,
    /// How long it took.
    pub seconds: f64,
    /// The line that the step prints, the summary of its failure, or the reason why its condition does not hold.
    pub summary: Option<String>,
}

/// The result of a step.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It did not run: an earlier step failed, or its condition does not hold.
    Skipped,
}

/// The result of `image`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Images {
    /// The selected images of this repository.
    pub images: Vec<Image>,
}

/// An image of this repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Image {
    /// The name of its directory below images/.
    pub name: String,
    /// The reference that it is tagged with.
    pub reference: String,
    /// Whether it was built.
    pub state: image::State,
    /// The image ID.
    pub id: String,
    /// The size in bytes.
    pub size: u64,
    /// The digest of its inputs.
    pub inputs: String,
}

/// The result of `new`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct New {
    /// The name of the Application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// The Pod Security Standard that the namespace enforces: `restricted`, `baseline`, or `privileged`.
    pub pod_security: &'static str,
    /// The created files, without downloaded dependencies.
    pub written: Vec<String>,
    /// Whether charts.lock has a new pin.
    pub pinned: bool,
    /// Whether charts.toml has a new suppression for objects of the dependency in other namespaces.
    pub accepted: bool,
}

/// The result of `new` if it only completed an interrupted run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NewCompleted {
    /// The name of the Application.
    pub application: String,
    /// Always empty.
    pub written: [String; 0],
}

/// The result of `argocd list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArgocdList {
    /// The Applications that deploy a chart, ordered by name.
    pub applications: Vec<Application>,
}

/// An Application. If it cannot be read, all fields but `application` and `broken` are null.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Application {
    /// Its instance name: `<name>`, or `<namespace>_<name>` outside of Argo CD's namespace.
    pub application: String,
    /// The path of its chart.
    pub chart: Option<String>,
    /// The version of its chart.
    pub version: Option<String>,
    /// The namespace that it deploys to.
    pub namespace: Option<String>,
    /// Its project.
    pub project: Option<String>,
    /// The Helm version that renders it.
    pub helm: Option<&'static str>,
    /// The number of its targets.
    pub targets: Option<usize>,
    /// The number of its targets that are not fresh.
    pub stale: Option<usize>,
    /// Whether it cannot be rendered; `diagnostics` has the reason.
    pub broken: bool,
}

/// The result of `argocd set-repository`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArgocdSetRepository {
    /// The changed values.
    pub changes: Vec<RepositoryChange>,
    /// The unchanged references to other repositories.
    pub left: Vec<OtherRepository>,
    /// The targets whose goldens are no longer fresh.
    pub stale: Vec<String>,
}

/// A changed repository URL or revision.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RepositoryChange {
    /// The path of the file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The previous value; empty if there was none.
    pub from: String,
    /// The new value.
    pub to: String,
}

/// A reference to another repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OtherRepository {
    /// The path of the file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The URL of the repository.
    pub repository: String,
}

/// The result of `deps`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deps {
    /// The chart archives that were installed.
    #[serde(rename = "brought")]
    pub downloaded: Vec<Dependency>,
}

/// A dependency of a chart.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Dependency {
    /// The path of the chart that depends on it.
    pub chart: String,
    /// The name of the dependency.
    pub name: String,
    /// The pinned version.
    pub version: String,
}

/// The result of `deps --update`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DepsUpdate {
    /// A line per changed pin.
    pub changes: Vec<String>,
    /// The files written.
    pub written: Vec<String>,
}

/// The result of `outdated`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outdated {
    /// Every version that the repository deploys or pins.
    pub packages: Vec<Package>,
}

/// A pinned version.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// The kind: `chart`, `image`, `platform` (Argo CD or Kubernetes), or `tool`.
    pub kind: &'static str,
    /// The name; for an image, with its registry.
    pub name: String,
    /// The repository of a chart.
    pub repository: Option<String>,
    /// The version, as written.
    pub version: String,
    /// The newest known version.
    pub newest: Option<String>,
    /// Where the newest version is listed.
    pub newest_from: Option<&'static str>,
    /// Why the newest version could not be looked up.
    pub newest_unknown: Option<String>,
    /// Whether a newer version is known.
    pub outdated: bool,
    /// The advisories that affect the version.
    pub advisories: Vec<Advisory>,
    /// The file that sets the version.
    pub file: String,
    /// The line in this file, from 1.
    pub line: Option<usize>,
    /// The targets that use it, or the charts that depend on it.
    pub used_by: Vec<String>,
}

/// A security advisory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Advisory {
    /// The publisher's identifier.
    pub id: String,
    /// The date of publication, `YYYY-MM-DD`.
    pub date: String,
    /// The version that fixes it.
    pub fixed: String,
    /// The URL of the advisory.
    pub source: String,
    /// A summary in one line.
    pub summary: String,
}

/// The result of `tools list`, `tools install`, and `tools verify`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tools {
    /// The selected tools.
    pub tools: Vec<Tool>,
}

/// A pinned tool.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// The name of the tool.
    pub name: String,
    /// The version of the tool that was found; otherwise the pinned version.
    pub version: String,
    /// The path; null if it was not found.
    pub path: Option<String>,
    /// How it was found; null if it was not found.
    pub origin: Option<&'static str>,
}

/// The result of `bench`: ratios of median running times.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bench {
    /// `render --force`, relative to bare Helm.
    pub forced_to_bare: f64,
    /// `render` with all targets fresh, relative to bare Helm.
    pub fresh_to_bare: f64,
}

/// Formats the document of a command.
#[must_use]
pub fn document(command: &str, diagnostics: &Diagnostics, output: &Output) -> String {
    let document = Document {
        version: VERSION,
        command,
        exit_code: exit_code(diagnostics),
        output,
        diagnostics: diagnostics.0.iter().map(Diagnostic::from).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

impl From<&diagnostics::Diagnostic> for Diagnostic {
    fn from(diagnostic: &diagnostics::Diagnostic) -> Self {
        let place = |(place, label): &(diagnostics::Place, String)| {
            let (line, column) = place.position().unzip();
            Place { file: place.source.name.clone(), line, column, label: label.clone() }
        };
        let warning = diagnostic.code.class() == Class::Warning;
        Self {
            code: diagnostic.code.name(),
            severity: if warning { Severity::Warning } else { Severity::Error },
            message: diagnostic.message.clone(),
            target: diagnostic.target.clone(),
            places: diagnostic.places.iter().map(place).collect(),
            notes: diagnostic.notes.clone(),
            helps: diagnostic.helps.clone(),
        }
    }
}

impl From<&RenderReport> for Render {
    fn from(report: &RenderReport) -> Self {
        Self {
            argocd: report.argocd,
            helm: report.helm,
            accepted: report.accepted,
            targets: report.targets.iter().map(Target::from).collect(),
        }
    }
}

impl From<&TargetReport> for Target {
    fn from(target: &TargetReport) -> Self {
        Self {
            target: target.id.to_string(),
            state: target.state,
            reasons: target.reasons.clone(),
            objects: target.objects,
            changes: target.diffs.iter().map(Change::from).collect(),
        }
    }
}

impl From<&ObjectDiff> for Change {
    fn from(diff: &ObjectDiff) -> Self {
        Self {
            change: match diff.kind {
                Kind::Added => ChangeKind::Added,
                Kind::Removed => ChangeKind::Removed,
                Kind::Modified => ChangeKind::Modified,
                Kind::Renamed => ChangeKind::Renamed,
            },
            object: Object::from(&diff.object),
            previous: diff.previous.as_ref().map(Object::from),
            diff: diff.marked().map(|(_, line)| line).collect(),
            sources: diff.trails.iter().map(|(line, trail)| LineSource::new(*line, trail)).collect(),
        }
    }
}

impl From<&Recorded> for Object {
    fn from(Recorded { file, manifest }: &Recorded) -> Self {
        Self {
            group: manifest.key.group.clone(),
            kind: manifest.key.kind.clone(),
            namespace: manifest.key.namespace.clone(),
            name: manifest.key.name.clone(),
            template: manifest.template.clone(),
            golden: file.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use schemars::generate::SchemaSettings;
    use schemars::transform::RestrictFormats;

    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// `UPDATE_SCHEMA=1` rewrites the file.
    #[test]
    fn the_schema_in_docs_is_up_to_date() {
        let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RestrictFormats::default());
        let schema = settings.into_generator().into_root_schema_for::<Document<'_>>();
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        let path = repository().join("docs/json.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() && std::env::var_os("CI").is_none() {
            std::fs::write(&path, &text).expect("written");
        }
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(current == text, "docs/json.schema.json is outdated: run the tests with `UPDATE_SCHEMA=1`");
    }

    #[test]
    fn the_example_in_docs_is_the_output_of_a_fixture() {
        let read = |path: &str| std::fs::read_to_string(repository().join(path)).expect("readable");
        let fixture = read("tests/fixtures/json-changed.txtar");
        let output = fixture.split_once("-- expected.stdout --\n").and_then(|(_, rest)| rest.split_once("-- expected"));
        let (output, _) = output.expect("a section");
        assert!(
            read("docs/json.md").contains(&format!("```json\n{output}```\n")),
            "docs/json.md differs from:\n{output}"
        );
    }
}
