//! The frame of the page: its head, controls, overview, and foot.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::plural;
use diagnostics::{Class, Severity};
use maud::{Markup, html};

use super::section;
use crate::report::model::{self, ApplicationKind, Bump, Finding, Known, Report, Side, Status};
use crate::report::{snippet, visible};

/// The title of the page.
#[must_use]
pub(super) fn title(report: &Report) -> &'static str {
    if report.command == "diff" { "What Argo CD would change" } else { "What cargo xtask ci found" }
}

/// Everything that is visible.
#[must_use]
pub(super) fn body(report: &Report) -> Markup {
    let mut order: Vec<usize> = (0..report.applications.len()).collect();
    let severity = |index: &usize| report.applications[*index].severity();
    order.sort_by_key(|index| (std::cmp::Reverse(severity(index)), report.applications[*index].name.clone()));
    html! {
        a.skip href="#changes" { "Skip to the changes" }
        header {
            div.title {
                h1 { (title(report)) }
                p.sides { (side(&report.base)) " → " (side(&report.head)) }
            }
            p.counts { (counts(report)) }
        }
        (controls(report))
        div.columns {
            nav.applications aria-label="Applications" {
                ul {
                    @for index in &order {
                        @let one = &report.applications[*index];
                        li { a href=(format!("#{}", section::application_id(*index))) {
                            span class=(format!("dot {}", one.severity())) aria-hidden="true" {}
                            span.name { (visible::line(&one.name)) }
                            span.number { (one.objects.len()) }
                        } }
                    }
                }
            }
            main {
                noscript { p.note { "Search, filters, and colors require JavaScript. Everything else is on this page." } }
                (dangers(report))
                (findings(report))
                (bumps(report))
                (not_rendered(report))
                section #changes tabindex="-1" aria-label="Changes" {
                    @for (rank, index) in order.iter().enumerate() {
                        (section::application(&report.applications[*index], *index, is_open(report, rank, *index)))
                    }
                    p #nothing hidden { "Nothing matches the filters." }
                    @if report.applications.is_empty() { p.note { "No Application changes." } }
                }
                (foot(report))
            }
        }
        div #origin role="tooltip" hidden {}
        (shortcuts())
    }
}

/// Few Applications are open at first: those that need attention, or all of a small report.
fn is_open(report: &Report, rank: usize, index: usize) -> bool {
    const FEW: usize = 10;
    rank < FEW && (report.applications.len() <= FEW || report.applications[index].severity() >= Severity::Caution)
}

fn counts(report: &Report) -> String {
    let changed = report.applications.len();
    let all = plural(changed + report.unchanged, "Application");
    let objects = model::counts(report.applications.iter().flat_map(|one| &one.objects));
    let current = report.findings.iter().filter(|finding| finding.status != Some(Status::Fixed)).count();
    let verb = if changed == 1 { "changes" } else { "change" };
    let mut parts = vec![format!("{changed} of {all} {verb}")];
    if !objects.is_empty() {
        parts.push(objects);
    }
    if !report.not_rendered.is_empty() {
        parts.push(format!("{} not compared", report.not_rendered.len()));
    }
    if current > 0 {
        parts.push(plural(current, "finding"));
    }
    parts.extend(report.validity.describe().map(|text| visible::line(&text).into_owned()));
    parts.join(" · ")
}

fn side(side: &Side) -> Markup {
    let commit = side.commit.as_deref().filter(|commit| !commit.starts_with(&side.name));
    html! {
        code { (visible::line(&side.name)) }
        @if let Some(commit) = commit { " (" code { (visible::line(commit.get(..10).unwrap_or(commit))) } ")" }
    }
}

fn controls(report: &Report) -> Markup {
    let objects = || report.applications.iter().flat_map(|one| &one.objects);
    let kinds: BTreeSet<&str> = objects().map(|object| object.diff.object.manifest.key.kind.as_str()).collect();
    let names: BTreeSet<&str> = report.applications.iter().map(|one| one.name.as_str()).collect();
    let count = |severity| objects().filter(|object| object.severity() == severity).count();
    let has_fields = objects().any(|object| !object.fields.is_empty());
    html! {
        div.controls role="search" {
            input #search type="search" placeholder="Search  ( / )" aria-label="Search in names, effects, and diffs"
                autocomplete="off" spellcheck="false";
            div.chips role="group" aria-label="Severities" {
                @for severity in Severity::ALL {
                    button type="button" class=(format!("chip {severity}")) data-severity=(severity) aria-pressed="true"
                        disabled[count(severity) == 0] {
                        (severity) " " span.number { (count(severity)) }
                    }
                }
            }
            select #application aria-label="Application" {
                option value="" { "All Applications" }
                @for name in names { option value=(visible::line(name)) { (visible::line(name)) } }
            }
            select #kind aria-label="Kind" {
                option value="" { "All kinds" }
                @for kind in kinds { option value=(visible::line(kind)) { (visible::line(kind)) } }
            }
            div.views role="radiogroup" aria-label="View" {
                @for (view, label) in [("unified", "Unified"), ("split", "Side by side"), ("fields", "Fields")] {
                    @if view != "fields" || has_fields {
                        label { input type="radio" name="view" value=(view) checked[view == "unified"]; span { (label) } }
                    }
                }
            }
            button #expand type="button" { "Expand all" }
            button #theme type="button" aria-label="Switch between light and dark" { "◐" }
            button #help type="button" aria-label="Keyboard shortcuts" { "?" }
            p #count role="status" aria-live="polite" {}
        }
    }
}

/// Blockers and cautions, each with a link to its object.
fn dangers(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for (index, one) in report.applications.iter().enumerate() {
        if let ApplicationKind::Failed { reason } = &one.kind {
            let place = section::application_id(index);
            rows.push((Severity::Blocker, place, one.name.as_str(), String::new(), reason.as_str(), "not-rendered"));
        }
        let own = one.effects.iter().map(|effect| (section::application_id(index), String::new(), effect));
        let objects = one.objects.iter().enumerate().flat_map(|(number, object)| {
            let title = object.diff.object.manifest.title();
            object.effects.iter().map(move |effect| (section::object_id(index, number), title.clone(), effect))
        });
        for (place, title, effect) in own.chain(objects).filter(|(_, _, effect)| effect.severity >= Severity::Caution) {
            rows.push((effect.severity, place, one.name.as_str(), title, effect.message.as_str(), effect.code.name()));
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    html! {
        @if !rows.is_empty() {
            section.dangers aria-label="Blockers and cautions" {
                h2 { "Blockers and cautions" }
                ul {
                    @for (severity, place, application, title, message, code) in rows {
                        li {
                            (section::badge(severity)) " "
                            a href=(format!("#{place}")) {
                                (visible::line(application)) @if !title.is_empty() { ", " (visible::line(&title)) }
                            }
                            ": " (section::message(message)) " " code.code { (code) }
                        }
                    }
                }
            }
        }
    }
}

fn findings(report: &Report) -> Markup {
    let status = |finding: &Finding| match finding.status {
        Some(Status::Existing) => Some("in the base, too"),
        Some(Status::Fixed) => Some("fixed"),
        Some(Status::New) => Some("new"),
        None => None,
    };
    html! {
        @if !report.findings.is_empty() {
            section.findings aria-label="Findings" {
                h2 { "Findings " span.number { (report.findings.len()) } }
                @for finding in &report.findings {
                    @let found = &finding.diagnostic;
                    @let warning = found.code.class() == Class::Warning;
                    details.finding {
                        summary {
                            span class=(if warning { "badge caution" } else { "badge blocker" }) {
                                (if warning { "warning" } else { "error" })
                            } " "
                            @if let Some(target) = &found.target { code { (visible::line(target)) } ": " }
                            (section::message(&found.message)) " " code.code { (found.code.name()) }
                            @if let Some(status) = status(finding) { " " span.muted { (status) } }
                        }
                        pre.snippet tabindex="0" { (visible::lines(&snippet::plain(found))) }
                    }
                }
            }
        }
    }
}

/// The number of versions up to which their table is open. A longer one would hide the changes below it.
const FEW_BUMPS: usize = 20;

fn bumps(report: &Report) -> Markup {
    let mut all: BTreeMap<&Bump, Vec<&str>> = BTreeMap::new();
    for one in &report.applications {
        one.bumps.iter().for_each(|bump| all.entry(bump).or_default().push(&one.name));
    }
    let table = html! {
        div.scroll tabindex="0" role="region" aria-label="Images and charts" { table {
            thead { tr { th scope="col" { "" } th scope="col" { "Name" } th scope="col" { "From" }
                th scope="col" { "To" } th scope="col" { "Applications" } } }
            tbody { @for (bump, applications) in &all { tr {
                td { (if bump.chart { "chart" } else { "image" }) }
                th scope="row" { code { (visible::line(&bump.name)) } }
                td { code { (visible::line(&bump.from)) } }
                td { code { (visible::line(&bump.to)) } @if bump.major { " " span.badge.caution { "major" } } }
                td.users { (visible::line(&applications.join(", "))) }
            } } }
        } }
    };
    let heading = html! { h2 { "Images and charts " span.number { (all.len()) } } };
    html! {
        @if !all.is_empty() {
            section.bumps aria-label="Images and charts" {
                @if all.len() > FEW_BUMPS { details { summary { (heading) } (table) } } @else { (heading) (table) }
            }
        }
    }
}

fn not_rendered(report: &Report) -> Markup {
    let known = |known: &Known| match known {
        Known::Absent => html! { span.muted { "absent" } },
        Known::Rendered => html! { span.muted { "rendered" } },
        Known::Not { reason } => section::message(reason),
    };
    html! {
        @if !report.not_rendered.is_empty() {
            section.bumps aria-label="Not compared" {
                h2 { "Not compared" }
                div.scroll tabindex="0" role="region" aria-label="Not compared" { table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Base" } th scope="col" { "Head" } } }
                    tbody { @for one in &report.not_rendered { tr {
                        th scope="row" { code { (visible::line(&one.name)) } }
                        td { (known(&one.base)) }
                        td { (known(&one.head)) }
                    } } }
                } }
            }
        }
    }
}

fn foot(report: &Report) -> Markup {
    let versions = |side: &Side| format!("Argo CD {}, Helm {}", visible::line(&side.argocd), visible::line(&side.helm));
    let (base, head) = (versions(&report.base), versions(&report.head));
    html! {
        footer {
            @if base == head { (head) } @else { (base) " → " (head) }
            " · xtask " (env!("CARGO_PKG_VERSION")) " · in " (format!("{:.2}s", report.elapsed.as_secs_f64()))
        }
    }
}

fn shortcuts() -> Markup {
    let keys = [
        ("/", "search"),
        ("Esc", "clear the search"),
        ("j k", "next, previous object"),
        ("n p", "next, previous Application"),
        ("o", "open or close"),
        ("e", "expand or collapse all"),
        ("v", "next view"),
        ("t", "light or dark"),
        ("?", "this list"),
    ];
    html! {
        dialog #shortcuts aria-label="Keyboard shortcuts" {
            h2 { "Keyboard shortcuts" }
            dl { @for (key, action) in keys {
                div { dt { @for key in key.split(' ') { kbd { (key) } " " } } dd { (action) } }
            } }
            form method="dialog" { button { "Close" } }
        }
    }
}
