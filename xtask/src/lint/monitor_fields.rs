//! Fields of ServiceMonitors and PodMonitors that the Prometheus Operator rejects or ignores.
//!
//! Their definitions are often not at hand. Newer ones have further fields, so an unknown field is reported only if it is
//! nearly a known one.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean, nearest};
use document::Node;
use kubernetes::object::Object;
use regex_lite::Regex;

use super::prometheus_duration::is_duration;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::MonitorInvalid];

/// The kinds, with the name of their list of endpoints.
const KINDS: &[(&str, &str)] = &[("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")];

const SPEC: &[&str] = &[
    "attachMetadata",
    "bodySizeLimit",
    "convertClassicHistogramsToNHCB",
    "fallbackScrapeProtocol",
    "jobLabel",
    "keepDroppedTargets",
    "labelLimit",
    "labelNameLengthLimit",
    "labelValueLengthLimit",
    "namespaceSelector",
    "nativeHistogramBucketLimit",
    "nativeHistogramMinBucketFactor",
    "podTargetLabels",
    "sampleLimit",
    "scrapeClass",
    "scrapeClassicHistograms",
    "scrapeNativeHistograms",
    "scrapeProtocols",
    "selector",
    "selectorMechanism",
    "serviceDiscoveryRole",
    "targetLabels",
    "targetLimit",
];

const ENDPOINT: &[&str] = &[
    "authorization",
    "basicAuth",
    "bearerTokenFile",
    "bearerTokenSecret",
    "enableHttp2",
    "filterRunning",
    "followRedirects",
    "honorLabels",
    "honorTimestamps",
    "interval",
    "metricRelabelings",
    "noProxy",
    "oauth2",
    "params",
    "path",
    "port",
    "portNumber",
    "proxyConnectHeader",
    "proxyFromEnvironment",
    "proxyUrl",
    "relabelings",
    "scheme",
    "scrapeTimeout",
    "targetPort",
    "tlsConfig",
    "trackTimestampsStaleness",
];

const RELABELING: &[&str] = &["action", "modulus", "regex", "replacement", "separator", "sourceLabels", "targetLabel"];

const ACTIONS: &[&str] = &[
    "drop",
    "dropequal",
    "hashmod",
    "keep",
    "keepequal",
    "labeldrop",
    "labelkeep",
    "labelmap",
    "lowercase",
    "replace",
    "uppercase",
];

/// Checks the monitors of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects.iter().filter(|object| object.key.group == "monitoring.coreos.com") {
        let Some((_, list)) = KINDS.iter().find(|(kind, _)| *kind == object.key.kind) else { continue };
        if sync_order::order(&object.root).is_some() {
            diagnostics.0.extend(of_monitor(object, list));
        }
    }
    diagnostics
}

fn of_monitor(object: &Object, list: &'static str) -> Vec<Diagnostic> {
    let Some(spec) = object.find(&["spec"]) else { return Vec::new() };
    let known: Vec<&str> = SPEC.iter().copied().chain([list]).collect();
    let mut found: Vec<Diagnostic> = misspelled(object, spec, &known).collect();
    if found.is_empty() && spec.get(list).is_none() {
        let message = format!("{} has no `{list}`", object.title());
        let one = object.finding(Code::MonitorInvalid, message, object.root.key_place("spec"), "scrapes nothing");
        found.push(one.fact(Fact::Required(list.to_owned())));
    }
    for endpoint in spec.items_at(&[list]) {
        found.extend(misspelled(object, endpoint, ENDPOINT));
        for key in ["interval", "scrapeTimeout"] {
            let Some(node) = endpoint.get(key) else { continue };
            let invalid = node.as_str().filter(|text| !text.is_empty() && !is_duration(text));
            let Some(text) = invalid.or(node.as_number()) else { continue };
            let message = format!("`{key}: {text}` of {} is not a Prometheus duration", object.title());
            let one = object.finding(Code::MonitorInvalid, message, node.place(), "");
            found.push(one.help("write numbers with the units `h`, `m`, `s`, and `ms`, such as `1m30s`"));
        }
        found.extend(late(object, endpoint));
        for rule in ["relabelings", "metricRelabelings"].iter().flat_map(|key| endpoint.items_at(&[key])) {
            found.extend(misspelled(object, rule, RELABELING));
            found.extend(action(object, rule));
            found.extend(expression(object, rule));
        }
    }
    found
}

/// A finding about a timeout after the next scrape begins, for which the operator ignores the monitor.
fn late(object: &Object, endpoint: &Node) -> Option<Diagnostic> {
    let seconds = |key: &str| Some((endpoint.get(key)?, seconds(endpoint.get(key)?.as_str()?)?));
    let ((interval, every), (timeout, after)) = seconds("interval").zip(seconds("scrapeTimeout"))?;
    let (long, short) = (timeout.as_str().unwrap_or_default(), interval.as_str().unwrap_or_default());
    let message = format!("`scrapeTimeout: {long}` of {} exceeds its interval, `{short}`", object.title());
    (after > every).then(|| {
        object
            .finding(Code::MonitorInvalid, message, timeout.place(), "the Prometheus Operator ignores the monitor")
            .at(interval.place(), "the interval")
            .help("use a shorter timeout, or a longer interval")
    })
}

/// The seconds of a duration of Prometheus; nothing for one that is invalid or empty.
fn seconds(text: &str) -> Option<f64> {
    if text.is_empty() || !is_duration(text) {
        return None;
    }
    let mut total = 0.0;
    let mut number = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let milli = c == 'm' && rest.next_if_eq(&'s').is_some();
        let factor = match c {
            'y' => 31_536_000.0,
            'w' => 604_800.0,
            'd' => 86_400.0,
            'h' => 3600.0,
            'm' if milli => 0.001,
            'm' => 60.0,
            _ => 1.0,
        };
        total += number.parse::<f64>().ok()? * factor;
        number.clear();
    }
    Some(total)
}

fn misspelled<'a>(object: &'a Object, owner: &'a Node, known: &'a [&'a str]) -> impl Iterator<Item = Diagnostic> {
    owner.entries().iter().filter(|(key, _)| !known.contains(&key.name.as_str())).filter_map(move |(key, _)| {
        // A newer field may be similar to one that the monitor has, too.
        let near = nearest(&key.name, known.iter().copied()).filter(|near| owner.get(near).is_none())?;
        let message = format!("unknown field `{}` in {}", key.name, object.title());
        let found = object.finding(Code::MonitorInvalid, message, Place::new(&owner.source, key.span.clone()), "");
        Some(found.help(did_you_mean(near)))
    })
}

fn action(object: &Object, rule: &Node) -> Option<Diagnostic> {
    let node = rule.get("action")?;
    let text = node.as_str().filter(|text| !ACTIONS.contains(&text.to_lowercase().as_str()))?;
    let near = nearest(text, ACTIONS.iter().copied())?;
    let message = format!("unknown action `{text}` in {}", object.title());
    let found = object.finding(Code::MonitorInvalid, message, node.place(), "");
    Some(found.help(did_you_mean(near)))
}

/// A finding about a regular expression with a bracket that is not closed.
fn expression(object: &Object, rule: &Node) -> Option<Diagnostic> {
    let node = rule.get("regex")?;
    let text = node.as_str()?;
    let error = unclosed(text)?;
    let message = format!("Prometheus cannot parse the regular expression `{text}` of {}", object.title());
    Some(object.finding(Code::MonitorInvalid, message, node.place(), error))
}

/// The error about brackets in a regular expression. Other errors may be those of the library, which supports less than Go's.
fn unclosed(text: &str) -> Option<String> {
    let error = Regex::new(text).err()?.to_string();
    ["without closing", "found open"].iter().any(|word| error.contains(word)).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::{seconds, unclosed};

    #[test]
    fn durations_are_compared_in_seconds() {
        for (text, expected) in [("30s", 30.0), ("1m30s", 90.0), ("500ms", 0.5), ("1d", 86_400.0), ("0", 0.0)] {
            assert_eq!(seconds(text).map(f64::to_bits), Some(f64::to_bits(expected)), "{text}");
        }
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn brackets_that_are_not_closed_are_reported() {
        for text in ["a_(b|c.*", "(a"] {
            assert!(unclosed(text).is_some(), "{text}");
        }
        for text in ["postfix_(up|showq_.*)", "a[)]", "\\p{L}+"] {
            assert_eq!(unclosed(text), None, "{text}");
        }
    }
}
