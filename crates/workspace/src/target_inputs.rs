//! The inputs of a target.
//!
//! The digests of the files of charts are most of them. They are kept once for each chart, and named when a target is
//! compared with its render.lock.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use diagnostics::Result;
use toolbox::inputs::{Files, Inputs};

use crate::chart_contents::ChartContents;

/// The digests of everything that the render of a target depends on.
#[derive(Debug, Default)]
pub struct TargetInputs {
    /// Those that are not the files of its charts.
    pub(crate) own: Inputs,
    /// Its charts, all of whose files could be read.
    charts: Vec<Arc<ChartContents>>,
}

impl TargetInputs {
    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Inputs {
        let mut all = self.own.clone();
        let charts = self.charts.iter().filter_map(|chart| chart.files.as_ref().ok());
        for (name, digest) in charts.flat_map(Files::iter) {
            if let Entry::Vacant(entry) = all.entry(name.into()) {
                entry.insert(digest.into());
            }
        }
        all
    }

    /// Adds an input that is not a file of a chart.
    pub(crate) fn insert(&mut self, name: Arc<str>, digest: Arc<str>) {
        self.own.insert(name, digest);
    }

    /// Adds several of them.
    pub(crate) fn extend(&mut self, inputs: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) {
        self.own.extend(inputs);
    }

    /// Adds the files of a chart, or returns why they cannot be read.
    pub(crate) fn add_chart(&mut self, chart: &Arc<ChartContents>) -> Result<()> {
        chart.files.as_ref().map_err(Clone::clone)?;
        self.charts.push(Arc::clone(chart));
        Ok(())
    }

    /// Whether there is an input of a name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        let in_chart = |chart: &Arc<ChartContents>| chart.files.as_ref().is_ok_and(|files| files.contains(name));
        self.own.contains_key(name) || self.charts.iter().any(in_chart)
    }
}
