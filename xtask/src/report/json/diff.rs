//! The result of `diff`.

use schemars::JsonSchema;
use serde::Serialize;

use super::render::Change;
use crate::report::model::{self, ApplicationKind, Known, Report};

/// The result of `diff`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// What is compared with.
    base: Side,
    /// What is compared.
    head: Side,
    /// The Applications that change, ordered by name.
    applications: Vec<ApplicationChange>,
    /// The Applications and cases of which nothing is known on at least one side, ordered by name.
    not_rendered: Vec<NotRendered>,
    /// The number of Applications that do not change.
    unchanged: usize,
    validity: Validity,
}

/// Whether the cluster accepts the objects that change.
#[derive(Debug, Serialize, JsonSchema)]
struct Validity {
    /// How many objects were checked; null if they cannot be.
    objects: Option<usize>,
    /// How many of them the cluster rejects; null if that is unknown.
    invalid: Option<usize>,
    /// Why they cannot be checked.
    reason: Option<String>,
}

/// One side of the comparison.
#[derive(Debug, Serialize, JsonSchema)]
struct Side {
    /// The name of the revision, or `the checkout`.
    name: String,
    /// The commit; null for the checkout.
    commit: Option<String>,
    /// The Argo CD release.
    argocd: String,
    /// The Helm version of that release.
    helm: String,
}

/// An Application or a case that is not compared.
#[derive(Debug, Serialize, JsonSchema)]
struct NotRendered {
    /// The instance name of the Application, or `<app>/<case>`.
    name: String,
    /// What is known in the base.
    base: Knowledge,
    /// What is known in the head.
    head: Knowledge,
}

/// What is known on one side.
#[derive(Debug, Serialize, JsonSchema)]
struct Knowledge {
    /// Whether it exists.
    exists: bool,
    /// Why it is not rendered; null if it is.
    reason: Option<String>,
}

/// What happens to an Application.
#[derive(Debug, Serialize, JsonSchema)]
struct ApplicationChange {
    /// Its instance name.
    application: String,
    /// The namespace that its objects have unless they set one.
    namespace: String,
    change: ApplicationChangeKind,
    /// The former name of a renamed Application.
    previous: Option<String>,
    /// Why nothing is known about its objects, if it failed.
    reason: Option<String>,
    severity: Severity,
    /// The file that defines it.
    file: String,
    /// The images and charts with another version.
    bumps: Vec<Bump>,
    /// What the change does to the Application as a whole, the most severe first.
    effects: Vec<Effect>,
    /// The hooks that the sync runs, as `<kind>/<name>`.
    hooks: Vec<String>,
    /// The objects that change: the most severe first, and those that only cases render last.
    objects: Vec<ObjectChange>,
}

/// What becomes of an Application.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ApplicationChangeKind {
    /// It exists only in the head.
    Added,
    /// It exists only in the base.
    Removed,
    /// It had another name.
    Renamed,
    /// It exists on both sides.
    Changed,
    /// It cannot be rendered on one side.
    Failed,
}

/// How dangerous a change is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ChangeSeverity")]
enum Severity {
    /// The sync fails, or data is lost.
    Blocker,
    /// The change may interrupt or weaken something.
    Caution,
    /// The change has an effect that a reviewer should know.
    Notice,
    /// Nothing but images, chart versions, or metadata changes.
    Routine,
}

/// An image or a chart with another version.
#[derive(Debug, Serialize, JsonSchema)]
struct Bump {
    /// `chart` or `image`.
    kind: &'static str,
    /// The name: an image without its tag, or a chart.
    name: String,
    /// The version, tag, or digest before.
    from: String,
    /// The version, tag, or digest after.
    to: String,
    /// Whether the first number of the version differs.
    major: bool,
}

/// What happens to an object.
#[derive(Debug, Serialize, JsonSchema)]
struct ObjectChange {
    /// The targets with this change.
    targets: Vec<String>,
    /// What Argo CD does: `create`, `update`, `replace`, `prune`, `leave`, `hook`, or `nothing`.
    action: &'static str,
    /// Why it does that, where it is not plain.
    reason: Option<String>,
    severity: Severity,
    /// What the change does beyond its text, the most severe first.
    effects: Vec<Effect>,
    /// The fields of a modified object that change, compared by meaning.
    fields: Vec<FieldChange>,
    #[serde(flatten)]
    change: Change,
}

/// What a change does.
#[derive(Debug, Serialize, JsonSchema)]
struct Effect {
    /// The code of the rule; docs/checks.md describes all codes.
    code: &'static str,
    severity: Severity,
    /// What happens, one sentence.
    message: String,
    /// The path of the field; empty for the whole object.
    path: Vec<String>,
    /// What to do about it.
    help: Option<String>,
}

/// A field that changes.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldChange {
    /// The path of the field.
    path: String,
    /// The value before; null if it was not set.
    before: Option<String>,
    /// The value after; null if it is no longer set.
    after: Option<String>,
}

impl From<&Report> for Diff {
    fn from(report: &Report) -> Self {
        Self {
            base: Side::from(&report.base),
            head: Side::from(&report.head),
            applications: report.applications.iter().map(ApplicationChange::from).collect(),
            not_rendered: report.not_rendered.iter().map(NotRendered::from).collect(),
            unchanged: report.unchanged,
            validity: Validity::from(&report.validity),
        }
    }
}

impl From<&model::Validity> for Validity {
    fn from(validity: &model::Validity) -> Self {
        match validity {
            model::Validity::Checked { objects, invalid } => {
                Self { objects: Some(*objects), invalid: Some(*invalid), reason: None }
            }
            model::Validity::Unknown { reason } => Self { objects: None, invalid: None, reason: Some(reason.clone()) },
        }
    }
}

impl From<&model::Side> for Side {
    fn from(side: &model::Side) -> Self {
        let model::Side { name, commit, argocd, helm } = side.clone();
        Self { name, commit, argocd, helm }
    }
}

impl From<&model::NotRendered> for NotRendered {
    fn from(one: &model::NotRendered) -> Self {
        Self { name: one.name.clone(), base: Knowledge::from(&one.base), head: Knowledge::from(&one.head) }
    }
}

impl From<&Known> for Knowledge {
    fn from(known: &Known) -> Self {
        match known {
            Known::Absent => Self { exists: false, reason: None },
            Known::Rendered => Self { exists: true, reason: None },
            Known::Not { reason } => Self { exists: true, reason: Some(reason.clone()) },
        }
    }
}

impl From<&model::ApplicationChange> for ApplicationChange {
    fn from(one: &model::ApplicationChange) -> Self {
        let (change, previous, reason) = match &one.kind {
            ApplicationKind::Added => (ApplicationChangeKind::Added, None, None),
            ApplicationKind::Removed => (ApplicationChangeKind::Removed, None, None),
            ApplicationKind::Moved { from } => (ApplicationChangeKind::Renamed, Some(from.clone()), None),
            ApplicationKind::Changed => (ApplicationChangeKind::Changed, None, None),
            ApplicationKind::Failed { reason } => (ApplicationChangeKind::Failed, None, Some(reason.clone())),
        };
        Self {
            application: one.name.clone(),
            namespace: one.namespace.clone(),
            change,
            previous,
            reason,
            severity: one.severity().into(),
            file: one.file.clone(),
            bumps: one.bumps.iter().map(Bump::from).collect(),
            effects: one.effects.iter().map(Effect::from).collect(),
            hooks: one.hooks.clone(),
            objects: one.objects.iter().map(ObjectChange::from).collect(),
        }
    }
}

impl From<diagnostics::Severity> for Severity {
    fn from(severity: diagnostics::Severity) -> Self {
        match severity {
            diagnostics::Severity::Blocker => Self::Blocker,
            diagnostics::Severity::Caution => Self::Caution,
            diagnostics::Severity::Notice => Self::Notice,
            diagnostics::Severity::Routine => Self::Routine,
        }
    }
}

impl From<&model::Bump> for Bump {
    fn from(bump: &model::Bump) -> Self {
        let model::Bump { chart, name, from, to, major } = bump.clone();
        Self { kind: if chart { "chart" } else { "image" }, name, from, to, major }
    }
}

impl From<&kubernetes::change::effect::Effect> for Effect {
    fn from(effect: &kubernetes::change::effect::Effect) -> Self {
        Self {
            code: effect.code.name(),
            severity: effect.severity.into(),
            message: effect.message.clone(),
            path: effect.path.clone(),
            help: effect.help.clone(),
        }
    }
}

impl From<&model::ObjectChange> for ObjectChange {
    fn from(one: &model::ObjectChange) -> Self {
        let field = |field: &kubernetes::change::field::FieldChange| FieldChange {
            path: field.path.clone(),
            before: field.before.clone(),
            after: field.after.clone(),
        };
        Self {
            targets: one.targets.iter().map(ToString::to_string).collect(),
            action: one.action.word(),
            reason: one.reason.clone(),
            severity: one.severity().into(),
            effects: one.effects.iter().map(Effect::from).collect(),
            fields: one.fields.iter().map(field).collect(),
            change: Change::from(&one.diff),
        }
    }
}
