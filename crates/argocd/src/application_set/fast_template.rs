//! The templates of an ApplicationSet without `goTemplate`: `{{name}}` is replaced by a parameter.

use crate::go_template::value::{Map, Value};

/// Replaces the parameters of a text. A name without a parameter stays as it is. Fails if `}}` is missing.
pub(super) fn render(text: &str, values: &Map) -> Result<String, String> {
    // Argo CD looks for both delimiters in one line, and leaves any other text alone.
    let templated = text.lines().any(|line| line.find("{{").is_some_and(|at| line[at + 2..].contains("}}")));
    if !templated {
        return Ok(text.to_owned());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        out.push_str(&rest[..open]);
        rest = &rest[open + 2..];
        let Some(close) = rest.find("}}") else {
            return Err(format!("`{{{{` without `}}}}` in {:?}", text.trim()));
        };
        let tag = &rest[..close];
        rest = &rest[close + 2..];
        let name = tag.trim();
        match values.get(name) {
            Some(Value::String(value)) if !name.is_empty() => out.push_str(&value),
            _ => out.push_str(&format!("{{{{{tag}}}}}")),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The names in a text that are still to be replaced.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn texts_render_like_in_argo_cd() {
        let lines = include_str!("../go_template/answers.jsonl").lines();
        let all: Vec<Json> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let parameters: Vec<&Json> = all.iter().filter(|line| line.get("template").is_none()).collect();
        let mut count = 0;
        for case in all.iter().filter(|case| case.get("fast").is_some()) {
            let set = usize::try_from(case["parameters"].as_u64().expect("an index")).expect("an index");
            let Value::Map(values) = Value::of_json(&parameters[set]["parameters"]) else { panic!("a map") };
            let found = render(case["template"].as_str().expect("a string"), &values);
            assert_eq!(found.ok().as_deref(), case.get("output").and_then(Json::as_str), "{case}");
            count += 1;
        }
        assert!(count > 20);
    }
}
