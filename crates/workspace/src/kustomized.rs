//! Sources that Kustomize renders.

use std::path::{Path, PathBuf};

use argocd::application::{Application, Source};
use argocd::substitute;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::Node;
use helm::charts_lock::Pin;
use helm::dependencies::remote::Wanted;
use kustomize::inspect::{self, Inspection};
use kustomize::options::{self, Options};
use kustomize::recipe::Recipe;
use toolbox::inputs::Inputs;

use crate::chart_recipe::{UNKNOWN_REVISION, kube_version, revision};
use crate::checkout::Checkout;
use crate::config::Config;
use crate::remote_base::{RemoteBase, RemoteBases};

/// A kustomization that a source renders.
#[derive(Debug)]
pub struct KustomizeSource {
    /// The source.
    pub source: Source,
    /// The directory of the kustomization.
    pub directory: PathBuf,
    /// The Kustomize options, with overrides applied.
    pub options: Options,
    /// The build options of a plugin whose command only builds the kustomization, which replace those of Argo CD.
    pub of_plugin: Option<Vec<String>>,
    /// The files and downloads of the build.
    pub inspection: Inspection,
    /// The charts that kustomize would download, with their pins.
    pub charts: Vec<PinnedChart>,
    /// The bases and files that kustomize would download.
    pub remotes: Vec<RemoteBase>,
}

/// A chart that kustomize would download.
#[derive(Debug)]
pub struct PinnedChart {
    /// Where kustomize expects its files, below the root of the repository.
    pub directory: PathBuf,
    /// Its pin.
    pub pin: Pin,
}

/// Finds the pin of a chart.
pub type Pinned<'a> = dyn FnMut(Wanted) -> Result<Pin> + 'a;

impl KustomizeSource {
    /// Reads the kustomization of a source in a directory below `root`; `node` is the source with overrides applied, and
    /// `pinned` finds the pins of charts, if the build options enable Helm, and `remotes` other repositories. Fails if the build would need something that is
    /// neither in the repository, nor pinned, nor declared.
    pub(crate) fn new(
        (root, directory): (&Path, &Path),
        checkout: &Checkout,
        (source, node): (&Source, &Node),
        pinned: Option<&mut Pinned<'_>>,
        remotes: RemoteBases<'_>,
    ) -> Result<Self> {
        let options = options::options(node, &source.field)?;
        let inspection =
            inspect::inspect(root, directory, &options.components, &options.patch_files, &|path| checkout.lacks(path));
        let mut reasons = Diagnostics::default();
        if let Some((version, place)) = &options.version {
            reasons.push(
                Diagnostic::new(
                    Code::NotRendered,
                    format!("Kustomize version `{version}` is not the one that Argo CD ships"),
                )
                .at(place.clone(), "an installation of Argo CD may have it")
                .help(format!("delete `{}.kustomize.version` to use the version that Argo CD ships", source.field)),
            );
        }
        let remotes = reasons.take(remotes.find(&inspection)).unwrap_or_default();
        let mut charts = Vec::new();
        if let Some(pinned) = pinned {
            for chart in inspection.charts.iter().filter(|chart| chart.is_remote()) {
                // Without a version, Helm takes the newest one.
                let version = if chart.version.is_empty() { "*" } else { &chart.version };
                let wanted = Wanted::new(&chart.repository, &chart.name, version, chart.version_place.clone());
                let pin = reasons.take(pinned(wanted));
                charts.extend(pin.map(|pin| PinnedChart { directory: chart.directory.clone(), pin }));
            }
        }
        reasons.0.extend(inspect::report_ignored(root, &inspection.ignored));
        reasons.0.extend(inspect::report_programs(&inspection.programs));
        reasons.into_result(Self {
            source: source.clone(),
            directory: directory.to_path_buf(),
            options,
            of_plugin: None,
            inspection,
            charts,
            remotes,
        })
    }

    /// The name of the kustomization in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inspection.kustomizations.first().map_or(self.source.path.as_str(), |one| one.source.name.as_str())
    }

    /// The commands that build it.
    pub(crate) fn recipe(&self, config: &Config, application: &Application, commit: Option<&str>) -> Result<Recipe> {
        let options = &self.options;
        let variables = application.variables(&self.source, commit.unwrap_or_else(|| revision(&self.source)));
        let kube_version = match &options.kube_version {
            None => config.kubernetes.clone(),
            Some((version, place)) => kube_version(version, place)?,
        };
        if let Some(flags) = &self.of_plugin {
            return Ok(Recipe { build_options: flags.clone(), ..Recipe::default() });
        }
        let api_versions = &options.api_versions;
        let api_versions = if api_versions.is_empty() { &config.api_versions } else { api_versions };
        Ok(Recipe {
            steps: Recipe::steps(options, &|text| substitute::expand(text, &variables)),
            build_options: config.kustomize_build_options.clone(),
            kube_version,
            api_versions: api_versions.clone(),
        })
    }

    /// Warnings about the options.
    pub(crate) fn warnings(&self, commit: Option<&str>) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let options = &self.options;
        if commit.is_some() || revision(&self.source) != UNKNOWN_REVISION {
            return diagnostics;
        }
        let annotations = options.common_annotations.iter().filter(|_| options.common_annotations_envsubst);
        let place = |key: &str| match self.source.node.get("kustomize") {
            Some(node) => node.key_place(key),
            None => self.source.path_place.clone(),
        };
        let images = options.images.iter().map(|(text, place)| (text.as_str(), place.clone()));
        let labels = options.common_labels.iter().map(|(_, text)| (text.as_str(), place("commonLabels")));
        let annotations = annotations.map(|(_, text)| (text.as_str(), place("commonAnnotations")));
        let texts: Vec<(&str, Place)> = images.chain(labels).chain(annotations).collect();
        for (_, place) in texts.into_iter().filter(|(text, _)| substitute::mentions(text, "ARGOCD_APP_REVISION")) {
            diagnostics.push(
                Diagnostic::new(Code::RevisionUnknown, "`$ARGOCD_APP_REVISION` is unknown before the merge")
                    .at(place, "rendered with zeros"),
            );
        }
        diagnostics
    }

    /// Adds what the build depends on.
    pub(crate) fn add_inputs(&self, root: &Path, recipe: &Recipe, prefix: &str, inputs: &mut Inputs) -> Result<()> {
        inputs.extend(self.inspection.inputs(root)?);
        inputs.insert(format!("{prefix}application").into(), recipe.digest().into());
        for PinnedChart { pin, .. } in &self.charts {
            inputs.insert(format!("chart {} {}", pin.name, pin.version).into(), pin.digest.as_str().into());
        }
        for remote in &self.remotes {
            let (name, digest) = remote.input()?;
            inputs.insert(name.into(), digest.into());
        }
        if self.inflates(recipe) {
            inputs.insert("kubernetes".into(), recipe.kube_version.as_str().into());
        }
        Ok(())
    }

    /// Whether the build needs Helm.
    #[must_use]
    pub fn inflates(&self, recipe: &Recipe) -> bool {
        recipe.enables_helm() && !self.inspection.charts.is_empty()
    }
}
