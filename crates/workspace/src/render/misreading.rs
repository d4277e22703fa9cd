//! Values of the wrong type because YAML or Helm reads them differently than their author: `port: "25"`, `tag: 1.10`.

use document::{Value, edit, yaml};

use super::values::Setting;
use super::{schema, schema_wording};

/// Returns how YAML or Helm reads a value of the wrong type, if that may surprise its author, and how to correct it.
pub(super) fn explain(
    key: &str,
    setting: &Setting,
    got: &str,
    want: &[String],
    allowed: &[String],
) -> (Option<String>, Option<String>) {
    let written = setting.written.as_str();
    let wants = |kind: &str| want.iter().any(|name| name == kind);
    let choose = || Some(format!("use one of {}", schema::list(allowed.iter().cloned())));
    let permitted =
        allowed.is_empty() || allowed.iter().any(|value| value == written || *value == edit::scalar(written));
    if let Some(force_string) = setting.parameter {
        return match (got, force_string) {
            ("number" | "boolean" | "null", false) if wants("string") => {
                let reading = format!("without `forceString`, Helm reads `{written}` as {}", schema_wording::kind(got));
                (Some(reading), if permitted { Some("set `forceString: true`".to_owned()) } else { choose() })
            }
            ("string", true) if !wants("string") => (None, Some("remove `forceString`".to_owned())),
            _ => (None, None),
        };
    }
    let plain = !written.starts_with(['"', '\'', '|', '>', '[', '{', '&', '*', '!']);
    match (got, yaml::resolve(written)) {
        ("boolean" | "number", Ok(read @ (Value::Bool(_) | Value::Number(_)))) if wants("string") && plain => {
            let read = match read {
                Value::Bool(value) => value.to_string(),
                Value::Number(number) if number == written => "a number".to_owned(),
                Value::Number(number) => format!("the number {number}"),
                _ => return (None, None),
            };
            let reading = (read != written).then(|| format!("YAML reads an unquoted `{written}` as {read}"));
            let quote = format!("quote it: `{key}: \"{written}\"`");
            (reading, if permitted { Some(quote) } else { choose() })
        }
        ("null", _) if wants("string") => {
            let help = if permitted || allowed.iter().any(|value| value == "\"\"") {
                Some(format!("for an empty string, write `{key}: \"\"`"))
            } else {
                choose()
            };
            (None, help)
        }
        ("string", _) if !plain => {
            let bare = written.trim_matches(['"', '\'']);
            let fits = match yaml::resolve(bare) {
                Ok(Value::Number(number)) => wants("number") || wants("integer") && number.parse::<i64>().is_ok(),
                Ok(Value::Bool(_)) => wants("boolean"),
                _ => false,
            };
            (None, fits.then(|| format!("remove the quotes: `{key}: {bare}`")))
        }
        _ => (None, None),
    }
}
