//! The two glob syntaxes of the `git` generator.

use toolbox::path_match::PathPattern;

use crate::glob::matches;

/// The files that a pattern matches as `git ls-files` finds them: `*` and `?` match `/`, too, and a directory stands for
/// everything in it. `None` for a pattern that leaves the repository.
#[must_use]
pub(super) fn with_git<'a>(pattern: &str, paths: &'a [String]) -> Option<Vec<&'a String>> {
    let pattern = pathspec(pattern)?;
    // Without wildcards, a pattern is a plain path.
    let wild = if pattern.contains(['*', '?', '[', '\\']) { PathPattern::parse_pathspec(&pattern) } else { None };
    let found = paths.iter().filter(|path| {
        let below = |path: &str| {
            path.strip_prefix(pattern.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || pattern.ends_with('/'))
        };
        pattern.is_empty() || below(path) || wild.as_ref().is_some_and(|wild| wild.matches(path))
    });
    Some(found.collect())
}

/// A pattern relative to the root, without `.` and `..`.
fn pathspec(pattern: &str) -> Option<String> {
    if pattern.starts_with('/') || pattern.starts_with(":(") {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let slash = if pattern.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    Some(parts.join("/") + slash)
}

/// The files that a pattern matches with `--enable-new-git-file-globbing`: `*` stays in its directory, `**` matches any
/// number of directories, and `{a,b}` has alternatives. Argo CD fails if a directory matches, too.
pub(super) fn with_doublestar<'a>(pattern: &str, paths: &'a [String]) -> Result<Vec<&'a String>, Mismatch> {
    let mut alternatives = Vec::new();
    for pattern in crate::glob::braces(pattern).map_err(|_| Mismatch::Malformed)? {
        let segments = pathspec(pattern.trim_start_matches('/')).unwrap_or_default();
        let segments: Vec<String> = segments.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        for segment in &segments {
            matches(segment, "").map_err(|_| Mismatch::Malformed)?;
        }
        alternatives.push(segments);
    }
    let fits = |path: &str| {
        let names: Vec<&str> = path.split('/').collect();
        alternatives.iter().any(|segments| along(segments, &names))
    };
    let above = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    if let Some(directory) = paths.iter().flat_map(|path| above(path)).find(|directory| fits(directory)) {
        return Err(Mismatch::Directory(directory));
    }
    Ok(paths.iter().filter(|path| fits(path)).collect())
}

/// Why a pattern finds no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It is invalid.
    Malformed,
    /// It matches this directory.
    Directory(String),
}

fn along(segments: &[String], names: &[&str]) -> bool {
    // Whether the segments so far match the first names.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for segment in segments {
        let mut next = vec![false; names.len() + 1];
        if segment == "**" {
            let first = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
            next[first.min(names.len() + 1)..].fill(true);
        } else {
            for (at, name) in names.iter().enumerate() {
                next[at + 1] = reached[at] && matches(segment, name).unwrap_or_default();
            }
        }
        reached = next;
    }
    reached[names.len()]
}

/// The directories of a repository as Argo CD lists them: parents before children, without hidden ones.
#[must_use]
pub(super) fn directories(paths: &[String]) -> Vec<String> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    for path in paths {
        let mut names: Vec<&str> = path.split('/').collect();
        names.pop();
        let visible = names.iter().position(|name| name.starts_with('.')).unwrap_or(names.len());
        all.extend((1..=visible).map(|length| names[..length].to_vec()));
    }
    all.sort();
    all.dedup();
    all.into_iter().map(|names| names.join("/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Vec<String> {
        let paths = [
            "config.json",
            "apps/a/config.json",
            "apps/a/b/config.json",
            "apps/a-b/config.yaml",
            "apps/.hidden/config.json",
            "apps/[x]/config.json",
            "apps.json/deep/x",
            "clusters/dev/values.yaml",
        ];
        let mut paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
        paths.sort();
        paths
    }

    #[test]
    fn files_are_found_as_git_does() {
        let paths = paths();
        let find = |pattern: &str| {
            with_git(pattern, &paths).map(|found| found.into_iter().map(String::as_str).collect::<Vec<_>>())
        };
        let all = [
            "apps/.hidden/config.json",
            "apps/[x]/config.json",
            "apps/a-b/config.yaml",
            "apps/a/b/config.json",
            "apps/a/config.json",
        ];
        assert_eq!(find("apps"), Some(all.to_vec()));
        assert_eq!(find("apps/"), Some(all.to_vec()));
        assert_eq!(find("apps/*/config.json"), Some(vec![all[0], all[1], all[3], all[4]]));
        assert_eq!(find("**/config.json"), Some(vec![all[0], all[1], all[3], all[4]]));
        assert_eq!(find("*.yaml"), Some(vec![all[2], "clusters/dev/values.yaml"]));
        assert_eq!(find("./apps/a/../a/config.json"), Some(vec![all[4]]));
        assert_eq!(find("apps/a/config.json"), Some(vec![all[4]]));
        assert_eq!(find("apps/[x]/config.json"), Some(vec![all[1]]));
        assert_eq!(find("apps/?/config.json"), Some(vec![all[4]]));
        assert_eq!(find("none*"), Some(vec![]));
        assert_eq!(find("/apps"), None);
        assert_eq!(find("../x"), None);
    }

    #[test]
    fn files_are_found_as_doublestar_does() {
        let paths = paths();
        let find = |pattern: &str| {
            let found = with_doublestar(pattern, &paths).expect("a valid pattern");
            found.into_iter().map(String::as_str).collect::<Vec<_>>()
        };
        let json = ["apps/.hidden/config.json", "apps/[x]/config.json", "apps/a/b/config.json", "apps/a/config.json"];
        assert_eq!(find("apps/*/config.json"), [json[0], json[1], json[3]]);
        assert_eq!(find("apps/**/config.json"), json);
        assert_eq!(find("**/config.json"), [json[0], json[1], json[2], json[3], "config.json"]);
        assert_eq!(with_doublestar("*.json", &paths), Err(Mismatch::Directory("apps.json".to_owned())));
        assert_eq!(find("c*.json"), ["config.json"]);
        assert_eq!(find("{config.json,clusters/*/values.yaml}"), ["clusters/dev/values.yaml", "config.json"]);
        assert_eq!(with_doublestar("apps", &paths), Err(Mismatch::Directory("apps".to_owned())));
        assert_eq!(with_doublestar("apps/[", &paths), Err(Mismatch::Malformed));
    }

    #[test]
    fn directories_are_listed_as_in_argo_cd() {
        let expected = [
            "apps",
            "apps/[x]",
            "apps/a",
            "apps/a/b",
            "apps/a-b",
            "apps.json",
            "apps.json/deep",
            "clusters",
            "clusters/dev",
        ];
        assert_eq!(directories(&paths()), expected);
    }
}
