//! `image`: builds the repository's own images whose inputs changed, and pushes them.

use std::collections::BTreeMap;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::engine::Engine;
use workspace::Workspace;

use super::{Outcome, Session};
pub use crate::cli::Image as Request;
use crate::image;
use crate::image::{Builder, State, push};
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    // Errors in Applications are ignored: they do not affect images.
    let (workspace, _) = Workspace::load(&session.root, &session.environment.cache)?;
    let arguments = arguments(&request.build_args)?;
    let images = image::load(&session.root, &request.names)?;
    let mut diagnostics = Diagnostics::default();
    let mut reports = Vec::new();
    let (mut fresh, mut built) = (0, 0);
    if !images.is_empty() {
        let engine = Engine::find()?;
        let builder = Builder {
            engine: &engine,
            root: &session.root,
            repository: &workspace.config.repository,
            arguments: &arguments,
            force: request.force,
            offline: session.offline,
            progress: session.printer,
        };
        for image in &images {
            let target = push::in_registry(&image.reference, request.registry.as_deref());
            let ready = if request.platforms.is_empty() {
                builder.ensure(image)
            } else {
                builder.publish(image, &target, &request.platforms)
            };
            let Some(ready) = diagnostics.take(ready) else { continue };
            if request.push && request.platforms.is_empty() {
                let pushed = push::push(&engine, &session.root, &image.reference, &target, session.printer);
                diagnostics.extend(pushed.err().unwrap_or_default());
            }
            *if ready.state == State::Fresh { &mut fresh } else { &mut built } += 1;
            reports.push(json::Image {
                name: image.name.clone(),
                reference: image.reference.clone(),
                state: ready.state,
                id: ready.id,
                size: ready.size,
                inputs: ready.inputs,
                pushed: request.push.then_some(target),
            });
        }
    }
    diagnostics.sort();
    let counts = format!("{}: {built} built, {fresh} fresh", plural(images.len(), "image"));
    session.printer.finished(&counts);
    Ok(Outcome { diagnostics, output: Output::Image(json::Images { images: reports }) })
}

fn arguments(given: &[String]) -> Result<BTreeMap<String, String>> {
    let mut diagnostics = Diagnostics::default();
    let mut arguments = BTreeMap::new();
    for text in given {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                arguments.insert(name.to_owned(), value.to_owned());
            }
            _ => diagnostics.push(
                Diagnostic::new(Code::Usage, format!("`--build-arg {text}` is not of the form `NAME=VALUE`"))
                    .help("for example: `--build-arg BASE_IMAGE=registry.example.com/debian:bookworm-slim`"),
            ),
        }
    }
    diagnostics.into_result(arguments)
}
