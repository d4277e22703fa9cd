//! The structure of the tool: which crate depends on which, and that no two modules depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::support::repository;

/// The crates of the repository, lowest first.
const CRATES: [&str; 13] = [
    "crates/yaml-events",
    "crates/digests",
    "crates/diagnostics",
    "crates/document",
    "crates/toolbox",
    "crates/kubernetes",
    "crates/argocd",
    "crates/kustomize",
    "crates/helm",
    "crates/workspace",
    "crates/golden",
    "crates/cluster",
    "xtask",
];

/// Modules of a crate by path (`validate::rules`, empty for lib.rs), each with the modules that it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_do_not_depend_on_each_other_in_a_cycle() {
    let mut cycles = Vec::new();
    for name in CRATES {
        let graph = modules(&repository().join(name).join("src"));
        cycles.extend(cycle(&graph).map(|path| format!("{name}: {}", path.join(" → "))));
    }
    assert!(cycles.is_empty(), "these modules depend on each other:\n{}", cycles.join("\n"));
}

#[test]
fn a_cycle_is_found() {
    let edge = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let graph = Graph::from([edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("d", "a")]);
    assert_eq!(cycle(&graph), Some(["b", "c", "b"].map(str::to_owned).to_vec()));
}

#[test]
fn architecture_shows_the_crates_as_they_are() {
    let mut picture = String::new();
    for name in CRATES.iter().rev() {
        let manifest = std::fs::read_to_string(repository().join(name).join("Cargo.toml")).expect("a manifest");
        let used = CRATES.iter().rev().filter_map(|other| {
            let other = other.rsplit('/').next()?;
            manifest
                .split("[dev-dependencies]")
                .next()?
                .contains(&format!("\n{other}.workspace = true"))
                .then_some(other)
        });
        let used = used.collect::<Vec<_>>().join(", ");
        let line = format!("{:<12} → {used}", name.rsplit('/').next().unwrap_or(name));
        let _ = writeln!(picture, "{}", line.trim_end_matches([' ', '→']));
    }
    let architecture = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    assert!(architecture.contains(&picture), "ARCHITECTURE.md does not show the crates as they are:\n\n{picture}");
}

/// The modules of a crate, and which of them each one uses outside of its tests.
fn modules(source: &Path) -> Graph {
    let mut files = BTreeMap::new();
    let mut folders = vec![source.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.insert(module_path(source, &path), path);
            }
        }
    }
    let known: BTreeSet<Vec<String>> = files.keys().cloned().collect();
    files.iter().filter(|(module, _)| *module != &["main"]).map(|(module, path)| uses(module, path, &known)).collect()
}

fn module_path(source: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source).expect("inside").with_extension("");
    let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts == ["lib"] { Vec::new() } else { parts }
}

fn uses(module: &[String], file: &PathBuf, known: &BTreeSet<Vec<String>>) -> (String, BTreeSet<String>) {
    let text = std::fs::read_to_string(file).expect("text");
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut paths = Paths::default();
    paths.visit_file(&parsed);
    let mut used = BTreeSet::new();
    for path in paths.found {
        let Some(absolute) = absolute(module, &path, known) else { continue };
        // The longest beginning that is a module: what is after it is one of its items.
        let longest = (0..=absolute.len()).rev().map(|length| &absolute[..length]).find(|part| known.contains(*part));
        if let Some(other) = longest.filter(|other| *other != module) {
            used.insert(other.join("::"));
        }
    }
    // lib.rs lists modules, and names what the crate offers; a module that used it would depend on all of them.
    (module.join("::"), used)
}

/// A path from the root of the crate; `None` where it leads into another crate.
fn absolute(module: &[String], path: &[String], known: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|step| step == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        // A module that this one declares is used by its bare name.
        name => {
            let child = [module, &[name.to_owned()]].concat();
            if !known.contains(&child) {
                return None;
            }
        }
    }
    Some([base, rest.to_vec()].concat())
}

/// Every path of a file outside of its tests.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.tree(&[before, &[path.ident.to_string()]].concat(), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(before, item)),
            syn::UseTree::Name(name) => self.found.push([before, &[name.ident.to_string()]].concat()),
            syn::UseTree::Rename(name) => self.found.push([before, &[name.ident.to_string()]].concat()),
            syn::UseTree::Glob(_) => self.found.push(before.to_vec()),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
        };
        if !item.attrs.iter().any(test) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A single name is a local variable or something that a `use` imported.
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.found.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        // The arguments of `format!`, `vec!`, and their like are expressions.
        type Arguments = syn::punctuated::Punctuated<syn::Expr, syn::Token![,]>;
        if let Ok(arguments) = item.parse_body_with(Arguments::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }
}

/// A cycle of a graph, the first module again at its end.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(graph, start, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    graph: &'a Graph,
    module: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(first) = way.iter().position(|step| *step == module) {
        return Some(way[first..].iter().chain([&module]).map(|step| (*step).to_owned()).collect());
    }
    if !done.insert(module) {
        return None;
    }
    way.push(module);
    let found = graph.get(module)?.iter().find_map(|next| walk(graph, next, way, done));
    way.pop();
    found
}
