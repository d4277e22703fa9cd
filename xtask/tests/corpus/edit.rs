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

/// Applies the edits, and returns the place that they mark.
pub(crate) fn apply(files: &mut Tree, entry: &Entry) -> Result<Option<Spot>, String> {
    let mut spot = None;
    for edit in &entry.edits {
        match edit {
            Edit::Change { path, hunks } => {
                for hunk in hunks {
                    let old = files.get(Path::new(path)).ok_or_else(|| format!("{path} does not exist"))?;
                    let old = String::from_utf8(old.clone()).map_err(|error| format!("{path}: {error}"))?;
                    let (new, line) = change(&old, hunk).map_err(|problem| format!("{path}: {problem}"))?;
                    files.insert(path.into(), new.into_bytes());
                    spot = line.map(|line| Spot { file: path.clone(), line: Some(line) }).or(spot);
                }
            }
            Edit::Add { path, lines } => {
                let text: String = lines.iter().map(|line| format!("{}\n", line.text)).collect();
                if files.insert(path.into(), text.into_bytes()).is_some() {
                    return Err(format!("{path} exists"));
                }
                let line = lines.iter().position(|line| line.expected).map(|index| index + 1);
                spot = line.map(|line| Spot { file: path.clone(), line: Some(line) }).or(spot);
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
    }
    let Some(expected) = &entry.expected else { return Ok(None) };
    let Some((file, text)) = &expected.at else { return Ok(spot) };
    let Some(text) = text else { return Ok(Some(Spot { file: file.clone(), line: None })) };
    let bytes = files.get(Path::new(file)).ok_or_else(|| format!("{file} does not exist"))?;
    let content = String::from_utf8_lossy(bytes);
    let mut lines = content.lines().enumerate().filter(|(_, line)| line.trim() == text);
    let (index, _) = lines.next().ok_or_else(|| format!("{file} has no line `{text}`"))?;
    if lines.next().is_some() {
        return Err(format!("{file} has several lines `{text}`"));
    }
    Ok(Some(Spot { file: file.clone(), line: Some(index + 1) }))
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
/// lines. Returns the text and the line that the hunk marks.
fn change(text: &str, hunk: &[Line]) -> Result<(String, Option<usize>), String> {
    let side = |without: Kind| hunk.iter().filter(move |line| line.kind != without);
    let block = |without: Kind| side(without).map(|line| format!("{}\n", line.text)).collect::<String>();
    let (before, after) = (block(Kind::Added), block(Kind::Removed));
    // With a newline before the text, the block only matches whole lines.
    let (whole, wanted) = (format!("\n{text}"), format!("\n{before}"));
    let mut found = (0..whole.len()).filter(|index| whole.as_bytes()[*index..].starts_with(wanted.as_bytes()));
    let start = found.next().ok_or_else(|| format!("these lines do not occur:\n{before}"))?;
    if found.next().is_some() {
        return Err(format!("these lines occur more than once:\n{before}"));
    }
    let first = whole[..=start].matches('\n').count();
    let line = side(Kind::Removed).position(|line| line.expected).map(|index| first + index);
    let new = format!("{}{after}{}", &text[..start], &text[start + before.len()..]);
    Ok((new, line))
}
