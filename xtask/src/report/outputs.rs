//! The files that a command writes its report to, several at once.

use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::atomic_file;

use super::junit::{self, Suite};
use super::model::Report;
use super::{called, code_quality, html, markdown, rdjson, sarif, step_summary};
use crate::output;

/// Formats a report.
type Format = fn(&Report) -> String;

/// Where to write the report. docs/reports.md describes the formats.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Reports")]
pub struct Outputs {
    /// Write a Markdown report for a comment; if it is too long for one, its parts are FILE, and FILE with `.2`, `.3`, …
    /// before its extension
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Write an HTML report: one file, with search and filters
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write a SARIF 2.1.0 report, for GitHub code scanning and editors
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,

    /// Write a Code Quality report for GitLab
    #[arg(long, value_name = "FILE")]
    pub code_quality: Option<PathBuf>,

    /// Write a report for reviewdog, with suggested edits
    #[arg(long, value_name = "FILE")]
    pub rdjson: Option<PathBuf>,

    /// Write a JUnit XML report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

impl Outputs {
    /// Whether any file is requested.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether a file is requested that shows changes. The test cases of `ci` are its stages.
    #[must_use]
    pub(crate) fn show_changes(&self) -> bool {
        Self { junit: None, ..self.clone() }.is_any()
    }

    /// Fails if two reports have one file, or if one would replace a file of the repository.
    pub fn check(&self, root: &Path) -> Result<()> {
        let Self { markdown, html, sarif, code_quality, rdjson, junit } = self;
        let options = [
            ("markdown", markdown),
            ("html", html),
            ("sarif", sarif),
            ("code-quality", code_quality),
            ("rdjson", rdjson),
            ("junit", junit),
        ];
        let mut failed = Diagnostics::default();
        let mut seen: Vec<(&str, PathBuf)> = Vec::new();
        for (option, path) in options.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            match seen.iter().find(|(_, other)| *other == absolute) {
                Some((other, _)) => {
                    let message = format!("`--{other}` and `--{option}` have the same file, `{}`", path.display());
                    failed.push(Diagnostic::new(Code::Usage, message).help("write each report to a file of its own"));
                }
                None => failed.extend(output::reserved_file(root, &absolute).err().unwrap_or_default()),
            }
            seen.push((option, absolute));
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    /// Writes the report to all requested files, and appends it to the summary of the step, if this is one. A file that
    /// cannot be written does not stop the others.
    pub fn write(&self, report: &Report, summary: Option<&Path>) -> Result<()> {
        self.write_with(report, &junit::suites(report), summary)
    }

    /// Like [`Outputs::write`], with the test cases for JUnit.
    pub(crate) fn write_with(&self, report: &Report, suites: &[Suite], summary: Option<&Path>) -> Result<()> {
        let mut failed = Diagnostics::default();
        let formats: [(&Option<PathBuf>, Format); 4] = [
            (&self.html, html::document),
            (&self.sarif, sarif::document),
            (&self.code_quality, code_quality::document),
            (&self.rdjson, rdjson::document),
        ];
        for (path, format) in formats {
            if let Some(path) = path {
                failed.extend(atomic_file::write(path, as_called(format(report)).as_bytes()).err().unwrap_or_default());
            }
        }
        if let Some(path) = &self.markdown {
            failed.extend(write_parts(path, markdown::parts(report)).err().unwrap_or_default());
        }
        if let Some(path) = &self.junit {
            failed.extend(junit::write(path, suites).err().unwrap_or_default());
        }
        if let Some(path) = summary {
            failed.extend(step_summary::append(path, report).err().unwrap_or_default());
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }
}

/// Writes the parts of a Markdown report, and removes those of an earlier, longer one.
fn write_parts(path: &Path, parts: Vec<String>) -> Result<()> {
    let count = parts.len();
    for (index, text) in parts.into_iter().enumerate() {
        atomic_file::write(&part(path, index + 1), as_called(text).as_bytes())?;
    }
    for number in count + 1.. {
        let old = part(path, number);
        let ours = toolbox::regular_file::read_to_string(&old).is_ok_and(|text| text.starts_with(markdown::MARKER));
        if !ours {
            break;
        }
        std::fs::remove_file(&old).map_err(|error| Diagnostic::io("remove", &old, &error))?;
    }
    Ok(())
}

/// The text with the commands as this program was called.
fn as_called(text: String) -> String {
    match called::called() {
        // No longer than before, so that a part still fits, and without characters that mean anything in a format.
        name if name.len() <= called::BY_CARGO.len() && name.chars().all(|c| c.is_ascii_alphanumeric()) => {
            text.replace(called::BY_CARGO, name)
        }
        _ => text,
    }
}

/// The file of a part: `report.md`, `report.2.md`, …
fn part(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_path_buf();
    }
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(format!(".{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_numbers_and_replace_those_of_an_earlier_run() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = folder.path().join("report.md");
        let text = |number: usize| format!("{}diff:{number} -->\n", markdown::MARKER);
        write_parts(&path, vec![text(1), text(2), text(3)]).expect("written");
        let names = || {
            let entries = std::fs::read_dir(folder.path()).expect("readable");
            let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["report.2.md", "report.3.md", "report.md"]);
        std::fs::write(folder.path().join("report.4.md"), "mine").expect("written");
        write_parts(&path, vec![text(1)]).expect("written");
        assert_eq!(names(), ["report.4.md", "report.md"]);
        assert_eq!(part(Path::new("a/report"), 2), Path::new("a/report.2"));
    }
}
