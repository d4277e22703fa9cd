//! A `ResourceQuota`: names of resources, containers without an amount that it requires, and totals that it does not allow.

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::{Key, Node};
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Entry;
use kubernetes::inventory::pods::{Container, Pods, number};

use super::amount::{Amount, exceeds, written};
use super::claims;
use super::defaults::{are_counted, defaults, given};

/// The resources that a quota may limit without a domain.
const RESOURCES: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// Checks what is deployed to the namespace of a quota.
pub(super) fn check(view: &View<'_, '_>, entry: &Entry<'_>) -> Diagnostics {
    let quota = Quota { view, entry };
    let hard = entry.object.find(&["spec", "hard"]).map(Node::entries).unwrap_or_default();
    let mut diagnostics = Diagnostics(hard.iter().filter_map(|(key, _)| quota.unknown(key)).collect());
    // A quota with a scope is for some of the pods, and a case is not deployed.
    let deployed = view.is_deployed();
    if !deployed
        || entry.object.find(&["spec", "scopes"]).is_some()
        || entry.object.find(&["spec", "scopeSelector"]).is_some()
    {
        return diagnostics;
    }
    let bounds: Vec<(&str, Amount<'_>)> =
        hard.iter().filter_map(|(key, value)| Some((key.name.as_str(), Amount::read(value)?))).collect();
    for (name, bound) in &bounds {
        diagnostics.0.extend(match *name {
            "requests.storage" => quota.storage(*bound),
            "persistentvolumeclaims" => quota.objects("PersistentVolumeClaim", *bound),
            "services" => quota.objects("Service", *bound),
            "pods" => quota.pods(*bound),
            _ => None,
        });
    }
    diagnostics.0.extend(quota.containers(&bounds));
    diagnostics
}

struct Quota<'v, 'i, 'a> {
    view: &'v View<'i, 'a>,
    entry: &'v Entry<'a>,
}

impl<'a> Quota<'_, '_, 'a> {
    /// Reports a resource that the API server rejects.
    fn unknown(&self, key: &Key) -> Option<Diagnostic> {
        let name = key.name.as_str();
        if name.contains('/') || RESOURCES.contains(&name) || name.contains("hugepages-") {
            return None;
        }
        let hard = self.entry.object.find(&["spec", "hard"])?;
        let message = format!("{} limits an unknown resource `{name}`", self.entry.object.title());
        let place = hard.key_place(name);
        let found = self.entry.object.finding(Code::NamespaceLimits, message, place, "the API server rejects it");
        Some(match nearest(name, RESOURCES.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help(format!("use `count/{name}`, `requests.<domain>/<resource>`, or a standard resource")),
        })
    }

    /// The pods that run all the time, each with their number.
    fn running(&self) -> Vec<(&Pods<'a>, i64)> {
        let all = self.view.pods(self.entry.namespace).filter(|pods| are_counted(pods));
        all.filter_map(|pods| Some((pods, count(pods)?))).collect()
    }

    fn too_much(&self, message: String, bound: Amount<'_>, help: String) -> Diagnostic {
        let label = format!("allows {}", bound.written());
        self.entry.object.finding(Code::NamespaceLimits, message, bound.node.place(), label).help(help)
    }

    fn storage(&self, bound: Amount<'_>) -> Option<Diagnostic> {
        let sizes = claims::sizes(self.view, self.entry.namespace);
        #[expect(clippy::cast_precision_loss, reason = "a number of pods is small")]
        let total: f64 = sizes.iter().filter_map(|(_, size, count)| Some(size.value * (*count)? as f64)).sum();
        let (object, size, _) = sizes.first().filter(|_| exceeds(total, bound.value))?;
        let namespace = self.entry.namespace;
        let message = format!("the claims in namespace `{namespace}` request more than `requests.storage` allows");
        let found = self.too_much(message, bound, "increase the quota, or request less".to_owned());
        Some(found.at(size.node.place(), format!("requested by {}", object.title())))
    }

    fn objects(&self, kind: &str, bound: Amount<'_>) -> Option<Diagnostic> {
        let namespace = self.entry.namespace;
        let count = self.view.of_kind("", kind, namespace).count();
        #[expect(clippy::cast_precision_loss, reason = "a number of objects is small")]
        let more = exceeds(count as f64, bound.value);
        more.then(|| {
            let message = format!("namespace `{namespace}` has more objects of kind {kind} than its quota allows");
            self.too_much(message, bound, format!("allow at least {count}"))
        })
    }

    fn pods(&self, bound: Amount<'_>) -> Option<Diagnostic> {
        let running = self.running();
        let count: i64 = running.iter().map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, reason = "a number of pods is small")]
        let more = exceeds(count as f64, bound.value);
        more.then(|| {
            let message = format!("namespace `{}` has more pods than its quota allows", self.entry.namespace);
            self.too_much(message, bound, format!("allow at least {count}, and one more for updates"))
        })
    }

    /// Checks the resources of containers: each needs an amount, and the total must not exceed the quota.
    fn containers(&self, bounds: &[(&str, Amount<'a>)]) -> Vec<Diagnostic> {
        let Ok(defaults) = defaults(self.view, self.entry.namespace) else { return Vec::new() };
        let compute: Vec<Compute<'a, '_>> =
            bounds.iter().filter_map(|(name, bound)| Compute::of(name, *bound)).collect();
        let amount = |compute: &Compute<'_, '_>, container: &'a Node| {
            let given = given(container, compute.resource, defaults.as_ref());
            if compute.side == "limits" { given.limit } else { given.request }
        };
        let mut found = Vec::new();
        let mut incomplete: Vec<&str> = Vec::new();
        for pods in self.view.pods(self.entry.namespace).filter(|pods| are_counted(pods)) {
            let lacks = |container: &Container<'a>| {
                compute.iter().filter(|one| amount(one, container.node).is_none()).collect::<Vec<_>>()
            };
            let Some((container, missing)) =
                pods.containers.iter().map(|one| (one, lacks(one))).find(|(_, missing)| !missing.is_empty())
            else {
                continue;
            };
            incomplete.extend(missing.iter().map(|one| one.name));
            found.push(self.incomplete(pods, container, &missing));
        }
        for one in compute.iter().filter(|one| !incomplete.contains(&one.name)) {
            let amounts = |pods: &Pods<'a>| {
                let serving = pods.containers.iter().filter(|container| container.serves);
                serving.filter_map(|container| amount(one, container.node)).collect()
            };
            found.extend(self.total(one.name, one.bound, &amounts));
        }
        found
    }

    /// A finding about a container without amounts that the quota requires.
    fn incomplete(&self, pods: &Pods<'_>, container: &Container<'_>, missing: &[&Compute<'_, '_>]) -> Diagnostic {
        let names: Vec<String> =
            missing.iter().map(|one| format!("`resources.{}.{}`", one.side, one.resource)).collect();
        let names = names.join(", ");
        let title = self.entry.object.title();
        let message = format!("container `{}` of {} has no {names}", container.name(), pods.object.title());
        let node = container.node;
        let place = node.get("resources").or_else(|| node.get("name")).unwrap_or(node).place();
        let found = pods.object.finding(Code::NamespaceLimits, message, place, format!("required by {title}"));
        let found = missing.first().map_or(found.clone(), |one| found.at(one.bound.node.place(), "limited here"));
        found
            .note("the API server accepts the workload, but none of its pods")
            .help("set it, or render a LimitRange with a default")
    }

    /// Reports a total of all pods that is more than the quota allows.
    fn total(
        &self,
        name: &str,
        bound: Amount<'_>,
        amounts: &dyn Fn(&Pods<'a>) -> Vec<Amount<'a>>,
    ) -> Option<Diagnostic> {
        let mut total = 0.0;
        let mut largest: Option<(f64, Amount<'a>, String)> = None;
        for (pods, count) in self.running() {
            let own = amounts(pods);
            #[expect(clippy::cast_precision_loss, reason = "a number of pods is small")]
            let sum = own.iter().map(|amount| amount.value).sum::<f64>() * count as f64;
            total += sum;
            let Some(first) = own.iter().copied().max_by(|one, other| one.value.total_cmp(&other.value)) else {
                continue;
            };
            if largest.as_ref().is_none_or(|(value, ..)| sum > *value) {
                largest = Some((sum, first, format!("{count} × {} in {}", written(first.node), pods.object.title())));
            }
        }
        let (_, amount, label) = largest.filter(|_| exceeds(total, bound.value))?;
        let message =
            format!("the pods in namespace `{}` need more `{name}` than the quota allows", self.entry.namespace);
        let help = "increase the quota, or the pods need less".to_owned();
        Some(self.too_much(message, bound, help).at(amount.node.place(), label))
    }
}

/// The smallest number of pods of a workload that keeps running; `None` if it is unknown.
fn count(pods: &Pods<'_>) -> Option<i64> {
    let key = &pods.object.key;
    match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") => {
            pods.object.find(&["spec", "replicas"]).map_or(Some(1), number)
        }
        ("apps", "DaemonSet") => Some(1),
        _ => None,
    }
}

/// A limit of what containers may request.
#[derive(Debug)]
struct Compute<'a, 'n> {
    name: &'n str,
    /// `requests` or `limits`.
    side: &'n str,
    resource: &'n str,
    bound: Amount<'a>,
}

impl<'a, 'n> Compute<'a, 'n> {
    fn of(name: &'n str, bound: Amount<'a>) -> Option<Self> {
        let (side, resource) = name.split_once('.').unwrap_or(("requests", name));
        let known =
            ["requests", "limits"].contains(&side) && ["cpu", "memory", "ephemeral-storage"].contains(&resource);
        known.then_some(Self { name, side, resource, bound })
    }
}
