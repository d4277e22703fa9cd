//! Test helpers: small workspaces, generated archives, and the pinned Helm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use argocd::release::RELEASES;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use toolbox::archive;
use toolbox::archive::{Tree, tree_digest};
use toolbox::environment::{Environment, Mirror};
use toolbox::progress::Silent;
use toolbox::tools::Tools;
use toolbox::tools_lock::ToolsLock;

use super::loopback::{Loopback, repository};
use crate::chart::Chart;
use crate::charts_lock::{ChartsLock, Pin};
use crate::dependencies::Context;

/// A tree of files.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A chart archive.
pub(super) fn packed(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).expect("in memory");
    }
    builder.into_inner().expect("in memory").finish().expect("in memory")
}

/// An archive of a small chart that renders one `ConfigMap` with a given text.
pub(super) fn chart_archive(name: &str, version: &str, text: &str) -> Vec<u8> {
    let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    packed(name, &[("Chart.yaml", &chart), ("templates/map.yaml", &config_map(text))])
}

/// A template that renders one `ConfigMap` with a given text.
pub(super) fn config_map(text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ .Chart.Name }}}}\ndata:\n  text: {text}\n")
}

/// The digest of an archive's files.
pub(super) fn digest(bytes: &[u8]) -> String {
    tree_digest(&archive::read("archive", bytes).expect("archive"))
}

/// A workspace in a temporary directory.
pub(super) struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let workspace = Self { folder: tempfile::tempdir().expect("temporary directory") };
        for (path, text) in files {
            workspace.write(path, text.as_bytes());
        }
        workspace
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent directory")).expect("created");
        std::fs::write(path, bytes).expect("written");
    }

    pub(super) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("read")
    }

    /// Writes charts.lock.
    pub(super) fn pin(&self, pins: &[(&str, &str, &str, &[u8])]) {
        let pins = pins
            .iter()
            .map(|(name, version, repository, bytes)| Pin::new(name, version, repository, &digest(bytes)))
            .collect();
        self.write("charts.lock", ChartsLock { pins, ..ChartsLock::default() }.to_text().as_bytes());
    }

    pub(super) fn chart(&self, path: &str) -> Chart {
        Chart::load(self.root(), Path::new(path)).expect("chart")
    }

    pub(super) fn lock(&self) -> ChartsLock {
        ChartsLock::load(self.root()).expect("charts.lock")
    }

    pub(super) fn inspect(&self, path: &str) -> (super::Inspection, Diagnostics) {
        super::inspect(self.root(), &self.chart(path), &self.lock())
    }

    /// All files outside the cache, to check that nothing was written.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = super::folder::read(self.root()).expect("read");
        files.retain(|path, _| !path.starts_with("cache/"));
        files
    }

    /// Runs work in a context with Helm, with the cache in the workspace.
    pub(super) fn with<T>(&self, helm: &Path, mirror: Option<&Mirror>, work: impl FnOnce(&Context<'_>) -> T) -> T {
        let cache = self.path("cache");
        let helm = || Ok(helm.to_owned());
        work(&Context { cache: &cache, mirror, offline: false, helm: &helm, progress: &Silent })
    }

    /// Runs work in a context in which requesting Helm fails.
    pub(super) fn without_helm<T>(&self, mirror: Option<&Mirror>, work: impl FnOnce(&Context<'_>) -> T) -> T {
        let cache = self.path("cache");
        let helm = || -> Result<PathBuf> { Err(Diagnostic::new(Code::ToolUnavailable, "no helm here").into()) };
        work(&Context { cache: &cache, mirror, offline: false, helm: &helm, progress: &Silent })
    }
}

/// The pinned Helm, found by the tool's own lookup. Without it a test is skipped, and fails in CI.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
pub(super) fn helm() -> Option<PathBuf> {
    static HELM: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let helm = HELM.get_or_init(|| {
        let lock = ToolsLock::parse(&Source::new("tools.lock", include_str!("../../../../tools.lock")));
        let lock = lock.expect("this repository's own lock");
        let environment = Environment::from_process();
        let tools = Tools::new(&lock, &environment.cache, false, &Silent);
        tools.require("helm", RELEASES[0].helm).map(|tool| tool.path).map_err(|found| format!("{found:#?}"))
    });
    match helm {
        Ok(path) => Some(path.clone()),
        Err(why) => {
            assert!(!Environment::from_process().ci, "helm is required in CI:\n{why}");
            eprintln!("skipped: helm is unavailable:\n{why}");
            None
        }
    }
}

/// The output of `helm template` for the chart in a directory.
pub(super) fn render(helm: &Path, folder: &Path) -> String {
    let output =
        toolbox::process::Invocation::new(helm, folder).args(["template", "release", "."]).run().expect("helm runs");
    assert!(output.success(), "{}", output.stderr);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The codes and messages of diagnostics.
pub(super) fn messages(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.0.iter().map(|found| format!("{}: {}", found.code.name(), found.message)).collect()
}

/// A Helm repository with archives, by file name.
pub(super) fn served(archives: &[(&str, &[u8])]) -> Loopback {
    let archives: BTreeMap<String, Vec<u8>> =
        archives.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    Loopback::serve(repository(archives)).expect("served")
}

/// A registry with the endpoints that Helm needs to pull one chart.
pub(super) fn registry(path: &str, name: &str, version: &str, archive: &[u8]) -> Loopback {
    let blob = |bytes: &[u8]| format!("sha256:{}", toolbox::archive::sha256(bytes));
    let config = format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"apiVersion\":\"v2\"}}").into_bytes();
    let part = |kind: &str, bytes: &[u8]| {
        format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{}\",\"size\":{}}}", blob(bytes), bytes.len())
    };
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{},\"layers\":[{}]}}",
        part("application/vnd.cncf.helm.config.v1+json", &config),
        part("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive)
    )
    .into_bytes();
    let tags = format!("{{\"name\":\"{path}/{name}\",\"tags\":[\"{version}\"]}}");
    let base = format!("v2/{path}/{name}");
    Loopback::serve(BTreeMap::from([
        ("v2/".to_owned(), Vec::new()),
        (format!("{base}/tags/list"), tags.into_bytes()),
        (format!("{base}/manifests/{version}"), manifest.clone()),
        (format!("{base}/manifests/{}", blob(&manifest)), manifest),
        (format!("{base}/blobs/{}", blob(&config)), config),
        (format!("{base}/blobs/{}", blob(archive)), archive.to_vec()),
    ]))
    .expect("served")
}
