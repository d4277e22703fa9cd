//! Reads a template into its tree, and continues after errors.

use std::ops::Range;

use super::lex::{Kind, Piece, Token, split};
use super::pipeline::{pipeline, unquote};
use super::tree::{Arm, Call, Control, Define, Keyword, Node, Output, Pipeline, Problem, Tag, Template, Text};

/// How deep blocks and parentheses may be nested. No chart comes near; the limit bounds recursion over the tree.
const DEPTH: usize = 200;

/// Reads a template.
#[must_use]
pub fn parse(text: &str) -> Template {
    let mut problems = Vec::new();
    let pieces = split(text, &mut problems);
    let mut blocks = Blocks { text, problems, nodes: Vec::new(), open: Vec::new(), skipped: 0 };
    let mut trims_before = false;
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(span) => {
                let trims_after = match pieces.peek() {
                    Some(Piece::Comment(tag) | Piece::Action(tag, _)) => tag.trims_before,
                    _ => false,
                };
                let kept = trimmed(text, span.clone(), trims_before, trims_after);
                blocks.push(Node::Text(Text { span, kept }));
                trims_before = false;
            }
            Piece::Comment(tag) => {
                trims_before = tag.trims_after;
                blocks.push(Node::Comment(tag));
            }
            Piece::Action(tag, tokens) => {
                trims_before = tag.trims_after;
                blocks.action(tag, &tokens);
            }
        }
    }
    blocks.finish()
}

fn trimmed(text: &str, span: Range<usize>, start: bool, end: bool) -> Range<usize> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let mut kept = &text[span.clone()];
    let mut from = span.start;
    if start {
        kept = kept.trim_start_matches(SPACE);
        from = span.end - kept.len();
    }
    if end {
        kept = kept.trim_end_matches(SPACE);
    }
    from..from + kept.len()
}

/// A block whose `end` has not been read.
enum Open {
    Control(Control),
    Define(Define),
}

impl Open {
    /// The opening tag.
    fn span(&self) -> Range<usize> {
        match self {
            Self::Control(control) => control.arms.first().map_or(0..0, |arm| arm.tag.span.clone()),
            Self::Define(define) => define.tag.span.clone(),
        }
    }
}

/// The nodes read so far.
struct Blocks<'a> {
    text: &'a str,
    problems: Vec<Problem>,
    /// The nodes of the innermost open block.
    nodes: Vec<Node>,
    /// The open blocks, each with the nodes before it.
    open: Vec<(Open, Vec<Node>)>,
    /// The number of open blocks below the greatest depth, which are not in the tree.
    skipped: usize,
}

impl Blocks<'_> {
    fn push(&mut self, node: Node) {
        self.nodes.push(node);
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem { span, message: message.into() });
    }

    fn action(&mut self, tag: Tag, tokens: &[Token]) {
        let word = |at: usize| match tokens.get(at) {
            Some(Token { kind: Kind::Word, span }) => &self.text[span.clone()],
            _ => "",
        };
        match (word(0), word(1)) {
            ("if", _) => self.control(Keyword::If, tag, &tokens[1..]),
            ("with", _) => self.control(Keyword::With, tag, &tokens[1..]),
            ("range", _) => self.control(Keyword::Range, tag, &tokens[1..]),
            ("else", "if") => self.alternative(tag, Some(Keyword::If), &tokens[2..]),
            ("else", "with") => self.alternative(tag, Some(Keyword::With), &tokens[2..]),
            ("else", _) => self.alternative(tag, None, &tokens[1..]),
            ("end", _) => {
                self.nothing_after(&tokens[1..]);
                self.end(tag);
            }
            (keyword @ ("define" | "block"), _) => {
                let block = keyword == "block";
                let (name, name_span, context) = self.name_and_context(&tag, &tokens[1..]);
                if block && context.is_none() {
                    self.problem(tag.span.clone(), "`block` requires a context");
                } else if let Some(context) = context.as_ref().filter(|_| !block) {
                    self.problem(context.span.clone(), "unexpected argument of `define`");
                }
                let block = context.filter(|_| block);
                self.enter(Open::Define(Define { tag, name, name_span, block, body: Vec::new(), end: None }));
            }
            ("template", _) => {
                let (name, name_span, context) = self.name_and_context(&tag, &tokens[1..]);
                self.push(Node::Call(Call { tag, name, name_span, context }));
            }
            ("break", _) => {
                self.nothing_after(&tokens[1..]);
                self.push(Node::Break(tag));
            }
            ("continue", _) => {
                self.nothing_after(&tokens[1..]);
                self.push(Node::Continue(tag));
            }
            _ => match self.pipeline(tokens) {
                Some(pipeline) => self.push(Node::Output(Output { tag, pipeline })),
                None => self.problem(tag.span, "missing value"),
            },
        }
    }

    fn nothing_after(&mut self, tokens: &[Token]) {
        if let Some(token) = tokens.first() {
            let message = format!("unexpected `{}`", &self.text[token.span.clone()]);
            self.problem(token.span.clone(), message);
        }
    }

    fn control(&mut self, keyword: Keyword, tag: Tag, tokens: &[Token]) {
        let pipeline = self.pipeline(tokens);
        if pipeline.is_none() {
            self.problem(tag.span.clone(), "missing value");
        }
        let arms = vec![Arm { tag, pipeline, body: Vec::new() }];
        self.enter(Open::Control(Control { keyword, arms, end: None }));
    }

    fn enter(&mut self, open: Open) {
        if self.open.len() < DEPTH {
            self.open.push((open, std::mem::take(&mut self.nodes)));
        } else {
            self.problem(open.span(), "nested too deeply");
            self.skipped += 1;
        }
    }

    fn alternative(&mut self, tag: Tag, keyword: Option<Keyword>, tokens: &[Token]) {
        let pipeline = keyword.and_then(|_| self.pipeline(tokens));
        if keyword.is_none() {
            self.nothing_after(tokens);
        }
        if keyword.is_some() && pipeline.is_none() {
            self.problem(tag.span.clone(), "missing value");
        }
        if self.skipped > 0 {
            return;
        }
        let Some((Open::Control(control), _)) = self.open.last_mut() else {
            self.problem(tag.span, "unexpected `else`");
            return;
        };
        let closed = control.arms.len() > 1 && control.arms.last().is_some_and(|arm| arm.pipeline.is_none());
        let mismatch = keyword.is_some_and(|keyword| keyword != control.keyword);
        if let Some(arm) = control.arms.last_mut() {
            arm.body = std::mem::take(&mut self.nodes);
        }
        let span = tag.span.clone();
        control.arms.push(Arm { tag, pipeline, body: Vec::new() });
        if closed || mismatch {
            self.problem(span, "unexpected `else`");
        }
    }

    fn end(&mut self, tag: Tag) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if self.open.is_empty() {
            self.problem(tag.span, "unexpected `end`");
        } else {
            self.close(Some(tag));
        }
    }

    /// Closes the innermost block.
    fn close(&mut self, tag: Option<Tag>) {
        let Some((open, before)) = self.open.pop() else { return };
        let body = std::mem::replace(&mut self.nodes, before);
        self.nodes.push(match open {
            Open::Control(mut control) => {
                if let Some(arm) = control.arms.last_mut() {
                    arm.body = body;
                }
                control.end = tag;
                Node::Control(control)
            }
            Open::Define(mut define) => {
                define.body = body;
                define.end = tag;
                Node::Define(define)
            }
        });
    }

    fn finish(mut self) -> Template {
        while let Some(span) = self.open.last().map(|(open, _)| open.span()) {
            self.problem(span, "block has no `end`");
            self.close(None);
        }
        self.problems.sort_by_key(|problem| problem.span.start);
        Template { nodes: self.nodes, problems: self.problems }
    }

    fn name_and_context(&mut self, tag: &Tag, tokens: &[Token]) -> (String, Range<usize>, Option<Pipeline>) {
        let Some(Token { kind: Kind::String, span }) = tokens.first() else {
            self.problem(tag.span.clone(), "the name of a template must be a string");
            return (String::new(), tag.inside.end..tag.inside.end, None);
        };
        let name = unquote(&self.text[span.clone()]);
        (name, span.clone(), self.pipeline(&tokens[1..]))
    }

    fn pipeline(&mut self, tokens: &[Token]) -> Option<Pipeline> {
        pipeline(self.text, tokens, DEPTH, &mut self.problems)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::template::tree::{Operand, Root};

    /// A short form of a tree.
    fn shown(nodes: &[Node], text: &str, out: &mut String) {
        for node in nodes {
            match node {
                Node::Text(part) => out.push_str(&format!("[{}]", &text[part.kept.clone()])),
                Node::Comment(_) => out.push('#'),
                Node::Output(output) => out.push_str(&format!("<{}>", chain(&output.pipeline))),
                Node::Control(control) => {
                    for arm in &control.arms {
                        let condition = arm.pipeline.as_ref().map(chain).unwrap_or_default();
                        write!(out, "{:?}({condition}){{", control.keyword).expect("text");
                        shown(&arm.body, text, out);
                        out.push('}');
                    }
                }
                Node::Define(define) => {
                    let context = define.block.as_ref().map(chain).unwrap_or_default();
                    write!(out, "Define {}({context}){{", define.name).expect("text");
                    shown(&define.body, text, out);
                    out.push('}');
                }
                Node::Call(call) => {
                    let context = call.context.as_ref().map(chain).unwrap_or_default();
                    write!(out, "Call {}({context})", call.name).expect("text");
                }
                Node::Break(_) => out.push_str("Break"),
                Node::Continue(_) => out.push_str("Continue"),
            }
        }
    }

    fn chain(pipeline: &Pipeline) -> String {
        let names: Vec<&str> = pipeline.variables.iter().map(|variable| variable.name.as_str()).collect();
        let sets = match (names.is_empty(), pipeline.declares) {
            (true, _) => String::new(),
            (false, true) => format!("{} := ", names.join(", ")),
            (false, false) => format!("{} = ", names.join(", ")),
        };
        let commands: Vec<String> = pipeline
            .commands
            .iter()
            .map(|command| command.operands.iter().map(operand).collect::<Vec<_>>().join(" "))
            .collect();
        format!("{sets}{}", commands.join(" | "))
    }

    fn operand(operand: &Operand) -> String {
        let fields: String = operand.fields.iter().map(|field| format!(".{}", field.name)).collect();
        let root = match &operand.root {
            Root::Dot if fields.is_empty() => ".".to_owned(),
            Root::Dot => String::new(),
            Root::Variable(name) | Root::Function(name) | Root::Number(name) | Root::Character(name) => name.clone(),
            Root::Parentheses(inner) => format!("({})", chain(inner)),
            Root::String(text) => format!("{text:?}"),
            Root::Bool(value) => value.to_string(),
            Root::Nil => "nil".to_owned(),
        };
        root + &fields
    }

    fn tree(text: &str) -> String {
        let template = parse(text);
        assert_eq!(template.problems, [], "{text}");
        let mut out = String::new();
        shown(&template.nodes, text, &mut out);
        out
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = parse(text).problems;
        problems.into_iter().map(|problem| format!("{}: {}", &text[problem.span], problem.message)).collect()
    }

    #[test]
    fn text_is_trimmed_as_its_neighbors_say() {
        assert_eq!(tree("a \n{{- .x }} b {{ .y -}}\n c"), "[a]<.x>[ b ]<.y>[c]");
        assert_eq!(tree("a {{- /* x */ -}} b{{/* }} {{ */}}c"), "[a]#[b]#[c]");
        assert_eq!(tree("a {{-3}} b"), "[a ]<-3>[ b]");
        assert_eq!(tree("}} {"), "[}} {]");
    }

    #[test]
    fn pipelines_have_commands_and_operands() {
        assert_eq!(
            tree("{{ $x := (lookup \"v1\" `a\nb` .Release.Name).data.y | default nil -}}"),
            "<$x := (lookup \"v1\" \"a\\nb\" .Release.Name).data.y | default nil>"
        );
        assert_eq!(tree("{{ $.Values.a.b | quote }}{{ $x = 0x1F }}"), "<$.Values.a.b | quote><$x = 0x1F>");
        assert_eq!(tree("{{ printf \"%s}}\\\"\\u00e9\" '}' true . }}"), "<printf \"%s}}\\\"é\" '}' true .>");
        assert_eq!(tree("{{ f .a .b.c (g)}}{{ .5e-3 }}{{ a.b }}"), "<f .a .b.c (g)><.5e-3><a.b>");
        assert_eq!(tree("{{ include \"x\" (dict \"a\" (list 1 2)) }}"), "<include \"x\" (dict \"a\" (list 1 2))>");
    }

    #[test]
    fn blocks_contain_their_nodes() {
        assert_eq!(tree("{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}4"), "If(.a){[1]}If(.b){[2]}If(){[3]}[4]");
        assert_eq!(
            tree("{{ range $k, $v := .a }}{{ break }}{{ else }}{{ continue }}{{ end }}"),
            "Range($k, $v := .a){Break}Range(){Continue}"
        );
        assert_eq!(tree("{{ with .a }}1{{ else with .b }}2{{ end }}"), "With(.a){[1]}With(.b){[2]}");
        assert_eq!(tree("{{ if(.b) }}{{ end }}"), "If((.b)){}");
        assert_eq!(
            tree("{{- define \"a\" -}} x {{- end }}{{ block \"b\" .c }}{{ template \"a\" . }}{{ end }}"),
            "Define a(){[x]}Define b(.c){Call a(.)}"
        );
    }

    #[test]
    fn every_part_has_its_place() {
        let text = "é{{- $x := .Values.a | quote -}} b";
        let Some(Node::Output(output)) = parse(text).nodes.into_iter().nth(1) else { panic!("no action") };
        assert_eq!(&text[output.tag.span], "{{- $x := .Values.a | quote -}}");
        assert_eq!(&text[output.tag.inside], "$x := .Values.a | quote");
        assert_eq!(&text[output.pipeline.span], "$x := .Values.a | quote");
        assert_eq!(&text[output.pipeline.variables[0].span.clone()], "$x");
        let operand = &output.pipeline.commands[0].operands[0];
        assert_eq!(&text[operand.span.clone()], ".Values.a");
        assert_eq!(&text[operand.fields[1].span.clone()], ".a");
        assert_eq!(output.pipeline.commands[1].function(), Some("quote"));
    }

    #[test]
    fn problems_have_a_place_and_reading_continues() {
        for (text, expected) in [
            ("{{ if .a", &["{{ if .a: action is not closed", "{{ if .a: block has no `end`"][..]),
            ("{{ end }}{{ .x }}", &["{{ end }}: unexpected `end`"]),
            ("{{ else }}", &["{{ else }}: unexpected `else`"]),
            ("{{ if .a }}{{ else }}{{ else }}{{ end }}", &["{{ else }}: unexpected `else`"]),
            ("{{ \"a\n}}", &["\"a: string is not closed"]),
            ("{{ }}{{ x | }}", &["{{ }}: missing value", "|: missing value"]),
            ("{{ (x }}", &["(: parenthesis is not closed"]),
            ("{{ x) }}{{ ! }}", &["): unexpected `)`", "{{ ! }}: missing value", "!: unexpected `!`"]),
            ("{{/* a */ b }}c", &["{{/* a */: comment ends before the closing delimiter"]),
            ("{{/* a", &["{{/* a: comment is not closed"]),
            ("{{ define x }}{{ end }}", &["{{ define x }}: the name of a template must be a string"]),
        ] {
            assert_eq!(problems(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_a_problem_and_takes_linear_time() {
        let depth = 200_000;
        for text in [
            "{{ if .a }}".repeat(depth) + &"{{ end }}".repeat(depth),
            format!("{{{{ {} }}}}", "(".repeat(depth)),
            "{{ define \"a\" }}{{ else }}".repeat(depth),
            "{{/*".repeat(depth),
            "{{ `".repeat(depth),
            "{{ \"".repeat(depth),
        ] {
            assert!(!parse(&text).problems.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(parts in proptest::collection::vec(prop_oneof![
            Just("{{"), Just("}}"), Just("{{-"), Just("-}}"), Just(" "), Just("\n"), Just("/*"), Just("*/"), Just("\""),
            Just("`"), Just("'"), Just("\\"), Just("("), Just(")"), Just("|"), Just(":="), Just("="), Just(","),
            Just("$x"), Just(".a"), Just("."), Just("if"), Just("else"), Just("end"), Just("define"), Just("range"),
            Just("1"), Just("-"), Just("é"), Just("\u{a0}"), Just("\\u00"),
        ], 0..40)) {
            let text: String = parts.concat();
            let template = parse(&text);
            for problem in &template.problems {
                prop_assert!(text.get(problem.span.clone()).is_some());
            }
            shown(&template.nodes, &text, &mut String::new());
        }

        #[test]
        fn any_characters_are_read(text in "\\PC{0,60}") {
            prop_assert!(parse(&text).problems.len() <= 2 * text.len() + 1);
        }
    }
}
