//! Compares the checkout with the base, for a command that has already read and rendered it (`ci`).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Diagnostics, Result};
use golden::Golden;
use toolbox::git::Repository;
use workspace::Workspace;
use workspace::plan;
use workspace::target::TargetId;

use super::comparison::{Wanted, compared, report};
use super::revision::Revisions;
use super::side::{Planned, RenderedSide, Sides};
use crate::commands::rendering::{self, Demand, RenderState, Rendering};
use crate::commands::{Session, checks, render};
use crate::lint::base::Base;
use crate::report::model::{ApplicationKind, Report, Side};

/// Reports show everything.
const WANTED: Wanted<'_> =
    Wanted { selection: &[], fields: true, traced: true, validated: false, absent: &BTreeSet::new() };

/// The checkout, rendered.
#[derive(Clone, Copy)]
pub struct Checkout<'a> {
    /// Its files.
    pub session: &'a Session<'a>,
    /// The workspace that they define.
    pub workspace: &'a Workspace,
    /// All targets.
    pub renderings: &'a [Rendering<'a>],
    /// The names of the Applications to compare; all if it is empty.
    pub selection: &'a [String],
    /// The diagnostics of reading and rendering them.
    pub found: &'a Diagnostics,
    /// The name of the command in the reports.
    pub command: &'static str,
}

/// The changes of the checkout, and the findings in the base.
pub struct Compared {
    /// The report, without findings.
    pub report: Report,
    /// The findings in the base.
    pub base: Diagnostics,
}

impl Checkout<'_> {
    /// Compares with a revision. The same checks run there, so that each finding is new, or the base has it, too.
    pub fn since(&self, base: Base, crds: Option<&Path>) -> Result<Compared> {
        let revisions = Revisions { base: Some(base), head: None };
        let sides = Sides::open(self.session, &revisions)?;
        let base = sides.load_base()?;
        let Planned { mut renderings, mut found } = base.plan(self.selection);
        rendering::render_stale(base.session, &base.workspace, base.argocd, Demand::Stale, &mut renderings, &mut found);
        let planned = Planned { renderings, found };
        let before = base.rendered(&planned);
        let changes = compared(self.wanted(), before, self.rendered());
        let checked = checks::run(before.session, before.workspace, before.renderings, before.found, crds);
        Ok(Compared { report: report(self.command, base.describe(), self.describe(), changes), base: checked })
    }

    /// Compares with the goldens, where no revision is known.
    pub(crate) fn since_goldens(&self) -> Result<Report> {
        let (session, workspace) = (self.session, self.workspace);
        let (targets, _) = plan::plan(workspace, workspace.config.argocd, self.selection);
        let mut renderings = rendering::read(session, targets, &mut Diagnostics::default());
        let renamed = render::orphans(session, workspace, self.selection)?.renamed(&render::unrecorded(&renderings));
        let mut absent = BTreeSet::new();
        renderings.retain_mut(|one| {
            one.state = RenderState::Fresh;
            let TargetId { app, case } = &one.target.id;
            if let Some(former) = renamed.get(app) {
                let id = TargetId { app: former.clone(), case: case.clone() };
                one.golden = Golden::load(&session.root, &id).map_or_else(|_| Arc::clone(&one.golden), Arc::new);
            } else if one.unrecorded() {
                absent.insert(app.clone());
                return false;
            }
            true
        });
        absent.retain(|app| renderings.iter().all(|one| one.target.id.app != *app));
        let nothing = Diagnostics::default();
        let before = RenderedSide { renderings: &renderings, found: &nothing, ..self.rendered() };
        let mut changes = compared(Wanted { absent: &absent, ..self.wanted() }, before, self.rendered());
        for one in changes.applications.iter_mut().filter(|one| one.kind == ApplicationKind::Changed) {
            if let Some(from) = renamed.get(&one.name) {
                one.kind = ApplicationKind::Moved { from: from.clone() };
            }
        }
        let goldens = Side { name: "the goldens".to_owned(), commit: None, ..self.describe() };
        Ok(report(self.command, goldens, self.describe(), changes))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { selection: self.selection, ..WANTED }
    }

    fn rendered(&self) -> RenderedSide<'_> {
        let Self { session, workspace, renderings, found, .. } = *self;
        RenderedSide { session, workspace, argocd: workspace.config.argocd, renderings, found }
    }

    fn describe(&self) -> Side {
        let repository = Repository::around(&self.session.root);
        let Release { version, helm, .. } = self.workspace.config.argocd;
        Side {
            name: "the checkout".to_owned(),
            commit: repository.and_then(|repository| repository.commit("HEAD").ok().flatten()),
            argocd: version.to_owned(),
            helm: helm.to_owned(),
        }
    }
}
