//! Events.

use serde::Deserialize;

use super::metadata::{Metadata, ObjectReference, nullable};

/// An event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Its metadata.
    pub metadata: Metadata,
    /// The object that it is about.
    #[serde(deserialize_with = "nullable")]
    pub involved_object: ObjectReference,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in one word.
    #[serde(deserialize_with = "nullable")]
    pub reason: String,
    /// What happened, as a sentence.
    #[serde(deserialize_with = "nullable")]
    pub message: String,
    /// How often it happened, as older reporters count it.
    pub count: Option<i64>,
    /// How often it happened, as newer reporters count it.
    pub series: Option<Series>,
    /// When it happened last, as older reporters have it.
    pub last_timestamp: Option<String>,
    /// When it happened first, as newer reporters have it.
    pub event_time: Option<String>,
}

/// How often an event happened, and when last.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Series {
    /// How often.
    pub count: i64,
    /// When last.
    pub last_observed_time: Option<String>,
}

impl Event {
    /// Whether it is a warning.
    #[must_use]
    pub(crate) fn is_warning(&self) -> bool {
        self.kind == "Warning"
    }

    /// Its message without surrounding white space.
    #[must_use]
    pub fn text(&self) -> String {
        self.message.trim().to_owned()
    }

    /// How often it happened.
    #[must_use]
    pub fn times(&self) -> i64 {
        self.count.or(self.series.as_ref().map(|series| series.count)).unwrap_or(1)
    }

    /// When it happened last, to the second, as the API writes it: such texts sort by time.
    #[must_use]
    pub fn time(&self) -> &str {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let times = [series, self.last_timestamp.as_ref(), self.event_time.as_ref()];
        let time = times.into_iter().flatten().next().or(self.metadata.creation_timestamp.as_ref());
        // Some reporters add fractions of a second, so only the first 19 characters compare.
        time.and_then(|time| time.get(..19)).unwrap_or_default()
    }
}
