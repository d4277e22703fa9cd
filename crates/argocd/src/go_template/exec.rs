//! Executes a template.

use std::collections::BTreeMap;
use std::rc::Rc;

use diagnostics::Limit;

use super::error::{Error, Problem, Result};
use super::parse::Template;
use super::signature::{Function, Type};
use super::tree::{Branch, Command, List, Node, Number, Operand, Pipe, Term};
use super::value::Value;

/// The result of a key that does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, printed as `<no value>`.
    #[default]
    Default,
    /// The zero value of the map's type.
    Zero,
    /// An error.
    Error,
}

/// How deep templates may include each other.
const MAX_DEPTH: usize = 100;

/// Executes a template with a value as its dot.
pub(super) fn execute(
    template: &Template,
    functions: &BTreeMap<&'static str, Function>,
    missing: MissingKey,
    dot: &Value,
) -> Result<String> {
    let mut run = Run {
        defined: &template.defined,
        functions,
        missing,
        variables: vec![(Rc::from(""), dot.clone())],
        out: String::new(),
        steps: 0,
        depth: 0,
    };
    run.list(&template.root, dot)?;
    Ok(run.out)
}

/// How the execution goes on after a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Run<'a> {
    defined: &'a BTreeMap<String, List>,
    functions: &'a BTreeMap<&'static str, Function>,
    missing: MissingKey,
    variables: Vec<(Rc<str>, Value)>,
    out: String,
    steps: usize,
    depth: usize,
}

impl Run<'_> {
    fn list(&mut self, nodes: &List, dot: &Value) -> Result<Flow> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn step(&mut self, at: usize) -> Result<()> {
        self.steps += 1;
        for (limit, exceeded) in [
            (Limit::TemplateSteps, self.steps > Limit::TemplateSteps.value()),
            (Limit::TemplateSize, self.out.len() > Limit::TemplateSize.bytes()),
        ] {
            if exceeded {
                return Err(Error::new(at, Problem::Limit(limit)));
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    match value {
                        Value::Missing | Value::Nil => self.out.push_str("<no value>"),
                        value => self.out.push_str(&value.text()),
                    }
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Template { name, pipe, at } => self.template(name, pipe.as_ref(), *at, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn branch(&mut self, branch: &Branch, dot: &Value, with: bool) -> Result<Flow> {
        let visible = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        let flow = if value.truth() {
            self.list(&branch.body, if with { &value } else { dot })?
        } else if let Some(otherwise) = &branch.otherwise {
            self.list(otherwise, dot)?
        } else {
            Flow::Next
        };
        self.variables.truncate(visible);
        Ok(flow)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow> {
        let visible = self.variables.len();
        let at = branch.pipe.at;
        let value = self.pipe(&branch.pipe, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::List(items) => {
                items.iter().enumerate().map(|(index, item)| (integer(index), item.clone())).collect()
            }
            Value::Map(map) => map.pairs().into_iter().map(|(key, item)| (Value::string(&key), item)).collect(),
            Value::Int(count) | Value::Int64(count) => {
                if branch.pipe.variables.len() > 1 {
                    let message = format!("can't use {count} to iterate over more than one variable");
                    return Err(Error::failed(at, message));
                }
                let wide = matches!(value, Value::Int64(_));
                let count = usize::try_from(*count).unwrap_or_default();
                if count > Limit::TemplateSteps.value() {
                    return Err(Error::new(at, Problem::Limit(Limit::TemplateSteps)));
                }
                let number = |index| if wide { wide_integer(index) } else { integer(index) };
                (0..count).map(|index| (Value::Missing, number(index))).collect()
            }
            Value::Missing | Value::Nil => Vec::new(),
            other => return Err(Error::failed(at, format!("range can't iterate over {}", other.text()))),
        };
        let mut flow = Flow::Next;
        if items.is_empty() {
            if let Some(otherwise) = &branch.otherwise {
                flow = self.list(otherwise, dot)?;
            }
        } else {
            let mark = self.variables.len();
            for (index, item) in items {
                self.step(at)?;
                self.bind(&branch.pipe, mark, index, &item);
                match self.list(&branch.body, &item)? {
                    Flow::Break => break,
                    Flow::Next | Flow::Continue => self.variables.truncate(mark),
                }
            }
        }
        self.variables.truncate(visible);
        Ok(flow)
    }

    /// Sets the variables of a `range` for one item.
    fn bind(&mut self, pipe: &Pipe, mark: usize, index: Value, item: &Value) {
        let (first, second) = match pipe.variables.as_slice() {
            [] => return,
            [only] => (None, only),
            [first, second, ..] => (Some(first), second),
        };
        if pipe.assigns {
            self.assign(second, item);
            if let Some(first) = first {
                self.assign(first, &index);
            }
            return;
        }
        self.variables[mark - 1].1 = item.clone();
        if first.is_some() {
            self.variables[mark - 2].1 = index;
        }
    }

    fn assign(&mut self, name: &Rc<str>, value: &Value) {
        if let Some(variable) = self.variables.iter_mut().rev().find(|variable| variable.0 == *name) {
            variable.1 = value.clone();
        }
    }

    fn template(&mut self, name: &str, pipe: Option<&Pipe>, at: usize, dot: &Value) -> Result<()> {
        let defined = self.defined;
        let Some(body) = defined.get(name) else {
            return Err(Error::failed(at, format!("template {name:?} not defined")));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::failed(at, format!("exceeded maximum template depth ({MAX_DEPTH})")));
        }
        let dot = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Missing,
        };
        let variables = std::mem::replace(&mut self.variables, vec![(Rc::from(""), dot.clone())]);
        self.list(body, &dot)?;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value> {
        self.step(pipe.at)?;
        let mut value = None;
        for command in &pipe.commands {
            let found = self.command(command, value.take(), dot)?;
            // Go takes null out of the interface that contains it.
            value = Some(if matches!(found, Value::Nil) { Value::Missing } else { found });
        }
        let value = value.unwrap_or(Value::Missing);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, &value);
            } else {
                self.variables.push((Rc::clone(name), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, piped: Option<Value>, dot: &Value) -> Result<Value> {
        let (first, arguments) = (&command.0[0], &command.0[1..]);
        if let Term::Function(name) = &first.term {
            return self.call(name, first.at, arguments, piped, dot);
        }
        if !arguments.is_empty() || piped.is_some() {
            let message = match &first.term {
                Term::Field(names) => format!("{} is not a method but has arguments", names.join(".")),
                _ => "can't give argument to non-function".to_owned(),
            };
            return Err(Error::failed(first.at, message));
        }
        if matches!(first.term, Term::Nil) {
            return Err(Error::failed(first.at, "nil is not a command"));
        }
        self.operand(first, dot)
    }

    /// The value of an operand without arguments.
    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value> {
        let at = operand.at;
        match &operand.term {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Value::Nil),
            Term::Bool(value) => Ok(Value::Bool(*value)),
            Term::Number(number) => constant(*number, at),
            Term::Text(text) => Ok(Value::String(Rc::clone(text))),
            Term::Field(names) => self.fields(dot.clone(), names, at),
            Term::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|variable| variable.0 == *name);
                let value = found.map_or(Value::Missing, |variable| variable.1.clone());
                self.fields(value, names, at)
            }
            Term::Function(name) => self.call(name, at, &[], None, dot),
            Term::Pipe(pipe) => self.pipe(pipe, dot),
            Term::Chain(inner, names) => {
                let value = self.operand(inner, dot)?;
                self.fields(value, names, at)
            }
        }
    }

    fn fields(&self, mut value: Value, names: &[String], at: usize) -> Result<Value> {
        for name in names {
            value = match &value {
                Value::Missing => match self.missing {
                    MissingKey::Error => {
                        return Err(Error::new(at, Problem::MissingKey(name.clone(), Vec::new())));
                    }
                    _ => Value::Missing,
                },
                Value::Nil => {
                    return Err(Error::failed(at, format!("nil pointer evaluating interface {{}}.{name}")));
                }
                Value::Map(map) => match (map.get(name), self.missing) {
                    (Some(found), _) => found,
                    (None, MissingKey::Default) => Value::Missing,
                    (None, MissingKey::Zero) if map.strings => Value::string(""),
                    (None, MissingKey::Zero) => Value::Nil,
                    (None, MissingKey::Error) => {
                        let known = map.entries.borrow().keys().cloned().collect();
                        return Err(Error::new(at, Problem::MissingKey(name.clone(), known)));
                    }
                },
                other => {
                    let message = format!("can't evaluate field {name} in type {}", other.type_name());
                    return Err(Error::failed(at, message));
                }
            };
        }
        Ok(value)
    }

    fn call(
        &mut self,
        name: &str,
        at: usize,
        arguments: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value> {
        self.step(at)?;
        if name == "and" || name == "or" {
            return self.short_circuit(name, at, arguments, piped, dot);
        }
        let Some(function) = self.functions.get(name).copied() else {
            return Err(Error::new(at, Problem::UnknownFunction(name.to_owned())));
        };
        let Some(call) = function.call else {
            return Err(Error::new(at, Problem::Unsupported(name.to_owned())));
        };
        let count = arguments.len() + usize::from(piped.is_some());
        let fixed = function.parameters.len();
        if function.variadic.is_some() && count < fixed {
            let message = format!("wrong number of args for {name}: want at least {fixed} got {}", arguments.len());
            return Err(Error::failed(at, message));
        }
        if function.variadic.is_none() && count != fixed {
            return Err(Error::failed(at, format!("wrong number of args for {name}: want {fixed} got {count}")));
        }
        let expected =
            |index: usize| function.parameters.get(index).copied().or(function.variadic).unwrap_or(Type::Any);
        let mut values = Vec::with_capacity(count);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(argument, expected(index), dot)?);
        }
        if let Some(piped) = piped {
            values.push(check(piped, expected(values.len()), at)?);
        }
        call(&values).map_err(|message| Error::failed(at, format!("error calling {name}: {message}")))
    }

    /// `and` and `or`, which evaluate their arguments only as far as necessary.
    fn short_circuit(
        &mut self,
        name: &str,
        at: usize,
        arguments: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value> {
        if arguments.is_empty() && piped.is_none() {
            return Err(Error::failed(at, format!("wrong number of args for {name}: want at least 1 got 0")));
        }
        let mut value = Value::Missing;
        for argument in arguments {
            value = self.argument(argument, Type::Any, dot)?;
            if value.truth() == (name == "or") {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    /// The value of an argument, which must have the type of the parameter.
    fn argument(&mut self, argument: &Operand, expected: Type, dot: &Value) -> Result<Value> {
        let at = argument.at;
        match (&argument.term, expected) {
            (Term::Nil, expected) if expected.takes_nil() => Ok(Value::Nil),
            (Term::Nil, expected) => Err(Error::failed(at, format!("cannot assign nil to {}", expected.name()))),
            (Term::Number(number), Type::Float) => Ok(Value::Float(number.float)),
            (Term::Number(Number { integer: Some(integer), .. }), Type::Int) => Ok(Value::Int(*integer)),
            (Term::Number(_) | Term::Bool(_) | Term::Text(_), _) => {
                let value = self.operand(argument, dot)?;
                if expected.takes(&value) {
                    return Ok(value);
                }
                let word = if expected == Type::Int { "integer" } else { expected.name() };
                Err(Error::failed(at, format!("expected {word}; found {}", value.text())))
            }
            _ => {
                let value = self.operand(argument, dot)?;
                check(value, expected, at)
            }
        }
    }
}

/// Whether a computed value can be passed.
fn check(value: Value, expected: Type, at: usize) -> Result<Value> {
    match &value {
        Value::Missing if !expected.takes_nil() => {
            Err(Error::failed(at, format!("invalid value; expected {}", expected.name())))
        }
        Value::Missing => Ok(value),
        Value::Nil if expected == Type::Any => Ok(value),
        value if expected.takes(value) => Ok(value.clone()),
        value => {
            let message = format!("wrong type for value; expected {}; got {}", expected.name(), value.type_name());
            Err(Error::failed(at, message))
        }
    }
}

fn constant(number: Number, at: usize) -> Result<Value> {
    match (number.is_float, number.integer) {
        (true, _) => Ok(Value::Float(number.float)),
        (false, Some(integer)) => Ok(Value::Int(integer)),
        (false, None) => Err(Error::failed(at, "constant overflows int")),
    }
}

fn integer(index: usize) -> Value {
    Value::Int(i64::try_from(index).unwrap_or(i64::MAX))
}

fn wide_integer(index: usize) -> Value {
    Value::Int64(i64::try_from(index).unwrap_or(i64::MAX))
}
