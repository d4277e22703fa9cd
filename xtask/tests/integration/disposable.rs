//! A disposable cluster, whose API server judges what the tool says.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A disposable cluster.
pub(crate) struct Cluster {
    /// Its kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// kubectl.
    pub(crate) kubectl: PathBuf,
}

impl Cluster {
    /// The cluster named by the environment variable.
    pub(crate) fn of_environment() -> Option<Self> {
        let kubeconfig = PathBuf::from(std::env::var_os("XTASK_TEST_KUBECONFIG")?);
        assert!(kubeconfig.is_file(), "XTASK_TEST_KUBECONFIG is not a file");
        let kubectl = std::env::var_os("XTASK_KUBECTL").map_or_else(
            || {
                let paths = std::env::var_os("PATH").unwrap_or_default();
                let found =
                    std::env::split_paths(&paths).map(|folder| folder.join("kubectl")).find(|path| path.is_file());
                found.expect("kubectl on PATH, or named by XTASK_KUBECTL")
            },
            PathBuf::from,
        );
        Some(Self { kubeconfig, kubectl })
    }

    /// Runs kubectl. The error is its standard error.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<(), String> {
        let mut command = Command::new(&self.kubectl);
        let output = command.arg("--kubeconfig").arg(&self.kubeconfig).args(args).output().expect("kubectl runs");
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
    }

    /// The API server's verdict on each file, with a dry run; `extra` are more arguments.
    pub(crate) fn apply(&self, files: &[(PathBuf, String)], extra: &[&str]) -> Vec<Result<(), String>> {
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(vec![Ok(()); files.len()]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((file, namespace)) = files.get(index) else { return };
                        let file = file.to_string_lossy().into_owned();
                        let strict = ["apply", "--dry-run=server", "--validate=strict", "--namespace", namespace];
                        let answer = self.kubectl(&[strict.as_slice(), extra, &["--filename", &file]].concat());
                        answers.lock().expect("whole")[index] = answer;
                    }
                });
            }
        });
        answers.into_inner().expect("whole")
    }
}
