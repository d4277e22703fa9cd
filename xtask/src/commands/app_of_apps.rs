//! Loads the workspace with the Applications that targets render: apps of apps, to any depth.
//!
//! Targets that may render Applications are rendered level by level. The goldens of a fresh target are its render, so
//! nothing runs if nothing changed.

use std::collections::BTreeSet;

use diagnostics::{Diagnostics, Result};
use golden::objects;
use toolbox::timings;
use workspace::target::{DEFAULT_CASE, TargetId};
use workspace::{Workspace, follow};

use super::Session;
use super::rendering::{self, Rendering};

/// The limit of levels, each of which renders the next one.
const MAX_LEVELS: usize = 32;

/// Loads the workspace.
pub fn load(session: &Session<'_>) -> Result<(Workspace, Diagnostics)> {
    let _phase = timings::phase("load");
    let (mut workspace, mut diagnostics) =
        Workspace::load_as(&session.root, session.configured(), &session.environment.cache)?;
    let mut followed: BTreeSet<String> = BTreeSet::new();
    for _ in 0..MAX_LEVELS {
        let parents: Vec<String> = workspace
            .deployments
            .iter()
            .filter(|one| !followed.contains(&one.application.instance) && one.may_define_applications(&workspace))
            .map(|one| one.application.instance.clone())
            .collect();
        if parents.is_empty() {
            break;
        }
        let found = definitions(session, &workspace, &parents);
        followed.extend(parents);
        let mut added = false;
        for (parent, objects) in found {
            added |= workspace.follow(&parent, &objects, &mut diagnostics);
        }
        if !added {
            break;
        }
    }
    Ok((workspace, diagnostics))
}

/// What the default targets of Applications render for Argo CD, without those whose render failed: the command reports the
/// errors itself.
fn definitions(
    session: &Session<'_>,
    workspace: &Workspace,
    applications: &[String],
) -> Vec<(TargetId, Vec<document::yaml::Document>)> {
    let names: Vec<String> = applications.iter().map(|name| format!("{name}/{DEFAULT_CASE}")).collect();
    let mut ignored = Diagnostics::default();
    let renderings = rendering::plan_and_render(session, workspace, workspace.config.argocd, &names, &mut ignored);
    renderings.iter().filter_map(|one| Some((one.target.id.clone(), of_target(one)?))).collect()
}

fn of_target(rendering: &Rendering<'_>) -> Option<Vec<document::yaml::Document>> {
    let folder = &rendering.golden.folder;
    let manifests = rendering.manifests()?;
    let definitions = manifests.iter().filter(|one| one.manifest.key.group == "argoproj.io");
    let documents = definitions.flat_map(|one| {
        let text = &one.manifest.text;
        let recorded = rendering.golden.files.get(&one.file).is_some_and(|bytes| bytes == text.as_bytes());
        let state = if recorded { "" } else { objects::UNRECORDED };
        follow::definitions(&format!("{folder}/{}{state}", one.file), text)
    });
    Some(documents.collect())
}
