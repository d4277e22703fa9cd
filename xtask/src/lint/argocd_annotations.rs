//! Annotations, labels, and finalizers of Argo CD, and the Helm annotations that it supports, on Argo CD's own objects and on
//! rendered objects.
//!
//! Argo CD ignores unknown annotations and sync waves that are not numbers. An unknown finalizer prevents the deletion of
//! an object. Annotations on pod templates are not checked, as Argo CD does not read them.

use argocd::effect::CASCADING;
use argocd::sync_options::Setter;
use argocd::{project, sync_options};
use diagnostics::{Code, Diagnostic, Diagnostics, Help, Place, did_you_mean, nearest, suggestion};
use document::{Key, Node, Value};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::AnnotationUnknown];

/// The prefix of Argo CD's annotations and labels.
const DOMAIN: &str = "argocd.argoproj.io/";

/// The prefix of Helm's annotations.
const HELM_DOMAIN: &str = "helm.sh/";

/// The annotations that Helm reads.
const HELM: &[&str] = &["hook", "hook-delete-policy", "hook-output-log-policy", "hook-weight", "resource-policy"];

/// Annotations of any object.
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

/// Further annotations of Applications and ApplicationSets.
const OWN: &[&str] = &["application-set-refresh", "hydrate", "manifest-generate-paths", "managed-by-url", "refresh"];

/// Labels.
const LABELS: &[&str] = &["auto-label-cluster-info", "instance", "kubernetes-version", "secret-type"];

const HOOKS: &[&str] = &["PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"];
const HOOK_POLICIES: &[&str] = &["HookSucceeded", "HookFailed", "BeforeHookCreation"];
const HELM_HOOK_POLICIES: &[&str] = &["before-hook-creation", "hook-succeeded", "hook-failed"];
const COMPARE_OPTIONS: &[&str] =
    &["IgnoreExtraneous", "IncludeMutationWebhook=true", "ServerSideDiff=true", "ServerSideDiff=false"];
/// Finalizers other than cascading ones, without the stage after a slash.
const FINALIZERS: &[&str] = &["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];

/// Checks the metadata of all objects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        for (wrong, place) in metadata(application.root, true) {
            diagnostics.push(wrong.add_help(application.finding(Code::AnnotationUnknown, &wrong.what, place, "")));
        }
    }
    let documents = subject.workspace.argocd.iter().flat_map(|file| &file.documents);
    for document in documents.filter(|document| project::is_project(document)) {
        for (wrong, place) in metadata(&document.root, true) {
            diagnostics.push(wrong.add_help(Diagnostic::new(Code::AnnotationUnknown, &wrong.what).at(place, "")));
        }
    }
    for object in subject.objects {
        let own = object.key.group == "argoproj.io";
        for (wrong, place) in metadata(&object.root, own) {
            diagnostics.push(wrong.add_help(object.finding(Code::AnnotationUnknown, &wrong.what, place, "")));
        }
    }
    diagnostics
}

/// An error in metadata.
#[derive(Debug)]
pub struct Wrong {
    /// The message.
    pub what: String,
    /// The fix.
    pub help: Help,
}

impl Wrong {
    fn add_help(&self, found: Diagnostic) -> Diagnostic {
        found.help(self.help.clone())
    }
}

/// Returns the errors in the metadata of an object; `own` is for Argo CD's own kinds.
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
    if let Some(name) = key.name.strip_prefix(HELM_DOMAIN) {
        let near = nearest(name, HELM.iter().copied()).filter(|near| *near != name)?;
        return Some(Wrong {
            what: format!("unknown Helm annotation `{}`", key.name),
            help: did_you_mean(format!("{HELM_DOMAIN}{near}")),
        });
    }
    let Some(name) = key.name.strip_prefix(DOMAIN) else {
        // A known name with the wrong prefix, such as `argoproj.io/sync-wave`.
        let (domain, name) = key.name.split_once('/')?;
        let meant = ["sync-wave", "sync-options", "hook", "hook-delete-policy", "compare-options"].contains(&name);
        return (meant && domain.contains("argo")).then(|| Wrong {
            what: format!("unknown Argo CD annotation `{}`", key.name),
            help: did_you_mean(format!("{DOMAIN}{name}")),
        });
    };
    if known().any(|known| known == name) {
        return None;
    }
    if OWN.contains(&name) {
        return Some(Wrong {
            what: format!("annotation `{}` only has an effect on Applications", key.name),
            help: "delete it".into(),
        });
    }
    let help = match nearest(name, known()) {
        Some(near) => did_you_mean(format!("{DOMAIN}{near}")),
        None if LABELS.contains(&name) => "it is a label; move it to `metadata.labels`".into(),
        None => suggestion(name, known()),
    };
    Some(Wrong { what: format!("unknown Argo CD annotation `{}`", key.name), help })
}

fn label(key: &Key) -> Option<Wrong> {
    let name = key.name.strip_prefix(DOMAIN)?;
    ANY.iter().chain(OWN).any(|known| *known == name).then(|| Wrong {
        what: format!("`{}` is an annotation, not a label", key.name),
        help: "move it to `metadata.annotations`".into(),
    })
}

fn annotation_value(key: &Key, value: &Node) -> Vec<Wrong> {
    let Value::String(text) = &value.value else { return Vec::new() };
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let of = |known: &'static [&'static str], what: &str| -> Vec<Wrong> {
        words()
            .filter(|word| !known.contains(word))
            .map(|word| Wrong {
                what: format!("unknown Argo CD {what} `{word}`"),
                help: suggestion(word, known.iter().copied()),
            })
            .collect()
    };
    let named = |words: Vec<&str>, known: &'static [&'static str], what: &str| -> Vec<Wrong> {
        let unknown = words.into_iter().filter(|word| !known.contains(word));
        let wrong = |word: &str| Wrong {
            what: format!("unknown Helm {what} `{word}`"),
            help: suggestion(word, known.iter().copied()),
        };
        unknown.map(wrong).collect()
    };
    match key.name.as_str() {
        "helm.sh/hook-weight" if text.parse::<i64>().is_err() => {
            return vec![Wrong {
                what: format!("hook weight `{text}` is not an integer, so Argo CD uses 0"),
                help: "use a quoted integer, such as `\"-1\"`".into(),
            }];
        }
        "helm.sh/resource-policy" => return named(vec![text.as_str()], &["keep"], "resource policy"),
        "helm.sh/hook-delete-policy" => return named(words().collect(), HELM_HOOK_POLICIES, "hook delete policy"),
        _ => {}
    }
    match key.name.strip_prefix(DOMAIN).unwrap_or_default() {
        "sync-wave" if text.parse::<i64>().is_err() => vec![Wrong {
            what: format!("sync wave `{text}` is not an integer, so Argo CD uses 0"),
            help: "use a quoted integer, such as `\"-1\"`".into(),
        }],
        "sync-options" => words()
            .filter_map(|word| sync_options::wrong(word, Setter::Object))
            .map(|wrong| Wrong { what: wrong.what, help: wrong.help })
            .collect(),
        "compare-options" => of(COMPARE_OPTIONS, "compare option"),
        "hook" => of(HOOKS, "hook"),
        "hook-delete-policy" => of(HOOK_POLICIES, "hook delete policy"),
        "refresh" => of(&["normal", "hard"], "refresh type"),
        _ => Vec::new(),
    }
}

fn finalizer(text: &str) -> Option<Wrong> {
    let stem = text.split('/').next().unwrap_or_default();
    // Argo CD adds and removes `hook-finalizer` itself.
    let known = CASCADING.contains(&text) || FINALIZERS.contains(&stem) || text == "argocd.argoproj.io/hook-finalizer";
    (text.contains("argoproj.io") && !known).then(|| Wrong {
        what: format!("unknown Argo CD finalizer `{text}` blocks the deletion of the object"),
        help: suggestion(text, CASCADING.iter().chain(FINALIZERS).copied()),
    })
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    fn helps(metadata: &str, own: bool) -> Vec<String> {
        let root = yaml::parse_one(&Source::new("x.yaml", format!("metadata: {metadata}"))).expect("YAML").root;
        super::metadata(&root, own).into_iter().map(|(wrong, _)| wrong.help.text).collect()
    }

    #[test]
    fn known_metadata_is_accepted() {
        let annotations = "{annotations: {argocd.argoproj.io/sync-wave: '-5', argocd.argoproj.io/hook: 'PreSync, Skip',
            argocd.argoproj.io/sync-options: 'Prune=false,Delete=confirm', helm.sh/hook: pre-install, helm.sh/chart: x-1,
            helm.sh/depends-on/wave: x, app/x: y,
            argocd.argoproj.io/compare-options: IgnoreExtraneous, link.argocd.argoproj.io/docs: https://example.com,
            notifications.argoproj.io/subscribe.on-sync-failed.slack: team}}";
        assert_eq!(helps(annotations, false), Vec::<String>::new());
        let own = "{annotations: {argocd.argoproj.io/refresh: hard, argocd.argoproj.io/manifest-generate-paths: .},
            finalizers: [resources-finalizer.argocd.argoproj.io/background, pre-delete-finalizer.argocd.argoproj.io/cleanup,
            example.com/other], labels: {argocd.argoproj.io/instance: a}}";
        assert_eq!(helps(own, true), Vec::<String>::new());
    }

    #[test]
    fn ignored_metadata_is_reported() {
        let table = [
            ("{annotations: {argocd.argoproj.io/sync-waves: '1'}}", "did you mean `argocd.argoproj.io/sync-wave`?"),
            ("{annotations: {argoproj.io/sync-wave: '1'}}", "did you mean `argocd.argoproj.io/sync-wave`?"),
            ("{annotations: {argocd.argoproj.io/sync-wave: first}}", "use a quoted integer, such as `\"-1\"`"),
            ("{annotations: {argocd.argoproj.io/sync-options: 'prune=false'}}", "did you mean `Prune=false`?"),
            ("{annotations: {argocd.argoproj.io/hook: presync}}", "did you mean `PreSync`?"),
            ("{annotations: {argocd.argoproj.io/hook-delete-policy: HookSucceded}}", "did you mean `HookSucceeded`?"),
            ("{annotations: {helm.sh/hooks: test}}", "did you mean `helm.sh/hook`?"),
            ("{annotations: {helm.sh/hook-weight: first}}", "use a quoted integer, such as `\"-1\"`"),
            ("{annotations: {helm.sh/resource-policy: kep}}", "did you mean `keep`?"),
            ("{annotations: {helm.sh/hook-delete-policy: hook-succeded}}", "did you mean `hook-succeeded`?"),
            ("{annotations: {argocd.argoproj.io/refresh: hard}}", "delete it"),
            ("{labels: {argocd.argoproj.io/sync-wave: '1'}}", "move it to `metadata.annotations`"),
            (
                "{finalizers: [resource-finalizer.argocd.argoproj.io]}",
                "did you mean `resources-finalizer.argocd.argoproj.io`?",
            ),
        ];
        for (metadata, help) in table {
            assert_eq!(helps(metadata, false), [help], "{metadata}");
        }
    }
}
