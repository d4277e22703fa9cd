//! The applications of another revision of this repository.
//!
//! The revision is checked out into a temporary directory and rendered there by this version of the tool: its goldens are
//! used where they are fresh, and Helm renders the rest. Its scenarios are not used.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::git;
use toolbox::git::Repository;
use toolbox::progress::Progress;
use toolbox::scratch;
use workspace::Workspace;

use super::stage::{self, App, Own};
use crate::commands::Session;
use crate::image;

/// Another revision.
#[derive(Default)]
pub(crate) struct Revision {
    /// Its applications.
    pub(crate) apps: BTreeMap<String, App>,
    /// The images that its applications use and its repository builds.
    pub(crate) own: Vec<Own>,
    /// Its files; deleted when this is dropped.
    pub(crate) folder: Option<tempfile::TempDir>,
}

/// Renders those of the wanted applications that a revision has.
pub(crate) fn load(session: &Session<'_>, name: &str, wanted: &[&str]) -> Result<Revision> {
    let Some(repository) = Repository::around(&session.root) else {
        return Err(Diagnostic::new(Code::Usage, "`--upgrade-from` requires a Git repository and `git` in PATH")
            .help("run the command in a clone of the repository")
            .into());
    };
    let Some(commit) = repository.commit(name)? else {
        return Err(git::unknown("--upgrade-from", name, "no such revision").into());
    };
    session.printer.status("Reading", &format!("the charts of {name}"));
    let folder = scratch::directory()?;
    repository.write(&commit, folder.path())?;
    // Errors are about files of that revision, not about those in the work tree.
    let in_revision = |mut found: Diagnostics| {
        for one in &mut found.0 {
            one.notes.push(format!("in the files of revision `{name}` (`--upgrade-from`)"));
        }
        found
    };
    let root = folder.path().to_path_buf();
    let older = Session {
        root: root.clone(),
        rendered: Arc::clone(&session.rendered),
        results: Arc::clone(&session.results),
        goldens: Arc::default(),
        revision: Some(name.to_owned()),
        configuration: session.configuration.clone(),
        ..*session
    };
    let mut found = Diagnostics::default();
    let loaded = read(&older, wanted, &mut found);
    let apps = loaded.map_err(&in_revision)?;
    found.into_result(()).map_err(&in_revision)?;
    let own = image::load(&root, &[]).map_err(&in_revision)?;
    let own = own.into_iter().filter(|image| apps.values().any(|app| app.images.contains_key(&image.reference)));
    let own = own.map(|image| Own { image, root: root.clone() }).collect();
    Ok(Revision { apps, own, folder: Some(folder) })
}

fn read(session: &Session<'_>, wanted: &[&str], found: &mut Diagnostics) -> Result<BTreeMap<String, App>> {
    let (workspace, problems) = Workspace::load(&session.root, &session.environment.cache)?;
    problems.into_result(())?;
    workspace.inspections().found.clone().into_result(())?;
    let has = |name: &&str| workspace.deployments.iter().any(|one| one.application.instance == *name);
    let wanted: Vec<&str> = wanted.iter().copied().filter(has).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(stage::render(session, &workspace, &wanted, found))
}
