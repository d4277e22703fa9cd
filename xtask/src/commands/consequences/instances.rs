//! Findings that Applications of several Argo CD instances have in common: they deploy the same, so one is enough.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Diagnostics};

/// The common part of the findings of several instances.
type Key = (Code, String, String, String, String);

/// Merges findings about the same part of what instances render. The first one counts the others.
pub(super) fn merge(diagnostics: &mut Diagnostics) {
    let mut merged: BTreeMap<Key, usize> = BTreeMap::new();
    let mut kept: Vec<(Diagnostic, usize)> = Vec::new();
    for found in std::mem::take(&mut diagnostics.0) {
        let Some(key) = key(&found) else {
            kept.push((found, 0));
            continue;
        };
        if let Some(&index) = merged.get(&key) {
            kept[index].1 += 1;
            continue;
        }
        merged.insert(key, kept.len());
        kept.push((found, 0));
    }
    diagnostics.0.extend(kept.into_iter().map(|(mut found, others)| {
        if let Some(target) = found.target.as_mut().filter(|_| others > 0) {
            target.push_str(&format!(" and {others} more"));
        }
        found
    }));
}

/// The key of a finding about a target of a named instance that is not counted yet.
fn key(found: &Diagnostic) -> Option<Key> {
    let target = found.target.as_ref().filter(|target| !target.contains(" and "))?;
    let (name, rest) = target.split_once('@')?;
    let case = rest.split_once('/').map_or("", |(_, case)| case);
    let (place, label) = found.places.first()?;
    let (_, line) = place.source.lines_of(place.span.as_ref()?);
    let line = place.source.text.get(line).unwrap_or_default().to_owned();
    let subject = found.origin.as_ref().map(|origin| format!("{} {}", origin.kind, origin.name)).unwrap_or_default();
    let message = without_instances(&format!("{} {label} {subject}", found.message));
    Some((found.code, format!("{name}/{case}"), message, without_instances(&place.source.name), line))
}

/// A text without the names of instances behind those of Applications.
fn without_instances(text: &str) -> String {
    let mut parts = text.split('@');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        out.push_str(part.trim_start_matches(is_name));
    }
    out
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};

    use super::*;

    #[test]
    fn instances_count_once() {
        let found = |target: &str, message: &str, file: &str, text: &str| {
            let place = Place::new(&Source::new(file, text), 0..1);
            Diagnostic {
                target: Some(target.to_owned()),
                ..Diagnostic::new(Code::ReferencePort, message).at(place, "")
            }
        };
        let mut all = Diagnostics(vec![
            found("web@a/default", "x", "tests/golden/web@a/default/a.yaml", "a: 1\n"),
            found("web@b/default", "x", "tests/golden/web@b/default/a.yaml", "a: 1\n"),
            found("web@c/default", "x", "tests/golden/web@c/default/a.yaml", "a: 2\n"),
            found("web@d/default", "y", "tests/golden/web@d/default/a.yaml", "a: 1\n"),
            found("web@e/small", "x", "tests/golden/web@e/small/a.yaml", "a: 1\n"),
            found("web/default", "x", "tests/golden/web/default/a.yaml", "a: 1\n"),
        ]);
        merge(&mut all);
        let targets: Vec<&str> = all.0.iter().filter_map(|one| one.target.as_deref()).collect();
        assert_eq!(
            targets,
            ["web@a/default and 1 more", "web@c/default", "web@d/default", "web@e/small", "web/default"]
        );
    }
}
