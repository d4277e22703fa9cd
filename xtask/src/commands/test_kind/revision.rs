//! The applications as another revision of this repository has them.
//!
//! Its files are written into a folder of their own, and rendered there by today's tool: what that revision records is
//! applied where it is fresh, and what Helm writes now otherwise.
//!
//! Deliberately absent: its scenarios. What an upgrade has to keep is said today.

use std::collections::BTreeMap;

use super::prepare::{self, Own};
use super::stage::App;
use crate::commands::Session;
use crate::image;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::git;
use toolbox::git::Repository;
use toolbox::progress::Progress;
use workspace::Workspace;
use workspace::plan::Inspections;

/// Another revision, as far as a run needs it.
#[derive(Default)]
pub(super) struct Revision {
    /// Its applications.
    pub(super) apps: BTreeMap<String, App>,
    /// The images that they ask for and the repository builds.
    pub(super) own: Vec<Own>,
    /// Its files; gone when this is.
    pub(super) folder: Option<tempfile::TempDir>,
}

/// Reads and renders a revision; of the applications that are wanted, those that it has.
pub(super) fn load(session: &Session<'_>, name: &str, wanted: &[&str]) -> Result<Revision> {
    let Some(repository) = Repository::around(&session.root) else {
        return Err(Diagnostic::new(Code::Usage, "`--upgrade-from` needs a git repository, and git on PATH")
            .help("run it in a clone of the repository")
            .into());
    };
    let Some(commit) = repository.commit(name)? else {
        return Err(git::unknown("--upgrade-from", name, "git does not know it").into());
    };
    session.printer.status("Reading", &format!("the charts of {name}"));
    let folder = tempfile::Builder::new().prefix("homelab-chart-").tempdir();
    let folder = folder.map_err(|error| Diagnostic::io("create a folder in", &std::env::temp_dir(), &error))?;
    repository.write(&commit, folder.path())?;
    // Errors name files of that revision, which are not those of the work at hand.
    let told = |mut found: Diagnostics| {
        for one in &mut found.0 {
            one.notes.push(format!("this is about the files of {name}, which `--upgrade-from` names"));
        }
        found
    };
    let root = folder.path().to_path_buf();
    let older = Session { root: root.clone(), ..*session };
    let mut found = Diagnostics::default();
    let loaded = read(&older, wanted, &mut found);
    let apps = loaded.map_err(&told)?;
    found.into_result(()).map_err(&told)?;
    let own = image::load(&root, &[]).map_err(&told)?;
    let own = own.into_iter().filter(|image| apps.values().any(|app| app.images.contains_key(&image.reference)));
    let own = own.map(|image| Own { image, root: root.clone() }).collect();
    Ok(Revision { apps, own, folder: Some(folder) })
}

fn read(session: &Session<'_>, wanted: &[&str], found: &mut Diagnostics) -> Result<BTreeMap<String, App>> {
    let (workspace, wrong) = Workspace::load(&session.root)?;
    wrong.into_result(())?;
    let (inspections, wrong) = Inspections::new(&workspace);
    wrong.into_result(())?;
    let has = |name: &&str| workspace.deployments.iter().any(|one| one.application.instance == *name);
    let wanted: Vec<&str> = wanted.iter().copied().filter(has).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(prepare::render(session, &workspace, &inspections, &wanted, found))
}
