//! Creates the cluster, and meanwhile builds, saves, and loads its images.
//!
//! A starting control plane and the images compete for the disk. So in a new cluster, only the images of the first
//! application are loaded at first, and the others while that application is tested: see [`Later`].

use std::collections::BTreeSet;
use std::path::Path;

use cluster::{Cluster, images};
use diagnostics::wording::plural;
use diagnostics::{Diagnostic, Result};
use tempfile::TempPath;
use toolbox::progress::Progress;

use super::prepare::Prepared;
use crate::image::Builder;

/// Images that are not loaded yet.
#[derive(Debug)]
pub(crate) struct Later(images::Ids);

impl Later {
    /// Loads them.
    pub(crate) fn load(&self, cluster: &Cluster, progress: &dyn Progress) -> Result<()> {
        load(cluster, &self.0, progress)
    }
}

/// Creates the cluster, unless it is reused, and loads its images: all of them, or those in `first`. `ids` are the images
/// that this repository does not build.
pub(crate) fn create(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    mut ids: images::Ids,
    first: Option<&BTreeSet<String>>,
) -> Result<Option<Later>> {
    let provisioner = &cluster.provisioner;
    let progress = prepared.session.printer;
    if cluster.reused {
        build(prepared, cluster, &mut ids)?;
        let missing = images::missing(provisioner, &ids)?;
        ids.retain(|name, _| missing.contains(name));
        if !ids.is_empty() {
            load(cluster, &ids, progress)?;
        }
        return Ok(None);
    }
    create_new(prepared, cluster, ids, first)
}

/// Replaces the cluster with a new one, as after its loss.
pub(crate) fn replace(prepared: &Prepared<'_>, cluster: &Cluster, ids: &images::Ids) -> Result<()> {
    let progress = prepared.session.printer;
    cluster.provisioner.remove(progress)?;
    create_new(prepared, cluster, ids.clone(), None)?;
    start(cluster, progress)
}

/// Creates a cluster, and loads its images.
fn create_new(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    mut ids: images::Ids,
    first: Option<&BTreeSet<String>>,
) -> Result<Option<Later>> {
    let provisioner = &cluster.provisioner;
    let progress = prepared.session.printer;
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| -> Result<()> {
            let what = format!("cluster {} from {}", provisioner.name, prepared.options.node_image);
            let under_way = progress.under_way("Creating", &what);
            provisioner.create(&prepared.options)?;
            under_way.done("Created");
            Ok(())
        });
        let loaded = build(prepared, cluster, &mut ids).and_then(|()| {
            let at_once = |name: &String| first.is_none_or(|first| first.contains(name));
            let (now, mut later): (images::Ids, images::Ids) =
                ids.iter().map(|(name, id)| (name.clone(), id.clone())).partition(|(name, _)| at_once(name));
            let archive = save(cluster, &now, progress)?;
            // The container runtime starts long before the API server.
            provisioner.wait_for_runtime(|| creating.is_finished())?;
            let missing = images::missing(provisioner, &ids)?;
            if now.keys().any(|name| missing.contains(name)) {
                load_archive(cluster, &now, &archive, progress)?;
            }
            // If this fails, the kubelet unpacks it.
            let _ = images::unpack_network(provisioner);
            later.retain(|name, _| missing.contains(name));
            Ok((!later.is_empty()).then_some(Later(later)))
        });
        let created = creating.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Without a cluster, loading fails as well: only the first error is of interest.
        created.and(loaded)
    })
}

/// Builds the images of this repository.
fn build(prepared: &Prepared<'_>, cluster: &Cluster, ids: &mut images::Ids) -> Result<()> {
    let none = std::collections::BTreeMap::new();
    for own in &prepared.own {
        let builder = Builder {
            engine: &cluster.provisioner.engine,
            root: &own.root,
            repository: &prepared.workspace.config.repository,
            arguments: &none,
            force: false,
            offline: prepared.session.offline,
            progress: prepared.session.printer,
        };
        ids.insert(own.image.reference.clone(), builder.ensure(&own.image)?.id);
    }
    Ok(())
}

/// Saves images to an archive in the cluster's directory, where it is deleted with the cluster even after a kill.
fn save(cluster: &Cluster, ids: &images::Ids, progress: &dyn Progress) -> Result<TempPath> {
    let folder = &cluster.provisioner.folder;
    let archive = tempfile::Builder::new().prefix("images-").suffix(".tar").tempfile_in(folder);
    let archive = archive.map_err(|error| Diagnostic::io("create a file in", folder, &error))?.into_temp_path();
    if !ids.is_empty() {
        let under_way = progress.under_way("Saving", &plural(ids.len(), "image"));
        images::save(&cluster.provisioner.engine, ids, &archive)?;
        under_way.done("Saved");
    }
    Ok(archive)
}

fn load(cluster: &Cluster, ids: &images::Ids, progress: &dyn Progress) -> Result<()> {
    load_archive(cluster, ids, &save(cluster, ids, progress)?, progress)
}

fn load_archive(cluster: &Cluster, ids: &images::Ids, archive: &Path, progress: &dyn Progress) -> Result<()> {
    let what = format!("{} into {}", plural(ids.len(), "image"), cluster.provisioner.node());
    let under_way = progress.under_way("Loading", &what);
    images::load(&cluster.provisioner, archive, ids)?;
    under_way.done("Loaded");
    Ok(())
}

/// Waits until the node accepts pods.
pub(crate) fn start(cluster: &Cluster, progress: &dyn Progress) -> Result<()> {
    let under_way = progress.under_way("Starting", &cluster.provisioner.node());
    cluster.wait_for_node()?;
    under_way.done("Started");
    Ok(())
}
