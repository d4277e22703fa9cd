//! The cluster, made; and meanwhile its images: built, saved, and loaded as soon as the node takes them.
//!
//! Both write much, and a control plane that starts waits for the same disk. So in a new cluster only those that the
//! first application needs are saved and loaded then, and the others while it is proven: see [`Later`].
//!
//! Deliberately absent: what is deployed into it.

use std::collections::BTreeSet;
use std::path::Path;

use tempfile::TempPath;

use super::prepare::Prepared;
use crate::image::Builder;
use cluster::{Cluster, images};
use diagnostics::wording::plural;
use diagnostics::{Diagnostic, Result};
use toolbox::progress::Progress;

/// Images that are not on the node yet.
#[derive(Debug)]
pub(super) struct Later(images::Ids);

impl Later {
    /// Loads them.
    pub(super) fn load(&self, cluster: &Cluster, progress: &dyn Progress) -> Result<()> {
        load(cluster, &self.0, progress)
    }
}

/// Makes the cluster, or takes the one that is there, and sees to it that its node has the images, in a new one those of
/// `first` if not all; `ids` are those that this repository does not build.
pub(super) fn raise(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    mut ids: images::Ids,
    first: Option<&BTreeSet<String>>,
) -> Result<Option<Later>> {
    let maker = &cluster.maker;
    let progress = prepared.session.printer;
    if cluster.reused {
        build(prepared, cluster, &mut ids)?;
        let lacking = images::lacking(maker, &ids)?;
        ids.retain(|name, _| lacking.contains(name));
        if !ids.is_empty() {
            load(cluster, &ids, progress)?;
        }
        return Ok(None);
    }
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| -> Result<()> {
            let what = format!("cluster {} from {}", maker.name, prepared.wish.node_image);
            let under_way = progress.under_way("Creating", &what);
            maker.create(&prepared.wish)?;
            under_way.done("Created");
            Ok(())
        });
        let loaded = build(prepared, cluster, &mut ids).and_then(|()| {
            let at_once = |name: &String| first.is_none_or(|first| first.contains(name));
            let (now, mut later): (images::Ids, images::Ids) =
                ids.iter().map(|(name, id)| (name.clone(), id.clone())).partition(|(name, _)| at_once(name));
            let archive = save(cluster, &now, progress)?;
            // The container runtime is there long before the API server.
            maker.wait_for_runtime(|| creating.is_finished())?;
            let lacking = images::lacking(maker, &ids)?;
            if now.keys().any(|name| lacking.contains(name)) {
                load_archive(cluster, &now, &archive, progress)?;
            }
            // Where it does not succeed, the kubelet does it.
            let _ = images::unpack_network(maker);
            later.retain(|name, _| lacking.contains(name));
            Ok((!later.is_empty()).then_some(Later(later)))
        });
        let created = creating.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Without a cluster there is nothing to load into, and only the first is worth telling.
        created.and(loaded)
    })
}

/// Builds the images of this repository.
fn build(prepared: &Prepared<'_>, cluster: &Cluster, ids: &mut images::Ids) -> Result<()> {
    let none = std::collections::BTreeMap::new();
    for own in &prepared.own {
        let builder = Builder {
            engine: &cluster.maker.engine,
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

/// Images in an archive, in the cluster's folder: what a killed run leaves goes with the rest.
fn save(cluster: &Cluster, ids: &images::Ids, progress: &dyn Progress) -> Result<TempPath> {
    let folder = &cluster.maker.folder;
    let archive = tempfile::Builder::new().prefix("images-").suffix(".tar").tempfile_in(folder);
    let archive = archive.map_err(|error| Diagnostic::io("create a file in", folder, &error))?.into_temp_path();
    if !ids.is_empty() {
        let under_way = progress.under_way("Saving", &plural(ids.len(), "image"));
        images::save(&cluster.maker.engine, ids, &archive)?;
        under_way.done("Saved");
    }
    Ok(archive)
}

fn load(cluster: &Cluster, ids: &images::Ids, progress: &dyn Progress) -> Result<()> {
    load_archive(cluster, ids, &save(cluster, ids, progress)?, progress)
}

fn load_archive(cluster: &Cluster, ids: &images::Ids, archive: &Path, progress: &dyn Progress) -> Result<()> {
    let what = format!("{} into {}", plural(ids.len(), "image"), cluster.maker.node());
    let under_way = progress.under_way("Loading", &what);
    images::load(&cluster.maker, archive, ids)?;
    under_way.done("Loaded");
    Ok(())
}

/// Waits until the node takes pods.
pub(super) fn start(cluster: &Cluster, progress: &dyn Progress) -> Result<()> {
    let under_way = progress.under_way("Starting", &cluster.maker.node());
    cluster.wait_for_node()?;
    under_way.done("Started");
    Ok(())
}
