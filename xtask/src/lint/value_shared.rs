//! Values that several charts get from one place: an ApplicationSet, or a value file that Applications share.
//!
//! Such a value is for the charts that read it. That others do not is on purpose, so only what none of them reads is
//! reported.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use toolbox::inputs;
use workspace::target::ChartTarget;

/// Where values begin: a file, and the byte, which is that of the inline values of an Application.
type Start = (String, usize);

/// The charts that get values from each place.
#[derive(Debug, Default)]
pub struct Shared {
    charts: BTreeMap<Start, BTreeSet<String>>,
}

impl Shared {
    /// Adds a target.
    pub fn add(&mut self, root: &std::path::Path, target: &ChartTarget<'_>) {
        let options = &target.options;
        let files = target.recipe.value_files.iter().map(|file| (inputs::name(root, &root.join(file)), 0));
        let text = options.values.iter().filter_map(|(_, place)| start(place));
        let object = options.values_object.iter().filter_map(|node| start(&node.place()));
        let parameters = options.parameters.iter().filter_map(|parameter| start(&parameter.place));
        for start in files.chain(text).chain(object).chain(parameters) {
            self.charts.entry(start).or_default().insert(target.chart.path.clone());
        }
    }

    /// Removes what is found about the values of a chart that another chart may read. `found` has the path of each chart.
    #[must_use]
    pub(crate) fn without_read(&self, found: Vec<(&str, Diagnostics)>) -> Diagnostics {
        let mut reporters: BTreeMap<(Start, String), usize> = BTreeMap::new();
        for one in found.iter().flat_map(|(_, found)| &found.0).filter_map(place_of) {
            *reporters.entry(one).or_default() += 1;
        }
        let mut seen = BTreeSet::new();
        let mut all = Diagnostics::default();
        for one in found.into_iter().flat_map(|(_, found)| found.0) {
            let keep = place_of(&one).is_none_or(|place| {
                let charts = self.charts_of(&place.0);
                let read = reporters.get(&place).is_some_and(|count| *count < charts);
                // In a file, it is the same mistake for all charts.
                charts < 2 || !read && (one.target.is_some() || seen.insert(place))
            });
            if keep {
                all.push(one);
            }
        }
        all
    }

    /// The number of charts that get the values around a place.
    fn charts_of(&self, (file, at): &Start) -> usize {
        let before = self.charts.range((file.clone(), 0)..=(file.clone(), *at)).next_back();
        before.map_or(0, |(_, charts)| charts.len())
    }
}

fn start(place: &Place) -> Option<Start> {
    Some((place.source.name.clone(), place.span.as_ref()?.start))
}

/// The place of a value that has no effect, and the finding's text.
fn place_of(found: &Diagnostic) -> Option<(Start, String)> {
    let (place, _) = found.places.first().filter(|_| found.code == Code::ValueUnknown)?;
    Some((start(place)?, found.message.clone()))
}
