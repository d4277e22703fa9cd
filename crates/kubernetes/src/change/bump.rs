//! Images and charts with another version.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use document::Node;

use crate::image::Reference;
use crate::object::Object;
use crate::workload;

/// An image or a chart with another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bump {
    /// Whether it is a chart; otherwise it is an image.
    pub chart: bool,
    /// The name: an image without its tag, or a chart.
    pub name: String,
    /// The version, tag, or digest before; of an image with another name, all of the former one.
    pub from: String,
    /// The version, tag, or digest after.
    pub to: String,
    /// Whether the first number of the version differs.
    pub major: bool,
}

/// How far apart two versions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first number differs.
    Major,
    /// The second number differs, or it is unknown what does.
    Minor,
    /// Neither the first nor the second number differs: a fix, another build, or the same version with another digest.
    Patch,
}

/// From this number on, the first number of a version is a year or a date.
const YEAR: u64 = 1900;

impl Bump {
    /// A chart or an image with another version.
    #[must_use]
    pub fn new(chart: bool, name: &str, from: &str, to: &str) -> Self {
        let major = step(version_of(from), version_of(to)) == Step::Major;
        Self { chart, name: name.to_owned(), from: from.to_owned(), to: to.to_owned(), major }
    }

    /// How far apart the versions are. Another name of an image is at least a minor step.
    #[must_use]
    pub fn step(&self) -> Step {
        match step(version_of(&self.from), version_of(&self.to)) {
            Step::Patch if self.is_renamed() => Step::Minor,
            step => step,
        }
    }

    /// Whether it is an image with another name, so `from` is a whole reference.
    #[must_use]
    pub fn is_renamed(&self) -> bool {
        let tag = self.from.split('@').next().unwrap_or_default();
        !self.chart && tag.contains(['/', ':']) && !tag.starts_with("sha")
    }

    /// Whether the version after is the older one.
    #[must_use]
    pub(crate) fn is_downgrade(&self) -> bool {
        match (numbers(version_of(&self.from)), numbers(version_of(&self.to))) {
            (Some(from), Some(to)) => from.cmp(&to) == Ordering::Greater,
            _ => false,
        }
    }
}

/// The version in a tag with a digest, or in a whole reference.
fn version_of(text: &str) -> &str {
    let text = text.split_once('@').map_or(text, |(version, _)| version);
    let slash = text.rfind('/').map_or(0, |at| at + 1);
    let text = &text[slash..];
    if text.starts_with("sha256:") { text } else { text.rsplit_once(':').map_or(text, |(_, tag)| tag) }
}

/// The leading numbers of a version: `[1, 2, 3]` of `v1.2.3-alpine`.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    // A commit may begin with digits.
    let joined = text[end..].starts_with(|c: char| c.is_ascii_alphanumeric()) && !text[..end].contains('.');
    if joined {
        return None;
    }
    let numbers =
        text[..end].trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>();
    numbers.filter(|numbers| !numbers.is_empty())
}

fn step(from: &str, to: &str) -> Step {
    if from == to {
        return Step::Patch;
    }
    let (Some(old), Some(new)) = (numbers(from), numbers(to)) else { return Step::Minor };
    if old[0] != new[0] {
        let dated = old[0] >= YEAR && new[0] >= YEAR;
        return if dated { Step::Minor } else { Step::Major };
    }
    match (old.get(1), new.get(1)) {
        (Some(old), Some(new)) if old == new => Step::Patch,
        // `1` and `1-alpine`: only the build differs.
        (None, None) => Step::Patch,
        _ => Step::Minor,
    }
}

/// An image of a container that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageChange {
    /// The name of the container or of the volume.
    pub container: String,
    /// The path of the image.
    pub path: Vec<String>,
    /// The versions.
    pub bump: Bump,
}

/// The images of the pods of a workload that changed, for each container.
#[must_use]
pub(crate) fn image_changes(before: &Object, after: &Object) -> Vec<ImageChange> {
    let (Some(old), Some(new)) = (workload::pod_spec(before), workload::pod_spec(after)) else { return Vec::new() };
    let mut path: Vec<String> = workload::template(after)
        .map(|(path, _)| path.iter().map(|step| (*step).to_owned()).collect())
        .unwrap_or_default();
    path.push("spec".to_owned());
    let mut found = Vec::new();
    for (list, fields) in
        [("containers", ["image"].as_slice()), ("initContainers", &["image"]), ("volumes", &["image", "reference"])]
    {
        let name = |node: &Node| node.get("name").and_then(Node::as_str).map(str::to_owned);
        let known: BTreeMap<String, &Node> =
            old.items_at(&[list]).iter().filter_map(|node| Some((name(node)?, node))).collect();
        for (index, node) in new.items_at(&[list]).iter().enumerate() {
            let Some(container) = name(node) else { continue };
            let image = |node: &Node| node.find(fields).and_then(Node::as_str).map(str::to_owned);
            let former = known.get(&container).and_then(|node| image(node));
            let (Some(from), Some(to)) = (former, image(node)) else { continue };
            if from == to {
                continue;
            }
            let mut path = path.clone();
            path.extend([list, &index.to_string()].map(str::to_owned));
            path.extend(fields.iter().map(|field| (*field).to_owned()));
            found.push(ImageChange { container, path, bump: of_images(&from, &to) });
        }
    }
    found
}

/// The images of a workload with another version, each once.
#[must_use]
pub fn images(before: &Object, after: &Object) -> Vec<Bump> {
    let mut bumps: Vec<Bump> = image_changes(before, after).into_iter().map(|change| change.bump).collect();
    bumps.sort();
    bumps.dedup();
    bumps
}

fn of_images(from: &str, to: &str) -> Bump {
    let (Ok(old), Ok(new)) = (Reference::parse(from), Reference::parse(to)) else {
        return Bump::new(false, to, from, to);
    };
    let version = |reference: &Reference<'_>, other: &Reference<'_>| match (reference.tag, reference.digest) {
        // The digest tells more only where the tags are equal.
        (Some(tag), Some(digest)) if other.tag == Some(tag) => format!("{tag}@{}", short(digest)),
        (Some(tag), _) => tag.to_owned(),
        (None, Some(digest)) => short(digest),
        (None, None) => "latest".to_owned(),
    };
    let from = if old.name == new.name { version(&old, &new) } else { from.to_owned() };
    Bump::new(false, new.name, &from, &version(&new, &old))
}

/// The beginning of a digest.
fn short(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => format!("{algorithm}:{}", hex.chars().take(12).collect::<String>()),
        None => digest.to_owned(),
    }
}

/// The chart that rendered an object, if its label `helm.sh/chart` names another version of it.
#[must_use]
pub fn chart(before: &Object, after: &Object) -> Option<Bump> {
    let label = |object: &Object| {
        let label = object.find(&["metadata", "labels", "helm.sh/chart"])?.as_str()?.to_owned();
        // The name of a chart may contain `-` before a digit; a version contains a dot.
        let at = label.match_indices('-').map(|(at, _)| at).find(|at| {
            let rest = label[at + 1..].strip_prefix('v').unwrap_or(&label[at + 1..]);
            let number = rest.split('.').next().unwrap_or_default();
            rest.contains('.') && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
        })?;
        Some((label[..at].to_owned(), label[at + 1..].to_owned()))
    };
    let ((old_name, from), (name, to)) = (label(before)?, label(after)?);
    (old_name == name && from != to).then(|| Bump::new(true, &name, &from, &to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_first_numbers() {
        for (from, to, expected) in [
            ("1.2.3", "2.0.0", Step::Major),
            ("v1.2.3", "v2", Step::Major),
            ("1", "2", Step::Major),
            ("1.2.3", "1.3.0", Step::Minor),
            ("1.2", "1", Step::Minor),
            ("0.4.1", "0.5.0", Step::Minor),
            ("1.2.3", "1.2.4", Step::Patch),
            ("1.2.3-alpine", "1.2.3-debian", Step::Patch),
            ("1.2.3@sha256:0a", "1.2.3@sha256:0b", Step::Patch),
            ("2.19.0-r1", "2.19.1-r1", Step::Patch),
            ("2024.1.1", "2025.3.0", Step::Minor),
            ("20240101", "20250101", Step::Minor),
            ("1.2.3", "20250101", Step::Major),
            ("latest", "1.2.3", Step::Minor),
            ("1a2b3c", "2b3c4d", Step::Minor),
            ("sha256:0a", "sha256:0b", Step::Minor),
            ("stable", "edge", Step::Minor),
            ("1.2.3", "1.2.3+build", Step::Patch),
            ("9999999999999999999999.1", "1.0", Step::Minor),
            ("", "1.0", Step::Minor),
        ] {
            let bump = Bump::new(false, "a", from, to);
            assert_eq!(bump.step(), expected, "{from} → {to}");
            assert_eq!(bump.major, expected == Step::Major, "{from} → {to}");
        }
        assert!(Bump::new(true, "a", "1.10.0", "1.9.0").is_downgrade());
        assert!(!Bump::new(true, "a", "1.9.0", "1.10.0").is_downgrade());
        assert!(!Bump::new(true, "a", "latest", "1.10.0").is_downgrade());
    }

    #[test]
    fn images_keep_what_tells_them_apart() {
        let digest = |c: char| format!("sha256:{}", String::from(c).repeat(64));
        let (a, b) = (digest('a'), digest('b'));
        for (from, to, expected) in [
            ("a:1.0", "a:1.1", ("a", "1.0", "1.1", Step::Minor)),
            (
                "r.example.com:5000/a:1.0",
                "r.example.com:5000/a:2.0",
                ("r.example.com:5000/a", "1.0", "2.0", Step::Major),
            ),
            (&format!("a:1.0@{a}"), &format!("a:1.1@{b}"), ("a", "1.0", "1.1", Step::Minor)),
            (
                &format!("a:1.0@{a}"),
                &format!("a:1.0@{b}"),
                ("a", "1.0@sha256:aaaaaaaaaaaa", "1.0@sha256:bbbbbbbbbbbb", Step::Patch),
            ),
            ("a:1.0", &format!("a:1.0@{b}"), ("a", "1.0", "1.0@sha256:bbbbbbbbbbbb", Step::Patch)),
            ("a", "a:1.0", ("a", "latest", "1.0", Step::Minor)),
            ("x/a:1.0", "y/a:1.0", ("y/a", "x/a:1.0", "1.0", Step::Minor)),
            ("x/a:1.0", "y/b:2.0", ("y/b", "x/a:1.0", "2.0", Step::Major)),
        ] {
            let bump = of_images(from, to);
            assert_eq!((&*bump.name, &*bump.from, &*bump.to, bump.step()), expected, "{from} → {to}");
        }
    }
}
