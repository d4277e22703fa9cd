//! Actions of templates without an effect: a `default` whose value is never empty, and a variable that is declared again in
//! a block, where the outer one was to be set.

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
            let mut template = Checked { source, versioned, values: Vec::new(), found: Vec::new() };
            template.nodes(&parse(&source.text).nodes, source.text.len(), &mut Vec::new());
            diagnostics.0.append(&mut template.found);
        }
    }
    diagnostics
}

/// A variable that is declared in a block around: its name, and where the block ends.
type Declared = (String, usize);

struct Checked<'a> {
    source: &'a Arc<Source>,
    /// Whether the chart has an `appVersion`.
    versioned: bool,
    /// The variables that are values of the chart.
    values: Vec<String>,
    found: Vec<Diagnostic>,
}

impl Checked<'_> {
    /// Checks the nodes of a block that ends at a byte. `outer` are the variables of the blocks around it.
    fn nodes(&mut self, nodes: &[Node], end: usize, outer: &mut Vec<Declared>) {
        let known = outer.len();
        for node in nodes {
            match node {
                Node::Output(output) => {
                    self.pipeline(&output.pipeline);
                    self.declaration(output, end, &outer[..known]);
                    self.remember(&output.pipeline);
                    declare(&output.pipeline, end, outer);
                }
                Node::Control(control) => {
                    let inside = outer.len();
                    let close = control.end.as_ref().map_or(end, |tag| tag.span.start);
                    for (index, arm) in control.arms.iter().enumerate() {
                        if let Some(pipeline) = &arm.pipeline {
                            self.pipeline(pipeline);
                            declare(pipeline, close, outer);
                        }
                        let next = control.arms.get(index + 1).map_or(close, |next| next.tag.span.start);
                        self.nodes(&arm.body, next, outer);
                    }
                    outer.truncate(inside);
                }
                // A named template does not see the variables around it.
                Node::Define(define) => {
                    let close = define.end.as_ref().map_or(end, |tag| tag.span.start);
                    self.nodes(&define.body, close, &mut Vec::new());
                }
                Node::Call(call) => call.context.iter().for_each(|context| self.pipeline(context)),
                Node::Text(_) | Node::Comment(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
        outer.truncate(known);
    }

    /// Reports a variable that a block declares and does not use, while the one around is used after the block.
    fn declaration(&mut self, output: &Output, end: usize, outer: &[Declared]) {
        let pipeline = &output.pipeline;
        let [variable] = pipeline.variables.as_slice() else { return };
        let changing = pipeline.commands.iter().filter_map(Command::function).any(|name| CHANGING.contains(&name));
        if !pipeline.declares || changing || variable.name.starts_with("$_") {
            return;
        }
        let Some((name, until)) = outer.iter().rev().find(|(name, _)| *name == variable.name) else { return };
        let used = |range: Range<usize>| self.source.text.get(range).is_some_and(|text| mentions(text, name));
        if !used(output.tag.span.end..end) && used(end..*until) {
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
            self.values.push(variable.name.clone());
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

/// Adds the variables that a pipeline declares.
fn declare(pipeline: &Pipeline, end: usize, outer: &mut Vec<Declared>) {
    if pipeline.declares {
        outer.extend(pipeline.variables.iter().map(|variable| (variable.name.clone(), end)));
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
        let mut template = Checked { source: &source, versioned: true, values: Vec::new(), found: Vec::new() };
        template.nodes(&parse(text).nodes, text.len(), &mut Vec::new());
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
