//! What can be known about charts without a cluster, one check a file.
//!
//! A check takes what is read already and returns findings; only those that ask Helm start a program, by way of
//! [`Helm`]. What Helm said is remembered by the digest of everything that it depends on, so that a second run costs
//! reading files.
//!
//! Deliberately absent: what a render finds by itself (`render`), and schemas of Kubernetes' objects (`validate`).

pub mod coverage;
pub mod helm_lint;
pub mod template;
pub mod values_table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::archive::sha256;
use crate::diagnostic::{Diagnostic, Result};
use crate::plan::Target;
use crate::process::{Invocation, Output};

/// No honest chart takes this long.
const DEADLINE: Duration = Duration::from_secs(120);

/// Raised whenever what a check asks of Helm, or makes of the answer, changes.
const MEMORY: &str = "1";

/// The Helm of the Argo CD release, with a memory.
#[derive(Debug, Clone, Copy)]
pub struct Helm<'a> {
    /// The program.
    pub program: &'a Path,
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// The tool's cache.
    pub cache: &'a Path,
    /// How many may run at once.
    pub jobs: usize,
}

impl Helm<'_> {
    /// Runs Helm for a target in a directory, with homes of its own. `args` gets the path of the values that the
    /// Application itself holds, where it holds any.
    fn run(
        &self,
        target: &Target<'_>,
        directory: &Path,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
        let inline = homes.path().join("values.yaml");
        let inline = match &target.recipe.inline_values {
            Some(text) => {
                std::fs::write(&inline, text).map_err(|error| Diagnostic::io("write", &inline, &error))?;
                Some(inline)
            }
            None => None,
        };
        let mut invocation = Invocation::new(self.program, directory)
            .args(args(inline.as_deref()))
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .deadline(DEADLINE);
        for home in ["CACHE", "CONFIG", "DATA"] {
            let folder = homes.path().join(home.to_lowercase());
            invocation =
                invocation.env(&format!("XDG_{home}_HOME"), folder.clone()).env(&format!("HELM_{home}_HOME"), folder);
        }
        Ok((invocation.run()?, invocation))
    }

    /// What a check found out about targets, from an earlier run where nothing of theirs moved since. Whoever computes
    /// it says whether it is to be remembered: what a failed run left undone is not.
    fn remembered(
        &self,
        check: &str,
        targets: &[&Target<'_>],
        compute: impl FnOnce() -> Result<(Vec<String>, bool)>,
    ) -> Result<Vec<String>> {
        let mut text = format!("{MEMORY} {check}\n");
        for target in targets {
            text.push_str(&format!("{}\n", target.id));
            for (name, digest) in &target.inputs {
                text.push_str(&format!("{name} {digest}\n"));
            }
        }
        let folder = self.cache.join("lint");
        let path = folder.join(format!("{}.json", sha256(text.as_bytes())));
        let known =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let lines = known.as_ref().and_then(serde_json::Value::as_array).and_then(|lines| {
            lines.iter().map(|line| line.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        if let Some(lines) = lines {
            return Ok(lines);
        }
        let (lines, keep) = compute()?;
        if keep {
            // A memory that cannot be written costs time in the next run, and nothing else.
            let _ = write_whole(&path, &serde_json::json!(lines).to_string());
        }
        Ok(lines)
    }
}

/// Replaces a file in one step, so that whoever reads it finds the old text or the new one.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Diagnostic::io("write", path, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut staged = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut staged, text.as_bytes()).map_err(failed)?;
    // A temporary file is for its owner alone; a file that is replaced keeps its rights.
    let mode = std::fs::metadata(path).map(|facts| facts.permissions());
    if let Ok(mode) = mode {
        std::fs::set_permissions(staged.path(), mode).map_err(failed)?;
    }
    staged.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Does work for each item, several at a time; the results are in the order of the items.
pub fn side_by_side<T: Sync, R: Send>(jobs: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(item), Some(slot)) = (items.get(index), results.get(index)) else { return };
                    let result = work(item);
                    if let Ok(mut slot) = slot.lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}

/// Copies a folder with all that is in it; links are followed.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(|error| Diagnostic::io("create", to, &error))?;
    for entry in std::fs::read_dir(from).map_err(|error| Diagnostic::io("read", from, &error))? {
        let path: PathBuf = entry.map_err(|error| Diagnostic::io("read", from, &error))?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            std::fs::copy(&path, &copy).map_err(|error| Diagnostic::io("copy", &path, &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..50).collect();
        assert_eq!(side_by_side(4, &items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(side_by_side(4, &[] as &[usize], |item| *item).is_empty());
    }
}
