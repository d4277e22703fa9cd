//! Instruments templates, so that their output says which line of which template wrote it.
//!
//! The templates stay as they are: everything that decides, compares, measures, or hashes runs on unmarked text. A copy
//! of each named template under another name has marks. So has a copy of the content of each file, which the file prints
//! in a comment after its own output. In these copies, an action includes a marked copy only if the result is printed,
//! and only through functions that leave marks alone; every other action is marked as a whole.
//!
//! Therefore a mark changes nothing but itself. Where it does, the text without marks differs from the plain one.

use std::collections::BTreeSet;
use std::ops::Range;

use super::marks;
use super::parse::parse;
use super::tree::{
    Command, Control, Define, Keyword, Node, Operand, Output, Pipeline, Root, Tag, Template, Text, defines,
};

/// Starts the names of the copies.
const PREFIX: &str = "xtask-provenance:";

/// Starts the names of the copies of files.
const FILE: &str = "xtask-provenance-file:";

/// Starts the comment with the marked output of a file.
const COMMENT: &str = "# xtask-provenance ";

/// A template file.
#[derive(Debug, Clone)]
pub struct File<'a> {
    /// Its text.
    pub text: &'a str,
    /// The end of its name by which Helm knows it, such as `/templates/service.yaml`, if Helm prints its output.
    pub printed: Option<&'a str>,
}

/// The meaning of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The index of the file.
    pub file: usize,
    /// The text of a line, or an action from `{{` to `}}`.
    pub span: Range<usize>,
    /// Whether it is an action.
    pub action: bool,
}

/// Which functions may receive marked text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Functions that usually leave marks alone.
    Usual,
    /// Only those that always do.
    Always,
    /// None: no action includes a marked copy.
    Never,
}

/// Functions that change only whitespace between marks.
const ALWAYS: [&str; 2] = ["indent", "nindent"];

/// Functions whose result depends on the first or last characters, or on single ones.
const USUALLY: [&str; 9] =
    ["lower", "quote", "replace", "squote", "toString", "trim", "trimPrefix", "trimSuffix", "upper"];

/// Templates with marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrumented {
    /// The new texts of the files.
    pub files: Vec<String>,
    /// The meanings of the marks.
    pub marks: Vec<Mark>,
}

/// Instruments the templates of a chart and its dependencies. Files that Go's parser would reject stay as they are.
///
/// `None` if they contain characters of marks, or are too large.
#[must_use]
pub fn instrument(files: &[File<'_>], trust: Trust) -> Option<Instrumented> {
    if files.iter().any(|file| marks::occur_in(file.text)) {
        return None;
    }
    let templates: Vec<Template> = files.iter().map(|file| parse(file.text)).collect();
    let mut names = BTreeSet::new();
    for template in templates.iter().filter(|template| template.problems.is_empty()) {
        defines(&template.nodes, &mut |define| {
            names.insert(define.name.as_str());
        });
    }
    let mut writer =
        Writer { text: "", file: 0, names: &names, trust, dot: None, marks: Vec::new(), out: String::new() };
    let mut texts = Vec::new();
    for (index, (file, template)) in files.iter().zip(&templates).enumerate() {
        if !template.problems.is_empty() {
            texts.push(file.text.to_owned());
            continue;
        }
        writer.text = file.text;
        writer.file = index;
        writer.out.push_str(file.text);
        defines(&template.nodes, &mut |define| writer.define(define));
        if let Some(name) = file.printed {
            writer.printed(name, template);
        }
        texts.push(std::mem::take(&mut writer.out));
    }
    (writer.marks.len() <= marks::LIMIT).then_some(Instrumented { files: texts, marks: writer.marks })
}

/// The marked output of a file, as a line of Helm's output contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed<'a> {
    /// The index of the file.
    pub file: usize,
    /// The name of the template by which Helm knows it, in base64.
    pub name: &'a str,
    /// The output, in base64.
    pub output: &'a str,
}

impl<'a> Printed<'a> {
    /// Reads a line of Helm's output.
    #[must_use]
    pub fn read(line: &'a str) -> Option<Self> {
        let (file, rest) = line.strip_prefix(COMMENT)?.split_once(' ')?;
        let (name, output) = rest.trim_end().split_once(' ').unwrap_or((rest.trim_end(), ""));
        Some(Self { file: file.parse().ok()?, name, output })
    }
}

struct Writer<'a> {
    text: &'a str,
    file: usize,
    /// The named templates that have a marked copy.
    names: &'a BTreeSet<&'a str>,
    trust: Trust,
    /// The variable with the marked copy of the dot, in a `with` whose pipeline includes a named template.
    dot: Option<String>,
    marks: Vec<Mark>,
    out: String,
}

impl Writer<'_> {
    fn mark(&mut self, span: Range<usize>, action: bool) -> usize {
        self.marks.push(Mark { file: self.file, span, action });
        self.marks.len() - 1
    }

    /// Writes an action without trim markers: the text around it is trimmed already.
    fn tag(&mut self, tag: &Tag) {
        self.out.push_str("{{ ");
        self.out.push_str(&self.text[tag.inside.clone()]);
        self.out.push_str(" }}");
    }

    fn define(&mut self, define: &Define) {
        self.out.push_str("{{ define ");
        self.name(&define.name_span);
        self.out.push_str(" }}");
        let dot = self.dot.take();
        self.nodes(&define.body);
        self.dot = dot;
        self.out.push_str("{{ end }}");
    }

    /// Writes the name of a marked copy, for the literal with the name of the template.
    fn name(&mut self, literal: &Range<usize>) {
        let (quote, rest) = self.text[literal.clone()].split_at(1);
        self.out.push_str(quote);
        self.out.push_str(PREFIX);
        self.out.push_str(rest);
    }

    /// Writes the marked copy of a file's content, and the comment with its output. A file that another one includes
    /// has the name of that one, and prints no comment.
    fn printed(&mut self, name: &str, template: &Template) {
        let number = self.file;
        self.out.push_str(&format!("{{{{ define \"{FILE}{number}\" }}}}"));
        self.nodes(&template.nodes);
        self.out.push_str("{{ end }}");
        self.out.push_str(&format!(
            "{{{{ if kindIs \"map\" . }}}}{{{{ with .Template }}}}{{{{ if hasSuffix {name:?} .Name }}}}\n---\n\
             {COMMENT}{number} {{{{ .Name | b64enc }}}} {{{{ include \"{FILE}{number}\" $ | b64enc }}}}\n{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}"
        ));
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.content(text),
                Node::Comment(_) => {}
                Node::Output(output) => self.output(output),
                Node::Control(control) => self.control(control),
                Node::Break(tag) | Node::Continue(tag) => self.tag(tag),
                Node::Call(call) => {
                    let marked = self.trust != Trust::Never && self.names.contains(call.name.as_str());
                    let context = call.context.as_ref().map(|context| context.span.clone());
                    self.call(&call.tag, &call.name_span, context, marked);
                }
                Node::Define(define) => {
                    if let Some(context) = &define.block {
                        let marked = self.trust != Trust::Never;
                        self.call(&define.tag, &define.name_span, Some(context.span.clone()), marked);
                    }
                }
            }
        }
    }

    /// Writes text with a mark before the first character of each line.
    fn content(&mut self, text: &Text) {
        let mut start = text.kept.start;
        for line in self.text[text.kept.clone()].split_inclusive('\n') {
            let indent = line.len() - line.trim_start().len();
            let body = line.trim();
            self.out.push_str(&line[..indent]);
            if !body.is_empty() {
                let number = self.mark(start + indent..start + indent + body.len(), false);
                self.out.push_str(&marks::text(number));
            }
            self.out.push_str(&line[indent..]);
            start += line.len();
        }
    }

    fn control(&mut self, control: &Control) {
        let outer = self.dot.clone();
        // The condition is decided on unmarked text, and the body prints the copy.
        let mut copy = self.copy_of_dot(control);
        for arm in &control.arms {
            self.tag(&arm.tag);
            let keeps = control.keyword == Keyword::If || arm.pipeline.is_none();
            self.dot = copy.take().or_else(|| outer.clone().filter(|_| keeps));
            self.nodes(&arm.body);
        }
        self.dot = outer;
        self.out.push_str("{{ end }}");
    }

    /// Declares a variable with the marked copy of what a `with` includes.
    fn copy_of_dot(&mut self, control: &Control) -> Option<String> {
        let pipeline = control.arms.first()?.pipeline.as_ref()?;
        if control.keyword != Keyword::With || !pipeline.variables.is_empty() {
            return None;
        }
        let literal = self.included(pipeline)?;
        let name = format!("$xtaskProvenance{}", self.marks.len());
        self.out.push_str(&format!("{{{{ {name} := "));
        self.out.push_str(&self.text[pipeline.span.start..literal.start]);
        self.name(&literal);
        self.out.push_str(&self.text[literal.end..pipeline.span.end]);
        self.out.push_str(" }}");
        Some(name)
    }

    fn enclosed(&mut self, tag: &Tag, write: impl FnOnce(&mut Self)) {
        let number = self.mark(tag.span.clone(), true);
        self.out.push_str(&format!("{{{{ \"{}\" }}}}", marks::open(number)));
        write(self);
        self.out.push_str(&format!("{{{{ \"{}\" }}}}", marks::close(number)));
    }

    fn call(&mut self, tag: &Tag, name: &Range<usize>, context: Option<Range<usize>>, marked: bool) {
        self.enclosed(tag, |writer| {
            writer.out.push_str("{{ template ");
            if marked {
                writer.name(name);
            } else {
                writer.out.push_str(&writer.text[name.clone()]);
            }
            if let Some(context) = context {
                writer.out.push(' ');
                writer.out.push_str(&writer.text[context]);
            }
            writer.out.push_str(" }}");
        });
    }

    fn output(&mut self, output: &Output) {
        if !output.pipeline.variables.is_empty() {
            self.tag(&output.tag);
            return;
        }
        let included = self.included(&output.pipeline);
        let dot = self.dot.clone().and_then(|name| Some((name, self.printed_dot(&output.pipeline)?)));
        self.enclosed(&output.tag, |writer| {
            let inside = output.tag.inside.clone();
            writer.out.push_str("{{ ");
            if let Some((name, dot)) = dot {
                writer.out.push_str(&writer.text[inside.start..dot.start]);
                writer.out.push_str(&name);
                writer.out.push_str(&writer.text[dot.end..inside.end]);
            } else if let Some(literal) = included {
                writer.out.push_str(&writer.text[inside.start..literal.start]);
                writer.name(&literal);
                writer.out.push_str(&writer.text[literal.end..inside.end]);
            } else {
                writer.out.push_str(&writer.text[inside]);
            }
            writer.out.push_str(" }}");
        });
    }

    /// The literal with the name of the template that a pipeline includes, if the pipeline leaves its marks alone.
    fn included(&self, pipeline: &Pipeline) -> Option<Range<usize>> {
        let (first, rest) = pipeline.commands.split_first()?;
        let plain = rest.iter().all(|command| self.leaves_alone(command, command.operands.get(1..)));
        if !plain || self.trust == Trust::Never {
            return None;
        }
        let operands = first.operands.as_slice();
        match (first.function(), operands) {
            (Some("include"), [_, name, _]) if name.fields.is_empty() => match &name.root {
                Root::String(text) if self.names.contains(text.as_str()) => Some(name.span.clone()),
                _ => None,
            },
            (Some(_), [_, arguments @ .., last]) if self.leaves_alone(first, Some(arguments)) => match &last.root {
                Root::Parentheses(inner) if last.fields.is_empty() => self.included(inner),
                _ => None,
            },
            (None, [only]) if only.fields.is_empty() => match &only.root {
                Root::Parentheses(inner) => self.included(inner),
                _ => None,
            },
            _ => None,
        }
    }

    /// The dot that a pipeline prints, if the pipeline leaves its marks alone.
    fn printed_dot(&self, pipeline: &Pipeline) -> Option<Range<usize>> {
        let (first, rest) = pipeline.commands.split_first()?;
        let operand = match first.operands.as_slice() {
            [only] => only,
            [_, arguments @ .., last] if self.leaves_alone(first, Some(arguments)) => last,
            _ => return None,
        };
        let is_dot = operand.root == Root::Dot && operand.fields.is_empty();
        let plain = rest.iter().all(|command| self.leaves_alone(command, command.operands.get(1..)));
        (is_dot && plain).then(|| operand.span.clone())
    }

    /// Whether a function with these arguments before the last one leaves the marks in its last argument alone.
    fn leaves_alone(&self, command: &Command, arguments: Option<&[Operand]>) -> bool {
        let Some(function) = command.function() else { return false };
        let known = ALWAYS.contains(&function) || self.trust == Trust::Usual && USUALLY.contains(&function);
        known
            && arguments.unwrap_or_default().iter().all(|argument| {
                matches!(argument.root, Root::String(_) | Root::Number(_)) && argument.fields.is_empty()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::marks::Marked;

    fn shown(text: &str, trust: Trust) -> String {
        let file = File { text, printed: None };
        let instrumented = instrument(&[file], trust).expect("no marks");
        let out = instrumented.files[0].strip_prefix(text).expect("unchanged").replace(PREFIX, "@");
        Marked::shown(&out)
    }

    #[test]
    fn named_templates_have_a_marked_copy() {
        assert_eq!(
            shown(
                "{{- define \"a\" -}}\n  a: b{{/* c */}}\n  {{- range .x }}\n - {{ . }}-{{ break -}} \n{{ end -}} c\n{{- end }}",
                Trust::Usual
            ),
            "{{ define \"@a\" }}‹t0›a: b{{ range .x }}\n ‹t1›- {{ \"‹<2›\" }}{{ . }}{{ \"‹>2›\" }}‹t3›-{{ break }}{{ end }}‹t4›c{{ end }}"
        );
    }

    #[test]
    fn marked_copies_are_included_only_where_they_are_printed() {
        let copy = |body: &str, trust: Trust| {
            let text = format!("{{{{ define \"a\" }}}}{body}{{{{ end }}}}");
            let out = shown(&text, trust);
            let start = "{{ define \"@a\" }}{{ \"‹<0›\" }}";
            out.strip_prefix(start).and_then(|out| out.strip_suffix("{{ \"‹>0›\" }}{{ end }}")).map(str::to_owned)
        };
        for (body, expected) in [
            ("{{- include \"a\" . | nindent 4 -}}", "{{ include \"@a\" . | nindent 4 }}"),
            ("{{ include `a` . | trim | quote }}", "{{ include `@a` . | trim | quote }}"),
            ("{{ nindent 4 (include \"a\" (dict \"b\" 1)) }}", "{{ nindent 4 (include \"@a\" (dict \"b\" 1)) }}"),
            ("{{ template \"a\" . }}", "{{ template \"@a\" . }}"),
            ("{{ include \"a\" . | sha256sum }}", "{{ include \"a\" . | sha256sum }}"),
            ("{{ include \"a\" . | indent .n }}", "{{ include \"a\" . | indent .n }}"),
            ("{{ include \"b\" . }}", "{{ include \"b\" . }}"),
            ("{{ printf \"%s\" (include \"a\" .) }}", "{{ printf \"%s\" (include \"a\" .) }}"),
            ("{{ include .a . }}", "{{ include .a . }}"),
        ] {
            assert_eq!(copy(body, Trust::Usual).as_deref(), Some(expected));
        }
        assert_eq!(
            copy("{{ include \"a\" . | quote }}", Trust::Always).as_deref(),
            Some("{{ include \"a\" . | quote }}")
        );
        assert_eq!(copy("{{ include \"a\" . }}", Trust::Never).as_deref(), Some("{{ include \"a\" . }}"));
        assert_eq!(copy("{{ $a := include \"a\" . }}", Trust::Usual), None);
        assert_eq!(copy("{{ if include \"a\" . }}{{ end }}", Trust::Usual), None);
    }

    #[test]
    fn what_a_with_includes_is_printed_with_marks() {
        let text = "{{ define \"a\" }}{{ end }}{{ define \"b\" }}{{ with include \"a\" . | trim }}{{ . | nindent 8 }}{{ .x }}\
                    {{ range .y }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end }}{{ end }}";
        let out = shown(text, Trust::Usual);
        let expected = "{{ $xtaskProvenance0 := include \"@a\" . | trim }}{{ with include \"a\" . | trim }}\
                        {{ \"‹<0›\" }}{{ $xtaskProvenance0 | nindent 8 }}{{ \"‹>0›\" }}{{ \"‹<1›\" }}{{ .x }}{{ \"‹>1›\" }}\
                        {{ range .y }}{{ \"‹<2›\" }}{{ . }}{{ \"‹>2›\" }}{{ end }}{{ else }}{{ \"‹<3›\" }}{{ . }}{{ \"‹>3›\" }}{{ end }}";
        assert!(out.contains(expected), "{out}");
    }

    #[test]
    fn files_that_helm_prints_print_their_marked_content() {
        let file = File { text: "a: {{ .b }}\n{{- define \"c\" }}{{ end }}", printed: Some("/templates/a.yaml") };
        let instrumented = instrument(&[file], Trust::Usual).expect("no marks");
        assert_eq!(
            Marked::shown(&instrumented.files[0]),
            "a: {{ .b }}\n{{- define \"c\" }}{{ end }}{{ define \"xtask-provenance:c\" }}{{ end }}\
             {{ define \"xtask-provenance-file:0\" }}‹t0›a: {{ \"‹<1›\" }}{{ .b }}{{ \"‹>1›\" }}{{ end }}\
             {{ if kindIs \"map\" . }}{{ with .Template }}{{ if hasSuffix \"/templates/a.yaml\" .Name }}\n---\n\
             # xtask-provenance 0 {{ .Name | b64enc }} {{ include \"xtask-provenance-file:0\" $ | b64enc }}\n{{ end }}{{ end }}{{ end }}"
        );
        let read = Printed { file: 12, name: "YQ==", output: "YTog" };
        assert_eq!(Printed::read("# xtask-provenance 12 YQ== YTog\n"), Some(read));
        assert_eq!(Printed::read("# xtask-provenance 12 YQ== \n"), Some(Printed { output: "", ..read }));
        assert_eq!(Printed::read("# a"), None);
        assert_eq!(instrumented.marks[1], Mark { file: 0, span: 3..11, action: true });
    }

    #[test]
    fn templates_that_cannot_be_read_stay_as_they_are() {
        let file = File { text: "{{ if }}", printed: Some("/templates/a.yaml") };
        let instrumented = instrument(&[file], Trust::Usual).expect("no marks");
        assert_eq!((instrumented.files[0].as_str(), instrumented.marks.len()), ("{{ if }}", 0));
        assert!(instrument(&[File { text: "\u{A490}", printed: None }], Trust::Usual).is_none());
    }
}
