//! The images that a cluster needs: there before it is made, and on its node before anything asks for them.
//!
//! Deliberately absent: building them (`image`).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::Maker;
use super::kubectl::checked;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result};
use crate::image::engine::Engine;
use crate::progress::Progress;

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

/// Writes images into an archive.
pub fn save(engine: &Engine, images: &[String], archive: &Path) -> Result<()> {
    let mut args = vec!["save".to_owned(), "--output".to_owned(), archive.display().to_string()];
    args.extend_from_slice(images);
    checked(&engine.invocation(Path::new("/")).args(args).deadline(LONG)).map(|_| ())
}

/// Those of some images (name → identity) that the node lacks, or has of another make.
pub fn lacking(maker: &Maker, images: &Ids) -> Result<Vec<String>> {
    let list = ["exec", &maker.node(), "ctr", "--namespace", "k8s.io", "images", "ls", "--quiet"];
    let output = checked(&maker.engine.invocation(Path::new("/")).args(list))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let there: Vec<&str> = text.lines().map(str::trim).collect();
    let has = |(image, id): &(&String, &String)| there.contains(&full(image).as_str()) && there.contains(&id.as_str());
    Ok(images.iter().filter(|image| !has(image)).map(|(image, _)| image.clone()).collect())
}

/// Loads an archive into the node.
pub fn load(maker: &Maker, archive: &Path) -> Result<()> {
    let invocation = maker.kind().args(["load", "image-archive"]).args([archive]).args(["--name", &maker.name]);
    checked(&invocation.deadline(LONG)).map(|_| ())
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
}
