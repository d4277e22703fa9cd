//! Effects of a change on running objects, compared with what the base revision renders.
//!
//! Only Applications themselves are compared, since nothing runs with the values of other cases. Hooks are left out: Argo CD
//! deletes and creates them, and never prunes them. An Application without goldens at the base is not running yet.

mod abandoned;
mod cause;
mod deleted;
mod disrupted;
mod exposed;
mod incomplete;
mod refused;
mod removed;
mod revision;
mod sealed;

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostics, Result};
use workspace::CONFIG_FILE;
use workspace::config::{Config, Suppression};
use workspace::suppression;

use self::revision::Revision;
use super::base::Base;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[
    Code::ChangeDataAbandoned,
    Code::ChangeDataLoss,
    Code::ChangeDisruptive,
    Code::ChangeIncomplete,
    Code::ChangeNetwork,
    Code::ChangeRefused,
    Code::ChangeStorageClass,
];

/// Compares what the selected Applications render with the base.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let Some(base) = subject.base else { return Diagnostics::default() };
    compare(subject, base).unwrap_or_else(|found| found)
}

fn compare(subject: &Subject<'_>, base: &Base) -> Result<Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    // The goldens are those of the base, and nothing else is rendered.
    let unchanged = || base.changed(&subject.workspace.root, subject.charts);
    if subject.fresh && unchanged()?.is_some_and(BTreeSet::is_empty) {
        return Ok(diagnostics);
    }
    let Some(revision) = Revision::read(subject, base)? else { return Ok(diagnostics) };
    for change in revision.changes() {
        diagnostics.extend(refused::check(&change));
        diagnostics.extend(deleted::check(&change));
        diagnostics.extend(abandoned::check(&change));
        diagnostics.extend(disrupted::check(&change));
        diagnostics.extend(exposed::check(&change));
        diagnostics.extend(incomplete::check(&change));
        diagnostics.extend(sealed::check(&change));
    }
    diagnostics.extend(deleted::applications(&revision));
    Ok(diagnostics)
}

/// The suppressions that have an effect: one of these codes accepts a change only while the base does not have it.
#[must_use]
pub fn suppressions(written: &[Suppression], base: Option<&Base>) -> Vec<Suppression> {
    if !written.iter().any(|suppression| CODES.contains(&suppression.check)) {
        return written.to_vec();
    }
    let earlier = base.map(|base| {
        let text = base.repository.file(&base.commit, CONFIG_FILE).ok().flatten().unwrap_or_default();
        let config = Config::parse(&diagnostics::Source::new(CONFIG_FILE, text));
        config.map(|config| config.suppressions).unwrap_or_default()
    });
    suppression::of_this_change(written, CODES, earlier.as_deref())
}
