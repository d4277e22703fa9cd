//! Renders the instrumented copy of a chart, and caches what it prints.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Diagnostic, Result};
use helm::dependencies::ChartTree;
use helm::template::instrument::{self, Trust};
use helm::template::marks::Marked;
use toolbox::process::Output;
use toolbox::scratch;

use crate::renderer::Renderer;
use crate::target::ChartTarget;

/// The part of the results.
const KIND: &str = "provenance";

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
    let key = key(renderer, target, trust);
    let read = |text: &str| text.lines().filter_map(Printed::read).collect();
    if let Some(text) = renderer.results.find(KIND, &key) {
        return Ok(read(&String::from_utf8_lossy(&text)));
    }
    let output = render(renderer, target, tree, templates, &[])?;
    if !output.success() {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: String =
        text.lines().filter(|line| instrument::Printed::read(line).is_some()).map(|line| format!("{line}\n")).collect();
    renderer.results.keep(KIND, &key, lines.as_bytes());
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
    let stage = scratch::directory()?;
    let chart = stage.path().join("chart");
    for (file, bytes) in tree.files() {
        let text = templates.get(file.as_str()).map(String::as_bytes);
        write(&chart.join(file), text.unwrap_or(bytes))?;
    }
    let invocation = renderer.invocation(target, &chart, &stage.path().join("homes"))?.args(arguments);
    renderer.runner.run(&invocation)
}

fn key(renderer: &Renderer<'_>, target: &ChartTarget<'_>, trust: Trust) -> String {
    let trust = format!("{trust:?}");
    let own = [("trust", trust.as_str()), ("release", target.recipe.release.as_str())];
    let inputs = target.inputs.all();
    let inputs = inputs.iter().map(|(name, digest)| (&**name, &**digest));
    renderer.results.key(own.into_iter().chain(inputs))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Diagnostic::io("write", path, &error).into())
}
