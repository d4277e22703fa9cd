//! `argocd`: what the manifests under argocd/ say, and where they read from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Outcome, Session};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result};
use crate::golden::Golden;
use crate::plan::{self, Inspections};
use crate::progress::Progress;
use crate::report::{plural, table};
use crate::repository::{self, Change, Move};
use crate::whole;
use crate::workspace::{self, CONFIG_FILE, Deployment, Workspace};

/// Lists the Applications.
pub fn list(session: &Session<'_>) -> Result<Outcome> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let (freshness, found) = freshness(session, &workspace);
    diagnostics.extend(found);
    diagnostics.sort();
    let helm = workspace.config.argocd.helm;
    let mut rows = vec![
        ["application", "chart", "version", "namespace", "project", "helm", "targets", "state"].map(str::to_owned),
    ];
    let mut answers = BTreeMap::new();
    for Deployment { application, chart, options, .. } in &workspace.deployments {
        let states: Vec<bool> = freshness.get(&application.name).cloned().unwrap_or_default();
        let stale = states.iter().filter(|fresh| !**fresh).count();
        // What could not be planned is told of in the diagnostics.
        let state = match stale {
            _ if states.is_empty() => "broken".to_owned(),
            0 => "fresh".to_owned(),
            stale => format!("{stale} stale"),
        };
        let namespace = options.namespace.as_ref().unwrap_or(&application.namespace);
        rows.push([
            application.name.clone(),
            chart.path.clone(),
            chart.version.clone(),
            namespace.clone(),
            application.project.clone(),
            helm.to_owned(),
            states.len().to_string(),
            state,
        ]);
        answers.insert(
            application.name.clone(),
            json!({
                "application": application.name,
                "chart": chart.path,
                "version": chart.version,
                "namespace": namespace,
                "project": application.project,
                "helm": helm,
                "targets": states.len(),
                "stale": stale,
                "broken": states.is_empty(),
            }),
        );
    }
    let sound: BTreeSet<&String> = workspace.deployments.iter().map(|one| &one.application.name).collect();
    let broken: BTreeSet<&String> = workspace.broken.iter().filter(|name| !sound.contains(name)).collect();
    for name in &broken {
        rows.push(
            [name.as_str(), "", "", "", "", "", "", "broken"]
                .map(|cell| if cell.is_empty() { "-" } else { cell }.to_owned()),
        );
        let nothing = Value::Null;
        answers.insert(
            (*name).clone(),
            json!({
                "application": name, "chart": nothing, "version": nothing, "namespace": nothing, "project": nothing,
                "helm": nothing, "targets": nothing, "stale": nothing, "broken": true,
            }),
        );
    }
    rows[1..].sort();
    if rows.len() > 1 {
        session.printer.result(&table(&rows));
    } else {
        session.printer.result("no Application under argocd/applications deploys a chart\n");
    }
    Ok(Outcome { diagnostics, fields: vec![("applications", json!(answers.into_values().collect::<Vec<_>>()))] })
}

/// For each Application, whether each of its targets is as recorded; nothing is rendered to know it.
fn freshness(session: &Session<'_>, workspace: &Workspace) -> (BTreeMap<String, Vec<bool>>, Diagnostics) {
    let (inspections, mut diagnostics) = Inspections::new(workspace);
    let (targets, found) = plan::plan(workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let mut freshness: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for target in &targets {
        if let Some(golden) = diagnostics.take(Golden::load(&session.root, &target.id)) {
            let fresh = golden.stale(&target.inputs).is_empty() && !target.inspected.refused;
            freshness.entry(target.id.app.clone()).or_default().push(fresh);
        }
    }
    (freshness, diagnostics)
}

/// The targets that are as recorded, in order.
fn fresh(session: &Session<'_>) -> BTreeSet<String> {
    let Ok((workspace, _)) = Workspace::load(&session.root) else { return BTreeSet::new() };
    let (inspections, _) = Inspections::new(&workspace);
    let (targets, _) = plan::plan(&workspace, &inspections, workspace.config.argocd, &[]);
    let fresh = targets.iter().filter(|target| {
        Golden::load(&session.root, &target.id).is_ok_and(|golden| golden.stale(&target.inputs).is_empty())
    });
    fresh.map(|target| target.id.to_string()).collect()
}

/// Points everything that names this repository at another.
pub fn set_repository(session: &Session<'_>, url: &str, revision: Option<&str>) -> Result<Outcome> {
    let mut diagnostics = Diagnostics::default();
    diagnostics.take(repository::check_url(url));
    diagnostics.take(revision.map_or(Ok(()), repository::check_revision));
    let mut diagnostics = diagnostics.into_result(Diagnostics::default())?;

    let root = &session.root;
    // What is wrong with charts.toml or a lock has to be mended first; Applications may well be at odds with it.
    let (workspace, _) = Workspace::load(root)?;
    let mut unreadable = Diagnostics::default();
    let paths = workspace::manifests(&root.join("argocd"));
    let sources: Vec<_> = paths.iter().filter_map(|path| unreadable.take(workspace::read(root, path))).collect();
    let wish = Move { old: &workspace.config.repository, new: url, revision };
    let files = unreadable.take(repository::all(&workspace.config.source, &sources, &wish)).unwrap_or_default();
    unreadable.into_result(())?;

    let before = fresh(session);
    let writes: Vec<(PathBuf, String)> = files
        .iter()
        .filter_map(|(source, moved)| {
            let path = root.join(&source.name);
            // A link stays one; what it points at is changed.
            Some((std::fs::canonicalize(&path).unwrap_or(path), moved.text.clone()?))
        })
        .collect();
    whole::write_all(&writes)?;
    let after = if writes.is_empty() { before.clone() } else { fresh(session) };
    let stale: Vec<&String> = before.difference(&after).collect();

    let mut changes = Vec::new();
    let mut left = Vec::new();
    for (_, moved) in &files {
        for Change { place, from, to } in &moved.changes {
            let from_text = if from.is_empty() { "(not set)" } else { from };
            session.printer.result(&format!("{place}: {from_text} → {to}\n"));
            let (line, column) = place.position().unzip();
            changes.push(json!({ "file": place.source.name, "line": line, "column": column, "from": from, "to": to }));
        }
        for (place, other) in &moved.left {
            let (line, column) = place.position().unzip();
            left.push(json!({ "file": place.source.name, "line": line, "column": column, "repository": other }));
            diagnostics.push(
                Diagnostic::new(Code::RepositoryLeft, "another repository than the one of charts.toml was left as it is")
                    .at(place.clone(), format!("{CONFIG_FILE} said `{}`", wish.old))
                    .help(format!(
                        "if this is the same repository under an older name, put that into {CONFIG_FILE}, and run this again"
                    )),
            );
        }
    }
    for target in &stale {
        session.printer.status("Stale", &format!("{target}: the repository's URL is part of what it renders"));
    }
    if !stale.is_empty() {
        session.printer.result("stale now: look at `cargo xtask render`, then record it with `--accept`\n");
    }
    if writes.is_empty() {
        session.printer.result("nothing to change\n");
    }
    session.printer.finished(&format!("{} in {}", plural(changes.len(), "place"), plural(writes.len(), "file")));
    diagnostics.sort();
    let fields = vec![("changes", json!(changes)), ("left", json!(left)), ("stale", json!(stale))];
    Ok(Outcome { diagnostics, fields })
}
