//! Secrets of a type that Kubernetes knows: the keys that each needs.
//!
//! Deliberately absent: what the values say, which are withheld.

use super::look::Look;

/// Types, and the keys of which all have to be there, or one.
const TYPES: [(&str, &[&str], bool); 5] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"], true),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"], true),
    ("kubernetes.io/dockercfg", &[".dockercfg"], true),
    ("kubernetes.io/basic-auth", &["username", "password"], false),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"], true),
];

/// Whose token it is.
const ACCOUNT: &str = "kubernetes.io/service-account.name";

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let Some(kind) = root.get("type").filter(|_| look.is("/Secret")) else { return };
    if kind.text() == Some("kubernetes.io/service-account-token") {
        let account = root.walk(&["metadata", "annotations", ACCOUNT]);
        if account.is_none_or(|at| at.text() == Some("")) {
            look.refuse(&kind, "is for no ServiceAccount", format!("expected its name as the annotation `{ACCOUNT}`"));
        }
    }
    let Some((_, keys, all)) = TYPES.into_iter().find(|(known, ..)| kind.text() == Some(known)) else { return };
    let data = root.present(&["data", "stringData"]);
    let has = |key: &&&str| data.iter().any(|data| data.get(key).is_some());
    let missing: Vec<&str> = keys.iter().filter(|key| !has(key)).copied().collect();
    if missing.len() == keys.len() || (all && !missing.is_empty()) {
        let between = if all { "` and `" } else { "` or `" };
        look.refuse(&kind, "needs keys that are not there", format!("expected `{}`", missing.join(between)));
    }
}
