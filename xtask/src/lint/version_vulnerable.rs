//! Versions with a published vulnerability, by advisories.toml.
//!
//! Does not judge what has no version that can be compared: an image by digest alone, or a tag that is not a version.

use diagnostics::{Code, Diagnostics};
use workspace::advisories::Advisories;

use super::subject::Subject;
use crate::pinned;

/// The findings of this check.
pub const CODES: &[Code] = &[Code::VersionVulnerable];

/// One finding for each affected version at each place.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    match Advisories::load(&subject.workspace.root) {
        Ok(advisories) => {
            let all = pinned::all(subject.workspace, subject.charts, subject.targets, subject.objects);
            pinned::findings(&all, &advisories)
        }
        Err(found) => found,
    }
}
