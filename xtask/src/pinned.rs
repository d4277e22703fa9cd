//! Every version that a repository deploys or pins, with the place that decides it: chart dependencies, images, tools,
//! Argo CD, and Kubernetes.
//!
//! The place of an image is where its tag is set: in values, in an Application, in a Dockerfile, or, where nobody sets it,
//! the version of the dependency whose default it is.
//!
//! Reads files; starts nothing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{Node, Value, toml, yaml};
use helm::chart::{Chart, Origin};
use kubernetes::image::Reference;
use kubernetes::object::Object;
use workspace::advisories::{Advisories, Advisory, Kind, full_name};
use workspace::target::{ChartTarget, Target};
use workspace::versions::{Known, Range};
use workspace::{Deployment, Workspace};

use crate::image;
use crate::image::dockerfile::Dockerfile;
use crate::lint::images;

/// One version.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// What the package is.
    pub kind: Kind,
    /// Its name; of an image, with its registry.
    pub name: String,
    /// The repository of a chart.
    pub repository: Option<String>,
    /// The version as it is written.
    pub version: String,
    /// What decides the version.
    pub set: Set,
    /// The place of that.
    pub place: Place,
    /// The targets that use it, or the chart that depends on it.
    pub used_by: BTreeSet<String>,
}

/// What decides a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// charts.toml, for a tool, for a platform, or for a node image.
    Config,
    /// The Argo CD release that charts.toml names, for its Helm.
    ArgoCd(String),
    /// A chart's dependency.
    Dependency,
    /// Values, or an Application.
    Values,
    /// Nothing but the default of a dependency, whose values are below this key.
    Default(String),
    /// The chart's own `appVersion`.
    AppVersion,
    /// A template, as Helm names it.
    Template(String),
    /// A Dockerfile.
    Dockerfile,
}

impl Pinned {
    /// What is known about the version.
    #[must_use]
    pub fn known(&self) -> Option<Known> {
        if self.kind == Kind::Image { Known::tag(&self.version) } else { Known::version(&self.version) }
    }

    /// The advisories that are about this package.
    pub fn advisories<'a>(&'a self, advisories: &'a Advisories) -> impl Iterator<Item = &'a Advisory> {
        advisories.all.iter().filter(|advisory| match self.kind {
            Kind::Chart => advisory.is_about_chart(&self.name, self.repository.as_deref().unwrap_or_default()),
            Kind::Image => advisory.is_about_image(&self.name),
            kind => advisory.is_about(kind, &self.name),
        })
    }

    /// The advisories that affect this version, each with the range that it lies in.
    #[must_use]
    pub(crate) fn affected_by<'a>(&'a self, advisories: &'a Advisories) -> Vec<(&'a Advisory, &'a Range)> {
        let Some(known) = self.known() else { return Vec::new() };
        self.advisories(advisories).filter_map(|advisory| Some((advisory, advisory.affects(&known)?))).collect()
    }

    /// The finding about this version, if an advisory affects it.
    #[must_use]
    pub fn finding(&self, advisories: &Advisories) -> Option<Diagnostic> {
        let affected = self.affected_by(advisories);
        let fixed = affected.iter().map(|(_, range)| &range.fixed).max()?.to_string();
        let count = match affected.len() {
            1 => "a known vulnerability".to_owned(),
            count => format!("{count} known vulnerabilities"),
        };
        let subject = match (self.kind, self.name.as_str()) {
            (Kind::Platform, "argocd") => "Argo CD".to_owned(),
            (Kind::Platform, _) => "Kubernetes".to_owned(),
            (kind, name) => format!("{} `{name}`", kind.word()),
        };
        let message = format!("{subject} {} has {count}", self.version);
        let mut found =
            Diagnostic::new(Code::VersionVulnerable, message).at(self.place.clone(), self.set.label(&self.version));
        for (advisory, range) in &affected {
            let Advisory { id, date, summary, source, .. } = advisory;
            found = found.note(format!("{id} ({date}): {summary}\nfixed in {}, see {source}", range.fixed));
        }
        if let Set::Template(template) = &self.set {
            found = found.note(format!("template: {template}"));
        }
        if !self.used_by.is_empty() {
            let targets: Vec<&str> = self.used_by.iter().map(String::as_str).collect();
            found = found.note(format!("used by {}", targets.join(", ")));
        }
        Some(found.help(self.help(&fixed)))
    }

    /// How to get a fixed version.
    fn help(&self, fixed: &str) -> String {
        let Self { kind, name, .. } = self;
        match (&self.set, kind) {
            (Set::ArgoCd(release), _) => format!(
                "Argo CD {release} ships this Helm: set `argocd.version` to a release that ships {fixed} or later"
            ),
            (Set::Config, Kind::Tool) => {
                format!("set `tools.{name}` to {fixed} or later, and add its entry to tools.lock")
            }
            (Set::Config, Kind::Platform) if name == "argocd" => {
                format!("update Argo CD to {fixed} or later, and `argocd.version` with it")
            }
            (Set::Config, Kind::Platform) => {
                format!("update the cluster to {fixed} or later, and `kubernetes.version` with it")
            }
            (Set::Dependency, _) => format!("run `cargo xtask deps --update {name}@{fixed}`"),
            (Set::Default(key), _) => {
                let folder =
                    self.place.source.name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                format!(
                    "update the dependency to a version that defaults to {fixed} or later, or set the image's tag below `{key}` in {folder}values.yaml"
                )
            }
            (Set::AppVersion, _) => format!("set `appVersion` to {fixed} or later"),
            _ => format!("use {fixed} or later"),
        }
    }
}

impl Set {
    /// The label at the place of a vulnerable version.
    fn label(&self, version: &str) -> String {
        match self {
            Self::ArgoCd(_) => format!("ships Helm {version}"),
            Self::Default(_) => format!("defaults to {version}"),
            Self::Dockerfile => "the base image".to_owned(),
            _ => "set here".to_owned(),
        }
    }
}

/// All findings, at most one for each version at each place.
#[must_use]
pub fn findings(pinned: &[Pinned], advisories: &Advisories) -> Diagnostics {
    Diagnostics(pinned.iter().filter_map(|one| one.finding(advisories)).collect())
}

/// Everything that is pinned: `objects` are what `targets` render, and `charts` are looked at whether deployed or not. In
/// order of kind, name, and version.
#[must_use]
pub fn all(workspace: &Workspace, charts: &[&Chart], targets: &[&Target<'_>], objects: &[Object]) -> Vec<Pinned> {
    let mut all = platform(workspace);
    all.extend(charts.iter().flat_map(|chart| dependencies(chart)));
    all.extend(workspace.deployments.iter().flat_map(deployed));
    all.extend(bases(&workspace.root));
    let by_id: HashMap<String, &Target<'_>> =
        targets.iter().copied().map(|target| (target.id.to_string(), target)).collect();
    for object in objects {
        let target = by_id.get(&object.target).copied();
        for (text, place) in images::references(object) {
            all.extend(rendered(&workspace.root, text, place, object, target));
        }
    }
    let mut merged: Vec<Pinned> = Vec::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for one in all {
        let span = one.place.span.as_ref().map(|span| (span.start, span.end));
        let place = (one.place.source.name.clone(), span);
        match known.entry((one.kind, one.name.clone(), one.version.clone(), place)) {
            Entry::Occupied(at) => merged[*at.get()].used_by.extend(one.used_by),
            Entry::Vacant(entry) => {
                entry.insert(merged.len());
                merged.push(one);
            }
        }
    }
    let order = |one: &Pinned| (one.kind, one.name.clone(), one.known(), one.version.clone(), one.place.to_string());
    merged.sort_by_cached_key(order);
    merged
}

/// What charts.toml pins, and the Helm that follows from it.
fn platform(workspace: &Workspace) -> Vec<Pinned> {
    let config = &workspace.config;
    let root = toml::parse(&config.source).ok();
    let place = |path: &[&str]| {
        let node = root.as_ref().and_then(|root| root.find(path));
        node.map_or_else(|| Place::file(workspace::CONFIG_FILE), Node::place)
    };
    let pinned = |kind, name: &str, version: &str, set, place| Pinned {
        kind,
        name: name.to_owned(),
        repository: None,
        version: version.to_owned(),
        set,
        place,
        used_by: BTreeSet::new(),
    };
    let argocd = place(&["argocd", "version"]);
    let written = root.as_ref().and_then(|root| root.find(&["argocd", "version"])).and_then(Node::as_str);
    let written = written.unwrap_or(config.argocd.version);
    let mut all = vec![
        pinned(Kind::Platform, "argocd", written, Set::Config, argocd.clone()),
        pinned(Kind::Platform, "kubernetes", &config.kubernetes, Set::Config, place(&["kubernetes", "version"])),
        pinned(Kind::Tool, "helm", config.argocd.helm, Set::ArgoCd(config.argocd.version.to_owned()), argocd),
    ];
    for (name, (version, _)) in &config.tools {
        all.push(pinned(Kind::Tool, name, version, Set::Config, place(&["tools", name])));
    }
    if let Some((image, place)) = &config.kind_node_image
        && let Ok(Reference { name, tag: Some(tag), .. }) = Reference::parse(image)
    {
        all.push(pinned(Kind::Image, &full_name(name), tag, Set::Config, place.clone()));
    }
    all
}

/// The dependencies of a chart, at the versions that Chart.lock settles.
fn dependencies(chart: &Chart) -> Vec<Pinned> {
    let remote = chart.dependencies.iter().enumerate().filter_map(|(index, dependency)| {
        let Origin::Remote(repository) = dependency.origin() else { return None };
        Some(Pinned {
            kind: Kind::Chart,
            name: dependency.name.clone(),
            repository: Some(repository.to_owned()),
            version: chart.settled_version(index).unwrap_or(&dependency.version).to_owned(),
            set: Set::Dependency,
            place: dependency.version_place.clone(),
            used_by: [chart.path.clone()].into(),
        })
    });
    remote.collect()
}

/// The charts that an Application takes from Helm repositories, at the versions that charts.lock pins.
fn deployed(deployment: &Deployment) -> Vec<Pinned> {
    let charts = deployment.remote_charts().map(|chart| {
        let version = chart.source.node.get("targetRevision");
        Pinned {
            kind: Kind::Chart,
            name: chart.pin.name.clone(),
            repository: Some(chart.pin.repository.clone()),
            version: chart.pin.version.clone(),
            set: Set::Dependency,
            place: version.map_or_else(|| chart.source.repository_place.clone(), Node::place),
            used_by: [deployment.application.instance.clone()].into(),
        }
    });
    charts.collect()
}

/// The images that this repository's own images are built from.
fn bases(root: &Path) -> Vec<Pinned> {
    let mut all = Vec::new();
    for name in image::names(root) {
        let path = root.join(image::FOLDER).join(&name).join("Dockerfile");
        let Ok(source) = toolbox::source::read(root, &path) else { continue };
        for (text, place) in Dockerfile::parse(source).bases(&BTreeMap::new()) {
            let Ok(Reference { name: base, tag: Some(tag), .. }) = Reference::parse(&text) else { continue };
            all.push(Pinned {
                kind: Kind::Image,
                name: full_name(base),
                repository: None,
                version: tag.to_owned(),
                set: Set::Dockerfile,
                place,
                used_by: [format!("{}/{name}", image::FOLDER)].into(),
            });
        }
    }
    all
}

/// An image of a rendered object, at the place where its tag is set. An image without a tag has no version.
fn rendered(root: &Path, text: &str, place: Place, object: &Object, target: Option<&Target<'_>>) -> Option<Pinned> {
    let reference = Reference::parse(text).ok()?;
    let tag = reference.tag?;
    let wanted = Wanted { text, reference: &reference, tag };
    let found = target.and_then(|target| target.charts().find_map(|chart| origin(root, &wanted, object, &chart)));
    let (set, place) = found.unwrap_or_else(|| (Set::Template(object.template.clone()), place));
    Some(Pinned {
        kind: Kind::Image,
        name: full_name(reference.name),
        repository: None,
        version: tag.to_owned(),
        set,
        place,
        used_by: [object.target.clone()].into(),
    })
}

/// Where the tag of a rendered image is set.
fn origin(root: &Path, wanted: &Wanted<'_>, object: &Object, target: &ChartTarget<'_>) -> Option<(Set, Place)> {
    let (chart, options) = (target.chart, target.options);
    // `a/charts/b/templates/x.yaml` is rendered by the dependency `b` of `a`, with the values below `b`.
    let mut steps = object.template.split('/').skip(1);
    let mut chain = Vec::new();
    while steps.next() == Some("charts") {
        chain.extend(steps.next());
    }
    let below = chain.iter().map(|step| format!("{step}.")).collect::<String>();
    let parameter = options
        .parameters
        .iter()
        .rev()
        .find(|one| (one.name.starts_with(&below) || one.name.starts_with("global.")) && wanted.is(&one.value));
    if let Some(parameter) = parameter {
        return Some((Set::Values, parameter.place.clone()));
    }
    let file = |path: &Path| {
        let source = toolbox::source::read(root, path).ok()?;
        wanted.find(&yaml::parse_one(&source).ok()?.root, &chain)
    };
    let inline = || match (&options.values_object, &options.values) {
        (Some(object), _) => wanted.find(object, &chain),
        (None, Some((text, place))) => {
            let source = Source::new(place.source.name.clone(), text.clone());
            wanted.find(&yaml::parse_one(&source).ok()?.root, &chain).map(|_| place.clone())
        }
        (None, None) => None,
    };
    // Later values override earlier ones, so the last place that has the tag sets it.
    let own = chart.directory.join("values.yaml");
    let mut files = target.recipe.value_files.iter().rev().map(PathBuf::as_path).chain([own.as_path()]);
    let case = target.recipe.case_file.as_deref().and_then(file);
    if let Some(place) = case.or_else(inline).or_else(|| files.find_map(file)) {
        return Some((Set::Values, place));
    }
    if let Some(first) = chain.first() {
        let called = |name: &str, alias: &str| if alias.is_empty() { name == *first } else { alias == *first };
        let dependency = chart.dependencies.iter().find(|one| called(&one.name, &one.alias))?;
        return Some((Set::Default((*first).to_owned()), dependency.version_place.clone()));
    }
    let root = yaml::parse_one(&chart.source).ok()?.root;
    let version = root.get("appVersion").filter(|node| scalar(node).is_some_and(|text| text == wanted.tag))?;
    Some((Set::AppVersion, version.place()))
}

/// The image that a value is searched for.
struct Wanted<'a> {
    text: &'a str,
    reference: &'a Reference<'a>,
    tag: &'a str,
}

impl Wanted<'_> {
    /// Whether a value is the tag, the tag with a digest, or a whole reference with it.
    fn is(&self, value: &str) -> bool {
        let rest = value.strip_prefix(self.tag);
        let alone = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
        alone
            || value == self.text
            || Reference::parse(value).is_ok_and(|other| {
                let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
                other.tag == Some(self.tag) && last(other.name) == last(self.reference.name)
            })
    }

    /// The place of the value below some keys, or below `global`, that most likely sets the tag.
    fn find(&self, root: &Node, chain: &[&str]) -> Option<Place> {
        let mut found = Vec::new();
        self.collect(root.find(chain), &mut found);
        if !chain.is_empty() {
            self.collect(root.get("global"), &mut found);
        }
        let best = found.iter().map(|(score, _)| *score).max()?;
        found.into_iter().find(|(score, _)| *score == best).map(|(_, place)| place)
    }

    fn collect(&self, node: Option<&Node>, found: &mut Vec<(u8, Place)>) {
        let Some(node) = node else { return };
        for (key, value) in node.entries() {
            if scalar(value).is_some_and(|text| self.is(text)) {
                let siblings = node.entries().iter().filter_map(|(_, sibling)| sibling.as_str());
                let mut siblings = siblings.filter(|text| !text.is_empty() && *text != self.tag);
                let named = siblings.any(|sibling| self.reference.name.ends_with(sibling));
                let telling = matches!(key.name.as_str(), "tag" | "image" | "imageTag" | "version");
                found.push((u8::from(named) * 2 + u8::from(telling), value.place()));
            }
            self.collect(Some(value), found);
        }
        for item in node.items() {
            self.collect(Some(item), found);
        }
    }
}

/// The text of a string or a number.
fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

/// `2 charts, 1 image`, in the order of the kinds.
#[must_use]
pub fn counts(pinned: &[Pinned]) -> String {
    let count = |kind| pinned.iter().filter(|one| one.kind == kind).count();
    let parts = [Kind::Chart, Kind::Image, Kind::Platform, Kind::Tool].map(|kind| plural(count(kind), kind.word()));
    parts.join(", ")
}
