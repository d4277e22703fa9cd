//! Values of Secrets that are settings, and not credentials: configuration files, scripts, and addresses.
//!
//! Some programs read their whole configuration from a Secret. What cannot be told apart counts as a credential.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What replaces a setting where values are redacted.
pub(crate) const SETTING: &str = "(redacted setting)";

/// Parts of words before credentials.
const CREDENTIALS: [&str; 13] = [
    "pass",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "private",
    "credential",
    "authorization",
    "bearer",
];

/// The last words of keys of settings, whatever the value is.
const KEYS: [&str; 14] = [
    "bucket",
    "endpoint",
    "endpoints",
    "host",
    "hostname",
    "image",
    "port",
    "protocol",
    "region",
    "scheme",
    "ssl",
    "sslmode",
    "tls",
    "type",
];

/// How long a word is that may be a random credential.
const RANDOM: usize = 24;

/// Whether the value of a key in a Secret is a setting. It may be in base64, or redacted.
#[must_use]
pub fn is_setting(key: &str, text: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if CREDENTIALS.iter().chain(&["key", "auth", "cert"]).any(|word| key.contains(word)) {
        return false;
    }
    let last = key.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let short = |text: &str| !text.contains('@') && text.lines().count() < 2;
    let is_short = || short(text) || decoded(text).is_some_and(|text| short(&text));
    KEYS.contains(&last) && is_short() || is_text(text)
}

/// The text of a value in base64, which may have several lines.
fn decoded(text: &str) -> Option<String> {
    let compact: String = text.split_whitespace().collect();
    String::from_utf8(BASE64_STANDARD.decode(compact).ok()?).ok()
}

/// Whether a value, which may be in base64, is a setting unless its key says otherwise.
#[must_use]
pub(crate) fn is_text(text: &str) -> bool {
    is_harmless(text) || decoded(text).is_some_and(|text| is_harmless(&text))
}

/// Whether a text is a setting whatever its key is, if that does not say that it is a credential.
fn is_harmless(text: &str) -> bool {
    if text == SETTING {
        return true;
    }
    let text = &without_certificates(text);
    let text = text.trim();
    if text.is_empty() {
        return true;
    }
    if text.contains('\n') { text.lines().all(|line| !has_credential(line)) } else { is_address(text) }
}

/// A text without certificates, which are public.
fn without_certificates(text: &str) -> String {
    const ENDS: [&str; 2] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(ENDS[0]) {
        out.push_str(before);
        rest = from.split_once(ENDS[1]).map_or("", |(_, after)| after);
    }
    out + rest
}

/// Whether a text is a name of a host, or a URL without a user.
fn is_address(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let top = labels.last().is_some_and(|label| label.len() > 1 && label.bytes().all(|byte| byte.is_ascii_lowercase()));
    let plain = path.bytes().all(|byte| byte.is_ascii_lowercase() || b"/-_.".contains(&byte));
    labels.len() > 1 && labels.iter().all(is_label) && top && plain && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a line contains something that looks like a credential.
fn has_credential(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    if lower.contains("-----begin") || has_user(line) || line.split(|c| !is_part(c)).any(is_random) {
        return true;
    }
    CREDENTIALS.iter().flat_map(|word| lower.match_indices(word)).any(|(at, word)| {
        let rest = &line[at + word.len()..];
        let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-\"'] ".contains(c));
        let quoted = || rest.split_once(['\'', '"']).is_some_and(|(_, inside)| is_value(inside));
        match after.strip_prefix([':', '=']) {
            Some(value) => is_value(value.trim_start_matches(['=', '>', ' '])),
            None => quoted(),
        }
    })
}

/// Whether a text after a key is neither empty nor a reference to a value elsewhere.
fn is_value(text: &str) -> bool {
    let text = text.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'', ' ']);
    let word = text.split([' ', '"', '\'', ',']).next().unwrap_or_default();
    let reference =
        ["$", "{", "<", "%", "/", "#", "[", "|", ">", "&", "*", "("].iter().any(|start| word.starts_with(start));
    let constant = ["", "null", "true", "false", "none", "yes", "no"].contains(&word.to_ascii_lowercase().as_str());
    !(reference || constant)
}

/// Whether a line contains a URL with a password.
fn has_user(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let password =
            authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
        password.is_some_and(is_value)
    })
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_".contains(c)
}

/// Whether a word looks random: long, with digits, and with letters of both cases or only those of hexadecimal numbers.
fn is_random(word: &str) -> bool {
    let any = |test: fn(&u8) -> bool| word.bytes().any(|byte| test(&byte));
    let mixed = any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase);
    let hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.len() >= RANDOM && any(u8::is_ascii_digit) && !word.contains('/') && (mixed || hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_scripts_and_addresses_are_settings() {
        for (key, text) in [
            (
                "config.yaml",
                "auth_enabled: false\ns3:\n  endpoint: s3.example.com\n  access_key: \"\"\n  secret_key: ${KEY}\n",
            ),
            ("init.sql", "BEGIN;\nCREATE TABLE keys (id TEXT NOT NULL, key TEXT NOT NULL);\n"),
            ("s3.sh", "#!/bin/sh\nset -e\naws s3 sync /data s3://$BUCKET --endpoint-url https://s3.example.com\n"),
            ("config.yaml", "serviceAccountToken:\n  $file: /var/run/secrets/kubernetes.io/serviceaccount/token\n"),
            ("AWS_ENDPOINTS", "https://s3.example.com:9000"),
            ("GF_DATABASE_TYPE", "postgres"),
            ("DB_HOST", "db.web.svc"),
            (
                "ca.crt",
                "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2x1c3RlckNBMTIzNDU2Nzg5MAoG\n-----END CERTIFICATE-----\n",
            ),
            ("alertmanager.yaml", "cm91dGU6CiAgcmVjZWl2ZXI6ICJudWxsIgo="),
        ] {
            assert!(is_setting(key, text), "{key}");
        }
    }

    #[test]
    fn credentials_are_no_settings() {
        for (key, text) in [
            ("password", "a.example.com"),
            ("config.yaml", "user: web\npassword: hunter2\n"),
            ("config.json", "{\n  \"token\": \"hunter2\"\n}\n"),
            ("config.yaml", "database: postgres://web:hunter2@db.example.com/web\na: b\n"),
            ("init.sql", "BEGIN;\nCREATE USER web WITH PASSWORD 'hunter2';\n"),
            ("id", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"),
            ("a", "x\n0123456789abcdef0123456789abcdef\n"),
            ("a", "x\nAbCdEfGhIjKlMnOpQrStUvWx01\n"),
            ("a", "hunter2"),
            ("url", "postgres://web:hunter2@db.example.com/web"),
            ("db-host", "web:hunter2@db"),
            ("username", "admin"),
        ] {
            assert!(!is_setting(key, text), "{key}: {text}");
        }
    }
}
