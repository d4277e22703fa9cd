//! Applications with the same name.

use argocd::application::Application;
use diagnostics::{Code, Diagnostic, Place};

use crate::files::CONFIG_FILE;
use crate::repeated::directory;

/// The finding about an Application whose name another one has.
pub(crate) fn report(application: &Application, first: Place) -> Diagnostic {
    let elsewhere = directory(&first) != directory(&application.place);
    let found = Diagnostic::new(
        Code::ApplicationDuplicate,
        format!("Application `{}` is defined twice in one namespace", application.name),
    )
    .at(application.place.clone(), "second definition")
    .at(first, "first definition")
    .help("rename one of them; Kubernetes keeps only one object per name and namespace");
    if !elsewhere {
        return found;
    }
    found.help(format!(
        "or, if each belongs to another instance of Argo CD, declare the instances with `[[instance]]` in {CONFIG_FILE}"
    ))
}
