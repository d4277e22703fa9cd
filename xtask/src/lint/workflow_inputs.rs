//! Misspelled inputs of actions that most workflows use, which GitHub ignores with a warning in the log.
//!
//! Newer versions have further inputs, so an unknown one is reported only if it is nearly a known one.

use diagnostics::{Code, Diagnostic, Place, did_you_mean, nearest};
use document::Node;

/// Actions with their inputs.
const ACTIONS: &[(&str, &[&str])] = &[
    (
        "actions/checkout",
        &[
            "clean",
            "fetch-depth",
            "fetch-tags",
            "filter",
            "github-server-url",
            "lfs",
            "path",
            "persist-credentials",
            "ref",
            "repository",
            "set-safe-directory",
            "show-progress",
            "sparse-checkout",
            "sparse-checkout-cone-mode",
            "ssh-key",
            "ssh-known-hosts",
            "ssh-strict",
            "ssh-user",
            "submodules",
            "token",
        ],
    ),
    (
        "actions/cache",
        &[
            "enableCrossOsArchive",
            "fail-on-cache-miss",
            "key",
            "lookup-only",
            "path",
            "restore-keys",
            "save-always",
            "upload-chunk-size",
        ],
    ),
    (
        "actions/upload-artifact",
        &[
            "archive",
            "compression-level",
            "if-no-files-found",
            "include-hidden-files",
            "name",
            "overwrite",
            "path",
            "retention-days",
        ],
    ),
    (
        "actions/download-artifact",
        &["artifact-ids", "github-token", "merge-multiple", "name", "path", "pattern", "repository", "run-id"],
    ),
    (
        "actions/setup-go",
        &["architecture", "cache", "cache-dependency-path", "check-latest", "go-version", "go-version-file", "token"],
    ),
    ("azure/setup-kubectl", &["version"]),
    ("docker/login-action", &["ecr", "logout", "password", "registry", "username"]),
];

/// The finding about a misspelled input of a step.
pub(super) fn misspelled(step: &Node, uses: &str) -> Option<Diagnostic> {
    let name = uses.split('@').next().unwrap_or_default();
    let (name, known) = ACTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let inputs = step.get("with")?;
    inputs.entries().iter().find_map(|(key, _)| {
        let own = key.name.as_str();
        // GitHub compares without case.
        let near = nearest(own, known.iter().copied()).filter(|near| !near.eq_ignore_ascii_case(own))?;
        let message = format!("`{name}` has no input `{own}`");
        let place = Place::new(&inputs.source, key.span.clone());
        Some(Diagnostic::new(Code::WorkflowInvalid, message).at(place, "").help(did_you_mean(near)))
    })
}
