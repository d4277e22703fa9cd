//! Applications that track a different revision than the other Applications of the repository.
//!
//! A name that is not a branch or tag of this clone, but nearly that of one, or of what another Application tracks, is
//! misspelled. Other differences may be intended, or the clone may lack the branch. Commits, versions, and tags are not
//! compared with what the others track.

use std::collections::{BTreeMap, BTreeSet};

use argocd::repository_url;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, did_you_mean, nearest};
use document::Node;
use toolbox::git::Repository;
use workspace::written::Written;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::TargetRevisionDiffers, Code::TargetRevisionUnknown];

/// Names of main branches.
const MAIN: &[&str] = &["main", "master", "trunk"];

/// The revision that Argo CD uses without `targetRevision`.
const DEFAULT: &str = "HEAD";

/// A source in a Git repository.
struct Tracked<'a> {
    application: Written<'a>,
    source: &'a Node,
    /// The revision without `refs/heads/`; `None` if it is not set.
    revision: Option<&'a str>,
}

/// Checks the sources of every Application.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    compare(subject).unwrap_or_else(|found| found)
}

fn compare(subject: &Subject<'_>) -> Result<Diagnostics> {
    let mut repositories: BTreeMap<String, Vec<Tracked<'_>>> = BTreeMap::new();
    for application in subject.every_application() {
        for source in sources(&application) {
            let Some(url) = source.get("repoURL").and_then(Node::as_str) else { continue };
            let chart = source.get("chart").and_then(Node::as_str).unwrap_or_default();
            if chart.is_empty() {
                let revision = source.get("targetRevision").and_then(Node::as_str).filter(|text| !text.is_empty());
                let revision = revision.map(|text| text.strip_prefix("refs/heads/").unwrap_or(text));
                let tracked = Tracked { application, source, revision };
                repositories.entry(repository_url::normalized(url)).or_default().push(tracked);
            }
        }
    }
    let selected: BTreeSet<&str> = subject.applications().iter().map(|application| application.name).collect();
    // The branches and tags of this clone, once they are needed.
    let mut known: Option<BTreeSet<String>> = None;
    let mut diagnostics = Diagnostics::default();
    for (url, sources) in &repositories {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for tracked in sources {
            *counts.entry(tracked.revision.unwrap_or(DEFAULT)).or_default() += 1;
        }
        // Applications that all track one branch need no question to Git.
        if sources.len() > 1 && counts.len() == 1 && !counts.contains_key(DEFAULT) {
            continue;
        }
        let own = repository_url::same(url, &subject.workspace.config.repository);
        if own && known.is_none() {
            let repository = Repository::around(&subject.workspace.root);
            known = Some(repository.map(|repository| repository.names()).transpose()?.unwrap_or_default());
        }
        let refs = known.as_ref().filter(|_| own);
        let selected = sources.iter().filter(|tracked| selected.contains(tracked.application.name));
        diagnostics.0.extend(selected.filter_map(|tracked| judge(tracked, &counts, refs)));
    }
    Ok(diagnostics)
}

/// The sources of an Application.
fn sources<'a>(application: &Written<'a>) -> Vec<&'a Node> {
    let several = application.root.find(&["spec", "sources"]).map(Node::items).unwrap_or_default();
    let single = application.root.find(&["spec", "source"]).filter(|_| several.is_empty());
    single.into_iter().chain(several).collect()
}

/// Compares a source with the number of sources that track each revision, and with the branches and tags of the clone.
fn judge(tracked: &Tracked<'_>, counts: &BTreeMap<&str, usize>, refs: Option<&BTreeSet<String>>) -> Option<Diagnostic> {
    let Tracked { application, source, revision } = tracked;
    let own = revision.unwrap_or(DEFAULT);
    let others = counts.iter().filter(|(other, _)| **other != own && is_branch(other));
    let others: BTreeMap<&str, usize> = others.map(|(other, count)| (*other, *count)).collect();
    let is_known = |name: &str| refs.is_some_and(|refs| refs.contains(name));
    if let Some(revision) = revision.as_ref().filter(|revision| is_branch(revision)) {
        if is_known(revision) {
            return None;
        }
        // Of two Applications with nearly the same branch, one that is the only evidence proves nothing.
        let tracked =
            others.iter().filter(|(other, count)| **count > 1 || MAIN.contains(other)).map(|(other, _)| *other);
        let candidates = tracked.chain(refs.into_iter().flatten().map(String::as_str));
        let candidates = candidates.filter(|other| is_misspelling(revision, other));
        // A revision that several Applications track is not misspelled.
        if counts.get(own).is_none_or(|count| *count == 1)
            && !MAIN.contains(revision)
            && let Some(near) = nearest(revision, candidates)
        {
            let label = match others.get(near) {
                Some(_) => format!("other Applications track `{near}`"),
                None => format!("this clone has no `{revision}`"),
            };
            let place = source.get("targetRevision").unwrap_or(source).place();
            return Some(
                application
                    .finding(
                        Code::TargetRevisionUnknown,
                        format!("`targetRevision: {revision}` looks like a misspelling of `{near}`"),
                        place,
                        label,
                    )
                    .note("Argo CD cannot sync an Application whose revision does not exist")
                    .help(did_you_mean(near)),
            );
        }
    }
    let unlike = revision.is_none_or(is_branch) && counts.get(own).is_none_or(|count| *count == 1);
    let (common, count) = others.first_key_value().filter(|_| others.len() == 1 && unlike)?;
    if *count < 2 {
        return None;
    }
    let (message, place) = match revision {
        Some(revision) => (
            format!("tracks `{revision}`, and {count} other sources of the repository track `{common}`"),
            source.get("targetRevision").unwrap_or(source).place(),
        ),
        None => ("`targetRevision` is not set".to_owned(), source.key_place("repoURL")),
    };
    let found = application.finding(Code::TargetRevisionDiffers, message, place, "");
    Some(match revision {
        Some(_) => found.help(format!("if that is not intended, set `targetRevision: {common}`")),
        None => found
            .note(format!("Argo CD tracks the default branch; {count} other sources track `{common}`"))
            .help(format!("set `targetRevision: {common}`")),
    })
}

/// Whether a revision looks like a branch, and not like a commit, a version, a range of versions, or a full ref.
fn is_branch(revision: &str) -> bool {
    let digits = revision.strip_prefix(['v', 'V']).unwrap_or(revision);
    let version = digits.starts_with(|c: char| c.is_ascii_digit());
    let range = revision.contains(['*', '<', '>', '=', '~', '^', '|', ' ']);
    let commit = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    revision != DEFAULT && !version && !range && !commit && !revision.starts_with("refs/")
}

/// Whether a name may be a misspelling of another: they do not differ in numbers or in short words, such as `env-a`.
fn is_misspelling(typed: &str, other: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let words = |text: &str| text.split(['-', '_', '/', '.']).map(str::to_owned).collect::<Vec<_>>();
    let (left, right) = (words(typed), words(other));
    let short = left.len() == right.len()
        && left.iter().zip(&right).any(|(one, two)| one != two && one.chars().count().min(two.chars().count()) <= 2);
    typed != other && digits(typed) == digits(other) && !short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_told_from_other_revisions() {
        for branch in ["main", "feature/x", "release", "deadbee-x", "beef"] {
            assert!(is_branch(branch), "{branch}");
        }
        for other in ["HEAD", "v1.2.3", "1.x", "1.*", ">=1.0", "deadbeef", "refs/tags/a", "2024-01"] {
            assert!(!is_branch(other), "{other}");
        }
    }

    #[test]
    fn numbered_branches_are_no_misspellings() {
        assert!(is_misspelling("mian", "main"));
        assert!(is_misspelling("release/stabel", "release/stable"));
        for (one, two) in [("release-a", "release-b"), ("env1", "env2"), ("main", "main"), ("qa", "dev")] {
            assert!(!is_misspelling(one, two), "{one} {two}");
        }
    }
}
