//! Commands of config management plugins that only render the chart of their source with Helm: no command runs, and the
//! source is rendered like that of an Application with the same options.

use argocd::application::HelmOptions;
use diagnostics::Place;

use crate::plugin::Plugin;

/// A word of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// With its variables expanded.
    Text(String),
    /// A file with this content: `<(echo "$VARIABLE")`.
    File(String),
}

/// The options of a source that a plugin renders; `None` if its command is not `helm template`, or has other arguments than
/// those that Argo CD passes for a source without a plugin. `variables` are those of the plugin, and `api_versions` those of
/// charts.toml.
pub(crate) fn helm_options(
    plugin: &Plugin,
    variables: &[(String, String)],
    api_versions: &[String],
) -> Option<HelmOptions> {
    let script = match plugin.script() {
        Some(script) => words(script, &|name| lookup(variables, name))?,
        None => plugin.command.iter().map(|word| Word::Text(word.clone())).collect(),
    };
    let [Word::Text(program), Word::Text(verb), rest @ ..] = script.as_slice() else { return None };
    if program != "helm" || verb != "template" {
        return None;
    }
    options(rest, variables, api_versions, &plugin.place)
}

/// The value of a variable; those of the cluster stand for themselves.
fn lookup(variables: &[(String, String)], name: &str) -> String {
    if name.starts_with("KUBE_") {
        return format!("${name}");
    }
    variables.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn options(
    words: &[Word],
    variables: &[(String, String)],
    api_versions: &[String],
    place: &Place,
) -> Option<HelmOptions> {
    let mut options = HelmOptions { skip_crds: true, ..HelmOptions::default() };
    let (mut positional, mut knows_version, mut knows_apis) = (Vec::new(), false, api_versions.is_empty());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Word::Text(word) = word else { return None };
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(Word::Text(value.to_owned()))),
            _ => (word.as_str(), None),
        };
        let mut value = || value.clone().or_else(|| words.next().cloned());
        match flag {
            "--include-crds" => options.skip_crds = false,
            "--skip-tests" => options.skip_tests = true,
            // It has no effect without `--output-dir`.
            "--release-name" => {}
            "--kube-version" if value()? == Word::Text("$KUBE_VERSION".to_owned()) => knows_version = true,
            "--api-versions" | "-a" if value()? == Word::Text("$KUBE_API_VERSIONS".to_owned()) => knows_apis = true,
            "--namespace" | "-n" => match value()? {
                Word::Text(namespace) if options.namespace.is_none() => options.namespace = Some(namespace),
                _ => return None,
            },
            "--values" | "-f" => match value()? {
                // Argo CD reads absolute paths from the root of the repository. Inline values come last.
                Word::Text(file) if !file.is_empty() && !file.contains(',') && !file.starts_with('/') => {
                    if options.values.is_some() {
                        return None;
                    }
                    options.value_files.push((file, place.clone()));
                }
                Word::File(text) if options.values.is_none() => options.values = Some((text, place.clone())),
                _ => return None,
            },
            _ if flag.starts_with('-') => return None,
            _ => positional.push(word.as_str()),
        }
    }
    options.values = options.values.filter(|(text, _)| !text.trim().is_empty());
    let release = match positional.as_slice() {
        [name, "." | "./"] if *name == lookup(variables, "ARGOCD_APP_NAME") => None,
        [name, "." | "./"] => Some((*name).to_owned()),
        // The name that Helm chooses.
        ["." | "./"] => Some("release-name".to_owned()),
        _ => return None,
    };
    options.release_name = release;
    (knows_version && knows_apis).then_some(options)
}

/// The words of a script that is one simple command; `None` if it is anything else.
fn words(script: &str, variable: &dyn Fn(&str) -> String) -> Option<Vec<Word>> {
    let mut found = Vec::new();
    let mut rest = script.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("<(echo ") {
            let (inside, after) = after.split_once(')')?;
            let inside = inside.trim();
            let inside = inside.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(inside);
            let name = inside.strip_prefix('$')?;
            let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
            if !name.chars().all(is_name) {
                return None;
            }
            found.push(Word::File(variable(name)));
            rest = after.trim_start();
            continue;
        }
        let (texts, after) = word(rest, variable)?;
        found.extend(texts.into_iter().map(Word::Text));
        rest = after.trim_start().trim_start_matches("\\\n").trim_start();
    }
    Some(found)
}

/// The first word of a text, which a variable may make several or none, and the text after it.
fn word<'t>(text: &'t str, variable: &dyn Fn(&str) -> String) -> Option<(Vec<String>, &'t str)> {
    let mut words = vec![String::new()];
    let (mut quote, mut exists) = (None, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '"' | '\'' if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => (quote, exists) = (Some(c), true),
            '$' if quote != Some('\'') => {
                let braced = after.strip_prefix('{');
                let name = braced.unwrap_or(after);
                let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
                let value = Some(&name[..end]).filter(|name| !name.is_empty()).map(variable)?;
                rest = if braced.is_some() { name[end..].strip_prefix('}')? } else { &name[end..] };
                if quote.is_some() {
                    words.last_mut()?.push_str(&value);
                    continue;
                }
                let mut parts = value.split_whitespace();
                words.last_mut()?.push_str(parts.next().unwrap_or_default());
                words.extend(parts.map(str::to_owned));
                continue;
            }
            _ if quote.is_some() => {
                if c == '\\' || c == '`' {
                    return None;
                }
                words.last_mut()?.push(c);
            }
            _ if c.is_whitespace() || c == '\\' && after.starts_with('\n') => break,
            _ if c.is_ascii_alphanumeric() || "-_=./,:@+".contains(c) => words.last_mut()?.push(c),
            _ => return None,
        }
        rest = after;
    }
    if words == [""] && !exists {
        words.clear();
    }
    quote.is_none().then_some((words, rest))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &[&str]) -> Option<HelmOptions> {
        let variables = [
            ("ARGOCD_APP_NAME", "web"),
            ("ARGOCD_APP_NAMESPACE", "shop"),
            ("ARGOCD_ENV_VALUES", "a: 1\nb: x y\n"),
            ("ARGOCD_ENV_ARGS", "-f one.yaml  --values two.yaml"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        helm_options(&Plugin::of_command(command), &variables, &["example.com/v1".to_owned()])
    }

    const KNOWN: &str = "--kube-version $KUBE_VERSION --api-versions=$KUBE_API_VERSIONS";

    #[test]
    fn commands_that_only_render_the_chart_are_recognized() {
        let script = format!(
            "helm template --include-crds --release-name \"$ARGOCD_APP_NAME\" -n ${{ARGOCD_APP_NAMESPACE}} \\\n  {KNOWN} \
             ${{ARGOCD_ENV_ARGS}} ${{ARGOCD_ENV_NONE}} -f <(echo \"$ARGOCD_ENV_VALUES\") ."
        );
        let options = of(&["bash", "-c", &script]).expect("recognized");
        let files: Vec<&str> = options.value_files.iter().map(|(file, _)| file.as_str()).collect();
        assert_eq!(files, ["one.yaml", "two.yaml"]);
        assert_eq!(options.values.map(|(text, _)| text).as_deref(), Some("a: 1\nb: x y\n"));
        assert_eq!(
            (options.release_name, options.namespace.as_deref(), options.skip_crds),
            (None, Some("shop"), false)
        );
        let options = of(&["/bin/sh", "-ec", &format!("helm template {KNOWN} .")]).expect("recognized");
        assert_eq!((options.release_name.as_deref(), options.skip_crds), (Some("release-name"), true));
    }

    #[test]
    fn other_commands_are_not() {
        for other in [
            "helm template .",
            "helm template . --kube-version $KUBE_VERSION",
            "helm template $KNOWN . | envsubst",
            "helm template $KNOWN . && true",
            "helm template $KNOWN $(pwd)",
            "helm template $KNOWN --set a=b .",
            "helm template $KNOWN --post-renderer ./run .",
            "helm template $KNOWN ../chart",
            "helm template $KNOWN -f <(echo \"$ARGOCD_ENV_VALUES\") -f a.yaml .",
            "helm template $KNOWN -f <(./run) .",
            "helm template $KNOWN -f /a.yaml .",
            "helm template $KNOWN \"a",
            "helm lint .",
            "",
        ] {
            assert!(of(&["sh", "-c", &other.replace("$KNOWN", KNOWN)]).is_none(), "{other}");
        }
    }
}
