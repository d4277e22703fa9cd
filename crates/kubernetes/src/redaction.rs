//! Manifests without the values of Secrets.

use std::sync::Arc;

use crate::manifest::Manifest;

/// The text of a manifest with each value of a Secret replaced by its fingerprint.
#[must_use]
pub fn redact(manifest: &Manifest, fingerprint: &dyn Fn(&str) -> String) -> Arc<str> {
    if manifest.secrets.is_empty() {
        return manifest.text.as_str().into();
    }
    let mut spans: Vec<_> = manifest.secrets.iter().map(|secret| secret.span.clone()).collect();
    spans.sort_by_key(|span| span.start);
    let mut out = String::new();
    let mut position = 0;
    for span in spans {
        let (start, end) = (span.start.max(position), span.end.min(manifest.text.len()));
        let (Some(before), Some(value)) = (manifest.text.get(position..start), manifest.text.get(start..end)) else {
            return format!("# redacted: {}\n", fingerprint(&manifest.text)).into();
        };
        out.push_str(before);
        let body = value.trim_end();
        out.push_str(&fingerprint(body));
        out.push_str(&value[body.len()..]);
        position = end;
    }
    out.push_str(&manifest.text[position..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read_golden;

    #[test]
    fn secret_values_are_redacted_completely() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: aHVudGVyMg==\n  b: |\n    two\n    lines\nstringData: {c: \"x y\"}\ntype: Opaque\n";
        let manifest = read_golden(text, "ns").expect("an object");
        let shown = redact(&manifest, &|value| format!("<{}>", value.len()));
        assert_eq!(
            shown.as_ref(),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: <12>\n  b: |\n    <13>\nstringData: {c: <5>}\ntype: Opaque\n"
        );
    }
}
