//! `argocd`: lists Applications, and replaces the repository URL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use document::Node;
use golden::Golden;
use toolbox::{atomic_file, links};
use workspace::deploy::Rendered;
use workspace::generate::MadeBy;
use workspace::plan::Inspections;
use workspace::target::TargetId;
use workspace::{CONFIG_FILE, Workspace, plan, written};

use super::app_of_apps;
use super::{Outcome, Session};
use crate::report::json::{self, Output};
use crate::report::table;
use crate::repository;
use crate::repository::{Change, Replacement};

/// Lists the Applications.
pub fn list(session: &Session<'_>) -> Result<Outcome> {
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let (freshness, found) = freshness(session, &workspace);
    diagnostics.extend(found);
    diagnostics.sort();
    let helm = workspace.config.argocd.helm;
    let generated: BTreeMap<&str, (&MadeBy, &Node)> =
        written::applications(&workspace).filter_map(|one| Some((one.name, (one.made_by?, one.root)))).collect();
    let mut rows: BTreeMap<&str, ([String; 8], json::Application)> = BTreeMap::new();
    for deployment in &workspace.deployments {
        let application = &deployment.application;
        let name = application.instance.as_str();
        let targets: Vec<bool> =
            freshness.iter().filter(|(id, _)| id.app == application.instance).map(|(_, fresh)| *fresh).collect();
        let stale = targets.iter().filter(|fresh| !**fresh).count();
        // The diagnostics explain why there are no targets.
        let broken = targets.is_empty();
        let chart = deployment.charts().next();
        let remote = deployment.remote_charts().next().filter(|_| chart.is_none());
        let namespace = deployment.helm_options().next().and_then(|options| options.namespace.as_ref());
        let namespace = namespace.unwrap_or(&application.namespace);
        let word = match stale {
            _ if broken => "broken".to_owned(),
            0 => "fresh".to_owned(),
            stale => format!("{stale} stale"),
        };
        let count = targets.len().to_string();
        let path = chart.map(|chart| chart.chart.path.clone());
        let path = path.or_else(|| remote.map(|chart| chart.pin.location()));
        let version = chart.map(|chart| chart.chart.version.clone());
        let version = version.or_else(|| remote.map(|chart| chart.pin.version.clone()));
        // What is no chart has a directory, and instead of a version its type.
        let (directory, kind) = deployment.sources.first().map_or(("-", "-"), |source| match source {
            Rendered::Chart(_) | Rendered::RemoteChart(_) => ("-", "-"),
            Rendered::Kustomize(source) => (source.source.path.as_str(), "Kustomize"),
            Rendered::Directory(source) => (source.source.path.as_str(), "Directory"),
            Rendered::Plugin(source) => (source.source.path.as_str(), "Plugin"),
        });
        let shown_path = path.as_deref().unwrap_or(directory);
        let shown_version = version.as_deref().unwrap_or(kind);
        let shown_helm = if kind == "Directory" { "-" } else { helm };
        let row = [name, shown_path, shown_version, namespace, &application.project, shown_helm, &count, &word]
            .map(str::to_owned);
        let answer = json::Application {
            application: name.to_owned(),
            chart: path,
            version,
            namespace: Some(namespace.clone()),
            project: Some(application.project.clone()),
            helm: Some(helm),
            targets: Some(targets.len()),
            stale: Some(stale),
            broken,
            generated_by: generated.get(name).map(|(made_by, root)| generated_by(made_by, root)),
        };
        rows.insert(name, (row, answer));
    }
    for one in &workspace.unrendered {
        let name = one.instance.as_str();
        let answer = json::Application {
            application: name.to_owned(),
            broken: true,
            generated_by: generated.get(name).map(|(made_by, root)| generated_by(made_by, root)),
            ..json::Application::default()
        };
        let word = if one.is_broken() { "broken" } else { "not rendered" };
        let row = [name, "-", "-", "-", "-", "-", "-", word];
        rows.entry(name).or_insert_with(|| (row.map(str::to_owned), answer));
    }
    let (rows, answers): (Vec<_>, Vec<_>) = rows.into_values().unzip();
    if rows.is_empty() {
        session.printer.result("no Application is rendered\n");
    } else {
        let head = ["application", "source", "version", "namespace", "project", "helm", "targets", "state"];
        let all: Vec<[String; 8]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
        session.printer.result(&table(&all));
    }
    if !generated.is_empty() || !workspace.empty_sets.is_empty() {
        let head = ["application", "generated by", "from", "parameters"].map(str::to_owned);
        let rows = generated.iter().map(|(name, (made_by, _))| {
            [(*name).to_owned(), made_by.set.clone(), made_by.generator.clone(), parameters(&made_by.parameters)]
        });
        let empty = workspace.empty_sets.iter();
        let rows = rows.chain(empty.map(|set| ["(none)", set.as_str(), "-", "-"].map(str::to_owned)));
        session.printer.result(&format!("\n{}", table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())));
    }
    Ok(Outcome { diagnostics, output: Output::ArgocdList(json::ArgocdList { applications: answers }) })
}

fn generated_by(made_by: &MadeBy, root: &Node) -> json::GeneratedBy {
    json::GeneratedBy {
        application_set: made_by.set.clone(),
        file: made_by.file.clone(),
        generator: made_by.generator.clone(),
        parameters: made_by.parameters.clone(),
        manifest: serde_json::from_str(&root.to_json()).unwrap_or_default(),
    }
}

/// The longest text of the parameters of one Application.
const MAX_PARAMETERS: usize = 120;

/// Parameters as `key=value`, without those that follow from the path.
fn parameters(values: &serde_json::Value) -> String {
    let mut pairs = Vec::new();
    flatten("", values, &mut pairs);
    let text = pairs.join(" ");
    if text.chars().count() <= MAX_PARAMETERS {
        return text;
    }
    text.chars().take(MAX_PARAMETERS - 1).chain(['…']).collect()
}

fn flatten(path: &str, value: &serde_json::Value, pairs: &mut Vec<String>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                let derived = ["basename", "basenameNormalized", "filename", "filenameNormalized", "segments"];
                let of_path = path.ends_with("path") && derived.contains(&key.as_str())
                    || key.starts_with("path[")
                    || derived.iter().any(|name| *key == format!("path.{name}"));
                if !of_path {
                    flatten(&join(key), value, pairs);
                }
            }
        }
        serde_json::Value::String(text) => pairs.push(format!("{path}={text}")),
        other => pairs.push(format!("{path}={other}")),
    }
}

/// Whether each target is up to date, without rendering it.
fn freshness(session: &Session<'_>, workspace: &Workspace) -> (BTreeMap<TargetId, bool>, Diagnostics) {
    let (inspections, mut diagnostics) = Inspections::new(workspace);
    let (targets, found) = plan::plan(workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let mut freshness = BTreeMap::new();
    for target in &targets {
        if let Some(golden) = diagnostics.take(Golden::load(&session.root, &target.id)) {
            let fresh = golden.stale(&target.inputs).is_empty() && target.refused().is_none();
            freshness.insert(target.id.clone(), fresh);
        }
    }
    (freshness, diagnostics)
}

/// The targets that are up to date.
fn fresh(session: &Session<'_>) -> BTreeSet<TargetId> {
    let Ok((workspace, _)) = app_of_apps::load(session) else { return BTreeSet::new() };
    let (freshness, _) = freshness(session, &workspace);
    freshness.into_iter().filter(|(_, fresh)| *fresh).map(|(id, _)| id).collect()
}

/// Replaces the URL of this repository in charts.toml and under argocd/.
pub fn set_repository(session: &Session<'_>, url: &str, revision: Option<&str>) -> Result<Outcome> {
    let mut diagnostics = Diagnostics::default();
    diagnostics.take(repository::check_url(url));
    diagnostics.take(revision.map_or(Ok(()), repository::check_revision));
    let mut diagnostics = diagnostics.into_result(Diagnostics::default())?;

    let root = &session.root;
    // An invalid charts.toml or lock file is an error here; invalid Applications are not.
    let (workspace, _) = Workspace::load(root)?;
    let mut unreadable = Diagnostics::default();
    let paths = workspace::find::candidates(root, |_| true);
    let sources: Vec<_> = paths.iter().filter_map(|path| unreadable.take(toolbox::source::read(root, path))).collect();
    let replacement = Replacement { old: &workspace.config.repository, new: url, revision };
    let files = unreadable.take(repository::all(&workspace.config.source, &sources, &replacement)).unwrap_or_default();
    unreadable.into_result(())?;

    let before = fresh(session);
    let writes: Vec<(PathBuf, String)> = files
        .iter()
        .filter_map(|(source, replaced)| {
            let path = root.join(&source.name);
            // Write to the target of a symbolic link.
            Some((std::fs::canonicalize(&path).unwrap_or(path), replaced.text.clone()?))
        })
        .collect();
    for (path, _) in &writes {
        links::refuse_outside(root, path)?;
    }
    atomic_file::write_all(&writes)?;
    let after = if writes.is_empty() { before.clone() } else { fresh(session) };
    let stale: Vec<String> = before.difference(&after).map(ToString::to_string).collect();

    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for (_, replaced) in &files {
        for Change { place, from, to } in &replaced.changes {
            let from_text = if from.is_empty() { "(not set)" } else { from };
            session.printer.result(&format!("{place}: {from_text} → {to}\n"));
            let (line, column) = place.position().unzip();
            let file = place.source.name.clone();
            changes.push(json::RepositoryChange { file, line, column, from: from.clone(), to: to.clone() });
        }
        for (place, other) in &replaced.others {
            let (line, column) = place.position().unzip();
            let file = place.source.name.clone();
            unchanged.push(json::OtherRepository { file, line, column, repository: other.clone() });
            diagnostics.push(
                Diagnostic::new(Code::RepositoryLeft, "URL of another repository was not changed")
                    .at(place.clone(), format!("{CONFIG_FILE} had `{}`", replacement.old))
                    .help(format!(
                        "if it is an old URL of this repository, set `repository` in {CONFIG_FILE} to it, and run the command again"
                    )),
            );
        }
    }
    for target in &stale {
        session.printer.result(&format!(
            "{target} renders the URL; run `cargo xtask render --accept {target}` to update its goldens\n"
        ));
    }
    if writes.is_empty() {
        session.printer.result("nothing to change\n");
    }
    session.printer.finished(&format!("{} in {}", plural(changes.len(), "place"), plural(writes.len(), "file")));
    diagnostics.sort();
    let output = Output::ArgocdSetRepository(json::ArgocdSetRepository { changes, unchanged, stale });
    Ok(Outcome { diagnostics, output })
}
