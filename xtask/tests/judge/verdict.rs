//! What the judge answers. tests/judge/verdict.go documents the fields.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// What Argo CD makes of a workspace.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    pub(crate) root: PathBuf,
    pub(crate) error: Option<String>,
    pub(crate) application_sets: Option<Vec<ApplicationSet>>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) applications: Vec<Application>,
}

#[derive(Deserialize)]
pub(crate) struct ApplicationSet {
    namespace: String,
    pub(crate) name: String,
    pub(crate) error: Option<String>,
}

impl ApplicationSet {
    /// The name by which the binary lists it: with the namespace if that is not Argo CD's.
    pub(crate) fn instance(&self) -> String {
        if self.namespace == "argocd" { self.name.clone() } else { format!("{}_{}", self.namespace, self.name) }
    }
}

#[derive(Deserialize)]
pub(crate) struct Application {
    pub(crate) instance: String,
    pub(crate) generator: Option<String>,
    pub(crate) resource: Value,
    pub(crate) error: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) objects: Vec<Object>,
}

#[derive(Deserialize)]
pub(crate) struct Object {
    pub(crate) manifest: Value,
    #[serde(default)]
    pub(crate) replaced: bool,
}

impl Verdict {
    /// Reads one line of the judge's output.
    pub(crate) fn read(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line)
    }

    /// Whether Argo CD did not find a program.
    pub(crate) fn lacks(&self, program: &str) -> bool {
        let problem = format!("exec: \"{program}\": executable file not found");
        self.applications
            .iter()
            .filter_map(|application| application.error.as_ref())
            .any(|error| error.contains(&problem))
    }
}

/// Go writes an empty list as null.
fn nullable<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
