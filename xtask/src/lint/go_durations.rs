//! Durations that Go does not read, such as `30d`: in arguments and variables of known programs, which then do not start, and
//! in fields of custom resources, which the API server or their controller rejects.
//!
//! Programs with a syntax of their own, such as Prometheus, which knows days, are not in these lists.

use argocd::duration;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::image::Reference;
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::DurationInvalid];

/// Names of images, and the flags of their programs that are durations.
const FLAGS: &[(&[&str], &[&str])] = &[
    (&["sealed-secrets-controller", "sealed-secrets"], &["key-renew-period", "key-ttl"]),
    (&["external-dns"], &["interval", "min-event-sync-interval", "request-timeout"]),
    (&["metrics-server"], &["metric-resolution", "kubelet-request-timeout"]),
    (&["oauth2-proxy"], &["cookie-expire", "cookie-refresh"]),
    (
        &["cluster-autoscaler"],
        &["scan-interval", "scale-down-delay-after-add", "scale-down-unneeded-time", "max-node-provision-time"],
    ),
    (&["descheduler"], &["descheduling-interval"]),
    (&["kured"], &["period", "lock-ttl", "drain-timeout"]),
];

/// Names of images, and the flag that is a point in time as email has it, with a numeric time zone.
const CUTOFF: (&[&str], &str) = (&["sealed-secrets-controller", "sealed-secrets"], "key-cutoff-time");

/// The same for variables.
const VARIABLES: &[(&str, &[&str])] =
    &[("oauth2-proxy", &["OAUTH2_PROXY_COOKIE_EXPIRE", "OAUTH2_PROXY_COOKIE_REFRESH"])];

/// A group, its kinds, and their fields.
type Fields = (&'static str, &'static [&'static str], &'static [&'static [&'static str]]);

/// The fields that are durations.
const FIELDS: &[Fields] = &[
    ("cert-manager.io", &["Certificate"], &[&["spec", "duration"], &["spec", "renewBefore"]]),
    ("external-secrets.io", &["ExternalSecret", "PushSecret"], &[&["spec", "refreshInterval"]]),
    ("velero.io", &["Backup"], &[&["spec", "ttl"]]),
    ("velero.io", &["Schedule"], &[&["spec", "template", "ttl"]]),
];

/// Checks the objects of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        for (group, kinds, fields) in FIELDS {
            if object.key.group == *group && kinds.contains(&object.key.kind.as_str()) {
                let nodes = fields.iter().filter_map(|path| Some((path.join("."), object.find(path)?)));
                diagnostics.0.extend(nodes.filter_map(|(path, node)| field(object, &path, node)));
            }
        }
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        for container in &pods.containers {
            diagnostics.0.extend(of_container(object, container.node));
        }
    }
    diagnostics
}

/// The findings about the flags and the variables of a container.
fn of_container(object: &Object, container: &Node) -> Vec<Diagnostic> {
    let image = container.get("image").and_then(Node::as_str).and_then(|image| Reference::parse(image).ok());
    let Some(name) = image.and_then(|image| image.name.rsplit('/').next()) else { return Vec::new() };
    let items = |key: &str| container.items_at(&[key]);
    let known = FLAGS.iter().find(|(images, _)| images.contains(&name)).map(|(_, flags)| *flags).unwrap_or_default();
    let mut found = Vec::new();
    for list in [items("command"), items("args")] {
        for (index, node) in list.iter().enumerate() {
            let Some(argument) = node.as_str().and_then(|text| text.strip_prefix("--")) else { continue };
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some((node, value))),
                None => (argument, list.get(index + 1).and_then(|next| Some((next, next.as_str()?)))),
            };
            if let Some((node, value)) = value.filter(|_| flag == CUTOFF.1 && CUTOFF.0.contains(&name)) {
                found.extend(time(object, node, value, &format!("`--{flag}`")));
            } else if let Some((node, value)) = value.filter(|_| known.contains(&flag)) {
                found.extend(finding(object, node, value, &format!("`--{flag}`")));
            }
        }
    }
    let known = VARIABLES.iter().find(|(image, _)| *image == name).map(|(_, names)| *names).unwrap_or_default();
    for entry in items("env") {
        let text = |key: &str| entry.get(key).and_then(Node::as_str);
        if let Some((node, variable)) = entry.get("value").zip(text("name").filter(|name| known.contains(name))) {
            found.extend(finding(object, node, node.as_str().unwrap_or_default(), &format!("`{variable}`")));
        }
    }
    found
}

fn field(object: &Object, path: &str, node: &Node) -> Option<Diagnostic> {
    let what = format!("`{path}` of {}", object.title());
    finding(object, node, node.as_str().or(node.as_number())?, &what)
}

fn finding(object: &Object, node: &Node, text: &str, what: &str) -> Option<Diagnostic> {
    if text.trim().is_empty() || text.contains(['$', '{']) || duration::parse(text).is_some() {
        return None;
    }
    let message = format!("`{text}` is not a valid duration for {what}");
    let (label, help) = explain(text);
    Some(object.finding(Code::DurationInvalid, message, node.place(), label).help(help))
}

fn time(object: &Object, node: &Node, text: &str, what: &str) -> Option<Diagnostic> {
    if text.trim().is_empty() || text.contains(['$', '{']) || is_time(text) {
        return None;
    }
    let message = format!("`{text}` is not a valid time for {what}");
    let found = object.finding(Code::DurationInvalid, message, node.place(), "the program does not start");
    Some(found.help("write a time such as `Fri, 02 Jan 2026 15:04:05 +0000`, which `date --rfc-email` prints"))
}

/// Whether a text is a time such as `Fri, 02 Jan 2026 15:04:05 +0000`.
fn is_time(text: &str) -> bool {
    const DAYS: &[&str] = &["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
    const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let known = |names: &[&str], text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let [weekday, day, month, year, clock, zone] = text.split(' ').collect::<Vec<_>>()[..] else { return false };
    let clock: Vec<&str> = clock.split(':').collect();
    known(DAYS, weekday)
        && (digits(day, 1) || digits(day, 2))
        && known(MONTHS, month)
        && digits(year, 4)
        && clock.len() == 3
        && clock.iter().all(|part| digits(part, 2))
        && zone.strip_prefix(['+', '-']).is_some_and(|zone| digits(zone, 4))
}

/// Why a duration is invalid, and what to write instead.
fn explain(text: &str) -> (String, String) {
    let compact: String = text.split_whitespace().collect();
    let digits = compact.find(|c: char| !c.is_ascii_digit()).unwrap_or(compact.len());
    let (number, unit) = compact.split_at(digits);
    let units = "units are `h`, `m`, and `s`".to_owned();
    let Ok(number) = number.parse::<u64>() else { return (units, "write a duration such as `1h30m`".to_owned()) };
    let write = |text: String| format!("write `{text}`");
    match unit {
        "" => ("has no unit".to_owned(), format!("add a unit, such as in `{number}s`")),
        "d" | "day" | "days" => ("Go has no unit for days".to_owned(), write(format!("{}h", number * 24))),
        "w" | "week" | "weeks" => ("Go has no unit for weeks".to_owned(), write(format!("{}h", number * 168))),
        "y" | "year" | "years" => ("Go has no unit for years".to_owned(), write(format!("{}h", number * 8760))),
        "H" | "hr" | "hrs" | "hour" | "hours" => (units, write(format!("{number}h"))),
        "M" | "min" | "mins" | "minute" | "minutes" => (units, write(format!("{number}m"))),
        "S" | "sec" | "secs" | "second" | "seconds" => (units, write(format!("{number}s"))),
        _ if duration::parse(&compact).is_some() => ("contains a blank".to_owned(), write(compact)),
        _ => (units, "write a duration such as `1h30m`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_format_of_email() {
        assert!(is_time("Mon, 02 Jan 2006 15:04:05 -0700"));
        for text in ["2026-01-01T00:00:00Z", "Mon, 02 Jan 2006 15:04:05 MST", "now", "1767225600"] {
            assert!(!is_time(text), "{text}");
        }
    }

    #[test]
    fn the_help_has_the_same_duration_in_units_of_go() {
        let help = |text: &str| explain(text).1;
        for (text, expected) in [("30d", "720h"), ("1w", "168h"), ("10 min", "10m"), ("2hours", "2h"), ("1 h", "1h")] {
            assert_eq!(help(text), format!("write `{expected}`"), "{text}");
        }
        assert_eq!(help("60"), "add a unit, such as in `60s`");
        assert_eq!(help("soon"), "write a duration such as `1h30m`");
    }
}
