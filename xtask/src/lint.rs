//! Checks that need no cluster, one per file.
//!
//! A check gets what has already been read and rendered, and returns findings. [`CHECKS`] lists all of them with what each
//! needs. Only checks that need Helm or Git start a program.
//!
//! Validation against Kubernetes schemas is in `validate`.

pub mod alert_subjects;
pub mod alert_tests;
pub mod application_chart;
pub mod application_destination;
pub mod application_finalizer;
pub mod application_project;
pub mod application_release;
pub mod application_sync;
pub mod argocd_annotations;
pub mod argocd_fields;
pub mod argocd_folder;
pub mod autoscaler_ineffective;
pub mod backend_ports;
pub mod base;
pub mod cached_findings;
pub mod change;
pub mod character_misleading;
pub mod chart_name;
pub mod chart_sources;
pub mod chart_version;
pub mod claim_shared;
pub mod cluster_unused;
pub mod clusters;
pub mod commands;
pub mod condition_ineffective;
pub mod config_map_json;
pub mod conflict_marker;
pub mod coverage;
pub mod dashboards;
pub mod disruption_blocked;
pub mod dockerfiles;
pub mod format_invalid;
pub mod generator_unmatched;
pub mod gitops_files;
pub mod go_durations;
pub mod helm;
pub mod helm_lint;
pub mod hook_unknown;
pub mod ignored_differences;
pub mod images;
pub mod ingress_conflict;
pub mod ingress_tls;
pub mod integer_as_float;
pub mod kustomize_unmatched;
pub mod monitor_fields;
pub mod monitors;
pub mod mounted_paths;
pub mod namespace_labels;
pub mod namespace_limits;
mod namespaces;
pub mod network_policy;
pub mod network_policy_dns;
pub mod node_image;
pub mod node_ports;
pub mod null_ignored;
pub mod object_duplicate;
pub mod object_shared;
pub mod patterns;
pub mod pod_placement;
pub mod pod_security;
pub mod pod_start;
pub mod policy_peers;
pub mod policy_pods;
pub mod port_duplicate;
pub mod postfix_parameters;
pub mod pre_stop;
pub mod probe_ports;
mod program_texts;
mod project_values;
pub mod project_wave;
mod prometheus_duration;
pub mod prometheus_rules;
mod promql;
pub mod rbac_rules;
pub mod references;
mod renovate_patterns;
mod replicas;
pub mod repository_moved;
pub mod scenario_committed;
pub mod scenario_files;
mod scenario_images;
mod scenario_manifests;
mod scenario_needs;
pub mod scenario_objects;
pub mod scenario_references;
pub mod scenario_values;
pub mod scenarios;
pub mod sealed_secret;
pub mod sealed_secret_wave;
pub mod sealing_certificate;
pub mod sealing_controller;
pub mod second_render;
pub mod secret_in_config;
pub mod secrets;
pub mod service_names;
pub mod service_pods;
pub mod sub_path;
pub mod subject;
pub mod sync_dependencies;
pub mod target_revision;
pub mod template;
pub mod template_duplicate;
pub mod template_ineffective;
pub mod template_objects;
pub mod template_unindented;
pub mod template_unrendered;
pub mod test_deployed;
pub mod unmatched;
pub mod unreachable;
pub mod value_duplicate;
pub mod value_misread;
pub mod value_shared;
pub mod value_use;
pub mod values_schema;
pub mod values_table;
pub mod version_vulnerable;
pub mod well_known;
mod workflow_expressions;
mod workflow_inputs;
pub mod workflows;
mod written_once;

use diagnostics::{Class, Code, Diagnostics};

use self::subject::{ChartSubject, Fix, Subject};

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The codes that it may report.
    pub codes: &'static [Code],
    /// Its function, by what it needs.
    pub run: Run,
    /// Returns the files to replace to fix its findings, if it can fix any.
    pub fix: Option<fn(&Subject<'_>) -> Vec<Fix>>,
}

/// The function of a check, by what it needs.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Reads files of the workspace.
    Files(fn(&Subject<'_>) -> Diagnostics),
    /// Reads rendered objects, and maybe files.
    Objects(fn(&Subject<'_>) -> Diagnostics),
    /// Runs Git.
    Git(fn(&Subject<'_>) -> Diagnostics),
    /// Runs Helm, once per deployed chart.
    Helm(fn(&ChartSubject<'_>) -> Diagnostics),
}

impl Check {
    const fn new(codes: &'static [Code], run: Run) -> Self {
        Self { codes, run, fix: None }
    }

    /// Its first code, which names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.codes.first().map_or("", |code| code.name())
    }

    /// Whether it may report what is not only a convention.
    #[must_use]
    pub(crate) fn finds_faults(&self) -> bool {
        self.codes.iter().any(|code| code.class() != Class::Convention)
    }

    const fn with_fix(self, fix: fn(&Subject<'_>) -> Vec<Fix>) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

/// All checks, in the order of their files. A new check is a file and a row here.
pub(crate) const CHECKS: &[Check] = &[
    Check::new(alert_subjects::CODES, Run::Objects(alert_subjects::check)),
    Check::new(alert_tests::CODES, Run::Objects(alert_tests::check)),
    Check::new(application_chart::CODES, Run::Files(application_chart::check)),
    Check::new(application_destination::CODES, Run::Objects(application_destination::check)),
    Check::new(application_finalizer::CODES, Run::Objects(application_finalizer::check)),
    Check::new(application_project::CODES, Run::Objects(application_project::check)),
    Check::new(application_release::CODES, Run::Files(application_release::check)),
    Check::new(application_sync::CODES, Run::Files(application_sync::check)),
    Check::new(argocd_annotations::CODES, Run::Objects(argocd_annotations::check)),
    Check::new(argocd_fields::CODES, Run::Files(argocd_fields::check)),
    Check::new(argocd_folder::CODES, Run::Files(argocd_folder::check)),
    Check::new(autoscaler_ineffective::CODES, Run::Objects(autoscaler_ineffective::check)),
    Check::new(backend_ports::CODES, Run::Objects(backend_ports::check)),
    Check::new(change::CODES, Run::Git(change::check)),
    Check::new(character_misleading::CODES, Run::Files(character_misleading::check)),
    Check::new(chart_name::CODES, Run::Objects(chart_name::check)),
    Check::new(chart_version::CODES, Run::Git(chart_version::check)),
    Check::new(claim_shared::CODES, Run::Objects(claim_shared::check)),
    Check::new(cluster_unused::CODES, Run::Objects(cluster_unused::check)),
    Check::new(commands::CODES, Run::Objects(commands::check)),
    Check::new(condition_ineffective::CODES, Run::Helm(condition_ineffective::check)),
    Check::new(config_map_json::CODES, Run::Objects(config_map_json::check)),
    Check::new(conflict_marker::CODES, Run::Files(conflict_marker::check)),
    Check::new(coverage::CODES, Run::Helm(coverage::check)),
    Check::new(dashboards::CODES, Run::Objects(dashboards::check)),
    Check::new(disruption_blocked::CODES, Run::Objects(disruption_blocked::check)),
    Check::new(dockerfiles::CODES, Run::Files(dockerfiles::check)),
    Check::new(format_invalid::CODES, Run::Objects(format_invalid::check)),
    Check::new(generator_unmatched::CODES, Run::Files(generator_unmatched::check)),
    Check::new(gitops_files::CODES, Run::Files(gitops_files::check)),
    Check::new(go_durations::CODES, Run::Objects(go_durations::check)),
    Check::new(helm_lint::CODES, Run::Helm(helm_lint::check)),
    Check::new(hook_unknown::CODES, Run::Files(hook_unknown::check)),
    Check::new(ignored_differences::CODES, Run::Objects(ignored_differences::check)),
    Check::new(images::CODES, Run::Objects(images::check)),
    Check::new(ingress_conflict::CODES, Run::Objects(ingress_conflict::check)),
    Check::new(ingress_tls::CODES, Run::Objects(ingress_tls::check)),
    Check::new(integer_as_float::CODES, Run::Objects(integer_as_float::check)),
    Check::new(kustomize_unmatched::CODES, Run::Objects(kustomize_unmatched::check)),
    Check::new(monitor_fields::CODES, Run::Objects(monitor_fields::check)),
    Check::new(monitors::CODES, Run::Objects(monitors::check)),
    Check::new(mounted_paths::CODES, Run::Objects(mounted_paths::check)),
    Check::new(namespace_labels::CODES, Run::Objects(namespace_labels::check)),
    Check::new(namespace_limits::CODES, Run::Objects(namespace_limits::check)),
    Check::new(network_policy::CODES, Run::Objects(network_policy::check)),
    Check::new(network_policy_dns::CODES, Run::Objects(network_policy_dns::check)),
    Check::new(node_image::CODES, Run::Files(node_image::check)),
    Check::new(node_ports::CODES, Run::Objects(node_ports::check)),
    Check::new(null_ignored::CODES, Run::Helm(null_ignored::check)),
    Check::new(object_duplicate::CODES, Run::Objects(object_duplicate::check)),
    Check::new(object_shared::CODES, Run::Objects(object_shared::check)),
    Check::new(patterns::CODES, Run::Files(patterns::check)),
    Check::new(pod_placement::CODES, Run::Objects(pod_placement::check)),
    Check::new(pod_security::CODES, Run::Objects(pod_security::check)),
    Check::new(pod_start::CODES, Run::Objects(pod_start::check)),
    Check::new(policy_peers::CODES, Run::Objects(policy_peers::check)),
    Check::new(policy_pods::CODES, Run::Objects(policy_pods::check)),
    Check::new(port_duplicate::CODES, Run::Objects(port_duplicate::check)),
    Check::new(postfix_parameters::CODES, Run::Objects(postfix_parameters::check)),
    Check::new(pre_stop::CODES, Run::Objects(pre_stop::check)),
    Check::new(probe_ports::CODES, Run::Objects(probe_ports::check)),
    Check::new(project_wave::CODES, Run::Objects(project_wave::check)),
    Check::new(prometheus_rules::CODES, Run::Objects(prometheus_rules::check)),
    Check::new(rbac_rules::CODES, Run::Objects(rbac_rules::check)),
    Check::new(references::CODES, Run::Objects(references::check)),
    Check::new(repository_moved::CODES, Run::Files(repository_moved::check)),
    Check::new(scenario_committed::CODES, Run::Files(scenario_committed::check)),
    Check::new(scenario_objects::CODES, Run::Objects(scenario_objects::check)),
    Check::new(scenario_references::CODES, Run::Objects(scenario_references::check)),
    Check::new(scenario_values::CODES, Run::Helm(scenario_values::check)),
    Check::new(scenarios::CODES, Run::Files(scenarios::check)),
    Check::new(sealed_secret::CODES, Run::Objects(sealed_secret::check)),
    Check::new(sealed_secret_wave::CODES, Run::Objects(sealed_secret_wave::check)),
    Check::new(sealing_certificate::CODES, Run::Files(sealing_certificate::check)),
    Check::new(sealing_controller::CODES, Run::Objects(sealing_controller::check)),
    Check::new(second_render::CODES, Run::Helm(second_render::check)),
    Check::new(secret_in_config::CODES, Run::Objects(secret_in_config::check)),
    Check::new(secrets::CODES, Run::Objects(secrets::check)),
    Check::new(service_names::CODES, Run::Objects(service_names::check)),
    Check::new(service_pods::CODES, Run::Objects(service_pods::check)),
    Check::new(sub_path::CODES, Run::Objects(sub_path::check)),
    Check::new(sync_dependencies::CODES, Run::Objects(sync_dependencies::check)),
    Check::new(target_revision::CODES, Run::Git(target_revision::check)),
    Check::new(template_duplicate::CODES, Run::Files(template_duplicate::check)),
    Check::new(template_ineffective::CODES, Run::Files(template_ineffective::check)),
    Check::new(template_unindented::CODES, Run::Files(template_unindented::check)),
    Check::new(template_objects::CODES, Run::Files(template_objects::check)),
    Check::new(template_unrendered::CODES, Run::Files(template_unrendered::check)),
    Check::new(test_deployed::CODES, Run::Objects(test_deployed::check)),
    Check::new(value_duplicate::CODES, Run::Files(value_duplicate::check)),
    Check::new(value_misread::CODES, Run::Helm(value_misread::check)),
    Check::new(value_use::CODES, Run::Helm(value_use::check)),
    Check::new(values_schema::CODES, Run::Files(values_schema::check)),
    Check::new(values_table::CODES, Run::Files(values_table::check)).with_fix(values_table::fix),
    Check::new(version_vulnerable::CODES, Run::Objects(version_vulnerable::check)),
    Check::new(well_known::CODES, Run::Objects(well_known::check)),
    Check::new(workflows::CODES, Run::Files(workflows::check)),
];

/// All codes that `lint` may report, and that a suppression can therefore name.
#[must_use]
pub fn codes() -> Vec<Code> {
    CHECKS.iter().flat_map(|check| check.codes).copied().collect()
}
