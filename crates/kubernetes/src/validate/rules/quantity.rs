//! Quantities that are valid but certainly a mistake, such as `memory: 256m`, which is 0.256 bytes.
//!
//! The API server accepts them, for fractional bytes with a warning, and the pod fails when it is scheduled or started.

use diagnostics::{Code, did_you_mean};
use document::{Node, Value};

use super::look::{At, Look};

/// Fields that map resource names to quantities, in built-in and custom kinds.
const RESOURCE_LISTS: &[&str] =
    &["capacity", "default", "defaultRequest", "hard", "limits", "max", "podFixed", "requests"];
/// Those of them that apply to a cluster or a namespace, where a large number of CPUs may be right.
const TOTALS: &[&str] = &["capacity", "hard", "max"];

/// Less memory than this is too little for any process.
const MIN_MEMORY: f64 = 1e6;
/// Less storage than this is too little for any volume.
const MIN_STORAGE: f64 = 1024.0;

/// A number of CPUs without a suffix means millicores from here on, if the rest of the object suggests it.
const MANY_CPUS: f64 = 100.0;
/// From this number on, CPUs need more memory than [`TINY_MEMORY_PER_CPU`].
const SEVERAL_CPUS: f64 = 8.0;
/// A container with less memory than this for each of its CPUs is meant to have millicores.
const TINY_MEMORY_PER_CPU: f64 = 8.0 * 1024.0 * 1024.0;
/// No node has this number of CPUs.
const MAX_CPUS: f64 = 1000.0;
/// A container with less memory than this for each of its CPUs does not use that many CPUs.
const MIN_MEMORY_PER_CPU: f64 = 32.0 * 1024.0 * 1024.0;

/// A mistaken quantity.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What the quantity means, such as `0.256 bytes`.
    pub meaning: String,
    /// The quantity that was probably intended.
    pub suggestion: Option<String>,
}

pub(super) fn check(look: &mut Look<'_>) {
    // `lint` checks Argo CD's kinds. A definition has schemas of such fields rather than quantities.
    let group = &look.subject.kind.group;
    if group == "argoproj.io" || group == "apiextensions.k8s.io" {
        return;
    }
    let root = &look.subject.object.root;
    walk(look, root, &mut Vec::new());
    if look.is("autoscaling/HorizontalPodAutoscaler") {
        autoscaler(look);
    }
}

/// Checks the resource lists and size limits below a node.
fn walk<'a>(look: &mut Look<'a>, node: &'a Node, path: &mut Vec<String>) {
    for (key, value) in node.entries() {
        path.push(key.name.clone());
        if RESOURCE_LISTS.contains(&key.name.as_str()) {
            let list = At { steps: path.clone(), node: value };
            for (resource, amount) in list.entries() {
                let mistake = mistake(look, &resource.name, Some(&list), &amount);
                report(look, &amount, mistake);
            }
        } else if key.name == "sizeLimit" {
            let at = At { steps: path.clone(), node: value };
            report(look, &at, bytes(&at, MIN_STORAGE));
        }
        walk(look, value, path);
        path.pop();
    }
    for (index, item) in node.items().iter().enumerate() {
        path.push(index.to_string());
        walk(look, item, path);
        path.pop();
    }
}

/// The target values of resource metrics.
fn autoscaler(look: &mut Look<'_>) {
    for metric in look.root().get("spec").map(|spec| spec.list("metrics")).unwrap_or_default() {
        for source in metric.present(&["resource", "containerResource"]) {
            let name = source.get("name").and_then(|name| name.text());
            if let (Some(name), Some(amount)) = (name, source.walk(&["target", "averageValue"])) {
                let mistake = mistake(look, name, None, &amount);
                report(look, &amount, mistake);
            }
        }
    }
}

/// Why a quantity of a resource is a mistake, if it is one. `list` is the resource list that it is part of.
pub(super) fn mistake(look: &Look<'_>, resource: &str, list: Option<&At<'_>>, amount: &At<'_>) -> Option<Mistake> {
    let name = resource.rsplit('/').next().unwrap_or(resource);
    let name = name.strip_prefix("requests.").or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
    match name {
        "memory" => bytes(amount, MIN_MEMORY),
        "storage" | "ephemeral-storage" => bytes(amount, MIN_STORAGE),
        _ if name.starts_with("hugepages-") => bytes(amount, MIN_STORAGE),
        "cpu" if !list.is_some_and(|list| TOTALS.contains(&list.name())) => {
            let cpus = amount.quantity().filter(|cpus| *cpus >= SEVERAL_CPUS)?;
            let memory = list.and_then(|list| list.get("memory")).and_then(|memory| memory.quantity());
            let little_memory = memory.is_some_and(|memory| memory < cpus * MIN_MEMORY_PER_CPU);
            let tiny_memory = memory.is_some_and(|memory| memory < cpus * TINY_MEMORY_PER_CPU);
            let likely = little_memory || has_millicores(&look.subject.object.root);
            let certain = cpus >= MAX_CPUS || cpus >= MANY_CPUS && likely || tiny_memory;
            certain.then(|| Mistake {
                meaning: format!("{} CPUs", decimal(cpus)),
                suggestion: parts(amount).map(|(number, _)| format!("{number}m")),
            })
        }
        _ => None,
    }
}

/// The amount of a resource; `None` if it is not a quantity, or a mistaken one that says nothing about the intention.
pub(super) fn intended(look: &Look<'_>, resource: &str, list: Option<&At<'_>>, amount: &At<'_>) -> Option<f64> {
    amount.quantity().filter(|_| mistake(look, resource, list, amount).is_none())
}

/// A positive number of bytes below a minimum.
fn bytes(amount: &At<'_>, minimum: f64) -> Option<Mistake> {
    let value = amount.quantity().filter(|value| *value > 0.0 && *value < minimum)?;
    let suggestion = parts(amount).and_then(|(number, suffix)| match suffix.as_str() {
        // Small numbers are more likely to be gibibytes.
        "" if value < 16.0 => Some(format!("{number}Gi")),
        "" | "m" | "k" | "Ki" => Some(format!("{number}Mi")),
        _ => None,
    });
    let unit = if (value - 1.0).abs() < f64::EPSILON { "byte" } else { "bytes" };
    Some(Mistake { meaning: format!("{} {unit}", decimal(value)), suggestion })
}

/// Whether an object has a number of CPUs in millicores.
fn has_millicores(node: &Node) -> bool {
    let millicores = |value: &Node| value.as_str().is_some_and(|text| text.ends_with('m'));
    node.entries().iter().any(|(key, value)| key.name == "cpu" && millicores(value) || has_millicores(value))
        || node.items().iter().any(has_millicores)
}

/// The number and the suffix of a quantity, unless it has an exponent.
fn parts(amount: &At<'_>) -> Option<(String, String)> {
    let (Value::String(text) | Value::Number(text)) = &amount.node.value else { return None };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| (number.to_owned(), text[number.len()..].to_owned()))
}

/// A number without trailing zeros.
fn decimal(value: f64) -> String {
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn report(look: &mut Look<'_>, at: &At<'_>, mistake: Option<Mistake>) {
    let Some(Mistake { meaning, suggestion }) = mistake else { return };
    let path = crate::validate::pointer::path(&at.steps);
    let message = format!("`{path}` of {} is {meaning}", look.subject.title());
    let label = match parts(at) {
        Some((_, suffix)) if suffix == "m" => "`m` is the suffix for thousandths".to_owned(),
        Some((_, suffix)) if suffix.is_empty() => {
            format!("without a suffix, the unit is {}", if meaning.ends_with("CPUs") { "CPUs" } else { "bytes" })
        }
        _ => String::new(),
    };
    let found = look.subject.finding(Code::QuantitySuspicious, message, at.node.place(), label);
    look.found.push(found.help(match suggestion {
        Some(suggestion) => did_you_mean(suggestion),
        None => "use a larger unit".into(),
    }));
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn bytes_of(text: &str) -> Option<(String, Option<String>)> {
        let root = yaml::parse_one(&Source::new("x", format!("memory: {text}"))).expect("YAML").root;
        let amount = At { steps: Vec::new(), node: root.get("memory").expect("a value") };
        bytes(&amount, MIN_MEMORY).map(|mistake| (mistake.meaning, mistake.suggestion))
    }

    #[test]
    fn too_few_bytes_are_a_mistake() {
        for (text, meaning, suggestion) in [
            ("256m", "0.256 bytes", "256Mi"),
            ("\"64m\"", "0.064 bytes", "64Mi"),
            ("1000m", "1 byte", "1000Mi"),
            ("256", "256 bytes", "256Mi"),
            ("2", "2 bytes", "2Gi"),
            ("0.5", "0.5 bytes", "0.5Gi"),
            ("64k", "64000 bytes", "64Mi"),
            ("512Ki", "524288 bytes", "512Mi"),
        ] {
            assert_eq!(bytes_of(text), Some((meaning.to_owned(), Some(suggestion.to_owned()))), "{text}");
        }
        assert_eq!(bytes_of("\"1e2\""), Some(("100 bytes".to_owned(), None)));
        for text in ["0", "-1", "1Mi", "1M", "128974848000m", "0.1Gi", "1e9", "64MB", "~"] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }
}
