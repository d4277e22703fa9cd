//! The values of one key in text that is only similar to YAML.

use std::sync::Arc;

use diagnostics::Source;
use yaml_events::{Event, Events};

use super::offsets::Offsets;
use crate::tree::{Node, Value};

/// The scalar values of a key in any mapping of a text, up to the first syntax error.
///
/// For text that is only similar to YAML, such as a template: unlike [`parse`], this keeps every value of a duplicate key.
#[must_use]
pub fn values_of(source: &Arc<Source>, key: &str) -> Vec<Node> {
    /// The role of the next node of an open collection.
    enum Next {
        Key,
        Value { wanted: bool },
        Item,
    }
    let offsets = Offsets::new(&source.text);
    let mut open: Vec<Next> = Vec::new();
    let mut found = Vec::new();
    for (event, span) in Events::of(&source.text).map_while(std::result::Result::ok) {
        let scalar = match &event {
            Event::Scalar(text, ..) => Some(text.to_string()),
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => None,
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        if let Some(next) = open.last_mut() {
            *next = match next {
                Next::Key => Next::Value { wanted: scalar.as_deref() == Some(key) },
                Next::Value { wanted } => {
                    if let (true, Some(text)) = (*wanted, scalar) {
                        let span = offsets.byte(span.start.index())..offsets.byte(span.end.index());
                        found.push(Node { value: Value::String(text), span, source: Arc::clone(source) });
                    }
                    Next::Key
                }
                Next::Item => Next::Item,
            };
        }
        match event {
            Event::SequenceStart(..) => open.push(Next::Item),
            Event::MappingStart(..) => open.push(Next::Key),
            _ => {}
        }
    }
    found
}
