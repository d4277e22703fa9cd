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
use crate::helm;
use crate::plan::Target;
use crate::process::{Invocation, Output};
use crate::whole;

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
        let invocation = helm::invocation(self.program, directory, homes.path());
        let invocation = invocation.args(args(inline.as_deref())).deadline(DEADLINE);
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
            let _ = whole::write(&path, serde_json::json!(lines).to_string().as_bytes());
        }
        Ok(lines)
    }
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
