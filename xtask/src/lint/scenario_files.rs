//! The scenarios of Applications, each file read once for all checks of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cluster::scenario::{self, Scenario};
use diagnostics::Diagnostics;
use workspace::Workspace;

/// The scenarios of an Application.
#[derive(Debug)]
pub struct Scenarios {
    /// Those that can be read.
    pub all: Vec<Scenario>,
    /// The findings about their files.
    pub found: Diagnostics,
}

/// The directory below which an Application has scenarios, and its name.
type Key = (&'static str, String);

/// The scenarios of all Applications. They are read when a check asks for them first.
#[derive(Debug, Default)]
pub struct ScenarioFiles(Mutex<BTreeMap<Key, Arc<OnceLock<Arc<Scenarios>>>>>);

impl ScenarioFiles {
    /// The scenarios of an Application below a directory.
    pub fn of(&self, workspace: &Workspace, folder: &'static str, app: &str) -> Arc<Scenarios> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::clone(known.entry((folder, app.to_owned())).or_default());
        // Other checks may ask for other Applications meanwhile.
        drop(known);
        let read = || {
            let (all, found) = scenario::readable(workspace, folder, app);
            Arc::new(Scenarios { all, found })
        };
        Arc::clone(own.get_or_init(read))
    }
}
