//! Secrets of built-in types: the keys that each type requires.
//!
//! Does not look at values, which are redacted.

use super::look::Look;

/// The built-in types with their keys, and whether all of them are required or only one.
const TYPES: [(&str, &[&str], bool); 5] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"], true),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"], true),
    ("kubernetes.io/dockercfg", &[".dockercfg"], true),
    ("kubernetes.io/basic-auth", &["username", "password"], false),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"], true),
];

/// The annotation that names the `ServiceAccount` of a token.
const ACCOUNT: &str = "kubernetes.io/service-account.name";

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let Some(kind) = root.get("type").filter(|_| look.is("/Secret")) else { return };
    if kind.text() == Some("kubernetes.io/service-account-token") {
        let account = root.walk(&["metadata", "annotations", ACCOUNT]);
        if account.is_none_or(|at| at.text() == Some("")) {
            look.reject(&kind, "requires the name of a ServiceAccount", format!("set the annotation `{ACCOUNT}`"));
        }
    }
    let Some((_, keys, all)) = TYPES.into_iter().find(|(known, ..)| kind.text() == Some(known)) else { return };
    let data = root.present(&["data", "stringData"]);
    let has = |key: &&&str| data.iter().any(|data| data.get(key).is_some());
    let missing: Vec<&str> = keys.iter().filter(|key| !has(key)).copied().collect();
    if missing.len() == keys.len() || (all && !missing.is_empty()) {
        let separator = if all { "` and `" } else { "` or `" };
        look.reject(&kind, "requires keys that are missing", format!("add `{}`", missing.join(separator)));
    }
}
