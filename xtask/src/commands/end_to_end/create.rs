//! Creates the cluster, and meanwhile builds, saves, and loads its images.
//!
//! A starting control plane and the images compete for the disk. So in a new cluster, only the images that are needed first
//! are loaded at first, and the others during other work: see [`Loading`](super::loading::Loading).

use std::collections::BTreeSet;
use std::path::Path;

use cluster::{Cluster, images};
use diagnostics::wording::plural;
use diagnostics::{Diagnostic, Result};
use tempfile::TempPath;
use toolbox::progress::Progress;

use super::prepare::Prepared;
use crate::image::Builder;

/// Images that are not loaded yet, those that are needed first at the front.
pub(crate) type Later = Vec<images::Ids>;

/// Creates the cluster, unless it is reused, and loads the first of some batches of images, or all images if there are none.
/// `ids` are the images that this repository does not build. Returns the remaining batches; images in no batch are in the
/// last one.
pub(crate) fn create(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    mut ids: images::Ids,
    batches: &[BTreeSet<String>],
) -> Result<Later> {
    let provisioner = &cluster.provisioner;
    let progress = prepared.session.printer;
    if cluster.reused {
        build(prepared, cluster, &mut ids)?;
        let missing = images::missing(provisioner, &ids)?;
        ids.retain(|name, _| missing.contains(name));
        if !ids.is_empty() {
            load(cluster, &ids, progress)?;
        }
        return Ok(Later::new());
    }
    create_new(prepared, cluster, ids, batches)
}

/// Replaces the cluster with a new one, as after its loss. Returns the images that are not loaded yet.
pub(crate) fn replace(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    ids: &images::Ids,
    batches: &[BTreeSet<String>],
) -> Result<Later> {
    let progress = prepared.session.printer;
    cluster.provisioner.remove(progress)?;
    let later = create_new(prepared, cluster, ids.clone(), batches)?;
    start(cluster, progress)?;
    Ok(later)
}

/// Creates a cluster, and loads its first images.
fn create_new(
    prepared: &Prepared<'_>,
    cluster: &Cluster,
    mut ids: images::Ids,
    batches: &[BTreeSet<String>],
) -> Result<Later> {
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
            let (now, later) = divided(&ids, batches);
            let archive = save(cluster, &now, progress)?;
            // The container runtime starts long before the API server.
            provisioner.wait_for_runtime(|| creating.is_finished())?;
            let missing = images::missing(provisioner, &ids)?;
            if now.keys().any(|name| missing.contains(name)) {
                load_archive(cluster, &now, &archive, progress)?;
            }
            // If this fails, the kubelet unpacks it.
            let _ = images::unpack_network(provisioner);
            Ok(later.into_iter().map(|batch| retained(batch, &missing)).collect())
        });
        let created = creating.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Without a cluster, loading fails as well: only the first error is of interest.
        created.and(loaded)
    })
}

/// Divides images into those of the first batch, and those of the following ones; images in no batch are in the last one.
fn divided(ids: &images::Ids, batches: &[BTreeSet<String>]) -> (images::Ids, Later) {
    let mut left = ids.clone();
    let mut parts: Later = Vec::new();
    for batch in batches {
        let part;
        (part, left) = left.into_iter().partition(|(name, _)| batch.contains(name));
        parts.push(part);
    }
    parts.push(left);
    let first = parts.remove(0);
    (first, parts)
}

fn retained(mut batch: images::Ids, names: &[String]) -> images::Ids {
    batch.retain(|name, _| names.contains(name));
    batch
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

/// Loads images.
pub(super) fn load(cluster: &Cluster, ids: &images::Ids, progress: &dyn Progress) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_loaded_in_the_batch_that_needs_them_first() {
        let ids: images::Ids = ["a", "b", "c", "d"].map(|name| (name.to_owned(), format!("id of {name}"))).into();
        let batches = [["b", "x"], ["a", "b"]].map(|names| names.map(str::to_owned).into());
        let names = |ids: &images::Ids| ids.keys().cloned().collect::<Vec<_>>().join(" ");
        let (first, later) = divided(&ids, &batches);
        assert_eq!(
            (names(&first), later.iter().map(names).collect()),
            ("b".to_owned(), vec!["a".to_owned(), "c d".to_owned()])
        );
        let (first, later) = divided(&ids, &[]);
        assert_eq!((names(&first), later), ("a b c d".to_owned(), Later::new()));
    }
}
