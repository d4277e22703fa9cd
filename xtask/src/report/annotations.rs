//! GitHub workflow commands, which annotate the files of a pull request with the diagnostics.
//!
//! An annotation needs a file in the repository, so it is attached to the first place of a diagnostic that is one.
//!
//! GitHub shows ten errors and ten warnings of a step, and drops the others silently. The diagnostics are sorted by their
//! severity, so the first ones are shown, and one more annotation says what is left out.
//!
//! Reference: "Workflow commands for GitHub Actions".

use std::path::Path;

use diagnostics::wording::plural;
use diagnostics::{Class, Diagnostic, Diagnostics, Place};

use super::visible;

/// How many annotations of one level GitHub shows.
const SHOWN: usize = 10;

/// Formats one workflow command per diagnostic, as many as are shown.
#[must_use]
pub fn commands(root: &Path, diagnostics: &Diagnostics) -> String {
    let (warnings, errors): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostics.0.iter().partition(|diagnostic| diagnostic.code.class() == Class::Warning);
    let mut out = String::new();
    let mut left_out = Vec::new();
    for (level, all) in [("error", errors), ("warning", warnings)] {
        out.extend(all.iter().take(SHOWN).map(|diagnostic| command(root, level, diagnostic)));
        if all.len() > SHOWN {
            left_out.push(plural(all.len() - SHOWN, &format!("more {level}")));
        }
    }
    if !left_out.is_empty() {
        let text = format!("{} in the log of this step, which GitHub does not annotate", left_out.join(" and "));
        out.push_str(&format!("::notice title=cargo xtask::{}\n", data(&text)));
    }
    out
}

fn command(root: &Path, level: &str, diagnostic: &Diagnostic) -> String {
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
    visible::lines(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
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

    #[test]
    fn what_github_would_drop_is_counted() {
        let many = |code, count| (0..count).map(move |number| Diagnostic::new(code, format!("problem {number}")));
        let all = many(Code::HelmLint, 12).chain(many(Code::ToolVersion, 11)).collect();
        let commands = commands(Path::new("."), &Diagnostics(all));
        let lines: Vec<&str> = commands.lines().collect();
        assert_eq!(lines.len(), 21);
        assert_eq!(
            lines[20],
            "::notice title=cargo xtask::2 more errors and 1 more warning in the log of this step, which GitHub does not \
             annotate"
        );
    }
}
