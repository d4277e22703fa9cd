//! The programs that render the parts of a target.

use workspace::target::Part;

/// Whether `helm template` renders a part.
pub(super) fn is_chart(part: &Part<'_>) -> bool {
    matches!(part.inner(), Part::Chart(_) | Part::RemoteChart(_))
}

/// Whether a part is rendered with Kustomize.
#[must_use]
pub fn needs_kustomize(part: &Part<'_>) -> bool {
    match part.inner() {
        Part::Kustomize(_) => true,
        Part::Plugin(source) => source.plugin.mentions("kustomize"),
        Part::Chart(_) | Part::RemoteChart(_) | Part::Directory(_) | Part::Elsewhere(..) => false,
    }
}

/// Whether a part is rendered with Helm.
#[must_use]
pub fn needs_helm(part: &Part<'_>) -> bool {
    match part.inner() {
        Part::Chart(_) | Part::RemoteChart(_) => true,
        Part::Plugin(source) => source.plugin.mentions("helm") || source.plugin.mentions("kustomize"),
        Part::Kustomize(part) => part.source.inflates(&part.recipe),
        Part::Directory(_) | Part::Elsewhere(..) => false,
    }
}

/// Whether Jsonnet evaluates files of a part.
pub(super) fn needs_jsonnet(part: &Part<'_>) -> bool {
    match part.inner() {
        Part::Directory(source) => source.evaluation.is_some(),
        _ => false,
    }
}
