//! Removes findings that only follow from another one, which its author fixes first.
//!
//! A field that nothing defines renders nothing, and what is rendered from it is often invalid, too; a kind that does not
//! exist has no scope. Each rule names both codes, and how their findings must be related.

mod facts;
mod instances;
mod messages;
mod places;
mod repeats;
mod schemas;
mod templates;

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::fact::{Subject, TOOL};
use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Fact, Place};

use self::facts::{
    application, first, forbids, invalid_port, is_target_port, label, line, missing, missing_port, of, unlisted,
};
use self::messages::{
    about_the_object, another_object, conflicting, copied_project, definition, deleted_application, depends_on_it,
    elsewhere, empty_without_it, has_that_name, ignored_path, in_its_scenario, invalid_option, invalid_port_name,
    labels_elsewhere, labels_of_its_output, lacks_a_value, lacks_another, lacks_the_field, malformed, meant,
    misplaced_with, misspelled_list, misspelled_tool, moved_down, moved_there, moves, named_after_it,
    named_after_its_chart, named_like_its_file, no_image, not_read, not_selected, null, of_its_chart, of_its_image,
    of_that_namespace, of_the_deleted_application, of_the_same_targets, of_the_target_port, one_source,
    pods_without_labels, privileged, renamed_by_the_same, same_labels, same_name, same_namespace, same_pointer,
    same_repository, same_template, same_text, same_value, same_version, selected_by_an_alert, suggests_the_name,
    suggests_the_project, unknown_in_a_case, without_a_version, without_its_application, wrongly_formatted,
};
use self::places::{
    about_one, anywhere, below_it, in_its_file, in_its_row, in_the_chart, near_line, near_one_of_its_places, of_a_case,
    of_the_file, one_of_its_places, same_application, same_chart, same_field, same_file, same_line, same_list,
    same_object, share_a_place, shows_its_file, siblings,
};
use self::repeats::{
    after_it, again, also_refused, below_its_goldens, beside_its_repository, inside_its_item, moved_inside, names_it,
    names_no_project, names_the_former, needs_it, of_its_template, of_that_image, of_the_renamed, same_missing,
    same_remedy, suggests_a_project, unread_beside_it, without_an_image, without_any, without_that_application,
    would_define,
};
use self::schemas::confused_by_the_type;
use super::forbidden_kinds;

/// Whether the second finding follows from the first.
type Follows = fn(&Diagnostic, &Diagnostic) -> bool;

/// The cause, its consequence, and how they are related.
const RULES: &[(Code, Code, Follows)] = &[
    (Code::AnnotationUnknown, Code::BranchUncovered, same_file),
    (Code::AnnotationUnknown, Code::ReferenceMissing, about_the_object),
    (Code::AnnotationUnknown, Code::SealedSecretWave, in_its_file),
    (Code::AnnotationUnknown, Code::TestDeployed, same_object),
    (Code::ApplicationDestination, Code::ChangeDataLoss, moves),
    (Code::ApplicationDestination, Code::ProjectForbids, same_application),
    (Code::ApplicationDestination, Code::ScenarioInvalid, in_its_scenario),
    (Code::ApplicationInvalid, Code::ApplicationSync, same_file),
    (Code::ApplicationInvalid, Code::ApplicationInvalid, one_source),
    (Code::ApplicationInvalid, Code::ObjectRefused, same_line),
    (Code::ApplicationProject, Code::ProjectUnused, same_application),
    (Code::ApplicationProject, Code::ProjectUnused, named_like_its_file),
    (Code::ApplicationInvalid, Code::ProjectUnused, suggests_a_project),
    (Code::ApplicationInvalid, Code::ProjectUnused, names_no_project),
    (Code::ApplicationSetInvalid, Code::GoldenDirectoryOrphaned, anywhere),
    (Code::ApplicationSetInvalid, Code::ProjectUnused, names_it),
    (Code::ArgocdField, Code::ApplicationSync, meant),
    (Code::ArgocdField, Code::ApplicationSync, malformed),
    (Code::ArgocdField, Code::ArgocdField, empty_without_it),
    (Code::ArgocdField, Code::SyncPolicyImplicit, same_line),
    (Code::ArgocdField, Code::ApplicationSync, invalid_option),
    (Code::ArgocdField, Code::IgnoreDifferencesUnmatched, same_line),
    (Code::ArgocdField, Code::ApplicationSync, below_it),
    (Code::ApplicationMissing, Code::ArgocdField, not_selected),
    (Code::ApplicationMissing, Code::GoldenDirectoryOrphaned, anywhere),
    (Code::ArgocdField, Code::KeyDuplicate, same_line),
    (Code::ArgocdField, Code::NotRendered, ignored_path),
    (Code::ArgocdField, Code::NotRendered, near_line),
    (Code::ArgocdField, Code::ProjectForbids, same_list),
    (Code::ArgocdField, Code::ProjectForbids, misspelled_list),
    (Code::ArgocdField, Code::ProjectForbids, share_a_place),
    (Code::ChangeDataLoss, Code::ChangeDataAbandoned, same_line),
    (Code::ChangeDataLoss, Code::DirectoryEmpty, same_file),
    (Code::ChangeDataLoss, Code::GoldenDirectoryOrphaned, of_the_deleted_application),
    (Code::ChangeDataLoss, Code::ProjectUnused, deleted_application),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, renamed_by_the_same),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, without_its_application),
    (Code::ChangeDataLoss, Code::ScenarioInvalid, in_its_scenario),
    (Code::ChangeDataLoss, Code::SchemaMissing, definition),
    (Code::ChangeIncomplete, Code::ReferenceMissing, of_the_renamed),
    (Code::ChangeIncomplete, Code::ReferenceMissing, share_a_place),
    (Code::ChangeIncomplete, Code::ReferencePort, share_a_place),
    (Code::ChangeRefused, Code::ObjectRefused, names_the_former),
    (Code::ChangeRefused, Code::ObjectRefused, same_line),
    (Code::ChartInvalid, Code::BranchUncovered, of_its_chart),
    (Code::ChartInvalid, Code::ChangeDataLoss, of_its_chart),
    (Code::ChartInvalid, Code::GoldenDirectoryOrphaned, of_the_file),
    (Code::ChartInvalid, Code::HelmLint, of_its_chart),
    (Code::ChartInvalid, Code::ObjectRefused, of_its_chart),
    (Code::ChartInvalid, Code::ScenarioInvalid, named_after_its_chart),
    (Code::ChartLockOutdated, Code::RepositoryMoved, same_line),
    (Code::ChartMissing, Code::ManifestUndeployed, same_line),
    (Code::ChartLockOutdated, Code::ValuesSchemaOpen, same_chart),
    (Code::DirectoryEmpty, Code::ChangeDataAbandoned, same_file),
    (Code::DocumentLost, Code::FieldUnknown, same_object),
    (Code::DocumentLost, Code::ObjectInvalid, same_object),
    (Code::DocumentLost, Code::ReferenceKey, same_application),
    (Code::DocumentLost, Code::ReferenceMissing, same_application),
    (Code::DocumentLost, Code::ReferencePort, same_application),
    (Code::DocumentLost, Code::SelectorUnmatched, same_application),
    (Code::ApplicationDuplicate, Code::ObjectShared, of_the_same_targets),
    (Code::ApplicationInvalid, Code::KeyDuplicate, same_line),
    (Code::ApplicationInvalid, Code::TargetRevisionDiffers, same_file),
    (Code::ConditionIneffective, Code::ValueUnknown, one_of_its_places),
    (Code::ConfigSyntax, Code::ConfigSyntax, after_it),
    (Code::ConfigUnknownKey, Code::ScenarioInvalid, misspelled_tool),
    (Code::FieldUnknown, Code::AlertInvalid, same_line),
    (Code::FieldUnknown, Code::AutoscalerIneffective, same_file),
    (Code::FieldUnknown, Code::ImageInvalid, same_line),
    (Code::FieldUnknown, Code::ObjectRefused, same_line),
    (Code::FieldUnknown, Code::ChangeRefused, same_line),
    (Code::FieldUnknown, Code::FieldUnknown, misplaced_with),
    (Code::FieldUnknown, Code::HelmLint, same_template),
    (Code::FieldUnknown, Code::MonitorInvalid, same_line),
    (Code::FieldUnknown, Code::ObjectInvalid, moved_down),
    (Code::FieldUnknown, Code::ObjectRefused, moved_down),
    (Code::FieldUnknown, Code::ObjectRefused, lacks_the_field),
    (Code::FieldUnknown, Code::ObjectRefused, moved_inside),
    (Code::FieldUnknown, Code::ObjectRefused, labels_elsewhere),
    (Code::FieldUnknown, Code::ReferencePort, siblings),
    (Code::FieldUnknown, Code::SealedSecretInvalid, same_object),
    (Code::FieldUnknown, Code::SelectorUnmatched, pods_without_labels),
    (Code::FormatInvalid, Code::HelmLint, in_the_chart),
    (Code::FormatInvalid, Code::ImageInvalid, wrongly_formatted),
    (Code::FormatInvalid, Code::ObjectInvalid, wrongly_formatted),
    (Code::FormatInvalid, Code::ObjectRefused, wrongly_formatted),
    (Code::FormatInvalid, Code::ReferenceMissing, wrongly_formatted),
    (Code::GoldenDirectoryOrphaned, Code::BranchUncovered, of_a_case),
    (Code::GoldenDirectoryOrphaned, Code::ValueUncovered, of_a_case),
    (Code::HelmRefused, Code::FieldUnknown, same_line),
    (Code::HelmLint, Code::ImageInvalid, without_a_version),
    (Code::HelmRefused, Code::ConditionIneffective, same_line),
    (Code::HelmRefused, Code::HelmLint, same_line),
    (Code::HelmRefused, Code::HelmLint, same_pointer),
    (Code::HelmRefused, Code::HelmRefused, confused_by_the_type),
    (Code::HelmRefused, Code::HelmRefused, also_refused),
    (Code::HelmRefused, Code::HelmRefused, unknown_in_a_case),
    (Code::HelmRefused, Code::ObjectRefused, labels_of_its_output),
    (Code::HelmRefused, Code::SelectorUnmatched, pods_without_labels),
    (Code::HelmRefused, Code::ScenarioInvalid, same_line),
    (Code::HelmRefused, Code::ValueUnknown, not_read),
    (Code::HelmRefused, Code::ValueUnknown, same_line),
    (Code::HelmRefused, Code::ValueUnknown, of_its_template),
    (Code::HelmRefused, Code::ValuesTableOutdated, in_its_row),
    (Code::KeyMisspelled, Code::ObjectRefused, same_line),
    (Code::KustomizeRefused, Code::GoldenDirectoryOrphaned, below_its_goldens),
    (Code::KustomizeUnmatched, Code::ImageUnpinned, of_that_image),
    (Code::KeyMisspelled, Code::ReferenceMissing, same_object),
    (Code::ImageUnpinned, Code::ValueUnknown, beside_its_repository),
    (Code::NamespaceMismatch, Code::NamespaceMismatch, another_object),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_object),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_namespace),
    (Code::NamespaceMismatch, Code::ReferenceMissing, elsewhere),
    (Code::NamespaceMismatch, Code::ReferenceMissing, moved_there),
    (Code::ObjectDuplicate, Code::ReferenceKey, share_a_place),
    (Code::ObjectInvalid, Code::ChangeRefused, same_field),
    (Code::ObjectInvalid, Code::NetworkPolicyDns, same_object),
    (Code::ObjectInvalid, Code::NetworkPolicyOpen, same_object),
    (Code::ObjectInvalid, Code::ObjectInvalid, lacks_another),
    (Code::ObjectInvalid, Code::ObjectRefused, depends_on_it),
    (Code::ObjectInvalid, Code::ReferencePort, siblings),
    (Code::ObjectInvalid, Code::ScopeUnknown, same_object),
    (Code::ObjectInvalid, Code::SealedSecretInvalid, same_object),
    (Code::ObjectInvalid, Code::SealedSecretScope, same_line),
    (Code::ObjectInvalid, Code::SealedSecretWave, near_one_of_its_places),
    (Code::ObjectRefused, Code::AutoscalerIneffective, same_file),
    (Code::ObjectRefused, Code::DisruptionBlocked, same_object),
    (Code::ObjectRefused, Code::ReferencePort, inside_its_item),
    (Code::HelmRefused, Code::TemplateUnindented, same_line),
    (Code::HelmRefused, Code::TemplateUnrendered, same_line),
    (Code::ObjectRefused, Code::HelmLint, same_name),
    (Code::ObjectRefused, Code::ImageInvalid, no_image),
    (Code::ObjectRefused, Code::KeyMisspelled, same_line),
    (Code::ObjectRefused, Code::NetworkPolicyDns, same_object),
    (Code::ObjectRefused, Code::NodePortRange, same_line),
    (Code::ObjectRefused, Code::ObjectRefused, has_that_name),
    (Code::ObjectRefused, Code::ObjectRefused, named_after_it),
    (Code::ObjectRefused, Code::PodSecurity, conflicting),
    (Code::ObjectRefused, Code::PodSecurity, without_an_image),
    (Code::ObjectRefused, Code::ReferencePort, invalid_port_name),
    (Code::ObjectRefused, Code::ReferenceMissing, suggests_the_name),
    (Code::ObjectRefused, Code::SelectorUnmatched, same_labels),
    (Code::ObjectRefused, Code::SelectorUnmatched, same_line),
    (Code::ObjectShared, Code::ApplicationProject, copied_project),
    (Code::PodSecurity, Code::PodSecurity, again),
    (Code::PodSecurity, Code::PodUnstartable, one_of_its_places),
    (Code::PodSecurity, Code::ObjectInvalid, same_line),
    (Code::PodSecurity, Code::ObjectRefused, privileged),
    (Code::ProjectDefault, Code::ProjectUnused, same_application),
    (Code::ProjectForbids, Code::ChangeDataLoss, moves),
    (Code::ProjectForbids, Code::ChangeRefused, share_a_place),
    (Code::ProjectForbids, Code::NamespaceLabel, of_that_namespace),
    (Code::ProjectForbids, Code::ProjectForbids, same_remedy),
    (Code::ProjectForbids, Code::ProjectUnused, suggests_the_project),
    (Code::ProjectForbids, Code::ScenarioInvalid, in_its_scenario),
    (Code::ProjectUnused, Code::ProjectForbids, same_line),
    (Code::ReferenceMissing, Code::BranchUncovered, shows_its_file),
    (Code::ReferenceMissing, Code::ChangeRefused, siblings),
    (Code::ReferenceMissing, Code::ExternalUnused, same_missing),
    (Code::ReferenceMissing, Code::ReferenceMissing, selected_by_an_alert),
    (Code::ReferencePort, Code::ReferencePort, of_the_target_port),
    // After the rule above, since it removes what that one compares with.
    (Code::ObjectRefused, Code::ReferencePort, share_a_place),
    (Code::RenderUnstable, Code::CacheDiffers, about_one),
    (Code::RepositoryMismatch, Code::NotRendered, one_of_its_places),
    (Code::RepositoryMismatch, Code::ProjectForbids, same_repository),
    (Code::NullIgnored, Code::HelmLint, null),
    (Code::NullIgnored, Code::ObjectInvalid, null),
    (Code::ScenarioInvalid, Code::GoldenDirectoryOrphaned, without_that_application),
    (Code::ScenarioInvalid, Code::ProjectUnused, without_that_application),
    (Code::ScenarioInvalid, Code::ScenarioInvalid, needs_it),
    (Code::ScenarioInvalid, Code::ReferenceMissing, unread_beside_it),
    (Code::ScenarioInvalid, Code::SchemaMissing, without_any),
    (Code::ScenarioInvalid, Code::ValueUnknown, same_line),
    (Code::SchemasOutdated, Code::NodeImageDiffers, anywhere),
    (Code::SecretPlain, Code::ObjectInvalid, same_object),
    (Code::SecretPlain, Code::ObjectRefused, same_object),
    (Code::SchemaMissing, Code::HelmLint, same_version),
    (Code::SchemaMissing, Code::HelmLint, same_template),
    (Code::SchemaMissing, Code::ReferenceMissing, would_define),
    (Code::SchemaMissing, Code::ScopeUnknown, same_object),
    (Code::SyncOrder, Code::SealedSecretWave, same_object),
    (Code::TargetRevisionDiffers, Code::NotRendered, same_line),
    (Code::TargetRevisionUnknown, Code::NotRendered, same_line),
    (Code::TemplateDuplicate, Code::HelmRefused, in_the_chart),
    (Code::TemplateUnrendered, Code::BranchUncovered, of_its_chart),
    (Code::TemplateUnrendered, Code::HelmRefused, of_its_chart),
    (Code::TemplateUnrendered, Code::ReferenceMissing, of_its_chart),
    (Code::TemplateUnrendered, Code::SelectorUnmatched, of_its_chart),
    (Code::TemplateUnrendered, Code::ValueUncovered, of_its_chart),
    (Code::TemplateUnrendered, Code::ValueUnknown, of_its_chart),
    (Code::ValueDuplicate, Code::HelmRefused, near_one_of_its_places),
    (Code::ValueUndefined, Code::BranchUncovered, same_line),
    (Code::ValueUndefined, Code::HelmRefused, same_line),
    (Code::ValueUndefined, Code::ManifestInvalid, same_line),
    (Code::ValueUndefined, Code::ObjectInvalid, lacks_a_value),
    (Code::ValueUndefined, Code::ObjectRefused, near_one_of_its_places),
    (Code::ValueUnknown, Code::BranchUncovered, one_of_its_places),
    (Code::ValueUnknown, Code::VersionVulnerable, of_its_image),
    (Code::ValueMisread, Code::FormatInvalid, same_text),
    (Code::VariableShadowed, Code::NetworkPolicyOpen, in_the_chart),
    (Code::VariableShadowed, Code::ObjectInvalid, in_the_chart),
    (Code::ValuesSchemaInvalid, Code::HelmRefused, same_value),
];

/// The maximum number of pairs that are compared for a rule: with more findings, nobody reads each of them.
const MAX_PAIRS: usize = 100_000;

/// Removes the findings that follow from others.
pub fn remove(diagnostics: &mut Diagnostics) {
    let lines: BTreeSet<(String, usize)> = of(diagnostics, Code::ValueUndefined).filter_map(line).collect();
    // Whatever is rendered from a value that is not defined.
    diagnostics.0.retain(|found| found.origin.is_none() || !line(found).is_some_and(|line| lines.contains(&line)));
    count_repeats(diagnostics);
    templates::blame(diagnostics);
    templates::one_name(diagnostics);
    blame_configuration(diagnostics);
    for (cause, effect, follows) in RULES {
        let causes: Vec<Diagnostic> = of(diagnostics, *cause).cloned().collect();
        if causes.is_empty() || causes.len() * of(diagnostics, *effect).count() > MAX_PAIRS {
            continue;
        }
        diagnostics.0.retain(|found| found.code != *effect || !causes.iter().any(|cause| follows(cause, found)));
    }
    schemas::merge(diagnostics);
    forbidden_kinds::merge(diagnostics);
    remove_conventions(diagnostics);
    remove_of_another_chart(diagnostics);
    remove_edits(diagnostics);
    remove_coverage(diagnostics);
    instances::merge(diagnostics);
}

/// Removes what is found about the edits of scenarios to files in which something is wrong anyway.
fn remove_edits(diagnostics: &mut Diagnostics) {
    let file = |found: &Diagnostic| {
        found.facts.iter().find_map(|fact| match fact {
            Fact::File(file) => Some(file.clone()),
            _ => None,
        })
    };
    let others = diagnostics.0.iter().filter(|found| file(found).is_none() && !found.code.is_bookkeeping());
    let wrong: BTreeSet<String> =
        others.flat_map(|found| &found.places).map(|(place, _)| place.source.name.clone()).collect();
    diagnostics.0.retain(|found| file(found).is_none_or(|file| !wrong.contains(&file)));
}

/// The codes of findings about a template or its values that may decide which branches are rendered.
const DECISIVE: &[Code] = &[
    Code::ChangeDataLoss,
    Code::ChangeRefused,
    Code::DefaultIneffective,
    Code::FieldUnknown,
    Code::NetworkPolicyOpen,
    Code::ObjectInvalid,
    Code::ObjectRefused,
    Code::ReferenceMissing,
    Code::ReferencePort,
    Code::SelectorUnmatched,
    Code::ValueUndefined,
    Code::VariableShadowed,
];

/// Removes what is not covered in a chart in which something is wrong: what it renders once that is corrected may cover it.
fn remove_coverage(diagnostics: &mut Diagnostics) {
    let chart = |place: &Place| place.source.name.split_once("/templates/").map(|(chart, _)| chart.to_owned());
    let wrong = |found: &&Diagnostic| DECISIVE.contains(&found.code);
    let errors = diagnostics.0.iter().filter(wrong).flat_map(|found| &found.places);
    let charts: BTreeSet<String> = errors.filter_map(|(place, _)| chart(place)).collect();
    let covered = |found: &Diagnostic| first(found).and_then(chart).is_none_or(|chart| !charts.contains(&chart));
    diagnostics.0.retain(|found| found.code != Code::BranchUncovered || covered(found));
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
            let is_other =
                |fact: &Fact| matches!(fact, Fact::SharedWith(target) if target.split('/').next() == Some(app));
            found.facts.iter().any(is_other)
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
            let url = written?.trim_matches(['"', '\'']);
            Some((found.message.clone(), vec![argocd::repository_url::normalized(url)]))
        }
        // Steps with the same tool.
        // And the folders of both kinds of scenarios.
        Code::ScenarioInvalid if missing(found).is_some_and(|(kind, _)| matches!(kind, TOOL | "Application")) => {
            Some((found.message.clone(), Vec::new()))
        }
        // Containers with the same image.
        Code::ImageInvalid => Some((found.message.clone(), Vec::new())),
        // Images that one named template writes.
        Code::ImageUnpinned => {
            let (file, at) = line_of_helper(found)?;
            Some((found.message.clone(), vec![file, at.to_string()]))
        }
        // Uses of one invalid name of a port.
        Code::ObjectRefused if invalid_port(found).is_some() => {
            let written = first(found).and_then(|place| place.source.text.get(place.span.clone()?));
            Some((label(found).to_owned(), vec![written?.to_owned(), application(found)?.to_owned()]))
        }
        // Uses of one name that no port of the pods has.
        Code::ReferencePort if !is_target_port(found) => {
            Some((missing_port(found)?.to_owned(), vec![application(found)?.to_owned()]))
        }
        // Labels of one selector.
        Code::ObjectRefused if found.is(&Fact::OwnLabels) => Some((
            "own labels".to_owned(),
            vec![application(found)?.to_owned(), found.origin.as_ref()?.template.clone()],
        )),
        // Containers that sleep equally long.
        Code::PreStopTooLong => Some((label(found).to_owned(), vec![application(found)?.to_owned()])),
        // Applications of a set, whose template names their namespaces.
        Code::ProjectForbids if found.is(&Fact::Generated) => {
            let (file, at) = line(found)?;
            Some(("namespaces".to_owned(), vec![file, at.to_string()]))
        }
        // Objects of a kind that a project does not allow.
        Code::ProjectForbids => {
            let Fact::Unlisted { list, entry, project, .. } = unlisted(found)? else { return None };
            let key = [list, entry, project].map(String::clone);
            Some((application(found)?.to_owned(), key.into()))
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
            let authored = found.places.iter().skip(1).map(|(place, _)| place.source.name.clone());
            let templates = authored.filter(|name| !name.starts_with("tests/golden/"));
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
            if found.code == Code::ImageUnpinned {
                let helper = found.places.iter().position(|(place, _)| place.source.name.contains(HELPERS));
                found.places[..=helper.unwrap_or_default()].rotate_right(1);
            }
            found.facts.push(Fact::Repeated);
        }
    }
}

/// What the path of a file with named templates contains.
const HELPERS: &str = "/templates/_";

/// The file and the line of a named template that a finding shows.
fn line_of_helper(found: &Diagnostic) -> Option<(String, usize)> {
    let (place, _) = found.places.iter().find(|(place, _)| place.source.name.contains(HELPERS))?;
    Some((place.source.name.clone(), place.position()?.0))
}

/// Marks the repository in charts.toml first if several Applications agree on another one, and their projects do, too.
fn blame_configuration(diagnostics: &mut Diagnostics) {
    let forbidden = |found: &Diagnostic| forbids(found, Subject::Repository).is_some();
    if of(diagnostics, Code::ProjectForbids).any(forbidden) {
        return;
    }
    let several = |found: &&mut Diagnostic| found.code == Code::RepositoryMismatch && found.is(&Fact::Repeated);
    for found in diagnostics.0.iter_mut().filter(several).filter(|found| found.places.len() > 1) {
        found.places.swap(0, 1);
    }
}
