//! Everything that people or programs get to read: the only file that prints.
//!
//! Results go to standard output, progress and diagnostics to standard error. Exit codes are decided here.
//!
//! Deliberately absent: deciding what is wrong.

pub mod annotations;
pub mod json;
pub mod junit;
pub mod rendered;
mod screen;
mod snippet;
mod under_way;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use self::rendered::RenderReport;
use self::screen::{Screen, Sink};
pub use self::snippet::plain;
use diagnostics::{Class, Code, Diagnostics};
use toolbox::process;
use toolbox::progress::{End, Progress, UnderWay, Waits};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: one JSON document on standard output.
    Json,
}

/// Rows with their columns below each other.
#[must_use]
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut out = String::new();
    for row in rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The exit code that diagnostics lead to.
#[must_use]
pub fn exit_code(diagnostics: &Diagnostics) -> u8 {
    if diagnostics.0.iter().any(|diagnostic| diagnostic.code == Code::Interrupted) {
        return 130;
    }
    match diagnostics.worst() {
        Class::Warning => 0,
        Class::Finding => 1,
        Class::Configuration => 2,
        Class::Unavailable => 3,
    }
}

/// Writes for people, and for programs where they asked for it.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    started: Instant,
    screen: Arc<Screen<Streams>>,
    /// What keeps the screen true, once something is under way.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// Where everything goes.
#[derive(Debug, Clone, Copy)]
struct Streams {
    color: anstream::ColorChoice,
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
        // A line that will be drawn in a moment need not stay; what became of it does.
        let shown = self.screen.shows();
        if !shown {
            self.status(verb, what);
        }
        self.keep();
        let id = self.screen.begin(verb, what, waits.clone());
        UnderWay::new(waits, move |end| {
            let Some(entry) = self.screen.end(id) else { return };
            let told = format!("{} ({:.1} s)", entry.what, entry.began.elapsed().as_secs_f64());
            match end {
                End::Well(verb) if shown => self.stderr(&line(GREEN, verb, &told)),
                // Of what a signal broke off, nothing is known.
                End::Failed if !process::interrupted() => self.stderr(&line(RED, "Failed", &told)),
                End::Well(_) | End::Failed | End::Untold => {}
            }
        })
    }
}

/// A line of progress.
fn line(style: Style, verb: &str, what: &str) -> String {
    format!("{style}{verb:>12}{style:#} {what}\n")
}

impl Streams {
    // A reader that went away (`| head`) is no reason to fail.
    fn stdout(self, text: &str) {
        let _ = anstream::AutoStream::new(std::io::stdout().lock(), self.choice(&std::io::stdout()))
            .write_all(text.as_bytes());
    }

    fn stderr(self, text: &str) {
        let _ = anstream::AutoStream::new(std::io::stderr().lock(), self.choice(&std::io::stderr()))
            .write_all(text.as_bytes());
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
        // Without colour, `AutoStream` would take away what erases the line as well.
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
        if let Some(keeper) = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = keeper.join();
        }
    }
}

impl Printer {
    /// A printer; the clock for `Finished` starts now. `lively` allows a line that moves, on a terminal.
    #[must_use]
    pub fn new(format: Format, color: anstream::ColorChoice, lively: bool) -> Self {
        let screen = Arc::new(Screen::new(Streams { color }, lively && std::io::stderr().is_terminal()));
        Self { format, started: Instant::now(), screen, keeper: Mutex::default() }
    }

    /// Whether results are for programs.
    #[must_use]
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    fn stdout(&self, text: &str) {
        self.screen.write(|streams| streams.stdout(text));
    }

    fn stderr(&self, text: &str) {
        self.screen.write(|streams| streams.stderr(text));
    }

    /// Begins to keep the screen true, the first time that there is something to keep.
    fn keep(&self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || {
            let screen = Arc::clone(&self.screen);
            thread::spawn(move || screen.keep(|streams, verb, rest| streams.stderr(&line(GREEN, verb, rest))))
        };
        keeper.get_or_insert_with(begin);
    }

    /// A result for people, on standard output.
    pub fn result(&self, text: &str) {
        if self.format == Format::Human {
            self.stdout(text);
        }
    }

    /// The result for programs.
    pub fn document(&self, text: &str) {
        self.stdout(text);
    }

    /// Ends the progress.
    pub fn finished(&self, what: &str) {
        let elapsed: Duration = self.started.elapsed();
        self.status("Finished", &format!("{what} in {:.2}s", elapsed.as_secs_f64()));
    }

    /// All diagnostics, in reading order.
    pub fn diagnostics(&self, diagnostics: &Diagnostics) {
        for diagnostic in &diagnostics.0 {
            self.stderr(&format!("{}\n\n", snippet::describe(diagnostic)));
        }
    }

    /// All diagnostics once more, as marks for GitHub.
    pub fn annotations(&self, root: &Path, diagnostics: &Diagnostics) {
        self.stderr(&annotations::commands(root, diagnostics));
    }

    /// The differences, a line for each target that has any or failed, and a line in all.
    pub fn render(&self, report: &RenderReport) {
        self.result(&rendered::text(report));
    }
}
