//! The images that a cluster needs: pulled before it is created, and loaded into its node before a pod uses them.
//!
//! Does not build them: see `image`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diagnostics::excerpt::last_lines;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use toolbox::engine::Engine;
use toolbox::process::Invocation;
use toolbox::progress::Progress;

use crate::Provisioner;
use crate::kubectl::checked;

/// Image IDs by reference.
pub type Ids = BTreeMap<String, String>;

/// The deadline for pulling, saving, and loading images.
const TRANSFER: Duration = Duration::from_secs(20 * 60);

/// Pulls the images that the engine lacks. Reports every image that is unavailable.
pub fn pull(
    engine: &Engine,
    images: &BTreeMap<String, Option<Place>>,
    offline: bool,
    progress: &dyn Progress,
) -> Result<Ids> {
    let mut diagnostics = Diagnostics::default();
    let mut ids = BTreeMap::new();
    for (image, place) in images {
        if let Some(found) = diagnostics.take(engine.inspect(image)).flatten() {
            ids.insert(image.clone(), found.id);
            continue;
        }
        let mut missing = Diagnostic::new(Code::ClusterImage, format!("image `{image}` is unavailable"));
        if let Some(place) = place {
            missing = missing.at(place.clone(), "used here");
        }
        if offline {
            missing =
                missing.note(format!("{} does not have it, and `--offline` does not allow pulling it", engine.name));
        } else {
            let under_way = progress.under_way("Pulling", image);
            let pull = engine.invocation(Path::new("/")).args(["pull", "--quiet", image]).deadline(TRANSFER);
            match pull.run() {
                Ok(output) if output.success() => {
                    if let Some(found) = diagnostics.take(engine.inspect(image)).flatten() {
                        ids.insert(image.clone(), found.id);
                        under_way.done("Pulled");
                        continue;
                    }
                }
                Ok(output) => missing = missing.note(last_lines(&output.stderr, 5)),
                Err(found) if found.0.iter().any(|one| one.code == Code::Interrupted) => return Err(found),
                Err(found) => missing.notes.extend(found.0.into_iter().map(|one| one.message)),
            }
        }
        let name = engine.name;
        diagnostics.push(
            missing
                .help(format!(
                    "run `{name} pull {image}` with a network, or `{name} load` with an archive of the image"
                ))
                .help("if the name is wrong, correct it"),
        );
    }
    diagnostics.into_result(ids)
}

/// Saves images to an archive, except those referenced by digest: see [`load`].
pub fn save(engine: &Engine, images: &Ids, archive: &Path) -> Result<()> {
    let named: Vec<&String> = images.keys().filter(|image| !by_digest(image)).collect();
    if named.is_empty() { Ok(()) } else { write(engine, &named, archive) }
}

fn write(engine: &Engine, images: &[&String], archive: &Path) -> Result<()> {
    let save = engine.invocation(Path::new("/")).args(["save", "--output"]).args([archive]).args(images);
    checked(&save.deadline(TRANSFER)).map(|_| ())
}

/// The images that the node lacks, or has with another ID.
pub fn missing(provisioner: &Provisioner, images: &Ids) -> Result<Vec<String>> {
    let store = Store::of(provisioner)?;
    Ok(images.iter().filter(|(image, id)| !store.has(image, id)).map(|(image, _)| image.clone()).collect())
}

/// Loads an archive of images into the node, and then, one by one through the same file, those referenced by digest:
/// an archive does not record such a reference, and the kubelet looks for exactly that.
pub fn load(provisioner: &Provisioner, archive: &Path, images: &Ids) -> Result<()> {
    let (nameless, named): (Vec<_>, Vec<_>) = images.keys().partition(|image| by_digest(image));
    if !named.is_empty() {
        let invocation =
            provisioner.kind().args(["load", "image-archive"]).args([archive]).args(["--name", &provisioner.name]);
        checked(&invocation.deadline(TRANSFER))?;
    }
    for image in nameless {
        let archive_in_node = "/var/xtask-image.tar";
        let engine = || provisioner.engine.invocation(Path::new("/")).deadline(TRANSFER);
        write(&provisioner.engine, &[image], archive)?;
        checked(&engine().args(["cp"]).args([archive]).args([format!("{}:{archive_in_node}", provisioner.node())]))?;
        checked(
            &ctr(provisioner)
                .args(["images", "import", "--index-name", &full_name(image), archive_in_node])
                .deadline(TRANSFER),
        )?;
        checked(&engine().args(["exec", &provisioner.node(), "rm", archive_in_node]))?;
    }
    Ok(())
}

fn by_digest(image: &str) -> bool {
    image.contains('@')
}

/// Unpacks the kube-proxy image, which a node image contains packed. Every pod waits for kube-proxy, and unpacking takes
/// seconds that can overlap with the start of the control plane.
pub fn unpack_network(provisioner: &Provisioner) -> Result<()> {
    let store = Store::of(provisioner)?;
    let network =
        |entry: &&Entry| entry.name.split([':', '@']).next().is_some_and(|name| name.ends_with("/kube-proxy"));
    if let Some(entry) = store.0.iter().find(network) {
        // `ctr` cannot unpack an image without mounting it.
        let at = "/run/xtask-unpacked";
        checked(&provisioner.engine.invocation(Path::new("/")).args(["exec", &provisioner.node(), "mkdir", "-p", at]))?;
        checked(&ctr(provisioner).args(["images", "mount", &entry.name, at]).deadline(TRANSFER))?;
        checked(&ctr(provisioner).args(["images", "unmount", "--rm", at]))?;
    }
    Ok(())
}

/// An invocation of the node's `ctr`, in the namespace that the kubelet uses.
fn ctr(provisioner: &Provisioner) -> Invocation {
    provisioner.engine.invocation(Path::new("/")).args(["exec", &provisioner.node(), "ctr", "--namespace", "k8s.io"])
}

/// The images in the node's container runtime.
#[derive(Debug)]
struct Store(Vec<Entry>);

/// An image's name, or its ID in place of a name, and the digest of its manifest.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    digest: String,
}

impl Store {
    fn of(provisioner: &Provisioner) -> Result<Self> {
        let output = checked(&ctr(provisioner).args(["images", "ls"]))?;
        Ok(Self::read(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads the table that `ctr` prints: REF, TYPE, DIGEST, and further columns.
    fn read(table: &str) -> Self {
        let entry = |line: &str| {
            let mut cells = line.split_whitespace();
            Some(Entry { name: cells.next()?.to_owned(), digest: cells.nth(1)?.to_owned() })
        };
        Self(table.lines().skip(1).filter_map(entry).collect())
    }

    /// The entry of an image with an engine's ID: the digest of its configuration (docker and podman) or of its manifest
    /// (docker with the containerd image store).
    fn by_id(&self, id: &str) -> Option<&Entry> {
        let id = format!("sha256:{}", id.trim_start_matches("sha256:"));
        self.0.iter().find(|entry| entry.name == id || entry.digest == id)
    }

    /// Whether a name refers to the image with an ID.
    fn has(&self, image: &str, id: &str) -> bool {
        let name = full_name(image);
        let named = self.0.iter().find(|entry| entry.name == name);
        named.zip(self.by_id(id)).is_some_and(|(named, entry)| named.digest == entry.digest)
    }
}

/// The full name of an image, as containerd stores it.
fn full_name(image: &str) -> String {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let first = repository.split('/').next().unwrap_or_default();
    let repository = if !repository.contains('/') {
        format!("docker.io/library/{repository}")
    } else if first.contains('.') || first.contains(':') || first == "localhost" {
        repository.to_owned()
    } else {
        format!("docker.io/{repository}")
    };
    match (tag, digest) {
        (_, Some(digest)) => format!("{repository}@{digest}"),
        (tag, None) => format!("{repository}:{}", tag.unwrap_or("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_containerd_does() {
        for (image, expected) in [
            ("debian", "docker.io/library/debian:latest"),
            ("bitnami/x:1", "docker.io/bitnami/x:1"),
            ("localhost/homelab/postfix:3.7.11", "localhost/homelab/postfix:3.7.11"),
            ("registry.example.com:5000/x", "registry.example.com:5000/x:latest"),
            ("x/y:1@sha256:00", "docker.io/x/y@sha256:00"),
        ] {
            assert_eq!(full_name(image), expected);
        }
    }

    #[test]
    fn an_image_exists_if_its_name_refers_to_its_id() {
        let store = Store::read(
            "REF                            TYPE                                     DIGEST    SIZE      PLATFORMS   LABELS\n\
             docker.io/x/y:1                application/vnd.oci.image.manifest.v1+json sha256:m1 127.6 MiB linux/amd64 -\n\
             docker.io/x/z:1                application/vnd.oci.image.manifest.v1+json sha256:m2 127.6 MiB linux/amd64 -\n\
             import-2026-01-01@sha256:m3    application/vnd.oci.image.manifest.v1+json sha256:m3 127.6 MiB linux/amd64 -\n\
             sha256:c1                      application/vnd.oci.image.manifest.v1+json sha256:m1 127.6 MiB linux/amd64 -\n",
        );
        for (image, id, expected) in [
            ("x/y:1", "sha256:c1", true),
            ("x/y:1", "c1", true),
            ("x/y:1", "sha256:m1", true),
            ("x/y:2", "sha256:c1", false),
            ("x/z:1", "sha256:c1", false),
            ("x/w@sha256:m3", "sha256:m3", false),
        ] {
            assert_eq!(store.has(image, id), expected, "{image} {id}");
        }
        assert_eq!(store.by_id("sha256:m3").map(|entry| entry.name.as_str()), Some("import-2026-01-01@sha256:m3"));
    }
}
