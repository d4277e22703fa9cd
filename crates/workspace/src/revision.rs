//! Whether a revision that an Application names is the checkout.
//!
//! Reads the references of the Git repository itself, so that no process runs for what is usual: `HEAD`, the main branch,
//! and the branch that is checked out.

use std::path::Path;

use toolbox::git_directory::Directories;

/// Names of main branches.
const MAIN: [&str; 3] = ["HEAD", "main", "master"];

/// What a revision is, if it is known not to be the checkout. `top` is the root of the Git repository.
#[must_use]
pub(crate) fn elsewhere(top: &Path, revision: &str) -> Option<&'static str> {
    let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    if name.is_empty() || MAIN.contains(&name) {
        return None;
    }
    if name.contains(['*', '^', '~', '>', '<', '|']) || name.contains(' ') {
        return Some("a range of tags");
    }
    let references = References::of(top)?;
    let head = references.head().unwrap_or_default();
    if head == format!("ref: refs/heads/{name}") || head == name {
        return None;
    }
    let is_commit = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit {
        // The commit of a branch that is checked out is not in `HEAD` itself.
        let branch = head.strip_prefix("ref: ").and_then(|reference| references.commit(reference));
        return (branch.as_deref() != Some(name)).then_some("a commit");
    }
    let is = |kind: &str| references.commit(&format!("refs/{kind}/{name}")).is_some();
    if is("heads") || is("remotes/origin") {
        let default = references.read("refs/remotes/origin/HEAD").unwrap_or_default();
        return (default != format!("ref: refs/remotes/origin/{name}")).then_some("another branch");
    }
    is("tags").then_some("a tag")
}

/// The references of a Git repository.
struct References(Directories);

impl References {
    fn of(top: &Path) -> Option<Self> {
        Directories::of(top).map(Self)
    }

    fn head(&self) -> Option<String> {
        Some(std::fs::read_to_string(self.0.own.join("HEAD")).ok()?.trim().to_owned())
    }

    fn read(&self, reference: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.0.common.join(reference)).ok()?.trim().to_owned())
    }

    /// The commit, or tag, of a reference.
    fn commit(&self, reference: &str) -> Option<String> {
        let safe = !reference.split('/').any(|part| part == "..");
        let loose = safe.then(|| self.read(reference)).flatten();
        loose.or_else(|| {
            let packed = self.read("packed-refs")?;
            let found =
                packed.lines().find(|line| line.ends_with(reference) && line.contains(&format!(" {reference}")))?;
            Some(found.split(' ').next()?.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_commits_and_other_branches_are_elsewhere() {
        let folder = tempfile::tempdir().expect("a directory");
        let git = folder.path().join(".git");
        let write = |name: &str, text: &str| {
            let path = git.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        let commit = |digit: &str| digit.repeat(40);
        write("HEAD", "ref: refs/heads/feature/x\n");
        write("refs/heads/feature/x", &format!("{}\n", commit("a")));
        write("refs/remotes/origin/HEAD", "ref: refs/remotes/origin/trunk\n");
        write("refs/remotes/origin/trunk", &commit("b"));
        write(
            "packed-refs",
            &format!("# pack-refs\n{} refs/tags/v1.0.0\n{} refs/remotes/origin/staging\n", commit("c"), commit("d")),
        );
        let is = |revision: &str| elsewhere(folder.path(), revision);
        for here in ["", "HEAD", "main", "trunk", "feature/x", "refs/heads/feature/x", "unknown", &commit("a")] {
            assert_eq!(is(here), None, "{here}");
        }
        assert_eq!(is("v1.0.0"), Some("a tag"));
        assert_eq!(is("staging"), Some("another branch"));
        assert_eq!(is(&commit("e")), Some("a commit"));
        assert_eq!(is("v1.*"), Some("a range of tags"));
        assert_eq!(is("../../x"), None);
        assert_eq!(elsewhere(Path::new("/nowhere"), "v1.0.0"), None, "without Git, nothing is known");
    }
}
