//! The objects in the files that a scenario applies, each with the namespace that its step gives it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use cluster::scenario::Scenario;
use diagnostics::{Diagnostic, Fact, Place};
use document::yaml;
use kubernetes::object::{Object, place_without};
use kubernetes::secret_values;
use kubernetes::validate::subject;
use toolbox::source;

/// The objects that a scenario applies.
#[derive(Default)]
pub(super) struct ScenarioManifests {
    pub(super) objects: Vec<Object>,
    /// The values of Secrets in each file.
    secrets: BTreeMap<String, Vec<Range<usize>>>,
}

impl ScenarioManifests {
    /// Reads the files of all steps. What cannot be read is reported with the scenarios.
    pub(super) fn of(root: &Path, scenario: &Scenario) -> Self {
        let mut applied = Self::default();
        for step in &scenario.steps {
            for file in step.action.applied() {
                let Ok(source) = source::read(root, &scenario.folder.join(file)) else { continue };
                let Ok(documents) = yaml::parse(&source) else { continue };
                let values = documents.iter().flat_map(|document| secret_values::find(document, source.text.len()));
                applied.secrets.insert(source.name.clone(), values.map(|value| value.span).collect());
                for mut object in subject::of_argocd(&source.name, &documents).into_iter().map(|one| one.object) {
                    if !object.explicit_namespace
                        && let Some(namespace) = step.action.namespace()
                    {
                        namespace.clone_into(&mut object.key.namespace);
                        object.explicit_namespace = true;
                    }
                    object.template = String::new();
                    applied.objects.push(object);
                }
            }
        }
        applied
    }

    /// The finding without values of Secrets; nothing if it depends on a variable.
    pub(super) fn finish(&self, mut found: Diagnostic) -> Option<Diagnostic> {
        if found.places.iter().any(|(place, _)| has_variable(place)) {
            return None;
        }
        found.target = None;
        found.origin = None;
        // A scenario applies all objects that it needs.
        if found.is(&Fact::Undeclared) {
            found = found.only_help("apply it in the scenario, or correct the name");
        }
        for (place, _) in &mut found.places {
            let secrets = self.secrets.get(&place.source.name).filter(|secrets| !secrets.is_empty());
            if let Some((secrets, span)) = secrets.zip(place.span.clone()) {
                *place = place_without(&place.source, span, secrets);
            }
        }
        Some(found)
    }
}

/// Whether a place is in a line with a `${variable}`, which may become anything.
pub(super) fn has_variable(place: &Place) -> bool {
    let lines = place.span.clone().map(|span| place.source.lines_of(&span).1);
    lines.and_then(|lines| place.source.text.get(lines)).is_some_and(|line| line.contains("${"))
}
