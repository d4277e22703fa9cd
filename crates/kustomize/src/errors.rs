//! Turns kustomize's errors into diagnostics with places in the kustomization.
//!
//! kustomize wraps an error once for every base, so the cause is at the end of one long line, and the message contains
//! absolute paths. Each kind of error that authors cause has a row in [`explain`]; any other one is shown as it is.

mod text;

use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, did_you_mean, nearest, suggestion};
use document::{Node, Value};
use toolbox::inputs;

use self::text::{between, identity, word_after};
use crate::inspect::{Inspection, clean};
use crate::kustomization::{Kustomization, get};

/// A build that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// The root that kustomize saw: the same, or that of a copy.
    pub seen_root: &'a Path,
    /// The directory of the kustomization below `root`.
    pub directory: &'a Path,
    /// What the build reads.
    pub inspection: &'a Inspection,
    /// The exit code of kustomize.
    pub code: Option<i32>,
    /// What kustomize printed to standard error.
    pub stderr: &'a str,
    /// The command that reproduces the error.
    pub by_hand: &'a str,
}

/// The fields of a kustomization.
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Explains why a build failed.
#[must_use]
pub fn explain(failure: &Failure<'_>) -> Diagnostics {
    let message = failure.message();
    let name = inputs::name(failure.root, failure.directory);
    let mut found = if message.is_empty() || failure.code.is_none() {
        let how =
            failure.code.map_or("was killed by a signal".to_owned(), |code| format!("failed with exit code {code}"));
        let printed = if message.is_empty() { "it printed nothing".to_owned() } else { message.clone() };
        Diagnostic::new(Code::KustomizeFailed, format!("kustomize {how} for `{name}`"))
            .at(failure.top(), "")
            .note(printed)
    } else {
        failure.known(&message).unwrap_or_else(|| {
            let text = message.strip_prefix("accumulating resources: ").unwrap_or(&message);
            Diagnostic::new(Code::KustomizeRefused, format!("kustomize cannot build `{name}`"))
                .at(failure.top(), "")
                .note(text.trim().to_owned())
        })
    };
    found.helps.push(format!("to reproduce it, run: {}", failure.by_hand));
    found.into()
}

impl Failure<'_> {
    /// The error without warnings, usage, and the absolute path of the root.
    fn message(&self) -> String {
        let text = self.stderr;
        let text = text.find("Error: ").map_or(text, |at| &text[at + 7..]);
        let text = text.split("\nUsage:\n").next().unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# Warning: ")).collect();
        let text = lines.join("\n");
        let root = format!("{}/", self.seen_root.display());
        text.replace(&root, "").replace(&self.seen_root.display().to_string(), ".").trim().to_owned()
    }

    /// The place of the Application's own kustomization.
    fn top(&self) -> Place {
        self.inspection.kustomizations.first().map_or_else(
            || Place::file(inputs::name(self.root, self.directory)),
            |one| Place { source: std::sync::Arc::clone(&one.source), span: None },
        )
    }

    /// The reference to a path below the root.
    fn reference(&self, path: &str) -> Option<Place> {
        let wanted = clean(&self.root.join(path));
        self.inspection.kustomizations.iter().find_map(|one| {
            let references = one.references();
            let reference =
                references.iter().find(|reference| clean(&one.directory.join(&reference.text)) == wanted)?;
            Some(reference.place.clone())
        })
    }

    /// The first reference with some text.
    fn written(&self, text: &str) -> Option<Place> {
        self.search(|one| Some(one.references().into_iter().find(|reference| reference.text == text)?.place))
    }

    /// The first node in any kustomization for which `search` returns something.
    fn search<T>(&self, search: impl Fn(&Kustomization) -> Option<T>) -> Option<T> {
        self.inspection.kustomizations.iter().find_map(search)
    }

    fn known(&self, message: &str) -> Option<Diagnostic> {
        let refused = |message: String| Diagnostic::new(Code::KustomizeRefused, message);
        let place_of = |path: &str| self.reference(path).unwrap_or_else(|| self.top());
        if message.contains("must specify --enable-helm") {
            let chart = self.inspection.charts.first();
            let name = chart.map_or_else(String::new, |chart| format!(" `{}`", chart.name));
            let place = chart.map_or_else(|| self.top(), |chart| chart.place.clone());
            return Some(
                refused(format!("the chart{name} requires the build option `--enable-helm`"))
                    .at(place, "Argo CD's build options do not contain it")
                    .help("set `build-options = \"--enable-helm\"` in `[kustomize]` in charts.toml, like `kustomize.buildOptions` in argocd-cm"),
            );
        }
        if let Some(file) = between(message, "security; file '", "'") {
            let folder = between(message, "is not in or below '", "'").unwrap_or_default();
            return Some(
                refused(format!("`{file}` is outside of the directory of the kustomization"))
                    .at(place_of(&file), format!("not in or below `{folder}`"))
                    .help("refer to a directory with a kustomization of its own, or move the file")
                    .help("or allow it: add `--load-restrictor LoadRestrictionsNone` to `build-options` in `[kustomize]` in charts.toml, and to `kustomize.buildOptions` in argocd-cm"),
            );
        }
        if let Some(field) = between(message, "unknown field \"", "\"") {
            return Some(self.unknown_field(&field));
        }
        if let Some(program) = between(message, "couldn't execute function: exec: \"", "\"") {
            return Some(
                refused(format!("the plugin `{program}` is not run"))
                    .at(self.top(), "kustomize would run it")
                    .note("of programs that kustomize finds on PATH, only `ksops` is known, without its keys")
                    .help("commit what the plugin generates, and list it in `resources`"),
            );
        }
        if message.contains("external plugins disabled") {
            return Some(
                refused("plugins require the build option `--enable-alpha-plugins`".to_owned())
                    .at(self.top(), "Argo CD's build options do not contain it")
                    .help("set `build-options = \"--enable-alpha-plugins\"` in `[kustomize]` in charts.toml, like `kustomize.buildOptions` in argocd-cm"),
            );
        }
        if message.contains("cannot unmarshal ") && message.contains(" into Go ") {
            return self.wrong_type(message);
        }
        if let Some(kustomization) = message.find("invalid Kustomization: yaml: ") {
            let what = &message[kustomization + "invalid Kustomization: yaml: ".len()..];
            return Some(self.invalid_yaml(what));
        }
        if let Some(id) = word_after(message, "may not add resource with an already registered id: ") {
            let path = text::last_between(message, "path '", "'")
                .or_else(|| text::last_between(message, "resources from '", "'"));
            let place = path.and_then(|path| self.reference(&path).or_else(|| self.written(&path)));
            let place = place.unwrap_or_else(|| self.top());
            return Some(
                refused(format!("{} is defined twice", identity(&id)))
                    .at(place, "second definition")
                    .help("remove one of the resources, or rename it; to change a resource of a base, use a patch"),
            );
        }
        self.known_patch(message).or_else(|| self.known_base(message))
    }

    /// Errors of patches and replacements.
    fn known_patch(&self, message: &str) -> Option<Diagnostic> {
        let refused = |message: String| Diagnostic::new(Code::KustomizeRefused, message);
        if message.contains("failed to find unique target for patch") || message.contains("no matches for Id ") {
            return self.no_target(message);
        }
        if let Some(path) = between(message, "doc is missing path: ", ": missing value")
            .or_else(|| between(message, "doc is missing path: \"", "\""))
        {
            let path = path.trim_matches('"');
            let place = self.patch_with(path).unwrap_or_else(|| self.top());
            return Some(
                refused(format!("a patch changes `{path}`, which its target does not have"))
                    .at(place, "")
                    .help("correct the path, or use `op: add`"),
            );
        }
        if let Some(name) = between(message, "resource with name ", " does not match a config with the following GVK") {
            let place = self.search(|one| {
                let entries = get(&one.root, "replicas")?.items().iter();
                Some(entries.filter_map(|entry| get(entry, "name")).find(|node| node.as_str() == Some(&name))?.place())
            });
            return Some(
                refused(format!("no workload has the name `{name}`"))
                    .at(place.unwrap_or_else(|| self.top()), "in `replicas`")
                    .help("use the name of a Deployment, StatefulSet, ReplicaSet, or ReplicationController, or delete the entry"),
            );
        }
        if let Some(source) = word_after(message, "nothing selected by ") {
            let place = self.search(|one| Some(one.root.get("replacements")?.place())).unwrap_or_else(|| self.top());
            return Some(
                refused(format!("the source of a replacement does not exist: {}", identity(&source)))
                    .at(place, "")
                    .help("correct `source`, or add the resource"),
            );
        }
        None
    }

    /// Errors of what a kustomization refers to.
    fn known_base(&self, message: &str) -> Option<Diagnostic> {
        let refused = |message: String| Diagnostic::new(Code::KustomizeRefused, message);
        let place_of = |path: &str| self.reference(path).unwrap_or_else(|| self.top());
        if let Some(path) = between(message, "cycle detected: candidate root '", "'") {
            return Some(
                refused(format!("`{path}` refers to itself"))
                    .at(place_of(&path), "is the kustomization itself, or contains it")
                    .help("remove the reference"),
            );
        }
        if let Some(path) = between(message, "expected kind 'Component' for path '", "'") {
            return Some(
                refused(format!("`{path}` is not a component"))
                    .at(place_of(&path), "its kustomization has a different `kind`")
                    .help("list it in `resources`, or set `kind: Component` in its kustomization"),
            );
        }
        if let Some(path) = between(message, "expected kind != 'Component' for path '", "'") {
            return Some(
                refused(format!("`{path}` is a component"))
                    .at(place_of(&path), "its kustomization has `kind: Component`")
                    .help("list it in `components`"),
            );
        }
        if let Some(path) = between(message, "Found multiple kustomization files under: ", "\n")
            .or_else(|| message.strip_prefix("Found multiple kustomization files under: ").map(str::to_owned))
        {
            return Some(
                refused(format!("`{}` contains more than one kustomization file", path.trim()))
                    .at(self.reference(&path).unwrap_or_else(|| self.top()), "")
                    .help("keep one of kustomization.yaml, kustomization.yml, and Kustomization"),
            );
        }
        if let Some(path) =
            between(message, "in directory '", "'").filter(|_| message.contains("unable to find one of "))
        {
            return Some(
                refused(format!("`{path}` contains no kustomization file"))
                    .at(place_of(&path), "")
                    .help("add a kustomization.yaml to the directory, or list its files"),
            );
        }
        if message.ends_with("kustomization.yaml is empty") {
            let path = text::last_between(message, "for path '", "'");
            let place = path.and_then(|path| self.reference(&path)).unwrap_or_else(|| self.top());
            return Some(refused("a kustomization is empty".to_owned()).at(place, "").help("add `resources`"));
        }
        if let Some(path) = between(message, "lstat ", ": no such file or directory") {
            return Some(self.missing(message, &path));
        }
        if let Some(file) = text::last_between(message, "resources from '", "'")
            && (message.contains("MalformedYAMLError") || message.contains("missing Resource metadata"))
        {
            return Some(self.invalid_resource(message, &file));
        }
        None
    }

    /// A file or directory that does not exist; `seen` is the part of the path at which the search ended.
    fn missing(&self, message: &str, seen: &str) -> Diagnostic {
        let path = between(message, "evalsymlink failure on '", "'").unwrap_or_else(|| seen.to_owned());
        let place = self.reference(&path);
        let written = place.as_ref().and_then(|place| place.source.text.get(place.span.clone()?));
        let written = written.map(|text| text.trim_matches(['"', '\''])).filter(|text| !text.contains('\n'));
        let shown = written.map_or_else(|| path.clone(), |text| text.rsplit('=').next().unwrap_or(text).to_owned());
        let full = self.root.join(&path);
        let folder = full.parent().unwrap_or(self.root);
        let names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let wanted = full.file_name().unwrap_or_default().to_string_lossy();
        let help = match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(near) => did_you_mean(near),
            None => "create it, or remove it from the kustomization".into(),
        };
        Diagnostic::new(Code::KustomizeRefused, format!("`{shown}` does not exist"))
            .at(place.unwrap_or_else(|| self.top()), format!("resolves to `{path}`"))
            .help(help)
    }

    fn unknown_field(&self, field: &str) -> Diagnostic {
        // The text of the JSON decoder does not say in which file the field is.
        let place = self.search(|one| key_place(&one.root, field));
        let (place, top) = place.unwrap_or_else(|| (self.top(), false));
        let help = if top {
            suggestion(field, FIELDS.iter().copied())
        } else {
            "delete the field; the reference of kustomize lists those that exist".into()
        };
        Diagnostic::new(Code::KustomizeRefused, format!("unknown field `{field}` in a kustomization"))
            .at(place, "")
            .help(help)
    }

    fn wrong_type(&self, message: &str) -> Option<Diagnostic> {
        let path = between(message, "struct field ", " of type")?;
        let field = path.rsplit('.').next().unwrap_or(&path);
        let kind = message.split(" of type ").nth(1)?.split_whitespace().next()?;
        let expected = match kind {
            "string" | "types.PatchStrategicMerge" => "a string",
            "bool" => "a boolean",
            kind if kind.starts_with("int") => "an integer",
            kind if kind.starts_with("[]string") => "a list of strings",
            kind if kind.starts_with("[]") => "a list",
            _ => "a mapping",
        };
        let fits = |node: &Node| match expected {
            "a string" => matches!(node.value, Value::String(_)),
            "a boolean" => matches!(node.value, Value::Bool(_)),
            "a mapping" => matches!(node.value, Value::Mapping(_)),
            "an integer" => false,
            _ => matches!(node.value, Value::Sequence(_)),
        };
        let node =
            self.search(|one| find(&one.root, &|key, node| key.eq_ignore_ascii_case(field) && !fits(node)).cloned());
        // The entries of a list have the wrong type, not the list.
        if let Some(list) = node.as_ref().filter(|node| expected == "a mapping" && !node.items().is_empty()) {
            let entry = list.items().iter().find(|item| !fits(item)).unwrap_or(list);
            return Some(
                Diagnostic::new(Code::KustomizeRefused, format!("an entry of `{field}` must be a mapping"))
                    .at(entry.place(), format!("found {}", entry.describe())),
            );
        }
        let mut found = Diagnostic::new(Code::KustomizeRefused, format!("`{field}` must be {expected}"));
        found = match &node {
            Some(node) => found.at(node.place(), format!("found {}", node.describe())),
            None => found.at(self.top(), ""),
        };
        let scalar = node.is_some_and(|node| matches!(node.value, Value::Number(_) | Value::Bool(_)));
        Some(if expected == "a string" && scalar { found.help("quote the value") } else { found })
    }

    fn invalid_yaml(&self, what: &str) -> Diagnostic {
        let broken =
            |one: &Kustomization| matches!(one.root.value, Value::Null).then(|| std::sync::Arc::clone(&one.source));
        let source = self.search(broken);
        let line = between(what, "line ", ":").and_then(|line| line.parse().ok());
        let place = match (source, line) {
            (Some(source), Some(line)) => Place::line(&source, line),
            (Some(source), None) => Place { source, span: None },
            _ => self.top(),
        };
        let reason = what.split_once(": ").filter(|_| line.is_some()).map_or(what, |(_, reason)| reason);
        Diagnostic::new(Code::KustomizeRefused, format!("a kustomization is not valid YAML: {}", reason.trim()))
            .at(place, "here or in the line above")
    }

    fn invalid_resource(&self, message: &str, file: &str) -> Diagnostic {
        let path = self.search(|one| {
            let path = clean(&one.directory.join(file));
            (path.is_file() && one.references().iter().any(|reference| reference.text == file)).then_some(path)
        });
        let Some(path) = path else {
            return Diagnostic::new(Code::KustomizeRefused, format!("`{file}` is not a valid resource"))
                .at(self.top(), "")
                .note(message.to_owned());
        };
        let name = inputs::name(self.root, &path);
        let source = toolbox::source::read(self.root, &path).ok();
        let line = between(message, "yaml: line ", ":").and_then(|line| line.parse().ok());
        let place = match (source, line) {
            (Some(source), Some(line)) => Place::line(&source, line),
            _ => Place::file(&name),
        };
        if message.contains("missing Resource metadata") {
            return Diagnostic::new(Code::KustomizeRefused, format!("`{name}` is not a Kubernetes object"))
                .at(place, "")
                .at(self.reference(&name).unwrap_or_else(|| self.top()), "listed here")
                .help("add `apiVersion`, `kind`, and `metadata.name`, or remove the file from `resources`");
        }
        let why = between(message, "MalformedYAMLError: yaml: ", " in File").unwrap_or_default();
        let why = why.split_once(": ").map_or(why.as_str(), |(_, why)| why).to_owned();
        Diagnostic::new(Code::KustomizeRefused, format!("`{name}` is not valid YAML: {why}"))
            .at(place, "here or in the line above")
    }

    fn no_target(&self, message: &str) -> Option<Diagnostic> {
        let id = word_after(message, "failed to find unique target for patch ")
            .or_else(|| word_after(message, "no matches for Id "))?;
        let id = id.trim_end_matches(';');
        let name = between(id, "/", ".[")
            .or_else(|| id.split_once('/').map(|(_, name)| name.split('.').next().unwrap_or(name).to_owned()));
        let place = name.and_then(|name| self.patch_with(&format!("name: {name}"))).unwrap_or_else(|| self.top());
        let several = message.contains("multiple matches");
        let what = if several { "several resources match" } else { "no resource matches" };
        Some(
            Diagnostic::new(Code::KustomizeRefused, format!("{what} a patch for {}", identity(id)))
                .at(place, "this patch")
                .help(if several {
                    "set `target` with the namespace"
                } else {
                    "correct the kind or the name in the patch, or delete it"
                }),
        )
    }

    /// The place of the patch that contains a text, in a kustomization or in a file.
    fn patch_with(&self, text: &str) -> Option<Place> {
        self.search(|one| {
            for key in ["patches", "patchesStrategicMerge", "patchesJson6902"] {
                for item in one.root.items_at(&[key]) {
                    let inline = item.get("patch").unwrap_or(item);
                    if inline.as_str().is_some_and(|patch| patch.contains(text)) {
                        return Some(inline.place());
                    }
                    let path = item.get("path").unwrap_or(item);
                    let file: Option<PathBuf> = path.as_str().map(|path| clean(&one.directory.join(path)));
                    let file = file.filter(|file| file.starts_with(self.root));
                    let source = file.and_then(|file| toolbox::source::read(self.root, &file).ok());
                    if let Some((source, at)) =
                        source.and_then(|source| Some((source.clone(), source.text.find(text)?)))
                    {
                        return Some(Place::new(&source, at..at + text.len()));
                    }
                }
            }
            None
        })
    }
}

/// The place of a key anywhere in a tree, and whether it is a field of the whole kustomization.
fn key_place(root: &Node, field: &str) -> Option<(Place, bool)> {
    if root.get(field).is_some() && !FIELDS.contains(&field) {
        return Some((root.key_place(field), true));
    }
    let holder = find_holder(root, field)?;
    Some((holder.key_place(field), false))
}

/// A mapping below a node that has a key.
fn find_holder<'a>(node: &'a Node, field: &str) -> Option<&'a Node> {
    let children = node.entries().iter().map(|(_, child)| child).chain(node.items());
    for child in children {
        if child.get(field).is_some() {
            return Some(child);
        }
        if let Some(found) = find_holder(child, field) {
            return Some(found);
        }
    }
    None
}

/// The first value below a node whose key and content fit.
fn find<'a>(node: &'a Node, fits: &dyn Fn(&str, &Node) -> bool) -> Option<&'a Node> {
    for (key, child) in node.entries() {
        if fits(&key.name, child) {
            return Some(child);
        }
    }
    node.entries().iter().map(|(_, child)| child).chain(node.items()).find_map(|child| find(child, fits))
}

#[cfg(test)]
mod tests;
