//! The result of `render`.

use golden::diff::{Kind, ObjectDiff};
use kubernetes::manifest::Recorded;
use schemars::JsonSchema;
use serde::Serialize;

use super::trace::LineSource;
use crate::report::rendered::{RenderReport, State, TargetReport, UnrenderedReport};

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
    /// The Applications without targets; empty if targets are selected.
    unrendered: Vec<Unrendered>,
}

/// An Application without targets.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Unrendered {
    /// Its instance name.
    application: String,
    /// Whether it is invalid. Otherwise, this tool does not render it.
    invalid: bool,
    /// Why it is not rendered.
    reason: String,
    /// Whether charts.toml accepts that.
    accepted: bool,
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

/// The result of `pending`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pending {
    /// The differences from the goldens, ordered by target.
    pub changes: Vec<PendingChange>,
}

/// The change of an object in a target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PendingChange {
    /// The name: `<app>/<case>`.
    target: String,
    /// The golden, relative to the root; it does not exist yet if the object is added.
    file: String,
    /// The first line that differs, in what is rendered; 1 if no line is added.
    line: usize,
    #[serde(flatten)]
    change: Change,
}

impl PendingChange {
    /// A change in a target, with its golden and line.
    #[must_use]
    pub fn new(target: &TargetReport, (file, line): (String, usize), diff: &ObjectDiff) -> Self {
        Self { target: target.id.to_string(), file, line, change: diff.into() }
    }
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

impl From<&RenderReport> for Render {
    fn from(report: &RenderReport) -> Self {
        Self {
            argocd: report.argocd,
            helm: report.helm,
            accepted: report.accepted,
            targets: report.targets.iter().map(Target::from).collect(),
            unrendered: report.unrendered.iter().map(Unrendered::from).collect(),
        }
    }
}

impl From<&UnrenderedReport> for Unrendered {
    fn from(report: &UnrenderedReport) -> Self {
        let UnrenderedReport { application, invalid, reason, accepted } = report;
        Self { application: application.clone(), invalid: *invalid, reason: reason.clone(), accepted: *accepted }
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
