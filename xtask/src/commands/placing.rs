//! Moves findings about rendered objects to where their author can fix them.
//!
//! Checks find a place in a golden. Here, the line of the template that wrote it becomes the main place, and the golden the
//! last one. A finding stays where it is if its object is not traced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use diagnostics::{Diagnostic, Diagnostics, Place};
use kubernetes::object;
use toolbox::parallel::parallel;
use workspace::Workspace;
use workspace::provenance::in_archive;

use super::Session;
use super::rendering::Rendering;
use super::tracing::{Traced, Tracer};

/// Moves the findings about some targets. Traces a target only if there is a finding about one of its objects.
#[derive(Debug)]
pub struct Placer<'s> {
    session: &'s Session<'s>,
    workspace: &'s Workspace,
    renderings: &'s [Rendering<'s>],
    tracer: OnceLock<Option<Tracer<'s>>>,
    origins: Mutex<BTreeMap<String, Option<Arc<Traced<'s>>>>>,
}

impl<'s> Placer<'s> {
    /// A placer of findings about the objects of these targets.
    #[must_use]
    pub fn new(session: &'s Session<'s>, workspace: &'s Workspace, renderings: &'s [Rendering<'s>]) -> Self {
        Self { session, workspace, renderings, tracer: OnceLock::new(), origins: Mutex::default() }
    }

    /// Moves the findings that are about an object.
    pub fn place(&self, diagnostics: &mut Diagnostics) {
        let about = |found: &Diagnostic| found.origin.as_ref().and(found.target.clone());
        let names: BTreeSet<String> = diagnostics.0.iter().filter_map(about).collect();
        let names: Vec<String> = names.into_iter().collect();
        let origins = parallel(self.session.jobs, &names, |name| self.origins(name));
        let origins: BTreeMap<String, Arc<Traced<'s>>> =
            names.into_iter().zip(origins).filter_map(|(name, origins)| Some((name, origins?))).collect();
        for found in &mut diagnostics.0 {
            if let Some(origins) = about(found).and_then(|name| origins.get(&name)) {
                move_to_author(found, origins);
            }
        }
    }

    /// Traces a target. Nothing if that fails: the finding matters more than its place.
    fn origins(&self, name: &str) -> Option<Arc<Traced<'s>>> {
        let known = self.origins.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return known;
        }
        let argocd = self.workspace.config.argocd;
        let tracer = self.tracer.get_or_init(|| Tracer::new(self.session, self.workspace, argocd).ok()).as_ref();
        let one = self.renderings.iter().find(|one| one.target.id.to_string() == name);
        let origins = one.and_then(|one| tracer?.trace(one).ok()).map(Arc::new);
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), origins.clone());
        origins
    }
}

fn move_to_author(found: &mut Diagnostic, origins: &Traced<'_>) {
    let Some(origin) = &found.origin else { return };
    let Some((golden, label)) = found.places.first().cloned() else { return };
    let Some(span) = golden.span.clone().filter(|_| golden.source.name.contains(&origin.golden)) else { return };
    let (line, bounds) = golden.source.lines_of(&(span.start..span.start));
    let rendered = golden.source.text.get(span.clone()).unwrap_or_default();
    let trail = origins.trail_of_field(&origin.golden, line, span.start - bounds.start, rendered, &origin.path);
    let Some(mut author) = trail.place() else { return };
    let as_written = text(&author) == text(&golden);
    // With several values, none of them is the one to change.
    let mut value = match trail.values.as_slice() {
        [used] => {
            used.setting.as_ref().map(|setting| (setting.place.clone(), format!("`{}` is set here", used.name())))
        }
        _ => None,
    };
    // In findings, the values of Secrets are masked.
    let secret = golden.source.text[bounds].trim_end() != origins.provenance().text(&origin.golden, line);
    if secret && origin.kind.ends_with("Secret") {
        let key = origin.path.last().map(String::as_str).unwrap_or_default();
        author = without_secrets(&author, key);
        value = value.map(|(place, label)| (without_secrets(&place, ""), label));
    }
    found.places.retain(|(place, label)| place.span.is_some() || label != object::FROM_TEMPLATE);
    found.notes.retain(|note| !note.starts_with(object::TEMPLATE_NOTE));
    found.places[0] = (author, label);
    if let Some(value) = value {
        // Nobody edits the template in an archive.
        let last = in_archive(&found.places[0].0) && !in_archive(&value.0);
        if last {
            let label = std::mem::replace(&mut found.places[0].1, "rendered by this template".to_owned());
            found.places.insert(0, (value.0, label));
        } else {
            found.places.insert(1, value);
        }
    }
    // What is written in the template need not be shown again.
    let golden = if as_written { Place::file(golden.source.name.clone()) } else { golden };
    found.places.push((golden, if as_written { String::new() } else { "as rendered".to_owned() }));
}

/// A place in a template without what may be the value of a Secret; its key may remain.
fn without_secrets(place: &Place, key: &str) -> Place {
    let Some(span) = place.span.clone() else { return place.clone() };
    let (_, mut lines) = place.source.lines_of(&span);
    let line = &place.source.text[lines.clone()];
    let indent = line.len() - line.trim_start().len();
    if line[indent..].strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
        lines.start += indent + key.len() + 1;
    }
    object::place_without(&place.source, span, &[lines])
}

fn text(place: &Place) -> Option<&str> {
    place.source.text.get(place.span.clone()?)
}
