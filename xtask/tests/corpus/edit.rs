//! Applies the edits of an entry to the files of a workspace.

use std::path::{Path, PathBuf};

use crate::case::Tree;
use crate::entry::{Edit, Entry, Kind, Line};

/// A place at which a finding must be reported; without a line, anywhere in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
}

/// The first of the private characters that mark lines until all edits are applied, which may move them.
const MARK: u32 = 0xE000;

/// Applies the edits of entries in their order, and returns the place that each of them marks.
pub(crate) fn apply_all(files: &mut Tree, entries: &[&Entry]) -> Result<Vec<Option<Spot>>, String> {
    let marks = (MARK..).map_while(char::from_u32);
    let marked: Vec<(Option<Spot>, char)> = entries
        .iter()
        .zip(marks)
        .map(|(entry, mark)| Ok((apply(files, entry, mark)?, mark)))
        .collect::<Result<_, String>>()?;
    Ok(marked.into_iter().map(|(spot, mark)| spot.map(|spot| locate(files, spot, mark))).collect())
}

/// Finds the line with a mark, and removes the mark.
fn locate(files: &mut Tree, spot: Spot, mark: char) -> Spot {
    let Some(bytes) = files.get_mut(Path::new(&spot.file)) else { return spot };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some(index) = text.lines().position(|line| line.contains(mark)) else { return spot };
    *bytes = text.replace(mark, "").into_bytes();
    Spot { line: Some(index + 1), ..spot }
}

/// Applies the edits of an entry, and marks the line of the finding with a character. Returns the place without a line.
fn apply(files: &mut Tree, entry: &Entry, mark: char) -> Result<Option<Spot>, String> {
    let mut spot = None;
    for edit in &entry.edits {
        match edit {
            Edit::Change { path, hunks } => {
                for hunk in hunks {
                    let old = files.get(Path::new(path)).ok_or_else(|| format!("{path} does not exist"))?;
                    let old = String::from_utf8(old.clone()).map_err(|error| format!("{path}: {error}"))?;
                    let new = change(&old, hunk, mark).map_err(|problem| format!("{path}: {problem}"))?;
                    files.insert(path.into(), new.into_bytes());
                }
            }
            Edit::Add { path, lines } => {
                if files.insert(path.into(), block(lines, Kind::Removed, mark).into_bytes()).is_some() {
                    return Err(format!("{path} exists"));
                }
            }
            Edit::Remove { path } => drop(take(files, path)?),
            Edit::Rename { from, to } => {
                for (path, bytes) in take(files, from)? {
                    let end = path.strip_prefix(from).expect("below");
                    let new = if end.as_os_str().is_empty() { PathBuf::from(to) } else { Path::new(to).join(end) };
                    files.insert(new, bytes);
                }
            }
        }
        if edit.lines().any(|line| line.expected) {
            spot = Some(Spot { file: edit.path().to_owned(), line: None });
        }
    }
    let Some((file, text)) = entry.expected.as_ref().and_then(|expected| expected.at.as_ref()) else { return Ok(spot) };
    if let Some(text) = text {
        let bytes = files.get(Path::new(file)).ok_or_else(|| format!("{file} does not exist"))?;
        let content = String::from_utf8_lossy(bytes).into_owned();
        let lines: Vec<&str> = content.lines().filter(|line| line.trim() == text).collect();
        let [line] = lines.as_slice() else {
            return Err(format!("{file} has {} lines `{text}`", lines.len()));
        };
        let marked =
            content.lines().map(|one| if one == *line { format!("{one}{mark}\n") } else { format!("{one}\n") });
        files.insert(file.into(), marked.collect::<String>().into_bytes());
    }
    Ok(Some(Spot { file: file.clone(), line: None }))
}

/// Removes a file, or what is in a folder.
fn take(files: &mut Tree, path: &str) -> Result<Tree, String> {
    let names: Vec<PathBuf> = files.keys().filter(|name| name.starts_with(path)).cloned().collect();
    if names.is_empty() {
        return Err(format!("{path} does not exist"));
    }
    Ok(names.into_iter().filter_map(|name| files.remove_entry(&name)).collect())
}

/// Replaces the context and the removed lines of a hunk, which must occur exactly once, by the context and the added
/// lines.
fn change(text: &str, hunk: &[Line], mark: char) -> Result<String, String> {
    let before: String =
        hunk.iter().filter(|line| line.kind != Kind::Added).map(|line| format!("{}\n", line.text)).collect();
    // With a newline before the text, the block only matches whole lines.
    let (whole, wanted) = (format!("\n{text}"), format!("\n{before}"));
    let mut found = whole.match_indices(&wanted).map(|(index, _)| index);
    let start = found.next().ok_or_else(|| format!("these lines do not occur:\n{before}"))?;
    if found.next().is_some() {
        return Err(format!("these lines occur more than once:\n{before}"));
    }
    Ok(format!("{}{}{}", &text[..start], block(hunk, Kind::Removed, mark), &text[start + before.len()..]))
}

/// The lines without those of a kind, and with the mark on the expected one.
fn block(lines: &[Line], without: Kind, mark: char) -> String {
    let lines = lines.iter().filter(|line| line.kind != without);
    lines
        .map(|line| if line.expected { format!("{}{mark}\n", line.text) } else { format!("{}\n", line.text) })
        .collect()
}
