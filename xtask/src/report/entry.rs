//! The entries of the reports for other programs: every finding, and every effect of a change that a reviewer should
//! know.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Class, Code, Diagnostic, Fact, Place, Severity, Source, fact};
use document::{Node, Value, yaml};
use golden::diff::Kind;
use golden::objects::UNRECORDED;
use kubernetes::change::effect::Effect;
use toolbox::archive::sha256;

use super::model::{ApplicationChange, ApplicationKind, Finding, ObjectChange, Report, Status};
use super::visible;

/// Something at a place in the repository.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The rule.
    pub code: Code,
    /// How severe it is.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// What else is known, and what to do: one line each.
    pub details: Vec<String>,
    /// The main place: where the author can change it.
    pub location: Location,
    /// Other places, such as the golden.
    pub related: Vec<Location>,
    /// Whether the base has it; `None` if that is unknown.
    pub status: Option<Status>,
    /// The same for the same problem at another line. Unique in a report.
    pub fingerprint: String,
    /// An edit that fixes it, if that needs no thought.
    pub fix: Option<Fix>,
}

/// How severe an entry is. Later variants are more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A reviewer should know it.
    Note,
    /// It does not fail the run.
    Warning,
    /// It fails the run.
    Error,
    /// The sync would fail, or data would be lost.
    Blocker,
}

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The path from the root of the repository.
    pub path: String,
    /// The part of the file; nothing for the whole file.
    pub region: Option<Region>,
    /// What is there; may be empty.
    pub label: String,
}

/// A part of a file. All numbers count from 1, and the end is behind the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column in characters.
    pub column: usize,
    /// The column in bytes.
    pub byte: usize,
}

/// The replacement of a part of the file of the main place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub region: Region,
    /// The new text.
    pub text: String,
}

/// What is at a place in a golden.
const RENDERED: &str = "the rendered object";

/// All entries: the findings in their order, and then the effects.
#[must_use]
pub fn entries(report: &Report) -> Vec<Entry> {
    let mut entries: Vec<Entry> = report.findings.iter().map(of_finding).collect();
    for application in &report.applications {
        if let ApplicationKind::Failed { reason } = &application.kind {
            entries.extend(of_failure(report, application, reason));
        }
    }
    let effects = report.effects().filter(|(_, _, effect)| effect.severity > Severity::Routine);
    let effects = effects.filter(|(application, object, effect)| !is_found(report, application, *object, effect));
    entries.extend(effects.map(|(application, object, effect)| of_effect(application, object, effect)));
    // Equal problems of one file differ in their order.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &mut entries {
        let count = known.entry(entry.fingerprint.clone()).or_default();
        *count += 1;
        if *count > 1 {
            entry.fingerprint = sha256(format!("{}\0{count}", entry.fingerprint).as_bytes());
        }
    }
    entries
}

fn of_finding(finding: &Finding) -> Entry {
    let found = &finding.diagnostic;
    let (location, related) = locations(found);
    let message = match &found.target {
        Some(target) => format!("{target}: {}", found.message),
        None => found.message.clone(),
    };
    let notes = found.notes.iter().map(|note| format!("note: {note}"));
    let details = notes.chain(found.helps.iter().map(|help| format!("help: {help}")));
    let object =
        found.origin.as_ref().map(|origin| format!("{}/{} {}", origin.kind, origin.name, origin.path.join(".")));
    Entry {
        code: found.code,
        level: if found.code.class() == Class::Warning { Level::Warning } else { Level::Error },
        fingerprint: fingerprint(found.code, &location.path, object.as_deref().unwrap_or_default(), &found.message),
        message: visible::line(&message).into_owned(),
        details: details.map(|text| visible::lines(&text).into_owned()).collect(),
        fix: fix(found, &location),
        location,
        related,
        status: finding.status,
    }
}

/// An Application that cannot be rendered, unless a finding says why.
fn of_failure(report: &Report, application: &ApplicationChange, reason: &str) -> Option<Entry> {
    let name = &application.name;
    let about = |finding: &Finding| {
        let target = finding.diagnostic.target.as_deref().unwrap_or_default();
        finding.diagnostic.code.class() > Class::Warning && target.split(['/', ' ']).next() == Some(name)
    };
    if report.findings.iter().any(about) {
        return None;
    }
    let location = Location { path: path(&application.file), region: None, label: String::new() };
    let message = format!("{name}: cannot be rendered: {reason}");
    Some(Entry {
        code: Code::NotRendered,
        level: Level::Blocker,
        fingerprint: fingerprint(Code::NotRendered, &location.path, name, reason),
        message: visible::line(&message).into_owned(),
        details: Vec::new(),
        location,
        related: Vec::new(),
        status: None,
        fix: None,
    })
}

/// Whether a finding says the same as an effect: `ci` checks what it compares.
fn is_found(report: &Report, application: &ApplicationChange, object: Option<&ObjectChange>, effect: &Effect) -> bool {
    report.findings.iter().filter(|finding| finding.status != Some(Status::Fixed)).any(|finding| {
        let found = &finding.diagnostic;
        let target = found.target.as_deref().unwrap_or_default();
        let is_about = || match object.map(|object| &object.diff.object.manifest.key) {
            Some(key) => {
                let is_origin =
                    found.origin.as_ref().is_some_and(|origin| origin.kind == key.kind && origin.name == key.name);
                is_origin || found.is(&Fact::object(&key.kind, &key.name))
            }
            None => found.is(&Fact::Removed(fact::Subject::Application)),
        };
        found.code == effect.code && target.split(['/', ' ']).next() == Some(&application.name) && is_about()
    })
}

fn of_effect(application: &ApplicationChange, object: Option<&ObjectChange>, effect: &Effect) -> Entry {
    let (location, related) = object.and_then(|object| locations_of_effect(object, effect)).unwrap_or_else(|| {
        (Location { path: path(&application.file), region: None, label: String::new() }, Vec::new())
    });
    let subject = match object {
        Some(object) => format!("{}, {}", application.name, object.diff.object.manifest.title()),
        None => application.name.clone(),
    };
    Entry {
        code: effect.code,
        level: match effect.severity {
            Severity::Blocker => Level::Blocker,
            Severity::Caution => Level::Warning,
            Severity::Notice | Severity::Routine => Level::Note,
        },
        fingerprint: fingerprint(effect.code, &location.path, &subject, &effect.path.join(".")),
        message: visible::line(&format!("{subject}: {}", effect.message)).into_owned(),
        details: effect.help.iter().map(|help| format!("help: {}", visible::lines(help))).collect(),
        location,
        related,
        status: Some(Status::New),
        fix: None,
    }
}

/// The line of the template or of the values, and the golden. Nothing for a removed object, which is in no file.
fn locations_of_effect(object: &ObjectChange, effect: &Effect) -> Option<(Location, Vec<Location>)> {
    let target = object.targets.first().filter(|_| object.diff.kind != Kind::Removed)?;
    let name = format!("tests/golden/{target}/{}", object.diff.object.file);
    let golden = Source::new(name, object.diff.object.manifest.text.clone());
    let line = line_of(&golden, &effect.path);
    let rendered = line.map_or_else(|| Place::file(&golden.name), |line| Place::line(&golden, line));
    let trail = line.and_then(|line| object.diff.trails.get(&line)).or_else(|| object.diff.trails.values().next());
    match trail.and_then(|trail| locate(&trail.place()?, "")) {
        Some(author) => Some((author, locate(&rendered, "").into_iter().collect())),
        None => Some((locate(&rendered, "")?, Vec::new())),
    }
}

/// The line of a field in a manifest, or of the nearest field around it.
fn line_of(golden: &Arc<Source>, steps: &[String]) -> Option<usize> {
    let document = yaml::parse_one(golden).ok()?;
    let mut node = &document.root;
    let mut place = node.place();
    for step in steps {
        place = match node.value {
            Value::Mapping(_) => node.key_place(step),
            _ => node.find(&[step]).map_or(place, Node::place),
        };
        let Some(next) = node.find(&[step]) else { break };
        node = next;
    }
    place.position().map(|(line, _)| line)
}

/// The main place of a diagnostic, and its other places.
fn locations(found: &Diagnostic) -> (Location, Vec<Location>) {
    let mut all: Vec<Location> = found.places.iter().filter_map(|(place, label)| locate(place, label)).collect();
    let golden = found.origin.as_ref().zip(found.target.as_deref());
    if let Some((origin, target)) = golden {
        // Findings of several targets have the name of the first one.
        let target = target.split(' ').next().unwrap_or_default();
        let path = format!("tests/golden/{target}/{}", origin.golden);
        if all.iter().all(|location| location.path != path) {
            all.push(Location { path, region: None, label: RENDERED.to_owned() });
        }
    }
    // Nobody edits a golden: another place comes first.
    let main = all.iter().position(|location| !is_golden(&location.path)).unwrap_or_default();
    if all.is_empty() {
        return (whole_repository(), all);
    }
    (all.remove(main), all)
}

/// For what is in no file: most programs require one.
fn whole_repository() -> Location {
    Location { path: "charts.toml".to_owned(), region: None, label: String::new() }
}

fn path(file: &str) -> String {
    if is_inside(file) { file.to_owned() } else { whole_repository().path }
}

fn is_golden(path: &str) -> bool {
    path.starts_with("tests/golden/")
}

/// Whether a name is that of a file of the repository, and not that of another text.
fn is_inside(name: &str) -> bool {
    let outside = name.is_empty()
        || name.starts_with(['/', '<', '-', '`'])
        || ["://", " (", ": "].iter().any(|part| name.contains(part));
    !outside && !name.split('/').any(|part| part == "..") && !name.chars().any(char::is_control)
}

fn locate(place: &Place, label: &str) -> Option<Location> {
    let name = place.source.name.strip_suffix(UNRECORDED).unwrap_or(&place.source.name);
    let of_golden = label.is_empty() && is_golden(name);
    let label = if of_golden { RENDERED.to_owned() } else { visible::line(label).into_owned() };
    is_inside(name).then(|| Location { path: name.to_owned(), region: region(place), label })
}

fn region(place: &Place) -> Option<Region> {
    let span = place.span.clone()?;
    let text = &place.source.text;
    let at = |offset: usize| -> Option<Position> {
        let offset = offset.min(text.len());
        let (line, bounds) = place.source.lines_of(&(offset..offset));
        let before = text.get(bounds.start..offset)?;
        Some(Position { line, column: before.chars().count() + 1, byte: before.len() + 1 })
    };
    Some(Region { start: at(span.start)?, end: at(span.end.max(span.start))? })
}

/// A digest of what stays the same when lines are inserted above, and when the base is another commit.
fn fingerprint(code: Code, path: &str, subject: &str, message: &str) -> String {
    let hash = |word: &str| word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = message.split(|c: char| !c.is_alphanumeric()).filter(|word| !hash(word));
    let message = words.collect::<Vec<_>>().join(" ");
    sha256(format!("{}\0{path}\0{subject}\0{message}", code.name()).as_bytes())
}

/// The replacement that a help suggests, if the place is exactly the misspelled word.
fn fix(found: &Diagnostic, location: &Location) -> Option<Fix> {
    let suggested = found.suggested().next()?;
    let (place, _) = found.places.first()?;
    let text = place.source.text.get(place.span.clone()?)?;
    let quote =
        ['"', '\''].into_iter().find(|quote| text.len() > 2 && text.starts_with(*quote) && text.ends_with(*quote));
    let inner = quote.map_or(text, |quote| text.trim_matches(quote));
    // Only what can stand in YAML and TOML without quotes, and is what the message calls unknown.
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=".contains(c));
    let near = diagnostics::nearest(inner, [suggested]).is_some();
    if !plain(inner) || !plain(suggested) || !near || inner == suggested || suggested.contains('`') {
        return None;
    }
    if place.source.name != location.path || is_golden(&location.path) || !is_inside(&location.path) {
        return None;
    }
    let span = place.span.clone()?;
    let skip = usize::from(quote.is_some());
    let word = Place::new(&place.source, span.start + skip..span.end - skip);
    Some(Fix { region: region(&word)?, text: suggested.to_owned() })
}
