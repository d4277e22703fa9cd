//! Evaluates Jsonnet files with the pinned program.

use std::path::Path;

use argocd::directory::{Manifest, jsonnet};
use diagnostics::excerpt::last_lines;
use diagnostics::{Code, Diagnostic, Limit, Place, Result};
use toolbox::inputs;
use toolbox::process::{Invocation, quoted};
use toolbox::source::read;

use crate::jsonnet::Evaluation;

/// The objects that a file evaluates to. `root` contains the repository.
pub(super) fn evaluate(root: &Path, program: &Path, evaluation: &Evaluation, file: &Path) -> Result<Vec<Manifest>> {
    let mut arguments: Vec<String> = Vec::new();
    for library in &evaluation.libraries {
        arguments.extend(["--jpath".to_owned(), library.to_string_lossy().into_owned()]);
    }
    arguments.extend(evaluation.options.iter().cloned());
    arguments.extend(["--".to_owned(), file.to_string_lossy().into_owned()]);
    // Directories of this machine would be searched, too.
    let invocation = Invocation::new(program, root).args(&arguments).env("JSONNET_PATH", "").limit(Limit::ProgramTime);
    let output = invocation.run()?;
    let name = inputs::name(root, file);
    let by_hand = || {
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        format!("to reproduce it, run: {} {}", quoted(&program.to_string_lossy()), words.join(" "))
    };
    if !output.success() {
        return Err(explain(root, &name, &output.stderr).help(by_hand()).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let objects = jsonnet::objects(&text).ok_or_else(|| {
        Diagnostic::new(Code::ManifestInvalid, format!("`{name}` does not evaluate to objects"))
            .at(Place::file(&name), "must evaluate to an object or an array of objects")
            .help("exclude files that are only imported with `directory.exclude`, or name them `.libsonnet`")
    })?;
    Ok(objects.into_iter().map(|text| Manifest { file: name.clone(), line: 1, text }).collect())
}

/// Parses the error of the program: the first line is the error, and the first place in the repository is its place.
fn explain(root: &Path, name: &str, stderr: &str) -> Diagnostic {
    let first = stderr.lines().next().unwrap_or_default();
    let message = first.strip_prefix("RUNTIME ERROR: ").unwrap_or(first);
    let at = stderr.lines().find_map(|line| place(root, line));
    // A syntax error begins with its place.
    let message =
        at.as_ref().map_or(message, |(_, rest)| if first.ends_with(rest) && !rest.is_empty() { rest } else { message });
    let found = Diagnostic::new(Code::ManifestInvalid, format!("`{name}` cannot be evaluated: {message}"));
    match at {
        Some((place, _)) => found.at(place, ""),
        None => found.at(Place::file(name), "").note(last_lines(stderr, 20)),
    }
}

/// The place that a line names, as in `/repo/a.jsonnet:1:6-16` or `/repo/a.jsonnet:(1:6)-(3:2)`, and the text after it.
fn place<'l>(root: &Path, line: &'l str) -> Option<(Place, &'l str)> {
    let line = line.trim_start();
    let rest = line.strip_prefix(&*root.to_string_lossy())?.strip_prefix('/')?;
    let (path, after) = rest.split_once(':')?;
    let digits = after.trim_start_matches('(');
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number: usize = digits[..end].parse().ok()?;
    let text = after.split_once([' ', '\t']).map_or("", |(_, text)| text.trim());
    let source = read(root, &root.join(path)).ok()?;
    // The end of the file is after its last line.
    Some((Place::line(&source, number.min(source.text.lines().count())), text))
}
