//! What can be known about charts without a cluster, one check a file.
//!
//! A check takes what is read already and returns findings; only those that ask Helm start a program, by way of
//! [`Helm`]. What Helm said is remembered by the digest of everything that it depends on, so that a second run costs
//! reading files.
//!
//! Deliberately absent: what a render finds by itself (`render`), and schemas of Kubernetes' objects (`validate`).

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
pub mod value_duplicate;
pub mod values_schema;
pub mod values_table;
pub mod version_vulnerable;
pub mod written;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::archive::sha256;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result};
use crate::helm;
use crate::objects::Object;
use crate::plan::Target;
use crate::process::{Invocation, Output};
use crate::whole;
use crate::workspace::Workspace;
use crate::workspace::chart::Chart;

/// What the checks that start nothing look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The whole workspace: Applications, projects, charts.toml.
    pub workspace: &'a Workspace,
    /// The charts that are checked, deployed or not.
    pub charts: &'a [&'a Chart],
    /// The targets that are checked.
    pub targets: &'a [&'a Target<'a>],
    /// What they render.
    pub objects: &'a [Object],
}

/// A check: the codes that it may find, and the finding. It may read files, and starts nothing.
pub type Check = (&'static [Code], fn(&Subject<'_>) -> Diagnostics);

/// The checks that start nothing, in the order of their files.
pub const CHECKS: &[Check] = &[
    (application_destination::CODES, application_destination::check),
    (application_finalizer::CODES, application_finalizer::check),
    (application_project::CODES, application_project::check),
    (application_release::CODES, application_release::check),
    (application_sync::CODES, application_sync::check),
    (argocd_annotations::CODES, argocd_annotations::check),
    (argocd_fields::CODES, argocd_fields::check),
    (argocd_folder::CODES, argocd_folder::check),
    (hook_unknown::CODES, hook_unknown::check),
    (images::CODES, images::check),
    (integer_as_float::CODES, integer_as_float::check),
    (namespace_labels::CODES, namespace_labels::check),
    (network_policy::CODES, network_policy::check),
    (null_ignored::CODES, null_ignored::check),
    (object_shared::CODES, object_shared::check),
    (repository_moved::CODES, repository_moved::check),
    (sealed_secret::CODES, sealed_secret::check),
    (sealed_secret_wave::CODES, sealed_secret_wave::check),
    (secrets::CODES, secrets::check),
    (value_duplicate::CODES, value_duplicate::check),
    (values_schema::CODES, values_schema::check),
    (version_vulnerable::CODES, version_vulnerable::check),
];

/// The codes of the checks that ask Helm or git, or that can mend what they find.
const CHART_CODES: &[Code] = &[
    Code::BranchUncovered,
    Code::ChartVersionUnraised,
    Code::HelmLint,
    Code::RenderUnstable,
    Code::ValueUncovered,
    Code::ValueUndocumented,
    Code::ValuesTableOutdated,
];

/// All codes that `lint` may find: those that a silence can name.
#[must_use]
pub fn codes() -> Vec<Code> {
    CHECKS.iter().flat_map(|(codes, _)| *codes).chain(CHART_CODES).copied().collect()
}

/// No honest chart takes this long.
const DEADLINE: Duration = Duration::from_secs(120);

/// Raised whenever what a check asks of Helm, or makes of the answer, changes.
const MEMORY: &str = "2";

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
        self.run_at(target, directory, None, args)
    }

    /// The same, in a time zone that is so many seconds away from UTC.
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
