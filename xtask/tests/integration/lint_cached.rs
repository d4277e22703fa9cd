//! Findings in the cache are those of a run without a cache, whatever is edited: what they are about, and where they are.

use crate::lint::sound;
use crate::support::{HELM_4, helm};

/// Edits, one after the other: a file, a text in it, and what replaces it.
const EDITS: [(&str, &str, &str); 14] = [
    // What is found.
    ("charts/web/ci/all-values.yaml", "secure: true\n", ""),
    ("charts/web/values.yaml", "note: \"\"\n", "note: \"\"\n# -- Unused.\nunused: 1\n"),
    // The same, in other places.
    ("charts/web/values.yaml", "# -- Name", "# A comment.\n\n# -- Name"),
    (
        "charts/web/templates/_helpers.tpl",
        "{{- define \"web.mode\" -}}",
        "{{/* A comment. */}}\n{{- define \"web.mode\" -}}",
    ),
    ("charts/web/ci/all-values.yaml", "name: other", "# A comment.\nname: other"),
    // Values that YAML reads alike, in the Application, and another place of them.
    (APPLICATION, "      releaseName: web\n", "      releaseName: web\n      valuesObject: {note: 1.10}\n"),
    (APPLICATION, "1.10", "1.1"),
    (APPLICATION, "1.1}", "1.10}"),
    (APPLICATION, "metadata:\n", "# A comment.\nmetadata:\n"),
    (APPLICATION, "note: 1.10", "notes: 1"),
    (APPLICATION, "      valuesObject: {notes: 1}\n", "      parameters: [{name: nota, value: a}]\n"),
    (APPLICATION, "# A comment.\n", "# A comment.\n# Another one.\n"),
    // Nothing is left to find in the case, and something again.
    ("charts/web/ci/all-values.yaml", "note: hello\n", "note: hello\nsecure: true\n"),
    ("charts/web/templates/map.yaml", "  name: {{ .Values.name }}\n", "  name: {{ .Values.name | upper }}\n"),
];

const APPLICATION: &str = "argocd/applications/web.yaml";

#[test]
fn kept_findings_are_those_of_a_run_without_a_cache() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = sound();
    // Without a schema, Helm accepts all values.
    std::fs::remove_file(bench.root().join("charts/web/values.schema.json")).expect("removed");
    let mut different = std::collections::BTreeSet::new();
    for (number, (file, old, new)) in EDITS.into_iter().enumerate() {
        bench.replace(file, old, new);
        bench.xtask("render --accept").helm(&helm).run();
        let lint = |cache: &std::path::Path| {
            let run = bench.xtask("lint --format json").env("XTASK_CACHE_DIR", cache).helm(&helm).run();
            assert!(matches!(run.code, Some(1 | 2)), "{run}");
            run.stdout
        };
        let alone = lint(&bench.base().join(format!("cache-{number}")));
        for _ in 0..2 {
            assert_eq!(lint(&bench.cache()), alone, "after edit {number}: {old} → {new}");
        }
        different.insert(alone);
    }
    assert!(different.len() > EDITS.len() / 2, "most edits change what is found, or where: {}", different.len());
}
