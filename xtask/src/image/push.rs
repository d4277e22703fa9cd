//! Pushes images to a registry: as they were built here, or built for several platforms with provenance and an SBOM.

use std::path::Path;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use toolbox::engine::Engine;
use toolbox::progress::Progress;

/// The time limit of a push.
pub(super) const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// The reference of an image in another registry: the registry, which may contain a path, and the last part of the name.
#[must_use]
pub(crate) fn in_registry(reference: &str, registry: Option<&str>) -> String {
    let Some(registry) = registry else { return reference.to_owned() };
    let name = reference.rsplit('/').next().unwrap_or(reference);
    format!("{}/{name}", registry.trim_end_matches('/'))
}

/// Pushes an image that the engine has, under another name if that differs.
pub fn push(engine: &Engine, root: &Path, reference: &str, target: &str, progress: &dyn Progress) -> Result<()> {
    let under_way = progress.under_way("Pushing", target);
    let mut commands = Vec::new();
    if target != reference {
        commands.push(vec!["tag", reference, target]);
    }
    commands.push(vec!["push", target]);
    for args in commands {
        let invocation = engine.invocation(root).args(args).deadline(DEADLINE);
        let output = invocation.run()?;
        if !output.success() {
            return Err(Diagnostic::new(Code::ImageFailed, format!("`{target}` could not be pushed"))
                .note(output.stderr.trim().to_owned())
                .note(format!("command: {}", invocation.command_line()))
                .help(format!(
                    "log in with `{} login`, or set `--registry` to a registry that you may push to",
                    engine.name
                ))
                .into());
        }
    }
    under_way.done("Pushed");
    Ok(())
}

/// The arguments of a build that pushes images for several platforms.
#[must_use]
pub fn arguments(platforms: &[String]) -> Vec<String> {
    let mut args = ["buildx", "build", "--push", "--provenance=mode=max", "--sbom=true"].map(str::to_owned).to_vec();
    args.extend(["--platform".to_owned(), platforms.join(",")]);
    args
}

/// Fails if the engine cannot build for several platforms.
pub(crate) fn check_buildx(engine: &Engine, root: &Path) -> Result<()> {
    let missing = || Diagnostic::new(Code::ToolUnavailable, "`--platform` requires docker with buildx");
    if engine.name != "docker" {
        let found = format!("found {}", engine.describe());
        return Err(missing().note(found).help("install docker, or push with podman for one platform").into());
    }
    let output = engine.invocation(root).args(["buildx", "version"]).run()?;
    if output.success() {
        return Ok(());
    }
    let note = output.stderr.lines().next().unwrap_or_default().to_owned();
    Err(missing().note(note).help("install the plugin docker-buildx, and run `docker buildx create --use`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_replaces_everything_but_the_name_and_the_tag() {
        let reference = "localhost/homelab/postfix:3.7.11";
        assert_eq!(in_registry(reference, None), reference);
        assert_eq!(in_registry(reference, Some("localhost:5000")), "localhost:5000/postfix:3.7.11");
        assert_eq!(in_registry("x:1", Some("ghcr.io/example/lab/")), "ghcr.io/example/lab/x:1");
    }
}
