//! `outdated`: every version that the repository deploys or pins, the newest one that is known, and the advisories that
//! affect it.
//!
//! Newest versions come from the chart mirror or the chart repositories, from tools.lock, from the Argo CD releases that
//! this tool reproduces, and from advisories.toml. Nothing is looked up for images and Kubernetes.
//!
//! With `--diff`, also what Argo CD would change with each newer chart, and with a newer release of Argo CD itself.

mod preview;

use std::collections::BTreeMap;
use std::time::Duration;

use argocd::release::{RELEASES, Release};
use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, yaml};
use helm::chart::Chart;
use helm::{command, dependencies};
use kubernetes::object::Object;
use toolbox::environment::Mirror;
use toolbox::progress::Progress;
use toolbox::scratch;
use toolbox::tools::Tools;
use workspace::advisories::{Advisories, Kind};
use workspace::target::Target;
use workspace::versions::Known;
use workspace::{Workspace, advisories, suppression};

use self::preview::{Preview, Update};
use super::app_of_apps;
use super::{Outcome, Session, rendering};
use crate::pinned::Pinned;
use crate::report::json::{self, Output};
use crate::report::rendered;
use crate::{pinned, report};

/// The longest that one chart repository may take to answer.
const DEADLINE: Duration = Duration::from_secs(60);

/// The newest version that is known, and where it is listed; or why none is.
type Newest = std::result::Result<(String, &'static str), String>;

/// Runs the command. `diff` also renders with the newer versions.
pub fn run(session: &Session<'_>, diff: bool) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let advisories = Advisories::load(&session.root)?;
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(session, &workspace, argocd, &[], &mut diagnostics);
    let mut charts = Vec::new();
    for folder in workspace.chart_folders() {
        charts.extend(diagnostics.take(Chart::load(&session.root, &folder)));
    }
    let charts: Vec<&Chart> = charts.iter().collect();
    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let objects: Vec<Object> = renderings.iter().flat_map(rendering::Rendering::objects).collect();
    let all = pinned::all(&workspace, &charts, &targets, &objects);
    let newest = newest(session, &workspace, &all, &advisories);
    session.printer.result(&table(&all, &newest, &advisories));
    let previews: Vec<Option<Preview>> =
        all.iter().zip(&newest).map(|(one, newest)| diff.then(|| previewed(session, one, newest))?).collect();
    for ((one, newest), preview) in all.iter().zip(&newest).zip(&previews) {
        if let (Ok((version, _)), Some(preview)) = (newest, preview) {
            session.printer.result(&difference(one, version, preview));
        }
    }

    let findings = pinned::findings(&all, &advisories);
    diagnostics.extend(suppression::apply(findings, &workspace.config.suppressions, session.today, &[], false));
    diagnostics.sort();
    let vulnerable = all.iter().filter(|one| !one.affected_by(&advisories).is_empty()).count();
    let behind = all.iter().zip(&newest).filter(|(one, newest)| is_behind(one, newest)).count();
    let what = format!("{behind} outdated, {vulnerable} with known vulnerabilities");
    session.printer.finished(&format!("{}: {what}", plural(all.len(), "version")));
    let packages = all.iter().zip(&newest).zip(&previews);
    let packages =
        packages.map(|((one, newest), preview)| package(one, newest, preview.as_ref(), &advisories)).collect();
    Ok(Outcome { diagnostics, output: Output::Outdated(json::Outdated { packages }) })
}

/// The newest known version of each package.
fn newest(session: &Session<'_>, workspace: &Workspace, all: &[Pinned], advisories: &Advisories) -> Vec<Newest> {
    let tools = session.tools(workspace);
    let mut asked: BTreeMap<(String, String), Newest> = BTreeMap::new();
    let mut newest = Vec::new();
    for one in all {
        let listed = match one.kind {
            Kind::Chart => {
                let repository = one.repository.clone().unwrap_or_default();
                let key = (repository.clone(), one.name.clone());
                asked
                    .entry(key)
                    .or_insert_with(|| newest_chart(session, workspace, &tools, &one.name, &repository))
                    .clone()
            }
            Kind::Tool => {
                let versions = workspace.tools_lock.versions(&one.name);
                highest(versions).map(|version| (version, workspace::TOOLS_LOCK_FILE)).ok_or_else(String::new)
            }
            Kind::Platform if one.name == "argocd" => {
                Ok((RELEASES[0].version.to_owned(), "the releases that this tool reproduces"))
            }
            Kind::Platform | Kind::Image => Err(String::new()),
        };
        let fixed = one.advisories(advisories).flat_map(|advisory| &advisory.affected);
        let fixed = fixed.map(|range| range.fixed.to_string());
        let found = match (listed, highest(fixed)) {
            (Ok((version, from)), Some(fixed)) if Known::version(&version) >= Known::version(&fixed) => {
                Ok((version, from))
            }
            (_, Some(fixed)) => Ok((fixed, advisories::FILE)),
            (listed, None) => listed,
        };
        // A version below the pinned one says nothing about what is newest.
        let below =
            |version: &str| Known::version(version).zip(one.known()).is_some_and(|(newest, pinned)| newest < pinned);
        newest.push(found.and_then(|found| if below(&found.0) { Err(String::new()) } else { Ok(found) }));
    }
    newest
}

/// The highest release among some versions. Pre-releases do not count.
fn highest(versions: impl IntoIterator<Item = String>) -> Option<String> {
    let known = versions.into_iter().filter_map(|text| Some((Known::version(&text).filter(Known::is_release)?, text)));
    known.max().map(|(_, text)| text)
}

/// The newest release of a chart, from the mirror or its repository.
fn newest_chart(
    session: &Session<'_>,
    workspace: &Workspace,
    tools: &Tools<'_>,
    name: &str,
    repository: &str,
) -> Newest {
    let url = match &session.environment.mirror {
        Some(Mirror::Folder(folder)) => {
            let versions = dependencies::listed(folder, name).map_err(|found| first(&found))?;
            let found = highest(versions).map(|version| (version, "chart mirror"));
            return found.ok_or_else(|| "not in the chart mirror".to_owned());
        }
        Some(Mirror::Url(url)) => url,
        None => repository,
    };
    if session.offline {
        return Err("not looked up with `--offline`".to_owned());
    }
    let _under_way = session.printer.under_way("Asking", &format!("{url} for {name}"));
    let shown = show_chart(session, workspace, tools, name, url).map_err(|found| first(&found))?;
    Ok((shown, if session.environment.mirror.is_some() { "chart mirror" } else { "chart repository" }))
}

/// The version that Helm finds when it is asked for none.
fn show_chart(
    session: &Session<'_>,
    workspace: &Workspace,
    tools: &Tools<'_>,
    name: &str,
    url: &str,
) -> Result<String> {
    let program = tools.require("helm", workspace.config.argocd.helm)?.path;
    let homes = scratch::directory()?;
    let invocation = command::invocation(&program, &session.root, homes.path());
    let invocation = if url.starts_with("oci://") {
        invocation.args(["show", "chart", &format!("{}/{name}", url.trim_end_matches('/'))])
    } else {
        invocation.args(["show", "chart", name, "--repo", url])
    };
    let output = invocation.deadline(DEADLINE).run()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = || {
        let root = yaml::parse_one(&Source::new("Chart.yaml", text)).ok()?.root;
        root.get("version").and_then(Node::as_str).map(str::to_owned)
    };
    version().filter(|_| output.success()).ok_or_else(|| {
        let message = output.stderr.lines().last().unwrap_or_default().trim_start_matches("Error: ").to_owned();
        Diagnostic::new(Code::DependencyUnavailable, message).into()
    })
}

/// The headline of the worst of some diagnostics.
fn first(found: &Diagnostics) -> String {
    let worst = found.0.iter().find(|one| one.code.class() > Class::Warning);
    worst.map_or_else(String::new, |one| one.message.clone())
}

/// Whether a newer version than the pinned one is known.
fn is_behind(one: &Pinned, newest: &Newest) -> bool {
    let newest = newest.as_ref().ok().and_then(|(version, _)| Known::version(version));
    one.known().zip(newest).is_some_and(|(pinned, newest)| pinned < newest)
}

/// A line for each version.
fn table(all: &[Pinned], newest: &[Newest], advisories: &Advisories) -> String {
    let mut rows = vec![["kind", "name", "pinned", "newest known", ""].map(str::to_owned)];
    for (one, newest) in all.iter().zip(newest) {
        let known = match newest {
            Ok((version, from)) => format!("{version} ({from})"),
            Err(why) if why.is_empty() => "unknown".to_owned(),
            Err(why) => format!("unknown: {why}"),
        };
        let ids: Vec<&str> = one.affected_by(advisories).iter().map(|(advisory, _)| advisory.id.as_str()).collect();
        let state = match (ids.is_empty(), is_behind(one, newest)) {
            (false, _) => format!("vulnerable: {}", ids.join(", ")),
            (true, true) => "outdated".to_owned(),
            (true, false) => String::new(),
        };
        rows.push([one.kind.word().to_owned(), one.name.clone(), one.version.clone(), known, state]);
    }
    report::table(&rows)
}

/// Renders with a newer chart, or with a newer release of Argo CD. Nothing for other packages.
fn previewed(session: &Session<'_>, one: &Pinned, newest: &Newest) -> Option<Preview> {
    let (version, _) = newest.as_ref().ok().filter(|_| is_behind(one, newest))?;
    let update = match one.kind {
        Kind::Chart => Update::Chart(&one.name, version),
        Kind::Platform if one.name == "argocd" => Update::ArgoCd(Release::parse(version).ok()?),
        Kind::Platform | Kind::Image | Kind::Tool => return None,
    };
    Some(preview::preview(session, &update))
}

/// The differences that a newer version makes, below a line with their number.
fn difference(one: &Pinned, version: &str, preview: &Preview) -> String {
    let title = format!("\n{} {} → {version}: ", one.name, one.version);
    match preview {
        Ok(report) => {
            let changes = rendered::changes(report);
            let texts: String = changes.iter().map(|change| change.text.as_str()).collect();
            let separator = if texts.is_empty() { "" } else { "\n" };
            format!("{title}{}\n{separator}{texts}", rendered::total(report))
        }
        Err(why) => format!("{title}not rendered: {why}\n"),
    }
}

/// The JSON output for a version.
fn package(one: &Pinned, newest: &Newest, preview: Option<&Preview>, advisories: &Advisories) -> json::Package {
    let affected = one
        .affected_by(advisories)
        .into_iter()
        .map(|(advisory, range)| json::Advisory {
            id: advisory.id.clone(),
            date: advisory.date.clone(),
            fixed: range.fixed.to_string(),
            source: advisory.source.clone(),
            summary: advisory.summary.clone(),
        })
        .collect();
    json::Package {
        kind: one.kind.word(),
        name: one.name.clone(),
        repository: one.repository.clone(),
        version: one.version.clone(),
        newest: newest.as_ref().ok().map(|(version, _)| version.clone()),
        newest_from: newest.as_ref().ok().map(|(_, from)| *from),
        newest_unknown: newest.as_ref().err().filter(|why| !why.is_empty()).cloned(),
        outdated: is_behind(one, newest),
        advisories: affected,
        preview: preview.map(|preview| match preview {
            Ok(report) => json::Preview { render: Some(report.into()), error: None },
            Err(why) => json::Preview { render: None, error: Some(why.clone()) },
        }),
        file: one.place.source.name.clone(),
        line: one.place.position().map(|(line, _)| line),
        used_by: one.used_by.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_release_is_the_newest() {
        let versions = ["2.9.1", "2.19.0", "2.20.0-rc.1", "nightly", "v2.3.0"].map(str::to_owned);
        assert_eq!(highest(versions).as_deref(), Some("2.19.0"));
        assert_eq!(highest([]), None);
    }
}
