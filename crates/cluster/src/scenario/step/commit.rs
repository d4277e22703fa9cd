//! `commit`: commits changes to the repository that Argo CD reads. After the scenario, they are reverted.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Fields, Node, Syntax};

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::files;
use crate::scenario::gitops::Change;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind = Kind {
    key: "commit",
    read: |fields, folder, diagnostics| {
        let path = fields.path_of("commit");
        let nodes = fields.sequence("commit");
        let edits = nodes.iter().enumerate();
        let edits = edits.filter_map(|(index, node)| read(node, &format!("{path}[{index}]"), folder, diagnostics));
        Some(Arc::new(Commit(edits.collect())))
    },
};

#[derive(Debug)]
struct Commit(Vec<Edit>);

/// A change, whose texts may contain variables.
#[derive(Debug)]
struct Edit {
    /// A file of the repository.
    file: String,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Replace a text with another one.
    Replace(String, String),
    /// Write the content of a file beside the scenario.
    From(String),
    Delete,
}

/// The keys of an edit.
const KEYS: &[&str] = &["delete", "file", "from", "replace", "with"];

fn read(node: &Node, path: &str, folder: &Path, diagnostics: &mut Diagnostics) -> Option<Edit> {
    let mut fields = Fields::new(node, path, Syntax::Scenario);
    let file = fields.required_string("file");
    let (replace, with) = (fields.string("replace"), fields.string("with"));
    let from = files::optional(&mut fields, "from", folder);
    let delete = fields.bool("delete");
    let how = match (replace, with, from, delete) {
        (Some(text), Some(with), None, false) => Some(How::Replace(text, with)),
        (None, None, Some(from), false) => Some(How::From(from)),
        (None, None, None, true) => Some(How::Delete),
        // A misspelled key, which is reported as unknown.
        _ if node.entries().iter().any(|(key, _)| !KEYS.contains(&key.name.as_str())) => None,
        _ => {
            fields.report(
                Diagnostic::new(Code::ScenarioInvalid, format!("`{path}` must have one kind of change"))
                    .at(node.place(), "expected `replace` and `with`, `from`, or `delete: true`"),
            );
            None
        }
    };
    fields.finish(diagnostics);
    Some(Edit { file: file?, how: how? })
}

impl Action for Commit {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let mut changes = Vec::new();
        for edit in &self.0 {
            let file = runner.fill(&edit.file)?;
            changes.push(match &edit.how {
                How::Replace(text, with) => {
                    Change::Replace { file, text: runner.fill(text)?, with: runner.fill(with)? }
                }
                How::From(from) => Change::Write { file, text: runner.fill(&runner.read(from)?)? },
                How::Delete => Change::Delete { file },
            });
        }
        let commit = runner.gitops()?.commit(&changes, deadline.left())?;
        Ok(Some(format!("commit {}", &commit[..commit.len().min(7)])))
    }

    fn files(&self) -> Vec<&str> {
        let files =
            self.0.iter().filter_map(|edit| if let How::From(file) = &edit.how { Some(file.as_str()) } else { None });
        files.collect()
    }

    fn needs_git(&self) -> bool {
        true
    }
}
