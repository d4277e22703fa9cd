//! Checks that need no cluster, one per file.
//!
//! A check gets what has already been read and rendered, and returns findings. [`CHECKS`] lists all of them with what each
//! needs. Only checks that need Helm or Git start a program, Helm through [`Helm`]. Results from Helm are cached under the digest of all their inputs, so a second run only
//! reads files.
//!
//! Validation against Kubernetes schemas is in `validate`.

pub mod application_destination;
pub mod application_finalizer;
pub mod application_project;
pub mod application_release;
pub mod application_sync;
pub mod argocd_annotations;
pub mod argocd_fields;
pub mod argocd_folder;
pub mod chart_version;
pub mod coverage;
pub mod helm_lint;
pub mod hook_unknown;
pub mod images;
pub mod integer_as_float;
pub mod namespace_labels;
pub mod network_policy;
pub mod null_ignored;
pub mod object_shared;
pub mod pattern;
pub mod permission;
pub mod repository_moved;
pub mod scope;
pub mod sealed_secret;
pub mod sealed_secret_wave;
pub mod second_render;
pub mod secrets;
pub mod sync_options;
pub mod sync_order;
pub mod template;
pub mod template_duplicate;
pub mod unreachable;
pub mod value_duplicate;
pub mod values_schema;
pub mod values_table;
pub mod written;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::archive::sha256;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result};
use crate::golden::Recorded;
use crate::helm;
use crate::objects::Object;
use crate::plan::Target;
use crate::process::{Invocation, Output};
use crate::whole;
use crate::workspace::Workspace;
use crate::workspace::chart::Chart;

/// The input of the checks that do not run Helm.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The whole workspace: Applications, projects, charts.toml.
    pub workspace: &'a Workspace,
    /// The charts to check, deployed or not.
    pub charts: &'a [&'a Chart],
    /// The targets to check.
    pub targets: &'a [&'a Target<'a>],
    /// The objects that these targets render.
    pub objects: &'a [Object],
    /// The revision to compare chart versions with, instead of the merge base with the main branch.
    pub base: Option<&'a str>,
}

/// The input of the checks that run Helm: a deployed chart whose dependencies are in place.
#[derive(Debug, Clone, Copy)]
pub struct ChartSubject<'a> {
    /// The Helm to run.
    pub helm: Helm<'a>,
    /// The chart.
    pub chart: &'a Chart,
    /// Where Helm can render it.
    pub directory: &'a Path,
    /// All targets of the chart, selected or not.
    pub cases: &'a [&'a Target<'a>],
    /// The selected targets, except those that do not render.
    pub rendered: &'a [Rendered<'a>],
    /// Whether all selected targets of the chart render.
    pub complete: bool,
    /// The objects of all selected targets.
    pub objects: &'a [Object],
}

/// A target that renders.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// The target.
    pub target: &'a Target<'a>,
    /// What it renders.
    pub manifests: Vec<Recorded>,
    /// Whether the manifests are the recorded ones, so that nothing was rendered in this run.
    pub fresh: bool,
}

/// A file that `lint --fix` replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The file.
    pub path: PathBuf,
    /// Its new content.
    pub text: String,
}

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The codes that it may report.
    pub codes: &'static [Code],
    /// What it needs, and its function.
    pub run: Run,
    /// Returns the files to replace to fix its findings, if it can fix any.
    pub fix: Option<fn(&Subject<'_>) -> Vec<Fix>>,
}

/// The function of a check, by what it needs.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Reads files of the workspace.
    Files(fn(&Subject<'_>) -> Diagnostics),
    /// Reads rendered objects, and maybe files.
    Objects(fn(&Subject<'_>) -> Diagnostics),
    /// Runs Git.
    Git(fn(&Subject<'_>) -> Diagnostics),
    /// Runs Helm, once per deployed chart.
    Helm(fn(&ChartSubject<'_>) -> Diagnostics),
}

impl Check {
    const fn new(codes: &'static [Code], run: Run) -> Self {
        Self { codes, run, fix: None }
    }

    const fn with_fix(self, fix: fn(&Subject<'_>) -> Vec<Fix>) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

/// All checks, in the order of their files. A new check is a file and a row here.
pub const CHECKS: &[Check] = &[
    Check::new(application_destination::CODES, Run::Objects(application_destination::check)),
    Check::new(application_finalizer::CODES, Run::Objects(application_finalizer::check)),
    Check::new(application_project::CODES, Run::Objects(application_project::check)),
    Check::new(application_release::CODES, Run::Files(application_release::check)),
    Check::new(application_sync::CODES, Run::Files(application_sync::check)),
    Check::new(argocd_annotations::CODES, Run::Objects(argocd_annotations::check)),
    Check::new(argocd_fields::CODES, Run::Files(argocd_fields::check)),
    Check::new(argocd_folder::CODES, Run::Files(argocd_folder::check)),
    Check::new(chart_version::CODES, Run::Git(chart_version::check)),
    Check::new(coverage::CODES, Run::Helm(coverage::check)),
    Check::new(helm_lint::CODES, Run::Helm(helm_lint::check)),
    Check::new(hook_unknown::CODES, Run::Files(hook_unknown::check)),
    Check::new(images::CODES, Run::Objects(images::check)),
    Check::new(integer_as_float::CODES, Run::Objects(integer_as_float::check)),
    Check::new(namespace_labels::CODES, Run::Objects(namespace_labels::check)),
    Check::new(network_policy::CODES, Run::Objects(network_policy::check)),
    Check::new(null_ignored::CODES, Run::Files(null_ignored::check)),
    Check::new(object_shared::CODES, Run::Objects(object_shared::check)),
    Check::new(repository_moved::CODES, Run::Files(repository_moved::check)),
    Check::new(sealed_secret::CODES, Run::Objects(sealed_secret::check)),
    Check::new(sealed_secret_wave::CODES, Run::Objects(sealed_secret_wave::check)),
    Check::new(second_render::CODES, Run::Helm(second_render::check)),
    Check::new(secrets::CODES, Run::Objects(secrets::check)),
    Check::new(template_duplicate::CODES, Run::Files(template_duplicate::check)),
    Check::new(value_duplicate::CODES, Run::Files(value_duplicate::check)),
    Check::new(values_schema::CODES, Run::Files(values_schema::check)),
    Check::new(values_table::CODES, Run::Files(values_table::check)).with_fix(values_table::fix),
];

/// All codes that `lint` may report, and that a suppression can therefore name.
#[must_use]
pub fn codes() -> Vec<Code> {
    CHECKS.iter().flat_map(|check| check.codes).copied().collect()
}

/// No reasonable chart takes this long to render.
const DEADLINE: Duration = Duration::from_secs(120);

/// The version of cached results. Increase it when a check changes how it runs Helm or what it derives from the output.
const CACHE_VERSION: &str = "3";

/// The Helm version that the Argo CD release ships, with a cache for results.
#[derive(Debug, Clone, Copy)]
pub struct Helm<'a> {
    /// The executable.
    pub program: &'a Path,
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// The tool's cache.
    pub cache: &'a Path,
    /// How many processes may run at once.
    pub jobs: usize,
}

impl Helm<'_> {
    /// Runs Helm for a target in a directory, with its own home directories. `args` gets the path of a file with the
    /// Application's inline values, if there are any.
    fn run(
        &self,
        target: &Target<'_>,
        directory: &Path,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        self.run_at(target, directory, None, args)
    }

    /// Like [`Self::run`], in a time zone `zone` seconds away from UTC.
    fn run_at(
        &self,
        target: &Target<'_>,
        directory: &Path,
        zone: Option<i32>,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
        let write = |name: &str, bytes: &[u8]| {
            let path = homes.path().join(name);
            std::fs::write(&path, bytes).map_err(|error| Diagnostic::io("write", &path, &error))?;
            Ok::<_, Diagnostics>(path)
        };
        let inline = match &target.recipe.inline_values {
            Some(text) => Some(write("values.yaml", text.as_bytes())?),
            None => None,
        };
        let mut invocation = helm::invocation(self.program, directory, homes.path());
        if let Some(offset) = zone {
            invocation = invocation.env("TZ", write("zone", &helm::time_zone(offset))?);
        }
        let invocation = invocation.args(args(inline.as_deref())).deadline(DEADLINE);
        Ok((invocation.run()?, invocation))
    }

    /// Returns a check's result for some targets: from the cache if none of their inputs changed, else from `compute`,
    /// whose second value says whether to cache the result.
    fn cached(
        &self,
        check: &str,
        targets: &[&Target<'_>],
        compute: impl FnOnce() -> Result<(Vec<String>, bool)>,
    ) -> Result<Vec<String>> {
        let mut text = format!("{CACHE_VERSION} {check}\n");
        for target in targets {
            text.push_str(&format!("{}\n", target.id));
            for (name, digest) in &target.inputs {
                text.push_str(&format!("{name} {digest}\n"));
            }
        }
        let folder = self.cache.join("lint");
        let path = folder.join(format!("{}.json", sha256(text.as_bytes())));
        let cached =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let lines = cached.as_ref().and_then(serde_json::Value::as_array).and_then(|lines| {
            lines.iter().map(|line| line.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        if let Some(lines) = lines {
            return Ok(lines);
        }
        let (lines, keep) = compute()?;
        if keep {
            // Failing to write the cache only costs time in the next run.
            let _ = whole::write(&path, serde_json::json!(lines).to_string().as_bytes());
        }
        Ok(lines)
    }
}

/// Copies a folder recursively, following links.
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
