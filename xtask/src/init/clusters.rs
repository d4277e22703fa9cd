//! `[[cluster]]` for the clusters that ApplicationSets select by their labels.
//!
//! Secrets that declare clusters are rarely in Git. Then selectors say which labels there must be, templates say which
//! labels and annotations they read, and destinations say what clusters are called.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use argocd::application::SECRET_TYPE;
use argocd::permission::ASSUMED;
use document::Node;
use document::json::quoted;
use kubernetes::forms::subdomain;

use super::cluster::Cluster;
use super::samples::assumed;
use super::selectors::selectors;

/// The name of the cluster in which Argo CD runs, and its API server.
pub(super) const IN_CLUSTER: (&str, &str) = ("in-cluster", "https://kubernetes.default.svc");
/// How many labels or annotations are written on one line.
const SHORT: usize = 3;

/// The clusters that the ApplicationSets among documents need, and that nothing else says; none if no `clusters` generator
/// has a selector. `files` are the paths of all files, `destinations` the names and servers of Applications, `read` is what
/// templates read, and `known` are values that other files give to that.
#[must_use]
pub fn clusters<'a>(
    documents: &[&'a Node],
    files: &[String],
    secrets: impl Iterator<Item = &'a Node>,
    destinations: &[(Option<String>, Option<String>)],
    read: &Read,
    known: &BTreeMap<String, String>,
    repository: &str,
) -> Vec<Cluster> {
    let wanted = selectors(documents, files);
    if wanted.is_empty() {
        return Vec::new();
    }
    let declared: Vec<Cluster> = secrets.filter_map(declared).collect();
    // What Secrets say is certain, and an assumption is only made for what they do not.
    let named = destinations.iter().filter_map(|(name, server)| destination(name.as_deref(), server.as_deref()));
    let mut clusters = declared.clone();
    for cluster in named {
        if !clusters
            .iter()
            .any(|one| one.name == cluster.name || one.server == cluster.server && !one.server.is_empty())
        {
            clusters.push(cluster);
        }
    }
    for one in &wanted {
        if clusters.iter().any(|cluster| one.is_met(cluster)) {
            continue;
        }
        let name = one.name();
        let assumed = |cluster: &Cluster| !declared.iter().any(|certain| certain.name == cluster.name);
        let by_name = clusters.iter().position(|cluster| assumed(cluster) && Some(cluster.name.as_str()) == name);
        let fitting = |cluster: &Cluster| assumed(cluster) && one.given_to(cluster).is_some();
        let labeled = clusters.iter().position(|cluster| fitting(cluster) && !cluster.labels.is_empty());
        let local = clusters.iter().position(|cluster| fitting(cluster) && cluster.server == IN_CLUSTER.1);
        // A selector with the name of a declared cluster means that one, whose Secret may get the label elsewhere.
        let called = |cluster: &Cluster| Some(cluster.name.as_str()) == name && one.given_to(cluster).is_some();
        let certain = || clusters.iter().position(called);
        let index = by_name.filter(|index| fitting(&clusters[*index])).or(labeled).or_else(certain).or(local);
        if let Some((index, given)) = index.and_then(|index| Some((index, one.given_to(&clusters[index])?))) {
            clusters[index] = given;
            continue;
        }
        let has_local = clusters.iter().any(|cluster| cluster.name == IN_CLUSTER.0 || cluster.server == IN_CLUSTER.1);
        let new = if has_local {
            let base = name.unwrap_or("cluster").to_owned();
            let number = clusters.iter().filter(|cluster| cluster.name.starts_with(&base)).count();
            let name = if number == 0 { base } else { format!("{base}-{}", number + 1) };
            Cluster { name, ..Cluster::default() }
        } else {
            Cluster { name: IN_CLUSTER.0.to_owned(), server: IN_CLUSTER.1.to_owned(), ..Cluster::default() }
        };
        clusters.extend(one.given_to(&new));
    }
    let selected = |key: &str| {
        let labels = wanted.iter().flat_map(|one| &one.labels);
        labels.filter(|(label, _)| label == key).find_map(|(_, values)| values.first().cloned())
    };
    for cluster in clusters.iter_mut().filter(|cluster| !declared.contains(cluster)) {
        let named =
            |key: &str| (key.ends_with("cluster_name") || key.ends_with("cluster-name")).then(|| cluster.name.clone());
        let value = |key: &str| named(key).or_else(|| selected(key)).or_else(|| known.get(key).cloned());
        for key in &read.labels {
            cluster.labels.entry(key.clone()).or_insert_with(|| value(key).unwrap_or_else(|| assumed_of(key)));
        }
        for key in &read.annotations {
            let usual = || match key.as_str() {
                key if key.ends_with("repo_url") || key.ends_with("repo-url") => Some(repository.to_owned()),
                key if key.ends_with("revision") => Some("HEAD".to_owned()),
                _ => value(key),
            };
            cluster.annotations.entry(key.clone()).or_insert_with(|| usual().unwrap_or_else(|| assumed_of(key)));
        }
    }
    clusters
}

/// The value of a label or an annotation that nothing says; empty for the beginning of a path.
fn assumed_of(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    if name.contains("path") { String::new() } else { assumed(name) }
}

/// The labels and annotations of clusters that templates of ApplicationSets read.
#[derive(Debug, Default)]
pub struct Read {
    labels: BTreeSet<String>,
    annotations: BTreeSet<String>,
}

impl Read {
    /// Adds those that a text reads.
    pub fn add(&mut self, text: &str) {
        for (kind, found) in [("metadata.labels", &mut self.labels), ("metadata.annotations", &mut self.annotations)] {
            for (at, _) in text.match_indices(kind) {
                let (before, rest) = (&text[..at], &text[at + kind.len()..]);
                let is_parameter = before.strip_suffix('.').unwrap_or(before).ends_with([' ', '{', '(']);
                let inside = before.rsplit_once("{{").is_some_and(|(_, before)| !before.contains("}}"));
                let name = match rest.strip_prefix('.') {
                    Some(rest) => rest.split(|c: char| !c.is_ascii_alphanumeric() && !"_-./".contains(c)).next(),
                    None => rest.trim_start().strip_prefix(['"', '`']).and_then(|rest| rest.split(['"', '`']).next()),
                };
                let name = name.filter(|name| inside && is_parameter && !name.is_empty() && *name != SECRET_TYPE);
                found.extend(name.map(str::to_owned));
            }
        }
    }

    /// The names of all.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<&str> {
        self.labels.iter().chain(&self.annotations).map(String::as_str).collect()
    }
}

/// The value that a line of YAML, Terraform, or documentation gives to a key; none if it is not a plain text.
#[must_use]
pub fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.trim_start().trim_start_matches(['"', '\'', '`']).strip_prefix(key)?;
    let rest = rest.trim_start_matches(['"', '\'', '`']).trim_start().strip_prefix([':', '='])?;
    let rest = rest.split(" #").next().unwrap_or(rest).trim().trim_end_matches(',');
    let value = rest.trim_matches(['"', '\'']);
    let is_quoted = value.len() != rest.len();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    let is_reference =
        !is_quoted && ["local.", "var.", "module.", "data."].iter().any(|start| value.starts_with(start));
    (!value.is_empty() && value.chars().all(plain) && !is_reference).then_some(value)
}

/// The cluster that a Secret declares, or the template of one.
fn declared(document: &Node) -> Option<Cluster> {
    let template = |path: &[&str]| document.find(path).filter(|node| node.find(&["metadata", "labels"]).is_some());
    let secret =
        template(&["spec", "target", "template"]).or_else(|| template(&["spec", "template"])).unwrap_or(document);
    let texts = |key: &str| -> BTreeMap<String, String> {
        let entries = secret.find(&["metadata", key]).map(Node::entries).unwrap_or_default().iter();
        entries.filter_map(|(key, value)| Some((key.name.clone(), value.as_str()?.to_owned()))).collect()
    };
    let (mut labels, mut annotations) = (texts("labels"), texts("annotations"));
    labels.remove(SECRET_TYPE).filter(|kind| kind == "cluster")?;
    annotations.retain(|key, _| !key.starts_with("sealedsecrets.bitnami.com/"));
    let plain = |text: &&str| !text.is_empty() && !text.contains("{{") && !text.contains("${");
    let text = |key: &str| {
        let data = ["stringData", "data"].iter().filter_map(|data| secret.get(data)?.get(key)?.as_str());
        let is_text = |text: &&str| plain(text) && (key != "server" || text.contains("://"));
        data.filter(is_text).map(str::to_owned).next()
    };
    let of_object = || document.find(&["metadata", "name"]).and_then(Node::as_str).filter(plain).map(str::to_owned);
    // The API server rejects it: somebody copies the file, and replaces a placeholder such as `CLUSTER_NAME`.
    if of_object().is_some_and(|name| subdomain(&name).is_some()) {
        return None;
    }
    let is_sealed = document.get("kind").and_then(Node::as_str) == Some("SealedSecret");
    let name = text("name").filter(|_| !is_sealed).or_else(of_object)?;
    Some(Cluster { name, server: text("server").unwrap_or_default(), labels, annotations })
}

/// The cluster in a destination.
fn destination(name: Option<&str>, server: Option<&str>) -> Option<Cluster> {
    let plain = |text: &&str| !text.is_empty() && !text.contains("{{") && !text.contains("${");
    let (name, server) = (name.filter(plain), server.filter(plain));
    let server = server.filter(|server| *server != IN_CLUSTER.1);
    let of_server = || {
        let host = server?.split("://").nth(1)?.split(['/', ':']).next()?;
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        let label = if is_address { host } else { host.split('.').next()? };
        Some(label.replace('.', "-"))
    };
    let name = name.map(str::to_owned).or_else(of_server).filter(|name| name != IN_CLUSTER.0)?;
    Some(Cluster { name, server: server.unwrap_or_default().to_owned(), ..Cluster::default() })
}

/// The entries of charts.toml.
pub(super) fn entries(clusters: &[Cluster]) -> String {
    let mut text = String::new();
    if clusters.is_empty() {
        return text;
    }
    text.push_str(
        "\n# The clusters that `clusters` generators select. What no Secret in this repository says is assumed: labels are those\n\
         # that selectors require, and annotations those that templates read. Correct them, and add what is missing.\n",
    );
    for cluster in clusters {
        let lines = |entries: &BTreeMap<String, String>| -> Vec<String> {
            entries.iter().map(|(key, value)| format!("{} = {}", toml_key(key), quoted(value))).collect()
        };
        let _ = write!(text, "[[cluster]]\nname = {}\n", quoted(&cluster.name));
        if cluster.server.is_empty() {
            let _ = writeln!(text, "server = {}    # not in this repository", quoted(&placeholder(&cluster.name)));
        } else {
            let _ = writeln!(text, "server = {}", quoted(&cluster.server));
        }
        let fields = [("labels", &cluster.labels), ("annotations", &cluster.annotations)];
        // A table of its own has a line for each, and must follow what is on one line.
        let (short, long): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(_, entries)| entries.len() <= SHORT);
        for (key, entries) in short.into_iter().filter(|(_, entries)| !entries.is_empty()) {
            let _ = writeln!(text, "{key} = {{ {} }}", lines(entries).join(", "));
        }
        for (key, entries) in long {
            let _ = writeln!(text, "[cluster.{key}]\n{}", lines(entries).join("\n"));
        }
        text.push('\n');
    }
    text.pop();
    text
}

/// A server of which nobody takes the name for a real one.
fn placeholder(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("https://{}{ASSUMED}", name.chars().map(allowed).collect::<String>().trim_matches('-'))
}

fn toml_key(key: &str) -> String {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if plain { key.to_owned() } else { quoted(key) }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn found(sets: &str, secrets: &str, destinations: &[(Option<&str>, Option<&str>)]) -> String {
        let parsed = |text: &str| yaml::parse(&Source::new("a.yaml", text)).expect("YAML");
        let (sets, secrets) = (parsed(sets), parsed(secrets));
        let sets: Vec<&Node> = sets.iter().map(|one| &one.root).collect();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let destinations: Vec<_> = destinations.iter().map(|(name, server)| (owned(*name), owned(*server))).collect();
        let url = "https://git.example.com/home.git";
        let known = BTreeMap::from([("path".to_owned(), "charts/sets".to_owned())]);
        let mut read = Read::default();
        for set in &sets {
            read.add(&set.source.text);
        }
        let files = ["apps/web/envs/dev/a.yaml", "apps/web/envs/prod/a.yaml"].map(str::to_owned);
        let all = clusters(&sets, &files, secrets.iter().map(|one| &one.root), &destinations, &read, &known, url);
        entries(&all).lines().skip(3).collect::<Vec<_>>().join("\n")
    }

    fn set(selector: &str, template: &str) -> String {
        format!(
            "spec: {{generators: [{{matrix: {{generators: [{{clusters: {{selector: {selector}}}}}]}}}}], template: {template}}}\n"
        )
    }

    #[test]
    fn labels_of_selectors_belong_to_as_few_clusters_as_possible() {
        let two =
            [set("{matchLabels: {a: 'true'}}", "x"), set("{matchExpressions: [{key: b, operator: Exists}]}", "x")];
        assert_eq!(
            found(&two.join("---\n"), "", &[]),
            "[[cluster]]\nname = \"in-cluster\"\nserver = \"https://kubernetes.default.svc\"\nlabels = { a = \"true\", b = \"true\" }"
        );
        let two = [set("{matchLabels: {env: dev}}", "x"), set("{matchLabels: {env: prod}}", "x")];
        let both =
            found(&two.join("---\n"), "", &[(Some("prod"), None), (None, Some("https://kubernetes.default.svc"))]);
        assert_eq!(
            both,
            "[[cluster]]\nname = \"prod\"\nserver = \"https://prod.invalid\"    # not in this repository\nlabels = { env = \"prod\" }\n\n\
             [[cluster]]\nname = \"in-cluster\"\nserver = \"https://kubernetes.default.svc\"\nlabels = { env = \"dev\" }"
        );
    }

    #[test]
    fn labels_with_parts_of_paths_are_those_of_the_directories() {
        let of = |template: &str| {
            format!(
                "spec: {{generators: [{{matrix: {{generators: [{{git: {{directories: [{{path: apps/web/envs/*}}]}}}}, \
                 {{clusters: {{selector: {{matchLabels: {{env: '{template}'}}}}}}}}]}}}}]}}\n"
            )
        };
        let two = "[[cluster]]\nname = \"in-cluster\"\nserver = \"https://kubernetes.default.svc\"\nlabels = { env = \"dev\" }\n\n\
                   [[cluster]]\nname = \"prod\"\nserver = \"https://prod.invalid\"    # not in this repository\nlabels = { env = \"prod\" }";
        for template in ["{{index .path.segments 3}}", "{{ path[3] }}", "{{.path.basename}}", "{{path.basename}}"] {
            assert_eq!(found(&of(template), "", &[]), two, "{template}");
        }
        assert_eq!(found(&of("{{.env}}"), "", &[]), "", "nothing says the value");
    }

    #[test]
    fn secrets_say_everything() {
        let secret = "metadata: {name: x, labels: {argocd.argoproj.io/secret-type: cluster, env: dev}}\nstringData: {name: edge, server: 'https://edge.example.com'}\n";
        assert_eq!(
            found(&set("{matchLabels: {env: dev}}", "'{{metadata.annotations.url}}'"), secret, &[]),
            "[[cluster]]\nname = \"edge\"\nserver = \"https://edge.example.com\"\nlabels = { env = \"dev\" }"
        );
        assert_eq!(found("spec: {generators: [{clusters: {}}]}", secret, &[]), "", "they need no labels");
        let secret = secret.replace(", env: dev", "");
        assert_eq!(
            found(&set("{matchLabels: {example.com/cluster: edge}}", "x"), &secret, &[]),
            "[[cluster]]\nname = \"edge\"\nserver = \"https://edge.example.com\"\nlabels = { \"example.com/cluster\" = \"edge\" }",
            "the label is added elsewhere"
        );
    }

    #[test]
    fn a_merge_adds_to_what_its_first_generator_selects() {
        let set = "spec: {generators: [{merge: {generators: [{clusters: {selector: {matchLabels: {a: 'true'}}}}, {clusters: {selector: {matchLabels: {env: prod}}}}]}}]}";
        assert_eq!(
            found(set, "", &[]),
            "[[cluster]]\nname = \"in-cluster\"\nserver = \"https://kubernetes.default.svc\"\nlabels = { a = \"true\" }"
        );
    }

    #[test]
    fn plain_values_are_found_in_lines() {
        let value = |line| value_of(line, "path");
        assert_eq!(value("  path: charts/sets # here"), Some("charts/sets"));
        assert_eq!(value("path     = \"local.x/\""), Some("local.x/"));
        assert_eq!(value("path = local.x"), None);
        assert_eq!(value("path: '{{x}}'"), None);
        assert_eq!(value("paths: x"), None);
    }

    #[test]
    fn what_templates_read_is_there() {
        let template = "'{{metadata.annotations.addons_repo_url}}/{{metadata.labels.path}}{{.Values.metadata.labels.x}}{{ .metadata.labels.cluster_name }} {{index .metadata.annotations \"a/b\"}}'";
        assert_eq!(
            found(&set("{matchLabels: {a: b}}", template), "", &[]),
            "[[cluster]]\nname = \"in-cluster\"\nserver = \"https://kubernetes.default.svc\"\n\
             labels = { a = \"b\", cluster_name = \"in-cluster\", path = \"charts/sets\" }\n\
             annotations = { \"a/b\" = \"b\", addons_repo_url = \"https://git.example.com/home.git\" }"
        );
    }
}
