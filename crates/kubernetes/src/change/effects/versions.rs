//! Images and charts with another version.

use super::subject::{Found, Subject};
use crate::change::bump::{self, Bump, ImageChange, Step};

/// Images with another first number.
pub(super) fn major(subject: &Subject<'_>) -> Vec<Found> {
    images(subject, Step::Major)
}

/// Images with another second number, or without comparable versions.
pub(super) fn minor(subject: &Subject<'_>) -> Vec<Found> {
    images(subject, Step::Minor)
}

/// Images with a fix or another digest.
pub(super) fn patch(subject: &Subject<'_>) -> Vec<Found> {
    images(subject, Step::Patch)
}

fn images(subject: &Subject<'_>, step: Step) -> Vec<Found> {
    let (Some(before), Some(after), true) = (subject.change.before, subject.change.after, subject.applies()) else {
        return Vec::new();
    };
    let changes: Vec<ImageChange> =
        bump::image_changes(before, after).into_iter().filter(|change| change.bump.step() == step).collect();
    let mut found: Vec<Found> = Vec::new();
    for ImageChange { path, bump, .. } in changes {
        let message = message(&bump, "image");
        // Several containers may run the same image.
        if !found.iter().any(|other| other.message == message) {
            found.push(Found::new(message).at(&path));
        }
    }
    found
}

/// What happens to the version of an image or a chart.
pub(super) fn message(bump: &Bump, what: &str) -> String {
    let Bump { name, from, to, .. } = bump;
    let verb = if bump.is_downgrade() { "downgraded" } else { "updated" };
    if bump.is_renamed() {
        return format!("{what} `{from}` is replaced with `{name}:{to}`");
    }
    let major = if bump.step() == Step::Major { ", a different major version" } else { "" };
    format!("{what} `{name}` is {verb} from `{from}` to `{to}`{major}")
}
