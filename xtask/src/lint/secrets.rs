//! Secrets with plain values, in Git or in rendered output.
//!
//! Every rendered `kind: Secret` counts, wherever its values come from, unless it has no values, such as a token that a
//! controller fills in. In files, every Secret anywhere in a YAML document counts. Templates are not YAML yet; there,
//! Secrets with literal values count.
//!
//! A value that is encrypted with SOPS, or that is a placeholder of argocd-vault-plugin, vals, or a template, is not plain, and
//! neither is a setting without credentials, such as a configuration file, a script, or the address of a server, or a value
//! that a shell expands in a here-document.
//! A Secret that declares a repository or a cluster to Argo CD counts only if it contains credentials.
//!
//! Does not look for passwords outside of Secrets, and never prints a value.

mod heredoc;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argocd::application::SECRET_TYPE;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::yaml::Document;
use document::{Node, Value, yaml};
use kubernetes::object;
use kubernetes::object::Object;
use kubernetes::setting;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SecretPlain];

/// The fields of a Secret that hold values.
const FIELDS: [&str; 2] = ["data", "stringData"];

/// The values of the label of Secrets that declare something to Argo CD.
const DECLARATIONS: [&str; 4] = ["repository", "repo-creds", "repository-write", "cluster"];
/// Parts of the names of credentials in such a Secret, and in the `config` of a cluster.
const CREDENTIALS: [&str; 8] =
    ["password", "privatekey", "certkey", "accountkey", "token", "keydata", "execproviderconfig", "awsauthconfig"];

/// Folders at the root that are not searched: goldens are checked as rendered output, and fixtures are broken on purpose.
const SKIPPED: [&str; 2] = ["target", "tests"];

/// The extensions of files that may contain manifests.
const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "tpl"];

/// Checks the rendered Secrets, and those in the YAML and JSON files of the repository.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut rendered: Vec<&str> = Vec::new();
    let mut objects = Vec::new();
    for object in subject.objects.iter().filter(|object| object.key.kind == "Secret" && object.key.group.is_empty()) {
        if let Some(place) = value(&object.root) {
            objects.push((object, place));
            rendered.extend(object.template_file.as_deref());
        }
    }
    let mut in_files = BTreeSet::new();
    let root = &subject.workspace.root;
    for path in files(root) {
        let Ok(source) = toolbox::source::read(root, &path) else { continue };
        // A template and the object that it renders are one finding.
        if may_have_secret(&source.text) && !rendered.contains(&source.name.as_str()) {
            diagnostics.extend(of_file(&source, &mut in_files));
        }
    }
    // A file of a kustomization or of a directory and the object that comes from it are one finding, too.
    let is_template = |file: &String| {
        !["kustomization.yaml", "kustomization.yml", "Kustomization"].iter().any(|name| file.ends_with(name))
    };
    objects.retain(|(object, _)| {
        object.template_file.as_ref().is_some_and(is_template) || !in_files.contains(&object.key.name)
    });
    for (object, place) in objects {
        diagnostics.push(of_object(object, place));
    }
    diagnostics
}

/// Whether a text may contain the kind `Secret`: a scalar that is this word ends in one of these ways. Schemas, which are
/// large, only mention it.
fn may_have_secret(text: &str) -> bool {
    const KIND: &str = "Secret";
    text.match_indices(KIND).any(|(at, _)| {
        let rest = &text[at + KIND.len()..];
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start_matches([' ', '\t', '\r']);
        rest.is_empty() || rest.starts_with(['\n', ',', '}', '#', '{', '\\'])
    })
}

fn of_object(object: &Object, place: Place) -> Diagnostic {
    object
        .finding(
            Code::SecretPlain,
            format!("{} contains plain values", object.key),
            place,
            "readable in the rendered output",
        )
        .help("render a SealedSecret, or refer to a Secret that is created elsewhere (`existingSecret`)")
}

/// The findings about a file. Adds the names of its Secrets to `names`.
fn of_file(source: &Arc<Source>, names: &mut BTreeSet<String>) -> Diagnostics {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    let mut note = |documents: &[Document]| {
        for document in documents {
            secrets(&document.root, &mut found, names);
        }
    };
    if let Ok(documents) = yaml::parse(source) {
        note(&documents);
    } else {
        // One document that cannot be read does not hide the others.
        for document in apart(source) {
            match yaml::parse(&document) {
                Ok(documents) => note(&documents),
                Err(_) => unread.extend(literal(&document.text).map(|key| hidden(source, &key))),
            }
        }
    }
    found.extend(unread);
    let findings = found.into_iter().map(|place| {
        Diagnostic::new(Code::SecretPlain, "a Secret with plain values is in Git")
            .at(place, "readable by everyone with access to the repository")
            .help(
                "seal it with kubeseal and commit the SealedSecret; a value that was pushed is compromised: replace it",
            )
    });
    Diagnostics(findings.collect())
}

/// Splits a text into its documents, each at its original position, with the rest replaced by spaces.
fn apart(source: &Arc<Source>) -> Vec<Arc<Source>> {
    let blank = |text: &str| -> String { text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect() };
    let mut starts = vec![0];
    let mut position = 0;
    for line in source.text.split_inclusive('\n') {
        if line.starts_with("---") {
            starts.push(position);
        }
        position += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([source.text.len()]);
    let documents = starts.iter().zip(ends).map(|(&start, end)| {
        let text = [&blank(&source.text[..start]), &source.text[start..end], &blank(&source.text[end..])].concat();
        Source::new(source.name.clone(), text)
    });
    documents.collect()
}

/// The place of a key. Everything after it is masked, so that no value on the same line is printed.
fn hidden(source: &Source, key: &Range<usize>) -> Place {
    let rest = source.text.get(key.end..).unwrap_or_default();
    let value = key.end + rest.len() - rest.trim_start_matches([':', ' ', '"', '\'']).len();
    object::place_without(source, key.clone(), std::slice::from_ref(&(value..source.text.len())))
}

/// Returns the place of the first key of a Secret that has a value. All values are masked, because some may be on the same
/// line.
fn value(secret: &Node) -> Option<Place> {
    let fields: Vec<&Node> = FIELDS.iter().filter_map(|field| secret.get(field)).collect();
    let mut withheld = Vec::new();
    let mut found = None;
    let declares = declares(secret);
    for field in fields {
        let entries = field.entries();
        let is_setting = |key: &str, value: &Node| {
            is_account(key) || value.as_str().is_some_and(|text| setting::is_setting(key, text))
        };
        let counts = |key: &str, value: &Node| {
            is_plain(value) && !is_setting(key, value) && (!declares || is_credential(key, value))
        };
        let values = entries.iter().filter(|(key, value)| counts(&key.name, value));
        found = found.or_else(|| values.clone().map(|(key, _)| key.span.clone()).next());
        withheld.extend(entries.iter().map(|(_, value)| value.span.clone()));
        // A list is no data of a Secret, such as what remains of an ExternalSecret.
        if !matches!(field.value, Value::Mapping(_) | Value::Sequence(_)) && is_plain(field) {
            found = found.or(Some(field.span.start..field.span.start));
            withheld.push(field.span.clone());
        }
    }
    Some(object::place_without(&secret.source, found?, &withheld))
}

/// Whether a Secret declares a repository or a cluster to Argo CD.
fn declares(secret: &Node) -> bool {
    let kind = secret.find(&["metadata", "labels", SECRET_TYPE]).and_then(Node::as_str);
    kind.is_some_and(|kind| DECLARATIONS.contains(&kind))
}

/// Whether an entry of such a Secret gives access to something.
fn is_credential(key: &str, value: &Node) -> bool {
    let mentions = |text: &str| {
        let text = text.to_ascii_lowercase();
        CREDENTIALS.iter().any(|word| text.contains(word))
    };
    // Without spaces, it may be in base64.
    let config = value.as_str().filter(|_| key == "config");
    mentions(key) || config.is_some_and(|text| mentions(text) || !text.trim_start().starts_with('{'))
}

/// Whether a key names an account, and not what proves its identity.
fn is_account(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace(['-', '_', '.'], "");
    ["user", "username", "login", "email", "userid", "clientid", "account"].iter().any(|end| key.ends_with(end))
}

/// Whether a text asks for the value, such as `REPLACE_WITH_PASSWORD`.
fn is_request(text: &str) -> bool {
    let lower = text.to_ascii_lowercase().replace(['_', ' '], "-");
    ["replace-", "your-", "insert-", "placeholder"].iter().any(|start| lower.starts_with(start))
}

/// Whether a node has a value that is neither encrypted nor a placeholder.
pub(super) fn is_plain(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::String(text) => {
            let is_known = object::is_placeholder(text) || heredoc::is_expanded(text);
            !text.is_empty() && !is_known && !is_action(text) && !is_request(text)
        }
        _ => true,
    }
}

/// Whether a text is an action of a template, such as `{{ password }}` of Jinja.
fn is_action(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    // Helm prints the action of another program from a raw string.
    let raw = inner.and_then(|inner| inner.trim().strip_prefix('`')?.strip_suffix('`'));
    raw.is_some_and(is_action) || inner.is_some_and(|inner| !inner.contains(['"', '\'', '`']) && !inner.contains("{{"))
}

/// Finds Secrets anywhere in a document, including lists of values and strings that contain YAML.
fn secrets(node: &Node, found: &mut Vec<Place>, names: &mut BTreeSet<String>) {
    if node.get("kind").and_then(Node::as_str) == Some("Secret")
        && node.get("apiVersion").and_then(Node::as_str).is_none_or(|version| version == "v1")
        && let Some(place) = value(generated(node))
    {
        found.push(place);
        names.extend(node.find(&["metadata", "name"]).and_then(Node::as_str).map(str::to_owned));
        return;
    }
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| secrets(value, found, names)),
        Value::Sequence(items) => items.iter().for_each(|item| secrets(item, found, names)),
        Value::String(text) if text.contains("kind: Secret") => {
            let within = of_file(&Source::new("", heredoc::expanded(text)), names);
            if !within.is_empty() {
                found.push(kind_within(node));
            }
        }
        _ => {}
    }
}

/// The content of a Secret that a policy of Kyverno generates, which is in its `data`; any other one itself.
fn generated(secret: &Node) -> &Node {
    let content = secret.get("data").filter(|data| FIELDS.iter().any(|field| data.get(field).is_some()));
    content.filter(|_| secret.get("metadata").is_none()).unwrap_or(secret)
}

/// The place of the kind of a Secret in a string, with everything else masked.
fn kind_within(node: &Node) -> Place {
    const KIND: &str = "kind: Secret";
    let text = node.source.text.get(node.span.clone()).unwrap_or_default();
    let Some(at) = text.find(KIND).map(|at| node.span.start + at) else {
        return hidden(&node.source, &(node.span.start..node.span.start));
    };
    let kind = at..at + KIND.len();
    object::place_without(&node.source, kind.clone(), &[node.span.start..at, kind.end..node.span.end])
}

/// Finds a Secret with a literal value in a template: a key below `data` or `stringData` whose value contains no action.
fn literal(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    let mut lines = Vec::new();
    let mut secret = false;
    for line in text.split_inclusive('\n').chain(["---"]) {
        if line.starts_with("---") {
            if let Some(span) = secret.then(|| literal_value(&lines)).flatten() {
                return Some(span);
            }
            lines.clear();
            secret = false;
        }
        let kind = line.trim().strip_prefix("kind:").map(|kind| kind.trim().trim_matches(['"', '\'']));
        secret |= kind == Some("Secret");
        lines.push((start, line));
        start += line.len();
    }
    None
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Finds the first key with a literal value below `data` or `stringData`. Each line comes with its offset.
fn literal_value(lines: &[(usize, &str)]) -> Option<Range<usize>> {
    let mut within: Option<usize> = None;
    for (index, (start, line)) in lines.iter().enumerate() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("{{") {
            continue;
        }
        if within.is_some_and(|outer| indent(line) <= outer) {
            within = None;
        }
        if FIELDS.iter().any(|field| text.strip_suffix(':') == Some(field)) {
            within = Some(indent(line));
            continue;
        }
        if within.is_none() {
            continue;
        }
        let Some((key, value)) = text.split_once(':') else { continue };
        let value = value.trim();
        // The value of a block scalar starts on the next line.
        let block = value.starts_with(['|', '>']);
        let value = if block { lines.get(index + 1).map_or("", |(_, next)| next.trim()) } else { value };
        let literal = value.trim_matches(['"', '\'']);
        let whole = || -> String {
            let deeper = |(_, line): &&(usize, &str)| {
                line.trim().is_empty() || self::indent(line) > self::indent(lines[index].1)
            };
            lines[index + 1..].iter().take_while(deeper).map(|(_, line)| *line).collect()
        };
        let is_setting = || {
            is_account(key.trim())
                || if block {
                    setting::is_setting(key.trim(), &whole())
                } else {
                    setting::is_setting(key.trim(), literal)
                }
        };
        let is_expanded = || heredoc::is_expanded(literal) || block && heredoc::is_expanded(&whole());
        if !literal.is_empty()
            && !value.contains("{{")
            && !key.contains("{{")
            && !object::is_placeholder(literal)
            && !is_expanded()
            && !is_setting()
        {
            let from = start + indent(line);
            return Some(from..from + key.len());
        }
    }
    None
}

/// Lists the YAML files and templates of the repository, without hidden folders and chart dependencies.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let chart = folder.join("Chart.yaml").is_file();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let skipped = folder == root && SKIPPED.contains(&name.as_str());
                if !(name.starts_with('.') || skipped || chart && name == "charts") {
                    folders.push(path);
                }
            } else if kind.is_file()
                && path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end.eq_ignore_ascii_case(known)))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Vec<String> {
        assert!(
            may_have_secret(text) || of_file(&Source::new("f.yaml", text), &mut BTreeSet::new()).is_empty(),
            "{text}"
        );
        of_file(&Source::new("f.yaml", text), &mut BTreeSet::new())
            .0
            .iter()
            .map(|found| found.places[0].0.to_string())
            .collect()
    }

    #[test]
    fn secrets_are_found_anywhere_in_a_file() {
        assert_eq!(at("kind: Secret\napiVersion: v1\ndata:\n  a: eA==\n"), ["f.yaml:4:3"]);
        assert_eq!(at("extra:\n  - kind: Secret\n    stringData: {a: b}\n"), ["f.yaml:3:18"]);
        assert_eq!(at("extra: |\n  kind: Secret\n  data:\n    a: eA==\n"), ["f.yaml:2:3"]);
        assert_eq!(at("{{ if x }}\nkind: Secret\ndata:\n  a: eA==\n{{ end }}\n"), ["f.yaml:4:3"]);
        assert_eq!(
            at("extra: \"kind: Secret\\ndata:\\n  a: eA==\\n\"\n").len(),
            at("kind: \"Secret\"  \r\ndata: {a: eA==}").len()
        );
        let flow = "kind: Secret\nstringData: {a: b}\n";
        assert_eq!(at(&format!("{flow}---\nx: [\n")), ["f.yaml:2:14"]);
        assert_eq!(at(&format!("x: [ü\n---\n{flow}")), ["f.yaml:4:14"]);
        assert_eq!(at("{{ if x }}\nkind: Secret\nstringData:\n  a: |\n    text\n{{ end }}\n"), ["f.yaml:4:3"]);
    }

    #[test]
    fn secrets_without_values_are_not_reported() {
        for text in [
            "kind: Secret\ntype: kubernetes.io/service-account-token\n",
            "kind: Secret\ndata: {a: '', b: }\n",
            "kind: SealedSecret\nspec: {encryptedData: {a: b}}\n",
            "kind: ConfigMap\ndata: {kind: Secret}\n",
            "{{ if x }}\nkind: Secret\ndata:\n  a: {{ .Values.a }}\n  b: |\n    {{ .Values.b }}\n{{ end }}\n",
            "{{ if x }}\nkind: Secret\ndata:\n{{ end }}\n---\nkind: ConfigMap\ndata:\n  a: b\n",
            "kind: Secret\nstringData:\n  a: ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A=,type:str]\n",
            "kind: Secret\nstringData: {a: <auth-token>}\n",
            "kind: Secret\nstringData: {a: <path:secret/data/web#key>, b: 'ref+vault://secret/web#/key'}\n",
            "kind: Secret\ndata: {a: PHBhdGg6c2VjcmV0L2RhdGEvd2ViI2tleT4=}\n",
            "kind: Secret\nstringData: {a: 'postgres://web:<path:secret/data/web#key>@db/web'}\n",
            "{{ if x }}\nkind: Secret\nstringData:\n  a: \"<path:secret/data/web#key>\"\n{{ end }}\n",
            "kind: Secret\nstringData: {a: '{{ platform_token }}'}\n",
            "kind: Secret\nmetadata: {labels: {argocd.argoproj.io/secret-type: repository}}\nstringData: {type: helm, url: a}\n",
            "kind: Secret\nmetadata: {labels: {argocd.argoproj.io/secret-type: cluster}}\nstringData: {name: a, config: '{\"tlsClientConfig\":{\"insecure\":false}}'}\n",
        ] {
            assert_eq!(at(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn credentials_for_argo_cd_are_reported() {
        let of = |kind: &str, data: &str| {
            at(&format!(
                "kind: Secret\nmetadata: {{labels: {{argocd.argoproj.io/secret-type: {kind}}}}}\nstringData: {data}\n"
            ))
        };
        assert_eq!(of("repository", "{url: a, sshPrivateKey: x}"), ["f.yaml:3:22"]);
        assert_eq!(of("repo-creds", "{password: x}"), ["f.yaml:3:14"]);
        assert_eq!(of("cluster", "{name: a, config: '{\"bearerToken\": \"x\"}'}"), ["f.yaml:3:23"]);
        assert_eq!(of("cluster", "{config: eyJ0b2tlbiI6IngifQ==}"), ["f.yaml:3:14"]);
        assert_eq!(at("kind: Secret\nstringData: {a: '{{ \"hunter2\" }}'}\n"), ["f.yaml:2:14"]);
    }

    #[test]
    fn a_plain_value_beside_encrypted_ones_is_reported() {
        let text = "kind: Secret\nstringData:\n  a: ENC[AES256_GCM,data:p673w==,type:str]\n  b: ENC[hunter2]\n";
        assert_eq!(at(text), ["f.yaml:4:3"]);
    }

    #[test]
    fn values_are_never_printed() {
        let found = of_file(
            &Source::new("f.yaml", "kind: Secret\nstringData:\n  a: hunter2\n  b: hunter3\n"),
            &mut BTreeSet::new(),
        );
        assert!(!found.0[0].places[0].0.source.text.contains("hunter"), "{found:?}");
    }
}
