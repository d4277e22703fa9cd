//! Reads the tokens of an action as a pipeline.

use std::ops::Range;

use super::lex::{Kind, Token};
use super::tree::{Command, Field, Operand, Pipeline, Problem, Root, Variable};

/// Reads a pipeline, or nothing if there is no token. Parentheses may be nested up to `depth`.
pub(super) fn pipeline(text: &str, tokens: &[Token], depth: usize, problems: &mut Vec<Problem>) -> Option<Pipeline> {
    let mut reader = Reader { text, tokens, at: 0, problems };
    let pipeline = reader.pipeline(depth)?;
    if let Some(token) = reader.peek() {
        reader.problem(token.span.clone(), format!("unexpected `{}`", reader.text(token)));
    }
    Some(pipeline)
}

/// Reads the tokens of an action.
struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, offset: usize, kind: Kind) -> bool {
        self.tokens.get(self.at + offset).is_some_and(|token| token.kind == kind)
    }

    fn text(&self, token: &Token) -> &'a str {
        &self.text[token.span.clone()]
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem { span, message: message.into() });
    }

    /// Reads a pipeline up to the end or a closing parenthesis.
    fn pipeline(&mut self, depth: usize) -> Option<Pipeline> {
        let start = self.peek()?.span.start;
        let (variables, declares) = self.variables();
        let mut commands = Vec::new();
        loop {
            let at = self.peek().or(self.tokens.last()).map_or(start..start, |token| token.span.clone());
            match self.command(depth) {
                Some(command) => commands.push(command),
                None => self.problem(at, "missing value"),
            }
            if !self.is(0, Kind::Pipe) {
                break;
            }
            self.at += 1;
        }
        let end = self.tokens[..self.at].last().map_or(start, |token| token.span.end.max(start));
        Some(Pipeline { span: start..end, variables, declares, commands })
    }

    fn variables(&mut self) -> (Vec<Variable>, bool) {
        let mut count = 1;
        while self.is(2 * count - 1, Kind::Comma) && self.is(2 * count, Kind::Variable) {
            count += 1;
        }
        let sets = self.is(2 * count - 1, Kind::Declare) || self.is(2 * count - 1, Kind::Assign);
        if !self.is(0, Kind::Variable) || !sets {
            return (Vec::new(), false);
        }
        let declares = self.is(2 * count - 1, Kind::Declare);
        let variables = (0..count).map(|index| {
            let token = &self.tokens[self.at + 2 * index];
            Variable { name: self.text(token).to_owned(), span: token.span.clone() }
        });
        let variables = variables.collect();
        self.at += 2 * count;
        (variables, declares)
    }

    fn command(&mut self, depth: usize) -> Option<Command> {
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(operand) = self.operand(depth) {
            operands.push(operand);
        }
        let span = operands.first()?.span.start..operands.last()?.span.end;
        Some(Command { span, operands })
    }

    /// Reads an operand with its fields. Skips tokens that cannot be part of a command.
    fn operand(&mut self, depth: usize) -> Option<Operand> {
        let token = loop {
            let token = self.peek()?;
            match token.kind {
                Kind::Pipe | Kind::Close => return None,
                Kind::Comma | Kind::Declare | Kind::Assign => {
                    self.problem(token.span.clone(), format!("unexpected `{}`", self.text(token)));
                    self.at += 1;
                }
                _ => break token,
            }
        };
        self.at += 1;
        let written = self.text(token);
        let mut span = token.span.clone();
        let mut fields = Vec::new();
        let root = match token.kind {
            Kind::Variable => Root::Variable(written.to_owned()),
            Kind::Field => {
                fields.push(Field { name: written[1..].to_owned(), span: span.clone() });
                Root::Dot
            }
            Kind::String => Root::String(unquote(written)),
            Kind::Character => Root::Character(written.to_owned()),
            Kind::Number => Root::Number(written.to_owned()),
            Kind::Word => match written {
                "true" => Root::Bool(true),
                "false" => Root::Bool(false),
                "nil" => Root::Nil,
                name => Root::Function(name.to_owned()),
            },
            Kind::Open => {
                let inner = self.parentheses(&span, depth);
                span.end = self.tokens[..self.at].last().map_or(span.end, |token| token.span.end);
                Root::Parentheses(Box::new(inner))
            }
            Kind::Dot | Kind::Pipe | Kind::Close | Kind::Comma | Kind::Declare | Kind::Assign => Root::Dot,
        };
        while let Some(next) = self.peek().filter(|next| next.kind == Kind::Field && next.span.start == span.end) {
            fields.push(Field { name: self.text(next)[1..].to_owned(), span: next.span.clone() });
            span.end = next.span.end;
            self.at += 1;
        }
        Some(Operand { span, root, fields })
    }

    /// Reads what follows an opening parenthesis, up to the closing one.
    fn parentheses(&mut self, open: &Range<usize>, depth: usize) -> Pipeline {
        let none = Pipeline { span: open.end..open.end, variables: Vec::new(), declares: false, commands: Vec::new() };
        if depth == 0 {
            self.problem(open.clone(), "nested too deeply");
            self.at = self.tokens.len();
            return none;
        }
        let pipeline = if self.is(0, Kind::Close) { None } else { self.pipeline(depth - 1) };
        if pipeline.is_none() {
            self.problem(open.clone(), "missing value");
        }
        if self.is(0, Kind::Close) {
            self.at += 1;
        } else {
            self.problem(open.clone(), "parenthesis is not closed");
        }
        pipeline.unwrap_or(none)
    }
}

/// The content of a string literal. Unknown escapes stay as they are; Helm reports them.
pub(super) fn unquote(literal: &str) -> String {
    if let Some(raw) = literal.strip_prefix('`') {
        return raw.strip_suffix('`').unwrap_or(raw).replace('\r', "");
    }
    let body = literal.strip_prefix('"').unwrap_or(literal);
    let body = body.strip_suffix('"').unwrap_or(body);
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (text, length) = unescape(escape);
        match text {
            Some(c) => out.push(c),
            None => out.push_str(&rest[at..at + 1 + length]),
        }
        rest = &escape[length..];
    }
    out.push_str(rest);
    out
}

/// The character that an escape without its backslash means, and the length of the escape.
fn unescape(escape: &str) -> (Option<char>, usize) {
    let Some(first) = escape.chars().next() else { return (None, 0) };
    let number = |skip: usize, digits: usize, radix: u32| {
        let text = escape.get(skip..skip + digits);
        let c = text.and_then(|text| u32::from_str_radix(text, radix).ok()).and_then(char::from_u32);
        (c, if c.is_some() { skip + digits } else { first.len_utf8() })
    };
    let plain = |c: char| (Some(c), 1);
    match first {
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        '\\' | '\'' | '"' => plain(first),
        'x' => number(1, 2, 16),
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0'..='7' => number(0, 3, 8),
        c => (None, c.len_utf8()),
    }
}
