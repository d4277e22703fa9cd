//! What a service, its namespace, and its dependency may be called.
//!
//! Each name ends up in YAML, JSON, Helm templates, paths, and DNS; what is let through here needs no quoting anywhere.
//!
//! Pure. Deliberately absent: whether a name is taken.

use super::Dependency;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Value, yaml};
use helm::chart::is_exact;

/// The longest name of a release that Helm takes.
const RELEASE: usize = 53;
/// The longest name of a namespace.
const NAMESPACE: usize = 63;

/// Names that mean something already: the root Application, Argo CD's default project, and its own names.
const RESERVED: &[&str] = &["argocd", "default", "in-cluster", "root"];

/// What is wrong with the name of a service.
#[must_use]
pub fn check_app(name: &str) -> Diagnostics {
    let why = if name.chars().count() > RELEASE {
        Some(format!("it has more than the {RELEASE} characters that Helm takes for a release"))
    } else if !label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        // A Service may not begin with a digit.
        Some("expected lowercase letters, digits, and `-`, beginning with a letter and not ending with `-`".to_owned())
    } else if RESERVED.contains(&name) || name.starts_with("kube-") {
        Some("it means something else already".to_owned())
    } else {
        no_text(name)
    };
    refuse(why, "service", name, "choose another, such as `blog` or `photo-album`")
}

/// What is wrong with the name of a namespace.
#[must_use]
pub fn check_namespace(name: &str) -> Diagnostics {
    let why = if name.chars().count() > NAMESPACE {
        Some(format!("it has more than {NAMESPACE} characters"))
    } else if !label(name) {
        Some("expected lowercase letters, digits, and `-`, neither beginning nor ending with `-`".to_owned())
    } else if ["argocd", "default"].contains(&name) || name.starts_with("kube-") {
        Some("it belongs to the cluster or to Argo CD".to_owned())
    } else {
        no_text(name)
    };
    refuse(why, "namespace", name, "leave `--namespace` out: the service gets one of its own name")
}

/// Reads `NAME@VERSION` and the URL of a Helm repository.
pub fn dependency(asked: &str, repository: &str) -> Result<Dependency, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let example = "write it as `--dependency redis@1.2.3`";
    let (name, version) = asked.split_once('@').unwrap_or((asked, ""));
    let usage = |message: String| Diagnostic::new(Code::Usage, message);
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !asked.contains('@') {
        diagnostics.push(usage(format!("`--dependency {asked}` names no version")).help(example));
    } else if version.trim().is_empty() || !is_exact(version) {
        diagnostics.push(
            usage(format!("`{version}` is not one version"))
                .note("a range would let a render change without a commit")
                .help(example),
        );
    }
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || !name.chars().all(fine) || no_text(name).is_some() {
        diagnostics.push(usage(format!("`{name}` is no name of a chart")).help(example));
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
            Diagnostic::new(Code::Usage, format!("`{url}` is no URL of a Helm repository: {why}"))
                .help("write it as `--repository https://charts.example.com`, or `oci://registry.example.com/charts`"),
        )
    };
    let rest = ["https://", "http://", "oci://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else { return refuse("expected `https://`, `http://`, or `oci://`") };
    if url.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"'`\\{}|^@?#".contains(c)) {
        return refuse("it holds what does not belong into one");
    }
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { refuse("it names no host") } else { Diagnostics::default() }
}

/// Whether a name is a label as DNS has it, whatever its length.
fn label(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(fine) && !name.starts_with('-') && !name.ends_with('-')
}

/// Why YAML would not read a name as the text that it is.
fn no_text(name: &str) -> Option<String> {
    match yaml::resolve(name) {
        Ok(Value::String(_)) => None,
        Ok(Value::Bool(value)) => Some(format!("YAML reads it as {value}")),
        Ok(Value::Number(_)) => Some("YAML reads it as a number".to_owned()),
        _ => Some("YAML reads it as nothing".to_owned()),
    }
}

fn refuse(why: Option<String>, what: &str, name: &str, help: &str) -> Diagnostics {
    let Some(why) = why else { return Diagnostics::default() };
    Diagnostic::new(Code::Usage, format!("a {what} cannot be named `{}`: {why}", name.escape_debug())).help(help).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_everywhere_they_go() {
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
    fn a_dependency_is_one_version_of_one_chart() {
        let good = "https://charts.example.com";
        let read = dependency("redis@1.2.3-rc.1+b", "oci://r.example.com/charts/").expect("sound");
        assert_eq!((read.name.as_str(), read.version.as_str()), ("redis", "1.2.3-rc.1+b"));
        assert_eq!(read.repository, "oci://r.example.com/charts");
        for asked in [
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
            assert!(dependency(asked, good).is_err(), "{asked}");
        }
        for url in ["", "charts.example.com", "https://", "file:///x", "@alias", "https://u:p@h/x", "https://h/a b"] {
            assert!(dependency("redis@1.2.3", url).is_err(), "{url}");
        }
        assert_eq!(dependency("redis@1", "x").expect_err("both are wrong").0.len(), 2);
    }
}
