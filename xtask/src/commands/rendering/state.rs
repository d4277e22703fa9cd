//! A target with its render, or why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Diagnostics, Reported};
use golden::{Golden, objects};
use kubernetes::manifest::Recorded;
use kubernetes::object::Object;
use workspace::target::Target;

/// A target and its render.
#[derive(Debug)]
pub struct Rendering<'a> {
    /// The target.
    pub target: Target<'a>,
    /// Its goldens.
    pub golden: Arc<Golden>,
    /// The reasons for rendering it; empty if it is fresh.
    pub reasons: Vec<String>,
    /// Whether and how it was rendered.
    pub state: RenderState,
}

/// Whether and how a target was rendered.
#[derive(Debug)]
pub enum RenderState {
    /// None of its inputs changed, so its goldens are its render.
    Fresh,
    /// It was rendered.
    Rendered(Vec<Recorded>),
    /// It could not be rendered, for these reasons.
    Failed(Diagnostics),
    /// It was not rendered, because something that it shares with other targets is broken or unavailable.
    Blocked(Reported),
}

impl Rendering<'_> {
    /// Whether the target has no goldens at all.
    #[must_use]
    pub fn unrecorded(&self) -> bool {
        self.golden.lock.is_none() && self.golden.files.is_empty()
    }

    /// The manifests that this run rendered; `None` if the target is fresh, or if rendering failed.
    #[must_use]
    pub fn rendered(&self) -> Option<&[Recorded]> {
        if let RenderState::Rendered(rendered) = &self.state { Some(rendered) } else { None }
    }

    /// Whether the target could not be rendered.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.state, RenderState::Failed(_) | RenderState::Blocked(_))
    }

    /// The target's current manifests; `None` if rendering failed.
    #[must_use]
    pub fn manifests(&self) -> Option<Vec<Recorded>> {
        match &self.state {
            RenderState::Fresh => Some(self.golden.recorded(&self.target.namespace)),
            RenderState::Rendered(rendered) => Some(rendered.clone()),
            RenderState::Failed(_) | RenderState::Blocked(_) => None,
        }
    }

    /// The manifests in some of the target's files; none if rendering failed. Only these are parsed.
    #[must_use]
    pub(crate) fn manifests_in(&self, wanted: &dyn Fn(&str, &[u8]) -> bool) -> Vec<Recorded> {
        match &self.state {
            RenderState::Rendered(rendered) => {
                let rendered = rendered.iter().filter(|one| wanted(&one.file, one.manifest.text.as_bytes()));
                rendered.cloned().collect()
            }
            RenderState::Fresh => self.golden.recorded_in(&self.target.namespace, wanted),
            RenderState::Failed(_) | RenderState::Blocked(_) => Vec::new(),
        }
    }

    /// The target's current objects with their places; empty if rendering failed.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        objects::read(&self.target, &self.golden, &self.manifests().unwrap_or_default())
    }

    /// The number of the target's current manifests.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.state {
            RenderState::Fresh => self.golden.files.len(),
            RenderState::Rendered(rendered) => rendered.len(),
            RenderState::Failed(_) | RenderState::Blocked(_) => 0,
        }
    }

    /// The objects, given some of the manifests by file, which are not read again. Of the others, only those that are wanted.
    #[must_use]
    pub(crate) fn objects_given(
        &self,
        known: &BTreeMap<&str, &Recorded>,
        wanted: &dyn Fn(&str, &[u8]) -> bool,
    ) -> Vec<Object> {
        let mut manifests = self.manifests_in(&|file, text| !known.contains_key(file) && wanted(file, text));
        manifests.extend(known.values().map(|one| (*one).clone()));
        manifests.sort_by(|left, right| left.file.cmp(&right.file));
        objects::read(&self.target, &self.golden, &manifests)
    }
}
