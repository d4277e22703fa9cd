//! Applications of one name.
//!
//! In a repository from which several instances of Argo CD deploy, many Applications of one directory have the names of
//! those of another: one cause, which is reported once.

use std::collections::BTreeMap;

use argocd::application::Application;
use diagnostics::{Code, Diagnostic, Place};

use crate::files::CONFIG_FILE;

/// How many other names a finding lists.
const NAMED: usize = 8;

/// The finding about an Application whose name another one has.
pub(crate) fn report(application: &Application, first: Place) -> Diagnostic {
    let elsewhere = directory(&first) != directory(&application.place);
    let found = Diagnostic::new(
        Code::ApplicationDuplicate,
        format!("Application `{}` is defined twice in one namespace", application.name),
    )
    .at(application.place.clone(), "second definition")
    .at(first, "first definition")
    .help("rename one of them; Kubernetes keeps only one object per name and namespace");
    if !elsewhere {
        return found;
    }
    found.help(format!(
        "or, if each belongs to another instance of Argo CD, declare the instances with `[[instance]]` in {CONFIG_FILE}"
    ))
}

fn directory(place: &Place) -> &str {
    place.source.name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Keeps one of the findings about Applications in the same two directories, which names the others.
pub(crate) fn fold(found: Vec<(&str, Diagnostic)>) -> Vec<Diagnostic> {
    let mut folded: Vec<(Diagnostic, Vec<&str>)> = Vec::new();
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for (name, one) in found {
        let directories: Vec<String> = one.places.iter().map(|(place, _)| directory(place).to_owned()).collect();
        let apart = directories.windows(2).any(|pair| pair[0] != pair[1]);
        if one.code == Code::ApplicationDuplicate && apart {
            if let Some(&index) = known.get(&directories) {
                folded[index].1.push(name);
                continue;
            }
            known.insert(directories, folded.len());
        }
        folded.push((one, Vec::new()));
    }
    let folded = folded.into_iter().map(|(one, others)| {
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
