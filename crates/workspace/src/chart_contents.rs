//! The files of charts in the checkout, each of which a run reads once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::Result;
use helm::chart_files;
use toolbox::inputs::Files;
use toolbox::parallel::{cores, parallel};

use crate::find;

/// The files of a chart.
#[derive(Debug)]
pub(crate) struct ChartContents {
    /// Their digests.
    pub(crate) files: Result<Files>,
    /// Whether one of them, other than a text about the chart, mentions Argo CD's kinds.
    pub(crate) mentions_argocd: bool,
}

impl Default for ChartContents {
    fn default() -> Self {
        Self { files: Ok(Files::default()), mentions_argocd: false }
    }
}

/// The charts that were read, by directory.
#[derive(Debug, Default)]
pub(crate) struct ReadCharts(Mutex<HashMap<PathBuf, Arc<ChartContents>>>);

impl ReadCharts {
    /// Reads charts below a root, on all cores.
    pub(crate) fn prefetch(&self, root: &Path, charts: &[&Path]) {
        let read = parallel(cores(), charts, |chart| Arc::new(read(root, chart)));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(charts.iter().map(|chart| chart.to_path_buf()).zip(read));
    }

    /// The files of a chart below a root.
    pub(crate) fn of(&self, root: &Path, chart: &Path) -> Arc<ChartContents> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contents) = known.get(chart) {
            return Arc::clone(contents);
        }
        let contents = Arc::new(read(root, chart));
        known.insert(chart.to_path_buf(), Arc::clone(&contents));
        contents
    }
}

fn read(root: &Path, chart: &Path) -> ChartContents {
    let mut mentions_argocd = false;
    let files = chart_files::read(root, chart, &mut |name, bytes| {
        mentions_argocd |= !name.to_ascii_lowercase().ends_with(".md") && find::mentions_group(bytes);
    });
    // A chart that cannot be read is reported, and defines nothing.
    let mentions_argocd = mentions_argocd && files.is_ok();
    ChartContents { files, mentions_argocd }
}
