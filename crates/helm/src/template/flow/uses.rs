//! Value usage: which values the templates of a chart and its dependencies read, and how.
//!
//! A value is used as a whole where it is printed, passed to a function, or compared; below it, everything counts as used.
//! Only its presence is used where it is a condition, or where a loop goes through it. Where the outcome is not known, all
//! possible uses count, so a value without any use has none.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::functions;
use super::program::Program;
use super::value::{AS_MAP, Reads, Value};
use super::variables::Variables;
use crate::template::tree::{Command, Control, Keyword, Node, Operand, Pipeline, Template};

/// How many named templates are followed. With more, all values count as used.
const CALLS: usize = 10_000;

/// How much is evaluated, as the number of paths in the values of operands. With more, all values count as used: templates
/// that pass what they have set on to each other, in loops, take more and more time.
const WORK: usize = 1_000_000;

/// The work of an operand besides its paths.
const OPERAND: usize = 20;

/// How deep named templates may include each other.
const DEPTH: usize = 64;

/// How often texts are walked through whose templates render texts in further contexts.
const ROUNDS: usize = 4;

/// The functions that only ask whether a value is there, or of which kind it is.
const PRESENCE: &[&str] =
    &["not", "empty", "kindIs", "kindOf", "typeIs", "typeOf", "typeIsLike", "hasKey", "hasPrefix", "len"];

/// The functions that tolerate a value that is not there.
const TOLERANT: &[&str] = &[
    "default",
    "coalesce",
    "empty",
    "hasKey",
    "dig",
    "ternary",
    "and",
    "or",
    "not",
    "required",
    "kindIs",
    "kindOf",
    "typeIs",
    "typeOf",
    "typeIsLike",
    "eq",
    "ne",
    "get",
    "index",
    "has",
    "len",
    "toString",
    "merge",
    "mergeOverwrite",
    "mustMerge",
    "mustMergeOverwrite",
    "deepCopy",
    "concat",
    "pick",
    "omit",
    "list",
    "tuple",
    "dict",
    "include",
    "tpl",
    "set",
];

/// How templates use values. Paths begin at the values of the outermost chart.
#[derive(Debug, Default)]
pub struct Uses {
    /// Values that are used with everything below them.
    pub whole: Reads,
    /// Values of which only the presence is used.
    pub present: Reads,
    /// Values that are tested before they are used, or replaced by a default.
    pub guarded: Reads,
    /// Values that templates set.
    pub written: Reads,
    /// The fields that templates read, by file and place, each with the paths that it may be.
    pub fields: BTreeMap<(usize, usize), FieldUse>,
}

/// A field that a template reads.
#[derive(Debug, Clone)]
pub struct FieldUse {
    /// Its place: the last field of an operand.
    pub span: Range<usize>,
    /// The values that it may be.
    pub paths: Reads,
    /// Whether it may be something else, such as a computed value.
    pub uncertain: bool,
    /// Whether it is read only under a condition.
    pub conditional: bool,
}

/// The templates of a chart, and its values in those of the outermost chart.
#[derive(Debug)]
pub struct Scope {
    /// The indexes of its files in the program.
    pub files: Vec<usize>,
    /// The path of its values.
    pub path: Vec<String>,
}

/// Analyzes all templates. `texts` are the templates in values and in files, which `tpl` may render.
#[must_use]
pub fn uses(program: &Program, scopes: &[Scope], texts: &[Template]) -> Uses {
    let mut walker = Walker {
        program,
        texts,
        uses: Uses::default(),
        seen: BTreeSet::new(),
        depth: 0,
        calls: 0,
        work: 0,
        file: 0,
        variables: Variables::default(),
        conditional: false,
        rendered: None,
    };
    for scope in scopes {
        for &file in &scope.files {
            let context = Value::context(scope.path.clone());
            walker.body(Body::File(file), &context, false);
        }
    }
    walker.rendered_texts();
    walker.uses
}

/// A template that is rendered with a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Body {
    File(usize),
    Define(usize),
    Text(usize),
}

struct Walker<'a> {
    program: &'a Program,
    texts: &'a [Template],
    uses: Uses,
    seen: BTreeSet<(Body, bool, Value)>,
    depth: usize,
    calls: usize,
    work: usize,
    /// The file that is rendered; texts have none.
    file: usize,
    variables: Variables,
    conditional: bool,
    /// All contexts with which `tpl` renders texts.
    rendered: Option<Value>,
}

impl<'a> Walker<'a> {
    /// Walks through the texts that `tpl` may render, in any of its contexts.
    fn rendered_texts(&mut self) {
        for _ in 0..ROUNDS {
            let Some(context) = self.rendered.clone() else { return };
            for index in 0..self.texts.len() {
                self.body(Body::Text(index), &context, true);
            }
            if self.rendered.as_ref() == Some(&context) {
                return;
            }
        }
        self.everything();
    }

    fn body(&mut self, body: Body, context: &Value, conditional: bool) {
        if !self.seen.insert((body, conditional, context.clone())) {
            return;
        }
        self.calls += 1;
        if self.calls > CALLS || self.depth >= DEPTH {
            self.everything();
            return;
        }
        let program = self.program;
        let (file, nodes): (usize, &'a [Node]) = match body {
            Body::File(file) => (file, program.body(file, None)),
            Body::Define(define) => {
                let file = program.defines.get(define).map_or(usize::MAX, |(file, _)| *file);
                (file, program.body(file, Some(define)))
            }
            Body::Text(text) => (usize::MAX, self.texts.get(text).map_or(&[], |text| text.nodes.as_slice())),
        };
        let outer = (
            std::mem::replace(&mut self.file, file),
            std::mem::replace(&mut self.variables, Variables::new(context.clone())),
            std::mem::replace(&mut self.conditional, conditional),
        );
        self.depth += 1;
        self.nodes(nodes, context);
        self.depth -= 1;
        (self.file, self.variables, self.conditional) = outer;
    }

    /// Every value counts as used.
    fn everything(&mut self) {
        self.uses.whole.insert(Vec::new());
    }

    /// The value is used with all that it contains.
    fn whole(&mut self, value: &Value) {
        self.uses.whole.extend(value.reads());
        self.uses.whole.extend(value.contexts.iter().cloned());
        self.uses.whole.extend(value.subcharts.iter().cloned());
    }

    /// The presence of the value is used.
    fn present(&mut self, value: &Value) {
        self.uses.present.extend(value.paths.iter().cloned());
        self.uses.whole.extend(value.depends.iter().cloned());
        for entry in value.entries.values() {
            self.uses.present.extend(entry.reads());
        }
        if let Some(items) = &value.items {
            self.uses.present.extend(items.reads());
        }
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) {
        for node in nodes {
            if self.work > WORK {
                self.everything();
                return;
            }
            match node {
                Node::Output(output) => {
                    let value = self.pipeline(&output.pipeline, dot);
                    if output.pipeline.variables.is_empty() {
                        self.whole(&value);
                    } else {
                        self.variables.set(&output.pipeline, &[value], &Reads::new());
                    }
                }
                Node::Control(control) => self.control(control, dot),
                Node::Call(call) => {
                    let context = call.context.as_ref().map(|context| self.pipeline(context, dot)).unwrap_or_default();
                    self.named(&call.name, &context);
                }
                Node::Define(define) => {
                    if let Some(context) = &define.block {
                        let context = self.pipeline(context, dot);
                        self.named(&define.name, &context);
                    }
                }
                Node::Text(_) | Node::Comment(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn control(&mut self, control: &Control, dot: &Value) {
        let depth = self.variables.depth();
        let outer = self.conditional;
        for arm in &control.arms {
            let Some(pipeline) = &arm.pipeline else {
                self.conditional = true;
                self.block(&arm.body, dot);
                continue;
            };
            let value = self.pipeline(pipeline, dot);
            self.present(&value);
            self.uses.guarded.extend(value.reads());
            self.conditional = true;
            match control.keyword {
                Keyword::If => {
                    self.variables.set(pipeline, &[value], &Reads::new());
                    self.block(&arm.body, dot);
                }
                Keyword::With => {
                    self.variables.set(pipeline, std::slice::from_ref(&value), &Reads::new());
                    self.block(&arm.body, &value);
                }
                Keyword::Range => {
                    let item = value.any();
                    // Twice: what an iteration sets, the next one reads.
                    for _ in 0..2 {
                        let key = Value::computed(value.reads());
                        match pipeline.variables.len() {
                            2 => self.variables.set(pipeline, &[key, item.clone()], &Reads::new()),
                            _ => self.variables.set(pipeline, std::slice::from_ref(&item), &Reads::new()),
                        }
                        self.block(&arm.body, &item);
                    }
                }
            }
        }
        self.conditional = outer;
        self.variables.leave(depth);
    }

    fn block(&mut self, nodes: &[Node], dot: &Value) {
        let depth = self.variables.depth();
        self.nodes(nodes, dot);
        self.variables.leave(depth);
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Value {
        let outer = self.conditional;
        // A pipeline that is only assigned to a variable renders nothing.
        let bare = matches!(pipeline.commands.as_slice(), [only] if only.operands.len() == 1);
        self.conditional |= bare && !pipeline.variables.is_empty();
        let mut value: Option<Value> = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value));
        }
        self.conditional = outer;
        value.unwrap_or_default()
    }

    fn command(&mut self, command: &Command, dot: &Value, before: Option<Value>) -> Value {
        let Some((first, rest)) = command.operands.split_first() else { return before.unwrap_or_default() };
        let Some(name) = command.function() else {
            // A method, such as `.Capabilities.APIVersions.Has "apps/v1"`, or a value.
            let arguments: Vec<Value> = rest.iter().map(|operand| self.operand(operand, dot)).collect();
            for argument in arguments.iter().chain(&before) {
                self.whole(argument);
            }
            return self.operand(first, dot);
        };
        let mut arguments: Vec<Value> = rest.iter().map(|operand| self.operand(operand, dot)).collect();
        arguments.extend(before);
        if TOLERANT.contains(&name) {
            for argument in &arguments {
                self.uses.guarded.extend(argument.reads());
            }
        }
        if functions::mutates(name) {
            self.mutate(name, rest, &arguments);
        }
        match name {
            "include" => {
                if let (Some(name), Some(context)) = (arguments.first(), arguments.get(1)) {
                    self.include(name, rest, context);
                }
                Value::default()
            }
            "tpl" => {
                self.tpl(&arguments);
                Value::default()
            }
            // These read one field, not all that is below it.
            "hasKey" | "get" | "index" | "dig" => functions::call(name, &arguments),
            _ if PRESENCE.contains(&name) => {
                for argument in &arguments {
                    self.present(argument);
                }
                Value::default()
            }
            _ => functions::call(name, &arguments),
        }
    }

    /// A function changes its first argument, which may be read under another path from now on.
    fn mutate(&mut self, name: &str, operands: &[Operand], arguments: &[Value]) {
        let Some((target, rest)) = arguments.split_first() else { return };
        if let Some(variable) = operands.first().and_then(Operand::variable) {
            self.variables.assign(variable, &functions::call(name, arguments), &Reads::new());
        }
        if target.paths.is_empty() && target.contexts.is_empty() {
            return;
        }
        for argument in rest {
            self.whole(argument);
        }
        let key = rest.first().and_then(|key| key.literal.clone()).filter(|_| name == "set");
        let written = match &key {
            Some(key) => target.field(key),
            None => target.clone(),
        };
        self.uses.written.extend(written.paths.iter().cloned());
        if key.as_deref() == Some("Values") || key.is_none() && !target.contexts.is_empty() {
            self.everything();
            self.uses.written.insert(Vec::new());
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Value {
        let mut value = match self.variables.value(&operand.root, dot) {
            Ok(value) => value,
            Err(inner) => self.pipeline(inner, dot),
        };
        self.work += OPERAND + value.weight();
        for field in operand.fields.iter().filter(|field| field.name != AS_MAP) {
            let inner = value.field(&field.name);
            if self.file != usize::MAX && !inner.paths.is_empty() {
                let found = self.uses.fields.entry((self.file, field.span.start)).or_insert_with(|| FieldUse {
                    span: field.span.clone(),
                    paths: Reads::new(),
                    uncertain: false,
                    conditional: true,
                });
                found.paths.extend(inner.paths.iter().cloned());
                found.conditional &= self.conditional;
                let several = inner.paths.len() > 1 || !inner.entries.is_empty() || inner.items.is_some();
                found.uncertain |= several || !inner.depends.is_empty();
            } else if let Some(found) = self.uses.fields.get_mut(&(self.file, field.span.start)) {
                found.uncertain = true;
            }
            value = inner;
        }
        value
    }

    fn include(&mut self, name: &Value, operands: &[Operand], context: &Value) {
        self.whole(name);
        if let Some(name) = &name.literal {
            self.named(name, context);
            return;
        }
        let files = operands.first().map(|operand| self.program.named_by(operand)).unwrap_or_default();
        if files.is_empty() {
            self.everything();
        }
        for file in files {
            self.body(Body::File(file), context, self.conditional);
        }
    }

    fn named(&mut self, name: &str, context: &Value) {
        match self.program.used.get(name) {
            Some(&define) => self.body(Body::Define(define), context, self.conditional),
            // Without the template, nothing is known about it.
            None => self.everything(),
        }
    }

    fn tpl(&mut self, arguments: &[Value]) {
        let (Some(text), Some(context)) = (arguments.first(), arguments.get(1)) else { return };
        self.whole(text);
        self.rendered = Some(match self.rendered.take() {
            Some(known) => known.or(context).bounded(),
            None => context.clone(),
        });
    }
}

#[cfg(test)]
mod tests;
