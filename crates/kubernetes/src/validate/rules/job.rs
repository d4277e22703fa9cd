//! Jobs and `CronJobs`: retries, completions, and schedules.
//!
//! Does not check the duration of `@every`. The API server has its own list of time zones, so one that is unknown here is
//! reported only if it is nearly a known one.

use super::look::{At, Look};
use crate::{schedule, time_zone};
use diagnostics::did_you_mean;

/// Predefined schedules.
const PREDEFINED: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    if look.is("batch/Job") {
        job(look, &spec);
        let manual = spec.is_set_to("manualSelector", true);
        if let Some(selector) = spec.get("selector").filter(|_| !manual) {
            let help = "remove it, or set `manualSelector: true`";
            look.reject(&selector, "is not allowed", "Kubernetes generates the selector of a Job")
                .helps
                .push(help.to_owned());
        }
    }
    if !look.is("batch/CronJob") {
        return;
    }
    for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        look.in_range(spec.get(key), 0..=i64::MAX);
    }
    if let Some(at) = spec.get("schedule")
        && let Some(wrong) = at.text().and_then(schedule_error)
    {
        look.reject(&at, "is not a valid schedule", wrong);
    }
    if let Some(zone) = spec.get("timeZone")
        && zone.text().is_some_and(|text| text.is_empty() || text.eq_ignore_ascii_case("local"))
    {
        look.reject(&zone, "is not a valid time zone", "expected a name such as `Europe/Berlin`");
    } else if let Some(zone) = spec.get("timeZone")
        && let Some(near) = zone.text().and_then(time_zone::near)
    {
        look.reject(&zone, "is not a valid time zone", did_you_mean(near).text);
    }
    let Some(template) = spec.walk(&["jobTemplate", "spec"]) else { return };
    job(look, &template);
    for key in ["selector", "manualSelector"] {
        if let Some(at) = template.get(key)
            && !template.is_set_to(key, false)
        {
            look.reject(&at, "is not allowed in a CronJob", "Kubernetes generates the selector of each Job");
        }
    }
}

/// What is wrong with the schedule of a `CronJob`.
fn schedule_error(text: &str) -> Option<String> {
    if text.contains("TZ") {
        return Some("set the time zone in `spec.timeZone`".to_owned());
    }
    if text.starts_with('@') {
        let known = PREDEFINED.contains(&text) || text.starts_with("@every ");
        return (!known).then(|| format!("expected one of {}", super::look::backticks(PREDEFINED)));
    }
    schedule::wrong(text)
}

fn job<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    for key in ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "parallelism", "completions"] {
        look.in_range(spec.get(key), 0..=i64::MAX);
    }
    if let Some(mode) = spec.get("completionMode")
        && mode.text() == Some("Indexed")
        && spec.get("completions").is_none()
    {
        look.reject(&mode, "requires `completions`", "set `completions` to the number of indexes");
    }
}

#[cfg(test)]
mod tests {
    use super::schedule_error;

    #[test]
    fn predefined_schedules_are_accepted_and_time_zones_are_not() {
        for text in ["@daily", "@every 1h", "0 3 * * *"] {
            assert_eq!(schedule_error(text), None, "{text}");
        }
        for text in ["@reboot", "TZ=UTC 0 3 * * *", "* * * *"] {
            assert!(schedule_error(text).is_some(), "{text}");
        }
    }
}
