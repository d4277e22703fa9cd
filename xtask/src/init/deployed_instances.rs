//! Argo CD instances and the Applications that deploy their directories: these belong to the same instance.

use std::collections::{BTreeMap, BTreeSet};

use document::Node;

use super::clusters::IN_CLUSTER;

/// A directory that an Application in a file deploys to the cluster in which Argo CD runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The file with the Application.
    pub file: String,
    /// The path of the directory, as far as it is in files: not in templates.
    pub path: String,
}

/// The directories that an Application deploys to its own cluster.
pub fn deployed(application: &Node) -> impl Iterator<Item = Deployed> {
    let text = |key: &str| application.find(&["spec", "destination", key]).and_then(Node::as_str).unwrap_or_default();
    let is_own = [(text("name"), IN_CLUSTER.0), (text("server"), IN_CLUSTER.1)].iter().any(|(one, own)| one == own);
    let sources = application.items_at(&["spec", "sources"]).iter().chain(application.find(&["spec", "source"]));
    sources.filter(move |_| is_own).filter_map(|source| source.get("path")?.as_str()).map(|path| Deployed {
        file: application.source.name.clone(),
        path: path.trim_start_matches("./").trim_matches('/').to_owned(),
    })
}

/// Gives the directories of an instance that another one deploys to that one, and returns the files outside of all
/// directories whose Applications deploy those of one instance, by its name. Instances of which two files define one
/// Application stay apart: `pairs` are these files.
pub fn join(
    instances: &mut BTreeMap<String, BTreeSet<String>>,
    all: &[Deployed],
    pairs: &[(String, String)],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut around: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in all {
        let Some(deployed) = instance_of(instances, &one.path).map(str::to_owned) else { continue };
        match instance_of(instances, &one.file).map(str::to_owned) {
            Some(own) if own != deployed && instances[&deployed].contains(&one.path) => {
                let others = all.iter().filter(|other| instance_of(instances, &other.path) == Some(&deployed));
                let mut others = others.filter_map(|other| instance_of(instances, &other.file));
                let is_shared = others.any(|other| other != own && other != deployed);
                let are_apart = pairs.iter().any(|(one, two)| {
                    let mut both = [instance_of(instances, one), instance_of(instances, two)];
                    both.sort_unstable();
                    let mut these = [Some(own.as_str()), Some(deployed.as_str())];
                    these.sort_unstable();
                    both == these
                });
                if !is_shared && !are_apart {
                    let directories = instances.remove(&deployed).unwrap_or_default();
                    instances.entry(own).or_default().extend(directories);
                }
            }
            Some(_) => {}
            None => {
                around.entry(&one.file).or_default().insert(deployed);
            }
        }
    }
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, names) in around {
        if let [name] = &names.into_iter().collect::<Vec<_>>()[..]
            && instances.contains_key(name)
        {
            files.entry(name.clone()).or_default().insert(file.to_owned());
        }
    }
    files
}

/// The instance in whose directories a path is.
fn instance_of<'a>(instances: &'a BTreeMap<String, BTreeSet<String>>, path: &str) -> Option<&'a str> {
    let is_inside = |directory: &String| {
        path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    instances.iter().find(|(_, directories)| directories.iter().any(is_inside)).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(directories: &[(&str, &str)], deployed: &[(&str, &str)], pairs: &[(&str, &str)]) -> Vec<String> {
        let mut instances: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, directory) in directories {
            instances.entry((*name).to_owned()).or_default().insert((*directory).to_owned());
        }
        let owned = |(one, two): &(&str, &str)| ((*one).to_owned(), (*two).to_owned());
        let deployed: Vec<Deployed> = deployed.iter().map(owned).map(|(file, path)| Deployed { file, path }).collect();
        let pairs: Vec<_> = pairs.iter().map(owned).collect();
        let files = join(&mut instances, &deployed, &pairs);
        let list = |all: BTreeSet<String>| all.into_iter().collect::<Vec<_>>().join(" ");
        let found = instances.into_iter().chain(files).map(|(name, all)| format!("{name}: {}", list(all)));
        found.collect()
    }

    const TWO: &[(&str, &str)] = &[("blue", "env/blue"), ("green", "env/green")];

    #[test]
    fn a_file_beside_the_directory_that_it_deploys_belongs_to_its_instance() {
        assert_eq!(
            joined(TWO, &[("env/blue.yaml", "env/blue"), ("root.yaml", "env/green/apps")], &[]),
            ["blue: env/blue", "green: env/green", "blue: env/blue.yaml", "green: root.yaml"]
        );
        // One that deploys both is of another instance, or of none.
        assert_eq!(
            joined(TWO, &[("a.yaml", "env/blue"), ("a.yaml", "env/green")], &[]),
            ["blue: env/blue", "green: env/green"]
        );
    }

    #[test]
    fn what_an_instance_deploys_is_its_own() {
        let deployed = [("env/blue/base.yaml", "env/green")];
        assert_eq!(joined(TWO, &deployed, &[]), ["blue: env/blue env/green"]);
        assert_eq!(
            joined(TWO, &deployed, &[("env/green/web.yaml", "env/blue/web.yaml")]),
            ["blue: env/blue", "green: env/green"],
            "both define one Application"
        );
        let three = [TWO, &[("red", "env/red")]].concat();
        let both = [deployed[0], ("env/red/base.yaml", "env/green")];
        assert_eq!(joined(&three, &both, &[]), ["blue: env/blue", "green: env/green", "red: env/red"]);
    }

    #[test]
    fn a_directory_in_another_cluster_is_of_that_cluster() {
        let read = |destination: &str| {
            let text =
                format!("spec: {{destination: {destination}, source: {{path: ./env/blue/}}, sources: [{{path: b}}]}}");
            let source = diagnostics::Source::new("a.yaml", text);
            let root = document::yaml::parse_one(&source).expect("YAML").root;
            deployed(&root).map(|one| one.path).collect::<Vec<_>>()
        };
        assert_eq!(read("{name: in-cluster}"), ["b", "env/blue"]);
        assert_eq!(read("{server: 'https://kubernetes.default.svc'}"), ["b", "env/blue"]);
        assert!(read("{name: edge}").is_empty());
    }
}
