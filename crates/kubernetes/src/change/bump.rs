//! Images and charts with another version.

use crate::object::Object;

/// An image or a chart with another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bump {
    /// Whether it is a chart; otherwise it is an image.
    pub chart: bool,
    /// The name: an image without its tag, or a chart.
    pub name: String,
    /// The version, tag, or digest before.
    pub from: String,
    /// The version, tag, or digest after.
    pub to: String,
    /// Whether the first number of the version differs.
    pub major: bool,
}

impl Bump {
    /// A chart or an image with another version.
    #[must_use]
    pub fn new(chart: bool, name: &str, from: &str, to: &str) -> Self {
        let first =
            |text: &str| text.trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u64>().ok());
        let major = matches!((first(from), first(to)), (Some(from), Some(to)) if from != to);
        Self { chart, name: name.to_owned(), from: from.to_owned(), to: to.to_owned(), major }
    }
}

/// The images of a workload with another version, each once.
#[must_use]
pub fn images(_before: &Object, _after: &Object) -> Vec<Bump> {
    Vec::new()
}

/// The chart that rendered an object, if its label `helm.sh/chart` names another version of it.
#[must_use]
pub fn chart(_before: &Object, _after: &Object) -> Option<Bump> {
    None
}
