//! Passwords and tokens in ConfigMaps and in the variables of containers, which are as readable as those in a Secret.
//!
//! Only variables whose name ends with what they are count, and only those of Applications: cases are examples.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::object::Object;

use super::program_texts;
use super::secrets::is_plain;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::SecretPlain];

/// The last words of the names of credentials.
const CREDENTIALS: [&str; 6] = ["APIKEY", "PASSPHRASE", "PASSWD", "PASSWORD", "PRIVATEKEY", "TOKEN"];

/// The longest value that is a credential, and the shortest.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=500;

/// Values in lower case that say that there is no credential.
const WITHOUT: [&str; 12] = [
    "disabled",
    "dummy",
    "empty",
    "fake",
    "false",
    "ignored",
    "none",
    "not-needed",
    "null",
    "placeholder",
    "true",
    "unused",
];

/// Checks the ConfigMaps and the containers of all Applications.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let deployed = |object: &&Object| subject.clusters.view(&object.target).is_some_and(|view| view.is_deployed());
    let found = subject.objects.iter().filter(deployed).flat_map(|object| {
        let texts = program_texts::of_object(object).into_iter();
        let plain = texts.filter(|(name, node)| is_credential(name) && is_value(node));
        plain.map(|(name, node)| finding(object, name, node)).collect::<Vec<_>>()
    });
    Diagnostics(found.collect())
}

/// Whether the name of a variable ends with that of a credential, such as `DB_PASSWORD`.
fn is_credential(name: &str) -> bool {
    if name.contains(|c: char| c.is_ascii_lowercase()) {
        return false;
    }
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    match words[..] {
        [.., "API" | "PRIVATE" | "ACCESS" | "SECRET", "KEY"] | [.., "CLIENT", "SECRET"] => true,
        [.., last] => CREDENTIALS.contains(&last),
        [] => false,
    }
}

/// Whether a text is a value rather than a path, a reference, a setting, or a description.
fn is_value(node: &Node) -> bool {
    node.as_str().is_some_and(|text| {
        LENGTH.contains(&text.len())
            && is_plain(node)
            && !WITHOUT.contains(&&*text.to_ascii_lowercase())
            && !text.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '/' | '<' | '*' | '{'))
    })
}

fn finding(object: &Object, name: &str, node: &Node) -> Diagnostic {
    let message = format!("`{name}` of {} is a plain value", object.title());
    object
        .finding(Code::SecretPlain, message, node.place(), "readable in Git, and for everyone who may read the object")
        .help("render a SealedSecret, or refer to a Secret that is created elsewhere, with `secretKeyRef`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_end_with_them() {
        for name in ["DB_PASSWORD", "API_KEY", "GITHUB_TOKEN", "OIDC_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY"] {
            assert!(is_credential(name), "{name}");
        }
        for name in ["PASSWORD_FILE", "TOKEN_URL", "KEY", "SECRET_NAME", "password", "PASSWORD_MIN_LENGTH", "CACHE_KEY"]
        {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn fillers_and_references_are_no_credentials() {
        let read = |text: &str| {
            let source = diagnostics::Source::new("a.yaml", format!("value: {text}\n"));
            document::yaml::parse_one(&source).expect("valid").root.get("value").is_some_and(is_value)
        };
        assert!(read("hunter2"));
        for text in ["dummy", "Not-Needed", "\"true\"", "${TOKEN}", "/run/secrets/token", "abc"] {
            assert!(!read(text), "{text}");
        }
    }
}
