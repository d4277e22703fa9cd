//! Renders in the cache: what a target rendered when it had the same inputs, on any branch and in any checkout.
//!
//! Their inputs are those of render.lock, which states everything that decides the output, and the namespace and the kinds of
//! the sources. A program that `XTASK_HELM` and the like name is an input, too. What a plugin renders is not kept, because
//! nobody knows what it reads.

use kubernetes::manifest::Recorded;
use toolbox::environment::Environment;
use toolbox::results::Results;
use workspace::target::{Part, Target};

use crate::goldens;

/// The part of the results.
pub const KIND: &str = "renders";

/// The programs that render.
const PROGRAMS: [&str; 3] = ["helm", "jsonnet", "kustomize"];

/// What a target rendered from the same inputs.
#[must_use]
pub fn find(results: &Results, target: &Target<'_>) -> Option<Vec<Recorded>> {
    decode(&results.find(KIND, &key(results, target)?)?, &target.namespace)
}

/// Keeps what a target rendered.
pub fn keep(results: &Results, target: &Target<'_>, rendered: &[Recorded]) {
    let bytes = encode(rendered);
    // What would be read as something else is rendered each time.
    if decode(&bytes, &target.namespace).as_deref() == Some(rendered)
        && let Some(key) = key(results, target)
    {
        results.keep(KIND, &key, &bytes);
    }
}

/// The key of what a target renders; `None` if it depends on more than its inputs, or if no program renders it, so that
/// reading its files takes no longer.
fn key(results: &Results, target: &Target<'_>) -> Option<String> {
    let reads_only = |part: &Part<'_>| matches!(part.inner(), Part::Directory(source) if source.evaluation.is_none());
    if target.parts.iter().all(reads_only) {
        return None;
    }
    let kinds: Option<Vec<&str>> = target.parts.iter().map(kind).collect();
    let kinds = kinds?.join(" ");
    let programs = PROGRAMS.map(|name| (name, Environment::tool_facts(name)));
    let own = [("namespace", target.namespace.as_str()), ("sources", kinds.as_str())];
    let programs = programs.iter().filter_map(|(name, facts)| Some((*name, facts.as_deref()?)));
    let inputs = target.inputs.all();
    let inputs = inputs.iter().map(|(name, digest)| (&**name, &**digest));
    Some(results.key(own.into_iter().chain(programs).chain(inputs)))
}

/// What a part is rendered by; `None` for a plugin.
fn kind(part: &Part<'_>) -> Option<&'static str> {
    Some(match part {
        Part::Chart(_) => "chart",
        Part::RemoteChart(_) => "remote-chart",
        Part::Kustomize(_) => "kustomize",
        Part::Directory(_) => "directory",
        Part::Elsewhere(_, part) => kind(part)?,
        Part::Plugin(_) => return None,
    })
}

/// Each object as the length of its text, the name of its golden, its template and those of the renders that it replaces,
/// and its text.
fn encode(rendered: &[Recorded]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Recorded { file, manifest } in rendered {
        let text = &manifest.text;
        let templates = [std::slice::from_ref(&manifest.template), &manifest.replaced].concat().join("\t");
        bytes.extend_from_slice(format!("{} {file}\n{templates}\n{text}", text.len()).as_bytes());
    }
    bytes
}

fn decode(bytes: &[u8], namespace: &str) -> Option<Vec<Recorded>> {
    let mut rest = std::str::from_utf8(bytes).ok()?;
    let mut recorded = Vec::new();
    while !rest.is_empty() {
        let (head, body) = rest.split_once('\n')?;
        let (length, file) = head.split_once(' ')?;
        let (templates, body) = body.split_once('\n')?;
        let (text, others) = body.split_at_checked(length.parse().ok()?)?;
        let mut one = goldens::read(file, text, namespace)?;
        // The second document of a file does not name it.
        let mut templates = templates.split('\t').map(str::to_owned);
        one.manifest.template = templates.next()?;
        one.manifest.replaced = templates.collect();
        recorded.push(one);
        rest = others;
    }
    Some(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubernetes::{applied, manifest};

    #[test]
    fn a_render_is_read_as_it_was() {
        let output = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  é: |+\n    x\n\n\
                      ---\n# Source: web/templates/b.yaml\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}, data: {k: aGVsbG8=}}\n\
                      ---\n# Source: web/templates/c.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: c, namespace: other}\nstringData: {password: hunter2}\n";
        let rendered = applied::recorded(manifest::read(output.as_bytes(), "ns").expect("manifests"));
        assert_eq!(rendered.len(), 3);
        let bytes = encode(&rendered);
        assert_eq!(decode(&bytes, "ns"), Some(rendered));
        assert_eq!(decode(&[], "ns"), Some(Vec::new()));
        for end in 1..bytes.len() - 1 {
            // The last object may be shorter, but not without a difference in its length.
            assert_eq!(decode(&bytes[..end], "ns").filter(|read| read.len() == 3), None, "{end}");
        }
    }
}
