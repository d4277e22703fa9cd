//! `helm lint --strict`, by the Helm of the Argo CD release, with the values of each case.
//!
//! What it says of several cases in the same words is told once.
//!
//! Deliberately absent: Helm's `[INFO]` lines, which ask for icons.

use std::collections::BTreeMap;
use std::path::Path;

use super::Helm;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, suggestion};
use document::{Node, yaml};
use helm::chart::Chart;
use helm::recipe::Recipe;
use workspace::plan::Target;

/// The words of a recipe before its flags: `template . --name-template RELEASE`.
const COMMAND_WORDS: usize = 4;

/// What `helm lint` says of a target: lines of `[WARNING]` and `[ERROR]`, continued lines joined.
pub fn messages(helm: &Helm<'_>, target: &Target<'_>, directory: &Path) -> Result<Vec<String>> {
    helm.remembered("helm-lint", &[target], || {
        // The schema counts here even where Argo CD is told to pass over it; the others are flags of `helm template` alone.
        let recipe = Recipe {
            skip_schema_validation: false,
            api_versions: Vec::new(),
            include_crds: false,
            skip_tests: false,
            ..target.recipe.clone()
        };
        let (output, invocation) = helm.run(target, directory, |inline| {
            let flags = recipe.args(inline).split_off(COMMAND_WORDS);
            ["lint", ".", "--strict"].into_iter().map(Into::into).chain(flags).collect()
        })?;
        let found = parse(&String::from_utf8_lossy(&output.stdout));
        if !output.success() && found.is_empty() {
            return Err(Diagnostic::new(Code::HelmFailed, "`helm lint` failed without a message of a known form")
                .target(&target.id)
                .note(format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr).trim().to_owned())
                .help(format!(
                    "repeat it by hand: (cd {} && {})",
                    target.deployment.chart.path,
                    invocation.command_line()
                ))
                .into());
        }
        Ok((found, true))
    })
}

/// What Chart.yaml may say.
const FIELDS: [&str; 17] = [
    "annotations",
    "apiVersion",
    "appVersion",
    "condition",
    "dependencies",
    "deprecated",
    "description",
    "home",
    "icon",
    "keywords",
    "kubeVersion",
    "maintainers",
    "name",
    "sources",
    "tags",
    "type",
    "version",
];

/// The findings that messages make, `said` being what was said of each target by its name.
#[must_use]
pub fn findings(root: &Path, chart: &Chart, said: &[(String, Vec<String>)]) -> Diagnostics {
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (target, messages) in said {
        for message in messages {
            targets.entry(message).or_default().push(target);
        }
    }
    let mut diagnostics = Diagnostics::default();
    for (message, targets) in targets {
        if let Some(found) = declared(root, chart, message) {
            diagnostics.push(found);
            continue;
        }
        let (place, what) = place(root, chart, message);
        let first = what.lines().next().unwrap_or_default();
        let mut diagnostic = Diagnostic::new(Code::HelmLint, format!("helm lint: {first}")).at(place, "");
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

/// The warnings and errors in what `helm lint` printed.
fn parse(text: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if let Some(message) = line.strip_prefix("[WARNING] ").or_else(|| line.strip_prefix("[ERROR] ")) {
            messages.push(message.trim_end().to_owned());
            within = true;
        } else if line.starts_with("[INFO]") || line.starts_with("==> ") || line.contains("chart(s) linted") {
            within = false;
        } else if let Some(message) = messages.last_mut().filter(|_| within && !line.trim().is_empty()) {
            message.push('\n');
            message.push_str(line.trim_end());
        }
    }
    // Violations of the chart's own schema come twice: one by one, and as what keeps templates from being rendered.
    if messages.iter().any(|message| message.starts_with("values.yaml: ")) {
        messages.retain(|message| !repeats_own_schema(message));
    }
    messages
}

/// Whether a message lists violations of one schema, which can only be the chart's own where that one is violated.
fn repeats_own_schema(message: &str) -> bool {
    let charts = message.lines().skip(1).filter(|line| !line.starts_with('-') && line.ends_with(':')).count();
    message.contains("values don't meet the specifications of the schema(s)") && charts == 1
}

/// What a message says of Chart.yaml, at the field that it means. It is the same for every target.
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
        let (key, _) = entries.iter().find(|(key, _)| key.name == name)?;
        let place = Place::new(&source, key.span.clone());
        return Some(found(format!("Chart.yaml has no field `{name}`"), place, "")?.help(suggestion(name, FIELDS)));
    }
    if let Some(name) = between("key \"", "\" already set in map") {
        let line = between("line ", ":")?.parse().ok()?;
        return found(format!("`{name}` stands twice in Chart.yaml"), Place::line(&source, line), "the second one");
    }
    let (_, value) = entries.iter().find(|(key, _)| what.split([' ', ':']).next() == Some(key.name.as_str()))?;
    let first = what.lines().next().unwrap_or_default();
    found(
        first.to_owned(),
        value.place(),
        if first.starts_with("version ") { "expected one such as 0.1.0" } else { "" },
    )
}

/// The file, and the line where one is named, that a message is about, and the rest of it.
fn place(root: &Path, chart: &Chart, message: &str) -> (Place, String) {
    // The message begins with the file that is being looked at: `templates/x.yaml: what`, `templates/: what`.
    let (file, what) = message.split_once(": ").unwrap_or(("Chart.yaml", message));
    // A template's own error says more exactly where: `<chart>/templates/x.yaml:12:3`.
    let mut words = what.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '<' | '>'));
    let named = words.find_map(|word| {
        let mut parts = word.trim_end_matches(':').split(':');
        let path = parts.next()?.strip_prefix(&chart.name)?.strip_prefix('/')?;
        Some((path.to_owned(), parts.next()?.parse::<usize>().ok()?))
    });
    let (path, line) = named.map_or_else(|| (file.to_owned(), None), |(path, line)| (path, Some(line)));
    let full = chart.directory.join(&path);
    let source = if full.is_file() { toolbox::source::read(root, &full).ok() } else { None };
    let place = match (source, line) {
        (Some(source), Some(line)) => Place::line(&source, line),
        _ => Place::file(format!("{}/{}", chart.path, path.trim_end_matches('/'))),
    };
    // Helm 4 tells each violation of a schema as an item of a list.
    (place, what.trim_start_matches("- ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_are_read_and_advice_is_not() {
        let text = "==> Linting .\n[INFO] Chart.yaml: icon is recommended\n[WARNING] templates/a.yaml: object name does not conform\n[ERROR] templates/: values don't meet the specifications of the schema(s):\nx:\n- at '/a': got string, want integer\n\nError: 1 chart(s) linted, 1 chart(s) failed\n";
        assert_eq!(
            parse(text),
            [
                "templates/a.yaml: object name does not conform",
                "templates/: values don't meet the specifications of the schema(s):\nx:\n- at '/a': got string, want integer"
            ]
        );
        assert!(
            parse("==> Linting .\n[INFO] Chart.yaml: icon is recommended\n\n1 chart(s) linted, 0 chart(s) failed\n")
                .is_empty()
        );
    }

    #[test]
    fn the_same_message_is_told_once_with_its_place() {
        let root = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir(root.path().join("templates")).expect("folder");
        std::fs::write(root.path().join("Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n").expect("written");
        std::fs::write(root.path().join("templates/a.yaml"), "a: 1\nb: {{ x }}\n").expect("written");
        let chart = Chart::load(root.path(), Path::new("")).expect("a chart");
        let message = "templates/: template: web/templates/a.yaml:2:6: executing \"web/templates/a.yaml\"".to_owned();
        let said = [("web/default".to_owned(), vec![message.clone()]), ("web/b".to_owned(), vec![message])];
        let found = findings(root.path(), &chart, &said);
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.0[0].places[0].0.to_string(), "templates/a.yaml:2:1");
        assert_eq!(found.0[0].notes, ["in web/default, web/b"]);
        assert!(findings(root.path(), &chart, &[("web/default".to_owned(), Vec::new())]).is_empty());
    }
}
