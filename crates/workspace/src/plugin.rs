//! Sources that a config management plugin renders, and `[[plugin]]` in charts.toml, which declares its command.

use std::path::{Path, PathBuf};

use argocd::application::{Application, Source};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result};
use document::{Fields, Node, Syntax, Value};
use kubernetes::shell::{is_shell, takes_script};
use toolbox::archive::sha256;

use crate::globs::{self, globs};

/// The command of a config management plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// The name by which sources select it.
    pub name: String,
    /// The program and its arguments: `generate.command` and `generate.args` of the plugin.
    pub command: Vec<String>,
    /// The patterns of files by which it is found in the directory of a source that names no plugin.
    pub discover: Vec<String>,
    /// Whether it renders only sources with a `plugin` section.
    pub explicit: bool,
    /// The place of the entry.
    pub place: Place,
}

impl Plugin {
    /// Reads an entry.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, "plugin[]", Syntax::Config);
        let name = fields.required_string("name");
        fields.required("command");
        let command: Vec<String> = fields.strings("command").into_iter().map(|(word, _)| word).collect();
        if node.get("command").is_some() && command.is_empty() {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, "`plugin[].command` must not be empty")
                    .at(node.place(), "expected a program and its arguments, as in `[\"sh\", \"-c\", \"…\"]`"),
            );
        }
        let discover = match node.get("discover") {
            Some(one) if one.as_str().is_some() => fields.string("discover").into_iter().collect(),
            _ => globs(&mut fields, "discover", "**/Chart.yaml"),
        };
        let explicit = fields.bool("explicit");
        fields.finish(diagnostics);
        Some(Self { name: name?, command, discover, explicit, place: node.place() })
    }

    /// The script, if the command is a shell with one.
    pub(crate) fn script(&self) -> Option<&str> {
        match self.command.as_slice() {
            [program, flag, script] if is_shell(program) && takes_script(flag) => Some(script),
            _ => None,
        }
    }

    /// An entry with a command.
    #[cfg(test)]
    pub(crate) fn of_command(command: &[&str]) -> Self {
        Self {
            name: "a".to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            discover: Vec::new(),
            explicit: false,
            place: Place::file("charts.toml"),
        }
    }

    /// The flags of a command that is only `kustomize build` in the directory of the source: it renders a kustomization
    /// with these build options. `None` if the command does anything else.
    #[must_use]
    pub(crate) fn kustomize_flags(&self) -> Option<Vec<String>> {
        let words: Vec<&str> = match self.script() {
            Some(script) => script.split_whitespace().collect(),
            None => self.command.iter().map(String::as_str).collect(),
        };
        let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./".contains(c));
        let ["kustomize", "build", rest @ ..] = words.as_slice() else { return None };
        if !rest.iter().all(plain) {
            return None;
        }
        let mut flags = Vec::new();
        let mut rest = rest.iter().copied();
        while let Some(word) = rest.next() {
            match word {
                "." | "./" => {}
                "--load-restrictor" | "--reorder" => flags.extend([word.to_owned(), rest.next()?.to_owned()]),
                "--enable-helm" | "--enable-alpha-plugins" => flags.push(word.to_owned()),
                _ if word.starts_with("--load-restrictor=") || word.starts_with("--reorder=") => {
                    flags.push(word.to_owned());
                }
                _ => return None,
            }
        }
        Some(flags)
    }

    /// Whether the command runs a program, as far as it shows.
    #[must_use]
    pub fn mentions(&self, program: &str) -> bool {
        self.command.iter().any(|word| word.contains(program))
    }
}

/// A source that a plugin renders.
#[derive(Debug)]
pub struct PluginSource {
    /// The source.
    pub source: Source,
    /// Its directory.
    pub directory: PathBuf,
    /// The plugin.
    pub plugin: Plugin,
    /// The variables that Argo CD sets for the plugin, sorted.
    pub variables: Vec<(String, String)>,
}

/// The plugin section of a source.
#[derive(Debug, Default)]
struct Section {
    name: String,
    variables: Vec<(String, String)>,
}

impl PluginSource {
    /// Finds the plugin of a source; `node` is the source with overrides applied.
    pub(crate) fn new(
        plugins: &[Plugin],
        application: &Application,
        source: &Source,
        node: &Node,
        directory: PathBuf,
    ) -> Result<Self> {
        let section = section(source, node)?;
        let place = node.get("plugin").map_or_else(|| source.path_place.clone(), |_| node.key_place("plugin"));
        // Argo CD appends the version of a plugin to its name.
        let fits = |plugin: &&Plugin| {
            let rest = section.name.strip_prefix(plugin.name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("-v"))
        };
        let has_section = node.get("plugin").is_some_and(|plugin| !matches!(plugin.value, Value::Null));
        let plugin = match section.name.as_str() {
            "" => discovered(plugins, &directory, has_section),
            _ => plugins.iter().find(fits),
        };
        let Some(plugin) = plugin else {
            let name =
                if section.name.is_empty() { "a plugin".to_owned() } else { format!("plugin `{}`", section.name) };
            let entry = match section.name.as_str() {
                "" => "its `name`, its `command`, and `discover`, the pattern of the files by which Argo CD finds it,"
                    .to_owned(),
                name => format!("`name = \"{name}\"` and its `command`"),
            };
            return Err(Diagnostic::new(Code::NotRendered, format!("`{}` is rendered by {name}", source.path))
                .fact(Fact::Reason(format!("is rendered by {name}")))
                .at(place, "")
                .help(format!(
                    "add `[[plugin]]` with {entry} to charts.toml, or uncomment the entry that `cargo xtask init` wrote"
                ))
                .into());
        };
        let mut variables: Vec<(String, String)> = application
            .variables(source, "")
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .filter(|(name, _)| !name.starts_with("ARGOCD_APP_REVISION"))
            .collect();
        variables.extend(section.variables);
        variables.sort();
        Ok(Self { source: source.clone(), directory, plugin: plugin.clone(), variables })
    }

    /// The digest of the command and its variables.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut text = self.plugin.command.join("\0");
        for (name, value) in &self.variables {
            text.push_str(&format!("\0{name}={value}"));
        }
        format!("sha256:{}", sha256(text.as_bytes()))
    }
}

/// The first plugin that is found in a directory, among those without a name. With `section`, the source has a section for a
/// plugin, which `explicit` ones require.
#[must_use]
pub fn discovered<'p>(plugins: &'p [Plugin], directory: &Path, section: bool) -> Option<&'p Plugin> {
    let mut candidates =
        plugins.iter().filter(|plugin| !plugin.discover.is_empty() && (section || !plugin.explicit)).peekable();
    candidates.peek()?;
    let names: Vec<String> = files(directory).iter().map(|path| toolbox::inputs::name(directory, path)).collect();
    candidates.find(|plugin| names.iter().any(|name| globs::matches(&plugin.discover, name)))
}

/// All files of a directory, hidden ones included, without following links.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => pending.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    files
}

/// Reads `plugin` of a source.
fn section(source: &Source, node: &Node) -> Result<Section> {
    let Some(plugin) = node.get("plugin").filter(|plugin| !matches!(plugin.value, Value::Null)) else {
        return Ok(Section::default());
    };
    let path = format!("{}.plugin", source.field);
    let mut diagnostics = Diagnostics::default();
    let mut fields = Fields::new(plugin, &path, Syntax::Application);
    let name = fields.string("name").unwrap_or_default();
    let mut variables = Vec::new();
    for entry in fields.sequence("env") {
        let text = |key: &str| entry.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        variables.push((format!("ARGOCD_ENV_{}", text("name")), text("value")));
    }
    let parameters = fields.sequence("parameters");
    fields.finish(&mut diagnostics);
    let all: Vec<String> = parameters.iter().map(Node::to_json).collect();
    variables.push(("ARGOCD_APP_PARAMETERS".to_owned(), format!("[{}]", all.join(","))));
    for parameter in parameters {
        let name: String = parameter.get("name").and_then(Node::as_str).unwrap_or_default().to_uppercase();
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if let Some(text) = parameter.get("string").and_then(Node::as_str) {
            variables.push((format!("PARAM_{name}"), text.to_owned()));
        }
        let items = parameter.get("array").map(Node::items).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            variables.push((format!("PARAM_{name}_{index}"), item.as_str().unwrap_or_default().to_owned()));
        }
        for (key, value) in parameter.get("map").map(Node::entries).unwrap_or_default() {
            let key: String = key.name.to_uppercase();
            let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            variables.push((format!("PARAM_{name}_{key}"), value.as_str().unwrap_or_default().to_owned()));
        }
    }
    diagnostics.into_result(Section { name, variables })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_only_build_a_kustomization_are_recognized() {
        let flags = |command: &[&str]| Plugin::of_command(command).kustomize_flags().map(|flags| flags.join(" "));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(flags(&["kustomize", "build"]), some(""));
        assert_eq!(flags(&["sh", "-c", "kustomize build --enable-helm"]), some("--enable-helm"));
        let restricted = "kustomize build . --load-restrictor LoadRestrictionsNone --enable-helm";
        assert_eq!(
            flags(&["/bin/bash", "-ec", restricted]),
            some("--load-restrictor LoadRestrictionsNone --enable-helm")
        );
        for other in [
            "kustomize build . | envsubst",
            "kustomize build overlays/prod",
            "kustomize build --helm-command helm3",
            "kustomize build --enable-exec",
            "kustomize build $ARGOCD_ENV_FLAGS",
            "kustomize edit set image a=b",
            "helm template .",
        ] {
            assert_eq!(flags(&["sh", "-c", other]), None, "{other}");
        }
    }
}
