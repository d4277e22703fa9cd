//! Removes findings that only follow from another one, which its author fixes first.
//!
//! A field that nothing defines renders nothing, and what is rendered from it is often invalid, too; a kind that does not
//! exist has no scope. Each rule names both codes, and how their findings must be related.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place};

use super::forbidden_kinds;

/// Whether the second finding follows from the first.
type Follows = fn(&Diagnostic, &Diagnostic) -> bool;

/// The cause, its consequence, and how they are related.
const RULES: &[(Code, Code, Follows)] = &[
    (Code::AnnotationUnknown, Code::BranchUncovered, same_file),
    (Code::AnnotationUnknown, Code::ReferenceMissing, about_the_object),
    (Code::AnnotationUnknown, Code::SealedSecretWave, in_its_file),
    (Code::ApplicationDestination, Code::ChangeDataLoss, moves),
    (Code::ApplicationDestination, Code::ProjectForbids, same_application),
    (Code::ApplicationDestination, Code::ScenarioInvalid, in_its_scenario),
    (Code::ApplicationInvalid, Code::ApplicationSync, same_file),
    (Code::ApplicationInvalid, Code::ApplicationInvalid, one_source),
    (Code::ApplicationInvalid, Code::ObjectRefused, same_line),
    (Code::ApplicationProject, Code::ProjectUnused, same_application),
    (Code::ArgocdField, Code::ApplicationSync, meant),
    (Code::ArgocdField, Code::ApplicationSync, malformed),
    (Code::ArgocdField, Code::ArgocdField, empty_without_it),
    (Code::ArgocdField, Code::SyncPolicyImplicit, same_line),
    (Code::ArgocdField, Code::ApplicationSync, invalid_option),
    (Code::ArgocdField, Code::IgnoreDifferencesUnmatched, same_line),
    (Code::ApplicationMissing, Code::ArgocdField, not_selected),
    (Code::ApplicationMissing, Code::GoldenDirectoryOrphaned, anywhere),
    (Code::ArgocdField, Code::KeyDuplicate, same_line),
    (Code::ArgocdField, Code::NotRendered, ignored_path),
    (Code::ArgocdField, Code::ProjectForbids, same_list),
    (Code::ChangeDataLoss, Code::ProjectUnused, deleted_application),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, renamed_by_the_same),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, without_its_application),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, in_its_scenario),
    (Code::ChangeDataLoss, Code::SchemaMissing, definition),
    (Code::ChangeRefused, Code::ObjectRefused, same_line),
    (Code::ChartInvalid, Code::GoldenDirectoryOrphaned, of_the_file),
    (Code::ChartLockOutdated, Code::RepositoryMoved, same_line),
    (Code::ChartMissing, Code::ManifestUndeployed, same_line),
    (Code::ChartLockOutdated, Code::ValuesSchemaOpen, same_chart),
    (Code::DocumentLost, Code::FieldUnknown, same_object),
    (Code::DocumentLost, Code::ObjectInvalid, same_object),
    (Code::DocumentLost, Code::ReferenceKey, same_application),
    (Code::DocumentLost, Code::ReferenceMissing, same_application),
    (Code::DocumentLost, Code::ReferencePort, same_application),
    (Code::DocumentLost, Code::SelectorUnmatched, same_application),
    (Code::ApplicationInvalid, Code::TargetRevisionDiffers, same_file),
    (Code::ConfigUnknownKey, Code::ScenarioInvalid, misspelled_tool),
    (Code::FieldUnknown, Code::AlertInvalid, same_line),
    (Code::FieldUnknown, Code::FieldUnknown, misplaced_with),
    (Code::FieldUnknown, Code::HelmLint, same_template),
    (Code::FieldUnknown, Code::MonitorInvalid, same_line),
    (Code::FieldUnknown, Code::ObjectInvalid, moved_down),
    (Code::FieldUnknown, Code::ObjectRefused, lacks_the_field),
    (Code::FieldUnknown, Code::ObjectRefused, labels_elsewhere),
    (Code::FieldUnknown, Code::ReferencePort, siblings),
    (Code::FieldUnknown, Code::SealedSecretInvalid, same_object),
    (Code::FieldUnknown, Code::SelectorUnmatched, pods_without_labels),
    (Code::GoldenDirectoryOrphaned, Code::BranchUncovered, of_a_case),
    (Code::GoldenDirectoryOrphaned, Code::ValueUncovered, of_a_case),
    (Code::HelmRefused, Code::FieldUnknown, same_line),
    (Code::HelmLint, Code::ImageInvalid, without_a_version),
    (Code::HelmRefused, Code::HelmLint, same_pointer),
    (Code::HelmRefused, Code::HelmRefused, unknown_in_a_case),
    (Code::HelmRefused, Code::ObjectRefused, labels_of_its_output),
    (Code::HelmRefused, Code::SelectorUnmatched, pods_without_labels),
    (Code::HelmRefused, Code::ScenarioInvalid, same_line),
    (Code::HelmRefused, Code::ValueUnknown, not_read),
    (Code::KeyMisspelled, Code::ObjectRefused, same_line),
    (Code::KeyMisspelled, Code::ReferenceMissing, same_object),
    (Code::NamespaceMismatch, Code::NamespaceMismatch, another_object),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_object),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_namespace),
    (Code::NamespaceMismatch, Code::ReferenceMissing, elsewhere),
    (Code::ObjectInvalid, Code::NetworkPolicyOpen, same_object),
    (Code::ObjectInvalid, Code::ObjectRefused, depends_on_it),
    (Code::ObjectInvalid, Code::ReferencePort, siblings),
    (Code::ObjectRefused, Code::DisruptionBlocked, same_object),
    (Code::HelmRefused, Code::TemplateUnrendered, same_line),
    (Code::ObjectRefused, Code::HelmLint, same_name),
    (Code::ObjectRefused, Code::ImageInvalid, no_image),
    (Code::ObjectRefused, Code::KeyMisspelled, same_line),
    (Code::ObjectRefused, Code::PodSecurity, conflicting),
    (Code::ObjectRefused, Code::ReferencePort, invalid_port_name),
    (Code::ObjectRefused, Code::ReferenceMissing, suggests_the_name),
    (Code::ObjectRefused, Code::SelectorUnmatched, same_labels),
    (Code::ObjectShared, Code::ApplicationProject, copied_project),
    (Code::PodSecurity, Code::PodUnstartable, one_of_its_places),
    (Code::PodSecurity, Code::ObjectInvalid, same_line),
    (Code::PodSecurity, Code::ObjectRefused, privileged),
    (Code::ProjectDefault, Code::ProjectUnused, same_application),
    (Code::ProjectForbids, Code::ChangeDataLoss, moves),
    (Code::ProjectForbids, Code::NamespaceLabel, of_that_namespace),
    (Code::ProjectForbids, Code::ProjectUnused, suggests_the_project),
    (Code::ProjectForbids, Code::ScenarioInvalid, in_its_scenario),
    (Code::ProjectUnused, Code::ProjectForbids, same_line),
    (Code::ReferenceMissing, Code::ReferenceMissing, selected_by_an_alert),
    (Code::ReferencePort, Code::ReferencePort, of_the_target_port),
    (Code::RenderUnstable, Code::CacheDiffers, about_one),
    (Code::RepositoryMismatch, Code::ProjectForbids, same_repository),
    (Code::NullIgnored, Code::HelmLint, null),
    (Code::NullIgnored, Code::ObjectInvalid, null),
    (Code::ScenarioInvalid, Code::ValueUnknown, same_line),
    (Code::SchemasOutdated, Code::NodeImageDiffers, anywhere),
    (Code::SecretPlain, Code::ObjectInvalid, same_object),
    (Code::SecretPlain, Code::ObjectRefused, same_object),
    (Code::SchemaMissing, Code::HelmLint, same_version),
    (Code::SchemaMissing, Code::HelmLint, same_template),
    (Code::SchemaMissing, Code::ScopeUnknown, same_object),
    (Code::SyncOrder, Code::SealedSecretWave, same_object),
    (Code::TargetRevisionDiffers, Code::NotRendered, same_line),
    (Code::TargetRevisionUnknown, Code::NotRendered, same_line),
    (Code::TemplateUnrendered, Code::BranchUncovered, of_its_chart),
    (Code::TemplateUnrendered, Code::HelmRefused, of_its_chart),
    (Code::TemplateUnrendered, Code::ReferenceMissing, of_its_chart),
    (Code::TemplateUnrendered, Code::SelectorUnmatched, of_its_chart),
    (Code::TemplateUnrendered, Code::ValueUncovered, of_its_chart),
    (Code::TemplateUnrendered, Code::ValueUnknown, of_its_chart),
    (Code::ValueUndefined, Code::BranchUncovered, same_line),
    (Code::ValueUndefined, Code::HelmRefused, same_line),
    (Code::ValueUndefined, Code::ManifestInvalid, same_line),
    (Code::ValueUndefined, Code::ObjectInvalid, lacks_a_value),
    (Code::ValueUndefined, Code::ObjectRefused, near_line),
    (Code::ValueUnknown, Code::VersionVulnerable, of_its_image),
    (Code::ValuesSchemaInvalid, Code::HelmRefused, same_value),
];

/// The maximum number of pairs that are compared for a rule: with more findings, nobody reads each of them.
const MAX_PAIRS: usize = 100_000;

/// How many lines apart a value and what is incomplete without it may be.
const NEAR: usize = 12;

/// The end of the message about the tool of a step.
const UNPINNED: &str = " is not pinned in charts.toml";

/// The end of the message about scenarios of an Application that does not exist.
const NEVER_RUN: &str = ", so its scenarios never run";

/// The end of the message about a selector of a workload that does not match its own pods.
const LABELS: &str = " does not match the template labels";

/// Removes the findings that follow from others.
pub fn remove(diagnostics: &mut Diagnostics) {
    let lines: BTreeSet<(String, usize)> = of(diagnostics, Code::ValueUndefined).filter_map(line).collect();
    // Whatever is rendered from a value that is not defined.
    diagnostics.0.retain(|found| found.origin.is_none() || !line(found).is_some_and(|line| lines.contains(&line)));
    count_repeats(diagnostics);
    blame_configuration(diagnostics);
    for (cause, effect, follows) in RULES {
        let causes: Vec<Diagnostic> = of(diagnostics, *cause).cloned().collect();
        if causes.is_empty() || causes.len() * of(diagnostics, *effect).count() > MAX_PAIRS {
            continue;
        }
        diagnostics.0.retain(|found| found.code != *effect || !causes.iter().any(|cause| follows(cause, found)));
    }
    forbidden_kinds::merge(diagnostics);
    remove_conventions(diagnostics);
    remove_of_another_chart(diagnostics);
    remove_edits(diagnostics);
}

/// Removes what is found about the edits of scenarios to files in which something is wrong anyway.
fn remove_edits(diagnostics: &mut Diagnostics) {
    const END: &str = " does not contain the text to replace";
    let file = |found: &Diagnostic| {
        let edit = found.code == Code::ScenarioInvalid && found.message.ends_with(END);
        found.message.split('`').nth(1).filter(|_| edit).map(str::to_owned)
    };
    let others = diagnostics.0.iter().filter(|found| file(found).is_none() && !found.code.is_bookkeeping());
    let wrong: BTreeSet<String> =
        others.flat_map(|found| &found.places).map(|(place, _)| place.source.name.clone()).collect();
    diagnostics.0.retain(|found| file(found).is_none_or(|file| !wrong.contains(&file)));
}

/// Removes what is found about an Application that deploys the chart of another one, its goldens, and its scenarios.
fn remove_of_another_chart(diagnostics: &mut Diagnostics) {
    let apps: Vec<String> =
        of(diagnostics, Code::ApplicationChart).filter_map(|found| Some(application(found)?.to_owned())).collect();
    let folders = apps
        .iter()
        .flat_map(|app| ["golden", "kind", "gitops"].into_iter().map(move |folder| format!("tests/{folder}/{app}/")));
    let folders: Vec<String> = folders.collect();
    let of_app = |found: &Diagnostic| {
        let mut names = first(found).into_iter().map(|place| place.source.name.as_str());
        let shared = |app: &String| {
            let label = format!("also by {app}/");
            found.code == Code::ObjectShared && found.places.iter().any(|(_, text)| text.starts_with(&label))
        };
        apps.iter().any(|app| application(found) == Some(app.as_str()) || shared(app))
            || names.any(|name| folders.iter().any(|folder| name.starts_with(folder)))
    };
    diagnostics.0.retain(|found| found.code == Code::ApplicationChart || !of_app(found));
}

/// Removes what conventions demand of a value that is wrong, or of one around or inside it.
fn remove_conventions(diagnostics: &mut Diagnostics) {
    let demand = |found: &Diagnostic| matches!(found.code, Code::ValueUncovered | Code::ValueUndocumented);
    let wrong = |found: &&Diagnostic| !demand(found) && !found.code.is_bookkeeping();
    let errors = diagnostics.0.iter().filter(wrong).filter(|found| found.code.class() >= Class::Finding);
    let places = errors.flat_map(|found| &found.places).filter_map(|(place, _)| Some((place, place.position()?.0)));
    let mut lines: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (place, line) in places {
        lines.entry(place.source.name.clone()).or_default().insert(line);
    }
    diagnostics.0.retain(|found| {
        let Some((place, line)) = first(found).filter(|_| demand(found)).zip(line(found)) else { return true };
        let Some(wrong) = lines.get(&line.0) else { return true };
        !wrong.iter().any(|other| is_one_block(&place.source.text, line.1, *other))
    });
}

/// Whether one of two lines, counted from 1, is the other, or is indented below it.
fn is_one_block(text: &str, one: usize, other: usize) -> bool {
    let (outer, inner) = (one.min(other), one.max(other));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip(outer - 1);
    let Some(own) = lines.next().map(indent) else { return false };
    lines.take(inner - outer).all(|line| line.trim().is_empty() || indent(line) > own)
}

/// Counts the findings that differ only in the Application, or in the target.
fn count_repeats(diagnostics: &mut Diagnostics) {
    let key = |found: &Diagnostic| match found.code {
        // Applications with the same repository.
        Code::RepositoryMismatch => {
            let written = first(found).and_then(|place| place.source.text.get(place.span.clone()?));
            Some((found.message.clone(), vec![written?.to_owned()]))
        }
        // Steps with the same tool.
        Code::ScenarioInvalid if found.message.ends_with(UNPINNED) => Some((found.message.clone(), Vec::new())),
        // The folders of both kinds of scenarios.
        Code::ScenarioInvalid if found.message.ends_with(NEVER_RUN) => Some((found.message.clone(), Vec::new())),
        // Containers with the same image.
        Code::ImageInvalid => Some((found.message.clone(), Vec::new())),
        // Uses of one invalid name of a port.
        Code::ObjectRefused if label(found).starts_with("must be a port name") => {
            let written = first(found).and_then(|place| place.source.text.get(place.span.clone()?));
            Some((label(found).to_owned(), vec![written?.to_owned(), application(found)?.to_owned()]))
        }
        // Uses of one name that no port of the pods has.
        Code::ReferencePort if !is_target_port(found) => {
            Some((missing_port(found)?.to_owned(), vec![application(found)?.to_owned()]))
        }
        // Labels of one selector.
        Code::ObjectRefused if found.message.ends_with(LABELS) => {
            Some((LABELS.to_owned(), vec![application(found)?.to_owned(), found.origin.as_ref()?.template.clone()]))
        }
        // Containers that sleep equally long.
        Code::PreStopTooLong => Some((label(found).to_owned(), vec![application(found)?.to_owned()])),
        // Objects of a kind that a project does not allow.
        Code::ProjectForbids => {
            let list = found.helps.iter().find(|help| help.contains("ResourceWhitelist` of project"))?;
            Some((list.clone(), vec![application(found)?.to_owned()]))
        }
        // Uses of one wrong value in an object.
        Code::ObjectInvalid | Code::ObjectRefused | Code::QuantitySuspicious | Code::DurationInvalid => {
            let place = first(found)?;
            let written = place.source.text.get(place.span.clone()?)?.to_owned();
            let (file, line) = line(found)?;
            let (origin, target) = (found.origin.as_ref()?, found.target.clone()?);
            let object = [origin.kind.clone(), origin.name.clone(), target];
            Some((label(found).to_owned(), [written, file, line.to_string()].into_iter().chain(object).collect()))
        }
        // Objects of the same templates.
        Code::ObjectDuplicate => {
            let templates = found.places.iter().skip(1).map(|(place, _)| place.source.name.clone());
            Some((found.target.clone().unwrap_or_default(), templates.collect()))
        }
        _ => None,
    };
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    diagnostics.0.retain(|found| {
        key(found).is_none_or(|key| {
            let count = counts.entry(key).or_default();
            *count += 1;
            *count == 1
        })
    });
    for found in &mut diagnostics.0 {
        let others = key(found).and_then(|key| counts.get(&key)).map_or(0, |count| count - 1);
        if others > 0 {
            found.notes.push(format!("the same in {}", plural(others, "other place")));
        }
    }
}

/// Marks the repository in charts.toml first if several Applications agree on another one, and their projects do, too.
fn blame_configuration(diagnostics: &mut Diagnostics) {
    let forbidden = |found: &Diagnostic| found.message.contains("does not allow repository");
    if of(diagnostics, Code::ProjectForbids).any(forbidden) {
        return;
    }
    let several = |found: &&mut Diagnostic| {
        found.code == Code::RepositoryMismatch && found.notes.iter().any(|note| note.starts_with("the same in "))
    };
    for found in diagnostics.0.iter_mut().filter(several).filter(|found| found.places.len() > 1) {
        found.places.swap(0, 1);
    }
}

fn of(diagnostics: &Diagnostics, code: Code) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.0.iter().filter(move |found| found.code == code)
}

fn first(found: &Diagnostic) -> Option<&Place> {
    found.places.first().map(|(place, _)| place)
}

/// The label of the main place.
fn label(found: &Diagnostic) -> &str {
    found.places.first().map(|(_, label)| label.as_str()).unwrap_or_default()
}

/// The file and the line of the main place.
fn line(found: &Diagnostic) -> Option<(String, usize)> {
    let place = first(found)?;
    Some((place.source.name.clone(), place.position()?.0))
}

/// Whether the effect is only about the target of the cause.
fn about_one(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.target.as_ref().is_some_and(|target| effect.notes.first() == Some(target))
}

/// Both follow from the same change of charts.toml.
fn anywhere(_: &Diagnostic, _: &Diagnostic) -> bool {
    true
}

fn same_line(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    line(cause).is_some() && line(cause) == line(effect)
}

/// Whether the effect is about the list or map that the cause leaves incomplete: close to it in its file.
fn near_line(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lines = line(cause).zip(line(effect));
    lines.is_some_and(|((file, line), (other, at))| file == other && line.abs_diff(at) <= NEAR)
}

fn same_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = |found| first(found).map(|place| place.source.name.clone());
    file(cause).is_some() && file(cause) == file(effect)
}

/// Whether the effect is about a line that the cause shows, too.
fn one_of_its_places(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lines = cause.places.iter().filter_map(|(place, _)| Some((place.source.name.clone(), place.position()?.0)));
    line(effect).is_some_and(|own| lines.into_iter().any(|one| one == own))
}

/// Whether the effect shows the file of the cause.
fn in_its_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(own) = first(cause) else { return false };
    effect.places.iter().any(|(place, _)| place.source.name == own.source.name)
}

/// Whether no template reads a value because Helm cannot evaluate the one that does.
fn not_read(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(place) = first(cause) else { return false };
    let Some((line, path)) =
        place.span.clone().map(|span| place.source.lines_of(&span).1).zip(effect.message.split('`').nth(1))
    else {
        return false;
    };
    let chart = place.source.name.split("/templates/").next();
    let same = first(effect).is_some_and(|own| chart.is_some_and(|chart| own.source.name.starts_with(chart)));
    same && place.source.text.get(line).is_some_and(|line| line.contains(&format!(".{path}")))
}

/// Whether a value that is not defined leaves out what the effect demands, here or in the fields above.
fn lacks_a_value(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lacking = ["null", "missing", "required", "empty", "at least"];
    same_file(cause, effect) && lacking.iter().any(|word| effect.message.contains(word))
}

/// The name of the Application.
fn application(found: &Diagnostic) -> Option<&str> {
    found.target.as_deref()?.split('/').next()
}

fn same_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    application(cause).is_some() && application(cause) == application(effect)
}

fn same_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let object = |found: &Diagnostic| {
        let origin = found.origin.as_ref()?;
        Some((origin.template.clone(), origin.kind.clone()))
    };
    same_application(cause, effect) && object(cause).is_some() && object(cause) == object(effect)
}

/// Whether both are about fields next to each other.
fn siblings(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let parent = |found: &Diagnostic| {
        let path = &found.origin.as_ref()?.path;
        Some(path[..path.len().checked_sub(1)?].to_vec())
    };
    same_object(cause, effect) && parent(cause).is_some() && parent(cause) == parent(effect)
}

/// Whether the field that is missing is below one that the cause says to move there.
fn moved_down(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let paths = cause.origin.as_ref().zip(effect.origin.as_ref());
    let inside = paths.is_some_and(|(cause, effect)| {
        // The place of an item of a list is its first field.
        cause.path.split_last().is_some_and(|(_, parent)| {
            effect.path == parent || effect.path.split_last().is_some_and(|(_, item)| item == parent)
        })
    });
    same_object(cause, effect)
        && inside
        && effect.message.starts_with("missing required field")
        && cause.helps.iter().any(|help| help.starts_with("move `"))
}

/// Whether Helm refuses a value, and its linter does so, too, with the path of the value.
fn same_pointer(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let path = cause.message.strip_prefix('`').and_then(|rest| rest.split_once('`'));
    path.is_some_and(|(path, _)| effect.message.contains(&format!("'/{}'", path.replace('.', "/"))))
}

/// Whether the object of the cause is the one that is missing.
fn about_the_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let origin = cause.origin.as_ref();
    let title = origin.map(|origin| format!("{} `{}` does not exist", origin.kind, origin.name));
    same_application(cause, effect) && title.is_some_and(|title| effect.message.starts_with(&title))
}

/// Whether the tool that a step lacks is the one that charts.toml misspells.
fn misspelled_tool(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let near = effect.helps.iter().find_map(|help| help.strip_prefix("did you mean ")?.strip_suffix('?'));
    effect.message.ends_with(UNPINNED) && near.is_some_and(|name| cause.message == format!("unknown tool {name}"))
}

/// Whether the effect lacks what the cause misspells.
fn meant(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let suggested = cause.helps.iter().filter_map(|help| help.strip_prefix("did you mean ")?.strip_suffix('?'));
    same_file(cause, effect) && suggested.into_iter().any(|name| effect.message.contains(name))
}

/// Whether the cause makes unreadable what the effect misses in the sync policy.
fn malformed(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let field = cause.message.strip_prefix("`spec.syncPolicy.").and_then(|rest| rest.split_once("` must be a "));
    let Some((field, _)) = field else { return false };
    // An item of a list.
    let field = field.split('[').next().unwrap_or(field);
    let named = |text: &str| text.contains(field);
    same_application(cause, effect) && (named(&effect.message) || effect.helps.iter().any(|help| named(help)))
}

/// Whether the value of the sync option is invalid that the effect requires.
fn invalid_option(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let option = cause.message.split_once("of sync option `").and_then(|(_, rest)| rest.strip_suffix('`'));
    option.is_some_and(|option| same_application(cause, effect) && effect.message.contains(option))
}

/// Whether the values lack what no values can have.
fn same_value(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let name = effect.message.strip_suffix(" is required");
    name.is_some_and(|name| cause.message.contains(&format!("the values must have {name}")))
}

/// Whether Helm complains about the selector of an object that the API server would not accept at all.
fn same_template(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    // Helm names a template with its chart: `web/templates/deployment.yaml`.
    let template = cause.origin.as_ref().and_then(|origin| Some(origin.template.split_once('/')?.1));
    let file = first(effect).map(|place| place.source.name.as_str());
    let own = template.zip(file).is_some_and(|(template, file)| file.ends_with(template));
    effect.message.contains("must contain matchLabels") && (same_file(cause, effect) || own)
}

/// Whether a value is null that a field, or the schema, requires.
fn null(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let path = cause.message.strip_prefix("null for `").and_then(|rest| rest.split_once('`'));
    let Some((path, _)) = path else { return false };
    effect.message.contains("must not be null") || effect.message.contains(&format!("'/{}'", path.replace('.', "/")))
}

/// Whether no Application is selected, and so this one is not either.
fn not_selected(_: &Diagnostic, effect: &Diagnostic) -> bool {
    effect.message == "Application is not rendered"
}

/// Whether the source is not rendered because it is taken for a chart.
fn ignored_path(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.message == "`path` has no effect" && same_file(cause, effect)
}

/// Whether the Application is deleted for which the project was.
fn deleted_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect) && cause.message.contains("is no longer defined")
}

/// Whether the cause is that the CustomResourceDefinition is deleted whose kinds have no schema now.
fn definition(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect)
        && cause.message.starts_with("CustomResourceDefinition ")
        && effect.message.contains("is no longer rendered by Application")
}

/// Whether the project that does not exist is the one whose file defines another one again.
fn copied_project(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let missing = effect.message.strip_prefix("project `").and_then(|rest| rest.strip_suffix("` does not exist"));
    let Some(missing) = missing.filter(|_| cause.message.starts_with("two projects")) else { return false };
    first(cause).is_some_and(|place| place.source.name.ends_with(&format!("/{missing}.yaml")))
}

/// Whether the cause is in the list of the project that the effect names.
fn same_list(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let (Some(cause), list) = (first(cause), "destination") else { return false };
    let project = effect.places.iter().skip(1).any(|(place, _)| place.source.name == cause.source.name);
    let line = cause.span.clone().map(|span| cause.source.lines_of(&span).1);
    let before = line.and_then(|line| cause.source.text.get(..line.start));
    project && before.is_some_and(|before| before.lines().rev().any(|line| line.trim_start().starts_with(list)))
}

/// Whether both are about a repository that an Application or a project names.
fn same_repository(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = first(cause).map(|place| place.source.name.as_str());
    let places = || effect.places.iter().map(|(place, _)| place.source.name.as_str());
    effect.message.contains("does not allow repository") && places().any(|name| Some(name) == file)
}

/// Whether the goldens belong to the case in a file with another name.
fn of_the_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = first(cause).and_then(|place| place.source.name.rsplit('/').next()?.strip_suffix(".yaml"));
    file.zip(first(effect)).is_some_and(|(case, place)| place.source.name.ends_with(&format!("/{case}")))
}

/// Whether the case that covered it was removed.
fn of_a_case(cause: &Diagnostic, _: &Diagnostic) -> bool {
    let name = first(cause).map(|place| place.source.name.as_str()).unwrap_or_default();
    name.matches('/').count() == 3 && !name.ends_with("/default")
}

/// Whether the effect is in the chart that lacks a template.
fn of_its_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let help = cause.helps.iter().find_map(|help| Some(help.split_once(" `")?.1));
    let chart = help.and_then(|help| Some(help.split_once("templates/")?.0));
    chart.zip(first(effect)).is_some_and(|(chart, place)| place.source.name.starts_with(chart))
}

fn same_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found| {
        let name = first(found)?.source.name.clone();
        Some(name.rsplit_once('/')?.0.to_owned())
    };
    folder(cause).is_some() && folder(cause) == folder(effect)
}

/// Whether Helm complains about the same invalid name.
fn same_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = cause.origin.as_ref().is_some_and(|origin| origin.path == ["metadata", "name"]);
    named && same_file(cause, effect) && effect.message.contains("object name does not conform")
}

/// Whether objects move to a namespace because of a destination that is wrong anyway.
fn moves(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let destination = cause.message.contains("does not allow namespace `") || cause.message.contains("no `namespace`");
    destination && effect.message.contains(" moves to namespace `") && same_application(cause, effect)
}

/// Whether the effect is about the namespace that the cause does not allow.
fn of_that_namespace(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = cause.message.split_once("does not allow namespace ").map(|(_, namespace)| namespace);
    namespace.is_some_and(|namespace| effect.message.starts_with(&format!("namespace {namespace} has two ")))
}

/// Whether the project that is not used is the one to use instead.
fn suggests_the_project(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let project = effect.message.strip_prefix("no Application uses project `").and_then(|rest| rest.strip_suffix('`'));
    let project = project.map(|project| format!("set `project: {project}`"));
    project.is_some_and(|project| cause.helps.iter().any(|help| help.starts_with(&project)))
}

/// Whether the object that is missing is probably the one with an invalid name.
fn suggests_the_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let invalid = cause.origin.as_ref().filter(|origin| origin.path == ["metadata", "name"]);
    invalid.is_some_and(|origin| {
        let title = format!("{} `", origin.kind);
        let help = format!("did you mean `{}`?", origin.name);
        same_application(cause, effect) && effect.message.starts_with(&title) && effect.helps.contains(&help)
    })
}

/// The name of a port that the pods do not have, from either message about it.
fn missing_port(found: &Diagnostic) -> Option<&str> {
    let message = found.message.as_str();
    let used = message.starts_with("target port `") && message.ends_with(" is not a port of its pods");
    let name = match message.split_once(" has a port named `") {
        Some((_, name)) => name,
        None if used || message.contains("` is not a port of container `") => message.split_once("port `")?.1,
        None => return None,
    };
    name.split('`').next().filter(|name| !name.is_empty())
}

/// Whether it is the Service that names a port that its pods do not have.
fn is_target_port(found: &Diagnostic) -> bool {
    found.message.starts_with("target port `")
}

/// Whether a scenario names an object that has a new name for the same reason as one with data.
fn renamed_by_the_same(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    const RENAMED: &str = " is renamed to `";
    let new = cause.message.split_once(RENAMED).map(|(_, rest)| rest);
    let names = effect.helps.iter().filter_map(|help| help.strip_prefix("rendered are `")?.split('`').next());
    new.is_some_and(|new| names.into_iter().any(|name| new.starts_with(name)))
}

/// Whether both fields belong into the same other one, and the cause is written first.
fn misplaced_with(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let owner = |found: &Diagnostic| {
        let help = found.helps.iter().find_map(|help| help.strip_prefix("move `")?.split_once("` to `"));
        help.map(|(_, owner)| owner.to_owned())
    };
    let lines = line(cause).zip(line(effect));
    let earlier = lines.is_some_and(|((file, line), (other, at))| file == other && line < at);
    earlier && owner(cause).is_some() && owner(cause) == owner(effect)
}

/// Whether an alert selects an object of a kind that other objects miss, too.
fn selected_by_an_alert(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let selected = |found: &Diagnostic| label(found).starts_with("selected by `");
    let kind = |found: &Diagnostic| found.message.split(' ').next().map(str::to_owned);
    selected(effect) && !selected(cause) && kind(cause) == kind(effect) && same_application(cause, effect)
}

/// Whether something else than a Service names the same missing port.
fn of_the_target_port(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let both = missing_port(cause).zip(missing_port(effect));
    let same = both.is_some_and(|(one, other)| one == other) && same_application(cause, effect);
    same && is_target_port(cause) && !is_target_port(effect)
}

/// Whether pods lack the labels of a selector because of what is wrong with their template.
fn pods_without_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = cause
        .origin
        .as_ref()
        .is_some_and(|origin| origin.path.starts_with(&["spec", "template", "metadata"].map(str::to_owned)));
    let broken = template || cause.message.contains("renders invalid YAML");
    broken && effect.message.contains("matches no pod") && same_application(cause, effect)
}

/// Whether the schema does not know a value of a case, and not that of the defaults either.
fn unknown_in_a_case(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let in_case = |found| first(found).is_some_and(|place| place.source.name.contains("/ci/"));
    let same = cause.message == effect.message && same_application(cause, effect);
    same && cause.message.starts_with("unknown value `") && !in_case(cause) && in_case(effect)
}

/// Whether another object is in the same namespace, which most likely one value or helper says.
fn another_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = |found: &Diagnostic| Some(found.message.split_once(" is rendered into namespace ")?.1.to_owned());
    let same = namespace(cause).is_some() && namespace(cause) == namespace(effect);
    same && same_application(cause, effect) && cause.message < effect.message
}

/// Whether both are about one namespace.
fn same_namespace(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = cause.message.split_once(" is rendered into namespace ").map(|(_, namespace)| namespace);
    let named = namespace.is_some_and(|namespace| effect.message.ends_with(&format!("in namespace {namespace}")));
    named && same_application(cause, effect)
}

/// The text that a finding is about, as rendered or as written.
fn written(found: &Diagnostic) -> Option<&str> {
    let rendered = found.places.iter().find(|(place, label)| label == "as rendered" && place.span.is_some());
    let (place, _) = rendered.or(found.places.first())?;
    place.source.text.get(place.span.clone()?)
}

/// Whether the port of the cause has the name that the effect offers instead, or would have it if that were valid.
fn invalid_port_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(name) = written(cause).filter(|_| label(cause).starts_with("must be a port name")) else { return false };
    let name = format!("`{}`", name.trim_matches(['"', '\'']));
    same_application(cause, effect)
        && (effect.message.contains(&name) || effect.helps.iter().any(|help| help.contains(&name)))
}

/// Whether both are about a container without an image.
fn no_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lacks = cause.message.ends_with(" has no `image`") && effect.message.ends_with(" has no image");
    lacks && same_application(cause, effect) && same_file(cause, effect)
}

/// Whether the field that is missing is one of those around an unknown field.
fn lacks_the_field(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let paths = cause.origin.as_ref().zip(effect.origin.as_ref());
    let around = paths.is_some_and(|(cause, effect)| {
        let parent = cause.path.split_last().map(|(_, parent)| parent);
        parent
            .is_some_and(|parent| effect.path == parent || effect.path.split_last().map(|(_, own)| own) == Some(parent))
    });
    around && same_object(cause, effect) && effect.message.contains(" has no `")
}

/// Whether labels of pods are missing because they are fields of something else.
fn labels_elsewhere(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = |found: &Diagnostic| {
        found.origin.as_ref().is_some_and(|origin| origin.path.starts_with(&["spec", "template"].map(str::to_owned)))
    };
    effect.message.ends_with(LABELS) && same_object(cause, effect) && template(cause)
}

/// Whether labels are missing in the output of a template that is not even valid YAML in another case.
fn labels_of_its_output(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = effect.origin.as_ref().map(|origin| format!("`{}` renders invalid YAML", origin.template));
    effect.message.ends_with(LABELS) && template.is_some_and(|template| cause.message.contains(&template))
}

/// Whether the labels of the pods are not those of the selector of their own workload.
fn same_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect)
        && cause.message.contains("does not match the template labels")
        && effect.message.contains("matches no pod")
}

/// Whether a namespace is unknown in a scenario of an Application whose namespace is wrong, or another one now.
fn in_its_scenario(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let moved = cause.code == Code::ApplicationDestination
        || cause.message.contains(" moves to namespace `")
        || cause.message.contains("does not allow namespace `");
    let folders = application(cause).map(|app| [format!("tests/kind/{app}/"), format!("tests/gitops/{app}/")]);
    let file = first(effect).map(|place| place.source.name.as_str()).unwrap_or_default();
    let inside = folders.is_some_and(|folders| folders.iter().any(|folder| file.starts_with(folder.as_str())));
    moved && inside && effect.message.ends_with("` does not exist in this scenario")
}

/// Whether scenarios never run because their Application is no longer defined.
fn without_its_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = application(cause).map(|app| format!("no Application is named `{app}`{NEVER_RUN}"));
    named.is_some_and(|message| effect.message == message) && cause.message.contains("is no longer defined")
}

/// Whether an image has no tag because Chart.yaml does not have the field for its version.
fn without_a_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let misspelled = cause.message.contains("Chart.yaml has no field `")
        && cause.helps.iter().any(|help| help.contains("`appVersion`"));
    misspelled && label(effect) == "the tag is empty"
}

/// Whether the image of a dependency has its default version because the value with the version is misspelled.
fn of_its_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.message.contains(".image.") && same_chart(cause, effect)
}

/// Whether an object is missing only because it is in another namespace.
fn elsewhere(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let moved = effect.helps.iter().any(|help| help == "render both in the same namespace");
    moved && in_its_file(cause, effect) && same_application(cause, effect)
}

/// Whether a field is only not allowed because of the value of the field that is invalid anyway.
fn depends_on_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let field = cause.origin.as_ref().and_then(|origin| origin.path.last());
    field.is_some_and(|field| effect.message.contains(&format!(" when `{field}: "))) && same_object(cause, effect)
}

/// Whether a source is written as a list of sources, and the single one is missing.
fn one_source(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect)
        && cause.message == "`spec.sources` must be a list"
        && effect.message == "`spec.source` is required"
}

/// Whether an entry has no effect because its only field is unknown.
fn empty_without_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.message.starts_with("unknown field ")
        && effect.message.ends_with(" has no effect")
        && near_line(cause, effect)
}

/// Whether a container may escalate because it is privileged, which it must not be.
fn privileged(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_object(cause, effect)
        && cause.message.contains("privileged: true`")
        && effect.message.ends_with("conflicts with `privileged: true`")
}

/// Whether only one of two fields may be set, and the one of them is not allowed.
fn conflicting(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.message.contains(" conflicts with `") && same_line(cause, effect)
}

/// Whether Helm complains about the same version of the kind.
fn same_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect) && effect.message.contains("is deprecated in")
}
