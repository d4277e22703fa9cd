//! Values that several charts get from one place: an ApplicationSet, a value file that Applications share, or a template that
//! renders Applications and gives all of them the same values.
//!
//! Such a value is for the charts that read it. That others do not is on purpose, so only what none of them reads is
//! reported.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source};
use document::{Node, yaml};
use toolbox::inputs;
use workspace::files::GOLDENS;
use workspace::target::ChartTarget;

/// Where values begin: a file, and the byte, which is that of the inline values of an Application.
type Start = (String, usize);

/// The template that rendered an Application: the folder of its golden, and what Helm calls the template.
type Template = (String, String);

/// The charts that get values from each place.
#[derive(Debug, Default)]
pub struct Shared {
    charts: BTreeMap<Start, BTreeSet<String>>,
    /// The charts of the Applications that a template renders, each with its inline values.
    rendered: BTreeMap<Template, Vec<(String, Node)>>,
}

impl Shared {
    /// Adds a target.
    pub fn add(&mut self, root: &std::path::Path, target: &ChartTarget<'_>) {
        let options = &target.options;
        let files = target.recipe.value_files.iter().map(|file| (inputs::name(root, &root.join(file)), 0));
        let text = options.values.iter().filter_map(|(_, place)| start(place));
        let object = options.values_object.iter().filter_map(|node| start(&node.place()));
        let parameters = options.parameters.iter().filter_map(|parameter| start(&parameter.place));
        let parsed = || {
            let (text, place) = options.values.as_ref()?;
            Some((yaml::parse_one(&Source::new("values", text.as_str())).ok()?.root, template(place)?))
        };
        let inline = options.values_object.as_ref().and_then(|node| Some((node.clone(), template(&node.place())?)));
        if let Some((values, template)) = inline.or_else(parsed) {
            self.rendered.entry(template).or_default().push((target.chart.path.clone(), values));
        }
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
        let mut unread: BTreeMap<(Template, String), BTreeSet<&str>> = BTreeMap::new();
        for (chart, one) in found.iter().flat_map(|(chart, found)| found.0.iter().map(move |one| (chart, one))) {
            if let Some(key) = rendered_value(one) {
                unread.entry(key).or_default().insert(chart);
            }
        }
        let for_others: BTreeSet<(Template, String)> = unread
            .into_iter()
            .filter(|((template, value), charts)| self.is_for_all(template, value, charts))
            .map(|(key, _)| key)
            .collect();
        let mut seen = BTreeSet::new();
        let mut all = Diagnostics::default();
        for one in found.into_iter().flat_map(|(_, found)| found.0) {
            let keep = place_of(&one).is_none_or(|place| {
                let charts = self.charts_of(&place.0);
                let read = reporters.get(&place).is_some_and(|count| *count < charts);
                // In a file, it is the same mistake for all charts.
                charts < 2 || !read && (one.target.is_some() || seen.insert(place))
            });
            if keep && rendered_value(&one).is_none_or(|key| !for_others.contains(&key)) {
                all.push(one);
            }
        }
        all
    }

    /// Whether a template gives a value to all Applications that it renders, and a chart other than these reads it.
    fn is_for_all(&self, template: &Template, value: &str, unread: &BTreeSet<&str>) -> bool {
        let path: Vec<&str> = value.split('.').collect();
        let rendered = self.rendered.get(template).map(Vec::as_slice).unwrap_or_default();
        rendered.iter().all(|(_, values)| values.find(&path).is_some())
            && rendered.iter().any(|(chart, _)| !unread.contains(chart.as_str()))
    }

    /// The number of charts that get the values around a place.
    fn charts_of(&self, (file, at): &Start) -> usize {
        let before = self.charts.range((file.clone(), 0)..=(file.clone(), *at)).next_back();
        before.map_or(0, |(_, charts)| charts.len())
    }
}

/// The template that rendered the golden in which a place is.
fn template(place: &Place) -> Option<Template> {
    let (folder, _) = place.source.name.rsplit_once('/').filter(|(folder, _)| folder.starts_with(GOLDENS))?;
    let named = place.source.text.lines().find_map(|line| line.strip_prefix("# Source: "))?;
    Some((folder.to_owned(), named.to_owned()))
}

/// The template that rendered the Application with a value that has no effect, and the value's name.
fn rendered_value(found: &Diagnostic) -> Option<(Template, String)> {
    let (place, _) = found.places.first().filter(|_| found.code == Code::ValueUnknown)?;
    let value = found.facts.iter().find_map(|fact| match fact {
        Fact::Value(name) => Some(name.clone()),
        _ => None,
    })?;
    Some((template(place)?, value))
}

fn start(place: &Place) -> Option<Start> {
    Some((place.source.name.clone(), place.span.as_ref()?.start))
}

/// The place of a value that has no effect, and the finding's text.
fn place_of(found: &Diagnostic) -> Option<(Start, String)> {
    let (place, _) = found.places.first().filter(|_| found.code == Code::ValueUnknown)?;
    Some((start(place)?, found.message.clone()))
}
