//! Jobs and `CronJobs`: how often they are tried, and when they run.
//!
//! Deliberately absent: whether a time zone exists, and how long `@every` waits.

use super::look::{At, Look};
use crate::schedule;

/// Words that stand for schedules.
const NAMED: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    if look.is("batch/Job") {
        job(look, &spec);
        let own = spec.says("manualSelector", true);
        if let Some(selector) = spec.get("selector").filter(|_| !own) {
            let help = "delete this; with `manualSelector: true`, it is yours";
            look.refuse(&selector, "is Kubernetes' to fill in", "each Job gets its own").helps.push(help.to_owned());
        }
    }
    if !look.is("batch/CronJob") {
        return;
    }
    for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        look.within(spec.get(key), 0..=i64::MAX);
    }
    if let Some(at) = spec.get("schedule")
        && let Some(wrong) = at.text().and_then(no_schedule)
    {
        look.refuse(&at, "is no schedule", wrong);
    }
    if let Some(zone) = spec.get("timeZone")
        && zone.text().is_some_and(|text| text.is_empty() || text.eq_ignore_ascii_case("local"))
    {
        look.refuse(&zone, "is no time zone", "expected one such as `Europe/Berlin`");
    }
    let Some(template) = spec.walk(&["jobTemplate", "spec"]) else { return };
    job(look, &template);
    for key in ["selector", "manualSelector"] {
        if let Some(at) = template.get(key)
            && !template.says(key, false)
        {
            look.refuse(&at, "is not for a CronJob", "delete this: each of its Jobs gets its own");
        }
    }
}

/// What keeps a text from being the schedule of a `CronJob`.
fn no_schedule(text: &str) -> Option<String> {
    if text.contains("TZ") {
        return Some("a time zone belongs into `spec.timeZone`".to_owned());
    }
    if text.starts_with('@') {
        let known = NAMED.contains(&text) || text.starts_with("@every ");
        return (!known).then(|| format!("expected one of {}", NAMED.join(", ")));
    }
    schedule::wrong(text)
}

fn job<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    for key in ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "parallelism", "completions"] {
        look.within(spec.get(key), 0..=i64::MAX);
    }
    if let Some(mode) = spec.get("completionMode")
        && mode.text() == Some("Indexed")
        && spec.get("completions").is_none()
    {
        look.refuse(&mode, "has nothing to count", "expected `completions` beside it");
    }
}

#[cfg(test)]
mod tests {
    use super::no_schedule;

    #[test]
    fn words_stand_for_schedules_and_time_zones_stand_elsewhere() {
        for text in ["@daily", "@every 1h", "0 3 * * *"] {
            assert_eq!(no_schedule(text), None, "{text}");
        }
        for text in ["@reboot", "TZ=UTC 0 3 * * *", "* * * *"] {
            assert!(no_schedule(text).is_some(), "{text}");
        }
    }
}
