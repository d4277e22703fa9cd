//! `render --watch`: renders again whenever a file changes, and prints the changes since the last render.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::process;
use toolbox::progress::Progress;
use toolbox::watch::Watch;
use workspace::find;

use super::render::{self, Request};
use super::{Outcome, Session};
use crate::report::json::Output;
use crate::report::rendered;

/// Runs the command until a signal ends it.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if session.printer.json() {
        return Err(Diagnostic::new(Code::Usage, "`--watch` prints no JSON").help("remove `--format json`").into());
    }
    let mut watch = Watch::new(&folders(&session.root));
    let mut last = None;
    loop {
        let started = Instant::now();
        let (text, summary) = once(session, request);
        if process::interrupted() {
            break;
        }
        if last.as_ref() != Some(&text) {
            session.printer.screenful(&text);
            last = Some(text);
        }
        let seconds = started.elapsed().as_secs_f64();
        session.printer.status("Watching", &format!("{summary} in {seconds:.2}s; press Ctrl-C to stop"));
        if !watch.wait() {
            break;
        }
        watch.extend(&folders(&session.root));
    }
    let ended = Diagnostic::new(Code::Interrupted, "interrupted by a signal");
    Ok(Outcome { diagnostics: ended.into(), output: Output::default() })
}

/// Renders once, as a run of its own. Returns what is to be seen, and the totals.
fn once(session: &Session<'_>, request: &Request) -> (String, String) {
    let session = Session {
        root: session.root.clone(),
        rendered: Arc::default(),
        results: Arc::clone(&session.results),
        goldens: Arc::default(),
        revision: None,
        configuration: session.configuration.clone(),
        ..*session
    };
    let mut diagnostics = Diagnostics::default();
    let report = render::render(&session, request, &mut diagnostics);
    let mut text = String::new();
    let summary = match report {
        Ok(report) => {
            text.push_str(&rendered::differences(&report));
            rendered::total(&report)
        }
        Err(found) => {
            diagnostics.extend(found);
            "not rendered".to_owned()
        }
    };
    diagnostics.sort();
    text.push_str(&session.printer.described(&diagnostics));
    (text, summary)
}

/// The directories with files that Git does not ignore, and the root.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_path_buf()];
    folders.extend(find::folders(root));
    folders
}
