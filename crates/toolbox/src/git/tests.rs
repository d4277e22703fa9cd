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
        let invocation = Invocation::new(&program()?, self.directory.path()).args(args.iter().copied());
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

#[test]
fn an_export_is_a_checkout_without_filters_and_hooks() {
    let Some(bench) = Bench::new() else { return };
    let ran = bench.path("ran");
    std::fs::write(bench.path(".gitattributes"), "kept export-ignore\n* filter=a\ncrlf eol=crlf\n").expect("written");
    for (name, text) in [("kept", "one\n"), ("crlf", "two\n")] {
        std::fs::write(bench.path(name), text).expect("written");
    }
    std::fs::create_dir(bench.path("below")).expect("directory");
    std::os::unix::fs::symlink("../a", bench.path("below/link")).expect("link");
    bench.git(&["add", "."]);
    bench.git(&["commit", "--quiet", "--message", "two"]);
    bench.git(&["tag", "--annotate", "--message", "x", "v1"]);
    bench.git(&["config", "filter.a.smudge", &format!("touch {}; cat", ran.display())]);
    let hook = bench.path(".git/hooks/post-checkout");
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", ran.display())).expect("written");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    std::fs::write(bench.path("a"), "changed").expect("written");

    let repository = bench.repository();
    let references = repository.references().expect("git runs");
    let tag = references.iter().find(|one| one.name == "refs/tags/v1").expect("the tag");
    assert_eq!(Some(tag.commit.clone()), repository.commit("HEAD").expect("git runs"), "the commit, not the tag");
    let target = tempfile::tempdir().expect("temporary directory");
    repository.export(&tag.commit, target.path()).expect("git runs").expect("exported");
    let read = |name: &str| std::fs::read_to_string(target.path().join(name)).expect(name);
    assert_eq!((read("a"), read("kept"), read("crlf")), ("one".into(), "one\n".into(), "two\r\n".into()));
    assert_eq!(std::fs::read_link(target.path().join("below/link")).expect("a link"), Path::new("../a"));
    assert!(!ran.exists() && !target.path().join(".git").exists());
    let status = bench.repository().changed("HEAD", &["."]).expect("git runs").expect("git succeeds");
    assert_eq!(status, BTreeSet::from(["a".to_owned()]), "the index of the repository is as it was");

    let missing = repository.export(&"0".repeat(40), target.path()).expect("git runs");
    assert!(missing.expect_err("no such commit").contains("does not contain"));
}
