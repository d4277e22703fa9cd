//! Formats a diagnostic in the style of rustc: its message, the affected lines, notes, and help.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use diagnostics::{Class, Diagnostic, Place};

use super::safe;

/// Formats a diagnostic without colors.
#[must_use]
pub fn plain(diagnostic: &Diagnostic) -> String {
    anstream::adapter::strip_str(&describe(diagnostic)).to_string()
}

/// Formats a diagnostic.
pub(super) fn describe(diagnostic: &Diagnostic) -> String {
    let warning = diagnostic.code.class() == Class::Warning;
    let level = if warning { Level::WARNING } else { Level::ERROR };
    let message = match &diagnostic.target {
        Some(target) => format!("{target}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut group = Group::with_title(level.primary_title(safe::text(&message)).id(diagnostic.code.name()));
    let mut files: Vec<(&Place, Vec<(&Place, &str)>)> = Vec::new();
    for (place, label) in &diagnostic.places {
        match files.iter_mut().find(|(first, _)| first.source.name == place.source.name) {
            Some((_, marks)) => marks.push((place, label)),
            None => files.push((place, vec![(place, label)])),
        }
    }
    let mut first = true;
    for (file, marks) in files {
        if marks.iter().all(|(place, _)| place.span.is_none()) {
            group = group.element(annotate_snippets::Origin::path(safe::text(&file.source.name)));
            for (_, label) in marks.iter().filter(|(_, label)| !label.is_empty()) {
                group = group.element(Level::NOTE.message(safe::text(label)));
            }
            continue;
        }
        // Only the lines that are shown: rendering takes time for each line of the snippet.
        let spans = marks.iter().filter_map(|(place, _)| place.span.clone());
        let all = spans.reduce(|one, two| one.start.min(two.start)..one.end.max(two.end)).unwrap_or_default();
        let (line, lines) = file.source.lines_of(&all);
        let text = &file.source.text[lines.clone()];
        let mut snippet = Snippet::source(text).line_start(line).path(safe::text(&file.source.name));
        for (place, label) in marks {
            let Some(span) = &place.span else { continue };
            let within = |offset: usize| offset.clamp(lines.start, lines.end) - lines.start;
            let span = within(span.start)..within(span.end);
            let kind = if first { AnnotationKind::Primary } else { AnnotationKind::Context };
            first = false;
            let mark = kind.span(span);
            snippet = snippet.annotation(if label.is_empty() { mark } else { mark.label(safe::text(label)) });
        }
        group = group.element(snippet);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(safe::text(note)));
    }
    for help in &diagnostic.helps {
        group = group.element(Level::HELP.message(safe::text(help)));
    }
    let groups: [Group<'_>; 1] = [group];
    Renderer::styled().render(&groups)
}
