//! The files of charts that Helm loads, each read once for all checks of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::helm::chart::Chart;
use ::helm::chart_files;
use diagnostics::Source;
use toolbox::inputs;
use toolbox::parallel::parallel;

/// The files of one chart.
#[derive(Debug, Default)]
pub struct ChartFiles {
    /// The paths of all files in the chart.
    pub paths: BTreeSet<String>,
    /// The text files with their paths in the chart, sorted.
    pub texts: Vec<(String, Arc<Source>)>,
}

impl ChartFiles {
    fn read(root: &Path, chart: &Path) -> Self {
        let prefix = format!("{}/", inputs::name(root, chart));
        let mut files = Self::default();
        let read = chart_files::read(root, chart, &mut |name, bytes| {
            let path = name.strip_prefix(&prefix).unwrap_or(name).to_owned();
            if let Ok(text) = std::str::from_utf8(bytes) {
                files.texts.push((path.clone(), Source::new(name, text)));
            }
            files.paths.insert(path);
        });
        if read.is_err() {
            // Files that cannot be read are reported where the chart is planned.
            return Self::default();
        }
        files.texts.sort_by(|left, right| left.0.cmp(&right.0));
        files
    }

    /// The templates, with their paths in the chart.
    pub fn templates(&self) -> impl Iterator<Item = &(String, Arc<Source>)> {
        self.texts.iter().filter(|(path, _)| path.starts_with("templates/"))
    }
}

/// The files of all charts, by their directories.
#[derive(Debug, Default)]
pub struct ChartSources(BTreeMap<PathBuf, ChartFiles>);

impl ChartSources {
    /// Reads the files of charts.
    #[must_use]
    pub fn read(root: &Path, charts: &[&Chart], jobs: usize) -> Self {
        let files = parallel(jobs, charts, |chart| ChartFiles::read(root, &chart.directory));
        Self(charts.iter().map(|chart| chart.directory.clone()).zip(files).collect())
    }

    /// The files of a chart.
    #[must_use]
    pub fn of(&self, chart: &Chart) -> &ChartFiles {
        static NONE: ChartFiles = ChartFiles { paths: BTreeSet::new(), texts: Vec::new() };
        self.0.get(&chart.directory).unwrap_or(&NONE)
    }
}
