//! Runs a policy checker over what both revisions render.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diagnostics::{Diagnostic, Diagnostics, Result};
use kubernetes::redaction::redact;
use toolbox::fingerprint::Fingerprints;
use toolbox::progress::Progress;
use toolbox::scratch;
use workspace::target::DEFAULT_CASE;

use crate::commands::Session;
use crate::commands::rendering::Rendering;
use crate::policy;

/// What the checker newly finds in the Applications of the head. Those that cannot be rendered on one side are left out: all
/// that is found in them would be new, or nothing.
pub(super) fn check(
    session: &Session<'_>,
    command: &str,
    base: &[Rendering<'_>],
    head: &[Rendering<'_>],
) -> Result<Diagnostics> {
    let failed: BTreeSet<&str> =
        base.iter().chain(head).filter(|one| one.failed()).map(|one| one.target.id.app.as_str()).collect();
    let fingerprints = Fingerprints::new(&session.environment.cache);
    // Values in `data` must be in base64, and those in `stringData` may be.
    let fingerprint = |value: &str| STANDARD.encode(fingerprints.of(value));
    let folder = scratch::directory()?;
    let (before, after) = (folder.path().join("base"), folder.path().join("head"));
    for (side, path) in [(base, &before), (head, &after)] {
        write(path, &manifests(side, &failed, &fingerprint))?;
    }
    let comparison = policy::compare(command, &session.root, &before, &after)?;
    session.printer.status("Checked", &format!("policies: {}", policy::summary(&comparison)));
    Ok(policy::findings(command, &comparison))
}

/// The texts of the manifests by their paths, in the layout of tests/golden. What a checker reads, it may print: values of
/// Secrets are replaced by fingerprints.
fn manifests(
    side: &[Rendering<'_>],
    failed: &BTreeSet<&str>,
    fingerprint: &dyn Fn(&str) -> String,
) -> BTreeMap<String, Arc<str>> {
    let deployed =
        side.iter().filter(|one| one.target.id.case == DEFAULT_CASE && !failed.contains(one.target.id.app.as_str()));
    let files = deployed.flat_map(|one| {
        let path = |file: &str| format!("{}/{file}", one.target.id);
        let manifests = one.manifests().unwrap_or_default();
        manifests.into_iter().map(move |recorded| (path(&recorded.file), redact(&recorded.manifest, fingerprint)))
    });
    files.collect()
}

fn write(folder: &Path, files: &BTreeMap<String, Arc<str>>) -> Result<()> {
    let written = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).and_then(|()| std::fs::write(path, text))
    };
    std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
    for (name, text) in files {
        let path = folder.join(name);
        written(&path, text).map_err(|error| Diagnostic::io("write", &path, &error))?;
    }
    Ok(())
}
