//! The objects of every cluster, as each target sees them: an inventory per destination cluster, over all Applications.
//!
//! An Application whose objects are unknown may contain anything: one that this tool does not render, one that does not
//! render now, and one without goldens in a run that does not render it. Manifests under argocd/ belong to Argo CD's own
//! cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use argocd::permission::Cluster;
use argocd::sync_order;
use document::Node;
use kubernetes::inventory::entry::Member;
use kubernetes::inventory::{Inventory, Unrendered, View};
use kubernetes::object::Object;
use kubernetes::scope::Scopes;
use kubernetes::validate::subject;
use workspace::Workspace;
use workspace::target::{DEFAULT_CASE, TargetId};
use workspace::written::{self, CONTROL_PLANE, Written};

/// The folder of Argo CD's own manifests.
const ARGOCD: &str = "argocd";

/// A target and what it renders.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// The name of the target.
    pub target: String,
    /// Its Application and its case.
    pub id: &'a TargetId,
    /// Its objects; `None` if they are unknown.
    pub objects: Option<&'a [Object]>,
}

/// The manifests under argocd/ other than Applications and projects, which Argo CD's own cluster has, too.
#[must_use]
pub fn manifests(workspace: &Workspace) -> Vec<Object> {
    let files = workspace.argocd.iter().flat_map(|file| subject::of_argocd(&file.name, &file.documents));
    files.map(|subject| subject.object).filter(|object| object.key.group != "argoproj.io").collect()
}

/// The inventories of all clusters.
#[derive(Debug, Default)]
pub struct Clusters<'a> {
    inventories: Vec<Inventory<'a>>,
    of_target: HashMap<&'a str, usize>,
}

/// The objects of a cluster.
#[derive(Default)]
struct Known<'a> {
    members: Vec<Member<'a>>,
    unrendered: Vec<Unrendered>,
}

impl<'a> Clusters<'a> {
    /// Reads the objects of all targets, and the manifests under argocd/. `targets` may lack cases that nobody checks.
    #[must_use]
    pub fn new(workspace: &'a Workspace, targets: &'a [Rendered<'a>], manifests: &'a [Object]) -> Self {
        let mut clusters: BTreeMap<Cluster, Known<'a>> = BTreeMap::new();
        let mut by_app: HashMap<&str, Vec<&'a Rendered<'a>>> = HashMap::new();
        for one in targets {
            by_app.entry(&one.id.app).or_default().push(one);
        }
        for written in written::applications(workspace) {
            let known = clusters.entry(written.cluster()).or_default();
            let own = written.deployment.and_then(|_| by_app.get(written.name)).map(Vec::as_slice).unwrap_or_default();
            let deployed = own.iter().find(|one| one.id.case == DEFAULT_CASE);
            if deployed.is_none_or(|one| one.objects.is_none()) {
                known.unrendered.extend(unrendered(workspace, &written));
            }
            known.members.extend(own.iter().map(|one| member(one, written.namespace())));
        }
        let instances = workspace.config.instances.iter().map(|instance| instance.name.as_str());
        for argocd in std::iter::once("").chain(instances) {
            let belongs = |object: &&Object| workspace.config.instance_of(&object.root.source.name) == argocd;
            let own = clusters.entry(Cluster::new(None, Some("in-cluster")).of(argocd)).or_default();
            let objects = manifests.iter().filter(belongs).collect();
            own.members.push(Member { target: "", app: "", deployed: true, namespace: CONTROL_PLANE, objects });
        }
        mark_ambiguous(&mut clusters, workspace.argocd_complete);

        let mut result = Self::default();
        for Known { members, unrendered } in clusters.into_values() {
            let index = result.inventories.len();
            for member in &members {
                result.of_target.entry(member.target).or_insert(index);
            }
            let objects: Vec<&Object> = members.iter().flat_map(|member| &member.objects).copied().collect();
            let scopes = Scopes::new(objects);
            result.inventories.push(Inventory::new(members, unrendered, &scopes));
        }
        result
    }

    /// A single cluster with known members.
    #[must_use]
    pub fn single(members: Vec<Member<'a>>, unrendered: Vec<Unrendered>) -> Self {
        let of_target = members.iter().map(|member| (member.target, 0)).collect();
        let objects: Vec<&Object> = members.iter().flat_map(|member| &member.objects).copied().collect();
        let scopes = Scopes::new(objects);
        Self { inventories: vec![Inventory::new(members, unrendered, &scopes)], of_target }
    }

    /// A target's view of its cluster.
    #[must_use]
    pub fn view(&self, target: &str) -> Option<View<'_, 'a>> {
        self.inventories[*self.of_target.get(target)?].view(target)
    }
}

/// The objects of a target that a sync applies: a Helm test exists in no cluster.
fn member<'a>(one: &'a Rendered<'a>, namespace: &'a str) -> Member<'a> {
    let objects = one.objects.unwrap_or_default().iter();
    Member {
        target: &one.target,
        app: &one.id.app,
        deployed: one.id.case == DEFAULT_CASE,
        namespace,
        objects: objects.filter(|object| sync_order::order(&object.root).is_some()).collect(),
    }
}

/// Where an Application that is not rendered may have objects; nowhere for an app of apps, whose manifests are known.
fn unrendered(workspace: &Workspace, written: &Written<'_>) -> Option<Unrendered> {
    let url = written.text(&["spec", "source", "repoURL"]);
    let path = written.text(&["spec", "source", "path"]).unwrap_or_default();
    let inside = path.trim_start_matches("./").trim_end_matches('/');
    let known = inside == ARGOCD || inside.starts_with("argocd/");
    let own = url.is_some_and(|url| argocd::repository_url::same(url, &workspace.config.repository));
    if own && known && written.deployment.is_none() {
        return None;
    }
    // Charts from a registry keep to the namespace of their release; anything else may not.
    let source = written.root.find(&["spec", "source", "chart"]).and_then(Node::as_str);
    let namespace = written.namespace();
    Some(match source {
        Some(_) if !namespace.is_empty() => Unrendered::Namespace(namespace.to_owned()),
        _ => Unrendered::Anywhere,
    })
}

/// Marks clusters that may be the same: one is named, the other has only a URL, or neither.
fn mark_ambiguous(clusters: &mut BTreeMap<Cluster, Known<'_>>, complete: bool) {
    let only_named = clusters.keys().any(|one| one.server.is_none() && one.name.is_some());
    let only_server = clusters.keys().any(|one| one.server.is_some() && one.name.is_none());
    let nowhere = clusters.keys().any(|one| one.server.is_none() && one.name.is_none());
    // The cluster of one Argo CD instance may be one that another instance manages from outside.
    let several = clusters.keys().map(|one| one.argocd.as_str()).collect::<BTreeSet<_>>().len() > 1;
    let outside = several && (only_named || only_server);
    for (cluster, known) in clusters {
        let ambiguous = outside || only_named && only_server && (cluster.server.is_none() || cluster.name.is_none());
        if ambiguous || nowhere || !complete {
            known.unrendered.push(Unrendered::Anywhere);
        }
    }
}
