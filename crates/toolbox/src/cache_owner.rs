//! Who can write to the cache.
//!
//! In a directory that all users share, such as /tmp, another one may have placed a directory or a link under the name of
//! the cache. Linux refuses to follow such a link (`fs.protected_symlinks`), but only as the last part of a path: whatever
//! cannot be checked is not trusted.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::process::geteuid;

/// How many links lead to a directory at most, as in Linux.
const LINKS: usize = 40;

/// Why a directory is not trusted as the cache: a predicate. A link on the way to it may be that of the administrator.
pub(crate) fn untrusted(path: &Path) -> Option<String> {
    match link_of_another(path) {
        Ok(None) => {}
        Ok(Some(link)) if link == path => return Some("belongs to another user".to_owned()),
        Ok(Some(link)) => return Some(format!("is behind the link `{}` of another user", link.display())),
        Err(error) => return unreadable(&error),
    }
    let facts = match std::fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) => return unreadable(&error),
    };
    if facts.uid() != geteuid().as_raw() {
        Some("belongs to another user".to_owned())
    } else if facts.mode() & 0o002 != 0 {
        Some("is writable by every user".to_owned())
    } else {
        None
    }
}

/// Why an entry of the cache's directory is not trusted: a predicate of the cache.
pub(crate) fn untrusted_part(cache: &Path) -> Option<String> {
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    let refused = entries.filter_map(|entry| {
        let why = match std::fs::symlink_metadata(&entry) {
            Ok(facts) if ![geteuid().as_raw(), 0].contains(&facts.uid()) => "which belongs to another user".to_owned(),
            // The mode of a link has no meaning.
            Ok(facts) if !facts.is_symlink() && facts.mode() & 0o002 != 0 => {
                "which is writable by every user".to_owned()
            }
            Ok(_) => return None,
            Err(error) => format!("which {}", unreadable(&error)?),
        };
        Some(format!("contains `{}`, {why}", entry.display()))
    });
    refused.min()
}

/// Why a file or directory of the cache is not trusted: a predicate of a program in it. A link counts by its owner, and so
/// does what it leads to.
#[must_use]
pub fn foreign(path: &Path) -> Option<String> {
    let read = std::fs::symlink_metadata(path).and_then(|link| Ok((link, std::fs::metadata(path)?)));
    let (link, facts) = match read {
        Ok(facts) => facts,
        Err(error) => return unreadable(&error).map(|why| format!("cannot be trusted: `{}` {why}", path.display())),
    };
    let own = geteuid().as_raw();
    // Directories are writable by the group of their user, which often has no other members.
    let others = if facts.is_dir() { 0o002 } else { 0o022 };
    if link.uid() != own || facts.uid() != own {
        Some(format!("cannot be trusted: `{}` belongs to another user", path.display()))
    } else if facts.mode() & others != 0 {
        Some(format!("cannot be trusted: other users can write to `{}`", path.display()))
    } else {
        None
    }
}

/// What does not exist contains nothing that another user wrote.
fn unreadable(error: &std::io::Error) -> Option<String> {
    let absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    (!absent).then(|| format!("cannot be checked: {error}"))
}

/// The first link on the way to an absolute path that belongs neither to this user nor to the administrator.
fn link_of_another(path: &Path) -> std::io::Result<Option<PathBuf>> {
    let own = geteuid().as_raw();
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<OsString>>();
    let mut rest: VecDeque<OsString> = parts(path).into();
    let (mut here, mut links) = (PathBuf::new(), 0);
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::CurDir) | None => {}
            Some(_) => here.push(&part),
        }
        let facts = std::fs::symlink_metadata(&here)?;
        if !facts.is_symlink() {
            continue;
        }
        if ![own, 0].contains(&facts.uid()) {
            return Ok(Some(here));
        }
        links += 1;
        if links > LINKS {
            return Err(std::io::Error::other("too many symbolic links"));
        }
        let target = std::fs::read_link(&here)?;
        here.pop();
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    #[test]
    fn a_link_of_this_user_is_followed() {
        let directory = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(directory.path().join("real")).expect("directory");
        let link = directory.path().join("link");
        symlink("x/../real", &link).expect("link");
        assert_eq!(untrusted(&link), None, "what does not exist is not refused");
        std::fs::create_dir(directory.path().join("x")).expect("directory");
        assert_eq!(untrusted(&link), None);
        let around = directory.path().join("loop");
        symlink("loop", &around).expect("link");
        assert!(untrusted(&around).expect("refused").starts_with("cannot be checked: "));
    }

    /// Only root can give a link to another user.
    #[test]
    fn a_link_of_another_user_is_refused_wherever_it_leads() {
        if !geteuid().is_root() {
            return;
        }
        let shared = tempfile::tempdir().expect("temporary directory");
        std::os::unix::fs::chown(shared.path(), Some(0), None).expect("changed");
        std::fs::set_permissions(shared.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).expect("changed");
        let own = tempfile::tempdir().expect("temporary directory");
        let (planted, second) = (shared.path().join("cache"), own.path().join("second"));
        symlink(own.path(), &planted).expect("link");
        lchown(&planted, Some(12345), None).expect("changed");
        assert_eq!(untrusted(&planted), Some("belongs to another user".to_owned()));
        symlink(&planted, &second).expect("link");
        let behind = format!("is behind the link `{}` of another user", planted.display());
        assert_eq!(untrusted(&second), Some(behind.clone()));
        assert_eq!(untrusted(&second.join("deeper")), Some(behind));
        assert!(foreign(&planted).is_some());
    }
}
