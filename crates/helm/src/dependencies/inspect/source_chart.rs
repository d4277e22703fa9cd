//! Inspects a dependency with a `file://` repository: its source chart, and the vendored copy of it, if there is one.

use std::collections::BTreeSet;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use toolbox::archive::{Tree, tree_digest};

use super::{Inspector, vendored};
use crate::chart::{Chart, Dependency, Origin, known_as, same_version};
use crate::dependencies::drift::differences;
use crate::dependencies::folder::{self, Subchart};
use crate::dependencies::inspection::State;
use crate::dependencies::local::{source_files, source_folder};

/// The source chart of a `file://` dependency.
struct SourceChart {
    chart: Chart,
    /// Its dependencies that are not in its charts/ in a clean checkout.
    omitted: Vec<Dependency>,
    left_out: BTreeSet<String>,
    files: Tree,
}

/// The maximum number of differing files that a message lists.
const NAMED_FILES: usize = 8;

impl Inspector<'_> {
    pub(super) fn local(
        &self,
        declared: &Dependency,
        path: &str,
        version: Option<&str>,
        copy: Option<&Subchart>,
    ) -> Result<(State, Option<Diagnostic>)> {
        let folder = source_folder(self.chart, path);
        let label = known_as(self.root, &folder);
        if let Some(copy) = copy {
            return Ok((vendored(copy), self.local_drift(declared, &folder, &label, copy)));
        }
        if !folder.starts_with(self.root) {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("the source `{label}` of `{}` is outside the repository", declared.name),
            )
            .at(declared.repository_place.clone(), "Argo CD sees only the repository")
            .help(format!(
                "move it into the repository, or vendor it in `{}/charts/{}`",
                self.chart.path, declared.name
            ))
            .into());
        }
        if !folder.is_dir() {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("the source `{label}` of `{}` does not exist", declared.name),
            )
            .at(declared.repository_place.clone(), "relative to the chart's directory")
            .help("correct the path after `file://`")
            .into());
        }
        let source = self.source_chart(&folder)?;
        if source.chart.name != declared.name {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{label}` contains the chart `{}`, not `{}`", source.chart.name, declared.name),
            )
            .at(declared.place.clone(), format!("must be `{}`, as in its Chart.yaml", source.chart.name))
            .help("correct `name`; to use another name, set `alias`")
            .into());
        }
        if let (Some(lock), Some(version)) = (&self.chart.lock, version)
            && !same_version(version, &source.chart.version)
        {
            return Err(Diagnostic::new(
                Code::ChartLockOutdated,
                format!(
                    "{} locks `{}` at {version}, but `{label}` is {}",
                    self.chart.lock_file(),
                    declared.name,
                    source.chart.version
                ),
            )
            .at(Place::file(lock.source.name.clone()), "")
            .note("`helm dependency build` fails on this, and so does Argo CD")
            .help("run `cargo xtask deps --update`")
            .into());
        }
        let digest = tree_digest(&source.files);
        let omitted = self.omitted(declared, &label, &source);
        Ok((State::Local { source: folder, digest, left_out: source.left_out }, omitted))
    }

    /// Warns of the dependencies of a `file://` dependency that Helm, and so Argo CD, renders without.
    fn omitted(&self, declared: &Dependency, label: &str, source: &SourceChart) -> Option<Diagnostic> {
        let first = source.omitted.first()?;
        let names: Vec<String> = source.omitted.iter().map(|one| format!("`{}`", one.name)).collect();
        let message = format!("`{}` is rendered without its dependencies: {}", declared.name, names.join(", "));
        let vendor = format!("vendor `{}` unpacked in {label}/charts/{}", first.name, first.name);
        Some(
            Diagnostic::new(Code::DependencyOmitted, message)
                .at(first.place.clone(), format!("not in {label}/charts"))
                .at(declared.repository_place.clone(), "packed from there")
                .note("Argo CD runs `helm dependency build`, which does not download dependencies of dependencies")
                .help(format!("declare `{}` in {}/Chart.yaml too, or {vendor}", first.name, self.chart.path)),
        )
    }

    fn source_chart(&self, folder: &Path) -> Result<SourceChart> {
        let chart = Chart::load(self.root, folder)?;
        let is_downloaded = |subchart: &Subchart| {
            subchart.archive
                && chart.dependencies.iter().any(|declared| {
                    matches!(declared.origin(), Origin::Remote(_))
                        && self
                            .lock
                            .find(&declared.repository, &subchart.name, &subchart.version)
                            .is_some_and(|pin| declared.name == subchart.name && pin.digest == subchart.digest)
                })
        };
        let contents = folder::contents(self.root, &folder.join("charts"), &mut Diagnostics::default())?;
        let downloaded = contents.charts.iter().filter(|subchart| is_downloaded(subchart));
        let names = downloaded.filter_map(|subchart| subchart.path.file_name());
        let left_out: BTreeSet<String> = names.map(|name| format!("charts/{}", name.to_string_lossy())).collect();
        let files = source_files(folder, &left_out)?;
        let vendored = |declared: &Dependency| {
            let charts = contents.charts.iter().filter(|subchart| !is_downloaded(subchart));
            charts.into_iter().any(|subchart| subchart.name == declared.name)
        };
        let omitted = chart.dependencies.iter().filter(|declared| !vendored(declared)).cloned().collect();
        Ok(SourceChart { chart, omitted, left_out, files })
    }

    /// Compares a vendored copy with its source. Argo CD renders the copy, so a broken source does not block the render.
    fn local_drift(&self, declared: &Dependency, folder: &Path, label: &str, copy: &Subchart) -> Option<Diagnostic> {
        let help = format!(
            "run `helm dependency update {}` to vendor the source again, or delete `{}`",
            self.chart.path, copy.label
        );
        let drift = |message: String| {
            Diagnostic::new(Code::VendoredDrift, message)
                .at(declared.repository_place.clone(), "vendored; Argo CD renders the copy")
        };
        if !folder.is_dir() {
            return Some(
                drift(format!("the source `{label}` of `{}` does not exist", copy.label))
                    .help("correct the path after `file://`, or remove `repository` to use only the vendored copy"),
            );
        }
        let source = match self.source_chart(folder) {
            Ok(source) => source,
            Err(why) => {
                let why = why.0.first().map(|first| first.message.clone()).unwrap_or_default();
                return Some(drift(format!("`{}` cannot be compared with `{label}`: {why}", copy.label)).help(help));
            }
        };
        // Whether the source contains these depends on earlier runs of this tool, so they are not drift.
        let remote = source.chart.dependencies.iter().filter(|declared| matches!(declared.origin(), Origin::Remote(_)));
        let excluded: Vec<&str> = remote
            .map(|declared| declared.name.as_str())
            .filter(|name| self.lock.pins.iter().any(|pin| pin.name == *name))
            .collect();
        let files = differences(&source.files, &copy.files, &excluded);
        if files.is_empty() {
            return None;
        }
        let mut listed: Vec<String> = files.iter().take(NAMED_FILES).cloned().collect();
        if files.len() > NAMED_FILES {
            listed.push(format!("and {} more", files.len() - NAMED_FILES));
        }
        Some(drift(format!("`{}` differs from `{label}`", copy.label)).note(listed.join("\n")).help(help))
    }
}
