//! Charts that changed without a version bump.
//!
//! A chart is what Helm packages: a change to any file in its folder counts, committed or not, except for files that
//! .helmignore excludes. The base is the merge base with the main branch, unless another revision is given. A chart
//! that does not exist at the base needs no bump. Whether the bump is large enough is not checked.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source, wording};
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::helmignore::Rules;
use semver::Version;

use super::base::Base;
use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ChartVersionUnraised];

/// Checks the charts of the workspace against the base.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let Some(base) = subject.base else { return Diagnostics::default() };
    since(&subject.workspace.root, subject.charts, base).unwrap_or_else(|found| found)
}

/// Checks the charts that changed since a revision.
fn since(root: &std::path::Path, charts: &[&Chart], base: &Base) -> Result<Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let inside: Vec<&&Chart> = charts.iter().filter(|chart| chart.directory.starts_with(root)).collect();
    if inside.is_empty() {
        return Ok(diagnostics);
    }
    let Some(changed) = base.changed(root, charts)? else { return Ok(diagnostics) };
    for chart in inside {
        let rules = Rules::parse(
            &toolbox::regular_file::read_to_string(chart.directory.join(".helmignore")).unwrap_or_default(),
        );
        let prefix = format!("{}/", chart.path);
        let packaged: Vec<&String> = changed
            .iter()
            .filter(|path| {
                path.strip_prefix(&prefix).is_some_and(|inside| inside == ".helmignore" || !rules.ignores(inside))
            })
            .collect();
        if packaged.is_empty() {
            continue;
        }
        if let Some(text) = base.repository.file(&base.commit, &format!("{prefix}Chart.yaml"))? {
            diagnostics.0.extend(judge(chart, &text, &packaged, &base.name));
        }
    }
    Ok(diagnostics)
}

/// Compares a chart's version with the one in `before`, its Chart.yaml at the base. Helm reports invalid versions.
fn judge(chart: &Chart, before: &str, changed: &[&String], base: &str) -> Option<Diagnostic> {
    let before = yaml::parse_one(&Source::new("Chart.yaml", before)).ok()?.root;
    let before = match &before.get("version")?.value {
        Value::String(text) | Value::Number(text) => version(text)?,
        _ => return None,
    };
    let now = version(&chart.version)?;
    if now.cmp_precedence(&before).is_gt() {
        return None;
    }
    let fell = now.cmp_precedence(&before).is_lt();
    let next = next(&before);
    let message = if fell {
        format!("`{}` changed since `{base}`, but its version went down from {before} to {now}", chart.path)
    } else {
        format!("`{}` changed since `{base}`, but its version is still {now}", chart.path)
    };
    let place = yaml::parse_one(&chart.source).ok().and_then(|document| document.root.get("version").map(Node::place));
    let more = wording::and_more(changed.len().saturating_sub(1));
    Some(
        Diagnostic::new(Code::ChartVersionUnraised, message)
            .at(place.unwrap_or_else(|| Place::file(chart.source.name.clone())), format!("expected {next} or higher"))
            .note(format!("changed: {}{more}", changed.first()?))
            .help(format!("set `version: {next}` in {}, and describe the change in CHANGELOG.md", chart.source.name)),
    )
}

fn version(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// Returns the smallest release after a version.
fn next(version: &Version) -> Version {
    let patch = if version.pre.is_empty() { version.patch + 1 } else { version.patch };
    Version::new(version.major, version.minor, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_is_the_smallest_release() {
        for (from, to) in [("0.1.0", "0.1.1"), ("1.2.3+build", "1.2.4"), ("1.0.0-rc.1", "1.0.0"), ("v2.0.0", "2.0.1")] {
            assert_eq!(next(&version(from).expect("a version")).to_string(), to);
        }
        assert!(version("1.2").is_none());
    }
}
