//! Hooks that Helm does not know, as templates write them out.
//!
//! An object with one of these alone is left out of what Helm renders, with no word of it: no render shows that it is
//! missing. So the templates themselves are read.
//!
//! Deliberately absent: hooks that a template puts together, and Argo CD's own, which stay in the render
//! (`argocd_annotations`).

use std::sync::Arc;

use super::subject::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, suggestion};
use toolbox::inputs;

/// What this check finds.
pub const CODES: &[Code] = &[Code::AnnotationUnknown];

const KEY: &str = "helm.sh/hook";

/// The events that Helm knows.
const HOOKS: [&str; 10] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
];

/// The templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let prefix = format!("{}/templates/", inputs::name(root, &chart.directory));
        let files = helm::chart_files::chart_files(root, &chart.directory).unwrap_or_default();
        for name in files.keys().filter(|name| name.starts_with(&prefix)) {
            let Ok(source) = toolbox::source::read(root, &root.join(name)) else { continue };
            diagnostics.extend(unknown(&source));
        }
    }
    diagnostics
}

fn unknown(source: &Arc<Source>) -> Diagnostics {
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        if let Some(at) = line.find(KEY)
            && let Some(value) = value(&line[at + KEY.len()..]).filter(|_| !line.trim_start().starts_with('#'))
        {
            let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
            for word in words.filter(|word| !HOOKS.contains(word)) {
                let from = start + at + line[at..].find(word).unwrap_or_default();
                found.push(
                    Diagnostic::new(Code::AnnotationUnknown, format!("Helm has no hook `{word}`"))
                        .at(Place::new(source, from..from + word.len()), "an object with this alone is never rendered")
                        .help(suggestion(word, HOOKS)),
                );
            }
        }
        start += line.len();
    }
    Diagnostics(found)
}

/// The value behind a key, unless a template makes it; nothing where the key goes on.
fn value(rest: &str) -> Option<&str> {
    let value = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!value.contains("{{")).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let found = unknown(&Source::new("x.yaml", text));
        found.0.iter().map(|found| format!("{} {}", found.places[0].0, found.helps[0])).collect()
    }

    #[test]
    fn an_unknown_hook_is_told_at_its_word() {
        let text = "a: b\n    \"helm.sh/hook\": pre-install,post-upgrde # why\n";
        assert_eq!(told(text), ["x.yaml:2:33 did you mean `post-upgrade`?"]);
        assert_eq!(told("helm.sh/hook: \"pre-instal\"\n"), ["x.yaml:1:16 did you mean `pre-install`?"]);
    }

    #[test]
    fn what_helm_knows_or_a_template_makes_is_silent() {
        for text in [
            "helm.sh/hook: pre-install, post-upgrade\n",
            "'helm.sh/hook': test\n",
            "helm.sh/hook-weight: \"first\"\n",
            "helm.sh/hook: {{ .Values.hook }}\n",
            "# helm.sh/hook: anything\n",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }
}
