//! Rows about charts that are rendered again.

use diagnostics::{Diagnostic, Diagnostics, Result};
use helm::batch::Runner;
use helm::dependencies;
use toolbox::process::Invocation;
use workspace::Workspace;
use workspace::plan;
use workspace::render::Renderer;
use workspace::target::Target;

use super::amount::Amount;
use super::context::{Context, program};
use super::generated::Shape;
use super::measure::{finish, finish_all, median, ratio, timed};
use super::measured::Measured;

/// The number of charts.
const CHARTS: usize = 50;

/// The program of the peer.
const PEER: &str = "helmfile";

pub(super) fn cold(context: &Context<'_>) -> Result<Measured> {
    forced(context, "helm", CHARTS)
}

pub(super) fn batch(context: &Context<'_>, charts: usize) -> Result<Measured> {
    if context.engine().is_none() {
        return Ok(Measured::Skipped("the render engine is not installed".to_owned()));
    }
    forced(context, "batch", charts)
}

fn forced(context: &Context<'_>, engine: &str, charts: usize) -> Result<Measured> {
    let root = context.generated(Shape::applications(charts))?;
    let forced = context.command(&root, &["render", "--force", "--engine", engine]);
    beside_bare(context, charts, || finish(&forced, &[0]))
}

pub(super) fn helmfile(context: &Context<'_>) -> Result<Measured> {
    let root = context.generated(Shape::applications(CHARTS))?;
    let Some(peer) = program(PEER, &root) else {
        return Ok(Measured::Skipped(format!("{PEER} is not on PATH")));
    };
    let releases: String = (0..CHARTS)
        .map(super::generated::name)
        .map(|name| format!("- {{name: {name}, namespace: {name}, chart: {}/charts/{name}}}\n", root.display()))
        .collect();
    let file = context.scratch("helmfile.yaml");
    std::fs::write(&file, format!("releases:\n{releases}")).map_err(|error| Diagnostic::io("write", &file, &error))?;
    let helm = context.tool("helm")?;
    let flags = ["--file".into(), file.into_os_string(), "--helm-binary".into(), helm.into_os_string()];
    let jobs = context.session.jobs.to_string();
    let peer = peer.args(flags).args(["template", "--skip-deps", "--concurrency", &jobs]);
    beside_bare(context, CHARTS, || finish(&peer, &[0]))
}

/// The time of some work in proportion to that of Helm's command for the same charts. They alternate, so that a slow phase
/// of the machine affects both.
fn beside_bare(context: &Context<'_>, charts: usize, work: impl Fn() -> Result<()>) -> Result<Measured> {
    let root = context.generated(Shape::applications(charts))?;
    let (workspace, _) = Workspace::load(&root, &context.scratch("cache"))?;
    let bare = commands(context, &workspace)?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    // Hundreds of starts of Helm take long enough to be measured once.
    let rounds = if charts > CHARTS { 1 } else { context.rounds };
    for _ in 0..rounds {
        own.push(timed(&work)?);
        other.push(timed(|| finish_all(context.session.jobs, &bare))?);
    }
    Ok(Measured::Amount(Amount::Ratio(ratio(median(own), median(other)))))
}

/// The variables by which this tool makes Helm start sooner, and which nobody else sets.
const SOONER: [&str; 3] = ["GOGC", "GOMEMLIMIT", "LC_ALL"];

/// Helm's command for each chart, with the arguments that Argo CD passes, as `xargs` would run it.
pub(super) fn commands(context: &Context<'_>, workspace: &Workspace) -> Result<Vec<Invocation>> {
    let argocd = workspace.config.argocd;
    let (targets, found) = plan::plan(workspace, argocd, &[]);
    if found.has_errors() {
        return Err(found);
    }
    let program = context.tool("helm")?;
    let helm_path = || Ok::<_, Diagnostics>(program.clone());
    let (cache, homes) = (context.scratch("cache"), context.scratch("homes"));
    let (results, runner) = (&context.session.results, Runner::default());
    let renderer = Renderer { root: &workspace.root, cache: &cache, results, helm: &program, runner };
    let dependencies_of = context.session.context(&helm_path);
    let mut commands = Vec::new();
    for target in targets.iter().flat_map(Target::charts) {
        let prepared = dependencies::prepare(target.chart, &target.inspected.dependencies, &dependencies_of)?;
        let mut command = renderer.invocation(&target, &prepared.directory, &homes)?;
        command.environment.retain(|name, _| SOONER.iter().all(|sooner| name != sooner));
        commands.push(command);
    }
    Ok(commands)
}
