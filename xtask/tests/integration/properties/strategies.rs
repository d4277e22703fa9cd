//! Random input: documents, objects, texts, and archives; and what another library reads in an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use diagnostics::Diagnostics;
use document::{Node, Value};
use golden::Golden;
use kubernetes::golden_file::file_names;
use kubernetes::manifest;
use kubernetes::manifest::{Manifest, Recorded};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A line that is neither blank nor a document separator.
pub(super) fn line() -> impl Strategy<Value = String> {
    "[a-zA-Z#:'\"{\\[ äß-]{0,3}[a-z][ -~é]{0,20}".prop_filter("no separator", |line| !line.starts_with("---"))
}

/// A document of a template: its source and some lines, of which the first and the last are not blank. It does not end
/// in a block scalar, which would keep trailing blank lines.
pub(super) fn document() -> impl Strategy<Value = (String, String)> {
    let lines =
        vec(prop_oneof![4 => line().prop_map(|line| line.replace(['|', '>'], "")), 1 => Just(String::new())], 0..6);
    ("[a-z]{1,8}/templates/[a-z-]{1,8}\\.yaml", lines).prop_map(|(template, lines)| {
        let text = format!("# Source: {template}\n{}\nlast: 1\n", lines.join("\n"));
        (template, text)
    })
}

/// The name of an object, from a small set, so that some names collide.
pub(super) fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-b]-[a-b]", "[a-b]\\.[A-B]", "[a-z]{1,60}", "[a-b]/[a-b]"]
}

/// An arbitrary tree, with keys that have a meaning in schemas.
pub(super) fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "(object|array|string|integer|int-or-string|byte|v1|#/definitions/(a|Quantity|b\\.JSONSchemaPropsOrBool)|[ -~]{0,4})"
            .prop_map(Into::into),
    ];
    let key = "(type|properties|items|additionalProperties|required|\\$ref|format|enum|allOf|not|nullable|a|~|/|[a-c/~ ]{0,3})";
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            proptest::collection::btree_map(key, inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The paths to all nodes of a tree.
pub(super) fn ways(node: &Node, way: &mut Vec<String>, found: &mut Vec<(Vec<String>, std::ops::Range<usize>)>) {
    found.push((way.clone(), node.span.clone()));
    let mut children: Vec<(String, &Node)> =
        node.items().iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect();
    if let Value::Mapping(entries) = &node.value {
        children.extend(entries.iter().map(|(key, node)| (key.name.clone(), node)));
    }
    for (step, child) in children {
        way.push(step);
        ways(child, way, found);
        way.pop();
    }
}

/// The text of an object.
pub(super) fn object() -> impl Strategy<Value = String> {
    let kinds = prop_oneof![Just("Service"), Just("service"), Just("Secret"), Just("Role"), Just("A-B"), Just("A")];
    let versions = prop_oneof![Just("v1"), Just("example.org/v1"), Just("Example.org/v2")];
    (versions, kinds, name(), option::of("[a-c]{1,2}"), vec("[a-z]{1,5}: [a-z]{0,8}", 0..8)).prop_map(
        |(version, kind, name, namespace, body)| {
            let namespace = namespace.map_or(String::new(), |namespace| format!("  namespace: {namespace}\n"));
            let mut seen = BTreeSet::new();
            let body = body.into_iter().filter(|line| seen.insert(line.split(':').next().map(str::to_owned)));
            let body: String = body.map(|line| format!("  {line}\n")).collect();
            let body = if body.is_empty() { String::new() } else { format!("data:\n{body}") };
            format!(
                "# Source: c/templates/x.yaml\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name:?}\n{namespace}{body}"
            )
        },
    )
}

/// Objects with unique identities.
pub(super) fn objects() -> impl Strategy<Value = Vec<Manifest>> {
    vec(object(), 0..12).prop_map(|texts| {
        let mut keys = BTreeSet::new();
        let manifests = texts.into_iter().map(|text| manifest::read_golden(&text, "ns").expect("an object"));
        manifests.filter(|manifest| keys.insert(manifest.key.clone())).collect()
    })
}

pub(super) fn recorded(manifests: &[Manifest]) -> Vec<Recorded> {
    let files = file_names(manifests);
    files.into_iter().zip(manifests.to_vec()).map(|(file, manifest)| Recorded { file, manifest }).collect()
}

pub(super) fn golden(records: &[Recorded]) -> Golden {
    let files = records.iter().map(|record| (record.file.clone(), record.manifest.text.clone().into_bytes()));
    Golden::of(files.collect())
}

/// Words of Applications, projects, scenarios, and schemas, in any order.
pub(super) fn document_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "(apiVersion|kind|metadata|name|spec|source|sources|helm|parameters|values|destination|syncPolicy|retry|limit): ",
        "(annotations|labels|finalizers|argocd.argoproj.io/(hook|sync-wave|sync-options|refresh)): ",
        "(steps|needs|namespaces|deadline|run|object|apply|expect|job|wait|about|set): ",
        "(argoproj.io/v1alpha1|Application|AppProject|x|30s|-1|0x1F|~|\\$\\{a\\}|'é'|\"ß\"|\\{\\}|\\[\\])",
        "(\n|\n  |\n    |\n- |\n  - |---\n|, |: |\\{|\\}|\\[|\\]|&a |\\*a|<<: |# é\n|\t|\r\n|\u{feff})",
        "\"(type|properties|required|\\$ref|items|allOf|additionalProperties|minLength)\": ?",
        "\"(int|string|#/a|é)\"",
    ];
    vec(word, 0..40).prop_map(|words| words.concat())
}

/// A text that parsers may accept: words, or an Application, a project, or a scenario that contains them.
pub(super) fn foreign() -> impl Strategy<Value = String> {
    let head = |kind: &str| format!("apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: x\nspec:\n  ");
    let heads = [String::new(), head("Application"), head("AppProject"), "steps:\n- name: x\n  ".to_owned()];
    (0..heads.len(), document_text()).prop_map(move |(at, text)| format!("{}{text}", heads[at]))
}

/// Whether all places of findings are inside their texts.
pub(super) fn all_inside(found: &Diagnostics) -> bool {
    let mut places = found.0.iter().flat_map(|found| &found.places);
    places.all(|(place, _)| place.source.text.get(place.span.clone().unwrap_or_default()).is_some())
}

/// A comment after a value, or none.
pub(super) fn comment() -> impl Strategy<Value = String> {
    option::of("[ -~é]{0,12}").prop_map(|text| text.map_or(String::new(), |text| format!("  # {text}")))
}

/// A source with `Ω` in the place of its URL, in several styles.
pub(super) fn source() -> impl Strategy<Value = String> {
    let quotes = || prop_oneof![Just(""), Just("'"), Just("\"")];
    let block = (quotes(), comment(), comment(), any::<bool>()).prop_map(|(quote, after, between, first)| {
        let (before, behind) = if first { ("", "\n      path: é") } else { ("path: é\n      ", "") };
        format!("    - {before}repoURL: {quote}Ω{quote}{after}{behind}{between}\n")
    });
    let flow = (quotes(), comment())
        .prop_map(|(quote, after)| format!("    - {{repoURL: {quote}Ω{quote}, path: é}}{after}\n"));
    let folded = comment().prop_map(|after| format!("    - repoURL: >-{after}\n        Ω\n      path: é\n"));
    prop_oneof![4 => block, 2 => flow, 1 => folded]
}

/// A tar header with its content, in a common format.
pub(super) fn tar_entry() -> impl Strategy<Value = Vec<u8>> {
    let kind =
        prop_oneof![8 => Just(b'0'), 2 => Just(b'5'), 2 => Just(b'x'), 1 => Just(b'L'), 1 => Just(b'g'), 1 => Just(0)];
    let path = "c/[ab]{1,2}(/[ab]{0,2})?";
    let record = prop_oneof![
        "c/[ab]{1,2}".prop_map(|path| format!("{} path={path}\n", path.len() + 9)),
        Just("9 size=1\n".to_owned()),
        Just("11 mtime=1\n".to_owned()),
        Just("25 GNU.sparse.name=c/b/b\n".to_owned()),
    ];
    (kind, path, "[ab\0]{0,9}", vec(record, 0..3), any::<bool>()).prop_map(|(kind, path, content, records, gnu)| {
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        let content = match kind {
            b'x' | b'g' => records.concat(),
            b'L' => format!("{path}\0"),
            b'5' => String::new(),
            _ => content,
        };
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let mut entry = [header.as_bytes(), content.as_bytes()].concat();
        entry.resize(entry.len().next_multiple_of(512), 0);
        entry
    })
}

/// A gzipped archive with some changed bytes and valid checksums.
pub(super) fn mutated_archive() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), "[0-9A-Zagx./\\\\ \0]".prop_map(|byte| byte.as_bytes()[0])];
    let at = prop_oneof![
        0..512_usize,
        0..12_usize,
        100..108_usize,
        124..136_usize,
        Just(156_usize),
        257..265_usize,
        345..512_usize
    ];
    let change = (any::<prop::sample::Index>(), at, any::<bool>(), byte);
    (vec(tar_entry(), 1..6), vec(change, 0..4), 0..4_usize).prop_map(|(mut entries, changes, zeros)| {
        for (entry, at, content, byte) in changes {
            let entry = entry.get_mut(&mut entries);
            let at = if content && entry.len() > 512 { 512 + at % 32 } else { at };
            entry[at] = byte;
        }
        for entry in &mut entries {
            let mut header = tar::Header::new_old();
            header.as_mut_bytes().copy_from_slice(&entry[..512]);
            header.set_cksum();
            entry[..512].copy_from_slice(header.as_bytes());
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder
            .write_all(&entries.concat())
            .and_then(|()| encoder.write_all(&vec![0; zeros * 512]))
            .expect("in memory");
        encoder.finish().expect("in memory")
    })
}

/// The files of an archive, as another library reads them; `None` if it contains anything but files and directories.
pub(super) fn library_interpretation(bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::MultiGzDecoder::new(bytes)).entries().ok()? {
        let mut entry = entry.ok()?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        match entry.header().entry_type() {
            tar::EntryType::Directory if content.is_empty() => {}
            tar::EntryType::XGlobalHeader => {}
            // Go takes a file with such a mode for a directory, a device, or the like.
            tar::EntryType::Regular if matches!(entry.header().mode().ok()? >> 12, 0 | 0o10) => {
                let path = String::from_utf8(entry.path_bytes().into_owned()).ok()?;
                if path.ends_with('/') || files.insert(path, content).is_some() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(files)
}
