//! Checks the names of a new Application, its namespace, and its dependency.
//!
//! Each name ends up in YAML, JSON, Helm templates, paths, and DNS. A name that passes needs no quoting anywhere.
//! taken.rs checks whether a name is already in use.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Value, yaml};
use helm::chart::is_exact;

use super::Dependency;

/// Helm's maximum length of a release name.
const RELEASE: usize = 53;
/// The maximum length of a namespace name.
const NAMESPACE: usize = 63;

/// Reserved names: the root Application, Argo CD's default project, and Argo CD's own names.
const RESERVED: &[&str] = &["argocd", "default", "in-cluster", "root"];

/// Checks the name of a new Application.
#[must_use]
pub(crate) fn check_app(name: &str) -> Diagnostics {
    let why = if name.chars().count() > RELEASE {
        Some(format!("a Helm release name has at most {RELEASE} characters"))
    } else if !label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        // The name of a Service must not start with a digit.
        Some(
            "it must consist of lowercase letters, digits, and `-`, start with a letter, and not end with `-`"
                .to_owned(),
        )
    } else if RESERVED.contains(&name) || name.starts_with("kube-") {
        Some("the name is reserved".to_owned())
    } else {
        not_a_string(name)
    };
    refuse(why, "application", name, "choose another name, such as `blog` or `photo-album`")
}

/// Checks the name of a namespace.
#[must_use]
pub(crate) fn check_namespace(name: &str) -> Diagnostics {
    let why = if name.chars().count() > NAMESPACE {
        Some(format!("a namespace name has at most {NAMESPACE} characters"))
    } else if !label(name) {
        Some("it must consist of lowercase letters, digits, and `-`, and not start or end with `-`".to_owned())
    } else if ["argocd", "default"].contains(&name) || name.starts_with("kube-") {
        Some("it is used by the cluster or by Argo CD".to_owned())
    } else {
        not_a_string(name)
    };
    refuse(why, "namespace", name, "omit `--namespace` to use the name of the application")
}

/// Parses `NAME@VERSION` and the URL of a Helm repository.
pub fn dependency(dependency: &str, repository: &str) -> Result<Dependency, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let example = "for example: `--dependency redis@1.2.3`";
    let (name, version) = dependency.split_once('@').unwrap_or((dependency, ""));
    let usage = |message: String| Diagnostic::new(Code::Usage, message);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !dependency.contains('@') {
        diagnostics.push(usage(format!("`--dependency {dependency}` has no version")).help(example));
    } else if version.trim().is_empty() || !is_exact(version) {
        diagnostics.push(
            usage(format!("`{version}` is not an exact version"))
                .note("with a version range, the rendered output could change without a commit")
                .help(example),
        );
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || !name.chars().all(allowed) || not_a_string(name).is_some() {
        diagnostics.push(usage(format!("`{name}` is not a valid chart name")).help(example));
    }
    diagnostics.extend(check_repository(repository));
    if diagnostics.is_empty() {
        let [name, version, repository] = [name, version, repository.trim_end_matches('/')].map(str::to_owned);
        return Ok(Dependency { name, version, repository });
    }
    Err(diagnostics)
}

fn check_repository(url: &str) -> Diagnostics {
    let refuse = |why: &str| {
        Diagnostics::from(
            Diagnostic::new(Code::Usage, format!("`{url}` is not the URL of a Helm repository: {why}"))
                .help("for example: `--repository https://charts.example.com` or `oci://registry.example.com/charts`"),
        )
    };
    let rest = ["https://", "http://", "oci://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else { return refuse("it must start with `https://`, `http://`, or `oci://`") };
    if url.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"'`\\{}|^@?#".contains(c)) {
        return refuse("it contains a character that is not allowed");
    }
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { refuse("it has no host") } else { Diagnostics::default() }
}

/// Whether a name is a DNS label, ignoring its length.
fn label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

/// Explains how YAML reads an unquoted name, if not as a string.
fn not_a_string(name: &str) -> Option<String> {
    match yaml::resolve(name) {
        Ok(Value::String(_)) => None,
        Ok(Value::Bool(value)) => Some(format!("YAML reads it as {value}")),
        Ok(Value::Number(_)) => Some("YAML reads it as a number".to_owned()),
        _ => Some("YAML reads it as null".to_owned()),
    }
}

fn refuse(why: Option<String>, what: &str, name: &str, help: &str) -> Diagnostics {
    let Some(why) = why else { return Diagnostics::default() };
    Diagnostic::new(Code::Usage, format!("invalid {what} name `{}`: {why}", name.escape_debug())).help(help).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let long = "a".repeat(53);
        for name in ["blog", "a", "a-1", long.as_str(), "e2e"] {
            assert!(check_app(name).is_empty(), "{name}");
        }
        let longer = "a".repeat(54);
        for name in [
            "",
            "Blog",
            "1a",
            "-a",
            "a-",
            "a.b",
            "a_b",
            "a/b",
            "..",
            "ü",
            "root",
            "default",
            "argocd",
            "kube-x",
            "on",
            "null",
            "yes",
            "n",
            longer.as_str(),
            "a\nb",
            "a b",
        ] {
            assert_eq!(check_app(name).0.len(), 1, "{name}");
        }
        let long = "a".repeat(64);
        assert!(["web", "1a", "root"].iter().all(|name| check_namespace(name).is_empty()));
        for name in ["", "kube-system", "default", "argocd", "123", "1e3", "no", long.as_str()] {
            assert_eq!(check_namespace(name).0.len(), 1, "{name}");
        }
    }

    #[test]
    fn a_dependency_has_one_exact_version() {
        let good = "https://charts.example.com";
        let read = dependency("redis@1.2.3-rc.1+b", "oci://r.example.com/charts/").expect("valid");
        assert_eq!((read.name.as_str(), read.version.as_str()), ("redis", "1.2.3-rc.1+b"));
        assert_eq!(read.repository, "oci://r.example.com/charts");
        for invalid in [
            "redis",
            "redis@",
            "redis@1",
            "redis@1.2",
            "redis@^1.2.3",
            "redis@1.x",
            "redis@latest",
            "redis@>=1.0.0",
            "@1.2.3",
            "a b@1.2.3",
            "../x@1.2.3",
            "on@1.2.3",
            "redis@1.2.3@2",
        ] {
            assert!(dependency(invalid, good).is_err(), "{invalid}");
        }
        for url in ["", "charts.example.com", "https://", "file:///x", "@alias", "https://u:p@h/x", "https://h/a b"] {
            assert!(dependency("redis@1.2.3", url).is_err(), "{url}");
        }
        assert_eq!(dependency("redis@1", "x").expect_err("both are invalid").0.len(), 2);
    }
}
