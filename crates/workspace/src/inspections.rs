//! The inspections of deployed charts: their files, and the state of their dependencies.

use std::collections::BTreeMap;

use diagnostics::{Class, Code, Diagnostic, Diagnostics, Fact};
use helm::dependencies;
use toolbox::timings;

use crate::deployment::Deployment;
use crate::load::Workspace;
use crate::target::{Inspected, Inspections};
use crate::tree::Tree;

impl Workspace {
    /// The inspections of the charts that Applications deploy.
    pub fn inspections(&self) -> &Inspections {
        self.inspections.get_or_init(|| inspect(self))
    }
}

fn inspect(workspace: &Workspace) -> Inspections {
    let _phase = timings::phase("inspect");
    let mut diagnostics = Diagnostics::default();
    let mut charts = BTreeMap::new();
    let inside = workspace.deployments.iter().flat_map(Deployment::charts).map(|chart| (None, chart));
    let elsewhere = workspace.deployments.iter().flat_map(Deployment::charts_elsewhere);
    for (tree, source) in inside.chain(elsewhere.map(|(tree, chart)| (Some(tree), chart))) {
        let chart = &source.chart;
        let root = tree.map_or(&workspace.root, |tree| &tree.root);
        charts.entry(chart.directory.clone()).or_insert_with(|| {
            let (dependencies, mut found) = dependencies::inspect(root, chart, &workspace.charts_lock);
            if let Some(tree) = tree {
                found = immutable(tree.named(found, &source.source.node.source), tree);
            }
            let broken = found.worst() > Class::Finding;
            let reported = diagnostics.report(found);
            let refused = broken.then_some(reported);
            Inspected { dependencies, refused, contents: workspace.read_charts.of(root, &chart.directory) }
        });
    }
    Inspections { charts, found: diagnostics }
}

/// Findings about the dependencies of a chart whose lock `deps` cannot write.
fn immutable(mut found: Diagnostics, tree: &Tree) -> Diagnostics {
    let in_lock = |one: &&mut Diagnostic| one.code == Code::ChartLockOutdated || one.is(&Fact::Unlocked);
    for one in found.0.iter_mut().filter(in_lock) {
        one.helps = vec![format!("commit its Chart.lock: `deps --update` does not change `{}`", tree.title())];
    }
    found
}
