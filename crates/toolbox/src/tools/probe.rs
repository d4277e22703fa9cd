//! The version that a program reports, remembered in the cache so that it is not run each time.
//!
//! An entry contains the size, the time of the last change, and the inode of the program; if they differ, the program is
//! run again.
//! Scripts, and links to a program with another name, are always run: version managers put them on PATH, and their output
//! depends on more than the file.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Code, Result};

use crate::archive;
use crate::process::{Invocation, Output};

/// The time limit for a program to print its version.
const DEADLINE: Duration = Duration::from_secs(30);

/// The version of a program, or why it is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The version, without a leading `v` and build metadata.
    Version(String),
    /// A predicate of the program that did not report a version.
    Other(String),
}

impl Answer {
    /// Whether it is a certain version.
    pub(super) fn is(&self, version: &str) -> bool {
        matches!(self, Self::Version(own) if own == version)
    }

    /// The version, if the program reported it.
    pub(super) fn version(&self) -> Option<&str> {
        if let Self::Version(own) = self { Some(own) } else { None }
    }

    /// A predicate of the program: `is 4.3.1`, `does not report a version: …`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Version(version) => format!("is {version}"),
            Self::Other(what) => what.clone(),
        }
    }
}

/// Runs a program to get its version. Fails only if this process was interrupted.
pub(super) fn ask(program: &Path, args: &[String]) -> Result<Answer> {
    let directory = program.parent().unwrap_or(Path::new("/"));
    let invocation = Invocation::new(program, directory).args(args).deadline(DEADLINE);
    let output = match invocation.run() {
        Ok(output) => output,
        Err(error) if error.0.iter().any(|diagnostic| diagnostic.code == Code::Interrupted) => return Err(error),
        Err(error) => {
            let message = error.0.into_iter().next().map(|diagnostic| diagnostic.message).unwrap_or_default();
            return Ok(Answer::Other(format!("cannot be run: {message}")));
        }
    };
    Ok(interpret(&output))
}

/// Returns the remembered version of a program, or runs it.
pub(super) fn ask_once(cache: &Path, program: &Path, args: &[String]) -> Result<Answer> {
    let Some(stamp) = stamp(program, args) else { return ask(program, args) };
    let memory = memory(cache, program);
    if let Ok(text) = crate::regular_file::read_to_string(&memory)
        && let Some((known, version)) = text.trim_end().split_once('\n')
        && known == stamp
    {
        return Ok(Answer::Version(version.to_owned()));
    }
    let answer = ask(program, args)?;
    if let Answer::Version(version) = &answer {
        // If the cache cannot be written, the program is run again the next time.
        let _ = remember(&memory, &format!("{stamp}\n{version}\n"));
    }
    Ok(answer)
}

/// The file for the version of a program.
fn memory(cache: &Path, program: &Path) -> PathBuf {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let digest = archive::sha256(program.as_os_str().as_encoded_bytes());
    cache.join("probed").join(format!("{name}-{}", &digest[..16]))
}

/// The properties that a remembered version depends on, on one line; `None` for a program that is always run.
fn stamp(program: &Path, args: &[String]) -> Option<String> {
    let target = program.canonicalize().ok()?;
    if target.file_name() != program.file_name() {
        return None;
    }
    let mut start = [0; 2];
    fs::File::open(&target).ok()?.read_exact(&mut start).ok()?;
    if start == *b"#!" {
        return None;
    }
    let facts = fs::metadata(&target).ok()?;
    // The debug format escapes line breaks.
    let (size, inode, path) = (facts.size(), facts.ino(), target.to_string_lossy());
    Some(format!("size={size} changed={}.{:09} inode={inode} {path:?} {args:?}", facts.ctime(), facts.ctime_nsec()))
}

fn remember(memory: &Path, text: &str) -> std::io::Result<()> {
    let folder = memory.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(memory)?;
    Ok(())
}

fn interpret(output: &Output) -> Answer {
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.success() {
        let code =
            output.code.map_or_else(|| "was killed by a signal".to_owned(), |code| format!("exited with code {code}"));
        let last = output.stderr.trim().lines().last().unwrap_or("no message");
        return Answer::Other(format!("does not report a version: it {code}: {last}"));
    }
    if let Some(version) = version_in(&text) {
        return Answer::Version(version.to_owned());
    }
    let line = text.trim().lines().next().unwrap_or_default();
    Answer::Other(format!("does not report a version: it prints {line:?}"))
}

/// The first word that looks like a version: it begins with a digit, or `v` and a digit, and contains a dot. Build
/// metadata (`+g1a2b3c`) is removed.
fn version_in(text: &str) -> Option<&str> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_matches([',', ';', ':', '(', ')', '"']);
        let version = word.strip_prefix('v').unwrap_or(word).split('+').next()?;
        let sound = version.starts_with(|c: char| c.is_ascii_digit())
            && version.contains('.')
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        sound.then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_output() {
        for (text, expected) in [
            ("v4.2.1+gabcdef0\n", Some("4.2.1")),
            ("v4.2.1", Some("4.2.1")),
            ("v4.2+unreleased\n", Some("4.2")),
            ("kind v0.33.0 go1.26.8 linux/amd64\n", Some("0.33.0")),
            ("v5.0.0-rc.1\n", Some("5.0.0-rc.1")),
            ("development\n", None),
            ("", None),
        ] {
            assert_eq!(version_in(text), expected, "{text:?}");
        }
    }

    #[test]
    fn programs_without_a_version_are_described() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let answer = |script: &str| {
            let path = directory.path().join("demo");
            super::super::testing::write_script(&path, script);
            ask(&path, &[]).expect("not interrupted").describe()
        };
        assert_eq!(answer("echo development"), "does not report a version: it prints \"development\"");
        assert_eq!(answer("echo broken >&2; exit 3"), "does not report a version: it exited with code 3: broken");
        let missing = ask(&directory.path().join("missing"), &[]).expect("not interrupted").describe();
        assert!(missing.starts_with("cannot be run: "), "{missing}");
    }

    /// Not a test: [`a_program_is_run_once`] runs it in a copy of the test program.
    #[test]
    #[expect(clippy::print_stdout, reason = "it acts as a program that prints its version")]
    fn stand_in() {
        let count = std::env::current_exe().expect("path").with_extension("count");
        if let Ok(mut file) = fs::OpenOptions::new().append(true).open(count) {
            file.write_all(b"run\n").expect("written");
            println!("\nv1.2.3");
        }
    }

    #[test]
    fn a_program_is_run_once() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let (cache, program) = (directory.path().join("cache"), directory.path().join("demo"));
        let count = directory.path().join("demo.count");
        fs::write(&count, "").expect("written");
        fs::copy(std::env::current_exe().expect("path"), &program).expect("copied");
        let args = ["tools::probe::tests::stand_in", "--exact", "--nocapture"].map(str::to_owned);
        let runs = || fs::read_to_string(&count).expect("count").lines().count();

        for _ in 0..3 {
            assert_eq!(ask_once(&cache, &program, &args).expect("answer"), Answer::Version("1.2.3".to_owned()));
        }
        assert_eq!(runs(), 1);
        // Other arguments, another modification time, or another file at the same path require another run.
        let more: Vec<String> = args.iter().cloned().chain(["--test-threads=1".to_owned()]).collect();
        ask_once(&cache, &program, &more).expect("answer");
        assert_eq!(runs(), 2);
        let file = fs::File::options().write(true).open(&program).expect("opened");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("changed");
        drop(file);
        ask_once(&cache, &program, &more).expect("answer");
        assert_eq!(runs(), 3);
        ask_once(&cache, &program, &more).expect("answer");
        assert_eq!(runs(), 3);
    }

    #[test]
    fn scripts_and_shims_are_always_run() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let script = directory.path().join("demo");
        super::super::testing::write_script(&script, "echo v1.0.0");
        assert_eq!(stamp(&script, &[]), None);
        let shim = directory.path().join("shim");
        std::os::unix::fs::symlink(std::env::current_exe().expect("path"), &shim).expect("linked");
        assert_eq!(stamp(&shim, &[]), None);
    }
}
