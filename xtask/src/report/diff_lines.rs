//! The lines of an object's diff on a terminal, and what several objects have in common.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use diagnostics::wording::plural;
use golden::diff::{Kind, ObjectDiff, Tag};
use workspace::target::TargetId;

use super::safe;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();

/// How many sources the header of a hunk shows.
const SOURCES: usize = 2;

/// How many objects with the same change are listed.
const LISTED: usize = 8;

/// A diff, and the target that has it.
pub(super) struct Change<'a, T> {
    pub(super) target: &'a TargetId,
    pub(super) diff: &'a ObjectDiff,
    /// Changes with different keys are different.
    pub(super) key: String,
    /// What else is known of the change.
    pub(super) about: T,
}

/// A diff, and the targets in which the same object has it.
pub(super) struct Objects<'a, T> {
    pub(super) targets: Vec<&'a TargetId>,
    pub(super) diff: &'a ObjectDiff,
    /// What else is known of the change.
    pub(super) about: T,
}

impl<T> Objects<'_, T> {
    /// The object and its targets on one line.
    fn line(&self) -> String {
        let others = match self.targets.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        format!("{} in {}{others}", self.diff.object.manifest.title(), self.targets[0])
    }
}

/// The changes, each with all objects that have the same changed lines, in the order of the first one. Only the first
/// diff of each is printed, so line numbers and context may differ.
pub(super) fn distinct<'a, T>(changes: impl Iterator<Item = Change<'a, T>>) -> Vec<Vec<Objects<'a, T>>> {
    let mut distinct: Vec<Vec<Objects<'a, T>>> = Vec::new();
    let mut positions: BTreeMap<_, usize> = BTreeMap::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for Change { target, diff, key, about } in changes {
        let differing: Vec<_> = diff.changed().map(|(tag, line)| (tag == Tag::Added, line)).collect();
        let change = *positions.entry((diff.kind.word(), differing, key)).or_insert(distinct.len());
        if change == distinct.len() {
            distinct.push(Vec::new());
        }
        let objects = &mut distinct[change];
        let key = (change, title(diff), &diff.object.manifest.template);
        let object = *known.entry(key).or_insert(objects.len());
        match objects.get_mut(object) {
            Some(same) => same.targets.push(target),
            None => objects.push(Objects { targets: vec![target], diff, about }),
        }
    }
    distinct
}

/// The title of a change, and where else it is.
pub(super) fn heading<T>(change: &[Objects<'_, T>]) -> String {
    let Objects { targets, diff, .. } = &change[0];
    let template = &diff.object.manifest.template;
    let template = if template.is_empty() { String::new() } else { format!("  {}", safe::line(template)) };
    let mut out = format!("{TITLE}{}: {}{TITLE:#}{DIM}{template}{DIM:#}\n", targets[0], safe::line(&title(diff)));
    if targets.len() > 1 {
        let others: Vec<String> = targets[1..].iter().map(ToString::to_string).collect();
        out.push_str(&format!("{DIM}also in {}{DIM:#}\n", safe::line(&others.join(", "))));
    }
    for same in change[1..].iter().take(LISTED) {
        out.push_str(&format!("{DIM}also {}{DIM:#}\n", safe::line(&same.line())));
    }
    if change.len() > LISTED + 1 {
        let rest = plural(change.len() - LISTED - 1, "other object");
        out.push_str(&format!("{DIM}also {rest}{DIM:#}\n"));
    }
    out
}

/// The lines of a diff. `hint` says how to see what a terminal does not show.
pub(super) fn lines(diff: &ObjectDiff, hint: &str) -> String {
    let mut out = String::new();
    let hunks: BTreeMap<usize, Vec<usize>> = diff.added().into_iter().collect();
    for (index, (tag, line)) in diff.shortened(hint).into_iter().enumerate() {
        let style = match tag {
            Tag::Context => Style::new(),
            Tag::Added => ADDED,
            Tag::Removed => REMOVED,
            Tag::Hunk => HUNK,
            Tag::Note => NOTE,
        };
        out.push_str(&format!("{style}{}{style:#}", safe::text(&line)));
        let sources = hunks.get(&index).map(|added| diff.sources(added)).unwrap_or_default();
        for (index, source) in sources.iter().take(SOURCES).enumerate() {
            out.push_str(&format!("{} {DIM}{}{DIM:#}", if index == 0 { "" } else { "," }, safe::line(source)));
        }
        if sources.len() > SOURCES {
            out.push_str(&format!("{DIM}, and {} more{DIM:#}", sources.len() - SOURCES));
        }
        out.push('\n');
    }
    out
}

/// The kind of the change, the object, and what it was before: `renamed Service shop/web (was Service shop/old)`.
pub(super) fn title(diff: &ObjectDiff) -> String {
    let name = diff.object.manifest.title();
    let from = match (&diff.previous, diff.kind) {
        // Only the namespace differs, which the object does not set itself.
        (Some(previous), Kind::Renamed) if previous.manifest.title() == name => {
            let (old, new) = (&previous.manifest.key, &diff.object.manifest.key);
            return format!("{} {new} (was {old})", diff.kind.word());
        }
        (Some(previous), Kind::Renamed) => format!(" (was {})", previous.manifest.title()),
        (Some(previous), _) if previous.file != diff.object.file => format!(" (golden was {})", previous.file),
        _ => String::new(),
    };
    format!("{} {name}{from}", diff.kind.word())
}
