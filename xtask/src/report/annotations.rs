//! GitHub workflow commands, which annotate the files of a pull request with the diagnostics.
//!
//! An annotation needs a file in the repository, so it is attached to the first place of a diagnostic that is one.
//!
//! Reference: "Workflow commands for GitHub Actions".

use std::path::Path;

use diagnostics::{Class, Diagnostic, Diagnostics, Place};

use super::safe;

/// Formats one workflow command per diagnostic.
#[must_use]
pub fn commands(root: &Path, diagnostics: &Diagnostics) -> String {
    diagnostics.0.iter().map(|diagnostic| command(root, diagnostic)).collect()
}

fn command(root: &Path, diagnostic: &Diagnostic) -> String {
    let level = if diagnostic.code.class() == Class::Warning { "warning" } else { "error" };
    let exists = |place: &&Place| root.join(&place.source.name).is_file();
    let place = diagnostic.places.iter().map(|(place, _)| place).find(exists);
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(&place.source.name)));
        if let Some((line, column)) = place.position() {
            properties.push(format!("line={line},col={column}"));
        }
    }
    properties.push(format!("title={}", diagnostic.code.name()));
    let mut text = match &diagnostic.target {
        Some(target) => format!("{target}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    for (place, label) in diagnostic.places.iter().filter(|(_, label)| !label.is_empty()) {
        text.push_str(&format!("\n{place}: {label}"));
    }
    for note in &diagnostic.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    for help in &diagnostic.helps {
        text.push_str(&format!("\nhelp: {help}"));
    }
    format!("::{level} {}::{}\n", properties.join(","), data(&text))
}

fn data(text: &str) -> String {
    safe::text(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use diagnostics::{Code, Source};

    use super::*;

    #[test]
    fn an_annotation_is_attached_to_a_file_in_the_repository() {
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::write(root.path().join("a,b.yaml"), "x: 1\ny: 2\n").expect("written");
        let golden = Source::new("tests/golden/x.yaml (as rendered now)", "k: v\n");
        let file = Source::new("a,b.yaml", "x: 1\ny: 2\n");
        let error = Diagnostic::new(Code::HelmLint, "100 % wrong")
            .target("web/default")
            .at(Place::new(&golden, 0..1), "here")
            .at(Place::new(&file, 5..6), "")
            .help("fix it");
        let warning = Diagnostic::new(Code::ToolVersion, "old");
        assert_eq!(
            commands(root.path(), &Diagnostics(vec![error, warning])),
            "::error file=a%2Cb.yaml,line=2,col=1,title=helm-lint::web/default: 100 %25 wrong%0A\
             tests/golden/x.yaml (as rendered now):1:1: here%0Ahelp: fix it\n\
             ::warning title=tool-version::old\n"
        );
    }
}
