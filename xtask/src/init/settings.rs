//! What the configuration of Argo CD in a repository says: `kustomize.buildOptions`, and the commands of config management
//! plugins. It is in a ConfigMap, or in the values of a chart, so that all YAML files are read.

use diagnostics::Source;
use document::json::quoted;
use document::{Node, Value, yaml};

/// The key of the build options in argocd-cm and in the values of its chart.
const BUILD_OPTIONS: &str = "kustomize.buildOptions";
/// Flags of earlier versions of Kustomize, which those of supported Argo CD releases reject.
const REMOVED: [&str; 5] =
    ["--enable-star", "--enable_alpha_plugins", "--enable_kyaml", "--load_restrictor", "--allow_id_changes"];
/// What a file with plugins mentions.
const PLUGINS: [&str; 3] = ["ConfigManagementPlugin", "configManagementPlugins", "cmp:"];
/// The limit of nested mappings.
const MAX_DEPTH: usize = 40;

/// A config management plugin whose command the repository contains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugin {
    /// The name by which sources select it, without a version.
    pub name: String,
    /// `generate.command` and `generate.args`.
    pub command: Vec<String>,
    /// The pattern of the files by which Argo CD finds it; empty if only its name selects it.
    pub discover: String,
    /// Whether a command decides about sources by their variables, so only those with a section of their own count.
    pub explicit: bool,
    /// The file that defines it; empty if none does.
    pub file: String,
}

/// The build options that a text sets.
#[must_use]
pub fn build_options(text: &str) -> Option<String> {
    let options = text.lines().filter(|line| line.contains(BUILD_OPTIONS)).find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line).strip_prefix(BUILD_OPTIONS)?;
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        Some(line.strip_prefix(':')?.trim())
    })?;
    let options = match options.chars().next()? {
        quote @ ('"' | '\'') => options[1..].split(quote).next()?,
        _ => options.split(" #").next()?,
    };
    let is_removed = |word: &&str| REMOVED.contains(&word.split('=').next().unwrap_or_default());
    let options: Vec<&str> = options.split_whitespace().filter(|word| !is_removed(word)).collect();
    let options = options.join(" ");
    (options.starts_with('-') && !options.contains(['{', '"', '\'', '$'])).then_some(options)
}

/// The plugins that a text defines.
#[must_use]
pub fn plugins(file: &str, text: &str) -> Vec<Plugin> {
    let mut found = Vec::new();
    if PLUGINS.iter().any(|word| text.contains(word)) {
        within(file, text, 0, &mut found);
    }
    found
}

fn within(file: &str, text: &str, depth: usize, found: &mut Vec<Plugin>) {
    for document in yaml::parse(&Source::new(file, text)).unwrap_or_default() {
        search(file, &document.root, depth, found);
    }
}

fn search(file: &str, node: &Node, depth: usize, found: &mut Vec<Plugin>) {
    if depth > MAX_DEPTH {
        return;
    }
    let text = |node: &Node, path: &[&str]| node.find(path).and_then(Node::as_str).unwrap_or_default().to_owned();
    match &node.value {
        Value::Mapping(entries) => {
            if text(node, &["kind"]) == "ConfigManagementPlugin" {
                let spec = node.get("spec").unwrap_or(node);
                found.extend(plugin(file, &text(node, &["metadata", "name"]), spec));
                return;
            }
            for (key, value) in entries {
                let listed = if key.name == "cmp" { value.get("plugins") } else { None };
                for (name, spec) in listed.map(Node::entries).unwrap_or_default() {
                    found.extend(plugin(file, &name.name, spec));
                }
                // In argocd-cm of older releases, a list in a string.
                if key.name == "configManagementPlugins" {
                    let list = value.as_str().map(|list| yaml::parse(&Source::new(file, list)).unwrap_or_default());
                    for one in list.iter().flatten().flat_map(|document| document.root.items()) {
                        found.extend(plugin(file, &text(one, &["name"]), one));
                    }
                    continue;
                }
                search(file, value, depth + 1, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| search(file, item, depth + 1, found)),
        Value::String(inner) if inner.contains(PLUGINS[0]) => within(file, inner, depth + 1, found),
        _ => {}
    }
}

/// The plugin that a specification describes, if it has a command.
fn plugin(file: &str, name: &str, spec: &Node) -> Option<Plugin> {
    let words =
        |key: &str| spec.items_at(&["generate", key]).iter().filter_map(|word| word.as_str().map(str::to_owned));
    let command: Vec<String> = words("command").chain(words("args")).collect();
    let pattern = |path: &[&str]| spec.find(path).and_then(Node::as_str).map(|text| text.trim_start_matches("./"));
    let discover = pattern(&["discover", "fileName"]).or_else(|| pattern(&["discover", "find", "glob"]));
    let explicit = discover.is_none();
    let discover = discover.map(str::to_owned).or_else(|| of_command(spec)).unwrap_or_default();
    let explicit = explicit && !discover.is_empty();
    (!command.is_empty()).then(|| Plugin { name: name.to_owned(), command, discover, explicit, file: file.to_owned() })
}

/// The pattern of `find . -name PATTERN` in the command that discovers sources.
fn of_command(spec: &Node) -> Option<String> {
    let words = spec.items_at(&["discover", "find", "command"]);
    let args = spec.items_at(&["discover", "find", "args"]);
    let text: Vec<&str> = words.iter().chain(args).filter_map(Node::as_str).collect();
    let text = text.join(" ");
    let pattern = text.split("-name ").nth(1)?.split_whitespace().next()?.trim_matches(['"', '\'']);
    (!pattern.is_empty() && !pattern.contains('$')).then(|| format!("**/{pattern}"))
}

/// What remains of a command that only renders the directory of a source, and why something is missing; `None` if it does
/// anything else.
fn harmless(command: &[String]) -> Option<(Vec<String>, String)> {
    let (shell, whole) = match command {
        [shell, flag, script] if flag.starts_with('-') && flag.ends_with('c') => (Some(shell), script.clone()),
        words => (None, words.join(" ")),
    };
    let (build, filter) =
        whole.split_once('|').map_or((whole.as_str(), None), |(build, rest)| (build, Some(rest.trim())));
    let filter = filter.map(|filter| replacer(filter).ok_or(())).transpose().ok()?;
    let without = filter.map(|name| format!("without {name}, so its placeholders are rendered"));
    let because = |further: Option<&str>| {
        let reasons: Vec<&str> = without.as_deref().into_iter().chain(further).collect();
        if reasons.is_empty() { String::new() } else { format!(", {}", reasons.join(" and ")) }
    };
    let words: Vec<&str> = build.split_whitespace().filter(|word| *word != "\\").collect();
    match words.as_slice() {
        [program @ ("kustomize" | "kubectl"), verb, rest @ ..]
            if *verb == if *program == "kubectl" { "kustomize" } else { "build" } =>
        {
            let simple = |word: &&str| {
                matches!(*word, "." | "./" | "--enable-helm" | "--enable-alpha-plugins")
                    || word.starts_with("--load-restrictor=")
            };
            let command = ["kustomize", "build"].iter().chain(rest).map(|word| (*word).to_owned()).collect();
            let own = (*program == "kubectl").then_some("with the Kustomize of Argo CD");
            rest.iter().all(simple).then(|| (command, because(own)))
        }
        ["helm", "template", rest @ ..] if are_arguments(rest) => {
            let shell = shell.map_or("sh", |shell| shell.rsplit('/').next().unwrap_or(shell));
            // Values must not become several arguments.
            let quote = |word: &&str| {
                if word.contains('$') && !word.contains('"') { format!("\"{word}\"") } else { (*word).to_owned() }
            };
            let script = words.iter().map(quote).collect::<Vec<_>>().join(" ");
            matches!(shell, "sh" | "bash" | "ash")
                .then(|| (vec![shell.to_owned(), "-c".to_owned(), script], because(None)))
        }
        _ => None,
    }
}

/// The name of a program that only replaces the placeholders of secrets in what it reads.
fn replacer(filter: &str) -> Option<&str> {
    let program = filter.split_whitespace().next()?;
    let known = ["argocd-vault-plugin", "argocd-vault-replacer", "argocd-secret-replacer"].contains(&program);
    (known && !filter.contains(['|', ';', '&', '`', '>', '\n']) && !filter.contains("$(")).then_some(program)
}

/// Whether words are arguments of `helm template` with which it only renders: neither syntax of the shell, nor a program, nor
/// a variable with which an Application could add further arguments.
fn are_arguments(words: &[&str]) -> bool {
    let is_plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./,:$\"{}".contains(c));
    let is_known = |name: &str| name.starts_with("ARGOCD_APP_NAME") || name.starts_with("KUBE_");
    let expanded = |word: &str| word.split('$').skip(1).all(|rest| is_known(rest.trim_start_matches('{')));
    // `<(echo "$VARIABLE")` is two words.
    let is_file = |at: usize| {
        let name = words[at].strip_prefix("\"$").and_then(|word| word.strip_suffix("\")"));
        at > 0 && words[at - 1] == "<(echo" && name.is_some_and(|name| is_plain(&name) && !name.contains(['$', '"']))
    };
    (0..words.len()).all(|at| {
        let word = words[at];
        let opens = word == "<(echo" && at + 1 < words.len() && is_file(at + 1);
        opens || is_file(at) || is_plain(&word) && expanded(word) && !word.trim_start_matches('"').starts_with("--post")
    })
}

/// The entries of charts.toml. Those that only render a chart or a kustomization are active; the others are comments: a
/// command runs only once somebody has read it.
pub(super) fn entries(plugins: &[Plugin]) -> String {
    let mut text = String::new();
    let list = |words: &[String]| format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "));
    let (built, others): (Vec<_>, Vec<_>) =
        plugins.iter().map(|plugin| (plugin, harmless(&plugin.command))).partition(|(_, build)| build.is_some());
    for (plugin, (command, without)) in built.into_iter().filter_map(|(plugin, build)| Some((plugin, build?))) {
        // The name of a file may contain a line break, after which nothing may be active.
        let from = if plugin.file.is_empty() { String::new() } else { format!(" from {}", plugin.file.escape_debug()) };
        text.push_str(&format!("\n# A config management plugin{from}{without}.\n"));
        text.push_str(&format!("[[plugin]]\nname = {}\ncommand = {}\n", quoted(&plugin.name), list(&command)));
        if !plugin.discover.is_empty() {
            text.push_str(&format!("discover = {}\n", quoted(&plugin.discover)));
        }
        if plugin.explicit {
            text.push_str("explicit = true    # only sources with a `plugin` section\n");
        }
    }
    if !others.is_empty() {
        text.push_str(
            "\n# Config management plugins. Their commands run on this machine when something is rendered, so none runs before you\n\
             # have read and uncommented it. It needs its programs on PATH; leave out what reads secrets, such as\n\
             # `| argocd-vault-plugin generate -`, to render the placeholders.\n",
        );
    }
    for (plugin, _) in others {
        if !plugin.file.is_empty() {
            text.push_str(&format!("# From {}:\n", plugin.file.escape_debug()));
        }
        let command = match plugin.command.as_slice() {
            [] => "[\"sh\", \"-c\", \"helm template \\\"$ARGOCD_APP_NAME\\\" . --namespace \\\"$ARGOCD_APP_NAMESPACE\\\"\"]".to_owned(),
            words => list(words),
        };
        text.push_str(&format!("# [[plugin]]\n# name = {}\n# command = {command}\n", quoted(&plugin.name)));
        if !plugin.discover.is_empty() {
            text.push_str(&format!("# discover = {}\n", quoted(&plugin.discover)));
        }
        if plugin.explicit {
            text.push_str("# explicit = true    # only sources with a `plugin` section\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_options_are_found_in_values_and_config_maps() {
        for (line, expected) in [
            ("kustomize.buildOptions: --enable-helm", Some("--enable-helm")),
            (
                "    kustomize.buildOptions: \"--enable-helm --load-restrictor=x\" # why",
                Some("--enable-helm --load-restrictor=x"),
            ),
            ("  \"kustomize.buildOptions\": '--enable-helm'", Some("--enable-helm")),
            ("  kustomize.buildOptions: --enable-helm # why", Some("--enable-helm")),
            ("  # kustomize.buildOptions: --enable-helm", None),
            ("  kustomize.buildOptions: {{ .Values.options }}", None),
            ("  kustomize.buildOptions.v5: --enable-helm", None),
            ("see kustomize.buildOptions: --enable-helm", None),
        ] {
            assert_eq!(build_options(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn plugins_are_found_wherever_argo_cd_reads_them() {
        let found = |text: &str| {
            let all = plugins("a.yaml", text).into_iter();
            all.map(|one| format!("{} [{}] {}", one.name, one.command.join("|"), one.discover)).collect::<Vec<_>>()
        };
        let object = "kind: ConfigManagementPlugin\nmetadata: {name: a}\nspec: {generate: {command: [sh, -c], args: [x]}, discover: {fileName: ./*.k}}\n";
        assert_eq!(found(object), ["a [sh|-c|x] *.k"]);
        let indented: String = object.lines().map(|line| format!("    {line}\n")).collect();
        assert_eq!(found(&format!("kind: ConfigMap\ndata:\n  plugin.yaml: |\n{indented}")), ["a [sh|-c|x] *.k"]);
        assert_eq!(found("configs: {cmp: {plugins: {kcl: {generate: {command: [kcl]}}}}}\n# cmp:\n"), ["kcl [kcl] "]);
        let older =
            "data:\n  configManagementPlugins: |\n    - name: b\n      generate: {command: [x]}\n    - name: c\n";
        assert_eq!(found(older), ["b [x] "]);
        let command = "kind: ConfigManagementPlugin\nmetadata: {name: d}\nspec:\n  generate: {command: [x]}\n  discover: {find: {command: [sh, -c, \"find . -name 'Chart.yaml'\"]}}\n";
        assert_eq!(found(command), ["d [x] **/Chart.yaml"]);
    }

    #[test]
    fn plugins_that_only_render_are_active() {
        let of = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            harmless(&command).map(|(words, without)| format!("{}{without}", words.join(" ")))
        };
        let some = |text: &str| Some(text.to_owned());
        let vault = "kustomize build --enable-helm . | argocd-vault-plugin generate -s avp -";
        let placeholders = "without argocd-vault-plugin, so its placeholders are rendered";
        assert_eq!(of(&["bash", "-c", vault]), some(&format!("kustomize build --enable-helm ., {placeholders}")));
        let own = "with the Kustomize of Argo CD";
        assert_eq!(of(&["sh", "-c", "kubectl kustomize ."]), some(&format!("kustomize build ., {own}")));
        let helm = "helm template --include-crds \"$ARGOCD_APP_NAME\" -n ${ARGOCD_APP_NAMESPACE} --api-versions $KUBE_API_VERSIONS -f <(echo \"$ARGOCD_ENV_VALUES\") .";
        let piped = format!("{helm} | argocd-vault-plugin generate -");
        let helm = helm.replace("${ARGOCD_APP_NAMESPACE}", "\"${ARGOCD_APP_NAMESPACE}\"");
        let helm = helm.replace("$KUBE_API_VERSIONS", "\"$KUBE_API_VERSIONS\"");
        assert_eq!(of(&["/bin/bash", "-c", &piped]), some(&format!("bash -c {helm}, {placeholders}")));
        assert_eq!(of(&["helm", "template", "."]), some("sh -c helm template ."));
        for other in [
            "kustomize build . | envsubst",
            "kustomize build . && rm -r x",
            "kustomize build --enable-exec .",
            "helm template . --post-renderer ./run",
            "helm template . $ARGOCD_ENV_ARGS",
            "helm template . \"$ARGOCD_ENV_ARGS\"",
            "helm template . <(echo",
            "helm template . -f <(echo \"$(./run)\")",
            "helm template . \"--post-renderer=./run\"",
            "helm template . -f <(./run)",
            "helm template . | argocd-vault-plugin generate - | sh",
            "helm template . > /etc/passwd",
            "helm template $(./run)",
            "helm install .",
        ] {
            assert_eq!(of(&["sh", "-c", other]), None, "{other}");
        }
    }

    #[test]
    fn entries_are_comments() {
        let one = Plugin {
            name: "a".to_owned(),
            command: vec!["x\ny".to_owned()],
            discover: "*.k".to_owned(),
            explicit: true,
            file: "f\n[[plugin]]\n".to_owned(),
        };
        let text = entries(&[
            one,
            Plugin {
                name: "b".to_owned(),
                command: Vec::new(),
                discover: String::new(),
                explicit: false,
                file: String::new(),
            },
        ]);
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
        let active: String = text
            .lines()
            .filter(|line| line.starts_with("# [[") || line.contains(" = "))
            .map(|line| format!("{}\n", &line[2..]))
            .collect();
        let minimal = "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.1\"\n";
        let config =
            workspace::config::Config::parse(&Source::new("charts.toml", format!("{minimal}{active}"))).expect("valid");
        assert_eq!(config.plugins.len(), 2);
    }
}
