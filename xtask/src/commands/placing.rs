//! Moves findings about rendered objects to where their author can fix them.
//!
//! Checks find places in goldens. Here, the line of the template that wrote the main place becomes the main place, and the
//! golden the last one; the places in other objects become the lines that wrote them. A place stays where it is if its object
//! is not traced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use document::{Node, yaml};
use golden::objects::UNRECORDED;
use kubernetes::object;
use toolbox::parallel::parallel;
use workspace::Workspace;
use workspace::kustomize_origin::KustomizeOrigin;
use workspace::provenance::in_archive;
use workspace::provenance::trail::Used;

use super::Session;
use super::rendering::Rendering;
use super::tracing::{Traced, Tracer};

/// Whether a place is a value that SOPS encrypted.
fn is_encrypted(place: &Place) -> bool {
    let text = place.span.clone().and_then(|span| place.source.text.get(span)).unwrap_or_default();
    text.trim_start_matches(['"', '\'']).starts_with("ENC[AES256_GCM,")
}

/// Moves the findings about some targets. Traces a target only if there is a finding about one of its objects.
#[derive(Debug)]
pub struct Placer<'s> {
    session: &'s Session<'s>,
    workspace: &'s Workspace,
    renderings: &'s [Rendering<'s>],
    tracer: OnceLock<Tracer<'s>>,
    origins: Mutex<BTreeMap<String, Option<Arc<Traced<'s>>>>>,
    kustomized: Mutex<BTreeMap<String, Option<Arc<KustomizeOrigin>>>>,
}

impl<'s> Placer<'s> {
    /// A placer of findings about the objects of these targets.
    #[must_use]
    pub fn new(session: &'s Session<'s>, workspace: &'s Workspace, renderings: &'s [Rendering<'s>]) -> Self {
        Self {
            session,
            workspace,
            renderings,
            tracer: OnceLock::new(),
            origins: Mutex::default(),
            kustomized: Mutex::default(),
        }
    }

    /// Moves the findings that are about an object, or about an Application that a target renders.
    pub fn place(&self, diagnostics: &mut Diagnostics) {
        // What SOPS encrypted has another value in the cluster.
        diagnostics.0.retain(|found| !found.places.first().is_some_and(|(place, _)| is_encrypted(place)));
        let of_object = |found: &&Diagnostic| found.origin.is_some() || of_application(found).is_some();
        let names: BTreeSet<String> = diagnostics.0.iter().filter(of_object).flat_map(targets).collect();
        let names: Vec<String> = names.into_iter().collect();
        let origins = parallel(self.session.jobs, &names, |name| self.origins(name));
        let origins: BTreeMap<String, Arc<Traced<'s>>> =
            names.into_iter().zip(origins).filter_map(|(name, origins)| Some((name, origins?))).collect();
        for found in &mut diagnostics.0 {
            if found.origin.is_some() {
                let target = found.target.clone();
                self.place_one(found, target.as_deref(), &origins);
            } else if let Some((target, file)) = of_application(found) {
                self.place_application(found, &target, &file, &origins);
            }
        }
    }

    /// Moves a finding about what a target renders.
    fn place_one(&self, found: &mut Diagnostic, target: Option<&str>, origins: &BTreeMap<String, Arc<Traced<'s>>>) {
        for (place, _) in found.places.iter_mut().skip(1) {
            let Some((target, file)) = of_golden(place) else { continue };
            let traced = || author(place, file, origins.get(target)?);
            let author = traced().or_else(|| self.kustomized(target)?.author(place));
            *place = author.unwrap_or_else(|| place.clone());
        }
        if let Some((first, _)) = found.places.first().cloned() {
            let mut main = true;
            found.places.retain(|(place, _)| std::mem::take(&mut main) || *place != first);
        }
        if let Some(origins) = target.and_then(|name| origins.get(name)) {
            move_to_author(found, origins);
        }
        self.move_to_resource(found);
    }

    /// Moves a finding about an Application that a target renders.
    fn place_application(
        &self,
        found: &mut Diagnostic,
        target: &str,
        file: &str,
        origins: &BTreeMap<String, Arc<Traced<'s>>>,
    ) {
        let (golden, label) = found.places[0].clone();
        self.place_one(found, None, origins);
        if found.places[0].0 == golden {
            let Some(author) = origins.get(target).and_then(|origins| author(&golden, file, origins)) else { return };
            let as_written = text(&author).map(unquoted) == text(&golden).map(unquoted);
            found.places[0] = (author, label);
            found.places.push(in_golden(golden, as_written));
        }
        let Diagnostic { notes, facts, .. } = found;
        notes.retain(|note| !facts.iter().any(|fact| matches!(fact, Fact::Untraced(untraced) if untraced == note)));
    }

    /// Moves a finding to a file of the kustomization that rendered the object.
    fn move_to_resource(&self, found: &mut Diagnostic) {
        let Some((golden, label)) = found.places.first().cloned() else { return };
        let Some((target, _)) = of_golden(&golden) else { return };
        let Some(author) = self.kustomized(target).and_then(|origin| origin.author(&golden)) else { return };
        let as_written = text(&author).map(unquoted) == text(&golden).map(unquoted);
        found.places.retain(|(place, label)| place.span.is_some() || label != object::FROM_KUSTOMIZATION);
        found.places[0] = (author, label);
        found.places.push(in_golden(golden, as_written));
    }

    /// The files that the kustomizations of a target read.
    fn kustomized(&self, name: &str) -> Option<Arc<KustomizeOrigin>> {
        let mut known = self.kustomized.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let one = self.renderings.iter().find(|one| one.target.id.to_string() == name)?;
            KustomizeOrigin::of(&self.workspace.root, &one.target).map(Arc::new)
        };
        known.entry(name.to_owned()).or_insert_with(read).clone()
    }

    /// Traces a target. Nothing if that fails: the finding matters more than its place.
    fn origins(&self, name: &str) -> Option<Arc<Traced<'s>>> {
        let known = self.origins.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return known;
        }
        let argocd = self.workspace.config.argocd;
        let tracer = self.tracer.get_or_init(|| Tracer::new(self.session, self.workspace, argocd));
        let one = self.renderings.iter().find(|one| one.target.id.to_string() == name);
        let origins = one.and_then(|one| tracer.trace(one).ok()).map(Arc::new);
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), origins.clone());
        origins
    }
}

/// The target that renders the object of Argo CD that a finding without an origin is about, and its golden.
fn of_application(found: &Diagnostic) -> Option<(String, String)> {
    let (place, _) = found.places.first().filter(|_| found.origin.is_none())?;
    let (target, golden) = of_golden(place)?;
    let at = place.span.as_ref()?.start;
    let documents = yaml::parse(&place.source).ok()?;
    let object = documents.iter().map(|document| &document.root).find(|root| root.span.contains(&at))?;
    let starts =
        |key: &str, start: &str| object.get(key).and_then(Node::as_str).is_some_and(|it| it.starts_with(start));
    let ours = starts("apiVersion", "argoproj.io/") && starts("kind", "App");
    ours.then(|| (target.to_owned(), golden.to_owned()))
}

/// The targets that a finding is about.
fn targets(found: &Diagnostic) -> impl Iterator<Item = String> {
    let own = usize::from(found.origin.is_some());
    let others =
        found.places.iter().skip(own).filter_map(|(place, _)| of_golden(place)).map(|(target, _)| target.to_owned());
    found.target.iter().cloned().chain(others)
}

/// The target and the file name of the golden that a place is in. Nothing for a golden of another revision.
fn of_golden(place: &Place) -> Option<(&str, &str)> {
    let path = place.source.name.strip_prefix("tests/golden/")?;
    let path = path.strip_suffix(UNRECORDED).unwrap_or(path);
    let (target, file) = path.rsplit_once('/')?;
    // The values of Secrets stay hidden.
    let plain = path.ends_with(|end: char| end.is_alphanumeric()) && !file.starts_with("secret-");
    (plain && target.contains('/')).then_some((target, file))
}

/// Where the author of a place in a golden can change it: the value that it is, if it is a single one, or else the line of
/// the template.
fn author(golden: &Place, file: &str, origins: &Traced<'_>) -> Option<Place> {
    let span = golden.span.clone()?;
    let (line, bounds) = golden.source.lines_of(&(span.start..span.start));
    let text = &golden.source.text[bounds.clone()];
    let rendered = golden.source.text.get(span.clone()).unwrap_or_default();
    let indent = indent(text);
    let path = keys_around(&golden.source.text, bounds.start, text);
    let trail = origins.trail_of_field(file, line, span.start - bounds.start, rendered, &path);
    let writer = trail.writer()?;
    let start = origins.provenance().at(file, line, indent, 0)?;
    let value = trail.value(rendered).and_then(|used| used.setting.as_ref());
    let value = value.filter(|setting| unquoted(&setting.written) == unquoted(rendered));
    let value = value.map(|setting| setting.place.clone());
    let template = writer.user(&start).cloned().unwrap_or_else(|| writer.author());
    // Nobody edits what is in an archive.
    value.filter(|_| writer.action).into_iter().chain([template]).find(|place| !in_archive(place))
}

/// The key in a line of a golden, after the keys of the maps around it, up to the nearest list.
fn keys_around(golden: &str, start: usize, line: &str) -> Vec<String> {
    let key = |line: &str| {
        let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or_default();
        key.trim_matches('"').to_owned()
    };
    let mut keys = vec![key(line)];
    let mut inner = line;
    for outer in golden[..start].lines().rev() {
        if inner.trim_start().starts_with("- ") || indent(inner) == 0 {
            break;
        }
        if !outer.trim().is_empty() && indent(outer) < indent(inner) {
            keys.insert(0, key(outer));
            inner = outer;
        }
    }
    keys
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn move_to_author(found: &mut Diagnostic, origins: &Traced<'_>) {
    let Some(origin) = &found.origin else { return };
    let Some((golden, label)) = found.places.first().cloned() else { return };
    let Some(span) = golden.span.clone().filter(|_| golden.source.name.contains(&origin.golden)) else { return };
    let (line, bounds) = golden.source.lines_of(&(span.start..span.start));
    let rendered = golden.source.text.get(span.clone()).unwrap_or_default();
    let trail = origins.trail_of_field(&origin.golden, line, span.start - bounds.start, rendered, &origin.path);
    let Some(mut author) = trail.place() else { return };
    // The finding is about the use of a named template, which other templates use, too.
    let indent = indent(&golden.source.text[bounds.clone()]);
    let mut helper = None;
    let start = origins.provenance().at(&origin.golden, line, indent, 0);
    if let Some(user) = trail.writer().zip(start).and_then(|(writer, start)| writer.user(&start).cloned()) {
        helper = Some(declaration(std::mem::replace(&mut author, user)));
    }
    // The fields that an action with the wrong indentation includes are all unknown where they are.
    let included = trail.writer().and_then(|writer| Some((writer.callers.last()?.clone(), writer.place.clone())));
    if let (Code::FieldUnknown, Some((action, written))) =
        (found.code, included.filter(|(place, _)| !in_archive(place)))
    {
        author = action;
        helper = Some(written);
        found.helps.push("check the indentation of what this includes".to_owned());
    }
    // Whole lines of a named template are the same wherever it is included.
    let user = trail.writer().and_then(|writer| writer.callers.last().cloned());
    let user = user.filter(|user| helper.is_none() && user.source.name != author.source.name && !in_archive(user));
    let as_written = text(&author) == text(&golden);
    // With several values, none of them is the one to change.
    let of_image = matches!(found.code, Code::ImageInvalid | Code::ImageUnpinned);
    let setter = trail.value(rendered).or_else(|| trail.shown_value().filter(|_| of_image));
    // A limit of a namespace concerns the values of several cases, and what sets them is not the cause.
    let passed = found.code != Code::NamespaceLimits
        && setter.is_some_and(|used| passes_through(&author, used) && shows(used, rendered));
    let mut value = setter.and_then(|used| {
        used.setting.as_ref().map(|setting| (setting.place.clone(), format!("`{}` is set here", used.name())))
    });
    // A part of what a template prints as a whole is wrong, unless all of it is in the wrong place.
    let whole = setter.filter(|used| passes_through(&author, used));
    let part = whole.filter(|used| !shows(used, rendered)).and_then(|used| {
        // An item that lacks a field is wrong as such, whatever its first field is.
        let path = if found.lacks_a_field() {
            origin.path.split_last().map_or(&[][..], |(_, item)| item)
        } else {
            &origin.path
        };
        part_of(used, path, origins)
    });
    let part = part.filter(|place| !in_archive(place) && found.code != Code::NamespaceLimits);
    let moves = found.facts.iter().any(|fact| matches!(fact, Fact::MovesTo(_)));
    let owner = found.facts.iter().find_map(|fact| match fact {
        Fact::MovesTo(path) => path.last(),
        _ => None,
    });
    // The value is the whole of the map around the field, which the template writes at the wrong depth.
    let is_map = |used: &Used| {
        is_directly_in(&author, used) || used.steps().iter().rev().take(2).any(|step| Some(step) == owner)
    };
    let misplaced = moves && whole.is_some_and(is_map);
    let passed = (passed || part.is_some()) && !misplaced;
    if let Some(((place, _), part)) = value.as_mut().zip(part) {
        *place = part;
    }
    // Whether a template in an archive writes a field usually depends on a value with the name of the field.
    if value.is_none() && in_archive(&author) {
        let decides = |used: &&Used| used.steps().last() == origin.path.last();
        let setting = trail.conditions.iter().filter(decides).find_map(|used| Some((used, used.setting.as_ref()?)));
        value = setting
            .filter(|(_, setting)| !in_archive(&setting.place))
            .map(|(used, setting)| (setting.place.clone(), format!("`{}` is set here", used.name())));
    }
    // Nobody edits the defaults in an archive: the value is to be set beside those that the author set.
    if let Some((place, label)) = value.as_mut().filter(|(place, _)| in_archive(place))
        && let Some((used, nearby)) = setter.and_then(|used| Some((used, beside(used, origins)?)))
    {
        *place = nearby;
        *label = format!("`{}` is not set here, so the default applies", used.name());
    }
    let is_value = setter.is_some_and(|used| is_the_value(found, used, rendered));
    let masked = is_masked(&golden.source.text[bounds], origins.provenance().text(&origin.golden, line), &author);
    if masked && origin.kind.ends_with("Secret") {
        let key = origin.path.last().map(String::as_str).unwrap_or_default();
        author = without_secrets(&author, key);
        helper = helper.map(|helper| without_secrets(&helper, ""));
        value = value.map(|(place, label)| (without_secrets(&place, ""), label));
    }
    found.places.retain(|(place, label)| place.span.is_some() || label != object::FROM_TEMPLATE);
    found.notes.retain(|note| !note.starts_with(object::TEMPLATE_NOTE));
    found.places[0] = (author, label);
    if let Some(value) = value {
        // Nobody edits the template in an archive, nor one that only passes on what is set elsewhere.
        let last = in_archive(&found.places[0].0) || (passed || is_value) && !origin.kind.ends_with("Secret");
        if last && !in_archive(&value.0) {
            let label = std::mem::replace(&mut found.places[0].1, "rendered by this template".to_owned());
            found.places.insert(0, (value.0, label));
        } else {
            found.places.insert(1, value);
        }
    }
    if let Some(user) = user {
        // Labels that several objects share are wrong where they are used.
        let at = usize::from(found.code != Code::SelectorUnmatched);
        found.places.insert(at, (user, "included here".to_owned()));
    }
    if let Some(helper) = helper.filter(|helper| !in_archive(helper)) {
        found.places.insert(1, (helper, "written here".to_owned()));
    }
    // A file that nobody edits is not the main place, if there is another one.
    let edited = |(place, _): &(Place, String)| !in_archive(place) && of_golden(place).is_none();
    if let Some(at) = found.places.iter().position(edited).filter(|_| in_archive(&found.places[0].0)) {
        found.places.swap(0, at);
    }
    found.places.push(in_golden(golden, as_written));
}

/// The place in a golden, behind that of the author, and its label. A text that the author wrote is not shown again.
fn in_golden(golden: Place, as_written: bool) -> (Place, String) {
    if as_written {
        (Place::file(golden.source.name.clone()), String::new())
    } else {
        (golden, object::AS_RENDERED.to_owned())
    }
}

/// Where the variable is declared that an action prints; the place of the action if it prints something else.
fn declaration(action: Place) -> Place {
    let name = text(&action).map(|text| text.trim_start_matches("{{").trim_end_matches("}}").trim_matches(['-', ' ']));
    let Some((name, span)) = name.filter(|name| name.starts_with('$')).zip(action.span.clone()) else { return action };
    let plain = name.len() > 1 && name[1..].chars().all(|c| c.is_alphanumeric() || c == '_');
    let before = &action.source.text[..span.start];
    let declared = before.rfind(&format!("{name} :=")).filter(|_| plain);
    let inside = declared.filter(|at| !before[*at..].contains("define "));
    match inside {
        Some(at) => Place::line(&action.source, before[..at].matches('\n').count() + 1),
        None => action,
    }
}

/// Whether an action of a template prints a value without its name, as `toYaml .` does with what is in a map.
fn passes_through(action: &Place, used: &Used) -> bool {
    let Some(action) = text(action).filter(|text| text.contains("{{") && !text.contains("include")) else {
        return false;
    };
    let mut words = action.split(|c: char| !c.is_alphanumeric() && c != '_');
    used.steps().last().is_some_and(|name| !words.any(|word| word == name))
}

/// The place in a value that is rendered as a whole of what is at a path in the object.
fn part_of(used: &Used, path: &[String], origins: &Traced<'_>) -> Option<Place> {
    let value = &used.setting.as_ref()?.place;
    let document = yaml::parse_one(&value.source).ok()?;
    let whole = starting_at(&document.root, value.span.as_ref()?.start)?;
    (0..path.len()).find_map(|from| {
        let rest: Vec<&str> = path[from..].iter().map(String::as_str).collect();
        match rest.split_first()? {
            // Other items may be rendered before those of the value.
            (first, below) if first.parse::<usize>().is_ok() => {
                let mut items = whole.items().iter().filter_map(|item| key_of(item, below));
                items.next().filter(|_| items.next().is_none())
            }
            _ => key_of(whole, &rest).or_else(|| merged(&[used.steps(), &path[from..]].concat(), origins)),
        }
    })
}

/// Whether the value that an action prints as a whole is the map that contains a key.
fn is_directly_in(action: &Place, used: &Used) -> bool {
    let parent = used.steps().len().checked_sub(2).and_then(|index| used.steps().get(index));
    let words = text(action).unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
    parent.is_some_and(|parent| words.into_iter().any(|word| word == parent))
}

/// The place of a key that another file sets than the one that sets the value around it first.
fn merged(path: &[String], origins: &Traced<'_>) -> Option<Place> {
    let place = origins.settings().find(path)?.place;
    let document = yaml::parse_one(&place.source).ok()?;
    key_of(&document.root, &path.iter().map(String::as_str).collect::<Vec<_>>()).or(Some(place))
}

/// The outermost value that starts at a byte.
fn starting_at(node: &Node, at: usize) -> Option<&Node> {
    if node.span.start == at {
        return Some(node);
    }
    let values = node.entries().iter().map(|(_, value)| value).chain(node.items());
    values.filter(|value| value.span.start <= at && at < value.span.end).find_map(|value| starting_at(value, at))
}

/// The place of a key below a node, or of an item.
fn key_of(node: &Node, path: &[&str]) -> Option<Place> {
    let Some((last, parent)) = path.split_last() else { return Some(node.place()) };
    let parent = node.find(parent)?;
    let found = parent.get(last).is_some();
    if found { Some(parent.key_place(last)) } else { Some(parent.items().get(last.parse::<usize>().ok()?)?.place()) }
}

/// Whether what is wrong is the text of a value, which a template only prints. A type that is wrong is the fault of the
/// template, if another way to print the value changes it; and so is a port, which a template may take from the wrong value.
fn is_the_value(found: &Diagnostic, used: &Used, rendered: &str) -> bool {
    let Some(setting) = &used.setting else { return false };
    let (written, rendered) = (unquoted(&setting.written), unquoted(rendered));
    let number = written.parse::<f64>().is_ok();
    let boolean = matches!(written, "true" | "false");
    let by_template = match found.code {
        Code::ObjectInvalid => found.facts.iter().any(|fact| match fact {
            Fact::Type(allowed) => match allowed.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["string"] => true,
                ["boolean", ..] => false,
                _ => number || boolean,
            },
            _ => false,
        }),
        Code::ChangeDataLoss
        | Code::ChangeRefused
        | Code::DurationInvalid
        | Code::KeyMisspelled
        | Code::ObjectRefused
        | Code::PodSecurity
        | Code::QuantitySuspicious
        | Code::ReferenceKey => false,
        // With the same name in another namespace, the name is right.
        Code::ReferenceMissing => found.is(&Fact::Elsewhere),
        _ => true,
    };
    !by_template && !written.is_empty() && written == rendered
}

/// Whether what is rendered is the text of a value, or its key.
fn shows(used: &Used, rendered: &str) -> bool {
    let rendered = unquoted(rendered.trim_end_matches(':'));
    let written = used.setting.as_ref().map(|setting| unquoted(&setting.written)).unwrap_or_default();
    let same = !written.is_empty() && (rendered.contains(written) || written.contains(rendered));
    !rendered.is_empty() && (same || used.steps().last().is_some_and(|name| name == rendered))
}

/// The nearest value around one that the author sets.
fn beside(used: &Used, origins: &Traced<'_>) -> Option<Place> {
    let around = (1..used.steps().len()).rev().filter_map(|length| origins.settings().find(&used.steps()[..length]));
    around.map(|setting| setting.place).find(|place| !in_archive(place))
}

/// Whether a line of a golden differs from what was rendered: in findings, the values of Secrets are masked. Without a
/// template, the file of the author has what is rendered.
fn is_masked(golden: &str, rendered: &str, author: &Place) -> bool {
    let written = || author.span.as_ref().map_or("", |span| &author.source.text[author.source.lines_of(span).1]);
    golden.trim() != if rendered.is_empty() { written() } else { rendered }.trim()
}

/// A place in a template without what may be the value of a Secret; its key may remain.
fn without_secrets(place: &Place, key: &str) -> Place {
    let Some(span) = place.span.clone() else { return place.clone() };
    let (_, mut lines) = place.source.lines_of(&span);
    let line = &place.source.text[lines.clone()];
    let indent = indent(line);
    if line[indent..].strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
        lines.start += indent + key.len() + 1;
    }
    object::place_without(&place.source, span, &[lines])
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn text(place: &Place) -> Option<&str> {
    place.source.text.get(place.span.clone()?)
}
