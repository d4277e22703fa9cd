//! The inputs of generators outside of the ApplicationSet: repositories, clusters, and samples.

use std::sync::Arc;

use diagnostics::{Help, Place, Source};
use document::Node;

/// The inputs of generators. Each answer must be the same whenever it is asked for.
pub trait Surroundings {
    /// The files of a Git repository at a revision, which a generator asks for at a place; or the reason why they are
    /// unavailable.
    fn repository(&self, url: &str, revision: &str, place: &Place) -> Result<Arc<dyn Repository>, Unknown>;

    /// The declared clusters, without the one in which Argo CD runs unless it is declared, too; or the reason why none are
    /// known.
    fn clusters(&self) -> Result<&[Cluster], Unknown>;

    /// The declared parameters of a generator that needs the outside, such as `pullRequest`, in an ApplicationSet, or the
    /// reason why there are none.
    fn samples(&self, set: &str, generator: &str) -> Result<Vec<Node>, Unknown>;

    /// Whether Argo CD runs with `--enable-new-git-file-globbing`.
    fn new_globbing(&self) -> bool {
        false
    }
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// A sentence that begins in lowercase and has no full stop.
    pub reason: String,
    /// The fix, if there is one.
    pub help: Option<Help>,
}

/// The files of a Git repository at a revision.
pub trait Repository {
    /// The paths of all tracked files, with `/`.
    fn paths(&self) -> &[String];

    /// A file. Its name is what messages show.
    fn read(&self, path: &str) -> Result<Arc<Source>, String>;
}

/// A cluster that Argo CD manages.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The URL of its API server.
    pub server: String,
    /// The project that it belongs to; empty if it belongs to none.
    pub project: String,
    /// The labels of its Secret.
    pub labels: Vec<(String, String)>,
    /// The annotations of its Secret.
    pub annotations: Vec<(String, String)>,
}
