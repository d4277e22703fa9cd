//! Applications, and overrides of their source.

use document::yaml;

use super::*;

fn read_text(text: impl Into<String>) -> (Vec<Application>, Diagnostics) {
    let manifests = read(&yaml::parse(&diagnostics::Source::new("web.yaml", text)).expect("YAML"));
    let found = manifests.findings();
    (manifests.applications.into_iter().filter_map(|one| one.application.ok()).collect(), found)
}

const APPLICATION: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: web
  destination: {server: https://kubernetes.default.svc, namespace: web}
  source:
    repoURL: https://git.example.com/repo.git
    path: charts/web
    helm:
      valueFiles: [a.yaml, b.yaml]
      parameters: [{name: a, value: '1', forceString: true}, {name: b, value: '2'}]
      valuesObject: {keep: 1, drop: 2}
";

fn parsed(text: &str) -> Application {
    let (applications, diagnostics) = read_text(text);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    applications.into_iter().next().expect("one")
}

fn overridden(patch: &str) -> HelmOptions {
    let patch = yaml::parse_one(&diagnostics::Source::new(".argocd-source.yaml", patch)).expect("YAML").root;
    parsed(APPLICATION).sources[0].helm_options(&[patch]).expect("valid")
}

#[test]
fn overrides_replace_lists_and_merge_values() {
    let options = overridden("helm: {valueFiles: [c.yaml], valuesObject: {drop: null, add: 3}}");
    assert_eq!(options.value_files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["c.yaml"]);
    assert_eq!(options.values_object.expect("kept").to_json(), r#"{"keep":1,"add":3}"#);
}

#[test]
fn null_outside_values_removes_nothing() {
    assert_eq!(overridden("helm: {valueFiles: null}").value_files.len(), 2);
    assert_eq!(overridden("helm: null").value_files.len(), 2);
}

#[test]
fn list_entries_keep_old_fields() {
    let options = overridden("helm: {parameters: [{name: z, value: '9'}]}");
    assert_eq!(options.parameters.len(), 1);
    assert!(options.parameters[0].force_string, "Go reads the new entry into the old one");
}

#[test]
fn the_case_of_fields_does_not_matter_in_overrides() {
    let options = overridden(
        "helm: {parameters: [{}, {}, {name: q, value: 'true', forcestring: true}], valuesObject: {VALUE: 1}}",
    );
    assert!(options.parameters[2].force_string, "Argo CD Image Updater writes it like this");
    assert!(options.values_object.expect("kept").to_json().contains("VALUE"));
}

#[test]
fn shortened_lists_remember_old_entries() {
    let patch =
        |text: &str| yaml::parse_one(&diagnostics::Source::new(".argocd-source.yaml", text)).expect("YAML").root;
    let one = patch("helm: {parameters: [{name: x, value: '1'}]}");
    let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
    let options = parsed(APPLICATION).sources[0].helm_options(&[one, two]).expect("valid");
    assert_eq!(options.parameters[1].value, "2", "of the entry that the first override removed");
    let none = patch("helm: {parameters: []}");
    let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
    let options = parsed(APPLICATION).sources[0].helm_options(&[none, two]).expect("valid");
    assert_eq!(options.parameters[1].value, "");
}

#[test]
fn several_sources_replace_a_single_one() {
    let text = APPLICATION
        .replace("  source:\n", "  sources: [{repoURL: a, chart: web}, {repoURL: b, ref: values}]\n  source:\n");
    let application = parsed(&text);
    let sources: Vec<_> = application.sources.iter().map(|one| (one.field.as_str(), one.renders())).collect();
    assert_eq!(sources, [("spec.sources[0]", true), ("spec.sources[1]", false)]);
    assert_eq!(parsed(APPLICATION).sources[0].field, "spec.source");
}

#[test]
fn the_instance_name_contains_another_namespace() {
    assert_eq!(parsed(APPLICATION).instance, "web");
    assert_eq!(parsed(&APPLICATION.replace("namespace: argocd", "namespace: team")).instance, "team_web");
}
