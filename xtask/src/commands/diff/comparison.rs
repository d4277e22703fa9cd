//! Compares two sides whose targets are rendered.

use std::collections::BTreeSet;
use std::time::Duration;

use toolbox::fingerprint::Fingerprints;

use super::applications::Applications;
use super::neighbors::Neighbors;
use super::pair::Pairs;
use super::projects::Forbidden;
use super::side::RenderedSide;
use super::{trace, validity};
use crate::report::model::{ApplicationChange, NotRendered, Report, Side, Validity};

/// The scope of a comparison.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Names of targets; all if empty.
    pub(super) selection: &'a [String],
    /// Whether fields are compared by meaning, too.
    pub(super) fields: bool,
    /// Whether changes of fresh targets are traced, too, which takes a render.
    pub(super) traced: bool,
    /// Whether the objects that change are validated.
    pub(super) validated: bool,
    /// The Applications that the base does not have, although its workspace defines them.
    pub(super) absent: &'a BTreeSet<String>,
}

/// The differences between two sides.
pub(super) struct Changes {
    pub(super) applications: Vec<ApplicationChange>,
    pub(super) not_rendered: Vec<NotRendered>,
    pub(super) unchanged: usize,
    pub(super) validity: Validity,
}

pub(super) fn compared(wanted: Wanted<'_>, base: RenderedSide<'_>, head: RenderedSide<'_>) -> Changes {
    let fingerprints = Fingerprints::new(&head.session.environment.cache);
    let mut before = Applications::new(base, wanted.selection);
    before.by_name.retain(|name, _| !wanted.absent.contains(*name));
    let after = Applications::new(head, wanted.selection);
    let neighbors = (Neighbors::new(base), Neighbors::new(head));
    let fingerprint = |value: &str| fingerprints.of(value);
    let forbidden = if wanted.validated { Forbidden::new(base, head) } else { Forbidden::default() };
    let pairs = Pairs {
        base: &before,
        head: &after,
        neighbors: (&neighbors.0, &neighbors.1),
        forbidden: &forbidden,
        fingerprint: &fingerprint,
        fields: wanted.fields,
    };
    let (mut applications, not_rendered, unchanged) = pairs.compare();
    let validity = if wanted.validated {
        validity::check(head, &mut applications)
    } else {
        Validity::Checked { objects: 0, invalid: 0 }
    };
    trace::trace(head, wanted.traced, &mut applications);
    Changes { applications, not_rendered, unchanged, validity }
}

/// A report without findings.
pub(super) fn report(command: &'static str, base: Side, head: Side, changes: Changes) -> Report {
    let Changes { applications, not_rendered, unchanged, validity } = changes;
    let (findings, elapsed) = (Vec::new(), Duration::ZERO);
    Report { command, base, head, applications, not_rendered, unchanged, findings, validity, elapsed }
}
