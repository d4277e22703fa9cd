//! Walks through the files of a repository that Git does not ignore.

use std::path::Path;

use ignore::{DirEntry, WalkBuilder};

/// A walk that enters the directories and visits the files that `keep` selects. `parents` includes the rules of the
/// directories above.
#[must_use]
pub(crate) fn builder(
    root: &Path,
    parents: bool,
    keep: impl Fn(&DirEntry) -> bool + Send + Sync + 'static,
) -> WalkBuilder {
    let mut builder = WalkBuilder::new(root);
    builder.hidden(false).parents(parents).ignore(false).follow_links(false).git_ignore(has_sound_rules(root));
    let is_folder = |entry: &DirEntry| entry.file_type().is_some_and(|kind| kind.is_dir());
    builder.filter_entry(move |entry| {
        keep(entry) && (entry.depth() == 0 || !is_folder(entry) || has_sound_rules(entry.path()))
    });
    builder
}

/// Whether the .gitignore of a directory can be read: a pipe would block the walk, and a device would never end.
fn has_sound_rules(folder: &Path) -> bool {
    std::fs::metadata(folder.join(".gitignore")).map_or(true, |facts| facts.is_file())
}
