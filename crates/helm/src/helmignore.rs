//! `.helmignore`: the files in a chart's folder that Helm ignores.
//!
//! The rules look like those of .gitignore but differ: the first matching rule decides, a pattern without `/` is matched
//! against the file name, and `!pattern` ignores every file that does *not* match.
//!
//! Rules that Helm rejects (`**`) have no effect here; Helm reports them.

use toolbox::path_match::PathPattern;

/// Returns the first line, counted from 1, whose rule ignores a file.
#[must_use]
pub fn ignoring_line(text: &str, path: &str) -> Option<usize> {
    let ignores = |line: &str| Rule::parse(line).is_some_and(|rule| Rules(vec![rule]).ignores(path));
    text.lines().position(ignores).map(|index| index + 1)
}

/// The rules of a `.helmignore`, and Helm's built-in rule.
#[derive(Debug)]
pub struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: PathPattern,
    negated: bool,
    only_folders: bool,
    /// Whether the pattern is matched against the whole path, and not only the last part.
    whole_path: bool,
}

impl Rules {
    /// Parses the text of a `.helmignore`; an empty text has only Helm's built-in rule.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self(text.lines().chain(["templates/.?*"]).filter_map(Rule::parse).collect())
    }

    /// Whether a file is ignored, itself or with a parent folder.
    #[must_use]
    pub fn ignores(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.map(|folder| (folder, true)).chain([(path, false)]).any(|(path, folder)| self.decide(path, folder))
    }

    /// Whether a file or folder itself is ignored, without regard to its parent folders.
    #[must_use]
    pub fn decide(&self, path: &str, folder: bool) -> bool {
        for rule in &self.0 {
            let skipped = rule.only_folders && !folder;
            if rule.negated {
                if skipped || !rule.matches(path) {
                    return true;
                }
            } else if !skipped && rule.matches(path) {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.contains("**") {
            return None;
        }
        let (negated, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (only_folders, pattern) = pattern.strip_suffix('/').map_or((false, pattern), |rest| (true, rest));
        let (rooted, pattern) = pattern.strip_prefix('/').map_or((false, pattern), |rest| (true, rest));
        let whole_path = rooted || pattern.contains('/');
        Some(Self { pattern: PathPattern::parse(pattern)?, negated, only_folders, whole_path })
    }

    fn matches(&self, path: &str) -> bool {
        let subject = if self.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        self.pattern.matches(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_as_in_helm() {
        let rules = Rules::parse("# comment\n\n*.bak\nci/\n/top.txt\ndocs/*.md\n[ab]?.yaml\n");
        let ignored =
            ["x.bak", "deep/x.bak", "ci/a.yaml", "deep/ci/x", "top.txt", "docs/a.md", "a1.yaml", "templates/.x"];
        for path in ignored {
            assert!(rules.ignores(path), "{path}");
        }
        for path in ["ci", "deep/top.txt", "docs/deep/a.md", "c1.yaml", "templates/x.yaml", ".helmignore"] {
            assert!(!rules.ignores(path), "{path}");
        }
    }

    #[test]
    fn a_negated_rule_ignores_files_that_do_not_match() {
        let rules = Rules::parse("!*.yaml");
        assert!(rules.ignores("README.md"));
        assert!(!rules.ignores("values.yaml"));
    }

    #[test]
    fn the_line_that_ignores_a_file_is_found() {
        let text = "# all\n*.bak\nfiles/\n!files/keep.txt\n";
        assert_eq!(ignoring_line(text, "Chart.yaml"), Some(4));
        assert_eq!(ignoring_line(text, "files/keep.txt"), Some(3));
        assert_eq!(ignoring_line("*.bak\n", "Chart.yaml"), None);
    }

    #[test]
    fn an_unclosed_class_matches_nothing() {
        assert!(!Rules::parse("[a").ignores("a"));
    }
}
