//! Misspelled parameters in main.cf of Postfix, in `ConfigMaps` with a key of this name.
//!
//! Postfix takes an unknown name for a parameter of the administrator, and only logs a warning. So only a name that is nearly
//! a known one is reported, unless another parameter refers to it.

use std::collections::{BTreeSet, HashMap, HashSet};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean};
use document::{Node, block};
use kubernetes::inventory::near::is_near;
use kubernetes::object::Object;

use super::subject::Subject;
use super::written_once::written;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::KeyMisspelled];

/// The key with the parameters.
const MAIN: &str = "main.cf";

/// The names of the parameters of Postfix 3.7 to 3.10, separated by blanks.
const NAMES: &str = include_str!("postfix_parameters.txt");

/// Parts of parameters whose first word is the name of a service in master.cf.
const OF_SERVICES: &[&str] =
    &["_time_limit", "_destination_", "_transport_", "_delivery_slot", "_recipient_limit", "_recipient_refill_"];

/// The most names that are compared with the known ones.
const MOST: usize = 2_000;

/// Checks main.cf in all `ConfigMaps`.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let is_map = |object: &&Object| (&*object.key.group, &*object.key.kind) == ("", "ConfigMap");
    let mut diagnostics = Diagnostics::default();
    let mut names = Names::default();
    for object in subject.objects.iter().filter(is_map) {
        let Some(node) = object.find(&["data"]).and_then(|data| data.get(MAIN)) else { continue };
        diagnostics.0.extend(of_text(subject, object, node, &mut names));
    }
    diagnostics
}

/// The known names, and what was compared with them.
struct Names {
    known: BTreeSet<&'static str>,
    /// The known name that is near to an unknown one.
    near: HashMap<String, Option<&'static str>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { known: NAMES.split_whitespace().collect(), near: HashMap::new() }
    }
}

impl Names {
    /// The known name that was probably meant.
    fn near(&mut self, name: &str) -> Option<&'static str> {
        if self.known.contains(name) || OF_SERVICES.iter().any(|part| name.contains(part)) {
            return None;
        }
        if let Some(known) = self.near.get(name) {
            return *known;
        }
        if self.near.len() == MOST {
            return None;
        }
        let near = self.known.iter().find(|other| is_near(name, other)).copied();
        self.near.insert(name.to_owned(), near);
        near
    }
}

fn of_text(subject: &Subject<'_>, object: &Object, node: &Node, names: &mut Names) -> Vec<Diagnostic> {
    let Some(text) = node.as_str() else { return Vec::new() };
    let finding = |(at, name, near): (usize, &str, &str)| {
        let inside = Place::new(&Source::new("text", text), at..at + name.len());
        let place = block::in_file(&node.place(), &inside).unwrap_or_else(|| node.place());
        let message = format!("Postfix has no parameter `{name}`");
        let label = "Postfix only logs a warning";
        let mut found = object.finding(Code::KeyMisspelled, message, place, label);
        if let Some(written) = written(subject, object, name) {
            let label = std::mem::take(&mut found.places[0].1);
            found.places.insert(0, (written, label));
        }
        found.help(did_you_mean(near))
    };
    misspelled(text, names).into_iter().map(finding).collect()
}

/// The parameters of a text that are nearly known ones: where they are, their names, and the known ones.
fn misspelled<'t>(text: &'t str, names: &mut Names) -> Vec<(usize, &'t str, &'static str)> {
    let used: HashSet<&str> = used(text).collect();
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line.split_once('=').map(|(name, _)| name.trim_end()).unwrap_or_default();
        if !name.is_empty() && name.chars().all(is_part) && !used.contains(name) {
            found.extend(names.near(name).map(|near| (at, name, near)));
        }
        at += line.len();
    }
    found
}

/// The parameters to which values refer, as in `$name`, `${name}`, and `$(name)`.
fn used(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix(['{', '(']).unwrap_or(rest);
        rest.split(|c| !is_part(c)).next().unwrap_or_default()
    })
}

/// Whether a character can be part of the name of a parameter.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        misspelled(text, &mut Names::default()).into_iter().map(|(_, name, near)| (name, near)).collect()
    }

    #[test]
    fn misspelled_parameters_are_found() {
        assert_eq!(found("# x\nsmtpd_helo_require = yes\n"), [("smtpd_helo_require", "smtpd_helo_required")]);
        assert_eq!(found("relayhosts =\n"), [("relayhosts", "relayhost")]);
    }

    #[test]
    fn other_names_are_sound() {
        for text in [
            "smtpd_helo_required = yes\nmynetworks =\n  10.0.0.0/8\n",
            "smtps_destination_rate_delay = 1s\n",
            "my_relayhost = x\nrelayhost = $my_relayhost\n",
            "relayhosts = x\nrelayhost = ${relayhosts}\n",
            "# relayhosts = x\n",
            "internal_mail_filter_domains = x\n",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn very_many_parameters_take_no_time() {
        let text: String = (0..200_000).map(|i| format!("unknown_{i} = $unknown_{i}\nother_{i} =\n")).collect();
        let start = std::time::Instant::now();
        assert!(found(&text).is_empty());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
