//! Actions of templates without an effect: a `default` whose value is never empty, and a variable that is declared again in
//! a block, where the outer one was to be set.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use helm::template::parse::parse;
use helm::template::tree::{Command, Node, Operand, Output, Pipeline, Root};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::DefaultIneffective, Code::VariableShadowed];

/// Functions that are called for what they do to their arguments, not for their result.
const CHANGING: [&str; 7] = ["fail", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite", "set", "unset"];

/// Checks the templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let files = subject.sources.of(chart);
        let versioned = files.texts.iter().any(|(path, source)| {
            path == "Chart.yaml" && source.text.lines().any(|line| line.starts_with("appVersion:"))
        });
        for (_, source) in files.templates() {
            let mut template = Checked::new(source, versioned);
            template.nodes(&parse(&source.text).nodes, source.text.len(), &mut Scope::default());
            diagnostics.0.append(&mut template.found);
        }
    }
    diagnostics
}

/// The most variables per template that are declared again and whose uses are searched for.
const MOST: usize = 100;

/// The variables that are declared at a place of a template, in their order.
#[derive(Default)]
struct Scope {
    /// Their names, and where the blocks that declare them end.
    declared: Vec<(String, usize)>,
    /// Their indexes by name.
    indexes: HashMap<String, Vec<usize>>,
}

impl Scope {
    /// Adds the variables that a pipeline declares in a block that ends at a byte.
    fn declare(&mut self, pipeline: &Pipeline, end: usize) {
        for variable in pipeline.variables.iter().filter(|_| pipeline.declares) {
            self.indexes.entry(variable.name.clone()).or_default().push(self.declared.len());
            self.declared.push((variable.name.clone(), end));
        }
    }

    /// Forgets all variables but the first ones.
    fn truncate(&mut self, count: usize) {
        for (name, _) in self.declared.drain(count..) {
            self.indexes.get_mut(&name).and_then(Vec::pop);
        }
    }

    /// Where the block ends that declares a variable, among the first variables.
    fn end_of(&self, name: &str, count: usize) -> Option<usize> {
        let indexes = self.indexes.get(name)?;
        let before = indexes.partition_point(|index| *index < count);
        Some(self.declared[*indexes.get(before.checked_sub(1)?)?].1)
    }
}

struct Checked<'a> {
    source: &'a Arc<Source>,
    /// Whether the chart has an `appVersion`.
    versioned: bool,
    /// The variables that are values of the chart.
    values: HashSet<String>,
    /// The number of variables whose uses were searched for.
    searched: usize,
    found: Vec<Diagnostic>,
}

impl<'a> Checked<'a> {
    fn new(source: &'a Arc<Source>, versioned: bool) -> Self {
        Self { source, versioned, values: HashSet::new(), searched: 0, found: Vec::new() }
    }

    /// Checks the nodes of a block that ends at a byte. `outer` are the variables of the blocks around it.
    fn nodes(&mut self, nodes: &[Node], end: usize, outer: &mut Scope) {
        let known = outer.declared.len();
        for node in nodes {
            match node {
                Node::Output(output) => {
                    self.pipeline(&output.pipeline);
                    self.declaration(output, end, |name| outer.end_of(name, known));
                    self.remember(&output.pipeline);
                    outer.declare(&output.pipeline, end);
                }
                Node::Control(control) => {
                    let inside = outer.declared.len();
                    let close = control.end.as_ref().map_or(end, |tag| tag.span.start);
                    for (index, arm) in control.arms.iter().enumerate() {
                        if let Some(pipeline) = &arm.pipeline {
                            self.pipeline(pipeline);
                            outer.declare(pipeline, close);
                        }
                        let next = control.arms.get(index + 1).map_or(close, |next| next.tag.span.start);
                        self.nodes(&arm.body, next, outer);
                    }
                    outer.truncate(inside);
                }
                // A named template does not see the variables around it.
                Node::Define(define) => {
                    let close = define.end.as_ref().map_or(end, |tag| tag.span.start);
                    self.nodes(&define.body, close, &mut Scope::default());
                }
                Node::Call(call) => call.context.iter().for_each(|context| self.pipeline(context)),
                Node::Text(_) | Node::Comment(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
        outer.truncate(known);
    }

    /// Reports a variable that a block declares and does not use, while the one around is used after the block. `outer` says
    /// where the block around ends that declares a variable.
    fn declaration(&mut self, output: &Output, end: usize, outer: impl Fn(&str) -> Option<usize>) {
        let pipeline = &output.pipeline;
        let [variable] = pipeline.variables.as_slice() else { return };
        let changing = pipeline.commands.iter().filter_map(Command::function).any(|name| CHANGING.contains(&name));
        if !pipeline.declares || changing || variable.name.starts_with("$_") {
            return;
        }
        let name = variable.name.as_str();
        let Some(until) = outer(name).filter(|_| self.searched < MOST) else { return };
        self.searched += 1;
        let used = |range: Range<usize>| self.source.text.get(range).is_some_and(|text| mentions(text, name));
        if !used(output.tag.span.end..end) && used(end..until) {
            let message =
                format!("`{name}` is declared again inside a block, so that the outer `{name}` stays unchanged");
            let found = Diagnostic::new(Code::VariableShadowed, message);
            let found = found.at(Place::new(self.source, output.tag.span.clone()), "nothing uses this variable");
            self.found.push(found.help(format!("assign to the outer variable: `{name} = …`")));
        }
    }

    /// Remembers a variable that is a value of the chart.
    fn remember(&mut self, pipeline: &Pipeline) {
        if let ([variable], [command]) = (pipeline.variables.as_slice(), pipeline.commands.as_slice())
            && let [operand] = command.operands.as_slice()
            && self.reads_values(operand)
        {
            self.values.insert(variable.name.clone());
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        for (index, command) in pipeline.commands.iter().enumerate() {
            for operand in &command.operands {
                if let Root::Parentheses(inner) = &operand.root {
                    self.pipeline(inner);
                }
            }
            if command.function() != Some("default") {
                continue;
            }
            let piped = &pipeline.commands[..index];
            let (fallback, given) = match (command.operands.as_slice(), piped.is_empty()) {
                ([_, fallback, given], true) => (fallback, self.is_set(given).then(|| given.span.clone())),
                ([_, fallback], false) => {
                    let span = piped[0].span.start..piped[piped.len() - 1].span.end;
                    (fallback, self.always_prints(piped).then_some(span))
                }
                _ => continue,
            };
            if let Some(given) = given.filter(|_| self.reads_values(fallback)) {
                self.found.push(self.ineffective(command, fallback, &given));
            }
        }
    }

    fn ineffective(&self, command: &Command, fallback: &Operand, given: &Range<usize>) -> Diagnostic {
        let text = |span: &Range<usize>| self.source.text.get(span.clone()).unwrap_or_default();
        let (value, given) = (text(&fallback.span), text(given));
        let message = format!("`default` never uses `{value}`, since `{given}` is never empty");
        let place = Place::new(self.source, command.span.clone());
        let found = Diagnostic::new(Code::DefaultIneffective, message).at(place, "the last argument comes first");
        found.help(format!("swap the arguments: `default {given} {value}`"))
    }

    /// Whether the result of commands is never empty.
    fn always_prints(&self, commands: &[Command]) -> bool {
        let Some(last) = commands.last() else { return false };
        let arguments = last.operands.get(1..).unwrap_or_default();
        match (last.function(), commands.len()) {
            (None, 1) => matches!(last.operands.as_slice(), [operand] if self.is_set(operand)),
            (Some("include"), 1) => arguments.first().is_some_and(|name| match &name.root {
                Root::String(name) => matches!(name.rsplit('.').next(), Some("fullname" | "name")),
                _ => false,
            }),
            (Some("printf"), 1) => arguments.first().is_some_and(|format| match &format.root {
                Root::String(format) => !format.is_empty() && !format.starts_with('%'),
                _ => false,
            }),
            (Some("ternary"), _) => arguments.len() >= 2 && arguments[..2].iter().all(|one| self.is_set(one)),
            _ => false,
        }
    }

    /// Whether an operand is never empty.
    fn is_set(&self, operand: &Operand) -> bool {
        let fields: Vec<&str> = operand.fields.iter().map(|field| field.name.as_str()).collect();
        match &operand.root {
            Root::String(text) => !text.is_empty(),
            Root::Number(number) => number.parse::<f64>().is_ok_and(|number| number != 0.0),
            Root::Bool(value) => *value,
            Root::Parentheses(inner) => fields.is_empty() && self.always_prints(&inner.commands),
            Root::Dot => self.is_fixed(&fields),
            Root::Variable(name) => name == "$" && self.is_fixed(&fields),
            Root::Function(_) | Root::Character(_) | Root::Nil => false,
        }
    }

    /// Whether an operand reads a value of the chart.
    fn reads_values(&self, operand: &Operand) -> bool {
        let of_root = operand.fields.first().is_some_and(|field| field.name == "Values");
        match &operand.root {
            Root::Dot => of_root,
            Root::Variable(name) if name == "$" => of_root,
            Root::Variable(name) => self.values.contains(name),
            Root::Parentheses(inner) => {
                inner.commands.iter().flat_map(|command| &command.operands).any(|one| self.reads_values(one))
            }
            _ => false,
        }
    }

    /// Whether these fields of the root are never empty.
    fn is_fixed(&self, fields: &[&str]) -> bool {
        matches!(fields, ["Chart", "Name" | "Version"] | ["Release", "Name" | "Namespace" | "Service"])
            || self.versioned && fields == ["Chart", "AppVersion"]
    }
}

/// Whether a text contains a variable.
fn mentions(text: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| ends(&text[at + name.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("t", text);
        let mut template = Checked::new(&source, true);
        template.nodes(&parse(text).nodes, text.len(), &mut Scope::default());
        template.found.into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn a_default_of_what_is_never_empty_has_no_effect() {
        for text in [
            "{{ default .Values.tag .Chart.AppVersion }}",
            "{{ default .Values.name (include \"web.fullname\" .) }}",
            "{{ \"secure\" | default .Values.level }}",
            "{{ ternary \"a\" \"b\" .Values.x | default $.Values.level }}",
            "{{ print (default .Values.port 80) }}",
            "{{ $a := .Values.a }}{{ \"b\" | default $a.c }}",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn other_defaults_have_an_effect() {
        for text in [
            "{{ default .Chart.AppVersion .Values.tag }}",
            "{{ .Values.tag | default .Chart.AppVersion }}",
            "{{ default .Values.a .Values.b }}",
            "{{ default .Values.tag (include \"web.tag\" .) }}",
            "{{ default .Values.port 0 }}",
            "{{ default .Values.a (ternary \"\" \"b\" .Values.x) }}",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_variable_that_is_declared_again_and_not_used_is_found() {
        let text = "{{ $a := 1 }}{{ if .x }}{{ $a := 2 }}{{ end }}{{ $a }}";
        assert_eq!(found(text).len(), 1);
        let text = "{{ $a := list }}{{ range .x }}{{ $a := append $a . }}{{ end }}{{ join $a }}";
        assert_eq!(found(text).len(), 1);
    }

    #[test]
    fn very_many_variables_take_linear_time() {
        let declare =
            |count: std::ops::Range<usize>| count.map(|i| format!("{{{{ $v{i} := 1 }}}}")).collect::<String>();
        let text = format!("{}{{{{ if .x }}}}{}{{{{ end }}}}", declare(0..100_000), declare(50_000..150_000));
        let start = std::time::Instant::now();
        assert_eq!(found(&text), Vec::<String>::new());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    #[test]
    fn other_declarations_are_sound() {
        for text in [
            "{{ $a := 1 }}{{ if .x }}{{ $a = 2 }}{{ end }}{{ $a }}",
            "{{ $a := 1 }}{{ if .x }}{{ $a := 2 }}{{ $a }}{{ end }}{{ $a }}",
            "{{ $a := 1 }}{{ if .x }}{{ $a := 2 }}{{ end }}",
            "{{ $a := dict }}{{ if .x }}{{ $a := set $a \"b\" 1 }}{{ end }}{{ $a }}",
            "{{ $_ := 1 }}{{ if .x }}{{ $_ := 2 }}{{ end }}{{ $_ }}",
            "{{ if .x }}{{ $a := 2 }}{{ else }}{{ $a := 3 }}{{ end }}",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
