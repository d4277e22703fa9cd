//! The checks of `validate` and `lint` on a workspace that is rendered, without a report of their own.

use std::path::Path;

use diagnostics::Diagnostics;
use workspace::Workspace;
use workspace::target::Target;

use super::placing::Placer;
use super::rendering::Rendering;
use super::{Session, consequences, lint, validate};

/// Everything that is wrong with a workspace, sorted. `found` is what was found while it was read and rendered.
#[must_use]
pub fn run(
    session: &Session<'_>,
    workspace: &Workspace,
    renderings: &[Rendering<'_>],
    found: &Diagnostics,
    crds: Option<&Path>,
) -> Diagnostics {
    let sound = workspace.sound && !found.has_errors() && renderings.iter().all(|one| !one.failed());
    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let request = validate::Request { crds: crds.map(Path::to_owned), ..validate::Request::default() };
    let mut checked = validate::check(session, &request, workspace, &targets, renderings, sound).diagnostics;
    checked.extend(lint::check(session, &lint::Request::default(), workspace, &targets, renderings, sound).diagnostics);
    let mut found = found.clone();
    found.extend(checked);
    Placer::new(session, workspace, renderings).place(&mut found);
    consequences::remove(&mut found);
    found.sort();
    found
}
