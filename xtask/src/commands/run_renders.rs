//! Keeps the renders of a run, so it renders nothing twice.
//!
//! Apps of apps are rendered to find their Applications, before a command renders them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubernetes::manifest::Recorded;
use toolbox::inputs::Inputs;
use workspace::target::{Target, TargetId};

/// The renders of a run, by the name and the inputs of the target.
#[derive(Debug, Default)]
pub struct RunRenders(Mutex<BTreeMap<(TargetId, Inputs), Vec<Recorded>>>);

impl RunRenders {
    /// The manifests of a target, if this run rendered it.
    #[must_use]
    pub fn find(&self, target: &Target<'_>) -> Option<Vec<Recorded>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(target.id.clone(), target.inputs.all())).cloned()
    }

    /// Keeps what was rendered.
    pub fn keep(&self, target: &Target<'_>, rendered: &[Recorded]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((target.id.clone(), target.inputs.all()), rendered.to_vec());
    }
}
