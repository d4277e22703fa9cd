//! Targets that render differently each time. Argo CD would always show such an application as out of sync, and restart
//! workloads without need.
//!
//! Each target is rendered a second time and compared, object by object, with the first render or with the goldens.
//! Random values differ immediately. To detect times, the second render runs in a time zone more than a year away, so
//! that every part of the date and time differs. If a template uses the time, the two renders also run in different
//! seconds, to detect times that do not depend on the time zone.
//!
//! A date in a fixed time zone (`dateInZone "2006-01-02" "UTC"`) is not detected here: it differs on another day, and
//! then the goldens differ. Values of Secrets are compared, but never printed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Node, Value, yaml};
use helm::template::unstable;
use kubernetes::applied;
use kubernetes::manifest;
use kubernetes::manifest::{Manifest, Recorded};
use kubernetes::object::Object;
use serde_json::json;
use toolbox::parallel::parallel;
use toolbox::process::quoted;
use toolbox::source::read;
use toolbox::{archive, inputs};
use workspace::target::ChartTarget;

use super::helm::Helm;
use crate::lint::subject::{ChartSubject, Rendered};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::RenderUnstable];

/// The time zone offset: a year and a month, five hours, seven minutes, and eleven seconds, so every part differs.
pub(crate) const SHIFT: i32 = 400 * 86_400 + 5 * 3_600 + 7 * 60 + 11;

/// The path of an object's name.
const NAME: [&str; 2] = ["metadata", "name"];

/// How many paths are listed per object.
const LISTED: usize = 10;

/// Renders every selected target of a chart a second time.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let results = parallel(subject.helm.jobs, subject.rendered, |one| {
        let lines = differences(&subject.helm, one, subject.directory)?;
        let id = one.target.id.to_string();
        Ok(findings(&subject.helm, &lines, subject.by_target.of(&id)))
    });
    for found in results {
        diagnostics.extend(found.unwrap_or_else(|found| found));
    }
    diagnostics
}

/// Returns the paths that differ, one per line: a JSON list of the golden's file name and the keys of the path.
fn differences(helm: &Helm<'_>, one: &Rendered<'_>, directory: &Path) -> Result<Vec<String>> {
    helm.cached("second-render", &[one.target], || {
        // The objects of other charts of the target are not in a render of this one.
        let own = if one.alone { None } else { Some(applied::recorded(render(helm, one.target, directory, None)?)) };
        if (own.is_some() || !one.fresh) && uses_time(directory) {
            std::thread::sleep(until_next_second());
        }
        let second = applied::recorded(render(helm, one.target, directory, Some(helm.zone))?);
        let second: Vec<Manifest> = second.into_iter().map(|one| one.manifest).collect();
        Ok(compare(own.as_deref().unwrap_or_else(|| one.manifests.all()), &second))
    })
}

fn render(helm: &Helm<'_>, target: &ChartTarget<'_>, directory: &Path, zone: Option<&Path>) -> Result<Vec<Manifest>> {
    let (output, invocation) = helm.run_in(target, directory, zone, |inline| target.recipe.args(inline))?;
    if output.success() {
        return manifest::read(&output.stdout, &target.recipe.namespace);
    }
    Err(Diagnostic::new(Code::RenderUnstable, "the second render failed, although the first one succeeded")
        .target(target.id)
        .note(output.stderr.trim().to_owned())
        .help(format!("to reproduce it, run: (cd {} && {})", quoted(&target.chart.path), invocation.command_line()))
        .into())
}

/// Returns one finding per object that differs; `objects` are those of the target. The values are not printed, so that
/// two runs have the same output.
fn findings(helm: &Helm<'_>, lines: &[String], objects: &[Object]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut rest = lines;
    while let Some((golden, _)) = rest.first().and_then(|line| parse(line)) {
        let of_object = rest.iter().take_while(|line| parse(line).is_some_and(|(name, _)| name == golden)).count();
        let paths: Vec<Vec<String>> = rest[..of_object].iter().filter_map(|line| Some(parse(line)?.1)).collect();
        rest = &rest[of_object..];
        // Nobody sees what is never applied, such as a Helm test.
        let applied = |(object, _): &(&Object, &Node)| argocd::sync_order::order(&object.root).is_some();
        if let Some((object, node)) = locate(objects, &golden, &paths[0]).filter(applied) {
            let advice = "remove `now`, `rand…`, `uuidv4`, `gen…`, `htpasswd`, and `bcrypt` from the template; \
                        use a value, or let a controller generate it";
            let found = finding(object, node, &paths);
            diagnostics.push(called_in(helm, object, found).help(advice));
        }
    }
    diagnostics
}

fn finding(object: &Object, node: &Node, paths: &[Vec<String>]) -> Diagnostic {
    if paths.iter().any(|path| *path == NAME) {
        let message = format!("a {} has a different name in each render", object.key.kind);
        let place = Place::file(object.template_file.clone().unwrap_or_else(|| object.template.clone()));
        return Diagnostic::new(Code::RenderUnstable, message)
            .target(&object.target)
            .at(place, "the template")
            .note(format!("differs: {}", path_text(&paths[0])));
    }
    let mut listed: Vec<String> = paths.iter().take(LISTED).map(|path| path_text(path)).collect();
    if paths.len() > LISTED {
        listed.push(format!("and {} more", paths.len() - LISTED));
    }
    let message = format!("{} renders differently each time", object.key);
    let label = "differs in a second render";
    object.finding(Code::RenderUnstable, message, withheld(node), label).note(format!("differs: {}", listed.join(", ")))
}

/// Puts the calls of functions whose result differs in the object's template first.
fn called_in(helm: &Helm<'_>, object: &Object, mut found: Diagnostic) -> Diagnostic {
    let template = object.template_file.as_ref().and_then(|file| read(helm.root, &helm.root.join(file)).ok());
    let Some(template) = template else { return found };
    let calls: Vec<Place> =
        unstable::calls(&template.text).into_iter().map(|span| Place::new(&template, span)).collect();
    if !calls.is_empty() {
        found.places.retain(|(place, _)| place.source.name != template.name);
        found.places.splice(0..0, calls.into_iter().map(|call| (call, "the result differs each time".to_owned())));
    }
    found
}

/// The place of a value, with the value itself removed.
fn withheld(node: &Node) -> Place {
    const REMOVED: &str = "…";
    let text = &node.source.text;
    let (Some(before), Some(after)) = (text.get(..node.span.start), text.get(node.span.end..)) else {
        return Place::file(node.source.name.clone());
    };
    let line_break = if text.get(node.span.clone()).is_some_and(|value| value.ends_with('\n')) { "\n" } else { "" };
    let source = Source::new(node.source.name.clone(), format!("{before}{REMOVED}{line_break}{after}"));
    Place::new(&source, before.len()..before.len() + REMOVED.len())
}

fn parse(line: &str) -> Option<(String, Vec<String>)> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let mut texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
    Some((texts.next()??, texts.collect::<Option<Vec<_>>>()?))
}

/// Finds the object that a line is about, and the node at its path, or the deepest one that exists.
fn locate<'a>(objects: &'a [Object], golden: &str, path: &[String]) -> Option<(&'a Object, &'a Node)> {
    let mut of_file = objects.iter().filter(|object| object.golden == golden);
    let first = of_file.clone().next()?;
    // The items of a list are separate objects.
    let item = (of_file.clone().count() > 1 || first.root.get("items").is_none())
        && path.first().is_some_and(|key| key == "items");
    let (object, path) = match path.get(1).and_then(|index| index.parse::<usize>().ok()).filter(|_| item) {
        Some(index) => (of_file.nth(index)?, &path[2..]),
        None => (first, path),
    };
    let mut node = &object.root;
    for step in path {
        let next = match &node.value {
            Value::Sequence(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(step),
        };
        let Some(next) = next else { break };
        node = next;
    }
    Some((object, node))
}

/// Formats a path: `.data["tls.crt"]`, `.spec.containers[0].image`.
fn path_text(path: &[String]) -> String {
    let plain = |step: &str| step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let steps = path.iter().map(|step| match step.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) if plain(step) => format!(".{step}"),
        Err(_) => format!("[{step:?}]"),
    });
    steps.collect()
}

fn compare(first: &[Recorded], second: &[Manifest]) -> Vec<String> {
    let mut lines = Vec::new();
    for Recorded { file, manifest: before } in first {
        let after = second.iter().find(|after| after.key == before.key);
        if after.is_some_and(|after| after.text == before.text) {
            continue;
        }
        let mut paths = Vec::new();
        match (after, content(before)) {
            (Some(after), Some(old)) => {
                if let Some(new) = content(after) {
                    differ(&old, &new, &mut Vec::new(), &mut paths);
                }
                // Only comments or whitespace differ; the goldens record these, too.
                if paths.is_empty() {
                    paths.push(Vec::new());
                }
            }
            // An object without a counterpart has a different name each time.
            _ => paths.push(NAME.map(str::to_owned).to_vec()),
        }
        lines.extend(paths.into_iter().map(|path| {
            let words: Vec<String> = std::iter::once(file.clone()).chain(path).collect();
            json!(words).to_string()
        }));
    }
    lines
}

fn content(manifest: &Manifest) -> Option<Node> {
    yaml::parse_one(&Source::new("", manifest.text.clone())).ok().map(|document| document.root)
}

fn differ(old: &Node, new: &Node, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    match (&old.value, &new.value) {
        (Value::Mapping(before), Value::Mapping(after)) => {
            for (key, value) in before {
                path.push(key.name.clone());
                match new.get(&key.name) {
                    Some(other) => differ(value, other, path, paths),
                    None => paths.push(path.clone()),
                }
                path.pop();
            }
            for (key, _) in after.iter().filter(|(key, _)| old.get(&key.name).is_none()) {
                paths.push(path.iter().chain([&key.name]).cloned().collect());
            }
        }
        (Value::Sequence(before), Value::Sequence(after)) if before.len() == after.len() => {
            for (index, (value, other)) in before.iter().zip(after).enumerate() {
                path.push(index.to_string());
                differ(value, other, path, paths);
                path.pop();
            }
        }
        _ if old.to_json() == new.to_json() => {}
        _ => paths.push(path.clone()),
    }
}

/// Whether any template, including those of dependencies, may use the time.
fn uses_time(directory: &Path) -> bool {
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bytes) = toolbox::regular_file::read(&path) else { continue };
            if path.extension().is_some_and(|end| end == "tgz") {
                let name = inputs::name(directory, &path);
                // An archive that cannot be read here may still be one that Helm loads.
                let Ok(files) = archive::read_chart(&name, &bytes) else { return true };
                if files.values().any(|bytes| mentions_now(&String::from_utf8_lossy(bytes))) {
                    return true;
                }
            } else if mentions_now(&String::from_utf8_lossy(&bytes)) {
                return true;
            }
        }
    }
    false
}

fn mentions_now(text: &str) -> bool {
    text.contains("{{") && text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "now")
}

fn until_next_second() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(1_010).saturating_sub(Duration::from_millis(u64::from(since.subsec_millis())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(old: &str, new: &str) -> Vec<String> {
        let node = |text: &str| yaml::parse_one(&Source::new("", text)).expect("YAML").root;
        let mut paths = Vec::new();
        differ(&node(old), &node(new), &mut Vec::new(), &mut paths);
        paths.iter().map(|path| path_text(path)).collect()
    }

    #[test]
    fn paths_lead_to_the_differences() {
        let old = "a: {b: 1, c: [x, y]}\nd.e: 1\nf: 1\n";
        assert_eq!(paths(old, old), [""; 0]);
        assert_eq!(paths(old, "a: {b: 2, c: [x, z]}\nd.e: 2\ng: 1\n"), [".a.b", ".a.c[1]", "[\"d.e\"]", ".f", ".g"]);
        assert_eq!(paths(old, "a: {b: 1, c: [x]}\nd.e: 1\nf: 1\n"), [".a.c"]);
    }

    #[test]
    fn now_is_matched_as_a_whole_word() {
        assert!(mentions_now("{{ now | date \"2006\" }}"));
        assert!(!mentions_now("{{ .Values.known }}") && !mentions_now("# now is a word of a comment"));
    }
}
