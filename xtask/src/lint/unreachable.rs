//! Branches that no case can reach, because Argo CD always renders a chart with `helm template`.
//!
//! `lookup` finds nothing, a release is never an upgrade, and API versions and the Kubernetes version come from charts.toml
//! and the Application. Looks at the condition of a branch, the variables and named templates in it, and the conditions of
//! the branches that it is the alternative to. Does not evaluate conditions: where the outcome is not obvious, the result is
//! only a fact to mention.

use std::sync::Arc;

use diagnostics::{Diagnostic, Source};

use super::template::{self, Branch};

/// How many variables and named templates a condition may lead through.
const DEPTH: usize = 4;

/// The values and objects that a condition depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// `lookup`.
    Lookup,
    /// `.Release.IsUpgrade` or `.Release.IsInstall`, with the value that it always has.
    Release(&'static str, bool),
    /// `.Capabilities.APIVersions.Has`, with its argument if that is a literal.
    ApiVersion(Option<String>),
    /// `.Capabilities.KubeVersion`.
    KubeVersion,
}

/// The meaning of the tokens of a condition.
#[derive(Debug, Default)]
struct Condition {
    causes: Vec<Cause>,
    /// Whether it is negated an odd number of times.
    negated: bool,
    /// Whether it depends on values, too.
    values: bool,
    /// Whether it combines or compares, so its outcome is not obvious.
    complex: bool,
}

/// The templates of a chart, and what its cases pass to Helm.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The templates.
    pub files: &'a [(String, Arc<Source>)],
    /// The API versions that each case passes to Helm.
    pub api_versions: &'a [&'a [String]],
    /// The Kubernetes version that the cases pass to Helm.
    pub kubernetes: &'a str,
}

/// Adds to a finding about an unreached branch of a file why no case reaches it, if that is known, and otherwise `help`.
/// `branches` are those of the file.
#[must_use]
pub fn explain(context: Context<'_>, found: Diagnostic, file: usize, branch: &Branch, help: String) -> Diagnostic {
    let source = &context.files[file].1;
    let branches = template::branches(source);
    let mut current = Some(branch.clone());
    let mut own = true;
    while let Some(branch) = current {
        let condition = condition(context, source, &source.text[branch.action.clone()]);
        // An `else` needs the opposite of what leads to the branch before it.
        let needs = condition.negated != own;
        for cause in &condition.causes {
            if let Some((note, instead)) = reason(context, cause, needs, &condition) {
                let found = found.note(note);
                return match instead {
                    Some(instead) if condition.values => found.help(instead).help(help),
                    Some(instead) => found.help(instead),
                    None => found.help(help),
                };
            }
        }
        own = false;
        current = branch.previous.and_then(|previous| branches.get(previous).cloned());
    }
    found.help(help)
}

/// A fact about a cause, and what to do instead of adding a case. `needs` is the value that the branch needs.
fn reason(context: Context<'_>, cause: &Cause, needs: bool, condition: &Condition) -> Option<(String, Option<String>)> {
    let clear = !condition.complex;
    match cause {
        Cause::Lookup if needs || !clear => Some((
            "`lookup` always returns an empty result under Argo CD, which renders without access to the cluster"
                .to_owned(),
            clear.then(|| "remove the branch, or use a value instead of `lookup`".to_owned()),
        )),
        Cause::Release(name, value) if needs != *value || !clear => Some((
            format!("`.Release.{name}` is always {value} under Argo CD, which runs `helm template`"),
            clear.then(|| "remove the branch".to_owned()),
        )),
        Cause::ApiVersion(name) => {
            let passed = |name: &String| context.api_versions.iter().filter(|all| all.contains(name)).count();
            let passed = name.as_ref().map_or(0, passed);
            let what =
                name.as_ref().map_or_else(|| "the API version".to_owned(), |name| format!("the API version `{name}`"));
            let example = name.as_deref().unwrap_or("<group>/<version>");
            match (needs, passed) {
                (true, 0) => Some((
                    format!("no case passes {what} to Helm"),
                    Some(format!(
                        "if the cluster serves it, set `kubernetes.api-versions` in charts.toml: `api-versions = [\"{example}\"]`"
                    )),
                )),
                (false, all) if all > 0 && all == context.api_versions.len() => {
                    Some((format!("every case passes {what} to Helm"), clear.then(|| "remove the branch".to_owned())))
                }
                _ => None,
            }
        }
        Cause::KubeVersion => Some((
            format!("every case renders for Kubernetes {}", context.kubernetes),
            Some("remove the branch, or suppress this finding if the chart has to support other versions".to_owned()),
        )),
        Cause::Lookup | Cause::Release(..) => None,
    }
}

fn condition(context: Context<'_>, source: &Source, action: &str) -> Condition {
    let mut condition = Condition::default();
    read(context, source, action, DEPTH, &mut condition);
    condition
}

/// Reads an action, and the variables and named templates that it uses.
fn read(context: Context<'_>, source: &Source, action: &str, depth: usize, condition: &mut Condition) {
    let tokens = template::tokens(action);
    for (index, token) in tokens.iter().enumerate() {
        let argument = || tokens.get(index + 1).filter(|token| token.starts_with(['"', '`'])).copied();
        let path = token.trim_start_matches('$');
        match path {
            "not" | "empty" => condition.negated = !condition.negated,
            "or" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "ternary" | "default" | "coalesce" => {
                condition.complex = true;
            }
            "lookup" => condition.causes.push(Cause::Lookup),
            ".Release.IsUpgrade" => condition.causes.push(Cause::Release("IsUpgrade", false)),
            ".Release.IsInstall" => condition.causes.push(Cause::Release("IsInstall", true)),
            ".Capabilities.APIVersions.Has" => {
                condition.causes.push(Cause::ApiVersion(argument().map(template::text_of)));
            }
            "include" if depth > 0 => {
                let name = argument().map(template::text_of).unwrap_or_default();
                for (source, body) in definition(context, &name) {
                    condition.complex = true;
                    for action in template::actions(&source.text[body]) {
                        read(context, source, action, depth - 1, condition);
                    }
                }
            }
            _ if path.starts_with(".Capabilities.KubeVersion") => condition.causes.push(Cause::KubeVersion),
            _ if path.starts_with(".Values") => condition.values = true,
            _ if token.starts_with('$') && token.len() > 1 && !path.starts_with('.') && depth > 0 => {
                let name = token.split('.').next().unwrap_or(token);
                for assigned in assignments(source, name).filter(|assigned| *assigned != action) {
                    read(context, source, assigned, depth - 1, condition);
                }
            }
            _ => {}
        }
    }
}

/// Returns the actions that assign to a variable.
fn assignments<'a>(source: &'a Source, name: &'a str) -> impl Iterator<Item = &'a str> {
    template::actions(&source.text).into_iter().filter(move |action| {
        let tokens = template::tokens(action);
        tokens.first() == Some(&name) && matches!(tokens.get(1), Some(&(":" | "=")))
    })
}

/// Returns the body of a named template.
fn definition<'a>(context: Context<'a>, name: &'a str) -> impl Iterator<Item = (&'a Source, std::ops::Range<usize>)> {
    context.files.iter().flat_map(move |(_, source)| {
        let named = move |branch: &Branch| branch.defines.as_deref() == Some(name);
        let branches = template::branches(source).into_iter().filter(named);
        branches.map(move |branch| (source.as_ref(), branch.action.end..branch.end))
    })
}

#[cfg(test)]
mod tests {
    use diagnostics::Code;

    use super::*;

    /// The notes and helps for the last branch of a template.
    fn explained(text: &str, api_versions: &[&str]) -> String {
        let helper = "{{ define \"has\" }}{{ if .Capabilities.APIVersions.Has \"a/v1\" }}true{{ end }}{{ end }}";
        let files = [("h".to_owned(), Source::new("h", helper)), ("x".to_owned(), Source::new("x", text))];
        let api_versions: Vec<String> = api_versions.iter().map(|name| (*name).to_owned()).collect();
        let context = Context { files: &files, api_versions: &[&api_versions], kubernetes: "1.34.1" };
        let branches = template::branches(&files[1].1);
        let branch = branches.last().expect("a branch");
        let found = explain(context, Diagnostic::new(Code::BranchUncovered, "x"), 1, branch, "add a case".to_owned());
        let short = |text: &String| text.split([',', ':']).next().unwrap_or_default().to_owned();
        found.notes.iter().chain(&found.helps).map(short).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_argo_cd_always_renders_alike_is_explained() {
        let lookup = "`lookup` always returns an empty result under Argo CD; remove the branch";
        let upgrade = "`.Release.IsUpgrade` is always false under Argo CD; remove the branch";
        let install = "`.Release.IsInstall` is always true under Argo CD; remove the branch";
        let set = "no case passes the API version `a/v1` to Helm; if the cluster serves it";
        let version = "every case renders for Kubernetes 1.34.1; remove the branch";
        for (text, expected) in [
            ("{{ if lookup \"v1\" \"Secret\" \"a\" \"b\" }}", lookup),
            ("{{ $old := (lookup \"v1\" \"Secret\" \"a\" \"b\").data }}{{ with $old.key }}", lookup),
            ("{{ if not (lookup \"v1\" \"Secret\" \"a\" \"b\") }}1{{ else }}", lookup),
            ("{{ if $.Release.IsUpgrade }}", upgrade),
            ("{{ if .Release.IsInstall }}1{{ else }}", install),
            ("{{ if .Capabilities.APIVersions.Has \"a/v1\" }}", set),
            ("{{ $has := .Capabilities.APIVersions.Has \"a/v1\" }}{{- if $has -}}", set),
            ("{{ if include \"has\" . }}", set),
            ("{{ if semverCompare \"<1.21-0\" .Capabilities.KubeVersion.Version }}", version),
        ] {
            assert_eq!(explained(text, &[]), expected, "{text}");
        }
        let both = "no case passes the API version `a/v1` to Helm; if the cluster serves it; add a case";
        assert_eq!(explained("{{ if and .Values.on (.Capabilities.APIVersions.Has \"a/v1\") }}", &[]), both);
        let served = "every case passes the API version `a/v1` to Helm; remove the branch";
        assert_eq!(explained("{{ if .Capabilities.APIVersions.Has \"a/v1\" }}1{{ else }}", &["a/v1"]), served);
    }

    #[test]
    fn other_branches_need_a_case() {
        for text in [
            "{{ if .Values.a }}",
            "{{ if eq .Values.mode \"lookup\" }}",
            "{{ if lookup \"v1\" \"Secret\" \"a\" \"b\" }}1{{ else }}",
            "{{ if .Release.IsInstall }}",
            "{{ if .Values.a }}1{{ else }}",
        ] {
            assert_eq!(explained(text, &[]), "add a case", "{text}");
        }
        assert_eq!(explained("{{ if .Capabilities.APIVersions.Has \"a/v1\" }}", &["a/v1"]), "add a case");
    }
}
