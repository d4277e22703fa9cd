//! What Argo CD would change with a newer version: the update is made in a copy of the workspace, which is rendered and
//! compared with the goldens.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Class, Diagnostic, Diagnostics, Result};
use golden::Orphans;
use toolbox::progress::Progress;
use toolbox::scratch;
use workspace::find;

use argocd::release::Release;

use crate::commands::{Session, app_of_apps, deps, render, rendering};
use crate::report::rendered::{RenderReport, State};
use crate::report::{Format, Printer};

/// The update of a chart or of Argo CD.
pub(super) enum Update<'a> {
    /// A chart, and its new version.
    Chart(&'a str, &'a str),
    /// The new release of Argo CD.
    ArgoCd(Release),
}

/// The difference that an update makes, or why it is unknown.
pub(super) type Preview = std::result::Result<RenderReport, String>;

/// Renders the workspace with an update. Changes nothing but the cache.
pub(super) fn preview(session: &Session<'_>, update: &Update<'_>) -> Preview {
    let what = match update {
        Update::Chart(name, version) => format!("{name} {version}"),
        Update::ArgoCd(release) => format!("Argo CD {}", release.version),
    };
    let _under_way = session.printer.under_way("Previewing", &what);
    let found = Diagnostics::default();
    render_with(session, update, found).map_err(|found| {
        let worst = found.0.into_iter().find(|one| one.code.class() > Class::Warning);
        worst.map_or_else(String::new, |one| one.message)
    })
}

fn render_with(session: &Session<'_>, update: &Update<'_>, mut found: Diagnostics) -> Result<RenderReport> {
    let folder = scratch::directory()?;
    copy(&session.root, folder.path())?;
    // The commands would print messages about the copy.
    let silent = Printer::new(Format::Json, anstream::ColorChoice::Never, false, false);
    let root = folder.path().to_path_buf();
    let session = Session {
        root,
        environment: session.environment,
        today: session.today,
        offline: session.offline,
        jobs: session.jobs,
        printer: &silent,
        engines: session.engines,
        rendered: Arc::default(),
        results: Arc::clone(&session.results),
        goldens: Arc::default(),
        revision: None,
        configuration: None,
    };
    if let Update::Chart(name, version) = update {
        deps::run(&session, Some(&[format!("{name}@{version}")]))?.diagnostics.into_result(())?;
    }
    let (workspace, loaded) = app_of_apps::load(&session)?;
    found.extend(loaded);
    let argocd = if let Update::ArgoCd(release) = update { *release } else { workspace.config.argocd };
    let jobs = rendering::plan_and_render(&session, &workspace, argocd, &[], &mut found);
    let report = render::compared(&session, &workspace, argocd, &jobs, &Orphans::default(), &mut found);
    if report.targets.iter().any(|target| target.state == State::Failed) {
        found.into_result(report)
    } else {
        Ok(report)
    }
}

/// Copies the files that Git does not ignore.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for name in find::tracked(from) {
        let (source, target) = (from.join(&name), to.join(&name));
        let copied = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| match fs::read_link(&source) {
            Ok(link) => std::os::unix::fs::symlink(link, &target),
            Err(_) => fs::copy(&source, &target).map(|_| ()),
        });
        copied.map_err(|error| Diagnostic::io("copy", &source, &error))?;
    }
    Ok(())
}
