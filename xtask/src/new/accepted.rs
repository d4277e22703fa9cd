//! What a dependency does by itself and lint would find: accepted in charts.toml, with the reason, since whoever begins
//! an umbrella cannot change its upstream chart.
//!
//! So far that is one thing: objects that name another namespace than the Application's. Their namespaces are in the
//! project already.
//!
//! Pure. Deliberately absent: findings that values or another version would mend; those are for people to see.

use std::sync::Arc;

use super::Service;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result, Source};
use crate::document::toml;
use crate::lint::{Subject, application_destination};
use crate::workspace::config::Config;

/// Objects that the reason names; of more, their number is told.
const NAMED: usize = 3;

/// The entry of charts.toml that accepts what a new umbrella renders; `None` where there is nothing to accept.
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
        "The chart {} names the namespace of {}{more} by itself; argocd/projects/{}.yaml allows what that needs.",
        dependency.name,
        named.join(", "),
        service.app
    );
    (!objects.is_empty()).then(|| {
        format!(
            "[[suppress]]\ncheck = \"{}\"\ntarget = \"{}\"\nreason = {}\n",
            Code::NamespaceMismatch.name(),
            service.app,
            toml::quoted(&reason)
        )
    })
}

/// charts.toml with an entry at its end, all that it says kept as it stands; `None` where it has the entry already.
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
    let before = Config::parse(config)?.silences.len();
    match Config::parse(&Source::new(config.name.clone(), whole.clone())) {
        Ok(config) if config.silences.len() == before + 1 => Ok(Some(whole)),
        // Entries in one list, `suppress = […]`, take no other at the end of the file.
        _ => Err(refused(config, entry)),
    }
}

fn refused(config: &Source, entry: &str) -> Diagnostics {
    let message = format!("{} takes no further `[[suppress]]` at its end, and the dependency needs one", config.name);
    Diagnostic::new(Code::EditRefused, message)
        .note(entry.trim_end())
        .help("write its silences as `[[suppress]]` tables, and run this again")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# é\nrepository = \"https://git.example.org/home.git\" # ours\n\n[argocd]\nversion = \"3.5\"\n\n[kubernetes]\nversion = \"1.34.11\"\n";
    const ENTRY: &str = "[[suppress]]\ncheck = \"namespace-mismatch\"\ntarget = \"cache\"\nreason = \"r\"\n";

    fn appended(text: &str) -> Option<String> {
        append(&Source::new("charts.toml", text), ENTRY).expect("can be edited")
    }

    #[test]
    fn all_that_is_there_stays_and_nothing_comes_twice() {
        let once = appended(CONFIG).expect("new");
        assert_eq!(once, format!("{CONFIG}\n{ENTRY}"));
        assert_eq!(appended(&once), None);
        let windows = CONFIG.replace('\n', "\r\n");
        assert_eq!(appended(&windows), Some(once.replace('\n', "\r\n")));
        assert_eq!(appended(&once.replace('\n', "\r\n")), None);
        assert_eq!(appended(CONFIG.trim_end()), Some(once));
    }

    #[test]
    fn silences_in_one_list_are_left_to_people() {
        let text = format!("suppress = []\n{CONFIG}");
        let found = append(&Source::new("charts.toml", text), ENTRY).expect_err("refused");
        assert_eq!(found.0[0].code, Code::EditRefused);
    }
}
