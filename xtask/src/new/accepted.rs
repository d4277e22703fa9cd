//! Suppressions in charts.toml for lint findings that an upstream chart causes and its user cannot fix.
//!
//! So far there is one: objects in a namespace other than the Application's. The generated project allows those
//! namespaces. Findings that other values or another version would fix are not suppressed.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::json;
use workspace::config::Config;

use super::Service;
use crate::lint::application_destination;
use crate::lint::subject::Subject;

/// The maximum number of objects that the reason names.
const NAMED: usize = 3;

/// The suppression that a new umbrella chart needs in charts.toml, if any.
#[must_use]
pub fn entry(service: &Service, subject: &Subject<'_>) -> Option<String> {
    let dependency = service.dependency.as_ref()?;
    let found = application_destination::check(subject);
    let mut objects: Vec<String> = Vec::new();
    for found in found.0.iter().filter(|found| found.code == Code::NamespaceMismatch) {
        let Some(origin) = &found.origin else { continue };
        let title = format!("{} {}", origin.kind, origin.name);
        if !objects.contains(&title) {
            objects.push(title);
        }
    }
    let (named, rest) = objects.split_at(objects.len().min(NAMED));
    let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
    let reason = format!(
        "The chart {} sets the namespace of {}{more} itself; argocd/projects/{}.yaml allows that namespace.",
        dependency.name,
        named.join(", "),
        service.app
    );
    (!objects.is_empty()).then(|| {
        format!(
            "[[suppress]]\ncheck = \"{}\"\ntarget = \"{}\"\nreason = {}\n",
            Code::NamespaceMismatch.name(),
            service.app,
            json::quoted(&reason)
        )
    })
}

/// charts.toml with an entry appended, otherwise unchanged; `None` if it already contains the entry.
pub fn append(config: &Arc<Source>, entry: &str) -> Result<Option<String>> {
    let text = &config.text;
    if text.replace("\r\n", "\n").contains(entry) {
        return Ok(None);
    }
    let gap = if text.ends_with('\n') || text.is_empty() { "\n" } else { "\n\n" };
    let mut added = format!("{gap}{entry}");
    if text.contains("\r\n") {
        added = added.replace('\n', "\r\n");
    }
    let whole = format!("{text}{added}");
    let before = Config::parse(config)?.suppressions.len();
    match Config::parse(&Source::new(config.name.clone(), whole.clone())) {
        Ok(config) if config.suppressions.len() == before + 1 => Ok(Some(whole)),
        // A `[[suppress]]` table cannot be appended to an inline array, `suppress = […]`.
        _ => Err(refused(config, entry)),
    }
}

fn refused(config: &Source, entry: &str) -> Diagnostics {
    let message = format!("a `[[suppress]]` table cannot be appended to {}, and the dependency needs one", config.name);
    Diagnostic::new(Code::EditRefused, message)
        .note(entry.trim_end())
        .help("write the existing suppressions as `[[suppress]]` tables, then run the command again")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# é\nrepository = \"https://git.example.org/home.git\" # ours\n\n[argocd]\nversion = \"3.5\"\n\n[kubernetes]\nversion = \"1.34.11\"\n";
    const ENTRY: &str = "[[suppress]]\ncheck = \"namespace-mismatch\"\ntarget = \"cache\"\nreason = \"r\"\n";

    fn appended(text: &str) -> Option<String> {
        append(&Source::new("charts.toml", text), ENTRY).expect("appendable")
    }

    #[test]
    fn an_entry_is_appended_once_and_the_rest_is_unchanged() {
        let once = appended(CONFIG).expect("new");
        assert_eq!(once, format!("{CONFIG}\n{ENTRY}"));
        assert_eq!(appended(&once), None);
        let windows = CONFIG.replace('\n', "\r\n");
        assert_eq!(appended(&windows), Some(once.replace('\n', "\r\n")));
        assert_eq!(appended(&once.replace('\n', "\r\n")), None);
        assert_eq!(appended(CONFIG.trim_end()), Some(once));
    }

    #[test]
    fn an_inline_array_is_not_edited() {
        let text = format!("suppress = []\n{CONFIG}");
        let found = append(&Source::new("charts.toml", text), ENTRY).expect_err("refused");
        assert_eq!(found.0[0].code, Code::EditRefused);
    }
}
