//! Reasons for which many Applications are not rendered, each of which is reported once.
//!
//! In a repository from which several instances of Argo CD deploy, many Applications of one directory have the names of
//! those of another. And many ApplicationSets need the same clusters.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Fact, Place};

/// How many other names a finding lists.
const NAMED: usize = 8;

/// The directory of a place's file.
pub(crate) fn directory(place: &Place) -> &str {
    place.source.name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The common part of findings with one cause; `None` if each is its own cause.
fn cause(found: &Diagnostic) -> Option<Vec<String>> {
    match found.code {
        Code::ApplicationDuplicate => {
            let directories: Vec<String> = found.places.iter().map(|(place, _)| directory(place).to_owned()).collect();
            directories.windows(2).any(|pair| pair[0] != pair[1]).then_some(directories)
        }
        // Several sources or names of one ApplicationSet.
        Code::ApplicationInvalid | Code::ChartMissing | Code::DirectoryEmpty => {
            let (place, _) = found.places.first()?;
            Some(vec![place.to_string()])
        }
        // All references of a kustomization to something elsewhere are one finding.
        Code::NotRendered if found.is(&Fact::Elsewhere) => {
            let (place, _) = found.places.first()?;
            Some(vec![place.source.name.clone(), ELSEWHERE.to_owned()])
        }
        Code::NotRendered => Some(vec![found.reason().to_owned()]),
        _ => None,
    }
}

/// Distinguishes what is elsewhere from other findings in a file.
const ELSEWHERE: &str = "elsewhere";

/// The subject of a finding, as it is listed in one about several: a path or a URL, or else the Application.
fn subject<'a>(name: &'a str, found: &'a Diagnostic) -> &'a str {
    let file = found.facts.iter().find_map(|fact| match fact {
        Fact::File(file) => Some(file.as_str()),
        _ => None,
    });
    file.unwrap_or(name)
}

/// Keeps the first finding of each cause, which names the others.
pub(crate) fn fold(found: Vec<(&str, Diagnostic)>) -> Vec<Diagnostic> {
    let mut folded: Vec<(Diagnostic, String, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<(Code, Vec<String>), usize> = BTreeMap::new();
    for (name, one) in found {
        if let Some(cause) = cause(&one) {
            let key = (one.code, cause);
            if let Some(&index) = known.get(&key) {
                folded[index].2.push(subject(name, &one).to_owned());
                continue;
            }
            known.insert(key, folded.len());
        }
        let own = subject(name, &one).to_owned();
        folded.push((one, own, Vec::new()));
    }
    let folded = folded.into_iter().map(|(one, own, mut others)| {
        others.sort_unstable();
        others.dedup();
        others.retain(|name| *name != own);
        let named: Vec<String> = others.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        let rest = others.len() - named.len();
        match named.len() {
            0 => one,
            _ if rest > 0 => one.note(format!("the same with {}, and {rest} more", named.join(", "))),
            _ => one.note(format!("the same with {}", named.join(", "))),
        }
    });
    folded.collect()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;

    use super::*;

    fn shown(found: Vec<(&str, Diagnostic)>) -> Vec<(String, Vec<String>)> {
        fold(found).into_iter().map(|one| (one.message, one.notes)).collect()
    }

    #[test]
    fn one_cause_is_one_finding() {
        let place = |file: &str| Place::new(&Source::new(file, "x"), 0..1);
        let twice = |name: &str, one: &str, two: &str| {
            Diagnostic::new(Code::ApplicationDuplicate, name).at(place(one), "").at(place(two), "")
        };
        let found = vec![
            ("a", twice("a", "beta/a.yaml", "alpha/a.yaml")),
            ("b", twice("b", "beta/b.yaml", "alpha/b.yaml")),
            ("c", twice("c", "gamma/c.yaml", "alpha/c.yaml")),
            ("d", twice("d", "x/d.yaml", "x/e.yaml")),
            ("e", twice("e", "x/d.yaml", "x/e.yaml")),
        ];
        let alone = |name: &str| (name.to_owned(), Vec::new());
        let with = |name: &str, note: &str| (name.to_owned(), vec![note.to_owned()]);
        assert_eq!(shown(found), [with("a", "the same with `b`"), alone("c"), alone("d"), alone("e")]);

        let names: Vec<String> = (0..12).map(|number| format!("set{number}")).collect();
        let set = |name: &String| {
            let message = format!("Applications of ApplicationSet `{name}` are not generated: why");
            Diagnostic::new(Code::NotRendered, message).fact(Fact::Reason("why".to_owned()))
        };
        let found = shown(names.iter().map(|name| (name.as_str(), set(name))).collect());
        assert_eq!(found.len(), 1);
        assert!(found[0].1[0].ends_with("`set6`, and 3 more"), "{found:?}");
    }
}
