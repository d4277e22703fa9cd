//! Projects that an app of apps applies in a later wave than Applications that use them.
//!
//! Argo CD syncs no Application whose project does not exist. If it waits for Applications to become healthy, as with a
//! health check in its ConfigMap, the wave of the project never comes.

use argocd::sync_order::{self, Order, WAVE};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::Node;
use kubernetes::object::Object;
use workspace::target::DEFAULT_CASE;

use super::argocd_folder;
use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SyncOrder];

/// An object that an app of apps applies: a manifest in the repository, or a rendered object.
#[derive(Debug, Clone, Copy)]
struct Applied<'a> {
    root: &'a Node,
    object: Option<&'a Object>,
    order: Order,
}

/// Compares the waves of the Applications and of the projects that each app of apps applies.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let files = &subject.workspace.argocd;
    for root in subject.every_application().filter(|one| one.deployment.is_none()) {
        let own = files.iter().filter(|file| file.instance == root.argocd && argocd_folder::deploys(&root, &file.name));
        let documents = own.flat_map(|file| &file.documents);
        let applied: Vec<Applied<'_>> = documents.filter_map(|document| Applied::new(&document.root, None)).collect();
        diagnostics.extend(of_one(&applied));
    }
    for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
        let objects = subject.by_target.of(&target.id.to_string()).iter();
        let applied: Vec<Applied<'_>> = objects.filter_map(|object| Applied::new(&object.root, Some(object))).collect();
        diagnostics.extend(of_one(&applied));
    }
    diagnostics
}

/// Compares what one app of apps applies.
fn of_one(applied: &[Applied<'_>]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let projects: Vec<&Applied<'_>> = applied.iter().filter(|one| one.kind() == "AppProject").collect();
    for project in &projects {
        let users = applied.iter().filter(|one| one.project() == Some(project.name()) && one.order < project.order);
        let users: Vec<&Applied<'_>> = users.collect();
        let others: Vec<&&Applied<'_>> = projects.iter().filter(|one| one.name() != project.name()).collect();
        // The one that differs from its siblings is wrong.
        let usual = others.iter().filter(|one| one.order == project.order).count() * 2 > others.len();
        if usual && !users.is_empty() {
            diagnostics.0.extend(users.iter().map(|user| user.early(project)));
        } else if let [first, more @ ..] = users.as_slice() {
            diagnostics.push(project.late(first, more.len()));
        }
    }
    diagnostics
}

impl<'a> Applied<'a> {
    fn new(root: &'a Node, object: Option<&'a Object>) -> Option<Self> {
        let group = root.get("apiVersion").and_then(Node::as_str)?;
        let order = sync_order::order(root)?;
        group.starts_with("argoproj.io/").then_some(Self { root, object, order })
    }

    fn text(&self, path: &[&str]) -> &'a str {
        self.root.find(path).and_then(Node::as_str).unwrap_or_default()
    }

    fn kind(&self) -> &'a str {
        self.text(&["kind"])
    }

    fn name(&self) -> &'a str {
        self.text(&["metadata", "name"])
    }

    fn title(&self) -> String {
        format!("{} `{}`", self.kind(), self.name())
    }

    /// The project that an Application, or each of an ApplicationSet, uses.
    fn project(&self) -> Option<&'a str> {
        let path: &[&str] = match self.kind() {
            "Application" => &["spec", "project"],
            "ApplicationSet" => &["spec", "template", "spec", "project"],
            _ => return None,
        };
        self.root.find(path).and_then(Node::as_str)
    }

    /// The wave, or what has none.
    fn place(&self) -> Place {
        let wave = self.root.find(&["metadata", "annotations", WAVE]);
        wave.or_else(|| self.root.find(&["metadata", "name"])).unwrap_or(self.root).place()
    }

    fn label(&self) -> String {
        format!("{} is applied in wave {}", self.kind(), self.order.wave)
    }

    fn finding(&self, message: String) -> Diagnostic {
        match self.object {
            Some(object) => object.finding(Code::SyncOrder, message, self.place(), self.label()),
            None => Diagnostic::new(Code::SyncOrder, message).at(self.place(), self.label()),
        }
    }

    /// A finding about a project that is applied too late.
    fn late(&self, user: &Self, more: usize) -> Diagnostic {
        let others = if more == 0 { String::new() } else { format!(" and {}", plural(more, "other")) };
        let message = format!("{} is applied after {}{others}, which it permits", self.title(), user.title());
        let wave = user.order.wave.saturating_sub(1);
        self.finding(message)
            .at(user.place(), user.label())
            .help(format!("set the annotation `{WAVE}: \"{wave}\"` of the AppProject"))
    }

    /// A finding about an Application that is applied too early.
    fn early(&self, project: &Self) -> Diagnostic {
        let message = format!("{} is applied before {}, which it uses", self.title(), project.title());
        let wave = project.order.wave.saturating_add(1);
        self.finding(message)
            .at(project.place(), project.label())
            .help(format!("set the annotation `{WAVE}: \"{wave}\"` of the {}, or a higher one", self.kind()))
    }
}
