//! Removes findings that only follow from another one, which its author fixes first.
//!
//! A field that nothing defines renders nothing, and what is rendered from it is often invalid, too; a kind that does not
//! exist has no scope. Each rule names both codes, and how their findings must be related.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};

/// Whether the second finding follows from the first.
type Follows = fn(&Diagnostic, &Diagnostic) -> bool;

/// The cause, its consequence, and how they are related.
const RULES: &[(Code, Code, Follows)] = &[
    (Code::AnnotationUnknown, Code::BranchUncovered, same_file),
    (Code::AnnotationUnknown, Code::ReferenceMissing, about_the_object),
    (Code::AnnotationUnknown, Code::SealedSecretWave, in_its_file),
    (Code::ApplicationDestination, Code::ProjectForbids, same_application),
    (Code::ApplicationInvalid, Code::ObjectRefused, same_line),
    (Code::ApplicationProject, Code::ProjectUnused, same_application),
    (Code::ArgocdField, Code::ApplicationSync, meant),
    (Code::ArgocdField, Code::ApplicationSync, malformed),
    (Code::ArgocdField, Code::ApplicationSync, invalid_option),
    (Code::ArgocdField, Code::IgnoreDifferencesUnmatched, same_line),
    (Code::ApplicationMissing, Code::ArgocdField, not_selected),
    (Code::ArgocdField, Code::KeyDuplicate, same_line),
    (Code::ArgocdField, Code::NotRendered, ignored_path),
    (Code::ArgocdField, Code::ProjectForbids, same_list),
    (Code::ChangeDataLoss, Code::ProjectUnused, deleted_application),
    (Code::ChangeDataLoss, Code::SchemaMissing, definition),
    (Code::ChartLockOutdated, Code::RepositoryMoved, same_line),
    (Code::ChartMissing, Code::ManifestUndeployed, same_line),
    (Code::ChartLockOutdated, Code::ValuesSchemaOpen, same_chart),
    (Code::ApplicationInvalid, Code::TargetRevisionDiffers, same_file),
    (Code::ConfigUnknownKey, Code::ScenarioInvalid, misspelled_tool),
    (Code::FieldUnknown, Code::AlertInvalid, same_line),
    (Code::FieldUnknown, Code::HelmLint, same_template),
    (Code::FieldUnknown, Code::MonitorInvalid, same_line),
    (Code::FieldUnknown, Code::ObjectInvalid, moved_down),
    (Code::FieldUnknown, Code::ReferencePort, siblings),
    (Code::HelmRefused, Code::FieldUnknown, same_line),
    (Code::HelmRefused, Code::HelmLint, same_pointer),
    (Code::HelmRefused, Code::ScenarioInvalid, same_line),
    (Code::HelmRefused, Code::ValueUnknown, not_read),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_object),
    (Code::ObjectInvalid, Code::NetworkPolicyOpen, same_object),
    (Code::ObjectInvalid, Code::ReferencePort, siblings),
    (Code::ObjectRefused, Code::HelmLint, same_name),
    (Code::ObjectRefused, Code::ReferenceMissing, suggests_the_name),
    (Code::ObjectRefused, Code::SelectorUnmatched, same_labels),
    (Code::ObjectShared, Code::ApplicationProject, copied_project),
    (Code::PodSecurity, Code::PodUnstartable, one_of_its_places),
    (Code::ProjectDefault, Code::ProjectUnused, same_application),
    (Code::ProjectUnused, Code::ProjectForbids, same_line),
    (Code::RenderUnstable, Code::CacheDiffers, about_one),
    (Code::RepositoryMismatch, Code::ProjectForbids, same_repository),
    (Code::NullIgnored, Code::HelmLint, null),
    (Code::NullIgnored, Code::ObjectInvalid, null),
    (Code::ScenarioInvalid, Code::ValueUnknown, same_line),
    (Code::SchemasOutdated, Code::NodeImageDiffers, anywhere),
    (Code::SchemaMissing, Code::HelmLint, same_version),
    (Code::SchemaMissing, Code::HelmLint, same_template),
    (Code::SchemaMissing, Code::ScopeUnknown, same_object),
    (Code::SyncOrder, Code::SealedSecretWave, same_object),
    (Code::TargetRevisionDiffers, Code::NotRendered, same_line),
    (Code::TargetRevisionUnknown, Code::NotRendered, same_line),
    (Code::ValueUndefined, Code::ObjectInvalid, lacks_a_value),
    (Code::ValueUndefined, Code::ObjectRefused, near_line),
    (Code::ValuesSchemaInvalid, Code::HelmRefused, same_value),
];

/// The maximum number of pairs that are compared for a rule: with more findings, nobody reads each of them.
const MAX_PAIRS: usize = 100_000;

/// How many lines apart a value and what is incomplete without it may be.
const NEAR: usize = 12;

/// The end of the message about the tool of a step.
const UNPINNED: &str = " is not pinned in charts.toml";

/// Removes the findings that follow from others.
pub fn remove(diagnostics: &mut Diagnostics) {
    let lines: BTreeSet<(String, usize)> = of(diagnostics, Code::ValueUndefined).filter_map(line).collect();
    // Whatever is rendered from a value that is not defined.
    diagnostics.0.retain(|found| found.origin.is_none() || !line(found).is_some_and(|line| lines.contains(&line)));
    count_repeats(diagnostics);
    for (cause, effect, follows) in RULES {
        let causes: Vec<Diagnostic> = of(diagnostics, *cause).cloned().collect();
        if causes.is_empty() || causes.len() * of(diagnostics, *effect).count() > MAX_PAIRS {
            continue;
        }
        diagnostics.0.retain(|found| found.code != *effect || !causes.iter().any(|cause| follows(cause, found)));
    }
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
        // Containers with the same image.
        Code::ImageInvalid => Some((found.message.clone(), Vec::new())),
        // Uses of one invalid name of a port.
        Code::ObjectRefused if label(found).starts_with("must be a port name") => {
            let written = first(found).and_then(|place| place.source.text.get(place.span.clone()?));
            Some((label(found).to_owned(), vec![written?.to_owned(), application(found)?.to_owned()]))
        }
        // Objects of a kind that a project does not allow.
        Code::ProjectForbids => {
            let list = found.helps.iter().find(|help| help.contains("ResourceWhitelist` of project"))?;
            Some((list.clone(), vec![application(found)?.to_owned()]))
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

/// Both follow from a new version in charts.toml.
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

/// Whether the object that is missing is probably the one with an invalid name.
fn suggests_the_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let invalid = cause.origin.as_ref().filter(|origin| origin.path == ["metadata", "name"]);
    invalid.is_some_and(|origin| {
        let title = format!("{} `", origin.kind);
        let help = format!("did you mean `{}`?", origin.name);
        same_application(cause, effect) && effect.message.starts_with(&title) && effect.helps.contains(&help)
    })
}

/// Whether the labels of the pods are not those of the selector of their own workload.
fn same_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect)
        && cause.message.contains("does not match the template labels")
        && effect.message.contains("matches no pod")
}

/// Whether Helm complains about the same version of the kind.
fn same_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect) && effect.message.contains("is deprecated in")
}
