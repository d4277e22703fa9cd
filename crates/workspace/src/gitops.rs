//! `[gitops]` in charts.toml: the Argo CD that `test-gitops` installs, and how it is bootstrapped.

use std::collections::BTreeMap;
use std::path::Path;

use argocd::release::Release;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, did_you_mean, nearest};
use document::{Fields, Node, Syntax};
use toolbox::inputs;

/// The `[gitops]` section.
#[derive(Debug, Clone)]
pub struct GitOps {
    /// The Argo CD that deploys the repository. It belongs to the release whose rendering is reproduced.
    pub argocd: Installation,
    /// The Argo CD from which `--argocd-upgrade` upgrades.
    pub upgrade_from: Option<Installation>,
    /// The manifests that are applied by hand, and their places.
    pub apply: Vec<(String, Place)>,
}

/// An Argo CD to install.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The full version of the Argo CD release, without a leading `v`.
    pub version: String,
    /// The release that it belongs to.
    pub release: Release,
    /// The place of the version.
    pub place: Place,
    /// The SHA-256 of the release's manifests/core-install.yaml.
    pub sha256: String,
    /// Digests of images in the manifest, by reference.
    pub images: BTreeMap<String, String>,
}

impl GitOps {
    /// Reads the section. The version must belong to the release whose rendering is reproduced.
    pub(crate) fn read(node: &Node, release: Option<Release>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "gitops", Syntax::Config);
        let argocd = Installation::read(node, &mut fields, "gitops");
        if let (Some(argocd), Some(release)) = (&argocd, release)
            && argocd.release != release
        {
            fields.report(
                Diagnostic::new(
                    Code::ConfigInvalid,
                    format!("`gitops.argocd` must be a release of Argo CD {0}, such as `{0}.1`", release.version),
                )
                .at(argocd.place.clone(), "a different release than `argocd.version`"),
            );
        }
        fields.required("apply");
        let apply = fields.strings("apply");
        let before = fields.node("upgrade-from").map(|node| {
            let mut fields = Fields::new(node, "gitops.upgrade-from", Syntax::Config);
            let before = Installation::read(node, &mut fields, "gitops.upgrade-from");
            fields.finish(diagnostics);
            before
        });
        fields.finish(diagnostics);
        Some(Self { argocd: argocd?, upgrade_from: before.flatten(), apply })
    }

    /// Reports files in `apply` that do not exist.
    #[must_use]
    pub fn check_files(&self, root: &Path) -> Diagnostics {
        let missing = self.apply.iter().filter(|(name, _)| !root.join(name).is_file());
        let finding = |(name, place): &(String, Place)| {
            let found = Diagnostic::new(Code::ConfigInvalid, format!("`{name}` in `gitops.apply` does not exist"));
            let found = found.at(place.clone(), "applied once per cluster");
            let candidates: Vec<String> =
                crate::find::candidates(root, |_| false).iter().map(|path| inputs::name(root, path)).collect();
            let last = name.rsplit('/').next().unwrap_or(name);
            let same = candidates.iter().find(|other| other.rsplit('/').next() == Some(last)).map(String::as_str);
            match nearest(name, candidates.iter().map(String::as_str)).or(same) {
                Some(near) => found.help(did_you_mean(near)),
                None => found.help("correct the path, which is relative to charts.toml"),
            }
        };
        Diagnostics(missing.map(finding).collect())
    }
}

impl Installation {
    /// Reads the keys of an installation in a section.
    fn read(node: &Node, fields: &mut Fields<'_>, section: &str) -> Option<Self> {
        let version = fields.required_string("argocd");
        let place = node.get("argocd").unwrap_or(node).place();
        let sha256 = fields.required_string("sha256").filter(|sum| {
            let valid = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !valid {
                fields.report(
                    Diagnostic::new(
                        Code::ConfigInvalid,
                        format!("`{section}.sha256` must be a SHA-256 in hexadecimal"),
                    )
                    .at(node.get("sha256").unwrap_or(node).place(), "expected 64 digits"),
                );
            }
            valid
        });
        let release = version.as_deref().and_then(|version| {
            let parsed = Release::parse(version).and_then(|release| match version.split('.').count() {
                3 => Ok(release),
                _ => Err(format!("`{section}.argocd` must be a full version, such as `{}.1`", release.version)),
            });
            match parsed {
                Ok(release) => Some(release),
                Err(why) => {
                    fields.report(Diagnostic::new(Code::ConfigInvalid, why).at(place.clone(), "this version"));
                    None
                }
            }
        });
        let mut images = BTreeMap::new();
        for (key, value) in fields.node("images").map(Node::entries).unwrap_or_default() {
            match value.as_str().filter(|digest| digest.starts_with("sha256:")) {
                Some(digest) => {
                    images.insert(key.name.clone(), digest.to_owned());
                }
                None => fields.report(
                    Diagnostic::new(Code::ConfigInvalid, format!("`{section}.images.{}` must be a digest", key.name))
                        .at(value.place(), "expected such as `sha256:…`"),
                ),
            }
        }
        Some(Self { version: version?, release: release?, place, sha256: sha256?, images })
    }
}
