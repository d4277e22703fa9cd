//! YAML with places, read as Kubernetes, Argo CD, and Helm read it.
//!
//! They share a Go library that follows YAML 1.1 for scalars: `yes` is true, `0644` is 420, `1_000` is 1000, and a date
//! is a string. No Rust library has exactly these rules, so a library supplies the events, and [`resolve`] interprets
//! the scalars. Each line of the table in the tests was observed in the Go library.
//!
//! Only this module names the crate with the events. Does not write YAML: what people see is Helm's text.

mod builder;
mod offsets;
mod padding;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use diagnostics::{Limit, Place, Result, Source};
use yaml_events::{Event, Events, ScanError};

use self::builder::Builder;
pub use self::builder::Document;
use self::offsets::Offsets;
use self::padding::Padding;
pub use self::scalar::resolve;
pub use self::syntax::{conflict, misread, unresolved};
use self::syntax::{stopped, syntax_error, unfinished, unreadable};
pub use self::values::values_of;

/// Parses all documents of a text. A text of only comments and white space has none.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Document>> {
    if source.text.len() > Limit::YamlSize.bytes() {
        let what = format!("it is larger than {} MiB", Limit::YamlSize.value());
        let place = Place { source: Arc::clone(source), span: None };
        return Err(unreadable(&what).at(place, "").help(Limit::YamlSize.help()).into());
    }
    let mut padding = Padding::default();
    loop {
        let (error, at) = match documents(source, &padding)? {
            Ok(documents) => return Ok(documents),
            Err(stop) => stop,
        };
        if padding.add(&source.text, at, &error) {
            continue;
        }
        let (error, at) = padding.cause(&source.text, at).unwrap_or((error, at));
        // The end of the text has no line to show, so the place is the end of its last line.
        let at = at.min(source.text.trim_end().len());
        let cause = misread(source, Some(at)).or_else(|| unfinished(source, at, error.info()));
        return Err(cause.unwrap_or_else(|| stopped(source, at, error.info())).into());
    }
}

/// The documents of a text with more spaces in it, or the error at which the YAML library stops and its byte.
fn documents(
    source: &Arc<Source>,
    padding: &Padding,
) -> Result<std::result::Result<Vec<Document>, (ScanError, usize)>> {
    let padded = if padding.is_empty() { None } else { Some(padding.apply(&source.text)) };
    let text = padded.as_deref().unwrap_or(&source.text);
    let offsets = Offsets::new(text);
    let byte = |index: usize| padding.original(offsets.byte(index));
    let mut builder = Builder::new(source);
    let mut documents = Vec::new();
    for event in Events::of(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = byte(error.marker().index());
                return Ok(Err((error, at)));
            }
        };
        let span = byte(span.start.index())..byte(span.end.index());
        match event {
            Event::DocumentStart(_) => builder = Builder::new(source),
            Event::DocumentEnd => {
                let finished = std::mem::replace(&mut builder, Builder::new(source));
                documents.push(finished.document());
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
            event => builder.event(event, span)?,
        }
    }
    Ok(Ok(documents))
}

/// Parses a text that must contain at most one document; an empty text is null.
pub fn parse_one(source: &Arc<Source>) -> Result<Document> {
    let mut documents = parse(source)?;
    match documents.len() {
        0 => Ok(Builder::new(source).document()),
        1 => Ok(documents.remove(0)),
        _ => Err(syntax_error(source, documents[1].root.span.clone(), "expected one document, found a second")),
    }
}
