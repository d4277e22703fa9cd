//! The certificate for sealing that charts.toml names: missing, invalid, expired, or about to expire.
//!
//! Does not compare it with the controller's keys, which only the cluster has.

use diagnostics::{Code, Diagnostics};
use workspace::sealing;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::SealingCertificateExpiring, Code::SealingCertificateInvalid];

/// At most one finding.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let setting = subject.workspace.config.sealing.certificate.as_ref();
    setting.map(|setting| sealing::certificate(&subject.workspace.root, setting, subject.now).1).unwrap_or_default()
}
