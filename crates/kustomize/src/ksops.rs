//! KSOPS without decryption: generates its Secrets with the encrypted values of the repository.
//!
//! KSOPS is the plugin with which kustomizations decrypt files of SOPS. Its keys are in the cluster, and what it decrypts
//! must not get into goldens.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Place, Source};
use document::edit::{self, Edit};
use document::json::quoted;
use document::{Key, Node, yaml};
use toolbox::archive::sha256;

/// The kinds of its configurations.
pub const KINDS: [&str; 2] = ["ksops", "ksops-exec"];
/// The group and version of its configurations.
pub(crate) const API_VERSION: &str = "viaduct.ai/v1";

/// The prefix of values that SOPS encrypted.
const ENCRYPTED: &str = "ENC[";

/// The annotations that make a configuration that of a function, which kustomize starts by the path in it.
const FUNCTIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// The configurations of a file in which KSOPS is a plugin and no function; `None` if it is a function in none of them.
///
/// kustomize starts functions only with `--enable-exec`, and then any program of the repository. A plugin is one of the
/// programs in its home directory.
#[must_use]
pub(crate) fn as_plugin(source: &Arc<Source>) -> Option<String> {
    let documents = yaml::parse(source).ok()?;
    let edits: Vec<Edit> = documents.iter().filter_map(|document| function(&document.root)).flatten().collect();
    if edits.is_empty() { None } else { edit::apply(&source.text, &edits) }
}

/// The edits that make KSOPS a plugin. As a function, it may have any kind, such as `Ksops`.
fn function(config: &Node) -> Option<[Edit; 3]> {
    let (key, program) = program(config)?;
    let (version, kind) = (config.get("apiVersion")?, config.get("kind")?);
    // A program in the repository only has its name.
    let is_ksops = program == KINDS[0] || program.starts_with('/') && program.ends_with("/ksops");
    is_ksops.then(|| {
        [
            Edit::new(version.span.clone(), API_VERSION),
            Edit::new(kind.span.clone(), KINDS[0]),
            Edit::new(key.span.clone(), "example.invalid/function"),
        ]
    })
}

/// The place of the annotation with which a configuration makes kustomize start a different program than KSOPS.
#[must_use]
pub(crate) fn other_program(config: &Node) -> Option<Place> {
    let (key, _) = program(config)?;
    function(config).is_none().then(|| Place::new(&config.source, key.span.clone()))
}

/// The annotation of a function that is a program, and its path.
fn program(config: &Node) -> Option<(&Key, String)> {
    let annotations = config.find(&["metadata", "annotations"])?;
    let (key, value) = annotations.entries().iter().find(|(key, _)| FUNCTIONS.contains(&key.name.as_str()))?;
    let function = yaml::parse_one(&Source::new("function", value.as_str()?)).ok()?.root;
    Some((key, function.find(&["exec", "path"])?.as_str()?.to_owned()))
}

/// The objects that a configuration generates, as JSON; `directory` is that of the kustomization.
pub fn generate(config: &Node, directory: &Path) -> Result<Vec<String>, String> {
    let mut objects = Vec::new();
    for file in texts(config, "files") {
        let source = Source::new(file, read(directory, file)?);
        let documents = yaml::parse(&source).map_err(|found| {
            found.0.first().map_or_else(|| file.to_owned(), |one| format!("{file}: {}", one.message))
        })?;
        for document in documents.iter().filter(|document| !document.root.entries().is_empty()) {
            objects.push(object(&document.root, file)?);
        }
    }
    for entry in config.items_at(&["secretFrom"]) {
        objects.push(secret(entry, directory)?);
    }
    Ok(objects)
}

/// The output of a function of kustomize with these objects.
#[must_use]
pub(crate) fn resource_list(objects: &[String]) -> String {
    format!(
        "{{\"apiVersion\":\"config.kubernetes.io/v1\",\"kind\":\"ResourceList\",\"items\":[{}]}}\n",
        objects.join(",")
    )
}

/// The output of a plugin that is not a function.
#[must_use]
pub fn documents(objects: &[String]) -> String {
    objects.iter().map(|object| format!("---\n{object}\n")).collect()
}

/// An object without what SOPS adds to it. Values below `data` of a Secret remain base64.
fn object(root: &Node, file: &str) -> Result<String, String> {
    let is_hidden = |path: &[&str]| root.find(path).and_then(Node::as_str).is_some_and(|it| it.starts_with(ENCRYPTED));
    if [&["kind"][..], &["apiVersion"], &["metadata", "name"]].into_iter().any(is_hidden) {
        return Err(format!(
            "{file} is encrypted as a whole: set `encrypted_regex: ^(data|stringData)$` in .sops.yaml"
        ));
    }
    let is_secret = root.get("kind").and_then(Node::as_str) == Some("Secret");
    let entries = root.entries().iter().filter(|(key, _)| key.name != "sops");
    let entries: Vec<String> = entries
        .map(|(key, value)| {
            let value = if is_secret && key.name == "data" { data(value) } else { value.to_json() };
            format!("{}:{value}", quoted(&key.name))
        })
        .collect();
    Ok(format!("{{{}}}", entries.join(",")))
}

fn data(values: &Node) -> String {
    let value = |value: &Node| match value.as_str().filter(|text| text.starts_with(ENCRYPTED)) {
        Some(text) => quoted(&BASE64_STANDARD.encode(text)),
        None => value.to_json(),
    };
    let entries: Vec<String> =
        values.entries().iter().map(|(key, one)| format!("{}:{}", quoted(&key.name), value(one))).collect();
    format!("{{{}}}", entries.join(","))
}

/// A Secret with the values of whole files.
fn secret(entry: &Node, directory: &Path) -> Result<String, String> {
    let mut values: Vec<(String, String)> = Vec::new();
    for file in texts(entry, "files").chain(texts(entry, "binaryFiles")) {
        let (key, path) = file.split_once('=').unwrap_or((file.rsplit('/').next().unwrap_or(file), file));
        let digest = sha256(read(directory, path)?.as_bytes());
        values.push((key.to_owned(), format!("{ENCRYPTED}AES256_GCM,file:{digest}]")));
    }
    for file in texts(entry, "envs") {
        let text = read(directory, file)?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let lines = lines.filter(|(key, _)| !key.starts_with('#') && !key.starts_with("sops_"));
        values.extend(lines.map(|(key, value)| (key.trim().to_owned(), value.to_owned())));
    }
    let values: Vec<String> = values.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    let json = |key: &str| entry.get(key).map(Node::to_json);
    let kind = json("type").map(|kind| format!(",\"type\":{kind}")).unwrap_or_default();
    Ok(format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{}{kind},\"stringData\":{{{}}}}}",
        json("metadata").unwrap_or_else(|| "{}".to_owned()),
        values.join(",")
    ))
}

fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> {
    node.items_at(&[key]).iter().filter_map(Node::as_str)
}

fn read(directory: &Path, file: &str) -> Result<String, String> {
    let bytes = toolbox::regular_file::read(directory.join(file)).map_err(|error| format!("{file}: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(files: &[(&str, &str)], config: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("temporary directory");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("file");
        }
        let config = yaml::parse_one(&Source::new("ksops.yaml", config)).expect("YAML").root;
        generate(&config, folder.path())
    }

    #[test]
    fn secrets_keep_their_encrypted_values() {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: 'ENC[AES256_GCM,data:x]', empty: ''}\n\
                      stringData: {token: 'ENC[AES256_GCM,data:y]'}\nsops: {version: 3.9.0}\n";
        let encoded = BASE64_STANDARD.encode("ENC[AES256_GCM,data:x]");
        assert_eq!(
            generated(&[("a.yaml", &format!("{secret}---\n{secret}"))], "files: [./a.yaml]").expect("generated")[1..],
            [format!(
                "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"a\"}},\
                 \"data\":{{\"key\":\"{encoded}\",\"empty\":\"\"}},\"stringData\":{{\"token\":\"ENC[AES256_GCM,data:y]\"}}}}"
            )]
        );
    }

    #[test]
    fn secrets_of_whole_files_have_their_digests() {
        let config = "secretFrom: [{metadata: {name: a}, type: Opaque, files: [key=a.txt], envs: [a.env]}]";
        let files =
            [("a.txt", "{\"data\": \"ENC[x]\"}"), ("a.env", "A=ENC[AES256_GCM,data:x]\nsops_version=3\n#c=d\n")];
        let digest = sha256(files[0].1.as_bytes());
        assert_eq!(
            generated(&files, config).expect("generated"),
            [format!(
                "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"a\"}},\"type\":\"Opaque\",\
                 \"stringData\":{{\"key\":\"ENC[AES256_GCM,file:{digest}]\",\"A\":\"ENC[AES256_GCM,data:x]\"}}}}"
            )]
        );
    }

    #[test]
    fn only_ksops_itself_becomes_a_plugin() {
        let config = |kind: &str, path: &str| {
            format!(
                "apiVersion: viaduct.ai/v1\nkind: {kind}\nmetadata:\n  annotations:\n    \
                 config.kubernetes.io/function: |\n      exec:\n        path: {path}\n"
            )
        };
        let source = Source::new("a.yaml", config("ksops", "ksops") + "---\n" + &config("ksops", "ksops"));
        let plugin = as_plugin(&source).expect("a function");
        assert_eq!(plugin, source.text.replace("config.kubernetes.io/function", "example.invalid/function"));
        for (kind, path) in [("Ksops", "ksops"), ("KSopsGenerator", "/usr/local/bin/ksops")] {
            let plugin = as_plugin(&Source::new("a.yaml", config(kind, path))).expect("a function");
            let expected = config("ksops", path).replace("config.kubernetes.io/function", "example.invalid/function");
            assert_eq!(plugin, expected);
        }
        for other in [config("ksops", "./ksops"), config("ksops", "sh"), config("other", "kops")] {
            assert_eq!(as_plugin(&Source::new("a.yaml", other.clone())), None, "{other}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        let hidden = "apiVersion: 'ENC[a]'\nkind: 'ENC[b]'\n";
        let refused = generated(&[("a.yaml", hidden)], "files: [a.yaml]").expect_err("hidden");
        assert!(refused.starts_with("a.yaml is encrypted as a whole"), "{refused}");
        assert!(generated(&[], "files: [a.yaml]").is_err());
        assert_eq!(generated(&[], "{}"), Ok(Vec::new()));
    }
}
