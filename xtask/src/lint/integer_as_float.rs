//! Integers that Helm rendered as floats: `1.048576e+07` instead of 10485760.
//!
//! Helm parses numbers in values as floats. A template that prints one without `int64` or `toYaml` gets Go's shortest
//! form, which has an exponent from one million up. Programs such as Postfix cannot parse it, and Kubernetes rejects it
//! where an integer is required.
//!
//! A scalar that consists of such a number is always reported. Inside a longer text, it is reported only if the values
//! contain that integer, because other programs also use this notation. Defaults inside packed dependencies are not
//! read for this.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostics, Place, Source};
use document::{Node, Value, yaml};
use kubernetes::object::{Object, REDACTED};
use workspace::target::ChartTarget;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::IntegerAsFloat];

/// Checks every scalar that is rendered from a template.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for target in subject.targets {
        let objects = subject.by_target.of(&target.id.to_string());
        // Most renders contain no such text, so the values need not be read.
        if !objects.iter().any(|object| object.root.source.text.contains("e+")) {
            continue;
        }
        let known = target.charts().flat_map(|chart| integers(subject, &chart)).collect();
        for object in objects {
            // Files in crds/ are not templates: what they contain is intended.
            if !object.template.contains("/crds/") {
                scalars(object, &object.root, &known, &mut diagnostics);
            }
        }
    }
    diagnostics
}

fn scalars(object: &Object, node: &Node, known: &BTreeSet<u128>, diagnostics: &mut Diagnostics) {
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| scalars(object, value, known, diagnostics)),
        Value::Sequence(items) => items.iter().for_each(|item| scalars(object, item, known, diagnostics)),
        Value::String(text) if text != REDACTED && text.contains("e+") => {
            let whole = integer(text.trim());
            for token in tokens(text) {
                let Some(number) = integer(token) else { continue };
                if whole.is_some() || known.contains(&number) {
                    diagnostics.push(finding(object, node, token, number));
                }
            }
        }
        Value::Number(_) => {
            let text = node.source.text.get(node.span.clone()).unwrap_or_default().trim();
            if let Some(number) = integer(text) {
                diagnostics.push(finding(object, node, text, number));
            }
        }
        _ => {}
    }
}

fn finding(object: &Object, node: &Node, token: &str, number: u128) -> diagnostics::Diagnostic {
    let minus = if token.starts_with('-') { "-" } else { "" };
    let place = match node.source.text.get(node.span.clone()).and_then(|text| text.find(token)) {
        Some(at) => Place::new(&node.source, node.span.start + at..node.span.start + at + token.len()),
        None => node.place(),
    };
    object
        .finding(
            Code::IntegerAsFloat,
            format!("integer `{minus}{number}` is rendered as the float `{token}`"),
            place,
            "",
        )
        .help("add `| int64` in the template, or quote the number in the values")
}

/// Returns the parts of a text that may be numbers.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
    text.split(move |c: char| !part(c)).map(|token| token.trim_end_matches(['.', '-']))
}

/// Parses an integer in Go's form for floats from one million up, and returns its absolute value. The form is one digit,
/// optional decimals without trailing zero, and an exponent of at least two digits that leaves no decimals.
fn integer(text: &str) -> Option<u128> {
    let (mantissa, exponent) = text.strip_prefix('-').unwrap_or(text).split_once("e+")?;
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let (first, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shape = first.len() == 1
        && digits(first)
        && first != "0"
        && (mantissa.len() == 1 || digits(decimals) && !decimals.ends_with('0'))
        && exponent.len() >= 2
        && digits(exponent);
    let exponent: usize = exponent.parse().ok().filter(|_| shape)?;
    if exponent < 6 || exponent < decimals.len() {
        return None;
    }
    format!("{first}{decimals}{}", "0".repeat(exponent - decimals.len())).parse().ok()
}

/// Returns the integers from one million up in a target's values, rounded to floats as Helm does.
fn integers(subject: &Subject<'_>, target: &ChartTarget<'_>) -> BTreeSet<u128> {
    let root = &subject.workspace.root;
    let chart = &target.chart.directory;
    let mut found = BTreeSet::new();
    let subcharts = std::fs::read_dir(chart.join("charts")).into_iter().flatten();
    let subcharts = subcharts.filter_map(|entry| Some(entry.ok()?.path().join("values.yaml")));
    let files = std::iter::once(chart.join("values.yaml"))
        .chain(subcharts)
        .chain(target.recipe.value_files.iter().cloned())
        .chain(target.recipe.case_file.clone());
    for file in files.filter(|file| file.is_file()) {
        if let Ok(document) = toolbox::source::read(root, &file).and_then(|source| yaml::parse_one(&source)) {
            gather(&document.root, &mut found);
        }
    }
    if let Some(text) = &target.recipe.inline_values
        && let Ok(document) = yaml::parse_one(&Source::new("values of the Application", text.clone()))
    {
        gather(&document.root, &mut found);
    }
    found
}

fn gather(node: &Node, found: &mut BTreeSet<u128>) {
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| gather(value, found)),
        Value::Sequence(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Number(text) => {
            // Rust prints the same digits as Go: the shortest ones that round-trip.
            let float = text.parse::<f64>().ok().filter(|float| float.fract() == 0.0).map(|float| format!("{float:e}"));
            let form = float.and_then(|form| {
                let (mantissa, exponent) = form.trim_start_matches('-').split_once('e')?;
                Some(format!("{mantissa}e+{:02}", exponent.parse::<u32>().ok()?))
            });
            found.extend(form.and_then(|form| integer(&form)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_float_notation_is_recognized() {
        for (text, expected) in [
            ("1e+06", 1_000_000),
            ("1.048576e+07", 10_485_760),
            ("-5e+06", 5_000_000),
            ("1.2345678901234568e+17", 123_456_789_012_345_680),
        ] {
            assert_eq!(integer(text), Some(expected), "{text}");
        }
        for text in ["1.0000005e+06", "1e+6", "12e+06", "1.50e+06", "1e-05", "e+06", "1e+05", "0e+06", "1.e+06", "1e6"]
        {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_rounded_like_helm_does() {
        let source = Source::new("v", "a: 10485760\nb: [123456789012345678, 5, 1.5]\nc: {d: '10485761'}\n");
        let mut found = BTreeSet::new();
        gather(&yaml::parse_one(&source).expect("YAML").root, &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [10_485_760, 123_456_789_012_345_680]);
    }

    #[test]
    fn numbers_are_found_inside_texts() {
        let text = "limit = 1.048576e+07, --max=1e+06.";
        assert_eq!(tokens(text).filter_map(integer).collect::<Vec<_>>(), [10_485_760, 1_000_000]);
    }
}
