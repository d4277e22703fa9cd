//! Walks through the nodes of a template in a context.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::functions;
use super::program::Program;
use super::value::{AS_MAP, Reads, Value};
use super::variables::Variables;
use crate::template::parse::parse;
use crate::template::tree::{Command, Control, Keyword, Node, Operand, Pipeline};

/// How many named templates are followed from one place. With more, all values count.
const CALLS: usize = 5_000;

/// How deep named templates may include each other.
const DEPTH: usize = 16;

/// Returns the texts that a value contains, which `tpl` renders.
pub type Texts<'a> = &'a dyn Fn(&[String]) -> Vec<String>;

/// The context with which a named template is called, or that of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context(Value);

impl Context {
    /// The context of a chart's files. Its values have this path in those of the outermost chart.
    #[must_use]
    pub fn of_chart(path: Vec<String>) -> Self {
        Self(Value::context(path))
    }
}

/// The dependences of a part of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The values that an action prints, or computes its output from.
    pub value: Reads,
    /// The values that decide whether, and how often, the part is rendered.
    pub control: Reads,
    /// The context with which an action includes a named template.
    pub context: Option<Context>,
}

/// The parts of a file or a named template, without those of the templates that it includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(BTreeMap<usize, (usize, Found)>);

impl Table {
    /// The dependences of the part at a place.
    #[must_use]
    pub fn find(&self, span: &Range<usize>) -> Option<&Found> {
        let (_, (end, found)) = self.0.range(..=span.start).next_back()?;
        (span.end <= *end).then_some(found)
    }

    /// Everything that any part depends on.
    fn reads(&self) -> Reads {
        let parts = self.0.values();
        parts.flat_map(|(_, found)| found.value.iter().chain(&found.control)).cloned().collect()
    }
}

/// A file, or a named template in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Body {
    /// The file.
    pub file: usize,
    /// The index of the named template.
    define: Option<usize>,
}

impl Body {
    /// The innermost body that contains a place.
    #[must_use]
    pub fn around(program: &Program, file: usize, span: &Range<usize>) -> Self {
        Self { file, define: program.around(file, span) }
    }
}

/// The parts of a body that is rendered with a context.
#[must_use]
pub fn table(program: &Program, body: Body, context: &Context, texts: Texts<'_>) -> Table {
    let shared =
        Shared { program, texts, calls: Cell::new(0), known: RefCell::default(), under_way: RefCell::default() };
    Walk::run(&shared, program.body(body.file, body.define), &context.0)
}

/// The common state of the walks through a template and those that it includes.
struct Shared<'a> {
    program: &'a Program,
    texts: Texts<'a>,
    calls: Cell<usize>,
    known: RefCell<BTreeMap<(Body, Context), Reads>>,
    under_way: RefCell<BTreeSet<(Body, Context)>>,
}

impl Shared<'_> {
    /// Everything that a body depends on.
    fn reads(&self, body: Body, context: &Value) -> Reads {
        let key = (body, Context(context.clone()));
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        if self.under_way.borrow().contains(&key) {
            // The outer call collects the same.
            return Reads::new();
        }
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > CALLS || self.under_way.borrow().len() >= DEPTH {
            return everything();
        }
        self.under_way.borrow_mut().insert(key.clone());
        let reads = Walk::run(self, self.program.body(body.file, body.define), context).reads();
        self.under_way.borrow_mut().remove(&key);
        self.known.borrow_mut().insert(key, reads.clone());
        reads
    }

    /// Everything that a text depends on that `tpl` renders.
    fn rendered(&self, text: &str, context: &Value) -> Reads {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > CALLS || self.under_way.borrow().len() >= DEPTH {
            return everything();
        }
        Walk::run(self, &parse(text).nodes, context).reads()
    }
}

/// All values.
fn everything() -> Reads {
    [Vec::new()].into()
}

struct Walk<'a> {
    shared: &'a Shared<'a>,
    variables: Variables,
    /// The dependences of `break` and `continue` in a loop.
    breaks: Reads,
    /// The context of the last include.
    included: Option<Value>,
    table: Table,
}

impl<'a> Walk<'a> {
    /// The parts of a body that is rendered with a context.
    fn run(shared: &'a Shared<'a>, nodes: &[Node], context: &Value) -> Table {
        let mut walk = Self {
            shared,
            variables: Variables::new(context.clone()),
            breaks: Reads::new(),
            included: None,
            table: Table::default(),
        };
        walk.nodes(nodes, context, &Reads::new());
        walk.table
    }

    fn record(&mut self, span: &Range<usize>, value: Reads, control: &Reads, context: Option<Value>) {
        let (_, found) = self.table.0.entry(span.start).or_insert_with(|| (span.end, Found::default()));
        found.value.extend(value);
        found.control.extend(control.iter().cloned());
        found.context = match (found.context.take(), context) {
            (Some(Context(one)), Some(two)) => Some(Context(one.or(&two))),
            (one, two) => one.or(two.map(Context)),
        };
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value, control: &Reads) {
        for node in nodes {
            match node {
                Node::Text(text) => self.record(&text.span, Reads::new(), control, None),
                Node::Comment(_) => {}
                Node::Output(output) => {
                    self.included = None;
                    let value = self.pipeline(&output.pipeline, dot);
                    if output.pipeline.variables.is_empty() {
                        let included = self.included.take();
                        self.record(&output.tag.span, value.reads(), control, included);
                        self.mutate(&output.pipeline, &value, control);
                    } else {
                        self.mutate(&output.pipeline, &value, control);
                        self.variables.set(&output.pipeline, &[value], control);
                    }
                }
                Node::Control(node) => self.control(node, dot, control),
                Node::Call(call) => {
                    let context = call.context.as_ref().map(|context| self.pipeline(context, dot)).unwrap_or_default();
                    let reads = self.named(&call.name, &context);
                    self.record(&call.tag.span, reads, control, Some(context));
                }
                Node::Define(define) => {
                    if let Some(context) = &define.block {
                        let context = self.pipeline(context, dot);
                        let reads = self.named(&define.name, &context);
                        self.record(&define.tag.span, reads, control, Some(context));
                    }
                }
                Node::Break(_) | Node::Continue(_) => self.breaks.extend(control.iter().cloned()),
            }
        }
    }

    fn control(&mut self, node: &Control, dot: &Value, control: &Reads) {
        let depth = self.variables.depth();
        let mut inner = control.clone();
        for arm in &node.arms {
            let Some(pipeline) = &arm.pipeline else {
                self.block(&arm.body, dot, &inner);
                continue;
            };
            let value = self.pipeline(pipeline, dot);
            inner.extend(value.reads());
            match node.keyword {
                Keyword::If => {
                    self.variables.set(pipeline, &[value], control);
                    self.block(&arm.body, dot, &inner);
                }
                Keyword::With => {
                    self.variables.set(pipeline, std::slice::from_ref(&value), control);
                    self.block(&arm.body, &value, &inner);
                }
                Keyword::Range => {
                    let outer = std::mem::take(&mut self.breaks);
                    let item = value.any();
                    // Twice: what an iteration sets, the next one reads.
                    for _ in 0..2 {
                        let key = Value::computed(value.reads());
                        match pipeline.variables.len() {
                            2 => self.variables.set(pipeline, &[key, item.clone()], control),
                            _ => self.variables.set(pipeline, std::slice::from_ref(&item), control),
                        }
                        self.block(&arm.body, &item, &inner);
                        inner.extend(self.breaks.iter().cloned());
                    }
                    self.breaks = outer;
                }
            }
        }
        self.variables.leave(depth);
    }

    fn block(&mut self, nodes: &[Node], dot: &Value, control: &Reads) {
        let depth = self.variables.depth();
        self.nodes(nodes, dot, control);
        self.variables.leave(depth);
    }

    /// `set $map "key" value` changes the variable, too.
    fn mutate(&mut self, pipeline: &Pipeline, value: &Value, control: &Reads) {
        let [command] = pipeline.commands.as_slice() else { return };
        let variable = command.operands.get(1).and_then(Operand::variable);
        if let Some(variable) = variable.filter(|_| command.function().is_some_and(functions::mutates)) {
            self.variables.assign(variable, value, control);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Value {
        let mut value: Option<Value> = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value));
        }
        value.unwrap_or_default()
    }

    fn command(&mut self, command: &Command, dot: &Value, before: Option<Value>) -> Value {
        let Some((first, rest)) = command.operands.split_first() else { return before.unwrap_or_default() };
        let mut arguments: Vec<Value> = rest.iter().map(|operand| self.operand(operand, dot)).collect();
        arguments.extend(before);
        match command.function() {
            Some("include") => self.include(rest, &arguments),
            Some("tpl") => self.tpl(&arguments),
            Some(name) => functions::call(name, &arguments),
            // A method, such as `.Capabilities.APIVersions.Has "apps/v1"`.
            None => {
                let reads = arguments.iter().flat_map(Value::reads).collect();
                self.operand(first, dot).depending(&reads)
            }
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Value {
        let root = match self.variables.value(&operand.root, dot) {
            Ok(value) => value,
            Err(inner) => self.pipeline(inner, dot),
        };
        let fields = operand.fields.iter().filter(|field| field.name != AS_MAP);
        fields.fold(root, |value, field| value.field(&field.name))
    }

    fn include(&mut self, operands: &[Operand], arguments: &[Value]) -> Value {
        let (Some(name), Some(context)) = (arguments.first(), arguments.get(1)) else { return Value::default() };
        let reads = match (&name.literal, operands.first()) {
            (Some(name), _) => self.named(name, context),
            // `include (print $.Template.BasePath "/config-map.yaml") .`
            (None, Some(operand)) => self.file(operand, context),
            (None, None) => everything(),
        };
        self.included = Some(match self.included.take() {
            Some(other) => other.or(context),
            None => context.clone(),
        });
        Value::computed(reads).depending(&name.reads())
    }

    /// The dependences of a named template.
    fn named(&self, name: &str, context: &Value) -> Reads {
        let program = self.shared.program;
        let Some(&define) = program.used.get(name) else { return Reads::new() };
        let file = program.defines.get(define).map(|(file, _)| *file).unwrap_or_default();
        self.shared.reads(Body { file, define: Some(define) }, context)
    }

    /// The dependences of a file that is included by its path.
    fn file(&self, operand: &Operand, context: &Value) -> Reads {
        let files = self.shared.program.named_by(operand);
        if files.is_empty() {
            return everything();
        }
        let body = |file| Body { file, define: None };
        files.into_iter().flat_map(|file| self.shared.reads(body(file), context)).collect()
    }

    fn tpl(&self, arguments: &[Value]) -> Value {
        let (Some(text), Some(context)) = (arguments.first(), arguments.get(1)) else { return Value::default() };
        let mut reads = text.reads();
        let mut texts: Vec<String> = reads.iter().flat_map(|path| (self.shared.texts)(path)).collect();
        if reads.is_empty() && text.literal.is_none() {
            // The content of a file, for example.
            reads.extend(everything());
        }
        texts.extend(text.literal.clone());
        for text in texts.iter().filter(|text| text.contains("{{")) {
            reads.extend(self.shared.rendered(text, context));
        }
        Value::computed(reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(reads: &Reads) -> String {
        reads.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" ")
    }

    /// The dependences of the action or text that starts with `part`, in the first file.
    fn found(files: &[&str], part: &str) -> (String, String) {
        let parsed = files.iter().enumerate();
        let parsed = parsed.map(|(index, text)| (format!("templates/{index}.yaml"), parse(text))).collect();
        let program = Program::new(parsed);
        let start = files[0].find(part).expect("the part");
        let texts =
            |path: &[String]| if path == ["text"] { vec!["{{ .Values.inner }}".to_owned()] } else { Vec::new() };
        let body = Body::around(&program, 0, &(start..start + 1));
        let table = table(&program, body, &Context::of_chart(Vec::new()), &texts);
        let found = table.find(&(start..start + 1)).expect("found").clone();
        (dotted(&found.value), dotted(&found.control))
    }

    #[test]
    fn actions_depend_on_what_they_read() {
        for (text, value, control) in [
            ("{{ .Values.a.b | quote }}", "a.b", ""),
            ("{{ if .Values.a }}{{ else if .Values.b }}@{{ .Values.c }}{{ end }}", "", "a b"),
            ("{{ with .Values.a }}{{ with .b }}@{{ .c }}{{ end }}{{ end }}", "", "a a.b"),
            ("{{ range .Values.a }}{{ .b }}{{ if .c }}{{ break }}{{ end }}@{{ end }}", "", "a a.*.c"),
            ("{{ $x := .Values.a }}{{ if .Values.c }}{{ $x = .Values.b }}{{ end }}{{ $x.d }}", "a.d b.d c", ""),
            ("{{ toYaml .Values.a }}", "a", ""),
            ("{{ tpl .Values.text . }}", "inner text", ""),
            ("{{ tpl (.Files.Get \"x\") . }}", "", ""),
            ("{{ (index .Values \"a\" \"b\").c }}", "a.b.c", ""),
            ("{{ get .Values.a \"b\" }}", "a.b", ""),
            ("{{ hasKey .Values.a \"b\" }}", "a.b", ""),
            ("{{ (default .Values.a .Values.b).c }}", "a.c b.c", ""),
            ("{{ (.Values.a | default dict).c }}", "a.c", ""),
            ("{{ $d := dict \"x\" .Values.a }}{{ $d.x.y }}", "a.y", ""),
            ("{{ $d := dict }}{{ $_ := set $d \"x\" .Values.a }}{{ $d.x.y }}", "a.y", ""),
            ("{{ range $k, $v := .Values.a }}{{ $v.b }}{{ $k }}@{{ end }}", "", "a"),
            ("{{ .Release.Name }}", "", ""),
            ("{{ (index .Subcharts \"x\").Values.a }}", "x.a", ""),
            ("{{ and .Values.a .Values.b }}", "a b", ""),
            ("{{ .Values.AsMap.a }}", "a", ""),
        ] {
            let part = if text.contains('@') { "@" } else { &text[text.rfind("{{").expect("an action")..] };
            assert_eq!(found(&[text], part), (value.to_owned(), control.to_owned()), "{text}");
        }
        let text = "{{ range $k, $v := .Values.a }}{{ $v.b }}{{ $k }}{{ end }}";
        assert_eq!(found(&[text], "{{ $v").0, "a.*.b");
        assert_eq!(found(&[text], "{{ $k }}").0, "a");
    }

    #[test]
    fn includes_are_followed() {
        let helper = "{{ define \"h\" }}{{ if .Values.on }}{{ include \"i\" (dict \"v\" .Values.a) }}{{ end }}{{ end }}\
                      {{ define \"i\" }}{{ .v.b }}{{ include \"i\" . }}{{ end }}";
        assert_eq!(found(&["{{ include \"h\" . }}", helper], "{{").0, "a.b on");
        assert_eq!(found(&["{{ template \"h\" . }}", helper], "{{").0, "a.b on");
        assert_eq!(found(&["{{ include (print .Template.BasePath \"/1.yaml\") . }}", "{{ .Values.a }}"], "{{").0, "a");
        assert_eq!(found(&["{{ include .Values.name . }}", helper], "{{").0, " name", "everything");
    }

    #[test]
    fn recursion_with_growing_contexts_ends() {
        let text = "{{ include \"r\" .Values }}{{ define \"r\" }}{{ include \"r\" (dict \"a\" .a \"b\" .) }}{{ include \"r\" (list . .) }}{{ end }}";
        found(&[text], "{{");
    }
}
