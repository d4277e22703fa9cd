//! render.lock: the digests of a target's inputs and goldens.
//!
//! It is a committed cache, so an unreadable file (a merge conflict, an older format) is not an error: the target is
//! rendered and the file is rewritten.

use std::sync::Arc;

use diagnostics::Source;
use document::{Node, json, toml};
use kubernetes::manifest::Recorded;
use toolbox::inputs::Inputs;

/// The file name in a target's directory.
pub const FILE: &str = "render.lock";

/// The format version. Increase it when the meaning of the contents changes; every target is then rendered again.
const VERSION: &str = "1";

/// The contents of a render.lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The digest of each input, by name.
    pub inputs: Inputs,
    /// The digest of each golden, by file name.
    pub outputs: Inputs,
    /// What rendered the object of a golden before, and is not applied, by file name: the names of templates.
    pub replaced: Inputs,
}

/// Separates names of templates.
const SEPARATOR: &str = ", ";

/// The names of templates in one text, as [`names`] reads them.
fn joined(names: &[String]) -> String {
    names.join(SEPARATOR)
}

/// The names of templates in [`Lock::replaced`].
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    text.split(SEPARATOR).map(str::to_owned).collect()
}

impl Lock {
    /// The lock of a render from inputs, whose goldens have these digests.
    #[must_use]
    pub fn of(inputs: Inputs, outputs: Inputs, rendered: &[Recorded]) -> Self {
        let replaced = rendered.iter().filter(|one| !one.manifest.replaced.is_empty());
        let replaced = replaced.map(|one| (one.file.as_str().into(), joined(&one.manifest.replaced).into())).collect();
        Self { inputs, outputs, replaced }
    }

    /// Parses a render.lock. Returns `None` if it is not one of this version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_written(text).or_else(|| Self::parse_toml(text))
    }

    /// Parses a file as [`Self::to_text`] writes it, which takes a fraction of the time.
    fn parse_written(text: &str) -> Option<Self> {
        let word = |text: &str| json::plain(text).map(Arc::from);
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        (lines.next()? == format!("version = {VERSION}") && lines.next()? == "[inputs]").then_some(())?;
        let mut lock = Self::default();
        let mut table = &mut lock.inputs;
        let mut last = false;
        for line in lines {
            if line == "[outputs]" && !last {
                (table, last) = (&mut lock.outputs, true);
                continue;
            }
            let (key, value) = line.split_once('=')?;
            // A key with the separator in it, and one that occurs twice, are left to the other parser.
            let (key, value) = (key.strip_suffix(' ')?, value.strip_prefix(' ')?);
            if table.insert(word(key)?, word(value)?).is_some() {
                return None;
            }
        }
        last.then_some(lock)
    }

    fn parse_toml(text: &str) -> Option<Self> {
        let root = toml::parse(&Source::new(FILE, text)).ok()?;
        if root.get("version")?.to_json() != VERSION {
            return None;
        }
        let table = |name: &str| -> Option<Inputs> {
            let entries = root.get(name)?.entries().iter();
            entries.map(|(key, node): &(_, Node)| Some((key.name.as_str().into(), node.as_str()?.into()))).collect()
        };
        let replaced = if root.get("replaced").is_some() { table("replaced")? } else { Inputs::new() };
        Some(Self { inputs: table("inputs")?, outputs: table("outputs")?, replaced })
    }

    /// The text of the file: one line per entry, sorted by name, so that a diff shows which inputs changed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text =
            "# What these goldens were rendered from. Written by `cargo xtask render`, not by hand.\n".to_owned();
        text.push_str(&format!("version = {VERSION}\n"));
        let replaced = ("replaced", &self.replaced);
        let tables = [("inputs", &self.inputs), ("outputs", &self.outputs)].into_iter();
        for (name, table) in tables.chain((!self.replaced.is_empty()).then_some(replaced)) {
            text.push_str(&format!("\n[{name}]\n"));
            for (key, value) in table {
                text.push_str(&format!("{} = {}\n", json::quoted(key), json::quoted(value)));
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
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let lock = Lock {
            inputs: pairs(&[("charts/a \"b\"/x.yaml", "sha256:1"), ("helm", "4.2.1")]),
            outputs: pairs(&[("service-a.yaml", "sha256:2")]),
            replaced: pairs(&[("service-a.yaml", "web/templates/a.yaml, web/templates/b.yaml")]),
        };
        let text = lock.to_text();
        assert_eq!(Lock::parse(&text), Some(lock.clone()));
        assert_eq!(Lock::parse_written(&text), None, "quotes in names are left to the other parser");
        let plain = text.replace("\\\"b\\\"", "b = c");
        assert_eq!(Lock::parse_toml(&plain), Lock::parse(&plain));
        let without = Lock { replaced: Inputs::new(), ..lock };
        assert_eq!(Lock::parse(&without.to_text()), Some(without.clone()));
        let text = without.to_text();
        let plain = text.replace("\\\"b\\\"", "b");
        assert_eq!(Lock::parse_written(&plain), Lock::parse_toml(&plain));
        assert_eq!(Lock::parse(&plain.replace('\n', "\r\n")), Lock::parse(&plain));
    }

    #[test]
    fn an_invalid_lock_is_none() {
        for text in [
            "",
            "version = 1\n[inputs]\n\"a\" = \"1\"\n\"a\" = \"1\"\n[outputs]\n",
            "version = 2\n[inputs]\n[outputs]\n",
            "<<<<<<< ours\n",
            "version = 1\n[inputs]\na = 1\n[outputs]\n",
        ] {
            assert_eq!(Lock::parse(text), None, "{text}");
        }
    }
}
