//! The node image of kind, which must have the Kubernetes version of the cluster, and a complete digest.

use diagnostics::{Code, Diagnostic, Diagnostics};
use kubernetes::schemas;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::NodeImageDiffers];

/// Checks charts.toml.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    Diagnostics(finding(subject).into_iter().collect())
}

fn finding(subject: &Subject<'_>) -> Option<Diagnostic> {
    let config = &subject.workspace.config;
    let (image, place) = config.kind_node_image.as_ref()?;
    let (name, digest) = image.split_once('@').map_or((image.as_str(), None), |(name, digest)| (name, Some(digest)));
    let found = |message: String| Diagnostic::new(Code::NodeImageDiffers, message).at(place.clone(), "");
    if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
        let found = found(format!("`{digest}` is not a digest"));
        return Some(found.help("copy `sha256:` and 64 hexadecimal digits from the release notes of kind"));
    }
    // A tag of another form, such as that of an image of one's own, says nothing.
    let tag = name.rsplit_once(':')?.1.strip_prefix('v')?;
    let (own, wanted) = (schemas::minor(tag)?, schemas::minor(&config.kubernetes)?);
    (own != wanted).then(|| {
        let message = format!("the node image has Kubernetes {tag}, and `kubernetes.version` is {}", config.kubernetes);
        found(message).help(format!("use a node image of Kubernetes {wanted}"))
    })
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|sum| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
