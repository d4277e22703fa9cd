//! The running tasks, and the lines that show them: one progress line on a terminal, or a plain line every ten seconds.
//!
//! Pure: the caller passes the time and the width of the terminal.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use toolbox::progress::Waits;
use unicode_width::UnicodeWidthChar;

use super::safe;

/// The time between two plain lines about a running task.
const REPEAT: Duration = Duration::from_secs(10);

/// The frames of the spinner, in ASCII so that every terminal can show them.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

/// The time between two frames.
pub(super) const FRAME: Duration = Duration::from_millis(100);

const VERB: Style = AnsiColor::Cyan.on_default().bold();

/// A running task.
#[derive(Debug)]
pub(super) struct Task {
    id: usize,
    pub(super) verb: String,
    pub(super) what: String,
    pub(super) began: Instant,
    /// The time that its last plain line shows.
    reported: Duration,
    waits: Waits,
}

/// The running tasks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    running: Vec<Task>,
    last_id: usize,
}

impl Tasks {
    /// Adds a task, and returns its id for [`Tasks::end`].
    pub(super) fn begin(&mut self, verb: &str, what: &str, now: Instant, waits: Waits) -> usize {
        self.last_id += 1;
        let (verb, what) = (verb.to_owned(), what.to_owned());
        self.running.push(Task { id: self.last_id, verb, what, began: now, reported: Duration::ZERO, waits });
        self.last_id
    }

    /// Removes a task.
    pub(super) fn end(&mut self, id: usize) -> Option<Task> {
        let index = self.running.iter().position(|task| task.id == id)?;
        Some(self.running.remove(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The progress line for a terminal of this width: the oldest task, the number of others, and, if it fits, what the
    /// task is waiting for.
    pub(super) fn line(&self, now: Instant, columns: usize) -> Option<String> {
        let task = self.running.first()?;
        let took = now.saturating_duration_since(task.began);
        let frame = FRAMES[usize::try_from(took.as_millis() / FRAME.as_millis()).unwrap_or_default() % FRAMES.len()];
        let verb = format!("{:>12}", format!("{frame} {}", task.verb));
        let others = match self.running.len() - 1 {
            0 => String::new(),
            1 => ", and 1 other".to_owned(),
            count => format!(", and {count} others"),
        };
        let time = format!(" ({} s{others})", took.as_secs());
        // Some terminals wrap as soon as the last column is written, so it stays empty.
        if columns < width(&verb) + 2 + width(&time) {
            return Some(truncate(&format!("{verb}{time}"), columns.saturating_sub(1)));
        }
        let room = columns - (width(&verb) + 2 + width(&time));
        let what = truncate(&task.what, room);
        let mut rest = format!("{what}{time}");
        let waits = task.waits.text();
        let room = room.saturating_sub(width(&what) + 2);
        if !waits.is_empty() && room >= 10 {
            rest.push_str(&format!(": {}", truncate(&waits, room)));
        }
        Some(format!("{VERB}{verb}{VERB:#} {rest}"))
    }

    /// The plain lines about tasks that have run for another ten seconds: a verb, and the rest of the line.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for task in &mut self.running {
            let took = now.saturating_duration_since(task.began);
            if took >= task.reported + REPEAT {
                task.reported = Duration::from_secs(took.as_secs() / REPEAT.as_secs() * REPEAT.as_secs());
                let waits = task.waits.text();
                let waits = if waits.is_empty() { waits } else { format!(": {}", one_line(&waits)) };
                // The tool waits for a running step, and does everything else itself.
                let verb = if task.verb == "Running" { "Waiting" } else { &task.verb };
                lines.push((verb.to_owned(), format!("{} ({} s){waits}", task.what, task.reported.as_secs())));
            }
        }
        lines
    }
}

/// Replaces line breaks and other control characters with spaces.
fn one_line(text: &str) -> String {
    let line = text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    safe::text(&line).into_owned()
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or_default()).sum()
}

/// Truncates a text, as one line, to a number of columns.
fn truncate(text: &str, columns: usize) -> String {
    let text = one_line(text);
    if width(&text) <= columns {
        return text;
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used < columns
    };
    let mut out: String = text.chars().take_while(fits).collect();
    if columns > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: Option<String>) -> String {
        anstream::adapter::strip_str(&line.unwrap_or_default()).to_string()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_oldest_task_is_shown_with_the_number_of_others() {
        let (mut tasks, now) = (Tasks::default(), Instant::now());
        assert_eq!(tasks.line(now, 80), None);
        let first = tasks.begin("Running", "shop/sells: it is ready", now, Waits::default());
        assert_eq!(plain(tasks.line(now, 80)), "   | Running shop/sells: it is ready (0 s)");
        tasks.begin("Running", "blog/answers: it is ready", now + SECOND, Waits::default());
        let later = now + 12 * SECOND + FRAME;
        assert_eq!(plain(tasks.line(later, 80)), "   / Running shop/sells: it is ready (12 s, and 1 other)");
        tasks.begin("Building", "an image", now + SECOND, Waits::default());
        assert_eq!(plain(tasks.line(later, 80)), "   / Running shop/sells: it is ready (12 s, and 2 others)");
        assert_eq!(tasks.end(first).map(|task| task.what), Some("shop/sells: it is ready".to_owned()));
        assert_eq!(plain(tasks.line(later, 80)), "   \\ Running blog/answers: it is ready (11 s, and 1 other)");
        assert!(tasks.end(first).is_none());
    }

    #[test]
    fn a_line_never_reaches_the_last_column() {
        let (mut tasks, now) = (Tasks::default(), Instant::now());
        let waits = Waits::default();
        tasks.begin("Running", "shop/sells: 価格 and the rest of a name that is long", now, waits.clone());
        waits.set("Pod shop/web is Pending:\n0/1 nodes are available");
        for columns in 0..120 {
            let line = plain(tasks.line(now + 100 * SECOND, columns));
            assert!(!line.contains('\n'), "{line}");
            assert!(width(&line) < columns.max(1), "{columns}: {line}");
        }
        assert_eq!(plain(tasks.line(now, 40)), "   | Running shop/sells: 価格 an… (0 s)");
        assert_eq!(
            plain(tasks.line(now, 100)),
            "   | Running shop/sells: 価格 and the rest of a name that is long (0 s): Pod shop/web is Pending: …"
        );
    }

    #[test]
    fn a_plain_line_is_due_every_ten_seconds() {
        let (mut tasks, now) = (Tasks::default(), Instant::now());
        let waits = Waits::default();
        tasks.begin("Running", "shop/sells: it is ready", now, waits.clone());
        tasks.begin("Creating", "a cluster", now + 5 * SECOND, Waits::default());
        let due = |tasks: &mut Tasks, seconds: u32| {
            let lines = tasks.due(now + seconds * SECOND).into_iter();
            lines.map(|(verb, rest)| format!("{verb} {rest}")).collect::<Vec<_>>()
        };
        assert!(due(&mut tasks, 9).is_empty());
        waits.set("Pod shop/web is Pending");
        assert_eq!(due(&mut tasks, 10), ["Waiting shop/sells: it is ready (10 s): Pod shop/web is Pending"]);
        assert!(due(&mut tasks, 11).is_empty());
        waits.set("");
        assert_eq!(due(&mut tasks, 20), ["Waiting shop/sells: it is ready (20 s)", "Creating a cluster (10 s)"]);
        // After a suspend, the missed lines are skipped.
        assert_eq!(due(&mut tasks, 61), ["Waiting shop/sells: it is ready (60 s)", "Creating a cluster (50 s)"]);
        assert!(due(&mut tasks, 64).is_empty());
    }
}
