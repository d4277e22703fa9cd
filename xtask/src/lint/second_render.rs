//! What is rendered differently from one render to the next: Argo CD would find the application out of sync for ever,
//! and restart what need not restart.
//!
//! Each target is rendered a second time, and what came first, now or when it was recorded, is compared with that, object
//! by object. Random values differ at once. For times, the second render has a clock of its own: a time zone that is
//! more than a year away, so that date and time differ in every part. Where a template asks for the time, the two renders
//! are also kept from falling into one second, for times that no zone moves.
//!
//! Deliberately absent: a time of one fixed zone in parts longer than a second (`dateInZone "2006-01-02" "UTC"`): it
//! differs on another day, and then the goldens tell. Values of Secrets are compared, and never told.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::Helm;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use crate::document::{Node, Value, yaml};
use crate::golden::Recorded;
use crate::manifest::{self, Manifest};
use crate::objects::Object;
use crate::plan::Target;
use crate::{archive, inputs};

/// A year and a month, five hours, seven minutes, and eleven seconds: no part of a time is the same.
const SHIFT: i32 = 400 * 86_400 + 5 * 3_600 + 7 * 60 + 11;

/// Where an object has its name.
const NAME: [&str; 2] = ["metadata", "name"];

/// How many paths of an object are listed.
const LISTED: usize = 10;

/// The paths that differ, each as a line: a JSON list of the golden's name and the keys that lead there.
pub fn differences(
    helm: &Helm<'_>,
    target: &Target<'_>,
    directory: &Path,
    first: &[Recorded],
    fresh: bool,
) -> Result<Vec<String>> {
    helm.remembered("second-render", &[target], || {
        if !fresh && asks_for_the_time(directory) {
            std::thread::sleep(until_the_next_second());
        }
        let (output, invocation) = helm.run_at(target, directory, Some(SHIFT), |inline| target.recipe.args(inline))?;
        if !output.success() {
            return Err(Diagnostic::new(Code::RenderUnstable, "a second render fails where the first one did not")
                .target(&target.id)
                .note(output.stderr.trim().to_owned())
                .help(format!(
                    "repeat it by hand: (cd {} && {})",
                    target.deployment.chart.path,
                    invocation.command_line()
                ))
                .into());
        }
        let second = manifest::read(&output.stdout, &target.recipe.namespace)?;
        Ok((compare(first, &second), true))
    })
}

/// One finding for each object that differs; `objects` are those of the target. What differs is not told: it is another
/// text each time, and two runs tell the same.
#[must_use]
pub fn findings(lines: &[String], objects: &[Object]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut rest = lines;
    while let Some((golden, _)) = rest.first().and_then(|line| parse(line)) {
        let of_object = rest.iter().take_while(|line| parse(line).is_some_and(|(name, _)| name == golden)).count();
        let paths: Vec<Vec<String>> = rest[..of_object].iter().filter_map(|line| Some(parse(line)?.1)).collect();
        rest = &rest[of_object..];
        if let Some((object, node)) = locate(objects, &golden, &paths[0]) {
            let help = "take `now`, `rand…`, `uuidv4`, `gen…`, `htpasswd`, and `bcrypt` out of the template; \
                        let values or a controller provide what they made";
            diagnostics.push(finding(object, node, &paths).help(help));
        }
    }
    diagnostics
}

fn finding(object: &Object, node: &Node, paths: &[Vec<String>]) -> Diagnostic {
    if paths.iter().any(|path| *path == NAME) {
        let message = format!("a {} is not in every render under the same name", object.key.kind);
        let place = Place::file(object.template_file.clone().unwrap_or_else(|| object.template.clone()));
        return Diagnostic::new(Code::RenderUnstable, message)
            .target(&object.target)
            .at(place, "the template")
            .note(format!("what differs: {}", written(&paths[0])));
    }
    let mut listed: Vec<String> = paths.iter().take(LISTED).map(|path| written(path)).collect();
    if paths.len() > LISTED {
        listed.push(format!("and {} more", paths.len() - LISTED));
    }
    let message = format!("{} differs from one render to the next", object.key);
    let label = "another value in a second render, at another time";
    object
        .finding(Code::RenderUnstable, message, withheld(node), label)
        .note(format!("what differs: {}", listed.join(", ")))
}

/// The place of a value, with the value itself left out.
fn withheld(node: &Node) -> Place {
    const LEFT_OUT: &str = "…";
    let text = &node.source.text;
    let (Some(before), Some(after)) = (text.get(..node.span.start), text.get(node.span.end..)) else {
        return Place::file(node.source.name.clone());
    };
    let line_break = if text.get(node.span.clone()).is_some_and(|value| value.ends_with('\n')) { "\n" } else { "" };
    let source = Source::new(node.source.name.clone(), format!("{before}{LEFT_OUT}{line_break}{after}"));
    Place::new(&source, before.len()..before.len() + LEFT_OUT.len())
}

fn parse(line: &str) -> Option<(String, Vec<String>)> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let mut texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
    Some((texts.next()??, texts.collect::<Option<Vec<_>>>()?))
}

/// The object that a line is about, and the node that its path leads to, as far as it leads.
fn locate<'a>(objects: &'a [Object], golden: &str, path: &[String]) -> Option<(&'a Object, &'a Node)> {
    let mut of_file = objects.iter().filter(|object| object.golden == golden);
    let first = of_file.clone().next()?;
    // The items of a list are objects of their own.
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

/// `.data["tls.crt"]`, `.spec.containers[0].image`.
fn written(path: &[String]) -> String {
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
                // Comments and the like may differ where no value does; the text is what is recorded.
                if paths.is_empty() {
                    paths.push(Vec::new());
                }
            }
            // What has no counterpart has another name each time.
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

/// Whether some template, also one of a dependency, may ask for the time.
fn asks_for_the_time(directory: &Path) -> bool {
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
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

fn until_the_next_second() -> Duration {
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
        paths.iter().map(|path| written(path)).collect()
    }

    #[test]
    fn paths_lead_to_what_differs() {
        let old = "a: {b: 1, c: [x, y]}\nd.e: 1\nf: 1\n";
        assert_eq!(paths(old, old), [""; 0]);
        assert_eq!(paths(old, "a: {b: 2, c: [x, z]}\nd.e: 2\ng: 1\n"), [".a.b", ".a.c[1]", "[\"d.e\"]", ".f", ".g"]);
        assert_eq!(paths(old, "a: {b: 1, c: [x]}\nd.e: 1\nf: 1\n"), [".a.c"]);
    }

    #[test]
    fn a_word_is_no_part_of_another() {
        assert!(mentions_now("{{ now | date \"2006\" }}"));
        assert!(!mentions_now("{{ .Values.known }}") && !mentions_now("# now is a word of a comment"));
    }
}
