//! What is under way, and how that reads: one line at the bottom of a terminal, or a line now and then elsewhere.
//!
//! Pure. Deliberately absent: clocks, streams, and threads, which `screen` has.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use toolbox::progress::Waits;

/// How often it is said that something is still under way, where there is no terminal.
const AGAIN: Duration = Duration::from_secs(10);

/// The turns of the spinner, which every terminal has the letters for, and how long each shows.
const TURNS: [char; 4] = ['|', '/', '-', '\\'];
pub(super) const TURN: Duration = Duration::from_millis(100);

const VERB: Style = AnsiColor::Cyan.on_default().bold();

/// Something under way.
#[derive(Debug)]
pub(super) struct Entry {
    id: usize,
    pub(super) verb: String,
    pub(super) what: String,
    pub(super) began: Instant,
    /// How long it had been under way when that was said last.
    said: Duration,
    waits: Waits,
}

/// All that is under way, the longest first.
#[derive(Debug, Default)]
pub(super) struct Board {
    entries: Vec<Entry>,
    begun: usize,
}

impl Board {
    /// Something begins; the number is for [`Board::end`].
    pub(super) fn begin(&mut self, verb: &str, what: &str, now: Instant, waits: Waits) -> usize {
        self.begun += 1;
        let (verb, what) = (verb.to_owned(), what.to_owned());
        self.entries.push(Entry { id: self.begun, verb, what, began: now, said: Duration::ZERO, waits });
        self.begun
    }

    /// It is over.
    pub(super) fn end(&mut self, id: usize) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The line for a terminal of so many columns: what has been under way for longest, how many others are, and what
    /// it waits for, as far as there is room.
    pub(super) fn line(&self, now: Instant, columns: usize) -> Option<String> {
        let entry = self.entries.first()?;
        let took = now.saturating_duration_since(entry.began);
        let turn = TURNS[usize::try_from(took.as_millis() / TURN.as_millis()).unwrap_or_default() % TURNS.len()];
        let verb = format!("{:>12}", format!("{turn} {}", entry.verb));
        let others = match self.entries.len() - 1 {
            0 => String::new(),
            1 => ", and 1 other".to_owned(),
            count => format!(", and {count} others"),
        };
        let time = format!(" ({} s{others})", took.as_secs());
        // The last column stays free: some terminals go on to the next line once it is written.
        if columns < width(&verb) + 2 + width(&time) {
            return Some(cut(&format!("{verb}{time}"), columns.saturating_sub(1)));
        }
        let room = columns - (width(&verb) + 2 + width(&time));
        let what = cut(&entry.what, room);
        let mut rest = format!("{what}{time}");
        let waits = entry.waits.text();
        let room = room.saturating_sub(width(&what) + 2);
        if !waits.is_empty() && room >= 10 {
            rest.push_str(&format!(": {}", cut(&waits, room)));
        }
        Some(format!("{VERB}{verb}{VERB:#} {rest}"))
    }

    /// What is to be said of each that has been under way for another ten seconds: a verb, and the rest of the line.
    pub(super) fn late(&mut self, now: Instant) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for entry in &mut self.entries {
            let took = now.saturating_duration_since(entry.began);
            if took >= entry.said + AGAIN {
                entry.said = Duration::from_secs(took.as_secs() / AGAIN.as_secs() * AGAIN.as_secs());
                let waits = entry.waits.text();
                let waits = if waits.is_empty() { waits } else { format!(": {}", one_line(&waits)) };
                // A step that runs is waited for; what the tool itself does goes on.
                let verb = if entry.verb == "Running" { "Waiting" } else { &entry.verb };
                lines.push((verb.to_owned(), format!("{} ({} s){waits}", entry.what, entry.said.as_secs())));
            }
        }
        lines
    }
}

/// A text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or_default()).sum()
}

/// As much of a text, on one line, as goes into so many columns.
fn cut(text: &str, columns: usize) -> String {
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
    fn the_longest_is_shown_with_how_many_others() {
        let (mut board, now) = (Board::default(), Instant::now());
        assert_eq!(board.line(now, 80), None);
        let first = board.begin("Running", "shop/sells: it is ready", now, Waits::default());
        assert_eq!(plain(board.line(now, 80)), "   | Running shop/sells: it is ready (0 s)");
        board.begin("Running", "blog/answers: it is ready", now + SECOND, Waits::default());
        let later = now + 12 * SECOND + TURN;
        assert_eq!(plain(board.line(later, 80)), "   / Running shop/sells: it is ready (12 s, and 1 other)");
        board.begin("Building", "an image", now + SECOND, Waits::default());
        assert_eq!(plain(board.line(later, 80)), "   / Running shop/sells: it is ready (12 s, and 2 others)");
        assert_eq!(board.end(first).map(|entry| entry.what), Some("shop/sells: it is ready".to_owned()));
        assert_eq!(plain(board.line(later, 80)), "   \\ Running blog/answers: it is ready (11 s, and 1 other)");
        assert!(board.end(first).is_none());
    }

    #[test]
    fn a_line_never_reaches_the_last_column() {
        let (mut board, now) = (Board::default(), Instant::now());
        let waits = Waits::default();
        board.begin("Running", "shop/sells: 価格 and all else that a long name tells", now, waits.clone());
        waits.set("Pod shop/web is Pending:\n0/1 nodes are available");
        for columns in 0..120 {
            let line = plain(board.line(now + 100 * SECOND, columns));
            assert!(!line.contains('\n'), "{line}");
            assert!(width(&line) < columns.max(1), "{columns}: {line}");
        }
        assert_eq!(plain(board.line(now, 40)), "   | Running shop/sells: 価格 an… (0 s)");
        assert_eq!(
            plain(board.line(now, 100)),
            "   | Running shop/sells: 価格 and all else that a long name tells (0 s): Pod shop/web is Pending: …"
        );
    }

    #[test]
    fn every_ten_seconds_are_told_once() {
        let (mut board, now) = (Board::default(), Instant::now());
        let waits = Waits::default();
        board.begin("Running", "shop/sells: it is ready", now, waits.clone());
        board.begin("Creating", "a cluster", now + 5 * SECOND, Waits::default());
        let told = |board: &mut Board, seconds: u32| {
            let lines = board.late(now + seconds * SECOND).into_iter();
            lines.map(|(verb, rest)| format!("{verb} {rest}")).collect::<Vec<_>>()
        };
        assert!(told(&mut board, 9).is_empty());
        waits.set("Pod shop/web is Pending");
        assert_eq!(told(&mut board, 10), ["Waiting shop/sells: it is ready (10 s): Pod shop/web is Pending"]);
        assert!(told(&mut board, 11).is_empty());
        waits.set("");
        assert_eq!(told(&mut board, 20), ["Waiting shop/sells: it is ready (20 s)", "Creating a cluster (10 s)"]);
        // Of a machine that slept, only the last is told.
        assert_eq!(told(&mut board, 61), ["Waiting shop/sells: it is ready (60 s)", "Creating a cluster (50 s)"]);
        assert!(told(&mut board, 64).is_empty());
    }
}
