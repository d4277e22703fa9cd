//! `--timings`: where the time of a run went, as a page with a chart and a table, or as JSON.
//!
//! The page is one file that needs nothing else. docs/timings.schema.json describes the JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diagnostics::Result;
use maud::{Markup, html};
use schemars::JsonSchema;
use serde::Serialize;
use toolbox::atomic_file;
use toolbox::timings::Span;

use super::document::Document;
use super::visible;

const STYLE: &str = include_str!("timings.css");
const SCRIPT: &str = include_str!("timings.js");

/// The number of rows in the chart: those that took longest.
const SHOWN: usize = 200;

/// The width of the names, of the whole chart, and the height of a row.
const NAMES: f64 = 220.0;
const WIDTH: f64 = 1150.0;
const ROW: f64 = 16.0;

/// The number of colors.
const COLORS: usize = 14;

/// Where the time of a run went.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Timings {
    /// The version of this format. It increases when a field is removed or changes its meaning.
    version: u32,
    /// The name of the command.
    command: String,
    /// How many programs could run at once.
    jobs: usize,
    /// The time of the whole run.
    seconds: f64,
    /// Targets, the run itself, and the checks of `lint`, in the order in which the work on them began.
    subjects: Vec<Subject>,
}

/// What some of the time was spent on.
#[derive(Debug, Serialize, JsonSchema)]
struct Subject {
    /// The name of a target, `(run)`, or `(lint)`.
    name: String,
    /// What was done, in the order in which it began. Phases may consist of others.
    phases: Vec<Phase>,
}

/// A part of the work on a subject.
#[derive(Debug, Serialize, JsonSchema)]
struct Phase {
    /// Its name, such as `render`; for `(lint)`, the first code of the check.
    name: &'static str,
    /// When it began, in seconds since the start of the run.
    begin: f64,
    /// When it ended.
    end: f64,
}

impl Timings {
    /// The timings of a command.
    #[must_use]
    pub fn new(command: &str, jobs: usize, spans: &[Span], all: Duration) -> Self {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for span in spans {
            let index = *known.entry(&span.subject).or_insert_with(|| {
                subjects.push(Subject { name: span.subject.clone(), phases: Vec::new() });
                subjects.len() - 1
            });
            let (begin, end) = (rounded(span.begin), rounded(span.end));
            subjects[index].phases.push(Phase { name: span.phase, begin, end });
        }
        Self { version: 1, command: command.to_owned(), jobs, seconds: rounded(all), subjects }
    }

    /// Writes them: as JSON to a file whose name ends in `.json`, else as a page.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = path.extension().is_some_and(|end| end == "json");
        let text = if json { serde_json::to_string_pretty(self).unwrap_or_default() + "\n" } else { self.page() };
        atomic_file::write(path, text.as_bytes())
    }

    /// The names of all phases of targets and of the run, in the order in which they first began; without those of checks.
    fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for phase in self.subjects.iter().filter(|one| one.name != LINT).flat_map(|one| &one.phases) {
            if !names.contains(&phase.name) {
                names.push(phase.name);
            }
        }
        names
    }

    fn page(&self) -> String {
        let names = self.names();
        let title = format!("Timings of {}", self.command);
        let body = html! {
            h1 { (title) }
            p { (format!("{:.3} s, {} jobs, {} subjects", self.seconds, self.jobs, self.subjects.len())) }
            (self.chart(&names))
            div.legend {
                @for (index, name) in names.iter().enumerate() {
                    span class=(color(index)) { i {} (name) }
                }
            }
            (self.table(&names))
        };
        Document { title: &title, style: STYLE, script: SCRIPT, view: None, body }.into_text()
    }

    /// One row for each subject, with a bar for each phase.
    fn chart(&self, names: &[&str]) -> Markup {
        let mut shown: Vec<&Subject> = self.subjects.iter().collect();
        shown.sort_by(|left, right| right.extent().total_cmp(&left.extent()));
        shown.truncate(SHOWN);
        shown.sort_by(|left, right| left.begin().total_cmp(&right.begin()));
        let whole = self.seconds.max(0.001);
        let x = |seconds: f64| NAMES + seconds / whole * (WIDTH - NAMES);
        let height = ROW * (count(shown.len()) + 1.5);
        let color_of = |phase: &Phase| color(names.iter().position(|name| *name == phase.name).unwrap_or_default());
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="When each phase began and ended" {
                @for part in 0..=4_u8 {
                    @let seconds = whole * f64::from(part) / 4.0;
                    line.axis x1=(number(x(seconds))) x2=(number(x(seconds))) y1="0" y2=(number(height - ROW)) {}
                    text.time x=(number(x(seconds))) y=(number(height - 4.0)) text-anchor=(if part == 4 { "end" } else { "middle" }) {
                        (format!("{seconds:.2} s"))
                    }
                }
                @for (row, subject) in shown.iter().enumerate() {
                    @let top = ROW * count(row);
                    text x="0" y=(number(top + 12.0)) { (visible::line(&shortened(&subject.name))) }
                    @for phase in &subject.phases {
                        rect class=(color_of(phase)) x=(number(x(phase.begin))) y=(number(top + 3.0)) rx="1"
                            width=(number((x(phase.end) - x(phase.begin)).max(0.5))) height="11" {
                            title { (visible::line(&subject.name)) ": " (phase.name) (format!(", {}", milliseconds(phase.seconds()))) }
                        }
                    }
                }
            }
            @if shown.len() < self.subjects.len() {
                p { (format!("The chart has the {SHOWN} subjects that took longest; the table has all.")) }
            }
        }
    }

    /// The time of each subject by phase, in milliseconds.
    fn table(&self, names: &[&str]) -> Markup {
        html! {
            table {
                thead { tr {
                    th scope="col" { button type="button" { "subject" } }
                    th scope="col" { button type="button" { "ms" } }
                    @for name in names { th scope="col" { button type="button" { (name) } } }
                } }
                tbody {
                    @for subject in &self.subjects {
                        tr {
                            td { (visible::line(&subject.name)) }
                            (cell(subject.extent()))
                            @for name in names {
                                (cell(subject.phases.iter().filter(|phase| phase.name == *name).map(Phase::seconds).sum()))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The subject whose phases are checks.
pub(crate) const LINT: &str = "(lint)";

impl Subject {
    fn begin(&self) -> f64 {
        self.phases.iter().map(|phase| phase.begin).fold(f64::INFINITY, f64::min)
    }

    /// The time from its first phase to its last one.
    fn extent(&self) -> f64 {
        self.phases.iter().map(|phase| phase.end).fold(0.0, f64::max) - self.begin()
    }
}

impl Phase {
    fn seconds(&self) -> f64 {
        self.end - self.begin
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

fn cell(seconds: f64) -> Markup {
    html! { td data-value=(format!("{seconds:.6}")) { @if seconds > 0.0 { (format!("{:.1}", seconds * 1e3)) } } }
}

fn color(index: usize) -> String {
    format!("c{}", index % COLORS)
}

fn shortened(name: &str) -> String {
    const LONGEST: usize = 34;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::generate::SchemaSettings;
    use schemars::transform::RestrictFormats;

    fn sample(targets: usize) -> Timings {
        let span = |subject: &str, phase, begin, end| Span {
            subject: subject.to_owned(),
            phase,
            begin: Duration::from_millis(begin),
            end: Duration::from_millis(end),
        };
        let mut spans = vec![span(toolbox::timings::RUN, "load", 0, 10)];
        for number in 0..targets as u64 {
            let name = format!("<web>-{number}/default");
            spans.extend([span(&name, "wait", 10, 20 + number), span(&name, "render", 20 + number, 90 + number)]);
        }
        spans.push(span(LINT, "image-unpinned", 400, 401));
        Timings::new("render", 2, &spans, Duration::from_millis(500))
    }

    #[test]
    fn the_page_shows_every_phase() {
        let page = sample(2).page();
        for text in [
            "0.500 s, 2 jobs, 4 subjects",
            "&lt;web&gt;-1/default: render, 70.0 ms",
            "(lint): image-unpinned, 1.0 ms",
            "<button type=\"button\">wait</button>",
            "<td data-value=\"0.070000\">70.0</td>",
        ] {
            assert!(page.contains(text), "{text} is not in {page}");
        }
        assert!(!page.contains("<web>") && !page.contains("http://") && !page.contains("https://"));
        assert_eq!(page.matches("<rect").count(), 6);
    }

    #[test]
    fn a_large_chart_has_the_longest_subjects() {
        let page = sample(900).page();
        assert_eq!(page.matches("<tr>").count(), 903);
        assert!(page.contains("The chart has the 200 subjects that took longest"));
    }

    #[test]
    fn the_schema_of_the_json_is_recorded() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/timings.schema.json");
        let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RestrictFormats::default());
        let schema = settings.into_generator().into_root_schema_for::<Timings>();
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() && std::env::var_os("CI").is_none() {
            std::fs::write(&path, &text).expect("written");
        }
        let current = toolbox::regular_file::read_to_string(&path).unwrap_or_default();
        assert!(current == text, "docs/timings.schema.json is outdated: run the tests with `UPDATE_SCHEMA=1`");
        let value = serde_json::to_value(sample(1)).expect("JSON");
        assert_eq!(
            value["subjects"][1]["phases"][1],
            serde_json::json!({"name": "render", "begin": 0.02, "end": 0.09})
        );
    }
}
