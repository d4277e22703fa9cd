//! Keeps the renders of a run, so it renders nothing twice.
//!
//! Apps of apps are rendered to find their Applications, before a command renders them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubernetes::manifest::Recorded;
use toolbox::inputs::Inputs;
use workspace::target::{Target, TargetId};

/// The renders of a run, by the name, the namespace, and the inputs of the target. Manifests without a namespace belong to that
/// of their Application, which is no input of files that are applied as they are.
#[derive(Debug, Default)]
pub struct RunRenders(Mutex<BTreeMap<(TargetId, String, Inputs), Vec<Recorded>>>);

impl RunRenders {
    /// The manifests of a target, if this run rendered it.
    #[must_use]
    pub fn find(&self, target: &Target<'_>) -> Option<Vec<Recorded>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&key(target)).cloned()
    }

    /// Keeps what was rendered.
    pub fn keep(&self, target: &Target<'_>, rendered: &[Recorded]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key(target), rendered.to_vec());
    }
}

fn key(target: &Target<'_>) -> (TargetId, String, Inputs) {
    (target.id.clone(), target.namespace.clone(), target.inputs.all())
}
