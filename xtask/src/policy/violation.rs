//! One thing that a checker found.

use std::path::Path;

/// A violation of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violation {
    /// The rule; empty if the checker does not name it.
    pub rule: String,
    /// The object, if the checker names it.
    pub object: Option<String>,
    /// The file, relative to the folder.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<usize>,
    /// The checker's words, without the path of the folder.
    pub message: String,
    /// The checker's advice.
    pub help: Option<String>,
}

impl Violation {
    /// What is the same before and after a change that only moves it to another line.
    #[must_use]
    pub fn identity(&self) -> (String, Option<String>, Option<String>, String) {
        (self.rule.clone(), self.object.clone(), self.file.clone(), self.message.clone())
    }
}

/// The folder of a side. Its path differs between the sides, so that it must not be part of a violation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder<'a> {
    /// The directory in which the checker runs.
    pub root: &'a Path,
    /// The absolute path of the folder.
    pub path: &'a Path,
}

impl Folder<'_> {
    /// A text without the path of the folder.
    pub(super) fn text(self, text: &str) -> String {
        let path = self.path.display().to_string();
        text.replace(&format!("{path}/"), "").replace(&path, ".").trim().to_owned()
    }

    /// The path of a file, relative to the folder. Checkers write it as a URI, absolute, or relative to where they run.
    pub(super) fn file(self, uri: &str) -> String {
        let path = self.path.display().to_string();
        if let Some((_, inside)) = uri.split_once(&format!("{}/", path.trim_start_matches('/'))) {
            return inside.to_owned();
        }
        let relative = self.path.strip_prefix(self.root).ok().map(|path| format!("{}/", path.display()));
        let uri = uri.trim_start_matches("./");
        relative.and_then(|relative| uri.strip_prefix(&relative)).unwrap_or(uri).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_relative_to_the_folder() {
        let folder = Folder { root: Path::new("/repo"), path: Path::new("/repo/target/head") };
        for uri in [
            "/repo/target/head/web/a.yaml",
            "file:///repo/target/head/web/a.yaml",
            "../repo/target/head/web/a.yaml",
            "target/head/web/a.yaml",
            "./target/head/web/a.yaml",
            "web/a.yaml",
        ] {
            assert_eq!(folder.file(uri), "web/a.yaml");
        }
        assert_eq!(folder.text("in /repo/target/head: a.yaml\n"), "in .: a.yaml");
    }
}
