//! Asks the Sealed Secrets controller of a cluster whether it can decrypt SealedSecrets.
//!
//! kubeseal sends each of them to the controller, through the API server. The controller only answers yes or no, so a
//! SealedSecret with several ciphertexts that it cannot decrypt is sent again with each of them alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use document::Node;
use kubernetes::schemas;
use kubernetes::validate::subject::Subject;
use serde_json::{Value, json};
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use workspace::Workspace;
use workspace::sealing::Section;

use super::Session;

/// The codes that the controller's answers have.
pub const CODES: &[Code] = &[Code::SealedSecretUndecryptable];

/// The time limit of one question. The controller answers two per second, and kubeseal waits for that.
const DEADLINE: Duration = Duration::from_secs(60);

/// The messages of kubeseal if the controller cannot decrypt a SealedSecret. Any other one is a failure.
const REFUSED: &str = "unable to decrypt sealed secret";

/// Returns how many SealedSecrets the controller can decrypt, and findings about the others.
#[must_use]
pub fn verify(
    session: &Session<'_>,
    workspace: &Workspace,
    kubeconfig: &Path,
    sealed: &[Subject],
) -> (usize, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let cluster = match Cluster::new(session, workspace, kubeconfig) {
        Ok(cluster) => cluster,
        Err(found) => return (0, found),
    };
    let under_way = (!sealed.is_empty()).then(|| {
        session.printer.under_way("Verifying", &format!("{} with the cluster", plural(sealed.len(), "SealedSecret")))
    });
    let mut verified = 0;
    for subject in sealed {
        match cluster.refused(subject) {
            Ok(None) => verified += 1,
            Ok(Some(refused)) => diagnostics.push(finding(subject, &refused)),
            // The next question would fail likewise.
            Err(found) => {
                diagnostics.extend(found);
                break;
            }
        }
    }
    drop(under_way);
    (verified, diagnostics)
}

/// A cluster whose controller is asked.
struct Cluster<'a> {
    kubeseal: PathBuf,
    kubeconfig: PathBuf,
    root: &'a Path,
    controller: &'a Section,
}

impl<'a> Cluster<'a> {
    fn new(session: &'a Session<'_>, workspace: &'a Workspace, kubeconfig: &Path) -> Result<Self> {
        let kubeconfig = std::path::absolute(kubeconfig).unwrap_or_else(|_| kubeconfig.to_owned());
        if !kubeconfig.is_file() {
            return Err(Diagnostic::new(Code::Usage, format!("kubeconfig `{}` not found", kubeconfig.display())).into());
        }
        let kubeseal = session.tools(workspace).require("kubeseal", workspace.config.tool("kubeseal")?)?.path;
        Ok(Self { kubeseal, kubeconfig, root: &session.root, controller: &workspace.config.sealing })
    }

    /// The ciphertexts that the controller cannot decrypt; `None` if it can decrypt the SealedSecret.
    fn refused<'s>(&self, subject: &'s Subject) -> Result<Option<Vec<&'s Node>>> {
        let mut object = schemas::json(&subject.object.root);
        // The controller decrypts for the namespace in the object, which Argo CD adds.
        object["metadata"]["namespace"] = json!(subject.object.key.namespace);
        if self.decrypts(&object)? {
            return Ok(None);
        }
        let data = subject.object.root.find(&["spec", "encryptedData"]);
        let entries = data.map(Node::entries).unwrap_or_default();
        let mut refused = Vec::new();
        for (key, value) in entries {
            object["spec"]["encryptedData"] = json!({ &key.name: value.as_str() });
            if entries.len() == 1 || !self.decrypts(&object)? {
                refused.push(value);
            }
        }
        Ok(Some(refused))
    }

    fn decrypts(&self, object: &Value) -> Result<bool> {
        let Section { namespace, name, .. } = self.controller;
        let invocation = Invocation::new(&self.kubeseal, self.root)
            .args(["--validate", "--controller-namespace", namespace, "--controller-name", name, "--kubeconfig"])
            .args([self.kubeconfig.as_path()])
            .deadline(DEADLINE)
            .input(object.to_string());
        let output = invocation.run()?;
        if output.success() {
            return Ok(true);
        }
        if output.stderr.contains(REFUSED) {
            return Ok(false);
        }
        let failed = Diagnostic::new(Code::ProcessFailed, "the Sealed Secrets controller did not answer")
            .note(format!("command: {}", invocation.command_line()))
            .note(output.stderr.trim().to_owned());
        Err(if output.stderr.contains("not found") {
            failed.help(format!(
                "set `controller` in `[sealed-secrets]` of charts.toml to the controller's Service; it is now {namespace}/{name}"
            ))
        } else {
            failed.help(format!("kubeseal needs access to the Service {namespace}/{name} through the API server"))
        }
        .into())
    }
}

fn finding(subject: &Subject, refused: &[&Node]) -> Diagnostic {
    let mut places = refused.iter().map(|node| node.place());
    let main = places.next().unwrap_or_else(|| subject.object.root.place());
    let message = format!("the controller cannot decrypt {}", subject.object.key);
    let label = "sealed for another name, namespace, or key";
    let mut finding = subject.finding(Code::SealedSecretUndecryptable, message, main, label);
    for place in places {
        finding = finding.at(place, "this one, too");
    }
    finding
        .help("seal the value again, for this name and namespace, with the cluster's current certificate")
        .help("if it was unsealed before, the cluster lacks a sealing key: restore the backup of the keys")
}
