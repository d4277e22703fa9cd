//! `${image:NAME}` in the files of scenarios: the folder of the image must exist.

use std::path::Path;

use diagnostics::{Code, Diagnostic, Place, suggestion};
use toolbox::source;

use crate::image;

/// The folders of images, and of those that only scenarios use.
const FOLDERS: [&str; 2] = [image::FOLDER, image::TEST_FOLDER];

/// The first image in a file that the repository does not have.
pub(super) fn unknown(root: &Path, path: &Path) -> Option<Diagnostic> {
    const START: &str = "${image:";
    let source = source::read(root, path).ok()?;
    let text = source.text.as_str();
    text.match_indices(START).map(|(at, _)| at + START.len()).find_map(|start| {
        let name = text[start..].split('}').next().filter(|name| is_name(name))?;
        if FOLDERS.iter().any(|folder| root.join(folder).join(name).is_dir()) {
            return None;
        }
        let folders = FOLDERS.iter().filter_map(|folder| std::fs::read_dir(root.join(folder)).ok());
        let names = folders.flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: Vec<String> = names.collect();
        let found = Diagnostic::new(Code::ScenarioInvalid, format!("image `{name}` does not exist"));
        let found = found.at(Place::new(&source, start..start + name.len()), "");
        Some(found.help(suggestion(name, names.iter().map(String::as_str))))
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
