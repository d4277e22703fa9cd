//! The model behind all reports: what Argo CD would change, and what is wrong with it.
//!
//! A command fills it once; each report format is a function of it.

use std::time::Duration;

use diagnostics::wording::{list, plural};
use diagnostics::{Code, Diagnostic, Severity};
use golden::diff::{Kind, ObjectDiff};
pub use kubernetes::change::action::Action;
pub use kubernetes::change::bump::Bump;
use kubernetes::change::effect::Effect;
use kubernetes::change::field::FieldChange;
use workspace::target::{DEFAULT_CASE, TargetId};

/// What a command found.
#[derive(Debug)]
pub struct Report {
    /// The command: `diff` or `ci`.
    pub command: &'static str,
    /// What the changes are relative to: a revision, or the goldens.
    pub base: Side,
    /// What would be applied.
    pub head: Side,
    /// The Applications that change, by name. Those that do not change are only counted.
    pub applications: Vec<ApplicationChange>,
    /// The Applications and targets of which nothing is known on at least one side, by name.
    pub not_rendered: Vec<NotRendered>,
    /// The number of Applications that do not change.
    pub unchanged: usize,
    /// Everything else that was found, sorted.
    pub findings: Vec<Finding>,
    /// Whether the cluster accepts the objects of the head that the command checked.
    pub validity: Validity,
    /// How long the command took.
    pub elapsed: Duration,
}

/// Findings about an object with which a sync fails, or after which no pods run: blockers.
pub(crate) const REFUSED: &[Code] =
    &[Code::FieldUnknown, Code::ObjectInvalid, Code::ObjectRefused, Code::PodSecurity, Code::ProjectForbids];

/// Whether the cluster accepts objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// They were checked.
    Checked {
        /// How many.
        objects: usize,
        /// How many of them the cluster rejects.
        invalid: usize,
    },
    /// They cannot be checked.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Validity {
    /// In one line: `2 of 12 changed objects are invalid`; `None` without objects.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::Checked { objects: 0, .. } => None,
            Self::Checked { objects: 1, invalid: 0 } => Some("the changed object is valid".to_owned()),
            Self::Checked { objects, invalid: 0 } => Some(format!("all {objects} changed objects are valid")),
            Self::Checked { objects, invalid } => {
                let verb = if *invalid == 1 { "is" } else { "are" };
                Some(format!("{invalid} of {} {verb} invalid", plural(*objects, "changed object")))
            }
            Self::Unknown { reason } => Some(format!("not validated: {reason}")),
        }
    }
}

/// One side of the comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// The name of the revision; `the checkout`, or `the goldens`.
    pub name: String,
    /// The commit, if it is one.
    pub commit: Option<String>,
    /// The Argo CD release.
    pub argocd: String,
    /// The Helm version of that release.
    pub helm: String,
}

/// An Application, or a case that it does not deploy, that is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRendered {
    /// The instance name, or `<app>/<case>`.
    pub name: String,
    /// What the base knows of it.
    pub base: Known,
    /// What the head knows of it.
    pub head: Known,
}

/// What a side knows of an Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It does not exist.
    Absent,
    /// What it renders.
    Rendered,
    /// Nothing, for this reason.
    Not {
        /// Why.
        reason: String,
    },
}

/// What happens to an Application.
#[derive(Debug)]
pub struct ApplicationChange {
    /// Its instance name.
    pub name: String,
    /// The namespace that its objects have unless they set one.
    pub namespace: String,
    /// What happens to it.
    pub kind: ApplicationKind,
    /// The path of its manifest, or of what generates it.
    pub file: String,
    /// The objects that change: the most severe first, then by identity.
    pub objects: Vec<ObjectChange>,
    /// Images and charts with another version, each once.
    pub bumps: Vec<Bump>,
    /// What the change does to the Application as a whole, the most severe first.
    pub effects: Vec<Effect>,
    /// The hooks that the sync runs, as `<kind>/<name>`.
    pub hooks: Vec<String>,
}

/// What happens to an Application as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationKind {
    /// It exists only in the head.
    Added,
    /// It exists only in the base.
    Removed,
    /// It had another name.
    Moved {
        /// The former name.
        from: String,
    },
    /// It exists on both sides.
    Changed,
    /// It cannot be rendered on one side, so that nothing is known about its objects.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What happens to an object.
#[derive(Debug)]
pub struct ObjectChange {
    /// The kind of change, the object on both sides, the lines, and where added lines come from. Secrets are redacted.
    pub diff: ObjectDiff,
    /// The targets with this change, at least one. Equal changes of several targets are one.
    pub targets: Vec<TargetId>,
    /// What Argo CD does.
    pub action: Action,
    /// Why it does that, where it is not plain: a phrase in lowercase.
    pub reason: Option<String>,
    /// What the change does beyond its text, the most severe first.
    pub effects: Vec<Effect>,
    /// The fields that change, compared by meaning. Secrets are redacted.
    pub fields: Vec<FieldChange>,
}

/// A finding, and whether the base has it, too.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The finding.
    pub diagnostic: Diagnostic,
    /// Whether the base has it; `None` if the command does not compare.
    pub status: Option<Status>,
}

/// Whether a finding is in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Only in the head.
    New,
    /// In both.
    Existing,
    /// Only in the base.
    Fixed,
}

/// The number of changed objects by the kind of their change: `2 modified, 1 added, 3 only in cases`.
#[must_use]
pub fn counts<'o>(objects: impl IntoIterator<Item = &'o ObjectChange>) -> String {
    let (applied, cases): (Vec<&ObjectChange>, Vec<&ObjectChange>) =
        objects.into_iter().partition(|one| one.is_applied());
    let kinds = [Kind::Modified, Kind::Renamed, Kind::Added, Kind::Removed];
    let count = |kind| applied.iter().filter(|object| object.diff.kind == kind).count();
    let cases = if cases.is_empty() { String::new() } else { format!("{} only in cases", cases.len()) };
    let parts = [list(kinds.map(|kind| (count(kind), kind.word()))), cases];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

impl ObjectChange {
    /// Whether the change is in what Argo CD applies, not only in other cases.
    #[must_use]
    pub(crate) fn is_applied(&self) -> bool {
        self.targets.iter().any(|target| target.case == DEFAULT_CASE)
    }

    /// How dangerous it is: that of its most severe effect.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.effects.iter().map(|effect| effect.severity).max().unwrap_or(Severity::Routine)
    }
}

impl ApplicationChange {
    /// How dangerous it is: that of its most severe object or effect. A failed render is a blocker.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if let ApplicationKind::Failed { .. } = self.kind {
            return Severity::Blocker;
        }
        let own = self.effects.iter().map(|effect| effect.severity);
        self.objects.iter().map(ObjectChange::severity).chain(own).max().unwrap_or(Severity::Routine)
    }
}

impl Report {
    /// The report of a run that compares nothing.
    #[must_use]
    pub fn empty(command: &'static str, base: &str, head: &str) -> Self {
        let side = |name: &str| Side {
            name: name.to_owned(),
            commit: None,
            argocd: "unknown".to_owned(),
            helm: "unknown".to_owned(),
        };
        Self {
            command,
            base: side(base),
            head: side(head),
            applications: Vec::new(),
            not_rendered: Vec::new(),
            unchanged: 0,
            findings: Vec::new(),
            validity: Validity::Checked { objects: 0, invalid: 0 },
            elapsed: Duration::ZERO,
        }
    }

    /// All effects, each with its Application, and its object unless it is about the Application as a whole.
    pub fn effects(&self) -> impl Iterator<Item = (&ApplicationChange, Option<&ObjectChange>, &Effect)> {
        self.applications.iter().flat_map(|application| {
            let own = application.effects.iter().map(move |effect| (application, None, effect));
            let objects = application
                .objects
                .iter()
                .flat_map(move |object| object.effects.iter().map(move |effect| (application, Some(object), effect)));
            own.chain(objects)
        })
    }

    /// The number of Applications with each severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.applications.iter().filter(|one| one.severity() == severity).count()
    }
}
