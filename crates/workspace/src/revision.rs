//! Resolves a `targetRevision` to a commit, and decides whether that commit is checked out.
//!
//! The references of the Git repository are read without a process for what is usual: `HEAD`, the main branch, and the
//! branch that is checked out. Everything else is looked up in the references of the clone, as Argo CD looks it up in
//! those of the remote repository: a range is the newest tag that it allows, and a branch is what the remote had when it
//! was fetched last.

use std::path::Path;

use toolbox::git_directory::Directories;

use argocd::version_range::Range;
use toolbox::git::Reference;

/// Names of main branches.
const MAIN: [&str; 3] = ["HEAD", "main", "master"];

/// Whether a revision is what is checked out, or becomes it by a merge. `top` is the root of the Git repository, and
/// `branch` the name of the main branch, if it is declared. Without Git, every revision is.
#[must_use]
pub(crate) fn is_checkout(top: &Path, branch: Option<&str>, revision: &str) -> bool {
    let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    let is_main = branch.map_or_else(|| MAIN.contains(&name), |branch| name == branch || name == "HEAD");
    if name.is_empty() || is_main {
        return true;
    }
    let Some(references) = References::of(top) else { return true };
    let head = references.head().unwrap_or_default();
    if head == format!("ref: refs/heads/{name}") || head == name {
        return true;
    }
    if is_commit(name) {
        // The commit of a branch that is checked out is not in `HEAD` itself.
        let branch = head.strip_prefix("ref: ").and_then(|reference| references.commit(reference));
        return branch.as_deref() == Some(name);
    }
    let default = references.read("refs/remotes/origin/HEAD").unwrap_or_default();
    branch.is_none() && default == format!("ref: refs/remotes/origin/{name}")
}

/// Whether a revision is the full name of a commit.
#[must_use]
pub(crate) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a revision may be the beginning of the name of a commit.
#[must_use]
pub(crate) fn is_short_commit(revision: &str) -> bool {
    revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a revision is a version, or a range of versions.
#[must_use]
pub(crate) fn is_version(revision: &str) -> bool {
    let number = revision.strip_prefix('v').unwrap_or(revision).starts_with(|c: char| c.is_ascii_digit());
    number || Range::parse(revision).is_some()
}

/// The references of a clone.
#[derive(Debug)]
pub(crate) struct Known {
    pub references: Vec<Reference>,
    /// The names of the remotes, the one that Argo CD reads first.
    pub remotes: Vec<String>,
}

impl Known {
    /// The commit of a branch, a tag, or a range of tags with a prefix.
    pub(crate) fn commit(&self, revision: &str, tag_prefix: &str) -> Option<&str> {
        let find = |name: &str| {
            let found = self.references.iter().find(|reference| reference.name == name);
            found.map(|reference| reference.commit.as_str())
        };
        let branch = |name: &str| {
            let remote = self.remotes.iter().find_map(|remote| find(&format!("refs/remotes/{remote}/{name}")));
            remote.or_else(|| find(&format!("refs/heads/{name}")))
        };
        if let Some(name) = revision.strip_prefix("refs/heads/") {
            return branch(name);
        }
        if revision.starts_with("refs/") {
            return find(revision);
        }
        let tags = self.references.iter().filter_map(|reference| reference.name.strip_prefix("refs/tags/"));
        let tags = tags.filter_map(|tag| tag.strip_prefix(tag_prefix));
        let newest = Range::parse(revision).and_then(|range| range.newest(tags));
        let name = match newest {
            Some(tag) => format!("{tag_prefix}{tag}"),
            // With a prefix, a single version is that of a tag.
            None if is_version(revision) => format!("{tag_prefix}{revision}"),
            None => revision.to_owned(),
        };
        branch(&name).or_else(|| find(&format!("refs/tags/{name}")))
    }

    /// The names of all branches and tags.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.references.iter().filter_map(|reference| {
            let name = reference.name.as_str();
            let remote = name.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/')).map(|(_, name)| name);
            remote.or_else(|| name.strip_prefix("refs/heads/")).or_else(|| name.strip_prefix("refs/tags/"))
        })
    }
}

/// The references of a Git repository.
struct References(Directories);

impl References {
    fn of(top: &Path) -> Option<Self> {
        Directories::of(top).map(Self)
    }

    fn head(&self) -> Option<String> {
        Some(toolbox::regular_file::read_to_string(self.0.own.join("HEAD")).ok()?.trim().to_owned())
    }

    fn read(&self, reference: &str) -> Option<String> {
        Some(toolbox::regular_file::read_to_string(self.0.common.join(reference)).ok()?.trim().to_owned())
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
    fn the_main_branch_and_what_is_checked_out_are_the_checkout() {
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
        let is = |revision: &str| is_checkout(folder.path(), None, revision);
        for here in ["", "HEAD", "main", "trunk", "feature/x", "refs/heads/feature/x", &commit("a")] {
            assert!(is(here), "{here}");
        }
        for elsewhere in ["v1.0.0", "staging", "unknown", "v1.*", "../../x", &commit("e")] {
            assert!(!is(elsewhere), "{elsewhere}");
        }
        let declared = |revision: &str| is_checkout(folder.path(), Some("develop"), revision);
        assert!(declared("develop") && declared("HEAD") && declared("feature/x"));
        assert!(!declared("main") && !declared("trunk"));
        assert!(is_checkout(Path::new("/nowhere"), None, "v1.0.0"), "without Git, nothing is known");
    }

    #[test]
    fn revisions_are_looked_up_as_in_the_remote_repository() {
        let reference = |text: &str| {
            let (name, commit) = text.split_once(' ').expect("two words");
            Reference { name: name.to_owned(), commit: commit.to_owned() }
        };
        let known = Known {
            references: [
                "refs/heads/local l",
                "refs/heads/staging old",
                "refs/pull/7/head pull",
                "refs/remotes/fork/staging fork",
                "refs/remotes/origin/both branch",
                "refs/remotes/origin/staging new",
                "refs/tags/both tag",
                "refs/tags/v1.0.0 one",
                "refs/tags/v1.2.0 two",
                "refs/tags/web-1.4.0 web",
            ]
            .map(reference)
            .to_vec(),
            remotes: vec!["origin".to_owned(), "fork".to_owned()],
        };
        for (revision, prefix, expected) in [
            ("staging", "", Some("new")),
            ("refs/heads/staging", "", Some("new")),
            ("refs/remotes/fork/staging", "", Some("fork")),
            ("local", "", Some("l")),
            ("both", "", Some("branch")),
            ("refs/tags/both", "", Some("tag")),
            ("v1.0.0", "", Some("one")),
            ("1.x", "", Some("two")),
            ("1.0.0", "", None),
            ("1.x", "web-", Some("web")),
            ("1.4.0", "web-", Some("web")),
            ("origin/staging", "", None),
            ("refs/pull/7/head", "", Some("pull")),
            ("nothing", "", None),
        ] {
            assert_eq!(known.commit(revision, prefix), expected, "{revision}");
        }
    }
}
