//! The objects that scenarios wait for, restart, or look at: what neither an Application renders nor a file of the scenario
//! contains is found without a cluster. Often the object was renamed, and the scenario was not.
//!
//! Objects that a controller creates have names of their own, so a name that begins like that of a custom resource is accepted.

use std::collections::{BTreeMap, BTreeSet};

use cluster::scenario::{FOLDER, GITOPS_FOLDER, Named};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Help, Place, did_you_mean, nearest};
use kubernetes::object::Object;
use toolbox::regular_file;
use workspace::target::DEFAULT_CASE;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ScenarioInvalid];

/// The kinds that only manifests create, with what kubectl accepts besides the plural.
const KINDS: [(&str, &str); 11] = [
    ("ConfigMap", "cm"),
    ("CronJob", "cj"),
    ("DaemonSet", "ds"),
    ("Deployment", "deploy"),
    ("Ingress", "ing"),
    ("NetworkPolicy", "netpol"),
    ("PersistentVolumeClaim", "pvc"),
    ("PodDisruptionBudget", "pdb"),
    ("Service", "svc"),
    ("ServiceAccount", "sa"),
    ("StatefulSet", "sts"),
];

/// Objects that every cluster has.
const EVERYWHERE: [&str; 4] = ["coredns", "default", "kube-root-ca.crt", "kubernetes"];

/// Checks the scenarios of all Applications.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if !subject.complete || !subject.workspace.unrendered.is_empty() {
        return diagnostics;
    }
    let known = Known::new(subject.objects);
    for folder in [FOLDER, GITOPS_FOLDER] {
        for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
            diagnostics.extend(of_app(subject, folder, &target.id.app, &known));
        }
    }
    diagnostics
}

/// The names of all rendered objects.
struct Known<'a> {
    by_kind: BTreeMap<&'a str, BTreeSet<&'a str>>,
    custom: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn new(objects: &'a [Object]) -> Self {
        let mut by_kind: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for object in objects {
            by_kind.entry(&object.key.kind).or_default().insert(&object.key.name);
        }
        let is_custom = |object: &&Object| object.key.group.contains('.') && !object.key.group.ends_with(".k8s.io");
        let custom = objects.iter().filter(is_custom).map(|object| object.key.name.as_str()).collect();
        Self { by_kind, custom }
    }

    fn of(&self, kind: &str) -> BTreeSet<&'a str> {
        self.by_kind.get(kind).cloned().unwrap_or_default()
    }
}

/// The missing objects of the scenarios of an Application, each at its first use.
fn of_app(subject: &Subject<'_>, folder: &'static str, app: &str, known: &Known<'_>) -> Diagnostics {
    let scenarios = &subject.scenarios.of(subject.workspace, folder, app).all;
    let files = workspace::find::files(&subject.workspace.root.join(folder).join(app).join("files"));
    let mut texts: Vec<String> = files.iter().filter_map(|path| regular_file::read_to_string(path).ok()).collect();
    // Steps may also apply objects from their own text, or from a linked file.
    texts.extend(scenarios.iter().flat_map(|scenario| scenario.texts.iter().cloned()));
    let mut missing: BTreeMap<(&str, &str), Vec<&Place>> = BTreeMap::new();
    for (named, reference, place) in scenarios.iter().flat_map(|scenario| &scenario.names) {
        let Some((kind, name)) = reference.split_once('/').filter(|_| *named == Named::Object) else { continue };
        let Some(kind) = kind_of(kind) else { continue };
        let exists = known.of(kind).contains(name)
            || EVERYWHERE.contains(&name)
            || texts.iter().any(|text| defines(text, name))
            || known
                .custom
                .iter()
                .any(|custom| name.starts_with(custom) && !known.of(kind).is_empty() && name != *custom);
        if !exists {
            missing.entry((kind, name)).or_default().push(place);
        }
    }
    let own = subject.by_target.of(&format!("{app}/{DEFAULT_CASE}"));
    let describe = |((kind, name), places): ((&str, &str), Vec<&Place>)| {
        let names: BTreeSet<&str> =
            own.iter().filter(|object| object.key.kind == kind).map(|object| object.key.name.as_str()).collect();
        let all = known.of(kind);
        // A step may name an object of another Application.
        let meant = nearest(name, names.iter().copied()).is_none() && nearest(name, all.iter().copied()).is_some();
        finding(&if names.is_empty() || meant { all } else { names }, kind, name, &places)
    };
    Diagnostics(missing.into_iter().map(describe).collect())
}

/// The finding about an object. `names` are those of the objects of its kind that it could be.
fn finding(names: &BTreeSet<&str>, kind: &str, name: &str, places: &[&Place]) -> Diagnostic {
    let message = format!("{kind} `{name}` is neither rendered nor in a file of the scenarios");
    let found = Diagnostic::new(Code::ScenarioInvalid, message);
    let found = places.first().map_or(found.clone(), |place| found.at((*place).clone(), ""));
    let found = match places.len() - 1 {
        0 => found,
        others => found.note(format!("the same in {}", plural(others, "other step"))),
    };
    found.help(match (nearest(name, names.iter().copied()), names.len()) {
        (Some(near), _) => did_you_mean(near),
        (None, 0) => "correct the kind and the name".into(),
        (None, count) => {
            let listed: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
            let more = if count > 3 { ", …" } else { "" };
            Help::from(format!(
                "rendered are {}{more}: use one of them, or correct the name in the chart",
                listed.join(", ")
            ))
            .naming(names.iter().take(3).copied())
        }
    })
}

/// The kind that a reference names; `None` if its objects may be created by something else.
fn kind_of(written: &str) -> Option<&'static str> {
    let written = written.to_lowercase();
    let named = |(kind, short): &&(&str, &str)| {
        let kind = kind.to_lowercase();
        let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
        written == kind || written == plural || written == *short
    };
    KINDS.iter().find(named).map(|(kind, _)| *kind)
}

/// Whether a text has an object with a name, or a command that may create it.
fn defines(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.match_indices(name).any(|(at, _)| {
        let before = &text[..at];
        let whole = !before.ends_with(part) && !text[at + name.len()..].starts_with(part);
        let creates =
            before.rsplit('\n').next().is_some_and(|line| line.contains("create, ") || line.contains("create "));
        let named = before.trim_end_matches(['"', '\'']).ends_with("name: ");
        whole && (named || creates && before.ends_with([' ', ',']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_names_of_kubectl() {
        assert_eq!(kind_of("deployments"), Some("Deployment"));
        assert_eq!(kind_of("networkpolicies"), Some("NetworkPolicy"));
        assert_eq!(kind_of("svc"), Some("Service"));
        assert_eq!(kind_of("secret"), None);
    }

    #[test]
    fn a_text_defines_an_object_by_its_name() {
        assert!(defines("metadata: {name: sink}", "sink"));
        assert!(defines("args: [create, configmap, sink]", "sink"));
        assert!(!defines("metadata: {name: sink-2}", "sink"));
        assert!(!defines("ready: deployment/sink", "sink"));
        assert!(!defines("image: ${image:sink}", "sink"));
    }
}
