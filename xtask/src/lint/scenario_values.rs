//! The value files with which scenarios deploy their Application: Helm must accept them, as `test-kind` would find out
//! only after the cluster was created and everything else was deployed.
//!
//! A file may contain `${variables}`, which an earlier step sets. Of such a file, only what is wrong with a line without
//! one is reported.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cluster::scenario::{FOLDER, Scenario};
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::inputs;
use toolbox::parallel::parallel;
use workspace::provenance::invalid_output::Located;
use workspace::render::failure;
use workspace::target::{ChartTarget, DEFAULT_CASE};

use super::scenario_needs;
use super::subject::ChartSubject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ReferenceKey, Code::ReferenceMissing, Code::ScenarioInvalid];

/// The first line of the result about a file that Helm rejects.
const REFUSED: &str = "refused";

/// A value file of a scenario, and the step that deploys with it.
#[derive(Debug)]
pub(super) struct Use<'a> {
    target: &'a ChartTarget<'a>,
    /// The file.
    pub(super) file: PathBuf,
    scenario: Scenario,
    step: String,
    /// The namespace that it is deployed to.
    namespace: String,
}

/// Renders the Applications of a chart with the value files of their scenarios.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for found in parallel(subject.helm.jobs, &uses(subject), |one| refused(subject, one)) {
        diagnostics.extend(found.unwrap_or_else(|found| found));
    }
    diagnostics
}

/// The digests of the files that the check reads besides the inputs of targets.
#[must_use]
pub fn inputs(subject: &ChartSubject<'_>) -> String {
    let apps: BTreeSet<&str> = subject.cases.iter().map(|target| target.id.app.as_str()).collect();
    let folders = apps.into_iter().map(|app| subject.workspace.root.join(FOLDER).join(app));
    let files = folders.flat_map(|folder| workspace::find::files(&folder));
    let yaml = files.filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"));
    let digests = yaml.filter_map(|path| {
        Some(format!("{} {}", inputs::name(subject.helm.root, &path), inputs::file_digest(&path).ok()?))
    });
    inputs::digest(digests.collect::<Vec<_>>().join("\n").as_bytes())
}

/// The value files of all scenarios, each once per Application.
pub(super) fn uses<'a>(subject: &ChartSubject<'a>) -> Vec<Use<'a>> {
    let mut all = Vec::new();
    for one in subject.rendered.iter().filter(|one| one.target.id.case == DEFAULT_CASE) {
        // Scenarios that cannot be read are reported by the check of scenarios.
        let scenarios = subject.scenarios.of(subject.workspace, FOLDER, &one.target.id.app);
        let mut seen = BTreeSet::new();
        for scenario in &scenarios.all {
            for step in &scenario.steps {
                let Some(file) = step.action.values().map(|file| scenario.folder.join(file)) else { continue };
                if seen.insert(file.clone()) {
                    let namespace = step.action.namespace().unwrap_or(&one.target.recipe.namespace).to_owned();
                    let (scenario, step) = (scenario.clone(), step.name.clone());
                    all.push(Use { target: one.target, file, scenario, step, namespace });
                }
            }
        }
    }
    all
}

/// The errors of Helm with a value file, or else the Secrets and ConfigMaps that the render lacks.
fn refused(subject: &ChartSubject<'_>, one: &Use<'_>) -> Result<Diagnostics> {
    let helm = &subject.helm;
    let mut recipe = one.target.recipe.clone();
    recipe.case_file = Some(one.file.clone());
    let target = ChartTarget { recipe: &recipe, ..*one.target };
    let check = format!("scenario-values-and-references {}", inputs::file_digest(&one.file)?);
    let result = helm.cached(&check, &[&target], || {
        let (output, _) = helm.run(&target, subject.directory, |inline| recipe.args(inline))?;
        let needed = || scenario_needs::needed(&output.stdout, &one.namespace);
        Ok(if output.success() { needed() } else { vec![REFUSED.to_owned(), output.stderr.clone()] })
    })?;
    let stderr = match result.as_slice() {
        [first, stderr] if first == REFUSED => stderr,
        needed => return Ok(scenario_needs::missing(helm.root, &one.scenario, &one.file, &one.namespace, needed)),
    };
    let nowhere = |_: &str| Located::default();
    let found = failure::explain(helm.root, &target, Some(1), stderr, "", &nowhere);
    let name = inputs::name(helm.root, &one.file);
    let note = format!("step `{}` of scenario `{}` deploys with this file", one.step, one.scenario.title());
    let variables = toolbox::regular_file::read_to_string(&one.file).is_ok_and(|text| text.contains("${"));
    let own = found.0.into_iter().filter(|found| !variables || is_certain(found, &name));
    Ok(Diagnostics(
        own.map(|found| Diagnostic { code: Code::ScenarioInvalid, target: None, ..found.note(&note) }).collect(),
    ))
}

/// Whether a finding is about a line of a file that has no variable.
fn is_certain(found: &Diagnostic, file: &str) -> bool {
    let Some((place, _)) = found.places.first().filter(|(place, _)| Path::new(&*place.source.name) == Path::new(file))
    else {
        return false;
    };
    let line = place.position().and_then(|(line, _)| place.source.text.lines().nth(line - 1));
    line.is_none_or(|line| !line.contains("${"))
}
