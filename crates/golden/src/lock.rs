//! render.lock: what a target's goldens were rendered from, and the digest of each of them.
//!
//! It is a cache that is committed, so a file that cannot be read (a merge conflict, an older format) is no error: the
//! target is rendered and the file written anew.

use std::collections::BTreeMap;

use diagnostics::Source;
use document::{Node, toml};
use toolbox::inputs::Inputs;

/// The file's name in a target's folder.
pub const FILE: &str = "render.lock";

/// Raised whenever what is recorded changes its meaning, so that every target is rendered anew.
const VERSION: &str = "1";

/// What render.lock records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Inputs by name, each with its digest.
    pub inputs: Inputs,
    /// Goldens by file name, each with its digest.
    pub outputs: BTreeMap<String, String>,
}

impl Lock {
    /// Reads the text of a render.lock; `None` when it is not one of this version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let root = toml::parse(&Source::new(FILE, text)).ok()?;
        if root.get("version")?.to_json() != VERSION {
            return None;
        }
        let table = |name: &str| -> Option<BTreeMap<String, String>> {
            let entries = root.get(name)?.entries().iter();
            entries.map(|(key, node): &(_, Node)| Some((key.name.clone(), node.as_str()?.to_owned()))).collect()
        };
        Some(Self { inputs: table("inputs")?, outputs: table("outputs")? })
    }

    /// The text of the file: one line an entry, in order of name, so that a diff tells what moved.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text =
            "# What these goldens were rendered from. Written by `cargo xtask render`, not by hand.\n".to_owned();
        text.push_str(&format!("version = {VERSION}\n"));
        for (name, table) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            text.push_str(&format!("\n[{name}]\n"));
            for (key, value) in table {
                text.push_str(&format!("{} = {}\n", toml::quoted(key), toml::quoted(value)));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_round_trip() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let lock = Lock {
            inputs: pairs(&[("charts/a \"b\"/x.yaml", "sha256:1"), ("helm", "4.2.1")]),
            outputs: pairs(&[("service-a.yaml", "sha256:2")]),
        };
        assert_eq!(Lock::parse(&lock.to_text()), Some(lock));
    }

    #[test]
    fn what_is_no_lock_is_none() {
        for text in
            ["", "version = 2\n[inputs]\n[outputs]\n", "<<<<<<< ours\n", "version = 1\n[inputs]\na = 1\n[outputs]\n"]
        {
            assert_eq!(Lock::parse(text), None, "{text}");
        }
    }
}
