//! Reads files of the repository and of the cache. No other module opens them.
//!
//! A name may stand for a device that never ends, or a pipe that nobody writes to, also through a symbolic link.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use diagnostics::Limit;
use rustix::fs::{Mode, OFlags};

/// Reads a regular file of limited size. Charts, manifests, and schemas are far smaller; Helm rejects files of more than 5 MiB.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_at_most(path.as_ref(), Limit::FileSize.bytes() as u64)
}

/// Reads a regular file with a text in UTF-8.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8"))
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    let descriptor = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let file = File::from(descriptor);
    let facts = file.metadata()?;
    if facts.is_dir() {
        return fs::read(path);
    }
    if !facts.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len().min(limit)).unwrap_or_default());
    // It may grow while it is read.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let limit = limit / 1024 / 1024;
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} MiB")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").expect("written");
        std::os::unix::fs::symlink("file", path("link")).expect("linked");
        std::os::unix::fs::symlink("/dev/zero", path("device")).expect("linked");
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        assert_eq!(read_to_string(path("link")).expect("readable"), "text");
        for name in ["device", "pipe"] {
            assert_eq!(read(path(name)).expect_err("refused").to_string(), "it is not a regular file", "{name}");
        }
        assert_eq!(read(path("none")).expect_err("missing").kind(), io::ErrorKind::NotFound);
        assert_eq!(read(folder.path()).expect_err("a directory").kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read_at_most(&path("file"), 3).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
    }
}
