//! The requirements of a new Application: cluster-scoped objects, other namespaces, and a Pod Security level. `new` writes
//! a project that allows them; `lint` checks it.

use std::collections::BTreeSet;

use kubernetes::object::Object;
use kubernetes::pod_security::policy::Level;
use kubernetes::scope;
use kubernetes::scope::{Scope, Scopes};

use super::pod_security;

/// What a project and a namespace must allow.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Group, kind, and name of the cluster-scoped objects.
    pub cluster: BTreeSet<(String, String, String)>,
    /// The namespaces of the other objects.
    pub namespaces: BTreeSet<String>,
    /// Whether there are CustomResourceDefinitions.
    pub definitions: bool,
    /// The pod security level that the pods meet.
    pub level: Level,
    /// Why they do not meet a stricter level.
    pub why: Option<String>,
}

impl Reach {
    /// The requirements of the objects of all cases in a version of Kubernetes.
    #[must_use]
    pub fn of(objects: &[Object], kubernetes: &str) -> Self {
        let (level, why) = pod_security::level(objects, kubernetes);
        let mut reach = Self { level, why, ..Self::default() };
        reach.definitions = objects.iter().any(scope::is_definition);
        let scopes = Scopes::new(objects);
        for object in objects {
            let key = &object.key;
            // Most kinds are namespaced.
            match scopes.of(&key.group, &key.kind).unwrap_or(Scope::Namespaced) {
                Scope::Cluster => {
                    reach.cluster.insert((key.group.clone(), key.kind.clone(), key.name.clone()));
                }
                Scope::Namespaced => {
                    reach.namespaces.insert(key.namespace.clone());
                }
            }
        }
        reach
    }
}
