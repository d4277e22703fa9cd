//! What `[sealed-secrets]` of charts.toml says about the Sealed Secrets controller: its Service, and its certificate, with
//! which values are sealed without access to the cluster.
//!
//! The controller renews its key every 30 days and keeps the old ones, so that an older certificate still works, until it
//! expires after ten years by default. kubeseal rejects an expired one.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};
use kubernetes::forms;
use x509_cert::Certificate as X509;
use x509_cert::der::{DateTime, DecodePem};

/// How long before the certificate expires a warning is reported.
const NOTICE: Duration = Duration::from_secs(60 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// A certificate that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its absolute path.
    pub path: PathBuf,
}

/// The section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The path of the certificate relative to the root, and its place.
    pub certificate: Option<(String, Place)>,
    /// The namespace of the controller's Service; by default the one that kubeseal assumes.
    pub namespace: String,
    /// The name of the controller's Service.
    pub name: String,
}

impl Default for Section {
    fn default() -> Self {
        Self { certificate: None, namespace: "kube-system".to_owned(), name: "sealed-secrets-controller".to_owned() }
    }
}

/// Reads the section.
pub(crate) fn section(node: &Node, diagnostics: &mut Diagnostics) -> Section {
    let mut section = Section::default();
    let mut fields = Fields::new(node, "sealed-secrets", Syntax::Config);
    let path = fields.string("certificate");
    section.certificate = path.and_then(|path| Some((path, node.get("certificate")?.place())));
    let controller = fields.string("controller");
    fields.finish(diagnostics);
    let Some(controller) = controller else { return section };
    match controller.split_once('/') {
        Some((namespace, name)) if forms::label(namespace).is_none() && forms::label(name).is_none() => {
            (section.namespace, section.name) = (namespace.to_owned(), name.to_owned());
        }
        _ => diagnostics.push(
            Diagnostic::new(
                Code::ConfigInvalid,
                format!("`{controller}` is not the namespace and the name of a Service"),
            )
            .at(node.get("controller").unwrap_or(node).place(), "expected NAMESPACE/NAME")
            .help("for example: `controller = \"sealed-secrets/sealed-secrets-controller\"`"),
        ),
    }
    section
}

/// Reads the certificate, and compares its end with the current time since 1970.
#[must_use]
pub fn certificate(root: &Path, setting: &(String, Place), now: Duration) -> (Option<Certificate>, Diagnostics) {
    let (name, place) = setting;
    let invalid = |message: String, label: &str, help: String| {
        let finding = Diagnostic::new(Code::SealingCertificateInvalid, message).at(place.clone(), label).help(help);
        (None, finding.into())
    };
    let fetch = format!("run `kubeseal --fetch-cert > {name}` with access to the cluster, and commit it");
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || name.is_empty() {
        return invalid(
            format!("`{name}` is not a path in the repository"),
            "expected a path relative to charts.toml",
            "keep the certificate in the repository: it is public".to_owned(),
        );
    }
    let path = root.join(name);
    let text = match toolbox::regular_file::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return invalid(format!("the certificate `{name}` does not exist"), "", fetch);
        }
        Err(error) => return invalid(format!("the certificate `{name}` cannot be read"), &error.to_string(), fetch),
    };
    if text.contains("PRIVATE KEY-----") {
        return invalid(
            format!("`{name}` contains a private key"),
            "with this key, every value that was sealed for it can be read",
            "remove it from the history of the repository, renew the key, and change the sealed values".to_owned(),
        );
    }
    // kubeseal uses the first certificate of a file.
    let first = text.find("-----BEGIN CERTIFICATE-----").map(|start| &text[start..]);
    let end = |text: &str| Some(text.find("-----END CERTIFICATE-----")? + "-----END CERTIFICATE-----".len());
    let first = first.and_then(|text| Some(format!("{}\n", text.get(..end(text)?)?)));
    let Some(Ok(parsed)) = first.map(X509::from_pem) else {
        return invalid(format!("`{name}` is not a certificate in PEM format"), "", fetch);
    };
    let until = parsed.tbs_certificate.validity.not_after;
    let (end, date) = (until.to_unix_duration(), date(until.to_date_time()));
    if end <= now {
        return invalid(format!("the certificate `{name}` expired on {date}"), "kubeseal rejects it", fetch);
    }
    let mut diagnostics = Diagnostics::default();
    let left = end.saturating_sub(now);
    if left <= NOTICE {
        let days = plural(usize::try_from(left.as_secs() / DAY).unwrap_or_default(), "day");
        let message = format!("the certificate `{name}` expires on {date}, in {days}");
        diagnostics.push(Diagnostic::new(Code::SealingCertificateExpiring, message).at(place.clone(), "").help(fetch));
    }
    (Some(Certificate { path }), diagnostics)
}

fn date(time: DateTime) -> String {
    format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}
