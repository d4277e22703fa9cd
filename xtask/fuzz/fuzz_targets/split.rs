//! Helm's output, whatever it is: splitting loses no text, and what is read keeps the rules that goldens rest on.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use xtask::manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(pieces) = manifest::split(text)
    {
        for piece in &pieces {
            assert!(text.contains(piece.text.trim_end()), "a piece is not of the text");
            let again = manifest::split(&piece.text).expect("no separator is left in a piece");
            assert!(again.len() == 1 && again[0].text == piece.text, "a golden does not read back as itself");
        }
    }
    let Ok(manifests) = manifest::read(bytes, "ns") else { return };
    let names = manifest::file_names(&manifests);
    let unique: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(unique.len(), manifests.len(), "two objects have one file");
    for manifest in &manifests {
        let shown = manifest::redact(manifest, &|_| "<secret>".to_owned());
        assert!(manifest.secrets.is_empty() || !shown.is_empty());
        assert!(manifest::read_golden(&manifest.text, "ns").is_some(), "a golden is no object");
    }
});
