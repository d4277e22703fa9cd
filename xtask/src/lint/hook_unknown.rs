//! Helm hooks that do not exist, as written in templates.
//!
//! Helm silently drops an object whose only hook is unknown, so the render does not show it. Therefore this check reads
//! the templates, as YAML between their actions. Hooks that an action computes are not checked; Argo CD's own hooks stay
//! in the render, see `argocd_annotations`.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, suggestion};
use document::yaml;

use super::subject::Subject;
use crate::lint::template;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::AnnotationUnknown];

const KEY: &str = "helm.sh/hook";

/// The hooks of Helm.
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

/// Checks the templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let templates = subject.sources.of(chart).templates();
        // Most templates have none, and are not parsed.
        for (_, source) in templates.filter(|(_, source)| source.text.contains("hook")) {
            diagnostics.extend(unknown(source));
        }
    }
    diagnostics
}

fn unknown(source: &Arc<Source>) -> Diagnostics {
    let mut found = Vec::new();
    let text = template::without_actions(&source.text);
    let mut start = 0;
    // One by one, so that one which cannot be read does not hide the others.
    for document in text.split("\n---") {
        for node in yaml::values_of(&Source::new("", document), KEY) {
            let span = start + node.span.start..start + node.span.end;
            let Some(written) = source.text.get(span.clone()).filter(|written| !written.contains("{{")) else {
                continue;
            };
            let words = node.as_str().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
            for word in words.filter(|word| !HOOKS.contains(word)) {
                let from = span.start + written.find(word).unwrap_or_default();
                found.push(
                    Diagnostic::new(Code::AnnotationUnknown, format!("unknown Helm hook `{word}`"))
                        .at(Place::new(source, from..from + word.len()), "Helm drops an object with only this hook")
                        .help(suggestion(word, HOOKS)),
                );
            }
        }
        start += document.len() + "\n---".len();
    }
    Diagnostics(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(text: &str) -> Vec<String> {
        let found = unknown(&Source::new("x.yaml", text));
        found.0.iter().map(|found| format!("{} {}", found.places[0].0, found.helps[0])).collect()
    }

    #[test]
    fn unknown_hooks_are_marked() {
        let text = "a: b\nc:\n    \"helm.sh/hook\": pre-install,post-upgrde # why\n";
        assert_eq!(reported(text), ["x.yaml:3:33 did you mean `post-upgrade`?"]);
        assert_eq!(reported("helm.sh/hook: \"pre-instal\"\n"), ["x.yaml:1:16 did you mean `pre-install`?"]);
        assert_eq!(
            reported("metadata: {name: a, annotations: {helm.sh/hook: pre-instal}}\n"),
            ["x.yaml:1:49 did you mean `pre-install`?"]
        );
        assert_eq!(reported("helm.sh/hook: >-\n  pre-instal\n"), ["x.yaml:2:3 did you mean `pre-install`?"]);
    }

    #[test]
    fn every_branch_and_document_is_read() {
        let text = "a: [\n---\nannotations:\n{{- if .x }}\n  helm.sh/hook: pre-instal\n{{- else }}\n  helm.sh/hook: pre-upgrad\n{{- end }}\n  b: {{ .c }}\n";
        assert_eq!(
            reported(text),
            ["x.yaml:5:17 did you mean `pre-install`?", "x.yaml:7:17 did you mean `pre-upgrade`?"]
        );
        let text = "{{- define \"a\" }}\n    app: a\n{{- end }}\n{{- define \"b\" }}\nhelm.sh/hook: tst\n{{- end }}\n";
        assert_eq!(reported(text), ["x.yaml:5:15 did you mean `test`?"]);
    }

    #[test]
    fn known_and_computed_hooks_are_accepted() {
        for text in [
            "helm.sh/hook: pre-install, post-upgrade\n",
            "'helm.sh/hook': test\n",
            "metadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n",
            "metadata: {annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: \"1\"}}\n",
            "{metadata: {annotations: {helm.sh/hook: {{ .Values.hook }}}}}\n",
            "helm.sh/hook-weight: \"first\"\n",
            "helm.sh/hook: {{ .Values.hook }}\n",
            "helm.sh/hook: pre-{{ .Values.hook }}\n",
            "# helm.sh/hook: anything\n",
            "{{/* helm.sh/hook: anything */}}\n",
            "data:\n  a: |\n    helm.sh/hook: anything\n",
        ] {
            assert_eq!(reported(text), [""; 0], "{text}");
        }
    }
}
