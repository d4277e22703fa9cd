//! The documents of `--format json`.
//!
//! docs/json.schema.json is generated from these types and their documentation.

mod application;
mod check;
mod diagnostic;
mod diff;
mod machine;
mod output;
mod pin;
mod render;
mod test_kind;
mod tool;
mod trace;

use diagnostics::Diagnostics;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::application::{
    Application, ArgocdList, ArgocdSetRepository, GeneratedBy, Init, New, NewCompleted, OtherRepository,
    RepositoryChange,
};
pub use self::check::{Ci, Lint, LintImages, UsedImage, Validate};
pub use self::diagnostic::{Diagnostic, Place};
pub use self::diff::Diff;
pub use self::machine::{Cache, CachePart, CheckState, Doctor, DoctorCheck, Removed, Script};
pub use self::output::Output;
pub use self::pin::{Advisory, Dependency, Deps, DepsUpdate, Outdated, Package, Preview};
pub use self::render::{Change, ChangeKind, Object, Pending, PendingChange, Render, Target};
pub use self::test_kind::{Step, StepResult, TestKind};
pub use self::tool::{Bench, BenchRow, Code, Explain, Image, Images, Schemas, Seal, Tool, Tools};
pub use self::trace::{ExplainCoverage, ExplainField, Impact, ImpactTarget, LineSource, TracedLine, TracedTarget};
use super::exit_code;

/// The version of the format.
const VERSION: u32 = 2;

/// What `cargo xtask` writes to standard output with `--format json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "cargo xtask --format json")]
pub struct Document<'a> {
    /// The version of this format. It increases when a field is removed or changes its meaning.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// The command, without its subcommand.
    command: &'a str,
    /// The exit code of the process.
    exit_code: u8,
    #[serde(flatten)]
    output: &'a Output,
    /// The errors and warnings, in the order of the text output.
    diagnostics: Vec<Diagnostic>,
}

/// Formats the document of a command.
#[must_use]
pub fn document(command: &str, diagnostics: &Diagnostics, output: &Output) -> String {
    let document = Document {
        version: VERSION,
        command,
        exit_code: exit_code(diagnostics),
        output,
        diagnostics: diagnostics.0.iter().map(Diagnostic::from).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use schemars::generate::SchemaSettings;
    use schemars::transform::RestrictFormats;

    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// `UPDATE_SCHEMA=1` rewrites the file.
    #[test]
    fn the_schema_in_docs_is_up_to_date() {
        let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RestrictFormats::default());
        let schema = settings.into_generator().into_root_schema_for::<Document<'_>>();
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        let path = repository().join("docs/json.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() && std::env::var_os("CI").is_none() {
            std::fs::write(&path, &text).expect("written");
        }
        let current = toolbox::regular_file::read_to_string(&path).unwrap_or_default();
        assert!(current == text, "docs/json.schema.json is outdated: run the tests with `UPDATE_SCHEMA=1`");
    }

    #[test]
    fn the_example_in_docs_is_the_output_of_a_fixture() {
        let read = |path: &str| std::fs::read_to_string(repository().join(path)).expect("readable");
        let fixture = read("tests/fixtures/json-changed.txtar");
        let output = fixture.split_once("-- expected.stdout --\n").and_then(|(_, rest)| rest.split_once("-- expected"));
        let (output, _) = output.expect("a section");
        assert!(
            read("docs/json.md").contains(&format!("```json\n{output}```\n")),
            "docs/json.md differs from:\n{output}"
        );
    }
}
