//! .helmignore, as Helm reads it: like .gitignore at first sight, with rules of its own.
//!
//! The first rule that matches decides. A pattern without `/` is held against the file name, one with `/` against the
//! whole path. A rule with `!` ignores everything that it does *not* match, which is Helm's reading of it.
//!
//! Deliberately absent: `**`. Helm refuses such a file; here its rules count for nothing, and Helm tells.

use crate::workspace::glob;

/// The rules of a file, in order.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: String,
    negated: bool,
    folder_only: bool,
    whole_path: bool,
}

impl Rules {
    /// Reads the text of a .helmignore.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let rules = text.trim_start_matches('\u{feff}').lines().chain(["templates/.?*"]).filter_map(|line| {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.contains("**") {
                return None;
            }
            let (negated, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
            let (folder_only, pattern) = pattern.strip_suffix('/').map_or((false, pattern), |rest| (true, rest));
            let whole_path = pattern.contains('/');
            let pattern = pattern.strip_prefix('/').unwrap_or(pattern).to_owned();
            Some(Rule { pattern, negated, folder_only, whole_path })
        });
        Self(rules.collect())
    }

    /// Whether a path, relative to the chart, is left out.
    #[must_use]
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        for rule in &self.0 {
            let fits = (!rule.folder_only || is_folder) && rule.matches(path);
            if fits != rule.negated {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        if !self.whole_path {
            let name = path.rsplit('/').next().unwrap_or(path);
            return glob::matches(&self.pattern, name).unwrap_or(false);
        }
        let (patterns, parts): (Vec<_>, Vec<_>) = (self.pattern.split('/').collect(), path.split('/').collect());
        patterns.len() == parts.len()
            && patterns.iter().zip(parts).all(|(pattern, part)| glob::matches(pattern, part).unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rules_as_helm_does() {
        let rules = Rules::parse("# comment\n.git/\n*.tmp\n/README.md\nci/\ndocs/*.txt\n");
        for (path, is_folder, ignored) in [
            (".git", true, true),
            (".git", false, false),
            ("a/b.tmp", false, true),
            ("README.md", false, true),
            ("docs/README.md", false, false),
            ("ci", true, true),
            ("docs/a.txt", false, true),
            ("docs/x/a.txt", false, false),
            ("templates/.hidden.yaml", false, true),
            ("templates/a.yaml", false, false),
        ] {
            assert_eq!(rules.ignores(path, is_folder), ignored, "{path}");
        }
    }

    #[test]
    fn a_negated_rule_ignores_the_rest() {
        let rules = Rules::parse("!*.yaml\n");
        assert!(rules.ignores("README.md", false));
        assert!(!rules.ignores("a.yaml", false));
    }
}
