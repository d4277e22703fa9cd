//! The variables of a template.

use super::functions;
use super::value::{Reads, Value};
use crate::template::tree::{Pipeline, Root};

/// The variables at a place in a template.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// `$`: the context with which the template was called.
    root: Value,
    /// The others with their dollar signs, those of inner blocks last.
    declared: Vec<(String, Value)>,
}

impl Variables {
    /// The variables at the beginning of a template.
    pub(super) fn new(root: Value) -> Self {
        Self { root, declared: Vec::new() }
    }

    /// The number of variables, to return to at the end of a block.
    pub(super) fn depth(&self) -> usize {
        self.declared.len()
    }

    /// Leaves a block.
    pub(super) fn leave(&mut self, depth: usize) {
        self.declared.truncate(depth);
    }

    /// The value of the first part of an operand, or the pipeline in parentheses that computes it.
    pub(super) fn value<'p>(&self, root: &'p Root, dot: &Value) -> Result<Value, &'p Pipeline> {
        Ok(match root {
            Root::Dot => dot.clone(),
            Root::Variable(name) if name == "$" => self.root.clone(),
            Root::Variable(name) => {
                let known = self.declared.iter().rev().find(|(known, _)| known == name);
                known.map(|(_, value)| value.clone()).unwrap_or_default()
            }
            Root::Function(name) => functions::call(name, &[]),
            Root::Parentheses(inner) => return Err(inner),
            Root::String(text) => Value::text(text),
            Root::Character(_) | Root::Number(_) | Root::Bool(_) | Root::Nil => Value::default(),
        })
    }

    /// Sets the variables of a pipeline, in a place that is rendered only if `control` say so.
    pub(super) fn set(&mut self, pipeline: &Pipeline, values: &[Value], control: &Reads) {
        for (variable, value) in pipeline.variables.iter().zip(values) {
            if pipeline.declares {
                self.declared.push((variable.name.clone(), value.clone()));
            } else {
                self.assign(&variable.name, value, control);
            }
        }
    }

    /// Sets a variable that is declared outside. It may still be what it was.
    pub(super) fn assign(&mut self, name: &str, value: &Value, control: &Reads) {
        if let Some((_, known)) = self.declared.iter_mut().rev().find(|(known, _)| known == name) {
            *known = std::mem::take(known).or(value).depending(control);
        }
    }
}
