//! Explains why a template function rejects the type of a value.

use diagnostics::{Code, Diagnostic};

/// Explains the error of a template, without a place, if it is about the type of a value.
pub(super) fn explain(template: &str, reason: &str) -> Option<Diagnostic> {
    let found = |message: String| Diagnostic::new(Code::HelmRefused, message);
    if let Some((_, types)) = reason.split_once("incompatible types for comparison") {
        let (one, other) = types.strip_prefix(": ").and_then(|types| types.split_once(" and "))?;
        let (one, other) = (named(one)?, named(other)?);
        let found = found(format!("template `{template}` compares {one} with {other}"));
        return Some(match (one, other) {
            ("a number", "a string") | ("a string", "a number") => {
                found.help("compare with a number without quotes, or convert one of them with `int` or `toString`")
            }
            _ if one == other => found.help("convert both with `int`: an integer and a float are different types"),
            _ => found.help("compare values of the same type"),
        });
    }
    let (_, types) = reason.split_once("wrong type for value; expected ")?;
    let (wanted, got) = types.split_once("; got ")?;
    let (wanted, got) = (named(wanted)?, named(got)?);
    let found = found(format!("template `{template}` uses {got} where {wanted} is required"));
    Some(match (wanted, got) {
        ("a string", "a mapping" | "a list") => {
            found.help("convert it first, as in `{{- toYaml .Values.NAME | nindent N }}`")
        }
        ("a string", _) => found.help("convert it first with `toString`, or quote the value"),
        ("a number", _) => found.help("convert it first with `int`"),
        _ => found.help(format!("use {wanted}")),
    })
}

/// A type of Go as YAML calls it.
fn named(kind: &str) -> Option<&'static str> {
    let kind = kind.trim();
    Some(match kind {
        "string" => "a string",
        "bool" => "a boolean",
        "float64" | "int" | "int64" => "a number",
        _ if kind.starts_with("map[") => "a mapping",
        _ if kind.starts_with("[]") => "a list",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_yaml() {
        let explain = |reason| explain("web/templates/a.yaml", reason).map(|found| found.message);
        let compared = "error calling ne: incompatible types for comparison: float64 and string";
        let expected = "template `web/templates/a.yaml` compares a number with a string";
        assert_eq!(explain(compared).as_deref(), Some(expected));
        let wrong = "wrong type for value; expected string; got map[string]interface {}";
        let expected = "template `web/templates/a.yaml` uses a mapping where a string is required";
        assert_eq!(explain(wrong).as_deref(), Some(expected));
        assert_eq!(explain("incompatible types for comparison"), None);
        assert_eq!(explain("wrong type for value; expected string; got chan int"), None);
    }
}
