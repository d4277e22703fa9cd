//! Annotations, labels, and finalizers of Argo CD, and Helm's annotations that it heeds: on its own objects, and on
//! everything that is rendered.
//!
//! Argo CD passes over what it does not know, so a misspelt key, or a wave that is no number, does nothing. A finalizer
//! that nobody knows keeps an object from ever being deleted.
//!
//! Deliberately absent: annotations of other programs, such as those for notifications, and those on pod templates,
//! which Argo CD does not look at.

use super::application_finalizer::CASCADING;
use super::subject::Subject;
use argocd::project;
use argocd::sync_options;
use argocd::sync_options::Setter;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, nearest, suggestion};
use document::{Key, Node, Value};

/// What this check finds.
pub const CODES: &[Code] = &[Code::AnnotationUnknown];

/// The domain of Argo CD's keys.
const DOMAIN: &str = "argocd.argoproj.io/";

/// Annotations that any object may have.
const ANY: &[&str] = &[
    "client-side-apply-migration-manager",
    "compare-options",
    "deletion-approved",
    "hook",
    "hook-delete-policy",
    "ignore-default-links",
    "ignore-healthcheck",
    "ignore-resource-updates",
    "installation-id",
    "skip-reconcile",
    "sync-options",
    "sync-wave",
    "tracking-id",
];

/// Annotations of Applications and ApplicationSets beside.
const OWN: &[&str] = &["application-set-refresh", "hydrate", "manifest-generate-paths", "managed-by-url", "refresh"];

/// Labels.
const LABELS: &[&str] = &["auto-label-cluster-info", "instance", "kubernetes-version", "secret-type"];

const HOOKS: &[&str] = &["PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"];
const HOOK_POLICIES: &[&str] = &["HookSucceeded", "HookFailed", "BeforeHookCreation"];
const HELM_HOOK_POLICIES: &[&str] = &["before-hook-creation", "hook-succeeded", "hook-failed"];
const COMPARE_OPTIONS: &[&str] =
    &["IgnoreExtraneous", "IncludeMutationWebhook=true", "ServerSideDiff=true", "ServerSideDiff=false"];
/// Finalizers of Argo CD beside those that cascade; a stage may follow after a slash.
const FINALIZERS: &[&str] = &["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];

/// Looks at the metadata of everything.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        for (wrong, place) in metadata(application.root, true) {
            diagnostics.push(wrong.told(application.finding(Code::AnnotationUnknown, &wrong.what, place, "")));
        }
    }
    let documents = subject.workspace.argocd.iter().flat_map(|file| &file.documents);
    for document in documents.filter(|document| project::is_project(document)) {
        for (wrong, place) in metadata(&document.root, true) {
            diagnostics.push(wrong.told(Diagnostic::new(Code::AnnotationUnknown, &wrong.what).at(place, "")));
        }
    }
    for object in subject.objects {
        let own = object.key.group == "argoproj.io";
        for (wrong, place) in metadata(&object.root, own) {
            diagnostics.push(wrong.told(object.finding(Code::AnnotationUnknown, &wrong.what, place, "")));
        }
    }
    diagnostics
}

/// Something that has no effect, or a bad one.
#[derive(Debug)]
pub struct Wrong {
    /// What was found.
    pub what: String,
    /// The way out.
    pub help: String,
}

impl Wrong {
    fn told(&self, found: Diagnostic) -> Diagnostic {
        found.help(&self.help)
    }
}

/// What is wrong with the metadata of an object; `own` is one of Argo CD's.
#[must_use]
pub fn metadata(root: &Node, own: bool) -> Vec<(Wrong, Place)> {
    let mut found = Vec::new();
    let mapping = |key: &str| root.find(&["metadata", key]);
    if let Some(node) = mapping("annotations") {
        for (key, value) in node.entries() {
            let at = || Place::new(&node.source, key.span.clone());
            found.extend(annotation_key(key, own).map(|wrong| (wrong, at())));
            found.extend(annotation_value(key, value).into_iter().map(|wrong| (wrong, value.place())));
        }
    }
    if let Some(node) = mapping("labels") {
        for (key, _) in node.entries() {
            found.extend(label(key).map(|wrong| (wrong, Place::new(&node.source, key.span.clone()))));
        }
    }
    for node in mapping("finalizers").map(Node::items).unwrap_or_default() {
        found.extend(node.as_str().and_then(finalizer).map(|wrong| (wrong, node.place())));
    }
    found
}

fn annotation_key(key: &Key, own: bool) -> Option<Wrong> {
    let known = || ANY.iter().chain(OWN.iter().filter(|_| own)).copied();
    let Some(name) = key.name.strip_prefix(DOMAIN) else {
        // `argoproj.io/sync-wave`: the name is Argo CD's, its domain is not.
        let (domain, name) = key.name.split_once('/')?;
        let meant = ["sync-wave", "sync-options", "hook", "hook-delete-policy", "compare-options"].contains(&name);
        return (meant && domain.contains("argo")).then(|| Wrong {
            what: format!("Argo CD does not know the annotation `{}`", key.name),
            help: format!("did you mean `{DOMAIN}{name}`?"),
        });
    };
    if known().any(|known| known == name) {
        return None;
    }
    if OWN.contains(&name) {
        return Some(Wrong {
            what: format!("the annotation `{}` is for Applications", key.name),
            help: "delete it here".to_owned(),
        });
    }
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean `{DOMAIN}{near}`?"),
        None if LABELS.contains(&name) => "it is a label: put it below `metadata.labels`".to_owned(),
        None => suggestion(name, known()),
    };
    Some(Wrong { what: format!("Argo CD does not know the annotation `{}`", key.name), help })
}

fn label(key: &Key) -> Option<Wrong> {
    let name = key.name.strip_prefix(DOMAIN)?;
    ANY.iter().chain(OWN).any(|known| *known == name).then(|| Wrong {
        what: format!("`{}` is an annotation, not a label", key.name),
        help: "put it below `metadata.annotations`".to_owned(),
    })
}

fn annotation_value(key: &Key, value: &Node) -> Vec<Wrong> {
    let Value::String(text) = &value.value else { return Vec::new() };
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let of = |known: &'static [&'static str], what: &str| -> Vec<Wrong> {
        words()
            .filter(|word| !known.contains(word))
            .map(|word| Wrong {
                what: format!("Argo CD has no {what} `{word}`"),
                help: suggestion(word, known.iter().copied()),
            })
            .collect()
    };
    let named = |words: Vec<&str>, known: &'static [&'static str], what: &str| -> Vec<Wrong> {
        let unknown = words.into_iter().filter(|word| !known.contains(word));
        let wrong = |word: &str| Wrong {
            what: format!("Helm has no {what} `{word}`, so it does nothing"),
            help: suggestion(word, known.iter().copied()),
        };
        unknown.map(wrong).collect()
    };
    match key.name.as_str() {
        "helm.sh/hook-weight" if text.parse::<i64>().is_err() => {
            return vec![Wrong {
                what: format!("the hook weight `{text}` is no whole number, so it counts as 0"),
                help: "write a whole number in quotes, such as \"-1\"".to_owned(),
            }];
        }
        "helm.sh/resource-policy" => return named(vec![text.as_str()], &["keep"], "resource policy"),
        "helm.sh/hook-delete-policy" => return named(words().collect(), HELM_HOOK_POLICIES, "policy for hooks"),
        _ => {}
    }
    match key.name.strip_prefix(DOMAIN).unwrap_or_default() {
        "sync-wave" if text.parse::<i64>().is_err() => vec![Wrong {
            what: format!("the sync wave `{text}` is no whole number, so it counts as 0"),
            help: "write a whole number in quotes, such as \"-1\"".to_owned(),
        }],
        "sync-options" => words()
            .filter_map(|word| sync_options::wrong(word, Setter::Object))
            .map(|(what, help)| Wrong { what, help })
            .collect(),
        "compare-options" => of(COMPARE_OPTIONS, "compare option"),
        "hook" => of(HOOKS, "hook"),
        "hook-delete-policy" => of(HOOK_POLICIES, "policy for hooks"),
        "refresh" => of(&["normal", "hard"], "refresh"),
        _ => Vec::new(),
    }
}

fn finalizer(text: &str) -> Option<Wrong> {
    let stem = text.split('/').next().unwrap_or_default();
    // One of the definition's own form, `hook-finalizer`, Argo CD adds and takes away by itself.
    let known = CASCADING.contains(&text) || FINALIZERS.contains(&stem) || text == "argocd.argoproj.io/hook-finalizer";
    (text.contains("argoproj.io") && !known).then(|| Wrong {
        what: format!("Argo CD does not know the finalizer `{text}`, so what has it is never deleted"),
        help: suggestion(text, CASCADING.iter().chain(FINALIZERS).copied()),
    })
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    fn told(metadata: &str, own: bool) -> Vec<String> {
        let root = yaml::parse_one(&Source::new("x.yaml", format!("metadata: {metadata}"))).expect("YAML").root;
        super::metadata(&root, own).into_iter().map(|(wrong, _)| wrong.help).collect()
    }

    #[test]
    fn what_argo_cd_knows_is_silent() {
        let annotations = "{annotations: {argocd.argoproj.io/sync-wave: '-5', argocd.argoproj.io/hook: 'PreSync, Skip',
            argocd.argoproj.io/sync-options: 'Prune=false,Delete=confirm', helm.sh/hook: pre-install, app/x: y,
            argocd.argoproj.io/compare-options: IgnoreExtraneous, link.argocd.argoproj.io/docs: https://example.com,
            notifications.argoproj.io/subscribe.on-sync-failed.slack: team}}";
        assert_eq!(told(annotations, false), Vec::<String>::new());
        let own = "{annotations: {argocd.argoproj.io/refresh: hard, argocd.argoproj.io/manifest-generate-paths: .},
            finalizers: [resources-finalizer.argocd.argoproj.io/background, pre-delete-finalizer.argocd.argoproj.io/cleanup,
            example.com/other], labels: {argocd.argoproj.io/instance: a}}";
        assert_eq!(told(own, true), Vec::<String>::new());
    }

    #[test]
    fn what_it_passes_over_is_told() {
        let table = [
            ("{annotations: {argocd.argoproj.io/sync-waves: '1'}}", "did you mean `argocd.argoproj.io/sync-wave`?"),
            ("{annotations: {argoproj.io/sync-wave: '1'}}", "did you mean `argocd.argoproj.io/sync-wave`?"),
            ("{annotations: {argocd.argoproj.io/sync-wave: first}}", "write a whole number in quotes, such as \"-1\""),
            ("{annotations: {argocd.argoproj.io/sync-options: 'prune=false'}}", "did you mean `Prune=false`?"),
            ("{annotations: {argocd.argoproj.io/hook: presync}}", "did you mean `PreSync`?"),
            ("{annotations: {argocd.argoproj.io/hook-delete-policy: HookSucceded}}", "did you mean `HookSucceeded`?"),
            ("{annotations: {helm.sh/hook-weight: first}}", "write a whole number in quotes, such as \"-1\""),
            ("{annotations: {helm.sh/resource-policy: kep}}", "did you mean `keep`?"),
            ("{annotations: {helm.sh/hook-delete-policy: hook-succeded}}", "did you mean `hook-succeeded`?"),
            ("{annotations: {argocd.argoproj.io/refresh: hard}}", "delete it here"),
            ("{labels: {argocd.argoproj.io/sync-wave: '1'}}", "put it below `metadata.annotations`"),
            (
                "{finalizers: [resource-finalizer.argocd.argoproj.io]}",
                "did you mean `resources-finalizer.argocd.argoproj.io`?",
            ),
        ];
        for (metadata, help) in table {
            assert_eq!(told(metadata, false), [help], "{metadata}");
        }
    }
}
