//! Runs `helm lint` with the values of each case, using the Helm version that the Argo CD release ships. With conventions,
//! `--strict`: warnings are findings, too.
//!
//! The same message for several cases is one finding. `[INFO]` lines, which recommend icons, are skipped.

use std::collections::BTreeMap;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, suggestion};
use document::{Node, yaml};
use helm::chart::{Chart, fields};
use helm::recipe::Recipe;
use helm::{errors, lint_messages};
use toolbox::parallel::parallel;
use toolbox::process::quoted;
use workspace::target::ChartTarget;

use crate::lint::subject::ChartSubject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::HelmLint];

/// The number of words in a recipe before its flags: `template . --name-template RELEASE`.
const COMMAND_WORDS: usize = 4;

/// Runs `helm lint` for every selected target of a chart.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let answers =
        parallel(subject.helm.jobs, subject.rendered, |one| (one.target.id.to_string(), messages(subject, one.target)));
    let mut diagnostics = Diagnostics::default();
    let mut output = Vec::new();
    for (target, messages) in answers {
        output.extend(diagnostics.take(messages).map(|messages| (target, messages)));
    }
    diagnostics.extend(findings(subject.helm.root, subject.chart, &output));
    diagnostics
}

/// Returns the `[ERROR]` messages of `helm lint` for a target, and with conventions the `[WARNING]` ones, each with its
/// continuation lines.
fn messages(subject: &ChartSubject<'_>, target: &ChartTarget<'_>) -> Result<Vec<String>> {
    let (helm, directory, strict) = (&subject.helm, subject.directory, subject.workspace.config.conventions);
    helm.cached(if strict { "helm-lint-strict" } else { "helm-lint" }, &[target], || {
        // Lint against the schema even if the Application skips it, except for encrypted values. The other flags exist for `helm template` only.
        let recipe = Recipe {
            skip_schema_validation: false,
            api_versions: Vec::new(),
            include_crds: false,
            skip_tests: false,
            ..target.recipe.clone()
        };
        let (output, invocation) = helm.run(target, directory, |inline| {
            let flags = recipe.args(inline).split_off(COMMAND_WORDS);
            let strict = strict.then_some("--strict");
            ["lint", "."].into_iter().chain(strict).map(Into::into).chain(flags).collect()
        })?;
        let found = parse(&String::from_utf8_lossy(&output.stdout), strict);
        if !output.success() && found.is_empty() {
            return Err(Diagnostic::new(Code::HelmFailed, "`helm lint` failed without a recognizable error message")
                .target(target.id)
                .note(format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr).trim().to_owned())
                .help(format!(
                    "to reproduce it, run: (cd {} && {})",
                    quoted(&target.chart.path),
                    invocation.command_line()
                ))
                .into());
        }
        Ok(found)
    })
}

/// The message of Helm 4 for a chart without templates, such as an umbrella chart.
const NO_TEMPLATES: &str = "templates/: directory does not exist";

/// The message of Helm for each field that an old Chart.yaml cannot have.
const OLD: &str = "alid in apiVersion 'v2'";

/// The finding about all fields that `apiVersion: v1` does not allow.
fn old_version(root: &Path, chart: &Chart, messages: &[&str]) -> Option<Diagnostic> {
    let source = toolbox::source::read(root, &chart.directory.join("Chart.yaml")).ok()?;
    let root = yaml::parse_one(&source).ok()?.root;
    let fields = ["dependencies", "type"]
        .into_iter()
        .filter(|field| messages.iter().any(|message| message.contains(&format!("{field} "))));
    let fields: Vec<String> = fields.map(|field| format!("`{field}`")).collect();
    let message = format!("`apiVersion: v1` does not allow {}", fields.join(" and "));
    let found = Diagnostic::new(Code::HelmLint, message).at(root.get("apiVersion")?.place(), "");
    Some(found.help("use `apiVersion: v2`"))
}

/// The message of Helm for an object without `metadata.name`.
const UNNAMED: &str = "object name does not conform to Kubernetes naming requirements: \"\":";

/// Whether the template in a message lets the API server generate names, which Helm and Argo CD accept.
fn is_generated(root: &Path, chart: &Chart, message: &str) -> bool {
    let (place, _) = place(root, chart, message);
    let text = toolbox::regular_file::read_to_string(root.join(&place.source.name)).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("generateName:"))
}

/// Turns messages into findings. `output` has the messages for each target by its name.
fn findings(root: &Path, chart: &Chart, output: &[(String, Vec<String>)]) -> Diagnostics {
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (target, messages) in output {
        for message in messages {
            targets.entry(message).or_default().push(target);
        }
    }
    // A number is not a valid version either.
    let unquoted: Vec<&str> = targets.keys().filter_map(|message| errors::not_a_string(message)).collect();
    let about = |message: &str, field: &str| message.starts_with(&format!("Chart.yaml: {field} "));
    targets.retain(|message, _| {
        errors::not_a_string(message).is_some() || !unquoted.iter().any(|field| about(message, field))
    });
    let mut diagnostics = Diagnostics::default();
    targets.retain(|message, _| !(message.contains(UNNAMED) && is_generated(root, chart, message)));
    let old: Vec<&str> = targets.keys().copied().filter(|message| message.contains(OLD)).collect();
    if let Some(found) = old.first().and_then(|_| old_version(root, chart, &old)) {
        diagnostics.push(found);
        targets.retain(|message, _| !message.contains(OLD));
    }
    for (message, mut targets) in targets {
        // An Application may render a chart twice.
        targets.dedup();
        if let Some(found) = declared(root, chart, message) {
            diagnostics.push(found);
            continue;
        }
        if message == NO_TEMPLATES {
            diagnostics.push(no_templates(chart));
            continue;
        }
        let (place, what) = place(root, chart, message);
        let first = what.lines().next().unwrap_or_default();
        let mut diagnostic = Diagnostic::new(Code::HelmLint, format!("helm lint: {first}")).at(place, "");
        diagnostic = diagnostic.facts(lint_messages::facts(first));
        if let [only] = targets[..] {
            diagnostic = diagnostic.target(only);
        } else {
            diagnostic = diagnostic.note(format!("in {}", targets.join(", ")));
        }
        let rest = what.lines().skip(1).collect::<Vec<_>>().join("\n");
        diagnostics.push(if rest.is_empty() { diagnostic } else { diagnostic.note(rest) });
    }
    diagnostics
}

/// Explains the missing directory of an umbrella chart. Git cannot keep an empty one, so it needs a file.
fn no_templates(chart: &Chart) -> Diagnostic {
    let notes = format!("{}/templates/NOTES.txt", chart.path);
    Diagnostic::new(Code::HelmLint, "helm lint: the chart has no templates/ directory")
        .at(Place::file(format!("{}/templates", chart.path)), "does not exist")
        .note("Helm and Argo CD render the chart all the same; only `helm lint --strict` requires the directory")
        .help(format!("add {notes} with a sentence about the chart; it renders no object"))
}

/// Extracts the warnings and errors from the output of `helm lint`.
fn parse(text: &str, strict: bool) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        let warning = line.strip_prefix("[WARNING] ");
        if let Some(message) = warning.filter(|_| strict).or_else(|| line.strip_prefix("[ERROR] ")) {
            messages.push(message.trim_end().to_owned());
            within = true;
        } else if warning.is_some()
            || line.starts_with("[INFO]")
            || line.starts_with("==> ")
            || line.contains("chart(s) linted")
        {
            within = false;
        } else if let Some(message) = messages.last_mut().filter(|_| within && !line.trim().is_empty()) {
            message.push('\n');
            message.push_str(line.trim_end());
        }
    }
    // Helm reports violations of the chart's own schema twice: one by one, and again when it renders the templates.
    if messages.iter().any(|message| message.starts_with("values.yaml: ")) {
        messages.retain(|message| !repeats_own_schema(message));
    }
    messages
}

/// Whether a message lists the violations of a single schema. If the chart's own schema is violated, it is that one.
fn repeats_own_schema(message: &str) -> bool {
    let charts = message.lines().skip(1).filter(|line| !line.starts_with('-') && line.ends_with(':')).count();
    message.contains("values don't meet the specifications of the schema(s)") && charts == 1
}

/// A finding for a message about Chart.yaml, placed at the field in question. It is the same for every target.
fn declared(root: &Path, chart: &Chart, message: &str) -> Option<Diagnostic> {
    let what = message.strip_prefix("Chart.yaml: ")?;
    let source = toolbox::source::read(root, &chart.directory.join("Chart.yaml")).ok()?;
    let between = |before: &str, after: &str| Some(what.split_once(before)?.1.split_once(after)?.0);
    let found = |text: String, place: Place, label: &str| {
        Some(Diagnostic::new(Code::HelmLint, format!("helm lint: {text}")).at(place, label))
    };
    let parsed = yaml::parse_one(&source).ok().map(|document| document.root);
    let entries = parsed.as_ref().map(Node::entries).unwrap_or_default();
    if let Some(name) = between("unknown field \"", "\"") {
        let parents = [("dependencies", &fields::DEPENDENCY[..]), ("maintainers", &fields::MAINTAINER)];
        let inner = parents.into_iter().flat_map(|(parent, fields)| {
            let items = parsed.as_ref().map(|root| root.items_at(&[parent])).unwrap_or_default().iter();
            items.flat_map(Node::entries).map(move |entry| (entry, fields))
        });
        let all = entries.iter().map(|entry| (entry, &fields::CHART[..])).chain(inner);
        let ((key, _), fields) = all.into_iter().find(|((key, _), _)| key.name == name)?;
        let place = Place::new(&source, key.span.clone());
        let text = format!("Chart.yaml has no field `{name}`");
        let found = found(text, place, "")?.fact(Fact::Unknown(name.to_owned()));
        return Some(found.help(suggestion(name, fields.iter().copied())));
    }
    if let Some(name) = between("key \"", "\" already set in map") {
        let line = between("line ", ":")?.parse().ok()?;
        return found(
            format!("duplicate key `{name}` in Chart.yaml"),
            Place::line(&source, line),
            "defined again here",
        );
    }
    let (key, value) = entries.iter().find(|(key, _)| what.split([' ', ':']).next() == Some(key.name.as_str()))?;
    if errors::not_a_string(message).is_some() {
        let written = source.text.get(value.span.clone()).unwrap_or_default();
        let reading = match value.to_json() {
            number if number == written => "a number".to_owned(),
            other => format!("`{other}`"),
        };
        let text = format!("`{}` must be a string: YAML reads an unquoted `{written}` as {reading}", key.name);
        let help = match key.name.as_str() {
            "version" => format!("a version has three numbers: `version: {written}.0`"),
            name => format!("quote it: `{name}: \"{written}\"`"),
        };
        return Some(found(text, value.place(), "")?.help(help));
    }
    let first = what.lines().next().unwrap_or_default();
    found(
        first.to_owned(),
        value.place(),
        if first.starts_with("version ") { "expected one such as 0.1.0" } else { "" },
    )
}

/// Splits a message into the place that it is about and the rest of the text.
fn place(root: &Path, chart: &Chart, message: &str) -> (Place, String) {
    // A message starts with the linted file: `templates/x.yaml: what`, `templates/: what`.
    let (file, what) = message.split_once(": ").unwrap_or(("Chart.yaml", message));
    // An error in a template has a more exact place: `<chart>/templates/x.yaml:12:3`.
    let mut words = what.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '<' | '>'));
    let named = words.find_map(|word| {
        let mut parts = word.trim_end_matches(':').split(':');
        let path = parts.next()?.strip_prefix(&chart.name)?.strip_prefix('/')?;
        Some((path.to_owned(), parts.next()?.parse::<usize>().ok()?))
    });
    let (path, line) = named.map_or_else(|| (file.to_owned(), None), |(path, line)| (path, Some(line)));
    // About the dependencies, Helm names the directory of the chart.
    let path = if Path::new(&path).is_absolute() { "Chart.yaml".to_owned() } else { path };
    let full = chart.directory.join(&path);
    let source = if full.is_file() { toolbox::source::read(root, &full).ok() } else { None };
    // Helm only quotes what follows a separator without a line break.
    let glued = what.split_once("invalid Yaml document separator: ").map(|(_, text)| text.trim());
    let glued = glued.zip(source.as_ref()).and_then(|(text, source)| {
        let after = |line: &str| line.trim_start().strip_prefix("---").is_some_and(|rest| rest.trim() == text);
        Some(source.text.lines().position(after)? + 1)
    });
    let place = match (source, line.or(glued)) {
        (Some(source), Some(line)) => Place::line(&source, line),
        _ => Place::file(format!("{}/{}", chart.path, path.trim_end_matches('/'))),
    };
    // Helm 4 prints each violation of a schema as a list item.
    (place, what.trim_start_matches("- ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_are_parsed_and_info_is_skipped() {
        let text = "==> Linting .\n[INFO] Chart.yaml: icon is recommended\n[WARNING] templates/a.yaml: object name does not conform\n[ERROR] templates/: values don't meet the specifications of the schema(s):\nx:\n- at '/a': got string, want integer\n\nError: 1 chart(s) linted, 1 chart(s) failed\n";
        assert_eq!(
            parse(text, true),
            [
                "templates/a.yaml: object name does not conform",
                "templates/: values don't meet the specifications of the schema(s):\nx:\n- at '/a': got string, want integer"
            ]
        );
        assert!(
            parse(
                "==> Linting .\n[INFO] Chart.yaml: icon is recommended\n\n1 chart(s) linted, 0 chart(s) failed\n",
                true
            )
            .is_empty()
        );
    }

    #[test]
    fn the_same_message_is_one_finding_with_its_place() {
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(root.path().join("templates")).expect("directory");
        std::fs::write(root.path().join("Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n").expect("written");
        std::fs::write(root.path().join("templates/a.yaml"), "a: 1\nb: {{ x }}\n").expect("written");
        let chart = Chart::load(root.path(), Path::new("")).expect("a chart");
        let message = "templates/: template: web/templates/a.yaml:2:6: executing \"web/templates/a.yaml\"".to_owned();
        let output = [("web/default".to_owned(), vec![message.clone()]), ("web/b".to_owned(), vec![message])];
        let found = findings(root.path(), &chart, &output);
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.0[0].places[0].0.to_string(), "templates/a.yaml:2:1");
        assert_eq!(found.0[0].notes, ["in web/default, web/b"]);
        assert!(findings(root.path(), &chart, &[("web/default".to_owned(), Vec::new())]).is_empty());
    }
}
