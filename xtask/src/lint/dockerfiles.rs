//! The Dockerfiles of images/ and tests/images/: unknown instructions, and what they copy and what does not exist.

use diagnostics::{Code, Diagnostics};
use toolbox::source;

use super::subject::Subject;
use crate::image::dockerfile::Dockerfile;
use crate::image::{FOLDER, TEST_FOLDER, names_in};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::DockerfileInvalid];

/// Checks all Dockerfiles.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut diagnostics = Diagnostics::default();
    for parent in [FOLDER, TEST_FOLDER].map(|parent| root.join(parent)) {
        for name in names_in(&parent) {
            let folder = parent.join(name);
            // `image` reports a file that cannot be read.
            if let Ok(source) = source::read(root, &folder.join("Dockerfile")) {
                diagnostics.extend(Dockerfile::parse(source).check(&folder));
            }
        }
    }
    diagnostics
}
