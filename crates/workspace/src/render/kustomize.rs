//! Builds kustomizations with the Kustomize version and arguments that Argo CD uses.

use std::path::Path;

use diagnostics::{Code, Diagnostic, Place, Result};
use kubernetes::manifest::{self, Manifest, Writer};
use kustomize::command::{Builder, Built};
use kustomize::errors::{self, Failure};
use kustomize::recipe::{Recipe, Step};
use kustomize::stage::{self, Stage};
use toolbox::process::quoted;
use toolbox::scratch;

use super::remotes;
use crate::files::CONFIG_FILE;
use crate::kustomized::KustomizeSource;
use crate::target::KustomizePart;

/// The programs of a build.
#[derive(Debug, Clone, Copy)]
pub struct Programs<'a> {
    /// The kustomize executable.
    pub kustomize: &'a Path,
    /// The Helm executable, if the build inflates charts.
    pub helm: Option<&'a Path>,
}

/// Builds the kustomization of a source for a namespace: in the checkout, or in a copy if Argo CD edits it or adds charts.
/// `charts` are the directories of the charts of the source, unpacked.
pub fn render(
    root: &Path,
    programs: Programs<'_>,
    part: &KustomizePart<'_>,
    charts: &[&Path],
    namespace: &str,
) -> Result<Vec<Manifest>> {
    let Programs { kustomize, helm } = programs;
    let KustomizePart { source, recipe } = part;
    let by_hand = by_hand(root, kustomize, source, recipe);
    let in_place = recipe.steps.is_empty() && charts.is_empty() && source.remotes.is_empty();
    let (built, seen_root) = if in_place {
        let homes = scratch::directory()?;
        // kustomize resolves links, also those above the repository.
        let real = root.canonicalize().map_err(|error| Diagnostic::io("resolve", root, &error))?;
        let directory = real.join(source.directory.strip_prefix(root).unwrap_or(&source.directory));
        let builder = Builder { kustomize, helm, root: &real, directory: &directory, homes: homes.path() };
        (builder.build(recipe)?, real.clone())
    } else {
        let stage = Stage::new(root, &source.directory, &source.inspection)?;
        for (chart, unpacked) in source.charts.iter().zip(charts) {
            stage::add(unpacked, &stage.path(root, &chart.directory))?;
        }
        remotes::add(&stage, &stage.root, &source.inspection, &source.remotes, &mut 0)?;
        let (directory, homes) = (stage.path(root, &source.directory), stage.homes());
        let builder = Builder { kustomize, helm, root: &stage.root, directory: &directory, homes: &homes };
        (builder.build(recipe)?, stage.root.clone())
    };
    let Built { output, .. } = built;
    if !output.success() {
        if let Some(refused) = unknown_flag(&output.stderr) {
            return Err(refused.into());
        }
        return Err(errors::explain(&Failure {
            root,
            seen_root: &seen_root,
            directory: &source.directory,
            inspection: &source.inspection,
            code: output.code,
            stderr: &output.stderr,
            by_hand: &by_hand,
        }));
    }
    manifest::read_from(Writer::Kustomize(source.name()), &output.stdout, namespace).map_err(|mut found| {
        for diagnostic in &mut found.0 {
            diagnostic.helps.push(format!("to reproduce it, run: {by_hand}"));
        }
        found
    })
}

/// The error about a flag in the build options that Kustomize does not know, such as one of an earlier version.
fn unknown_flag(stderr: &str) -> Option<Diagnostic> {
    let (_, rest) = stderr.split_once("unknown flag: ")?;
    let flag = rest.split_whitespace().next()?;
    Some(
        Diagnostic::new(Code::KustomizeRefused, format!("Kustomize has no flag `{flag}`"))
            .at(Place::file(CONFIG_FILE), "")
            .note("it is in `kustomize.build-options`; the Kustomize of other Argo CD releases may have it")
            .help("remove it, and from `kustomize.buildOptions` of Argo CD"),
    )
}

/// The commands, for a shell in the root of the repository. Those that edit the kustomization change it.
fn by_hand(root: &Path, kustomize: &Path, source: &KustomizeSource, recipe: &Recipe) -> String {
    let program = quoted(&kustomize.to_string_lossy());
    let directory = toolbox::inputs::name(root, &source.directory);
    let directory = if directory.is_empty() { "." } else { &directory };
    let mut commands = Vec::new();
    for step in &recipe.steps {
        let arguments = match step {
            Step::Edit(arguments) => arguments.clone(),
            Step::Components { paths, .. } => {
                [vec!["edit".into(), "add".into(), "component".into()], paths.clone()].concat()
            }
            Step::Patches(_) => continue,
        };
        let arguments: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        commands.push(format!("{program} {}", arguments.join(" ")));
    }
    let edits = if commands.is_empty() {
        String::new()
    } else {
        format!("(cd {} && {}) && ", quoted(directory), commands.join(" && "))
    };
    let build: Vec<String> = recipe
        .build_args(Path::new(directory), None)
        .iter()
        .map(|argument| quoted(&argument.to_string_lossy()))
        .collect();
    format!("{edits}{program} {}", build.join(" "))
}
