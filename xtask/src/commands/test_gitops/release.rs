//! The manifest of the Argo CD release: its core install, without the user interface, as the release publishes it.
//!
//! Some things are changed: images are not pulled, because they are loaded into the node; they are referenced by digest
//! where charts.toml pins one; the repo server finds the Git server under the name of the real host, and is found under a
//! name that is not looked up outside of the cluster; and containers are asked every second whether they are ready.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Place, Result, Source};
use document::yaml;
use kubernetes::schemas::json;
use serde_json::{Value, json};
use toolbox::progress::Progress;
use toolbox::tools::download;
use toolbox::{archive, atomic_file, source};
use workspace::gitops::Installation;

use crate::commands::Session;
use crate::commands::end_to_end::prepare::Used;
use crate::lint::images;

/// How a manifest may be given instead of the release's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    /// The file, if the option is given.
    pub(super) file: Option<&'a Path>,
    /// The option.
    pub(super) option: &'static str,
    /// The variable with its path.
    pub(super) variable: &'static str,
}

/// The full name of the repo server. With a short one, each connection waits until the cluster's DNS has asked outside of the
/// cluster, too, which takes seconds where nothing answers.
const REPO_SERVER: &str = "argocd-repo-server.argocd.svc.cluster.local.:8081";

/// The manifest of an Argo CD release.
pub(super) struct Manifest {
    /// Its documents. Those that are changed are parsed.
    documents: Vec<Document>,
    /// The images that it uses.
    pub(super) images: Used,
}

enum Document {
    Text(String),
    Changed(Value),
}

impl Manifest {
    /// Reads the manifest that was given for this run, or downloads that of the release.
    pub(super) fn load(session: &Session<'_>, installation: &Installation, given: Given<'_>) -> Result<Self> {
        let variable = std::env::var_os(given.variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(path) = given.file.map(Path::to_path_buf).or(variable) {
            let path = std::path::absolute(&path).map_err(|error| Diagnostic::io("find", &path, &error))?;
            let source = source::read(&session.root, &path)?;
            return Self::parse(&source.name, &source.text, &BTreeMap::new());
        }
        let bytes = released(session, installation, given)?;
        Self::parse("core-install.yaml", &String::from_utf8_lossy(&bytes), &installation.images)
    }

    fn parse(name: &str, text: &str, digests: &BTreeMap<String, String>) -> Result<Self> {
        let mut documents = Vec::new();
        let mut used = Used::new();
        for text in text.split("\n---\n") {
            // The definitions are large, and stay as they are.
            let changed = [
                "kind: Deployment",
                "kind: StatefulSet",
                "  name: argocd-cmd-params-cm",
                "  name: argocd-tls-certs-cm",
            ];
            if !text.lines().any(|line| changed.contains(&line)) {
                documents.push(Document::Text(text.to_owned()));
                continue;
            }
            for document in yaml::parse(&Source::new(name, text))? {
                let mut object = json(&document.root);
                let references = images::references_in(&document.root);
                each_container(&mut object, |container| {
                    pin(container, digests);
                    ask_often(container);
                });
                for (image, place) in references {
                    used.insert(pinned(&image, digests), Some(Place { span: None, ..place }));
                }
                documents.push(Document::Changed(object));
            }
        }
        Ok(Self { documents, images: used })
    }

    /// The manifest for a cluster in which an address serves some hosts with a certificate.
    pub(super) fn text(&self, address: &str, hosts: &[String], certificate: &str) -> String {
        let texts = self.documents.iter().map(|document| match document {
            Document::Text(text) => text.clone(),
            Document::Changed(object) => {
                let mut object = object.clone();
                match object["metadata"]["name"].as_str() {
                    Some("argocd-repo-server") => {
                        object["spec"]["template"]["spec"]["hostAliases"] =
                            json!([{ "ip": address, "hostnames": hosts }]);
                        // A mounted certificate is updated only after a minute or two. In a kept cluster, it may be new.
                        let digest = archive::sha256(certificate.as_bytes());
                        object["spec"]["template"]["metadata"]["annotations"]["test-gitops/certificate"] =
                            Value::from(digest);
                    }
                    Some("argocd-cmd-params-cm") => object["data"]["repo.server"] = Value::from(REPO_SERVER),
                    Some("argocd-tls-certs-cm") => {
                        let data = hosts.iter().map(|host| (host.clone(), Value::from(certificate)));
                        object["data"] = Value::Object(data.collect());
                    }
                    _ => {}
                }
                object.to_string()
            }
        });
        texts.collect::<Vec<_>>().join("\n---\n")
    }
}

/// Calls a function with every container of a workload.
fn each_container(object: &mut Value, mut change: impl FnMut(&mut Value)) {
    let Some(spec) = object.pointer_mut("/spec/template/spec") else { return };
    for list in ["initContainers", "containers"] {
        spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut change);
    }
}

fn pin(container: &mut Value, digests: &BTreeMap<String, String>) {
    if container["imagePullPolicy"] == "Always" {
        container["imagePullPolicy"] = Value::from("IfNotPresent");
    }
    if let Some(image) = container["image"].as_str().map(|image| pinned(image, digests)) {
        container["image"] = Value::from(image);
    }
}

fn ask_often(container: &mut Value) {
    if let Some(probe) = container.get_mut("readinessProbe").and_then(Value::as_object_mut) {
        probe.insert("initialDelaySeconds".to_owned(), Value::from(0));
        probe.insert("periodSeconds".to_owned(), Value::from(1));
    }
}

fn pinned(image: &str, digests: &BTreeMap<String, String>) -> String {
    digests.get(image).map_or_else(|| image.to_owned(), |digest| format!("{image}@{digest}"))
}

/// The manifest of the release: from the cache, or downloaded and verified.
fn released(session: &Session<'_>, installation: &Installation, given: Given<'_>) -> Result<Vec<u8>> {
    let Installation { version, place, sha256, .. } = installation;
    let Given { option, variable, .. } = given;
    let cached = session.environment.cache.join("argocd").join(format!("core-install-{version}.yaml"));
    let is_right = |bytes: &[u8]| archive::sha256(bytes) == *sha256;
    if let Some(bytes) = toolbox::regular_file::read(&cached).ok().filter(|bytes| is_right(bytes)) {
        return Ok(bytes);
    }
    let url = format!("https://raw.githubusercontent.com/argoproj/argo-cd/v{version}/manifests/core-install.yaml");
    let unavailable = |why: String| {
        Diagnostic::new(Code::ToolUnavailable, format!("the manifest of Argo CD {version} is unavailable"))
            .at(place.clone(), "this release")
            .note(why)
            .help(format!(
                "give a copy of manifests/core-install.yaml of the release with `{option}`, or set `{variable}`"
            ))
    };
    if session.offline {
        return Err(unavailable("`--offline` does not allow the download".to_owned()).into());
    }
    let under_way = session.printer.under_way("Downloading", &format!("Argo CD {version} from {url}"));
    let bytes = download::file(&url)?.map_err(unavailable)?;
    under_way.done("Downloaded");
    if !is_right(&bytes) {
        let message = format!("the checksum of the manifest of Argo CD {version} does not match charts.toml");
        return Err(Diagnostic::new(Code::ArchiveTampered, message)
            .at(place.clone(), "the checksum is beside this version")
            .note(format!("url: {url}"))
            .note(format!("expected: sha256 {sha256}"))
            .note(format!("found: sha256 {}, {} bytes", archive::sha256(&bytes), bytes.len()))
            .help("check what the URL serves, such as the error page of a proxy; the download was discarded")
            .into());
    }
    atomic_file::write(&cached, &bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: argocd-secret
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-tls-certs-cm
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: argocd-repo-server
spec:
  template:
    spec:
      containers:
        - name: main
          image: 'example.com/argocd:v1'
          imagePullPolicy: Always
          readinessProbe: {tcpSocket: {port: 8081}, initialDelaySeconds: 5, periodSeconds: 10}
";

    #[test]
    fn the_repo_server_finds_the_git_server_and_images_are_pinned() {
        let digests = [("example.com/argocd:v1".to_owned(), "sha256:00".to_owned())].into();
        let manifest = Manifest::parse("m.yaml", MANIFEST, &digests).expect("valid");
        assert_eq!(manifest.images.keys().collect::<Vec<_>>(), ["example.com/argocd:v1@sha256:00"]);
        let text = manifest.text("10.96.0.7", &["git.example.com".to_owned()], "PEM");
        let documents: Vec<&str> = text.split("\n---\n").collect();
        assert_eq!(documents[0], MANIFEST.split("\n---\n").next().expect("a document"));
        let objects: Vec<Value> = documents[1..].iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        assert_eq!(objects[0]["data"], json!({ "git.example.com": "PEM" }));
        let spec = &objects[1]["spec"]["template"]["spec"];
        assert_eq!(spec["hostAliases"], json!([{ "ip": "10.96.0.7", "hostnames": ["git.example.com"] }]));
        assert_eq!(spec["containers"][0]["imagePullPolicy"], "IfNotPresent");
        assert_eq!(spec["containers"][0]["readinessProbe"]["periodSeconds"], 1);
        assert_eq!(spec["containers"][0]["image"], "example.com/argocd:v1@sha256:00");
    }
}
