//! The commands that Argo CD derives from an Application.
//!
//! Source: `kustomize.Build` of Argo CD 3.5. Argo CD passes labels and annotations in the random order of a Go map; here
//! they are sorted.

use std::ffi::OsString;
use std::path::Path;

use toolbox::archive::sha256;

use crate::options::Options;

/// How an Application is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// What Argo CD does to the kustomization first, in order.
    pub steps: Vec<Step>,
    /// Argo CD's build options, split at white space.
    pub build_options: Vec<String>,
    /// `--helm-kube-version`, `major.minor.patch`; empty if unknown.
    pub kube_version: String,
    /// `--helm-api-versions`.
    pub api_versions: Vec<String>,
}

/// A step before the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The arguments of `kustomize`, run in the directory of the kustomization.
    Edit(Vec<String>),
    /// Appends patches, as JSON, to the kustomization.
    Patches(Vec<String>),
    /// Adds components, without those that do not exist if `ignore_missing` is set.
    Components {
        /// Their paths relative to the kustomization.
        paths: Vec<String>,
        /// Whether to leave out those that do not exist.
        ignore_missing: bool,
    },
}

impl Recipe {
    /// The steps for the options of a source; `expand` replaces variables.
    #[must_use]
    pub fn steps(options: &Options, expand: &dyn Fn(&str) -> String) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut edit = |words: &[&str], arguments: Vec<String>| {
            if !arguments.is_empty() {
                let words = words.iter().map(|word| (*word).to_owned());
                steps.push(Step::Edit(std::iter::once("edit".to_owned()).chain(words).chain(arguments).collect()));
            }
        };
        let one = |text: &String| Some(text.clone()).filter(|text| !text.is_empty()).into_iter().collect::<Vec<_>>();
        edit(&["set", "nameprefix", "--"], one(&options.name_prefix));
        edit(&["set", "namesuffix", "--"], one(&options.name_suffix));
        edit(&["set", "image"], options.images.iter().map(|(image, _)| expand(image)).collect());
        edit(&["set", "replicas"], options.replicas.iter().map(|(name, count)| format!("{name}={count}")).collect());
        let mut words = vec!["add", "label"];
        for (given, flag) in [
            (options.force_common_labels, "--force"),
            (options.label_without_selector, "--without-selector"),
            (options.label_include_templates, "--include-templates"),
        ] {
            words.extend(given.then_some(flag));
        }
        edit(&words, options.common_labels.iter().map(|(name, value)| format!("{name}:{}", expand(value))).collect());
        let mut words = vec!["add", "annotation"];
        words.extend(options.force_common_annotations.then_some("--force"));
        let value = |text: &str| if options.common_annotations_envsubst { expand(text) } else { text.to_owned() };
        edit(&words, options.common_annotations.iter().map(|(name, text)| format!("{name}:{}", value(text))).collect());
        edit(&["set", "namespace", "--"], one(&options.namespace));
        if !options.patches.is_empty() {
            steps.push(Step::Patches(options.patches.clone()));
        }
        if !options.components.is_empty() {
            steps.push(Step::Components {
                paths: options.components.iter().map(|(path, _)| path.clone()).collect(),
                ignore_missing: options.ignore_missing_components,
            });
        }
        steps
    }

    /// Whether the build may inflate charts.
    #[must_use]
    pub fn enables_helm(&self) -> bool {
        // As in Argo CD, which searches for this text.
        self.build_options.iter().any(|option| option.contains("--enable-helm"))
    }

    /// Whether the build may run plugins.
    #[must_use]
    pub(crate) fn enables_plugins(&self) -> bool {
        self.build_options.iter().any(|option| option.starts_with("--enable-alpha-plugins"))
    }

    /// The build options without those with which kustomize would run programs of the repository.
    fn harmless_options(&self) -> impl Iterator<Item = &String> {
        let mut values = 0;
        self.build_options.iter().filter(move |option| {
            let is_value = std::mem::take(&mut values) > 0;
            values = usize::from(*option == "--helm-command");
            let runs = ["--enable-exec", "--helm-command"]
                .iter()
                .any(|name| option.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')));
            !is_value && !runs
        })
    }

    /// The arguments of `kustomize build` for a directory.
    #[must_use]
    pub fn build_args(&self, directory: &Path, helm: Option<&Path>) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["build".into(), directory.into()];
        args.extend(self.harmless_options().map(Into::into));
        if self.enables_helm() {
            if !self.kube_version.is_empty() {
                args.extend(["--helm-kube-version".into(), self.kube_version.clone().into()]);
            }
            for version in &self.api_versions {
                args.extend(["--helm-api-versions".into(), version.into()]);
            }
            if let Some(helm) = helm {
                args.extend(["--helm-command".into(), helm.into()]);
            }
        }
        args
    }

    /// The digest of the steps and arguments. The files and the Kubernetes version are separate inputs.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Edit(args) => words.extend(args.iter().cloned()),
                Step::Patches(patches) => words.extend(patches.iter().cloned()),
                Step::Components { paths, ignore_missing } => {
                    words.push(format!("components {ignore_missing}"));
                    words.extend(paths.iter().cloned());
                }
            }
            words.push("\n".to_owned());
        }
        words.extend(self.build_options.iter().cloned());
        words.push("\n".to_owned());
        if self.enables_helm() {
            words.extend(self.api_versions.iter().cloned());
        }
        format!("sha256:{}", sha256(words.join("\0").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;
    use crate::options::options;

    fn recipe(text: &str, build_options: &str) -> Recipe {
        let source = yaml::parse_one(&Source::new("web.yaml", text)).expect("valid").root;
        Recipe {
            steps: Recipe::steps(&options(&source, "spec.source").expect("valid"), &|text| {
                text.replace("$NAME", "web")
            }),
            build_options: build_options.split_whitespace().map(str::to_owned).collect(),
            kube_version: "1.34.0".to_owned(),
            api_versions: vec!["a/v1".to_owned()],
        }
    }

    #[test]
    fn steps_have_argo_cds_order() {
        let text = "kustomize: {components: [../c], patches: [{path: p.yaml}], namespace: apps, commonAnnotations: {b: $NAME, a: x}, \
                    forceCommonLabels: true, labelWithoutSelector: true, labelIncludeTemplates: true, commonLabels: {m: $NAME}, \
                    replicas: [{name: web, count: 2}], images: ['web=x:$NAME', b], nameSuffix: -s, namePrefix: -p}";
        let shown: Vec<String> = recipe(text, "")
            .steps
            .into_iter()
            .map(|step| match step {
                Step::Edit(args) => args.join(" "),
                Step::Patches(patches) => patches.join(" "),
                Step::Components { paths, .. } => paths.join(" "),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "edit set nameprefix -- -p",
                "edit set namesuffix -- -s",
                "edit set image web=x:web b",
                "edit set replicas web=2",
                "edit add label --force --without-selector --include-templates m:web",
                "edit add annotation a:x b:$NAME",
                "edit set namespace -- apps",
                r#"{"path":"p.yaml"}"#,
                "../c",
            ]
        );
    }

    #[test]
    fn variables_in_annotations_are_replaced_only_on_request() {
        let text =
            "kustomize: {commonAnnotations: {a: $NAME}, commonAnnotationsEnvsubst: true, forceCommonAnnotations: true}";
        let Step::Edit(args) = &recipe(text, "").steps[0] else { panic!("an edit") };
        assert_eq!(args.join(" "), "edit add annotation --force a:web");
    }

    #[test]
    fn helm_arguments_follow_the_build_options() {
        let args = |options: &str| {
            let args = recipe("path: a", options).build_args(Path::new("/r/app"), Some(Path::new("/bin/helm")));
            args.into_iter().map(|arg| arg.into_string().expect("UTF-8")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(args(""), "build /r/app");
        assert_eq!(
            args("--load-restrictor LoadRestrictionsNone"),
            "build /r/app --load-restrictor LoadRestrictionsNone"
        );
        assert_eq!(
            args(" --enable-helm  --reorder none"),
            "build /r/app --enable-helm --reorder none --helm-kube-version 1.34.0 --helm-api-versions a/v1 --helm-command /bin/helm"
        );
    }

    #[test]
    fn the_digest_depends_on_steps_and_options() {
        let base = recipe("path: a", "");
        let digests = [
            base.digest(),
            recipe("kustomize: {namePrefix: a}", "").digest(),
            recipe("kustomize: {nameSuffix: a}", "").digest(),
            recipe("path: a", "--enable-helm").digest(),
        ];
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
        assert_eq!(Recipe { kube_version: "1.2.3".to_owned(), ..base.clone() }.digest(), base.digest());
    }
}
