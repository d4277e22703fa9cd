//! Output: results on standard output, progress and diagnostics on standard error, and exit codes.
//!
//! This is the only file that prints.

pub mod annotations;
pub mod answers;
pub mod baseline;
mod called;
pub mod changes;
pub mod checks;
pub mod code_quality;
mod diff_lines;
mod document;
pub mod entry;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod outputs;
pub mod rdjson;
pub mod rendered;
pub mod safe;
pub mod sarif;
mod screen;
mod snippet;
pub mod step_summary;
pub mod timings;
pub mod trail;
mod under_way;
pub mod visible;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostics};
use toolbox::process;
use toolbox::progress::{End, Progress, UnderWay, Waits};

use self::called::BY_CARGO;
pub use self::called::called;
use self::rendered::RenderReport;
use self::screen::{Screen, Sink};
pub use self::snippet::plain;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text.
    Human,
    /// One JSON document on standard output.
    Json,
}

/// Formats rows as a table with aligned columns.
#[must_use]
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| safe::line(cell).into_owned())).collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut out = String::new();
    for row in &rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The number of sorted diagnostics, as the last line of a check says it.
#[must_use]
pub fn count(diagnostics: &Diagnostics) -> String {
    if diagnostics.is_empty() { "nothing found".to_owned() } else { plural(diagnostics.0.len(), "finding") }
}

/// Prints help, the version, or an error about the arguments. Returns whether it was printed, or nobody reads it.
#[must_use]
pub fn arguments(text: &clap::builder::StyledStr, is_error: bool) -> bool {
    let written = if is_error {
        write!(anstream::stderr().lock(), "{}", text.ansi())
    } else {
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{}", text.ansi()).and_then(|()| stdout.flush())
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr().lock(), "{UNWRITTEN}");
            false
        }
        _ => true,
    }
}

/// Prints what another program reads exactly as it is, or why there is nothing. Returns whether it was printed.
#[must_use]
pub fn unchanged(text: std::result::Result<&str, &str>) -> bool {
    match text {
        Ok(text) => io::stdout().lock().write_all(text.as_bytes()).is_ok(),
        Err(message) => {
            let _ = writeln!(io::stderr().lock(), "{message}");
            false
        }
    }
}

/// The exit code for a command's diagnostics.
#[must_use]
pub fn exit_code(diagnostics: &Diagnostics) -> u8 {
    if diagnostics.0.iter().any(|diagnostic| diagnostic.code == Code::Interrupted) {
        return 130;
    }
    match diagnostics.worst() {
        Class::Warning => 0,
        Class::Convention | Class::Finding => 1,
        Class::Configuration => 2,
        Class::Unavailable => 3,
    }
}

/// What follows output that is incomplete, for example because a disk is full.
const UNWRITTEN: &str = "error: the output could not be written";

/// Prints in the requested format.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    started: Instant,
    screen: Arc<Screen<Streams>>,
    /// The thread that refreshes the screen, started with the first task.
    refresher: Mutex<Option<JoinHandle<()>>>,
    /// The last line.
    summary: Mutex<Option<String>>,
    /// Whether a write to standard output failed.
    incomplete: AtomicBool,
}

/// The standard streams.
#[derive(Debug, Clone, Copy)]
struct Streams {
    color: anstream::ColorChoice,
    /// Whether a CI system reads the output, and may take lines for commands.
    guarded: bool,
}

const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();

impl Progress for Printer {
    fn status(&self, verb: &str, what: &str) {
        if self.format == Format::Human {
            self.stderr(&line(GREEN, verb, what));
        }
    }

    fn under_way(&self, verb: &str, what: &str) -> UnderWay<'_> {
        let waits = Waits::default();
        if self.format == Format::Json {
            return UnderWay::new(waits, |_| {});
        }
        // If the task is shown on the progress line, only its outcome is printed.
        let shown = self.screen.shows();
        if !shown {
            self.status(verb, what);
        }
        self.start_refreshing();
        let id = self.screen.begin(verb, what, waits.clone());
        UnderWay::new(waits, move |end| {
            let Some(task) = self.screen.end(id) else { return };
            let text = format!("{} ({:.1} s)", task.what, task.began.elapsed().as_secs_f64());
            match end {
                End::Well(verb) if shown => self.stderr(&line(GREEN, verb, &text)),
                // A task that a signal interrupted did not fail by itself.
                End::Failed if !process::interrupted() => self.stderr(&line(RED, "Failed", &text)),
                End::Well(_) | End::Failed | End::Unreported => {}
            }
        })
    }
}

/// Formats a line of progress.
fn line(style: Style, verb: &str, what: &str) -> String {
    format!("{style}{:>12}{style:#} {}\n", safe::line(verb), safe::line(what))
}

impl Streams {
    fn stdout(self, text: &str) -> io::Result<()> {
        let mut stream = anstream::AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        stream.write_all(self.harmless(text).as_bytes()).and_then(|()| stream.flush())
    }

    fn stderr(self, text: &str) {
        self.commands(&self.harmless(text));
    }

    /// Clears a terminal, and what was scrolled out of it.
    fn clear() {
        let _ = io::stdout().lock().write_all(b"\x1b[H\x1b[2J\x1b[3J");
    }

    /// Writes workflow commands of the tool itself.
    fn commands(self, text: &str) {
        let _ = anstream::AutoStream::new(std::io::stderr().lock(), self.choice(&std::io::stderr()))
            .write_all(text.as_bytes());
    }

    /// What is written in place of a text.
    fn harmless(self, text: &str) -> Cow<'_, str> {
        let text = safe::styled(text);
        if self.guarded { Cow::Owned(safe::without_commands(&text).into_owned()) } else { text }
    }

    fn choice(self, stream: &impl anstream::stream::RawStream) -> anstream::ColorChoice {
        match self.color {
            anstream::ColorChoice::Auto => anstream::AutoStream::choice(stream),
            choice => choice,
        }
    }
}

impl Sink for Streams {
    fn draw(&self, line: &str) {
        // `AutoStream` would also strip the escape sequence that erases the line.
        let plain = self.choice(&std::io::stderr()) == anstream::ColorChoice::Never;
        let line = if plain { anstream::adapter::strip_str(line).to_string() } else { line.to_owned() };
        let _ = std::io::stderr().lock().write_all(format!("\r{line}\x1b[K").as_bytes());
    }

    fn columns(&self) -> usize {
        let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        if columns == 0 { 80 } else { columns }
    }

    fn interrupted(&self) -> bool {
        process::interrupted()
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.screen.close();
        if let Some(refresher) = self.refresher.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = refresher.join();
        }
    }
}

impl Printer {
    /// Creates a printer and starts the clock for `Finished`. `animated` allows a progress line on a terminal, and `guarded`
    /// keeps a CI system from reading commands in the output.
    #[must_use]
    pub fn new(format: Format, color: anstream::ColorChoice, animated: bool, guarded: bool) -> Self {
        let screen = Arc::new(Screen::new(Streams { color, guarded }, animated && std::io::stderr().is_terminal()));
        Self {
            format,
            started: Instant::now(),
            screen,
            refresher: Mutex::default(),
            summary: Mutex::default(),
            incomplete: AtomicBool::default(),
        }
    }

    /// Whether the whole result could be written. Prints an error if not, for example because a disk is full.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let complete = !self.incomplete.load(Ordering::Relaxed);
        if !complete {
            self.stderr(&format!("{UNWRITTEN}\n"));
        }
        complete
    }

    /// Whether a person can read questions and answer them.
    #[must_use]
    pub(crate) fn can_ask(&self) -> bool {
        self.format == Format::Human && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Whether the output is JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    fn stdout(&self, text: &str) {
        self.screen.write(|streams| {
            // A closed pipe (`| head`) is not an error.
            if streams.stdout(text).is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
                self.incomplete.store(true, Ordering::Relaxed);
            }
        });
    }

    fn stderr(&self, text: &str) {
        let text = text.replace(BY_CARGO, called());
        self.screen.write(|streams| streams.stderr(&text));
    }

    /// Starts the thread that refreshes the screen, unless it is running.
    fn start_refreshing(&self) {
        let mut refresher = self.refresher.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let screen = Arc::clone(&self.screen);
            thread::spawn(move || {
                screen.refresh_until_closed(|streams, verb, rest| streams.stderr(&line(GREEN, verb, rest)));
            })
        };
        refresher.get_or_insert_with(start);
    }

    /// Prints a result as text without styles; does nothing if the output is JSON.
    pub fn result(&self, text: &str) {
        if self.format == Format::Human {
            self.stdout(&safe::text(text));
        }
    }

    /// Prints a result with styles; the text of others in it has passed [`safe::text`] or [`safe::line`].
    pub(crate) fn styled(&self, text: &str) {
        if self.format == Format::Human {
            self.stdout(text);
        }
    }

    /// Prints the JSON document.
    pub fn document(&self, text: &str) {
        self.stdout(&safe::json(text));
    }

    /// Sets the summary, which is printed after the diagnostics.
    pub fn finished(&self, what: &str) {
        let summary = format!("{what} in {:.2}s", self.started.elapsed().as_secs_f64());
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
    }

    /// Prints all diagnostics, in order, and the summary. A command that could not be carried out as given has none.
    pub fn diagnostics(&self, diagnostics: &Diagnostics) {
        for diagnostic in &diagnostics.0 {
            self.stderr(&format!("{}\n\n", snippet::describe(diagnostic)));
        }
        let misused = diagnostics.0.iter().any(|found| matches!(found.code, Code::Usage | Code::TargetUnknown));
        let summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(summary) = summary.filter(|_| !misused) {
            self.status("Finished", &summary);
        }
    }

    /// All diagnostics, in order, as [`Self::screenful`] prints them.
    #[must_use]
    pub fn described(&self, diagnostics: &Diagnostics) -> String {
        diagnostics.0.iter().map(|diagnostic| format!("{}\n\n", snippet::describe(diagnostic))).collect()
    }

    /// Prints a text with styles in place of what a terminal shows.
    pub(crate) fn screenful(&self, text: &str) {
        if io::stdout().is_terminal() {
            self.screen.write(|_| Streams::clear());
        }
        self.stdout(&text.replace(BY_CARGO, called()));
    }

    /// Prints all diagnostics as GitHub annotations.
    pub fn annotations(&self, root: &Path, diagnostics: &Diagnostics) {
        let text = annotations::commands(root, diagnostics).replace(BY_CARGO, called());
        self.screen.write(|streams| streams.commands(&text));
    }

    /// Prints the diffs, a line per target, and the totals.
    pub fn render(&self, report: &RenderReport) {
        self.styled(&rendered::text(report));
    }
}
