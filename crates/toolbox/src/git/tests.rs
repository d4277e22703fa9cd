//! Repositories whose configuration would make git run programs, and the output of git.

use super::*;

/// A repository with one commit of a file, `a`.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let bench = Self { directory: tempfile::tempdir().expect("temporary directory") };
        std::fs::write(bench.path("a"), "one").expect("written");
        bench.git(&["init", "--quiet", "."])?;
        bench.git(&["config", "user.name", "a"])?;
        bench.git(&["config", "user.email", "a@example.com"])?;
        bench.git(&["add", "."])?;
        bench.git(&["commit", "--quiet", "--message", "one"])?;
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs git; `None` if there is none.
    fn git(&self, args: &[&str]) -> Option<()> {
        let invocation = Invocation::new(&process::on_path("git")?, self.directory.path()).args(args.iter().copied());
        assert!(invocation.run().is_ok_and(|output| output.success()), "git {args:?}");
        Some(())
    }

    fn repository(&self) -> Repository {
        Repository::around(self.directory.path()).expect("a repository")
    }
}

#[test]
fn filters_are_not_run() {
    let Some(bench) = Bench::new() else { return };
    for key in ["clean", "process", "smudge"] {
        let program = format!("touch {}; cat", bench.path("ran").display());
        bench.git(&["config", &format!("filter.a=b.{key}"), &program]);
    }
    bench.git(&["config", "filter.a=b.required", "true"]);
    std::fs::write(bench.path(".git/info/attributes"), "* filter=a=b\n").expect("written");
    std::fs::write(bench.path("a"), "two").expect("written");
    let changed = bench.repository().changed("HEAD", &["."]).expect("git runs").expect("git succeeds");
    assert_eq!(changed, BTreeSet::from(["a".to_owned()]));
    assert!(!bench.path("ran").exists());
}

#[test]
fn a_partial_clone_downloads_nothing() {
    let Some(bench) = Bench::new() else { return };
    bench.git(&["config", "uploadpack.allowFilter", "true"]);
    let source = format!("file://{}", bench.directory.path().display());
    let clone = tempfile::tempdir().expect("temporary directory");
    let target = clone.path().join("clone");
    let target = target.to_str().expect("UTF-8");
    bench.git(&["clone", "--quiet", "--no-checkout", "--filter=blob:none", &source, target]);
    let program = format!("touch {}; git-upload-pack", clone.path().join("ran").display());
    bench.git(&["-C", target, "config", "remote.origin.uploadpack", &program]);
    bench.git(&["-C", target, "config", "protocol.file.allow", "always"]);
    let repository = Repository::around(Path::new(target)).expect("a repository");
    assert_eq!(repository.file("HEAD", "a").expect("git runs"), None);
    assert!(!clone.path().join("ran").exists());
}

#[test]
fn only_the_workspace_itself_may_belong_to_another_user() {
    let Some(bench) = Bench::new() else { return };
    let directories = |repository: &Repository| {
        repository.settings().into_iter().filter(|(key, _)| key == "safe.directory").collect::<Vec<_>>()
    };
    let real = std::fs::canonicalize(bench.directory.path()).expect("exists");
    let expected = ("safe.directory".to_owned(), real.to_string_lossy().into_owned());
    assert_eq!(directories(&bench.repository()), [expected]);
    std::fs::create_dir(bench.path("below")).expect("directory");
    assert_eq!(directories(&Repository::around(&bench.path("below")).expect("a repository")), []);
}

#[test]
fn batches_of_objects_are_read() {
    let read = batch(b"1a blob 4\na\nb\n\n2b missing\n3c blob 0\n\n4d blob 9\ncut");
    let expected = [("1a", b"a\nb\n".as_slice()), ("3c", b"")];
    assert_eq!(read, expected.map(|(object, content)| (object.to_owned(), content.to_vec())).into());
    assert!(batch(b"").is_empty() && batch(b"\n\n").is_empty());
}
