//! Renders the instrumented copy of a chart, and caches what it prints.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Diagnostic, Result};
use helm::dependencies::ChartTree;
use helm::template::instrument::{self, Trust};
use helm::template::marks::Marked;
use toolbox::archive::sha256;
use toolbox::atomic_file;
use toolbox::process::Output;

use crate::renderer::Renderer;
use crate::target::ChartTarget;

/// The version of cached results. Increase it when instrumentation changes.
const CACHE_VERSION: &str = "1";

/// The number of cached results that are kept.
const CACHED: usize = 400;

/// The marked output of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Printed {
    /// The index of the file.
    pub(super) file: usize,
    /// The name of the template by which Helm knows it.
    pub(super) name: String,
    /// The output with marks.
    pub(super) output: String,
}

impl Printed {
    /// The output without marks, if they are balanced.
    pub(super) fn plain(&self) -> Option<String> {
        Marked::read(&self.output).map(|marked| marked.text)
    }

    fn read(line: &str) -> Option<Self> {
        let printed = instrument::Printed::read(line)?;
        let decode = |text: &str| String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok();
        // Helm removes this from what it prints.
        let output = decode(printed.output)?.replace("<no value>", "");
        Some(Self { file: printed.file, name: decode(printed.name)?, output })
    }
}

/// The marked output of all files. Empty if Helm fails, which it does only if it fails without marks, too.
pub(super) fn printed(
    renderer: &Renderer<'_>,
    target: &ChartTarget<'_>,
    tree: &ChartTree,
    templates: &BTreeMap<&str, String>,
    trust: Trust,
) -> Result<Vec<Printed>> {
    let folder = renderer.cache.join("provenance");
    let path = folder.join(format!("{}.txt", key(target, trust)));
    let read = |text: &str| text.lines().filter_map(Printed::read).collect();
    if let Ok(text) = toolbox::regular_file::read_to_string(&path) {
        return Ok(read(&text));
    }
    let output = render(renderer, target, tree, templates, &[])?;
    if !output.success() {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: String =
        text.lines().filter(|line| instrument::Printed::read(line).is_some()).map(|line| format!("{line}\n")).collect();
    // Failing to write the cache only costs time in the next run.
    if atomic_file::write(&path, lines.as_bytes()).is_ok() {
        let _ = prune(&folder);
    }
    Ok(read(&lines))
}

/// The marked output of all files whose output Helm could not read as YAML.
pub(super) fn printed_in_vain(
    renderer: &Renderer<'_>,
    target: &ChartTarget<'_>,
    tree: &ChartTree,
    templates: &BTreeMap<&str, String>,
) -> Result<Vec<Printed>> {
    let output = render(renderer, target, tree, templates, &["--debug"])?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(Printed::read).collect())
}

/// Renders a copy of the chart with other texts of its templates.
fn render(
    renderer: &Renderer<'_>,
    target: &ChartTarget<'_>,
    tree: &ChartTree,
    templates: &BTreeMap<&str, String>,
    arguments: &[&str],
) -> Result<Output> {
    let stage = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
    let chart = stage.path().join("chart");
    for (file, bytes) in tree.files() {
        let text = templates.get(file.as_str()).map(String::as_bytes);
        write(&chart.join(file), text.unwrap_or(bytes))?;
    }
    let invocation = renderer.invocation(target, &chart, &stage.path().join("homes"))?.args(arguments);
    renderer.runner.run(&invocation)
}

fn key(target: &ChartTarget<'_>, trust: Trust) -> String {
    let mut text = format!("{CACHE_VERSION} {trust:?} {}\n", target.recipe.release);
    for (name, digest) in target.inputs {
        text.push_str(&format!("{name} {digest}\n"));
    }
    sha256(text.as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Diagnostic::io("write", path, &error).into())
}

/// Deletes the oldest cached results.
fn prune(folder: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = files.len().saturating_sub(CACHED);
    for (_, path) in &files[..surplus] {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
