//! Commands of containers that cannot run as they are written: a program with its arguments, or an option with its value, in one
//! item, a script that a shell takes for a file, and `$(NAME)` for a variable that the container does not have.

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::Node;
use kubernetes::inventory::pods::{Container, Pods};
use kubernetes::object::Object;
use kubernetes::shell::{is_shell, takes_script};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::CommandInvalid];

/// The probes and handlers that run a command in the container.
const HANDLERS: &[&[&str]] = &[
    &["startupProbe"],
    &["livenessProbe"],
    &["readinessProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

/// Checks the pods of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        for container in &pods.containers {
            let list = |key: &str| container.node.items_at(&[key]).iter();
            let command: Vec<&Node> = list("command").collect();
            // Without a command, the program is that of the image.
            let words = if command.is_empty() { Vec::new() } else { command.into_iter().chain(list("args")).collect() };
            diagnostics.0.extend(wrong(object, container, &words));
            diagnostics.0.extend(joined(object, container));
            for handler in HANDLERS {
                let words = container.node.find(handler).map(|node| node.items_at(&["exec", "command"]));
                diagnostics.0.extend(wrong(object, container, &words.unwrap_or_default().iter().collect::<Vec<_>>()));
            }
            diagnostics.0.extend(variables(object, container));
        }
    }
    diagnostics
}

/// The finding about a command that cannot run.
fn wrong(object: &Object, container: &Container<'_>, words: &[&Node]) -> Option<Diagnostic> {
    let [program, rest @ ..] = words else { return None };
    let name = program.as_str()?;
    let of = format!("container `{}` of {}", container.name(), object.title());
    if let Some((first, _)) = name.split_once(char::is_whitespace)
        // A path on Windows.
        && !name.contains('\\')
        && !first.is_empty()
    {
        let message = format!("`{first}` and its arguments are one item in a command of {of}");
        let found =
            object.finding(Code::CommandInvalid, message, program.place(), "there is no program with this name");
        return Some(found.help("write each argument as an item of its own"));
    }
    let script = rest.first().filter(|_| is_shell(name))?;
    let text = script.as_str()?;
    if !text.starts_with(['-', '+', '/']) && text.trim().contains(char::is_whitespace) {
        let message = format!("`{name}` reads a script in {of} as a file name");
        let found = object.finding(Code::CommandInvalid, message, program.place(), "no `-c` follows");
        return Some(found.help(format!("add the item `-c` after `{name}`")));
    }
    let ([_, script, ignored, ..], true) = (rest, takes_script(text)) else { return None };
    let text = script.as_str()?;
    // Further options may follow `-c`, before the script.
    if text.contains(char::is_whitespace) || text.contains('$') || text.starts_with(['-', '+']) {
        return None;
    }
    let message = format!("`{name} -c` in {of} only runs `{text}`");
    let found = object.finding(Code::CommandInvalid, message, ignored.place(), "is not an argument of it");
    Some(found.help(format!("write the command and its arguments as one item, or remove `{name}` and `-c`")))
}

/// The finding about an option and its value in one item, which the program takes for the name of an option.
fn joined(object: &Object, container: &Container<'_>) -> Option<Diagnostic> {
    let list = |key: &str| container.node.items_at(&[key]);
    let words: Vec<&Node> = list("command").iter().chain(list("args")).collect();
    // A shell, or a script of the image, may split them.
    let programs = words.iter().take(2).filter_map(|word| word.as_str());
    if list("command").is_empty() || programs.into_iter().any(|word| is_shell(word) || word.contains("entrypoint")) {
        return None;
    }
    let is_name = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
    };
    let mut before = "";
    words.into_iter().find_map(|word| {
        let text = word.as_str()?;
        // A word after `--` or after an option without a value belongs to it.
        let value = before == "--" || before.starts_with('-') && !before.contains('=');
        before = text;
        let (name, value) = text.strip_prefix("--").filter(|_| !value)?.split_once(' ')?;
        if !is_name(name) || value.trim().is_empty() || value.starts_with(['-', '=', '|', '&']) {
            return None;
        }
        let of = format!("container `{}` of {}", container.name(), object.title());
        let message = format!("`--{name}` and its value are one item in a command of {of}");
        let found = object.finding(Code::CommandInvalid, message, word.place(), "no option has this name");
        Some(found.help(format!("write `--{name}={}`, or the value as an item of its own", value.trim())))
    })
}

/// Findings about variables that nothing defines, in arguments and in the values of variables.
fn variables(object: &Object, container: &Container<'_>) -> Vec<Diagnostic> {
    let list = |key: &str| container.node.items_at(&[key]);
    // Their variables may be unknown.
    if !list("envFrom").is_empty() {
        return Vec::new();
    }
    let env = list("env");
    let names: Vec<&str> = env.iter().filter_map(|one| one.get("name")?.as_str()).collect();
    let shell = list("command").first().and_then(Node::as_str).is_some_and(is_shell);
    let mut found = Vec::new();
    let mut seen = Vec::new();
    let words = list("command").iter().chain(list("args")).map(|node| (node, names.len()));
    let values = env.iter().enumerate().filter_map(|(index, one)| Some((one.get("value")?, index)));
    for (node, before) in words.chain(values) {
        let in_value = before < names.len();
        for name in references(node.as_str().unwrap_or_default()) {
            if names.get(..before).is_some_and(|known| known.contains(&name)) || seen.contains(&name) {
                continue;
            }
            let later = in_value && names.get(before..).is_some_and(|later| later.contains(&name));
            let near = nearest(name, names.iter().copied()).filter(|near| *near != name);
            // In a shell, it may be a program.
            if shell && !in_value && near.is_none() {
                continue;
            }
            seen.push(name);
            let what = if later { "is defined after its use" } else { "is not defined" };
            let message = format!("variable `{name}` {what} in container `{}` of {}", container.name(), object.title());
            let label = format!("the program receives the literal text `$({name})`");
            let found_here = object.finding(Code::CommandInvalid, message, node.place(), label);
            found.push(found_here.help(match near {
                _ if later => format!("move `{name}` before this variable").into(),
                Some(near) => did_you_mean(format!("$({near})")),
                None => format!("add `{name}` to `env`, or write `$$({name})` if the text is meant").into(),
            }));
        }
    }
    found
}

/// The names in `$(NAME)`, as people name variables: programs that a shell could run are in lower case.
fn references(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        rest = after;
        let Some((name, _)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) else { continue };
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        // Kubernetes sets variables with the addresses of Services.
        let of_service = name.contains("_SERVICE_") || name.contains("_PORT");
        if name.len() > 1
            && name.chars().all(upper)
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && !of_service
        {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_of_kubernetes() {
        assert_eq!(
            references("--ip=$(POD_IP):$(PORT) $$(NOT) $(date) ${X} $(A) $(WEB_SERVICE_HOST)"),
            ["POD_IP", "PORT"]
        );
        assert_eq!(references("$$$(YES) $(OPEN"), ["YES"]);
    }
}
