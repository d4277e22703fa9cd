//! What a render asks of the cluster beyond its own namespace.
//!
//! Pure. Deliberately absent: whether a project allows it; that is for lint.

use std::collections::BTreeSet;

use super::pod_security::{self, Level};
use kubernetes::object::Object;
use kubernetes::scope;
use kubernetes::scope::{Scope, Scopes};

/// What a project has to allow, and a namespace to admit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Group, kind, and name of the objects that lie in no namespace.
    pub cluster: BTreeSet<(String, String, String)>,
    /// The namespaces that the others lie in.
    pub namespaces: BTreeSet<String>,
    /// Whether definitions of custom resources are among them.
    pub definitions: bool,
    /// The pod security level that the pods meet.
    pub level: Level,
    /// What keeps them from a stricter one.
    pub why: Option<String>,
}

impl Reach {
    /// What some objects, of all cases together, ask for.
    #[must_use]
    pub fn of(objects: &[Object]) -> Self {
        let (level, why) = pod_security::level(objects);
        let mut reach = Self { level, why, ..Self::default() };
        reach.definitions = objects.iter().any(scope::is_definition);
        let scopes = Scopes::new(objects);
        for object in objects {
            let key = &object.key;
            // A kind that nobody knows may well lie in a namespace; lint tells that nobody says it.
            if scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
                reach.cluster.insert((key.group.clone(), key.kind.clone(), key.name.clone()));
            } else {
                reach.namespaces.insert(key.namespace.clone());
            }
        }
        reach
    }
}
