//! The `clusters` generator: the clusters that Argo CD manages.

use document::{Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::parameters::{Origin, Parameters};
use super::render::Engine;
use super::selector::Selector;
use super::surroundings::{Cluster, Surroundings};
use super::values;
use crate::application::SECRET_TYPE;
use crate::go_template::normalize;
use crate::go_template::value::{Map, Value};

/// The API server of the cluster in which Argo CD runs, as its pods see it.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// Annotations that Argo CD and kubectl write, which are not parameters.
const HIDDEN_ANNOTATIONS: [&str; 5] = [
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The parameters of a `clusters` generator.
pub(super) fn parameters(generator: &Node, engine: Engine, around: &dyn Surroundings) -> Result<Vec<Parameters>> {
    let selector = generator.get("selector").map(Selector::read).transpose()?.unwrap_or_default();
    let clusters = match around.clusters() {
        Ok(clusters) => clusters,
        Err(unknown) if !selector.is_empty() => {
            let place = generator.key_place("selector");
            let reason = format!("a `clusters` generator selects clusters by labels, and {}", unknown.reason);
            return Err(Failure::unavailable(reason, place).help(format!(
                "declare each cluster that Argo CD manages: `[[cluster]]` with `name`, `server`, and `{}`",
                selector.example()
            )));
        }
        Err(_) => &[],
    };
    let mut all = Vec::new();
    let mut in_cluster = false;
    for (index, cluster) in clusters.iter().enumerate() {
        // The last cluster of a name counts.
        if clusters[index + 1..].iter().any(|other| other.name == cluster.name) {
            continue;
        }
        let labels = labels(cluster);
        if !selector.matches(&labels) {
            continue;
        }
        in_cluster |= cluster.server == IN_CLUSTER;
        all.push(one(generator, engine, cluster, labels)?);
    }
    if selector.is_empty() && !in_cluster {
        let local = Cluster { name: "in-cluster".to_owned(), server: IN_CLUSTER.to_owned(), ..Cluster::default() };
        let values = Map::default();
        identify(&values, &local);
        values::append(generator, engine, &values)?;
        all.push(Parameters { values, origins: vec![origin(generator, &local)] });
    }
    if matches!(generator.get("flatList").map(|node| &node.value), Some(Yaml::Bool(true))) {
        let clusters = all.iter().map(|parameters| Value::Map(parameters.values.clone())).collect();
        let values = Map::default();
        values.set("clusters", Value::list(clusters));
        let origin = Origin { text: "all clusters".to_owned(), place: generator.place() };
        return Ok(vec![Parameters { values, origins: vec![origin] }]);
    }
    Ok(all)
}

fn labels(cluster: &Cluster) -> Vec<(String, String)> {
    let mut labels = cluster.labels.clone();
    if !labels.iter().any(|(key, _)| key == SECRET_TYPE) {
        labels.push((SECRET_TYPE.to_owned(), "cluster".to_owned()));
    }
    labels
}

fn origin(generator: &Node, cluster: &Cluster) -> Origin {
    Origin { text: format!("cluster {}", cluster.name), place: generator.place() }
}

fn identify(values: &Map, cluster: &Cluster) {
    values.set("name", Value::string(&cluster.name));
    values.set("nameNormalized", Value::string(&normalize(&cluster.name)));
    values.set("server", Value::string(&cluster.server));
    values.set("project", Value::string(&cluster.project));
}

fn one(generator: &Node, engine: Engine, cluster: &Cluster, labels: Vec<(String, String)>) -> Result<Parameters> {
    let values = Map::default();
    identify(&values, cluster);
    let visible = |(key, _): &&(String, String)| !HIDDEN_ANNOTATIONS.contains(&key.as_str());
    let annotations: Vec<(String, String)> = cluster.annotations.iter().filter(visible).cloned().collect();
    if engine.go {
        let metadata = Map::default();
        if !cluster.annotations.is_empty() {
            metadata.set("annotations", Value::Map(Map::of_strings(annotations)));
        }
        metadata.set("labels", Value::Map(Map::of_strings(labels)));
        values.set("metadata", Value::Map(metadata));
    } else {
        for (kind, entries) in [("annotations", annotations), ("labels", labels)] {
            for (key, text) in entries {
                values.set(&format!("metadata.{kind}.{key}"), Value::string(&text));
            }
        }
    }
    values::append(generator, engine, &values)?;
    Ok(Parameters { values, origins: vec![origin(generator, cluster)] })
}
