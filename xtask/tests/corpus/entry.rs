//! The format of the entries in tests/corpus/broken and tests/corpus/sound, which the README there documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::support::repository;

/// One change to the repository, and the finding that it must cause, if any.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The name of the file without its extension, and the name of the entry: `references::service-port`.
    pub(crate) name: String,
    pub(crate) edits: Vec<Edit>,
    /// The finding of a broken change.
    pub(crate) expected: Option<Expected>,
    /// Whether the unedited repository is the base revision.
    pub(crate) base: bool,
    /// Entries that cannot share a run with this one, because one hides what is found about the other.
    pub(crate) apart: Vec<String>,
    /// Whether it needs all cases of the charts.
    pub(crate) whole: bool,
    /// Whether the tool is known not to report this yet.
    pub(crate) pending: bool,
}

/// The only finding that a change must cause.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) code: String,
    /// A place outside of the edits: a file, and the text of a line.
    pub(crate) at: Option<(String, Option<String>)>,
    /// Text that the finding contains, such as a suggestion.
    pub(crate) says: Option<String>,
}

/// An edit of one file or folder.
#[derive(Debug)]
pub(crate) enum Edit {
    Change { path: String, hunks: Vec<Vec<Line>> },
    Add { path: String, lines: Vec<Line> },
    Remove { path: String },
    Rename { from: String, to: String },
}

/// A line of a hunk.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Whether the finding must be reported here.
    pub(crate) expected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Context,
    Removed,
    Added,
}

impl Edit {
    /// The file or folder that is edited.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Change { path, .. } | Self::Add { path, .. } | Self::Remove { path } => path,
            Self::Rename { from, .. } => from,
        }
    }
}

/// Reads all entries of a folder, in the order of the files.
pub(crate) fn read(folder: &Path, broken: bool) -> Result<Vec<Entry>, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    let mut entries = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let area = name.strip_suffix(".diff").ok_or_else(|| format!("{}: expected a .diff file", path.display()))?;
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        entries.extend(parse(area, &text, broken).map_err(|problem| format!("{}:{problem}", path.display()))?);
    }
    let mut names = BTreeSet::new();
    if let Some(entry) = entries.iter().find(|entry| !names.insert(&entry.name)) {
        return Err(format!("two entries are named {}", entry.name));
    }
    Ok(entries)
}

/// Parses the entries of a file. An error begins with the number of the line.
fn parse(area: &str, text: &str, broken: bool) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |problem: &str| format!("{}: {problem}", index + 1);
        if let Some(name) = line.strip_prefix("=== ") {
            finish(&mut entries, broken).map_err(|problem| at(&problem))?;
            entries.push(Entry::new(format!("{area}::{name}")));
        } else if let Some(entry) = entries.last_mut() {
            entry.line(line).map_err(|problem| at(&problem))?;
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err(at("expected a comment, or `=== NAME`"));
        }
    }
    finish(&mut entries, broken).map_err(|problem| format!("{}: {problem}", text.lines().count()))?;
    Ok(entries)
}

/// Checks the entry that ends here.
fn finish(entries: &mut [Entry], broken: bool) -> Result<(), String> {
    let Some(entry) = entries.last_mut() else { return Ok(()) };
    for edit in &mut entry.edits {
        if let Edit::Change { hunks, .. } = edit {
            for hunk in hunks {
                let blank = |line: &&Line| line.kind == Kind::Context && line.text.is_empty();
                let trailing = hunk.iter().rev().take_while(blank).count();
                hunk.truncate(hunk.len() - trailing);
            }
        }
    }
    let marked = entry.edits.iter().flat_map(Edit::lines).filter(|line| line.expected).count();
    match &entry.expected {
        None if broken => Err(format!("{} has no `code`", entry.name)),
        Some(_) if !broken => Err(format!("{} has a `code`", entry.name)),
        Some(expected) if marked + usize::from(expected.at.is_some()) != 1 => {
            Err(format!("{} must mark one line, or have `at`", entry.name))
        }
        None if marked > 0 => Err(format!("{} is sound, but marks a line", entry.name)),
        _ if entry.edits.is_empty() => Err(format!("{} has no edits", entry.name)),
        _ => Ok(()),
    }
}

/// Removes the mark of an entry that is no longer pending from its file.
pub(crate) fn settle(entry: &Entry) -> Result<(), String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().map_err(|error| error.to_string())?;
    let (area, name) = entry.name.split_once("::").ok_or("a name has an area")?;
    let folder = if entry.expected.is_some() { "broken" } else { "sound" };
    let path = repository().join("tests/corpus").join(folder).join(format!("{area}.diff"));
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let mut inside = false;
    let lines = text.split_inclusive('\n').filter(|line| {
        if line.starts_with("=== ") {
            inside = line.trim_end() == format!("=== {name}");
        }
        !inside || *line != "pending: yes\n"
    });
    let text: String = lines.collect();
    fs::write(&path, text).map_err(|error| error.to_string())
}

impl Entry {
    fn new(name: String) -> Self {
        Self { name, edits: Vec::new(), expected: None, base: false, apart: Vec::new(), whole: false, pending: false }
    }

    /// Reads a line after `=== NAME`.
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(edit) = marker(line)? {
            self.edits.push(edit);
            return Ok(());
        }
        match self.edits.last_mut() {
            None => self.header(line),
            Some(Edit::Change { hunks, .. }) => {
                if line == "@@" {
                    hunks.push(Vec::new());
                } else if let Some(hunk) = hunks.last_mut() {
                    hunk.push(hunk_line(line)?);
                }
                Ok(())
            }
            Some(Edit::Add { lines, .. }) if !line.is_empty() => {
                let line = hunk_line(line)?;
                let added = line.kind == Kind::Added;
                lines.push(line);
                if added { Ok(()) } else { Err("expected a line that begins with `+` or `!`".to_owned()) }
            }
            Some(_) if line.is_empty() => Ok(()),
            Some(_) => Err("a file that is removed or renamed has no lines".to_owned()),
        }
    }

    fn header(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (key, value) = line.split_once(": ").ok_or("expected `key: value`, or an edit")?;
        let yes = || if value == "yes" { Ok(true) } else { Err(format!("expected `{key}: yes`")) };
        match key {
            "base" => self.base = yes()?,
            "cases" if value == "all" => self.whole = true,
            "apart" => self.apart = value.split(' ').map(str::to_owned).collect(),
            "pending" => self.pending = yes()?,
            "code" => self.expected = Some(Expected { code: value.to_owned(), at: None, says: None }),
            "at" | "says" => {
                let expected = self.expected.as_mut().ok_or_else(|| format!("`{key}` must come after `code`"))?;
                if key == "says" {
                    expected.says = Some(value.to_owned());
                } else {
                    let (file, line) =
                        value.split_once(": ").map_or((value, None), |(file, line)| (file, Some(line.to_owned())));
                    expected.at = Some((file.to_owned(), line));
                }
            }
            _ => return Err(format!("unknown key `{key}`")),
        }
        Ok(())
    }
}

impl Edit {
    /// Its lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        let (hunks, lines): (&[Vec<Line>], &[Line]) = match self {
            Self::Change { hunks, .. } => (hunks, &[]),
            Self::Add { lines, .. } => (&[], lines),
            Self::Remove { .. } | Self::Rename { .. } => (&[], &[]),
        };
        hunks.iter().flatten().chain(lines)
    }
}

/// The edit that a line starts.
fn marker(line: &str) -> Result<Option<Edit>, String> {
    let Some((mark, rest)) = line.split_once(' ') else { return Ok(None) };
    let path = rest.to_owned();
    Ok(Some(match mark {
        "***" => Edit::Change { path, hunks: vec![Vec::new()] },
        "+++" => Edit::Add { path, lines: Vec::new() },
        "---" => Edit::Remove { path },
        ">>>" => {
            let (from, to) = rest.split_once(" → ").ok_or("expected `>>> FROM → TO`")?;
            Edit::Rename { from: from.to_owned(), to: to.to_owned() }
        }
        _ => return Ok(None),
    }))
}

fn hunk_line(line: &str) -> Result<Line, String> {
    let mut rest = line.chars();
    let (kind, expected) = match rest.next() {
        None | Some(' ') => (Kind::Context, false),
        Some('>') => (Kind::Context, true),
        Some('-') => (Kind::Removed, false),
        Some('+') => (Kind::Added, false),
        Some('!') => (Kind::Added, true),
        Some(_) => return Err("expected a line that begins with a space, `-`, `+`, `!`, or `>`".to_owned()),
    };
    // Characters that cannot be seen.
    let text = rest.as_str().replace('␍', "\r").replace('␉', "\t").replace('␣', " ").replace('⍽', "\u{a0}");
    Ok(Line { kind, text, expected })
}
