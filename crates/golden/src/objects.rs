//! The rendered objects of a target, parsed, with places in its goldens.
//!
//! A place points into the golden, since that is the file that people have; where the golden is not (yet) what is
//! rendered, the name of the place says so.

use kubernetes::manifest::Recorded;
use kubernetes::object::{self, Home, Object};
use kubernetes::validate::subject::{self, Subject};
use workspace::target::Target;

use crate::goldens::Golden;

/// The end of the name of a place in an object that is not as recorded.
pub const UNRECORDED: &str = " (as rendered now)";

/// The objects of a target's manifests, the items of lists one by one.
#[must_use]
pub fn read(target: &Target<'_>, golden: &Golden, manifests: &[Recorded]) -> Vec<Object> {
    manifests.iter().flat_map(|recorded| of_manifest(target, golden, recorded)).collect()
}

/// Whether an object is as its golden says.
#[must_use]
pub fn is_recorded(object: &Object) -> bool {
    !object.root.source.name.ends_with(UNRECORDED)
}

/// The objects of a target's manifests, each with the text that it is validated by.
#[must_use]
pub fn subjects(target: &Target<'_>, golden: &Golden, manifests: &[Recorded]) -> Vec<Subject> {
    let subjects = |recorded| subject::of_manifest(of_manifest(target, golden, recorded), &recorded.manifest);
    manifests.iter().flat_map(subjects).collect()
}

fn of_manifest(target: &Target<'_>, golden: &Golden, recorded: &Recorded) -> Vec<Object> {
    let Recorded { file, manifest } = recorded;
    let as_recorded = golden.files.get(file).is_some_and(|bytes| bytes == manifest.text.as_bytes());
    let path = format!("{}/{file}", golden.folder);
    let source = if as_recorded { path } else { format!("{path}{UNRECORDED}") };
    let template_file = target.template_file(&manifest.template);
    let id = target.id.to_string();
    let home = Home { target: &id, source: &source, golden: file, template_file: template_file.as_deref() };
    object::of_manifest(&home, manifest)
}
