//! Everything that people or programs get to read: the only file that prints.
//!
//! Results go to standard output, progress and diagnostics to standard error. Exit codes are decided here.
//!
//! Deliberately absent: deciding what is wrong.

pub mod annotations;
pub mod json;
pub mod junit;
mod screen;
mod under_way;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use self::screen::{Screen, Sink};
use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, Place};
use crate::diff::{Kind, ObjectDiff, Tag};
use crate::plan::TargetId;
use crate::process;
use crate::progress::{End, Progress, UnderWay, Waits};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: one JSON document on standard output.
    Json,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing that it depends on moved; not rendered.
    Fresh,
    /// Rendered as recorded.
    Unchanged,
    /// Rendered otherwise than recorded.
    Changed,
    /// Could not be rendered.
    Failed,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

/// What is told of one target.
#[derive(Debug)]
pub struct TargetReport {
    /// Its name.
    pub id: TargetId,
    /// What became of it.
    pub state: State,
    /// Why it was rendered.
    pub reasons: Vec<String>,
    /// How many objects it holds, as far as that is known.
    pub objects: Option<usize>,
    /// How it differs.
    pub diffs: Vec<ObjectDiff>,
}

impl TargetReport {
    /// `1 modified, 2 added`.
    #[must_use]
    pub fn counts(&self) -> String {
        let kinds = [Kind::Modified, Kind::Renamed, Kind::Added, Kind::Removed];
        let count = |kind| self.diffs.iter().filter(|diff| diff.kind == kind).count();
        let counts = kinds.map(|kind| (count(kind), kind.word()));
        list(counts)
    }
}

/// What is told of a render.
#[derive(Debug)]
pub struct RenderReport {
    /// The Argo CD release that was reproduced, with its Helm.
    pub argocd: &'static str,
    /// Its Helm.
    pub helm: &'static str,
    /// All targets in order of name.
    pub targets: Vec<TargetReport>,
    /// Whether what was rendered is recorded now.
    pub accepted: bool,
}

/// `3 fresh, 1 changed`; what counts nothing is left out.
fn list<const N: usize>(counts: [(usize, &str); N]) -> String {
    let parts: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}

/// `1 target`, `2 targets`.
#[must_use]
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
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
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();
const HUNK: Style = AnsiColor::Cyan.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

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
            self.stderr(&format!("{}\n\n", describe(diagnostic)));
        }
    }

    /// All diagnostics once more, as marks for GitHub.
    pub fn annotations(&self, root: &Path, diagnostics: &Diagnostics) {
        self.stderr(&annotations::commands(root, diagnostics));
    }

    /// The differences, a line for each target that has any or failed, and a line in all.
    pub fn render(&self, report: &RenderReport) {
        if self.format == Format::Json {
            return;
        }
        let mut out = String::new();
        for target in &report.targets {
            for diff in &target.diffs {
                out.push_str(&header(&target.id, diff));
                for (tag, line) in diff.marked() {
                    let style = match tag {
                        Tag::Context => Style::new(),
                        Tag::Added => ADDED,
                        Tag::Removed => REMOVED,
                        Tag::Hunk => HUNK,
                        Tag::Note => NOTE,
                    };
                    out.push_str(&format!("{style}{line}{style:#}\n"));
                }
                out.push('\n');
            }
        }
        for target in &report.targets {
            match target.state {
                // Where only a leftover file is in the way, no object counts.
                State::Changed if !target.diffs.is_empty() => {
                    out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", target.id, target.counts()));
                }
                State::Failed => out.push_str(&format!("{TITLE}{}{TITLE:#}: failed\n", target.id)),
                State::Fresh | State::Unchanged | State::Changed => {
                    out.push_str(&format!("{TITLE}{}{TITLE:#}: {}\n", target.id, target.state.word()));
                }
            }
        }
        out.push_str(&format!("{}\n", total(report)));
        self.stdout(&out);
    }
}

/// `4 targets: 3 fresh, 1 changed`.
#[must_use]
pub fn total(report: &RenderReport) -> String {
    let states = [State::Fresh, State::Unchanged, State::Changed, State::Failed];
    let count = |state| report.targets.iter().filter(|target| target.state == state).count();
    let word = |state: State| if report.accepted && state == State::Changed { "recorded" } else { state.word() };
    let counts = list(states.map(|state| (count(state), word(state))));
    let colon = if counts.is_empty() { "" } else { ": " };
    format!("{}{colon}{counts}", plural(report.targets.len(), "target"))
}

/// A difference as plain text.
#[must_use]
pub fn unified(diff: &ObjectDiff) -> String {
    let lines: String = diff.marked().map(|(_, line)| format!("{line}\n")).collect();
    format!("{} {}\n{lines}", diff.kind.word(), diff.object.manifest.title())
}

fn header(id: &TargetId, diff: &ObjectDiff) -> String {
    let manifest = &diff.object.manifest;
    let from = match (&diff.previous, diff.kind) {
        (Some(previous), Kind::Renamed) => format!(" (was {})", previous.manifest.title()),
        (Some(previous), _) if previous.file != diff.object.file => format!(" (golden was {})", previous.file),
        _ => String::new(),
    };
    let template = if manifest.template.is_empty() { String::new() } else { format!("  {}", manifest.template) };
    format!("{TITLE}{id}: {} {}{from}{TITLE:#}{DIM}{template}{DIM:#}\n", diff.kind.word(), manifest.title())
}

/// A diagnostic as rustc draws one, without colours.
#[must_use]
pub fn plain(diagnostic: &Diagnostic) -> String {
    anstream::adapter::strip_str(&describe(diagnostic)).to_string()
}

/// A diagnostic as rustc draws one.
fn describe(diagnostic: &Diagnostic) -> String {
    let warning = diagnostic.code.class() == Class::Warning;
    let level = if warning { Level::WARNING } else { Level::ERROR };
    let message = match &diagnostic.target {
        Some(target) => format!("{target}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut group = Group::with_title(level.primary_title(clean(&message)).id(diagnostic.code.name()));
    let mut files: Vec<(&Place, Vec<(&Place, &str)>)> = Vec::new();
    for (place, label) in &diagnostic.places {
        match files.iter_mut().find(|(first, _)| first.source.name == place.source.name) {
            Some((_, marks)) => marks.push((place, label)),
            None => files.push((place, vec![(place, label)])),
        }
    }
    let mut first = true;
    for (file, marks) in files {
        if marks.iter().all(|(place, _)| place.span.is_none()) {
            group = group.element(annotate_snippets::Origin::path(file.source.name.clone()));
            for (_, label) in marks.iter().filter(|(_, label)| !label.is_empty()) {
                group = group.element(Level::NOTE.message(clean(label)));
            }
            continue;
        }
        let mut snippet = Snippet::source(file.source.text.as_str()).path(file.source.name.clone());
        for (place, label) in marks {
            let Some(span) = &place.span else { continue };
            let length = file.source.text.len();
            let span = span.start.min(length)..span.end.min(length);
            let kind = if first { AnnotationKind::Primary } else { AnnotationKind::Context };
            first = false;
            let mark = kind.span(span);
            snippet = snippet.annotation(if label.is_empty() { mark } else { mark.label(clean(label)) });
        }
        group = group.element(snippet);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(clean(note)));
    }
    for help in &diagnostic.helps {
        group = group.element(Level::HELP.message(clean(help)));
    }
    let groups: [Group<'_>; 1] = [group];
    Renderer::styled().render(&groups)
}

/// Text from elsewhere may hold what moves a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
