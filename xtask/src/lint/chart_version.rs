//! Whether the version of a chart rose when the chart changed.
//!
//! A chart is what Helm packages: a change to any file in its folder counts, committed or not, but for those that
//! .helmignore names. The base is the commit where the work at hand left the main branch, unless another one is asked
//! for. A chart that was not there then is new, and needs nothing.
//!
//! Deliberately absent: whether the version rose by enough. What breaks whom, people know.

use semver::Version;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::helmignore::Rules;
use toolbox::git;
use toolbox::git::Repository;

/// How many characters of a commit people look at.
const SHORT: usize = 10;

/// The charts that changed since a base: `asked`, or else where the work at hand left the main branch. Nothing is found
/// where there is no git, or no such commit; `Err` where the base that was asked for is not there.
pub fn check(root: &std::path::Path, charts: &[&Chart], asked: Option<&str>) -> Result<Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let Some(repository) = Repository::around(root) else {
        return match asked {
            Some(revision) => {
                Err(git::unknown("--base", revision, "there is no git repository, or no git on PATH").into())
            }
            None => Ok(diagnostics),
        };
    };
    let base = match asked {
        Some(revision) => {
            let commit = repository.commit(revision)?;
            Some(commit.ok_or_else(|| git::unknown("--base", revision, "git does not know it"))?)
        }
        None => repository.merge_base()?,
    };
    let Some(base) = base else { return Ok(diagnostics) };
    let name = match asked {
        Some(revision) if !base.starts_with(revision) => format!("`{revision}`"),
        _ => format!("`{}`", base.get(..SHORT).unwrap_or(&base)),
    };
    let inside: Vec<&&Chart> = charts.iter().filter(|chart| chart.directory.starts_with(root)).collect();
    let paths: Vec<&str> = inside.iter().map(|chart| chart.path.as_str()).collect();
    if paths.is_empty() {
        return Ok(diagnostics);
    }
    let Some(changed) = repository.changed(&base, &paths)? else { return Ok(diagnostics) };
    for chart in inside {
        let rules = Rules::parse(&std::fs::read_to_string(chart.directory.join(".helmignore")).unwrap_or_default());
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
        if let Some(text) = repository.file(&base, &format!("{prefix}Chart.yaml"))? {
            diagnostics.0.extend(judge(chart, &text, &packaged, &name));
        }
    }
    Ok(diagnostics)
}

/// The finding about a chart whose Chart.yaml was once another text. Versions that are none, Helm finds.
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
        format!("`{}` changed since {base}, and its version fell from {before} to {now}", chart.path)
    } else {
        format!("`{}` changed since {base}, and its version is still {now}", chart.path)
    };
    let place = yaml::parse_one(&chart.source).ok().and_then(|document| document.root.get("version").map(Node::place));
    let more = if changed.len() > 1 { format!(" and {} more", changed.len() - 1) } else { String::new() };
    Some(
        Diagnostic::new(Code::ChartVersionUnraised, message)
            .at(place.unwrap_or_else(|| Place::file(chart.source.name.clone())), format!("expected {next} or more"))
            .note(format!("changed: {}{more}", changed.first()?))
            .help(format!("set `version: {next}` in {}, and say what changed in CHANGELOG.md", chart.source.name)),
    )
}

fn version(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// The smallest release after a version.
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
