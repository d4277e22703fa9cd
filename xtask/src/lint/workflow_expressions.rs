//! The expressions of GitHub's workflows: `${{ … }}`, and conditions, which need no braces.

use diagnostics::{Code, Diagnostic, Place, did_you_mean, nearest_within};
use document::Node;

/// The first part of every path.
const CONTEXTS: &[&str] =
    &["env", "github", "inputs", "job", "jobs", "matrix", "needs", "runner", "secrets", "steps", "strategy", "vars"];

const FUNCTIONS: &[&str] = &[
    "always",
    // In two parts, because GitHub spells it in British English.
    concat!("cancel", "led"),
    "contains",
    "endsWith",
    "failure",
    "format",
    "fromJSON",
    "hashFiles",
    "join",
    "startsWith",
    "success",
    "toJSON",
];

/// The fields of `github`, for suggestions: there may be further ones by now.
const GITHUB: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "env",
    "event",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "path",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "token",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];

/// The expressions in a scalar. A condition is one as a whole.
#[must_use]
pub(super) fn of(text: &str, condition: bool) -> Vec<&str> {
    if condition && !text.contains("${{") {
        return vec![text];
    }
    text.split("${{").skip(1).filter_map(|rest| rest.split("}}").next()).collect()
}

/// The errors in the expressions of a scalar that do not depend on the definitions of the workflow.
#[must_use]
pub(super) fn wrong(node: &Node, condition: bool) -> Option<Diagnostic> {
    let text = node.as_str()?;
    let open = text.split("${{").skip(1).find(|rest| !rest.contains("}}"));
    if let Some(rest) = open {
        let written = format!("${{{{{rest}");
        let found = invalid("an expression does not end".to_owned()).at(within(node, &written), "`${{` without `}}`");
        return Some(found.help("end it with `}}`"));
    }
    of(text, condition).into_iter().find_map(|expression| in_expression(node, expression))
}

fn in_expression(node: &Node, expression: &str) -> Option<Diagnostic> {
    let plain = without_texts(expression);
    if let Some(at) = plain.find('"') {
        let found = invalid("a string in an expression has double quotes".to_owned());
        let written = expression[at..].split('"').nth(1).unwrap_or_default();
        return Some(
            found
                .at(within(node, &format!("\"{written}\"")), "GitHub rejects the workflow")
                .help(format!("use single quotes: `'{written}'`")),
        );
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut start = 0;
    while start < plain.len() {
        let rest = &plain[start..];
        let Some(first) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') else { break };
        let begin = start + first;
        let length = plain[begin..].find(|c: char| !part(c)).unwrap_or(plain.len() - begin);
        let (word, after) = (&plain[begin..begin + length], &plain[begin + length..]);
        let in_path = plain[..begin].ends_with(['.', '-']) || plain[..begin].ends_with(|c: char| c.is_ascii_digit());
        start = begin + length;
        if in_path {
            continue;
        }
        let known = |names: &[&'static str]| names.iter().any(|name| name.eq_ignore_ascii_case(word));
        if after.starts_with('.') && !known(CONTEXTS) {
            let near = nearest_within(word, 2, CONTEXTS.iter().copied());
            return Some(unknown(node, word, "no context has this name", near));
        }
        if after.trim_start().starts_with('(') && !known(FUNCTIONS) {
            let near = nearest_within(word, 2, FUNCTIONS.iter().copied());
            return Some(unknown(node, word, "no function has this name", near)).filter(|_| near.is_some());
        }
        if word.eq_ignore_ascii_case("github")
            && let Some(field) = after.strip_prefix('.')
        {
            let field = &field[..field.find(|c: char| !part(c)).unwrap_or(field.len())];
            let near = nearest_within(field, 2, GITHUB.iter().copied());
            if let Some(near) = near.filter(|_| !GITHUB.iter().any(|known| known.eq_ignore_ascii_case(field))) {
                let found = unknown(node, &format!("github.{field}"), "is empty", Some(near));
                return Some(found.only_help(did_you_mean(format!("github.{near}"))));
            }
        }
    }
    None
}

fn unknown(node: &Node, word: &str, label: &str, near: Option<&str>) -> Diagnostic {
    let found = invalid(format!("`{word}` is not defined in expressions")).at(within(node, word), label);
    match near {
        Some(near) => found.help(did_you_mean(near)),
        None => found.help(format!("use one of the contexts {}", diagnostics::wording::names(CONTEXTS))),
    }
}

fn invalid(message: String) -> Diagnostic {
    Diagnostic::new(Code::WorkflowInvalid, message)
}

/// An expression with blanks instead of its texts, in which everything else is at the same place.
fn without_texts(expression: &str) -> String {
    let mut plain = String::with_capacity(expression.len());
    let mut inside = false;
    for c in expression.chars() {
        inside ^= c == '\'';
        if inside || c == '\'' {
            plain.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The place of a text in a scalar.
pub(super) fn within(node: &Node, text: &str) -> Place {
    let place = node.place();
    // The text of a block scalar begins after its first line.
    let whole = place.source.text.get(node.span.clone()).and_then(|written| written.find(text));
    match whole {
        Some(at) => {
            let start = node.span.start + at;
            Place::new(&place.source, start..start + text.lines().next().unwrap_or_default().len())
        }
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str, condition: bool) -> Vec<String> {
        let node = Node::string(text);
        wrong(&node, condition).map(|found| found.message).into_iter().collect()
    }

    #[test]
    fn texts_may_have_any_characters() {
        let found = messages("${{ 'äöüäöü' == \"é\" }}", false);
        assert_eq!(found, ["a string in an expression has double quotes"]);
        assert_eq!(without_texts("'é' == x"), "     == x");
    }

    #[test]
    fn valid_expressions_are_accepted() {
        for text in [
            "${{ github.event.pull_request.head.sha || github.sha }}",
            "${{ fromJSON('[\"a\"]')[0] }} and \"${{ matrix.os }}\"",
            "${{ hashFiles('**/Cargo.lock') == '' && !failure() }}",
            "${{ needs.build.outputs.a-b }}",
        ] {
            assert_eq!(messages(text, false), Vec::<String>::new(), "{text}");
        }
        for text in ["always()", "github.ref == 'refs/heads/main' && matrix.os != 'x'", "!startsWith(github.ref, 'v')"]
        {
            assert_eq!(messages(text, true), Vec::<String>::new(), "{text}");
        }
        // Only a condition is an expression without braces.
        assert_eq!(messages("gihub.ref == \"x\"", false), Vec::<String>::new());
    }

    #[test]
    fn wrong_expressions_are_reported() {
        for (text, message) in [
            ("x ${{ github.ref }", "an expression does not end"),
            ("${{ gihub.ref }}", "`gihub` is not defined in expressions"),
            ("${{ github.event_nam }}", "`github.event_nam` is not defined in expressions"),
            ("${{ contain(github.ref, 'x') }}", "`contain` is not defined in expressions"),
            ("${{ github.ref == \"x\" }}", "a string in an expression has double quotes"),
        ] {
            assert_eq!(messages(text, false), [message], "{text}");
        }
    }
}
