//! The images that a cluster needs: there before it is made, and on its node before anything asks for them.
//!
//! Deliberately absent: building them (`image`).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::kubectl::checked;
use crate::lifecycle::Maker;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use toolbox::engine::Engine;
use toolbox::process::Invocation;
use toolbox::progress::Progress;

/// Identities of images by reference.
pub type Ids = BTreeMap<String, String>;

/// The longest that pulling or saving images may take.
const LONG: Duration = Duration::from_secs(20 * 60);

/// Sees to it that the engine has every image: what is not there is pulled. All that cannot be had is told.
pub fn bring(
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
        let mut missing = Diagnostic::new(Code::ClusterImage, format!("the image `{image}` cannot be had"));
        if let Some(place) = place {
            missing = missing.at(place.clone(), "asked for here");
        }
        if offline {
            missing = missing.note("it is not here, and `--offline` forbids to pull it");
        } else {
            let under_way = progress.under_way("Pulling", image);
            let pull = engine.invocation(Path::new("/")).args(["pull", "--quiet", image]).deadline(LONG);
            match pull.run() {
                Ok(output) if output.success() => {
                    if let Some(found) = diagnostics.take(engine.inspect(image)).flatten() {
                        ids.insert(image.clone(), found.id);
                        under_way.done("Pulled");
                        continue;
                    }
                }
                Ok(output) => missing = missing.note(super::last_lines(&output.stderr, 5)),
                Err(found) if found.0.iter().any(|one| one.code == Code::Interrupted) => return Err(found),
                Err(found) => missing.notes.extend(found.0.into_iter().map(|one| one.message)),
            }
        }
        let name = engine.name;
        diagnostics.push(
            missing
                .help(format!("`{name} pull {image}` where there is a network, or `{name} load` it from an archive"))
                .help("correct the name, if that is wrong"),
        );
    }
    diagnostics.into_result(ids)
}

/// Writes images into an archive, those with a digest for a name excepted: see [`load`].
pub fn save(engine: &Engine, images: &Ids, archive: &Path) -> Result<()> {
    let named: Vec<&String> = images.keys().filter(|image| !by_digest(image)).collect();
    if named.is_empty() { Ok(()) } else { write(engine, &named, archive) }
}

fn write(engine: &Engine, images: &[&String], archive: &Path) -> Result<()> {
    let save = engine.invocation(Path::new("/")).args(["save", "--output"]).args([archive]).args(images);
    checked(&save.deadline(LONG)).map(|_| ())
}

/// Those of some images (name → identity) that the node lacks, or has of another make.
pub fn lacking(maker: &Maker, images: &Ids) -> Result<Vec<String>> {
    let store = Store::of(maker)?;
    Ok(images.iter().filter(|(image, id)| !store.has(image, id)).map(|(image, _)| image.clone()).collect())
}

/// Loads an archive of some images into the node, and then those with a digest for a name, by way of the same file. An
/// archive says nothing of such a name, and the kubelet asks for just that.
pub fn load(maker: &Maker, archive: &Path, images: &Ids) -> Result<()> {
    let (nameless, named): (Vec<_>, Vec<_>) = images.keys().partition(|image| by_digest(image));
    if !named.is_empty() {
        let invocation = maker.kind().args(["load", "image-archive"]).args([archive]).args(["--name", &maker.name]);
        checked(&invocation.deadline(LONG))?;
    }
    for image in nameless {
        let there = "/var/xtask-image.tar";
        let engine = || maker.engine.invocation(Path::new("/")).deadline(LONG);
        write(&maker.engine, &[image], archive)?;
        checked(&engine().args(["cp"]).args([archive]).args([format!("{}:{there}", maker.node())]))?;
        checked(&ctr(maker).args(["images", "import", "--index-name", &full(image), there]).deadline(LONG))?;
        checked(&engine().args(["exec", &maker.node(), "rm", there]))?;
    }
    Ok(())
}

fn by_digest(image: &str) -> bool {
    image.contains('@')
}

/// Unpacks the image of the node's network, which a node image brings packed: the one thing that every pod waits for, and
/// seconds of work that may as well be done while the control plane starts.
pub fn unpack_network(maker: &Maker) -> Result<()> {
    let store = Store::of(maker)?;
    let network =
        |entry: &&Entry| entry.name.split([':', '@']).next().is_some_and(|name| name.ends_with("/kube-proxy"));
    if let Some(entry) = store.0.iter().find(network) {
        // There is no word for unpacking alone.
        let at = "/run/xtask-unpacked";
        checked(&maker.engine.invocation(Path::new("/")).args(["exec", &maker.node(), "mkdir", "-p", at]))?;
        checked(&ctr(maker).args(["images", "mount", &entry.name, at]).deadline(LONG))?;
        checked(&ctr(maker).args(["images", "unmount", "--rm", at]))?;
    }
    Ok(())
}

/// The node's own client of its container runtime, about to look at what the kubelet sees.
fn ctr(maker: &Maker) -> Invocation {
    maker.engine.invocation(Path::new("/")).args(["exec", &maker.node(), "ctr", "--namespace", "k8s.io"])
}

/// What the node's container runtime has.
#[derive(Debug)]
struct Store(Vec<Entry>);

/// A name, or an identity that stands for one, and the digest of the manifest behind it.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    digest: String,
}

impl Store {
    fn of(maker: &Maker) -> Result<Self> {
        let output = checked(&ctr(maker).args(["images", "ls"]))?;
        Ok(Self::read(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads a table of REF, TYPE, DIGEST, and more.
    fn read(table: &str) -> Self {
        let entry = |line: &str| {
            let mut cells = line.split_whitespace();
            Some(Entry { name: cells.next()?.to_owned(), digest: cells.nth(1)?.to_owned() })
        };
        Self(table.lines().skip(1).filter_map(entry).collect())
    }

    /// The entry of an image by the identity that an engine gives it: the digest of its configuration (docker and podman
    /// of old) or of its manifest (docker with containerd's store).
    fn entry_of(&self, id: &str) -> Option<&Entry> {
        let id = format!("sha256:{}", id.trim_start_matches("sha256:"));
        self.0.iter().find(|entry| entry.name == id || entry.digest == id)
    }

    /// Whether a name stands for that image.
    fn has(&self, image: &str, id: &str) -> bool {
        let name = full(image);
        let named = self.0.iter().find(|entry| entry.name == name);
        named.zip(self.entry_of(id)).is_some_and(|(named, entry)| named.digest == entry.digest)
    }
}

/// The whole name of an image, as containerd keeps it.
fn full(image: &str) -> String {
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
    fn names_are_made_whole_as_containerd_does() {
        for (image, expected) in [
            ("debian", "docker.io/library/debian:latest"),
            ("bitnami/x:1", "docker.io/bitnami/x:1"),
            ("localhost/homelab/postfix:3.7.11", "localhost/homelab/postfix:3.7.11"),
            ("registry.example.com:5000/x", "registry.example.com:5000/x:latest"),
            ("x/y:1@sha256:00", "docker.io/x/y@sha256:00"),
        ] {
            assert_eq!(full(image), expected);
        }
    }

    #[test]
    fn an_image_is_there_when_its_name_stands_for_it() {
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
        assert_eq!(store.entry_of("sha256:m3").map(|entry| entry.name.as_str()), Some("import-2026-01-01@sha256:m3"));
    }
}
