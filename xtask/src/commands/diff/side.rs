//! One side of the comparison: the workspace as it is in a revision, and what its targets render.

use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use golden::recordings::Recordings;
use toolbox::export::{self, Export};
use toolbox::parallel::join;
use toolbox::progress::Progress;
use workspace::{CONFIG_FILE, Workspace, plan};

use super::revision::Revisions;
use crate::cli::Diff as Request;
use crate::commands::rendering::{self, Rendering};
use crate::commands::{Session, app_of_apps};
use crate::lint::base::Base;
use crate::report::model;

/// The files of both sides.
pub(super) struct Sides<'s> {
    base: Files<'s>,
    head: Files<'s>,
}

/// The files of a revision, which `Session::configuration` configures if it has no charts.toml.
struct Files<'s> {
    session: Session<'s>,
    revision: Option<&'s Base>,
    /// Keeps the files.
    _export: Option<Export>,
}

/// The workspace of a revision.
pub(super) struct Side<'s> {
    pub(super) session: &'s Session<'s>,
    pub(super) workspace: Workspace,
    pub(super) argocd: Release,
    revision: Option<&'s Base>,
    found: Diagnostics,
}

/// The renders of the targets of a side, as far as they are known, and the diagnostics so far.
pub(super) struct Planned<'w> {
    pub(super) renderings: Vec<Rendering<'w>>,
    pub(super) found: Diagnostics,
}

/// A side whose targets are rendered.
#[derive(Clone, Copy)]
pub(super) struct RenderedSide<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) argocd: Release,
    pub(super) renderings: &'a [Rendering<'a>],
    /// The diagnostics of reading and rendering its workspace.
    pub(super) found: &'a Diagnostics,
}

impl<'s> Sides<'s> {
    /// Exports the revisions, and reads their goldens.
    pub(super) fn open(session: &'s Session<'s>, revisions: &'s Revisions) -> Result<Self> {
        let cache = &session.environment.cache;
        let files = |revision: &Option<Base>| {
            let export = |base: &Base| export::export(&base.repository, &base.commit, cache, golden::FOLDER);
            revision.as_ref().map(export).transpose()
        };
        let checkout = || Recordings::in_files(&session.root).map(Arc::new);
        let (base, head) = join(
            || files(&revisions.base),
            || {
                files(&revisions.head)
                    .and_then(|export| Ok((if export.is_none() { Some(checkout()?) } else { None }, export)))
            },
        );
        let (base, (recorded, head)) = (base?, head?);
        let in_commit = |revision: &Option<Base>, export: &Option<Export>, known: &Recordings| {
            let (Some(revision), Some(export)) = (revision, export) else { return Ok(None) };
            Recordings::in_commit(&revision.repository, &export.objects, known).map(|read| Some(Arc::new(read)))
        };
        let new = match recorded {
            Some(recorded) => recorded,
            None => in_commit(&revisions.head, &head, &Recordings::Unread)?.unwrap_or_default(),
        };
        let old = match in_commit(&revisions.base, &base, &new)? {
            Some(old) => old,
            None if revisions.head.is_none() => Arc::clone(&new),
            None => checkout()?,
        };
        let make = |revision: &'s Option<Base>, export: Option<Export>, goldens| Files {
            session: Session {
                root: export.as_ref().map_or_else(|| session.root.clone(), |export| export.folder.clone()),
                rendered: Arc::clone(&session.rendered),
                results: Arc::clone(&session.results),
                goldens,
                revision: revision.as_ref().map(|revision| revision.name.clone()),
                configuration: None,
                ..*session
            },
            revision: revision.as_ref(),
            _export: export,
        };
        let (mut base, head) = (make(&revisions.base, base, old), make(&revisions.head, head, new));
        // A change that introduces charts.toml is compared, too.
        if !base.is_configured() && head.is_configured() {
            base.session.configuration = Some(head.session.root.clone());
        }
        Ok(Self { base, head })
    }

    /// Loads both workspaces.
    pub(super) fn load(&self, request: &Request) -> Result<(Side<'_>, Side<'_>)> {
        // Before anything is rendered.
        self.base.configured()?;
        self.head.configured()?;
        let (base, head) =
            join(|| self.base.load(request.base_argocd.as_deref()), || self.head.load(request.head_argocd.as_deref()));
        Ok((base?, head?))
    }

    /// Loads the workspace of the base.
    pub(super) fn load_base(&self) -> Result<Side<'_>> {
        self.base.load(None)
    }
}

impl Files<'_> {
    fn is_configured(&self) -> bool {
        self.session.configured().join(CONFIG_FILE).is_file()
    }

    fn configured(&self) -> Result<()> {
        let Some(revision) = self.revision.filter(|_| !self.is_configured()) else { return Ok(()) };
        let message = format!("revision `{}` has no {CONFIG_FILE}", revision.name);
        Err(Diagnostic::new(Code::Usage, message)
            .help(format!("compare with a revision that has one, or add {CONFIG_FILE} on the main branch first"))
            .into())
    }

    fn load(&self, argocd: Option<&str>) -> Result<Side<'_>> {
        let release = |version: &str| {
            Release::parse(version).map_err(|message| Diagnostics::from(Diagnostic::new(Code::Usage, message)))
        };
        let argocd = argocd.map(release).transpose()?;
        self.configured()?;
        if let (Some(revision), Some(_)) = (self.revision, &self.session.configuration) {
            let detail = format!("revision `{}` has no {CONFIG_FILE}: that of the head is used", revision.name);
            self.session.printer.status("Configured", &detail);
        }
        let loaded = app_of_apps::load(&self.session);
        let (workspace, found) = loaded.map_err(|found| about(self.revision, found))?;
        let argocd = argocd.unwrap_or(workspace.config.argocd);
        Ok(Side { session: &self.session, workspace, argocd, revision: self.revision, found })
    }
}

/// Says of findings that they are about files that are not those of the checkout.
fn about(revision: Option<&Base>, mut found: Diagnostics) -> Diagnostics {
    if let Some(revision) = revision {
        found.0.iter_mut().for_each(|one| one.notes.push(format!("in the files of revision `{}`", revision.name)));
    }
    found
}

impl Side<'_> {
    /// The side with what its targets render.
    pub(super) fn rendered<'a>(&'a self, planned: &'a Planned<'a>) -> RenderedSide<'a> {
        RenderedSide {
            session: self.session,
            workspace: &self.workspace,
            argocd: self.argocd,
            renderings: &planned.renderings,
            found: &planned.found,
        }
    }

    /// Plans the selected targets. Renders nothing.
    pub(super) fn plan(&self, selection: &[String]) -> Planned<'_> {
        let mut found = self.found.clone();
        let (targets, problems) = plan::plan(&self.workspace, self.argocd, selection);
        found.extend(problems);
        let renderings = rendering::read(self.session, targets, &mut found);
        Planned { renderings, found }
    }

    /// Says of findings that they are about this side, if it is not the checkout.
    pub(super) fn about(&self, found: Diagnostics) -> Diagnostics {
        about(self.revision, found)
    }

    /// The side in the report.
    pub(super) fn describe(&self) -> model::Side {
        model::Side {
            name: self.revision.map_or_else(|| "the checkout".to_owned(), |revision| revision.name.clone()),
            commit: self.revision.map(|revision| revision.commit.clone()),
            argocd: self.argocd.version.to_owned(),
            helm: self.argocd.helm.to_owned(),
        }
    }
}
